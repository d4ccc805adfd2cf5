"""The thin face of what is open, selected and running: views ask it, and tell it what keys mean.

Everything comes in through `receive` on the UI's thread: replies of the worker and answers of the
store. Each room takes what concerns it. Everything goes out through `announce`, which says what
kind of thing changed; whoever shows it asks the rooms. Nothing here knows a widget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...core.engine.client import Engine
from ...core.engine.messages import CancelDownload
from ...core.models.catalogue import ModelSpec
from ...core.scoring.recipe import Recipe
from ...core.scoring.scores import StoryScore, Summary
from ...core.stories.story import Story
from ..text.moves import Move
from ..text.reading import eyebrows
from ..threads.answers import Exported, KeptMarks, Trouble
from ..threads.store import StoreReader
from .change import Change, Notice
from .jobs import Jobs
from .library import Batch, Library, batch_of
from .models import Models
from .place import Hunt, Place
from .scores import Scores
from .size import Size
from .worker import Worker


class Session:
    """One run of the program; `open` puts other stories or models in the place of these."""

    def __init__(
        self,
        stories: Sequence[Story],
        name: str,
        specs: Sequence[ModelSpec],
        recipe: Recipe,
        engine: Engine,
        store: StoreReader,
        announce: Callable[[Change], None],
        notify: Callable[[Notice], None],
    ) -> None:
        self.store = store
        self.announce = announce
        self.notify = notify
        self.library = Library(name)
        self.models = Models(specs, announce, notify)
        self.worker = Worker(engine, recipe, announce, notify)
        self.worker.narrow(specs)
        self.jobs = Jobs(self.worker, announce)
        self.scores = Scores(self.library, self.models, self.jobs, store, announce, notify)
        self.place = Place()
        self.add(batch_of(stories))
        self.arrange()

    # --- stories ---------------------------------------------------------------------------

    def open(
        self, stories: Sequence[Story] | None, name: str, specs: Sequence[ModelSpec] = ()
    ) -> None:
        """Other stories, other models, or both; None and nothing keep those that are open."""
        self.jobs.cancel()
        self.worker.revive()
        if specs:
            self.models.open(specs)
            self.worker.narrow([size.spec for size in self.models.sizes])
        if stories is not None:
            self.library.empty(name)
            self.place = Place()
        self.place.hunt = None
        self.scores.open()
        if stories is not None:
            self.add(batch_of(stories))
        self.arrange()
        self.announce(~Change.FOUND)
        self.plan()

    def add(self, batch: Batch) -> None:
        """More stories; `arrange` lists them."""
        self.scores.add(self.library.add(batch))
        self.announce(Change.MORE)

    def end_reading(self) -> None:
        """No more stories will come."""
        self.library.reading = False
        self.scores.end_reading()
        self.announce(Change.MORE | Change.STATUS)

    def arrange(self) -> None:
        """List the stories anew; the selected one stays selected where it is still listed."""
        self.library.arrange(self.models.size.nats, self.models.size.bits)
        self.place.row = self.library.row_of(self.place.story)
        if self.place.row is None:
            self.select_row(0)
        self.announce(Change.STORIES)

    def mark(self) -> None:
        """Mark the selected story, or take the mark away."""
        library = self.library
        if not library.stories:
            return
        marked = library.mark(self.place.story)
        if marked and len(library.shelves.marked) == 1 and self.store.folder is None:
            self.notify(Notice("Marked", "for this run only: there is no store to keep it in"))
        self.store.keep_mark(library.stories[self.place.story], marked=marked)
        self.announce(Change.STORIES)

    def export(self, path: Path) -> None:
        """Write the marked stories, or where there are none those that are listed."""
        from ...core.results.export import Exported as Row

        library = self.library
        marked = frozenset(library.marked())
        chosen = sorted(marked) or library.order
        what = f"{len(chosen):,} {'marked' if marked else 'listed'} stories"
        rows = (  # made where they are written
            Row(
                library.stories[i],
                i in marked,
                {s.name: sums for s in self.models.sizes if (sums := self.sums(s, i)) is not None},
            )
            for i in chosen
        )
        self.store.export(rows, path, what)

    # --- the cursor ------------------------------------------------------------------------

    def select_story(self, story: int, token: int = 0) -> None:
        """Make this story the one that is read."""
        if self.library.stories:
            story = max(0, min(story, len(self.library.stories) - 1))
            row, order = self.place.row, self.library.order
            if row is None or not (row < len(order) and order[row] == story):
                row = self.library.row_of(story)
            self.place.go_to(story, row, token)
            self.announce(Change.STORY | Change.TOKEN)
            self.plan()

    def select_row(self, row: int, token: int = 0) -> None:
        """Make the story in this row the one that is read."""
        if self.library.order:
            self.place.row = max(0, min(row, len(self.library.order) - 1))
            self.select_story(self.library.order[self.place.row], token)

    def move_row(self, by: int) -> None:
        """So many rows on or back; from a story that is not listed, to the first or the last."""
        row = self.place.row
        if row is None:
            row = -1 if by > 0 else len(self.library.order)
        self.select_row(row + by)

    def move(self, move: Move) -> None:
        """Among the tokens of the story, as soon as they are known."""
        if self.library.stories:
            self.place.move(self.models.size, move)
            self._catch_up()
            self.plan()

    def select_size(self, index: int) -> None:
        """Look through the model at `index`; one that failed is tried again."""
        models = self.models
        if 0 <= index < len(models.sizes) and index != models.current:
            models.current = index
            if models.size.is_out:
                self.scores.try_again(models.size)
            self._catch_up()
            if self.library.follows_scores:
                self.arrange()
            self.announce(~(Change.FOUND | Change.MORE))
            self.plan()

    def _catch_up(self) -> None:
        text = self.library.stories[self.place.story].text if self.library.stories else ""
        if self.place.catch_up(self.models.size, text, self.score):
            self.announce(Change.TOKEN)

    # --- the hunt --------------------------------------------------------------------------

    def hunt(self, by: int) -> None:
        """To the next raised eyebrow, over stories too; the cursor stays until one is found."""
        row = self.place.row or 0
        self.place.hunt = Hunt("raised eyebrow", eyebrows, by, row, self.models.size)
        self._go_on_hunting()

    def stop_hunting(self) -> bool:
        """Whether there was a hunt to stop; the cursor is where it was."""
        hunt, self.place.hunt = self.place.hunt, None
        self.announce(Change.STATUS)
        return hunt is not None

    def _go_on_hunting(self) -> None:
        library, place = self.library, self.place
        while (hunt := place.hunt) is not None:
            if not 0 <= hunt.row < len(library.order) or hunt.size is not self.models.size:
                self._end_hunt(f"no {hunt.what} {'further on' if hunt.by > 0 else 'before this'}")
                return
            story = library.order[hunt.row]
            digest = library.digests[story]
            score = self.score(hunt.size, story)
            if score is None and (hunt.size.is_out or self.worker.stopped):
                self._end_hunt(hunt.size.trouble or self.worker.stopped)
                return
            if score is None and digest not in hunt.size.broken:
                self.scores.want(hunt.size, digest, library.stories[story])
                self.announce(Change.STATUS)
                return
            found = None if score is None else hunt.find(score, place.token)
            if found is not None:
                place.hunt = None
                place.go_to(story, hunt.row, found)
                self._catch_up()  # the token is one of this size: another looks at its characters
                self.announce(Change.FOUND | Change.STORY | Change.TOKEN | Change.STATUS)
                self.plan()
                return
            hunt.begun, hunt.row = True, hunt.row + hunt.by

    def _end_hunt(self, why: str) -> None:
        self.stop_hunting()
        self.notify(Notice("", why))

    # --- what is known ---------------------------------------------------------------------

    def sums(self, size: Size, story: int) -> Summary | None:
        """The sums of one story under one size."""
        return size.sums.get(self.library.digests[story]) if self.library.stories else None

    def common_bits(self) -> dict[str, float]:
        """Bits per byte of the selected story by size, on the bytes all of these have scored."""
        stories = self.library.stories
        return self.scores.common_bits(self.library.digests[self.place.story]) if stories else {}

    def score(self, size: Size, story: int | None = None) -> StoryScore | None:
        """The whole score of a story (the selected one) under a size, where it is at hand."""
        if not self.library.stories:
            return None
        story = self.place.story if story is None else story
        return self.scores.of_text(size, self.library.digests[story])

    def progress(self) -> tuple[Size, int, int, float] | None:
        """(size, stories done, of, seconds left) of what is being scored in the background."""
        if (size := self.jobs.running()) is None:
            return None
        left = size.seconds_left(self.library.words)
        return size, size.done, len(self.library.stories), left

    # --- what to do next -------------------------------------------------------------------

    def plan(self) -> None:
        """Ask the store and the worker for what is missing, the screen's needs first."""
        library, models, place = self.library, self.models, self.place
        if not self.worker.recipe.is_settled or not library.stories:
            return
        self.scores.want_all()
        digest, story = library.digests[place.story], library.stories[place.story]
        for size in (models.size, place.waits_for, models.smaller):
            if size is not None:
                self.scores.want(size, digest, story)
        self.scores.want_sums()

    def receive(self, message: object) -> None:
        """Take one message in, on the UI's thread."""
        for room in (self.worker, self.models, self.jobs, self.scores):
            room.receive(message)
        match message:
            case KeptMarks(digests=marks):
                self.library.shelves.marked |= marks
                self.arrange()
            case Exported(path=path, what=what):
                self.notify(Notice("Exported", f"{what} written to {path}"))
            case Trouble(title=title, message=words):
                self.notify(Notice(title, words, severe=True))
        self._catch_up()
        self._go_on_hunting()
        self.plan()

    def toggle_download(self) -> None:
        """Stop the download of the current size; ask for it again where it was stopped."""
        size = self.models.size
        if size.state == "downloading":
            self.worker.send(CancelDownload(size.name))
        elif size.is_out:
            self.scores.try_again(size)
            self.announce(Change.SIZES | Change.STATUS)
            self.plan()
        else:
            self.notify(Notice("Nothing to stop", f"{size.name} is not being downloaded"))

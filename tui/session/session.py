"""The thin face of what is open, selected and running: views ask it, and tell it what keys mean.

Everything comes in through `receive` on the UI's thread: replies of the worker and answers of the
store. Each room takes what concerns it. Everything goes out through `announce`, which says what
kind of thing changed; whoever shows it asks the rooms. Nothing here knows a widget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.engine.messages import CancelDownload
from ...core.engine.pool import Pool
from ...core.models.catalogue import ModelSpec
from ...core.results.compare.cuts import cuts_of
from ...core.scoring.recipe import Recipe
from ...core.scoring.scores import StoryScore, Summary
from ...core.stories.story import Story
from ..config import DEFAULTS, Config
from ..text.moves import Move
from ..threads.answers import Exported, KeptMarks, Trouble
from ..threads.finding import Finder
from ..threads.store import StoreReader
from . import gaps
from .arrange import Filter
from .asked import BUNDLE, Asked
from .change import Change, Notice
from .edit import Edit
from .hunts import Hunts
from .jobs import Jobs
from .library import Batch, Library, batch_of
from .look import Look
from .models import Models
from .place import Place
from .quarry import Changes, Eyebrows
from .scores import Scores
from .size import Size
from .trail import Spot, Stance
from .worker import Worker

if TYPE_CHECKING:
    from .comparison import Comparison
    from .damage import Variants
    from .endings import Endings
    from .guessing import Guessing
    from .lines import Lines
    from .sampling import Sampling
    from .tracing import Tracing

# Rooms that one view or dialogue asks: imported and made when it first does, see `opened`.
LATER = ("sampling", "lines", "guessing", "tracing", "endings", "comparison", "variants")


class Session:
    """One run of the program; `open` puts other stories or models in the place of these.

    shows_all_sizes: whether the view that is shown has a use for the story under every size.
    """

    def __init__(
        self,
        stories: Sequence[Story],
        name: str,
        specs: Sequence[ModelSpec],
        recipe: Recipe,
        engine: Pool,
        store: StoreReader,
        announce: Callable[[Change], None],
        notify: Callable[[Notice], None],
        deliver: Callable[[Any], object],
        config: Config = DEFAULTS,
        asked: Asked = BUNDLE,
    ) -> None:
        """deliver: takes what threads answer, on them. asked: what stories and models were asked
        for."""
        self.config, self.asked = config, asked
        self._expected: tuple[str, int] | None = None  # where one was in the last run
        self.look = Look()
        self.store = store
        self._tell, self._deliver = announce, deliver
        self._unlisted = Change(0)  # what has come since the stories were listed
        self.notify = notify
        self.library = Library(name)
        self.models = Models(specs, self.announce, notify)
        self.worker = Worker(engine, recipe, self.announce, notify, rests=store.follows)
        self.worker.narrow(specs)
        self.jobs = Jobs(self.worker, self.announce)
        self.scores = Scores(self.library, self.models, self.jobs, store, self.announce, notify)
        self.place = Place()
        self.shows_all_sizes = False
        self.edit = Edit(
            self.library,
            self.models,
            self.place,
            self.jobs,
            self.scores,
            self.worker,
            self.announce,
        )
        self._eyebrows = Eyebrows(config.eyebrow_bits)
        self.hunts = Hunts(
            self.library,
            self.models,
            self.place,
            self.scores,
            self.worker,
            Finder(deliver),
            self._eyebrows,
            self._arrive,
            self.announce,
            notify,
        )
        self.add(batch_of(stories))
        self.arrange()

    # --- rooms that are made when they are asked -------------------------------------------

    @property
    def opened(self) -> dict[str, Any]:
        """Those of `LATER` that were asked, by name: the others know nothing yet."""
        return {name: vars(self)[name] for name in LATER if name in vars(self)}

    @cached_property
    def sampling(self) -> Sampling:
        from .sampling import Sampling

        return Sampling(
            self.library, self.models, self.place, self.jobs, self.worker, self.announce
        )

    @cached_property
    def lines(self) -> Lines:
        from .lines import Lines

        return Lines(self.models, self.jobs, self.worker, self.announce)

    @cached_property
    def guessing(self) -> Guessing:
        from .guessing import Guessing

        return Guessing(self.library, self.scores, self.store, self.announce)

    @cached_property
    def tracing(self) -> Tracing:
        from .tracing import Tracing

        return Tracing(self.models, self.jobs, self.worker, self.announce)

    @cached_property
    def endings(self) -> Endings:
        from .endings import Endings

        return Endings(self.library, self.models, self.jobs, self.worker, self.announce)

    @cached_property
    def comparison(self) -> Comparison:
        from ..threads.comparing import Comparing
        from .comparison import Comparison

        comparing = Comparing(self.store.folder, self._deliver)
        return Comparison(self.library, self.models, self.worker, comparing, self.announce)

    @cached_property
    def variants(self) -> Variants:
        from ..threads.damaging import Damaging
        from .damage import Variants

        return Variants(
            *(self.library, self.models, self.place, self.jobs, self.worker),
            *(Damaging(self._deliver), self.announce, self.notify),
        )

    def announce(self, change: Change) -> None:
        """To whoever shows it."""
        self._unlisted |= change & (Change.MORE | Change.SUMS)
        self._tell(change)

    # --- stories ---------------------------------------------------------------------------

    def open(
        self, stories: Sequence[Story] | None, name: str, specs: Sequence[ModelSpec] = ()
    ) -> None:
        """Other stories, other models, or both; None and nothing keep those that are open."""
        self.edit.leave()
        self.jobs.cancel()
        self.worker.revive()
        if specs:
            self.models.open(specs)
            self.worker.narrow([size.spec for size in self.models.sizes])
        if stories is not None:
            self.edit.empty()
            self.library.empty(name)
            self.place.empty()
            self.hunts.empty()
        self.place.hunt = None
        self.scores.open()
        opened = self.opened
        for name in opened.keys() & {"lines", "comparison", "endings", "sampling"}:
            opened[name].empty()
        if "variants" in opened:
            self.variants.open(other_stories=stories is not None)
        if stories is not None:
            self.add(batch_of(stories))
        self.arrange()
        self.announce(~Change.FOUND)
        self.plan()

    def add(self, batch: Batch) -> None:
        """More stories; `arrange` lists them."""
        self.scores.add(self.library.add(batch))
        self._resume()
        self.announce(Change.MORE)

    def end_reading(self) -> None:
        """No more stories will come."""
        self.library.reading, self._expected = False, None
        self.scores.end_reading()
        self.announce(Change.MORE | Change.STATUS)

    def arrange(self) -> None:
        """List the stories anew; the selected one stays selected where it is still listed."""
        library, models = self.library, self.models
        self._unlisted, by_gap = Change(0), None
        if library.sorts_by_gap:
            by_gap = gaps.gaps(models.size, models.reference, library.digests)
        library.arrange(models.size.nats, models.size.bits, by_gap)
        self.hunts.list_anew()
        self.place.row = self.library.row_of(self.place.story)
        if self.place.row is None and self.library.order:
            self._arrive(self.library.order[0], 0, is_jump=False)
        self.announce(Change.STORIES)

    def list_what_came(self) -> None:
        """List anew, if stories or scores have come by which the list is another."""
        by_scores = Change.SUMS in self._unlisted and self.library.follows_scores
        if by_scores or Change.MORE in self._unlisted:
            self.arrange()

    def keep_edit(self, title: str) -> None:
        """The edit as a story of the set, like any other, which is read then."""
        story = self.edit.keep(title)
        self.add(batch_of([story]))
        self.scores.open_sums()
        self.arrange()
        self.read(len(self.library.stories) - 1)
        self.notify(Notice("Saved", f"“{title}” is in the list for this run; x exports it"))

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

        library, stories, digests = self.library, self.library.stories, self.library.digests
        known = [(size.name, size.sums) for size in self.models.sizes]
        marked = frozenset(library.marked())
        chosen = sorted(marked) or library.order
        what = f"{len(chosen):,} {'marked' if marked else 'listed'} stories"
        rows = (  # made where they are written, when others may be open
            Row(
                stories[i],
                i in marked,
                {name: sums[digests[i]] for name, sums in known if digests[i] in sums},
            )
            for i in chosen
        )
        self.store.export(rows, path, what)

    # --- the cursor ------------------------------------------------------------------------

    def select_story(self, story: int, *, step: bool = False) -> None:
        """Make this story the one that is read. step: on the way to another, row by row."""
        if self.library.stories:
            story = max(0, min(story, len(self.library.stories) - 1))
            row, order = self.place.row, self.library.order
            if row is None or not (row < len(order) and order[row] == story):
                row = self.library.row_of(story)
            self._arrive(story, row, step=step)

    def select_row(self, row: int, *, step: bool = False) -> None:
        """Make the story in this row the one that is read."""
        if order := self.library.order:
            row = max(0, min(row, len(order) - 1))
            self._arrive(order[row], row, step=step)

    def move_row(self, by: int) -> None:
        """So many rows on or back; from a story that is not listed, to the first or the last."""
        row = self.place.row
        if row is None:
            row = -1 if by > 0 else len(self.library.order)
        self.select_row(row + by, step=True)

    def _arrive(
        self,
        story: int,
        row: int | None,
        token: int = 0,
        *,
        character: int | None = None,
        stance: Stance | None = None,
        is_jump: bool = True,
        step: bool = False,
    ) -> None:
        """Stand there; where one was is noted if it is a jump."""
        self.edit.leave()
        before = self.spot
        if stance is None:
            self.place.go_to(story, row, token, character)
        else:
            self.place.stand(story, row, stance)
        self._catch_up()
        if is_jump:
            self._expected = self.place.hunt = None
            self._note(before, step=step)
        self.announce(Change.STORY | Change.TOKEN)
        self.plan()

    def resume(self, digest: str, character: int) -> None:
        """Where one was in the last run, as soon as that story is there, unless one has moved.

        Asks for nothing: it may come before the first paint; `plan` does.
        """
        self._expected = digest, character
        self._resume()

    def _resume(self) -> None:
        if self.edit.is_on or self.place.hunt is not None or self.hunts.begun is not None:
            self._expected = None
        if self._expected is not None and self._expected[0] in self.library.by_digest:
            (digest, character), self._expected = self._expected, None
            story = self.library.by_digest[digest][0]
            self.place.go_to(story, self.library.row_of(story), character=character)
            self._catch_up()
            self.announce(Change.STORY | Change.TOKEN)

    # --- back and forward ------------------------------------------------------------------

    @property
    def spot(self) -> Spot:
        """Where one is."""
        place = self.place
        return Spot(place.view, place.story, place.stance, self.library.filter)

    def show_view(self, view: str) -> None:
        """Another view is going to be shown."""
        self.edit.leave()
        before, self.place.view = self.spot, view
        self._note(before)

    def filter(self, wanted: Filter, typed_at: Spot | None = None) -> None:
        """List what is wanted; where one was, one stays where it is still listed.

        typed_at: where one was when it was begun to be typed; nothing is noted before it is.
        """
        before, self._expected = typed_at or self.spot, None
        self.library.filter = wanted
        self.arrange()
        if (row := self.library.row_of(before.story)) is not None:
            self._arrive(before.story, row, stance=before.stance, is_jump=False)
        if typed_at is None:
            self._note(before)

    def end_typing(self, typed_at: Spot) -> None:
        """What was typed holds: where one was then is a place one has been, if it is another."""
        now = self.spot
        if (now.story, now.filter) != (typed_at.story, typed_at.filter):
            self._note(typed_at)

    def read(self, story: int) -> None:
        """A story of another view is to be read, in Explore, also one that the filter hides; the
        one that is selected, where one is in it."""
        before, self.place.view = self.spot, "explore"
        stance = before.stance if story == before.story else None
        if self.library.row_of(story) is None:
            self.library.filter = Filter()
            self.arrange()
        self._arrive(story, self.library.row_of(story), stance=stance, is_jump=False)
        self._note(before)

    def go_to(self, story: int, character: int, *, step: bool = False) -> None:
        """A character of a story, listed or not. step: on the way to another, one by one."""
        self._arrive(story, self.library.row_of(story), character=character, step=step)

    def _note(self, before: Spot, *, step: bool = False) -> None:
        """Where one was is a place to go back to, if one is elsewhere now."""
        if self.spot != before:
            self.place.trail.leave(before, step=step)

    def go_back(self, by: int) -> str | None:
        """Through the places one has been, -1: back; the view that is to be shown, None: none."""
        self.edit.leave()
        spot = self.place.trail.go(by, self.spot)
        if spot is None:
            return None
        if spot.filter != self.library.filter:
            self.library.filter = spot.filter
            self.arrange()
        row = self.library.row_of(spot.story)
        self._arrive(spot.story, row, stance=spot.stance, is_jump=False)
        self.place.view = spot.view
        return spot.view

    def put_caret(self, character: int) -> None:
        """One types there, in the edit."""
        if self.edit.is_on and character != self.edit.caret:
            self.edit.caret = character
            self.place.go_to(self.place.story, self.place.row, character=character)
            self._catch_up()
            self.announce(Change.TOKEN)

    def move(self, move: Move) -> None:
        """Among the tokens of the story, as soon as they are known."""
        if self.library.stories:
            self._expected = self.place.hunt = None
            self.place.move(self.models.size, move)
            self._catch_up()
            self.plan()

    def select_size(self, index: int) -> None:
        """Look through the model at `index`; one that failed is tried again."""
        models = self.models
        if 0 <= index < len(models.sizes) and index != models.current:
            models.current, self.place.hunt = index, None
            if models.size.is_out:
                self.scores.try_again(models.size)
            self._catch_up()
            if self.library.follows_scores:
                self.arrange()
            self.announce(~(Change.FOUND | Change.MORE))
            self.edit.want()
            self.plan()

    def choose_reference(self, size: Size | None) -> None:
        """Compare with this one; None: with the next smaller size, whichever is looked through."""
        self.models.chosen = size
        if size is not None and size.is_out:
            self.scores.try_again(size)
        if self.library.follows_scores:
            self.arrange()
        self.announce(Change.STORY | Change.TOKEN | Change.SIZES | Change.STATUS)
        self.plan()

    def _catch_up(self) -> None:
        text = "" if self.story is None else self.story.text
        if self.place.catch_up(self.models.size, text, self.score):
            self.announce(Change.TOKEN)

    def show_difference(self, wanted: bool) -> None:
        """Colour the difference to the reference, and hunt the largest; or no more."""
        self.look.difference = wanted
        self.hunts.usual = Changes() if wanted else self._eyebrows
        self.hunts.text = None
        self.announce(Change.STORY | Change.STATUS)

    # --- what is known ---------------------------------------------------------------------

    @property
    def story(self) -> Story | None:
        """The selected story; while it is edited, the edit as it is scored. None: there is none."""
        if not self.library.stories:
            return None
        return self.edit.story if self.edit.is_on else self.library.stories[self.place.story]

    def sums(self, size: Size, story: int) -> Summary | None:
        """The sums of one story under one size."""
        return size.sums.get(self.library.digests[story]) if self.library.stories else None

    def summary(self, size: Size) -> Summary | None:
        """The sums of `story` under one size."""
        if self.edit.is_on:
            score = self.edit.score(size)
            return None if score is None else score.summary
        return self.sums(size, self.place.story)

    def common_bits(self) -> dict[str, float]:
        """Bits per byte of `story` by size, on the bytes all of these have scored."""
        story = self.story
        if story is None:
            return {}
        if not self.edit.is_on:
            digest = self.library.digests[self.place.story]
            known = {s.name: s.cuts[digest] for s in self.models.sizes if digest in s.cuts}
            return gaps.bits_in_common(known)
        scores = {size.name: self.edit.score(size) for size in self.models.sizes}
        return gaps.bits_in_common(
            {name: cuts_of(story.text, one) for name, one in scores.items() if one is not None}
        )

    def score(self, size: Size, story: int | None = None) -> StoryScore | None:
        """The whole score of a story (of `story`) under a size, where it is at hand."""
        if not self.library.stories:
            return None
        if story is None and self.edit.is_on:
            return self.edit.score(size)
        story = self.place.story if story is None else story
        return self.scores.of_text(size, self.library.digests[story])

    @property
    def measuring(self) -> str:
        """The variant whose damage is being measured, "" for none."""
        progress = self.variants.progress if "variants" in self.opened else None
        return "" if progress is None else progress.model

    def progress(self) -> tuple[Size, int, int, float] | None:
        """(size, stories done, of, seconds left) of what is being scored in the background."""
        if (size := self.jobs.running()) is None:
            return None
        left = size.seconds_left(self.library.words) / self.jobs.hands(size)
        return size, size.done, len(self.library.stories), left

    # --- what to do next -------------------------------------------------------------------

    def plan(self) -> None:
        """Ask the store and the worker for what is missing, the screen's needs first."""
        library, models, place = self.library, self.models, self.place
        if not self.worker.recipe.is_settled or not library.stories:
            return
        self.scores.want_all()
        digest, story = library.digests[place.story], library.stories[place.story]
        needs = [s for s in (models.size, place.waits_for, models.reference) if s is not None]
        for size in needs:
            self.scores.want(size, digest, story)
        if self.shows_all_sizes and all(self.score(size) is not None for size in needs):
            for size in models.sizes:
                self.scores.want_beside(size, digest, story)
        self.scores.want_sums()

    def receive(self, message: object) -> None:
        """Take one message in, on the UI's thread."""
        first = (self.worker, self.models, self.jobs, self.scores, self.hunts, self.edit)
        for room in (*first, *self.opened.values()):
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
        self.hunts.go_on()
        self.plan()

    def look_for_more(self) -> None:
        """Have the store asked for what another program has put there."""
        sizes = self.models.sizes
        if all(size.read for size in sizes):
            specs = [size.spec for size in sizes]
            self.store.look_for_more(specs, self.worker.asked, self.worker.recipe)

    def toggle_download(self) -> None:
        """Stop the download of the current size; ask for it again where it was stopped. Where a
        store is followed: begin to score here, or stop that. Where no worker is left: start one."""
        size = self.models.size
        if self.worker.stopped:
            self.worker.revive()
            self.plan()
            return
        if self.store.follows and size.state != "downloading" and not size.is_out:
            self._toggle_rest()
            return
        if size.state == "downloading":
            self.worker.send(CancelDownload(size.name))
        elif size.is_out:
            self.scores.try_again(size)
            self.announce(Change.SIZES | Change.STATUS)
            self.plan()
        else:
            self.notify(Notice("Nothing to stop", f"{size.name} is not being downloaded"))

    def _toggle_rest(self) -> None:
        if why := self.worker.toggle_rest():
            self.notify(Notice("Nothing is scored here", why))
        elif self.worker.rests:
            self.jobs.cancel_background()
            self.scores.begin_anew()
        else:
            self.plan()

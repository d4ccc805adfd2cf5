"""The one place that knows what is open, selected and running.

Everything comes in through `receive` on the UI's thread: replies of the worker and answers of
the store, both frozen messages. Everything goes out through `announce`, which says what kind of
thing changed; whoever shows it asks the session. Nothing here knows a widget.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path

from ...core.engine.client import Engine
from ...core.engine.messages import (
    Cancel,
    CancelDownload,
    Downloading,
    Failed,
    Finished,
    Hello,
    Loaded,
    Loading,
    Reply,
    Score,
    Scored,
    Unloaded,
    Vocabulary,
    WorkerDied,
)
from ...core.errors import STOPPED
from ...core.models.catalogue import ModelSpec
from ...core.models.identity import same_weights, same_weights_in_words
from ...core.models.member import Member
from ...core.results.compare.cuts import Cuts, behind, shared_cut
from ...core.scoring.recipe import Recipe
from ...core.scoring.scores import StoryScore, Summary, bits_per_byte
from ...core.stories.story import Story
from ..threads.store import (
    Background,
    Compared,
    Exported,
    Found,
    Interval,
    KeptCuts,
    KeptMarks,
    KeptScore,
    KeptSums,
    KeptTokenizers,
    KeptVocabulary,
    Trouble,
    smallest_positions,
)
from .arrange import SORTS, Filter, Shelves, arrange
from .batch import Batch, batch_of
from .change import Change, Notice
from .machine import recall_machine, remember_machine
from .rung import Rung

CHUNK = 64  # stories of a background job: the most that a change of mind has to wait for
AHEAD = 2  # background jobs with the worker at a time, and urgent ones of a size
WHOLE_SCORES = 256  # whole scores kept in memory
QUICK = 200_000_000  # parameters of a model that a CPU runs while one waits
GIVE_UP = 3  # deaths of the worker in a row, without one score between them
_NUMBERS = count(1)  # of all sessions: answers to an earlier one are not taken for this one's


class Session:
    """State of one run of the program."""

    def __init__(
        self,
        stories: Sequence[Story],
        name: str,
        specs: Sequence[ModelSpec],
        recipe: Recipe,
        engine: Engine,
        background: Background,
        announce: Callable[[Change], None],
        notify: Callable[[Notice], None],
    ) -> None:
        self.name = name
        self.rungs = by_size(Rung(spec, spec.parameters) for spec in specs)
        self.asked_recipe = recipe.within(smallest_positions(specs))
        self.recipe = recall_machine(self.asked_recipe)
        self.engine = engine
        self.background = background
        self.announce = announce
        self.notify = notify
        self.shelves = Shelves()
        self.by_digest: dict[str, list[int]] = {}
        self.reading = False  # stories are still coming in
        self.sort = SORTS[0]
        self.filter = Filter()
        self.order: Sequence[int] = range(0)  # the listed stories, by index
        self.place = 0  # the row of the selected story, 0 where it is not listed
        self.story = 0
        self.token = 0
        self.current = _first_look(self.rungs)
        self.hello: Hello | None = None
        self.mixes_tokenizers = False  # then perplexities do not compare, common bits per byte do
        self.compared = ""  # what bits per byte of different tokenizers are over, in words
        self.deaths = 0
        self.stopped = ""  # why no worker is started any more
        self._jobs: dict[int, tuple[Rung, tuple[str, ...], bool]] = {}
        self._whole: OrderedDict[tuple[str, str], StoryScore] = OrderedDict()
        self._missing: set[tuple[str, str]] = set()  # whole scores the store does not have
        self._looking: set[tuple[str, str]] = set()  # whole scores asked of the store
        self._words = 0  # of all distinct texts
        self._twins: set[tuple[str, ...]] = set()  # models of which it was said that they are one
        self._tokenizers: dict[str, str] | None = None  # digests by model, "" while not here
        # Name, digest and tokenizer of the sizes that were compared last, and under which number.
        self._comparing: tuple[tuple[str, str, str], ...] = ()
        self._compared = 0
        self.add(batch_of(stories))
        self.arrange()

    # --- stories ---------------------------------------------------------------------------

    @property
    def stories(self) -> list[Story]:
        """All of them, in the order they were read."""
        return self.shelves.stories

    @property
    def digests(self) -> list[str]:
        """Of their texts."""
        return self.shelves.digests

    def add(self, batch: Batch) -> None:
        """More stories; `arrange` lists them."""
        first = len(self.stories)
        self.stories.extend(batch.stories)
        self.digests.extend(batch.digests)
        self.shelves.words.extend(batch.words)
        for rung in self.rungs:
            rung.make_room(len(self.stories))
        for at, digest in enumerate(batch.digests, start=first):
            told = self.by_digest.setdefault(digest, [])
            told.append(at)
            words = self.shelves.words[at]
            self._words += words if len(told) == 1 else 0
            for rung in self.rungs:
                if digest in rung.sums or digest in rung.broken:
                    rung.tell_again(digest, at)
                elif (known := rung.ahead.pop(digest, None)) is not None:
                    rung.put(digest, known, told, words)
                elif len(told) == 1:
                    rung.todo.append(digest)
        self.announce(Change.MORE)

    def end_reading(self) -> None:
        """No more stories will come."""
        self.reading = False
        for rung in self.rungs:
            rung.ahead.clear()
            self._want_cuts(rung)
            self._settle(rung)
        self.announce(Change.MORE | Change.STATUS)

    def arrange(self) -> None:
        """List the stories anew; the selected one stays selected where it is still listed."""
        rung = self.rung
        self.order = arrange(self.shelves, rung.nats, rung.bits, self.sort, self.filter)
        if not self._find_place() and self.order:
            self.select_place(0)
        self.announce(Change.STORIES)

    @property
    def follows_scores(self) -> bool:
        """Whether scores that come in may change the list."""
        return self.sort.startswith("perplexity") or self.filter.follows_scores

    def _find_place(self) -> bool:
        """Know the row of the selected story; False where it is not listed."""
        try:
            self.place = self.order.index(self.story)
        except ValueError:
            self.place = 0
            return False
        return True

    def select_story(self, index: int, token: int = 0) -> None:
        """Make `index` the story that is read."""
        if self.stories:
            self.story = max(0, min(index, len(self.stories) - 1))
            self.token = token
            if not (self.place < len(self.order) and self.order[self.place] == self.story):
                self._find_place()
            self.announce(Change.STORY | Change.TOKEN)
            self.plan()

    def select_place(self, place: int, token: int = 0) -> None:
        """Make the story in row `place` the one that is read."""
        if self.order:
            self.place = max(0, min(place, len(self.order) - 1))
            self.select_story(self.order[self.place], token)

    def select_token(self, index: int) -> None:
        """Make `index` the token that is inspected."""
        self.token = index
        self.announce(Change.TOKEN)

    def select_rung(self, index: int) -> None:
        """Look through the model at `index`; one that failed is tried again."""
        if 0 <= index < len(self.rungs) and index != self.current:
            before, self.current = self.rung, index
            if self.rung.is_out:
                self._try_again(self.rung)
            self._keep_place(before)
            if self.follows_scores:
                self.arrange()
            self.announce(Change.RUNGS | Change.SUMS | Change.STORY | Change.TOKEN)
            self.plan()

    def _keep_place(self, before: Rung) -> None:
        """The same characters stay selected where the other tokenizer cuts differently."""
        old, new = self.whole(before), self.whole(self.rung)
        if old is None or new is None or not len(new):
            return
        at = int(old.starts[min(self.token, len(old) - 1)])
        self.token = int(new.ends.searchsorted(at, side="right").clip(0, len(new) - 1))

    @property
    def marked_count(self) -> int:
        """How many of these stories are marked."""
        return sum(len(self.by_digest.get(digest, ())) for digest in self.shelves.marked)

    def mark(self) -> None:
        """Mark the selected story, or take the mark away."""
        if not self.stories:
            return
        digest, marked = self.digests[self.story], self.shelves.marked
        marked.symmetric_difference_update({digest})
        if marked == {digest} and self.background.folder is None:
            self.notify(Notice("Marked", "for this run only: there is no store to keep it in"))
        self.background.keep_mark(self.stories[self.story], marked=digest in marked)
        self.announce(Change.STORIES)

    def export(self, path: Path) -> None:
        """Write the marked stories, or where there are none those that are listed."""
        from ...core.results.export import Exported as Row

        marked = frozenset(self.shelves.marked)
        chosen = sorted(at for digest in marked for at in self.by_digest.get(digest, ()))
        listed = chosen or self.order
        what = f"{len(listed):,} {'marked' if chosen else 'listed'} stories"
        rows = (  # made where they are written
            Row(
                self.stories[i],
                self.digests[i] in marked,
                {rung.name: s for rung in self.rungs if (s := self.sums(rung, i)) is not None},
            )
            for i in listed
        )
        self.background.export(rows, path, what)

    # --- what is known ---------------------------------------------------------------------

    @property
    def rung(self) -> Rung:
        """The current size."""
        return self.rungs[self.current]

    @property
    def smaller(self) -> Rung | None:
        """The next smaller size that shares the tokenizer."""
        own, below = self.rung.vocabulary, reversed(self.rungs[: self.current])
        return next((rung for rung in below if own and rung.vocabulary == own), None)

    def sums(self, rung: Rung, story: int) -> Summary | None:
        """The sums of one story under one size."""
        return rung.sums.get(self.digests[story]) if self.stories else None

    def common_bits(self) -> dict[str, float]:
        """Bits per byte of the selected story by size, on the bytes all of these have scored."""
        digest = self.digests[self.story] if self.stories else ""
        known = [rung for rung in self.rungs if digest in rung.cuts]
        at = shared_cut({rung.tokenizer: rung.cuts[digest] for rung in known}.values())
        found = {}
        if at is not None:
            for rung in known:
                size, nll = behind(rung.cuts[digest], at)
                found[rung.name] = bits_per_byte(nll, size)
        return found

    def whole(self, rung: Rung, story: int | None = None) -> StoryScore | None:
        """The whole score of a story (the current one) under a size, where it is at hand."""
        if not self.stories:
            return None
        key = (rung.name, self.digests[self.story if story is None else story])
        if key in self._whole:
            self._whole.move_to_end(key)
        return self._whole.get(key)

    def progress(self) -> tuple[Rung, int, int, float] | None:
        """(size, stories done, of, seconds left) of what is being scored in the background."""
        for rung, _, urgent in self._jobs.values():
            if not urgent and rung.state != "downloading":
                left = rung.seconds_left(self._words)
                return rung, rung.done, len(self.stories), left
        return None

    # --- what to do next -------------------------------------------------------------------

    def plan(self) -> None:
        """Ask the store and the worker for what is missing, the screen's needs first."""
        if not self.recipe.is_settled or not self.stories:
            return
        if self._tokenizers is None:
            self._tokenizers = {}
            self.background.look_up_tokenizers([rung.spec for rung in self.rungs])
        if len(self.rungs) > 1 and not self._tokenizers:
            return  # what is asked for depends on them
        for rung in [self.rung, *self.rungs]:
            if not rung.looked:
                rung.looked = True
                self.background.look_up_sums(rung.spec, self.recipe)
        if self.rung.read:
            self._want_whole(self.rung)
        if (smaller := self.smaller) is not None and smaller.read:
            self._want_whole(smaller)
        self._want_sums()

    def _want_whole(self, rung: Rung) -> None:
        digest = self.digests[self.story]
        key = (rung.name, digest)
        if key in self._whole or rung.is_out or digest in rung.broken:
            return
        if digest in rung.sums and key not in self._missing:
            if key not in self._looking and len(self._looking) < AHEAD:
                self._looking.add(key)
                self.background.look_up_score(rung.spec, rung.digest, self.recipe, digest)
            return
        asked = [d for r, d, urgent in self._jobs.values() if urgent and r is rung]
        if len(asked) < AHEAD and (digest,) not in asked:  # stories passed by are not asked for
            self._send(rung, (digest,), urgent=True)

    def _want_sums(self) -> None:
        if self.hello is None:
            return  # until the worker has said what the recipe is, only the screen is served
        for rung in [self.rung, *self.rungs]:
            while rung.read and rung.todo and not rung.is_out:
                if self._under_way(rung) >= AHEAD:
                    break
                chunk: list[str] = []
                while rung.todo and len(chunk) < CHUNK:
                    digest = rung.todo.popleft()
                    if digest not in rung.sums or digest in rung.cutless:
                        chunk.append(digest)
                if chunk:
                    self._send(rung, tuple(chunk), urgent=False)

    def _under_way(self, rung: Rung) -> int:
        """Background jobs that stand before another of this size; a download holds up its own."""
        if rung.state == "downloading":
            return sum(r is rung and not urgent for r, _, urgent in self._jobs.values())
        return sum(r.state != "downloading" and not urgent for r, _, urgent in self._jobs.values())

    def _still_to_do(self, rung: Rung) -> deque[str]:
        known = (rung.sums.keys() - rung.cutless) | rung.broken.keys()
        return deque(digest for digest in self.by_digest if digest not in known)

    def _want_cuts(self, rung: Rung) -> None:
        """Have the store asked for the cuts of what is scored; the worker makes what it lacks."""
        if self.mixes_tokenizers and rung.read and not rung.cutting and not self.reading:
            wanted = frozenset(rung.sums.keys() - rung.cuts.keys() - rung.cutless)
            if wanted:
                rung.cutting = next(_NUMBERS)
                self.background.look_up_cuts(
                    rung.cutting, rung.spec, rung.digest, self.recipe, wanted
                )

    def _send(self, rung: Rung, digests: tuple[str, ...], *, urgent: bool) -> None:
        if self.stopped:
            return
        job = next(_NUMBERS)
        self._jobs[job] = (rung, digests, urgent)
        stories = tuple(self.stories[self.by_digest[digest][0]] for digest in digests)
        cuts = self.mixes_tokenizers
        self.engine.send(Score(job, rung.spec, self.asked_recipe, stories, urgent, cuts))
        self.announce(Change.STATUS)

    def close(self) -> None:
        """Want nothing more: what is under way is cancelled, what is finished is kept."""
        for job in self._jobs:
            self.engine.send(Cancel(job))
        self._jobs.clear()

    # --- what comes in ---------------------------------------------------------------------

    def receive(self, message: Reply | Found) -> None:
        """Take one message in, on the UI's thread."""
        match message:
            case Hello():
                self._greet(message)
            case Downloading(model=name, done=done, total=total, bytes_per_second=speed):
                self._on_rung(name, state="downloading", arrival=(done, total, speed))
            case Loading(model=name):
                self._on_rung(name, state="loading")
            case Loaded(model=name, parameters=parameters, digest=digest):
                self._is_now(name, digest)
                self._on_rung(name, state="ready")
                self.learn_parameters({name: parameters})
                if self._tokenizers and not self._tokenizers.get(name):  # it has been downloaded
                    self.background.look_up_tokenizers([rung.spec for rung in self.rungs])
            case KeptTokenizers(digests=digests) if {r.name for r in self.rungs} <= digests.keys():
                self._take_tokenizers(dict(digests))
            case Unloaded(model=name):
                self._on_rung(name, state="waiting")
            case Vocabulary(model=name, texts=texts) | KeptVocabulary(model=name, texts=texts):
                self._on_rung(name, vocabulary=texts)
                self.announce(Change.TOKEN)
            case Scored(job=job) if job not in self._jobs:
                pass  # asked by an earlier session, maybe under another recipe
            case Scored():
                self._take_scores(message)
            case KeptSums() | KeptScore() if message.recipe != self.recipe.digest:
                pass  # asked before the worker corrected the recipe
            case KeptSums():
                self._take_sums(message)
            case KeptScore(model=name, digest=digest, score=score):
                self._take_whole(name, digest, score)
            case KeptCuts():
                self._take_cuts(message)
            case Interval(asked=asked, low=low, high=high):
                for rung in self.rungs:
                    if rung.settled == asked:
                        self._on_rung(rung.name, interval=(low, high))
            case Compared(asked=asked) if asked == self._compared:
                self.compared = message.over
                for rung in self.rungs:
                    self._on_rung(rung.name, common=message.bits.get(rung.name))
            case Finished(job=job):
                self._finish(job)
            case Failed():
                self._fail(message)
            case WorkerDied():
                self._bury(message)
            case KeptMarks(digests=marks):
                self.shelves.marked |= marks
                self.arrange()
            case Exported(path=path, what=what):
                self.notify(Notice("Exported", f"{what} written to {path}"))
            case Trouble(title=title, message=words):
                self.notify(Notice(title, words, severe=True))
        self.plan()

    def _on_rung(self, name: str, **values: object) -> None:
        for rung in self.rungs:
            if rung.name == name:
                for key, value in values.items():
                    setattr(rung, key, value)
        self.announce(Change.RUNGS | Change.STATUS)

    def learn_parameters(self, parameters: Mapping[str, int]) -> None:
        """By model, once they are known; the current size stays, wherever it is listed now."""
        current = self.rung
        for rung in self.rungs:
            rung.parameters = parameters.get(rung.name, rung.parameters)
        self.rungs = by_size(self.rungs)
        self.current = next(i for i, rung in enumerate(self.rungs) if rung is current)
        self.announce(Change.RUNGS | Change.STATUS)

    def _greet(self, hello: Hello) -> None:
        self.hello = hello
        settled = self.asked_recipe.settled(hello.device, hello.dtype)
        remember_machine(hello.device, hello.dtype)
        if settled != self.recipe:
            self.recipe = settled
            for known in (self._whole, self._missing, self._looking):
                known.clear()
            for rung in self.rungs:
                rung.forget()
            self._compare()
        self.announce(Change.STATUS | Change.SUMS | Change.STORY)

    def _take_scores(self, scored: Scored) -> None:
        rung = next((r for r in self.rungs if r.name == scored.model), None)
        if rung is None:
            return
        self.deaths = 0
        if scored.seconds:
            rung.seconds += scored.seconds
            stories = (self.by_digest[digest][0] for digest, _, _ in scored.rows)
            rung.paced += sum(self.shelves.words[story] for story in stories)
        change = Change.SUMS | Change.STATUS
        self._keep_cuts(rung, scored.cuts)
        for digest, summary, score in scored.rows:
            self._put(rung, digest, summary)
            if score is not None:
                self._keep(rung.name, digest, score)
                change |= Change.STORY | Change.TOKEN
        if scored.cuts.keys() < {digest for digest, _, _ in scored.rows}:
            self._want_cuts(rung)  # asked for before it was known that tokenizers differ
        self._settle(rung)
        self.announce(change)

    def _is_now(self, name: str, digest: str) -> None:
        """A model's digest is known; another than before says that its files were changed."""
        for rung in self.rungs:
            if rung.name != name or rung.digest == digest or not digest:
                continue
            if rung.digest:
                asked = rung.looked and not rung.read
                rung.forget()
                rung.looked = asked
                for key in [key for key in self._whole if key[0] == name]:
                    del self._whole[key]
                self._missing = {key for key in self._missing if key[0] != name}
                self._looking = {key for key in self._looking if key[0] != name}
                self.notify(Notice("Model changed", f"{name}: its files are others than before"))
            rung.digest = digest
        self._compare()
        self._tell_twins()

    def _tell_twins(self) -> None:
        """Say once of each group of models that they are the same."""
        for names in same_weights({rung.name: rung.digest for rung in self.rungs}):
            if names not in self._twins:
                self._twins.add(names)
                self.notify(Notice("Same weights", same_weights_in_words(names)))

    def _take_sums(self, kept: KeptSums) -> None:
        self._is_now(kept.model, kept.digest)
        self._on_rung(kept.model, read=kept.is_last)
        for rung in self.rungs:
            if rung.name == kept.model:
                for text, summary in kept.sums.items():
                    self._put(rung, text, summary)
                if kept.is_last:
                    rung.todo = self._still_to_do(rung)
                    self._want_cuts(rung)
                self._settle(rung)
        self.announce(Change.SUMS | Change.STATUS)

    def _take_cuts(self, kept: KeptCuts) -> None:
        for rung in self.rungs:
            if rung.cutting != kept.asked:
                continue
            self._keep_cuts(rung, kept.cuts)
            if kept.is_last:
                rung.cutting = 0
                rung.cutless |= kept.missing - rung.cuts.keys()
                rung.todo.extend(rung.cutless - rung.broken.keys())
                self._want_cuts(rung)  # of what was scored meanwhile
            self._settle(rung)
            self.announce(Change.SUMS | Change.STATUS)

    def _take_tokenizers(self, digests: dict[str, str]) -> None:
        """A size that is not here yet is taken to have the tokenizer of its family."""
        self._tokenizers = digests
        of_family = {r.spec.family: digests[r.name] for r in self.rungs if digests[r.name]}
        for rung in self.rungs:
            family = rung.spec.family
            known = digests[rung.name] or (of_family.get(family) if family else "")
            rung.tokenizer = known or family or rung.name
        self.mixes_tokenizers = len({rung.tokenizer for rung in self.rungs}) > 1
        for rung in self.rungs:
            self._want_cuts(rung)
        self._compare()
        self.announce(Change.RUNGS | Change.SUMS)

    def _keep_cuts(self, rung: Rung, cuts: Mapping[str, Cuts]) -> None:
        for digest, found in cuts.items():
            if digest in self.by_digest:
                rung.cuts[digest] = found
                rung.cutless.discard(digest)

    def _put(self, rung: Rung, digest: str, summary: Summary) -> None:
        told = self.by_digest.get(digest)
        if told:
            rung.put(digest, summary, told, self.shelves.words[told[0]])
        elif self.reading:
            rung.ahead[digest] = summary

    def _settle(self, rung: Rung) -> None:
        """Where all of the set is done: ask for the interval of what is scored, and compare."""
        is_done = rung.done == len(self.stories) and not self.reading
        if is_done and rung.stories and not rung.settled:
            rung.settled = next(_NUMBERS)
            self.background.compute_interval(rung.settled, rung.spec, self.digests, rung.sums)
        self._compare()
        if rung.stories and rung.digest and rung.parameters and not (self.reading or rung.labelled):
            rung.labelled = True
            self.background.keep_labels(
                *(rung.spec, rung.digest, rung.parameters),
                *(self.recipe, self.stories, self.digests),
            )

    def _compare(self) -> None:
        """Have the sizes that are done with the set compared by the byte, as they are."""
        done = [r for r in self.rungs if self.mixes_tokenizers and self._is_comparable(r)]
        now = tuple((rung.name, rung.digest, rung.tokenizer) for rung in done)
        if now == self._comparing:
            return
        self._comparing, self._compared, self.compared = now, next(_NUMBERS), ""
        if not done:
            return
        members = [
            Member(r.name, r.digest, r.spec.family, "", r.tokenizer, r.parameters or 0)
            for r in done
        ]
        sums, cuts = [rung.sums for rung in done], [rung.cuts for rung in done]
        self.background.compare(self._compared, self.recipe, members, sums, cuts, self.digests)

    def _is_comparable(self, rung: Rung) -> bool:
        """Whether the cuts of all that it has scored of the set are here."""
        if not rung.settled:
            return False
        return len(rung.sums) == len(rung.cuts) or rung.sums.keys() <= (
            rung.cuts.keys() | rung.broken.keys()
        )

    def _take_whole(self, name: str, digest: str, score: StoryScore | None) -> None:
        self._looking.discard((name, digest))
        if score is None:
            self._missing.add((name, digest))
            return
        self._keep(name, digest, score)
        self.announce(Change.STORY | Change.TOKEN)

    def _keep(self, name: str, digest: str, score: StoryScore) -> None:
        self._whole[name, digest] = score
        while len(self._whole) > WHOLE_SCORES:
            self._whole.popitem(last=False)

    def _finish(self, job: int) -> None:
        self._jobs.pop(job, None)
        self.announce(Change.STATUS | Change.RUNGS)

    def _fail(self, failed: Failed) -> None:
        rung = next((r for r in self.rungs if r.name == failed.model), None)
        if rung is None:
            if failed.job == 0 and self.hello is None:
                self.stopped = failed.message
            self.notify(Notice(failed.title, failed.message, severe=True))
        elif failed.story:
            self._break(rung, failed)
        elif not rung.is_out:
            rung.state = "stopped" if failed.title == STOPPED else "failed"
            rung.trouble = f"{failed.title}: {failed.message}"
            self.notify(Notice(failed.title, failed.message, severe=True))
        self.announce(Change.RUNGS | Change.STATUS)

    def _break(self, rung: Rung, failed: Failed) -> None:
        """One story cannot be scored; the first is told at once, the others are counted."""
        told = self.by_digest.get(failed.story, [])
        words = self.shelves.words[told[0]] if told else 0
        rung.put_broken(failed.story, f"{failed.title}: {failed.message}", told, words)
        if len(rung.broken) == 1:
            self.notify(Notice(failed.title, f"{rung.name}: {failed.message}", severe=True))
        self._settle(rung)
        self.announce(Change.STORY | Change.SUMS)

    def toggle_download(self) -> None:
        """Stop the download of the current size; ask for it again where it was stopped."""
        rung = self.rung
        if rung.state == "downloading":
            self.engine.send(CancelDownload(rung.name))
        elif rung.is_out:
            self._try_again(rung)
            self.announce(Change.RUNGS | Change.STATUS)
            self.plan()
        else:
            self.notify(Notice("Nothing to stop", f"{rung.name} is not being downloaded"))

    def _try_again(self, rung: Rung) -> None:
        rung.state, rung.trouble = "waiting", ""
        rung.todo = self._still_to_do(rung)

    def _bury(self, death: WorkerDied) -> None:
        if self.stopped:
            return
        self.deaths += 1
        self.hello = None
        self._jobs.clear()
        for rung in self.rungs:
            rung.todo = self._still_to_do(rung)
            if rung.state in ("downloading", "loading", "ready"):
                rung.state = "waiting"
        if self.deaths >= GIVE_UP:
            self.stopped = f"the worker keeps stopping: {death.why}"
            self.notify(Notice("Worker stopped", f"{self.stopped}; see {self.engine.log}", True))
        else:
            self.notify(
                Notice("Worker stopped", f"{death.why}; it is started again, nothing is lost")
            )
            self.engine.start()
        self.announce(Change.RUNGS | Change.STATUS)


def by_size(rungs: Iterable[Rung]) -> list[Rung]:
    """By parameters, whatever order they were asked for in; those not known yet come last."""
    return sorted(rungs, key=lambda rung: rung.parameters or math.inf)


def _first_look(rungs: Sequence[Rung]) -> int:
    """The size one starts with: the largest known to answer within seconds on any machine."""
    quick = [at for at, rung in enumerate(rungs) if rung.parameters and rung.parameters <= QUICK]
    return quick[-1] if quick else 0

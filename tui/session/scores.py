"""Scores of the open stories under the open sizes, and whole scores of any text.

Sums come from the store first; what it lacks is asked of the worker, the screen's needs before
all else. Whole scores are kept by the model's digest and the text's, whatever is open.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence

from ...core.engine.messages import Failed, Hello, Loaded, Scored, WorkerDied
from ...core.engine.routing import AHEAD
from ...core.models.member import Member
from ...core.results.compare.cuts import Cuts
from ...core.scoring.scores import StoryScore, Summary
from ...core.stories.story import Story
from ..threads.answers import (
    Compared,
    Interval,
    KeptCuts,
    KeptRecipe,
    KeptScore,
    KeptSums,
    KeptTokenizers,
)
from ..threads.store import StoreReader
from .change import Change, Notice
from .jobs import CHUNK, NUMBERS, Jobs
from .library import Library
from .models import Models
from .size import Size

SCORES_KEPT = 256  # whole scores in memory

Key = tuple[str, str]  # digests of the model and of the text


class Scores:
    """compared: what bits per byte of different tokenizers are over, in words."""

    def __init__(
        self,
        library: Library,
        models: Models,
        jobs: Jobs,
        store: StoreReader,
        announce: Callable[[Change], None],
        notify: Callable[[Notice], None],
    ) -> None:
        self.library = library
        self.models = models
        self.jobs = jobs
        self.worker = jobs.worker
        self.store = store
        self.announce = announce
        self.notify = notify
        self.compared = ""
        self._kept: OrderedDict[Key, StoryScore] = OrderedDict()
        self._missing: set[Key] = set()  # whole scores that the store does not have
        self._looking: set[Key] = set()  # whole scores asked of the store
        self._recipe = self.worker.recipe.digest  # that all of this was scored by
        # Name, digest and tokenizer of the sizes that were compared last, and under which number.
        self._comparing: tuple[tuple[str, str, str], ...] = ()
        self._comparison = 0

    # --- what is known ---------------------------------------------------------------------

    def of_text(self, size: Size, digest: str) -> StoryScore | None:
        """The whole score of a text under a size, where it is at hand; `want` brings it."""
        key = _key(size, digest)
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    # --- what is asked for -----------------------------------------------------------------

    def want(self, size: Size, digest: str, story: Story) -> None:
        """Have the whole score of any text brought, from the store or by the worker."""
        key = _key(size, digest)
        if not size.read or key in self._kept or size.is_out or digest in size.broken:
            return
        if digest in size.sums and key not in self._missing:
            if key not in self._looking and len(self._looking) < AHEAD:
                self._looking.add(key)
                recipe = self.worker.recipe
                self.store.look_up_score(size.spec, size.digest, recipe, digest)
        elif not self.worker.rests and self.jobs.has_room(size, digest):
            self._ask(size, [(digest, story)], urgent=True)

    def want_beside(self, size: Size, digest: str, story: Story) -> None:
        """The same where no model is loaded for it; else it is there once the set is scored."""
        kept = digest in size.sums and _key(size, digest) not in self._missing
        if kept or size.state == "ready":
            self.want(size, digest, story)

    def want_all(self) -> None:
        """Have every story scored under every size, the current one first."""
        current = self.models.size
        if self.models.tokenizers is None:
            self.models.tokenizers = {}
            self.store.look_up_tokenizers([size.spec for size in self.models.sizes])
        if len(self.models.sizes) > 1 and not self.models.tokenizers:
            return  # what is asked for depends on them
        for size in [current, *self.models.sizes]:
            if not size.looked:
                size.looked = True
                self.store.look_up_sums(size.spec, self.worker.recipe)

    def want_sums(self) -> None:
        """Have the worker score what the store lacks."""
        if self.worker.hello is None or self.worker.rests:
            return  # until it has said what the recipe is, only the screen is served
        library = self.library
        to_do = [s for s in self.models.sizes if s.read and s.todo and not s.is_out]
        busy = sum(size.state != "downloading" for size in to_do)
        for size in [self.models.size, *self.models.sizes]:
            while size in to_do and size.todo and self.jobs.wants(size, busy):
                texts: list[tuple[str, Story]] = []
                while size.todo and len(texts) < CHUNK:
                    digest = size.todo.popleft()
                    if digest not in size.sums or digest in size.cutless:
                        texts.append((digest, library.stories[library.by_digest[digest][0]]))
                if texts:
                    self._ask(size, texts, urgent=False)

    def _ask(self, size: Size, texts: Sequence[tuple[str, Story]], *, urgent: bool) -> None:
        cuts = self.models.mixes_tokenizers
        self.jobs.ask(size, texts, lambda reply: self._take(size, reply), urgent=urgent, cuts=cuts)

    def _want_cuts(self, size: Size) -> None:
        """Have the store asked for the cuts of what is scored; the worker makes what it lacks."""
        if not self.models.mixes_tokenizers or not size.read or size.cutting:
            return
        wanted = frozenset(size.sums.keys() - size.cuts.keys() - size.cutless)
        if wanted and not self.library.reading:
            size.cutting, recipe = next(NUMBERS), self.worker.recipe
            self.store.look_up_cuts(size.cutting, size.spec, size.digest, recipe, wanted)

    def try_again(self, size: Size) -> None:
        """A size that failed or was stopped."""
        size.state, size.trouble = "waiting", ""
        size.todo = self._still_to_do(size)

    def begin_anew(self) -> None:
        """Nothing of what was asked for the set will be answered."""
        for size in self.models.sizes:
            size.todo = self._still_to_do(size)

    def _still_to_do(self, size: Size) -> deque[str]:
        known = (size.sums.keys() - size.cutless) | size.broken.keys() | self.jobs.asked(size)
        return deque(digest for digest in self.library.by_digest if digest not in known)

    # --- stories and sizes that are open ---------------------------------------------------

    def open(self) -> None:
        """Other stories or other sizes are open: the scores of all stories are counted anew."""
        self._is_by(self.worker.recipe.digest)
        self._looking.clear()  # what is still looked up may be of a model that is open no more
        for size in self.models.sizes:
            size.forget()
            size.make_room(len(self.library.stories))
        self._compare()

    def open_sums(self) -> None:
        """A story has come to a set that was done: its sums are still to be settled."""
        for size in self.models.sizes:
            size.settled, size.interval, size.labelled = 0, None, False
            self._settle(size)

    def add(self, added: Sequence[tuple[int, str]]) -> None:
        """Stories have come, by index and digest."""
        library = self.library
        for size in self.models.sizes:
            size.make_room(len(library.stories))
            for story, digest in added:
                same = library.by_digest[digest]
                if digest in size.sums or digest in size.broken:
                    size.put_again(digest, story)
                elif (known := size.ahead.pop(digest, None)) is not None:
                    size.put(digest, known, same, library.words_of(digest))
                elif same[0] == story:
                    size.todo.append(digest)

    def end_reading(self) -> None:
        """No more stories will come."""
        for size in self.models.sizes:
            size.ahead.clear()
            self._want_cuts(size)
            self._settle(size)

    def _is_by(self, recipe: str) -> None:
        """By another recipe nothing of what is known holds."""
        if recipe != self._recipe:
            self._recipe = recipe
            for known in (self._kept, self._missing, self._looking):
                known.clear()
            for size in self.models.sizes:
                size.forget()
            self._compare()

    # --- what comes in ---------------------------------------------------------------------

    def receive(self, message: object) -> None:
        match message:
            case Hello() | KeptRecipe():
                self._is_by(self.worker.recipe.digest)
            case Loaded(model=name, digest=digest):
                self._is_now(name, digest)
                if self.models.tokenizers and not self.models.tokenizers.get(name):
                    # It has been downloaded.
                    self.store.look_up_tokenizers([size.spec for size in self.models.sizes])
            case KeptTokenizers():
                for size in self.models.sizes:
                    self._want_cuts(size)
                self._compare()
            case KeptSums() | KeptScore() if message.recipe != self._recipe:
                pass  # asked before the worker corrected the recipe
            case KeptSums():
                self._take_sums(message)
            case KeptScore(model=name, digest=digest, score=score):
                self._take_score(name, digest, score)
            case KeptCuts():
                self._take_cuts(message)
            case Interval(asked=asked, low=low, high=high):
                for size in self.models.sizes:
                    if size.settled == asked:
                        size.interval = (low, high)
                self.announce(Change.SIZES | Change.STATUS)
            case Compared(asked=asked) if asked == self._comparison:
                self.compared = message.over
                for size in self.models.sizes:
                    size.common = message.bits.get(size.name)
                self.announce(Change.SIZES | Change.STATUS)
            case WorkerDied():
                self.begin_anew()

    def _take(self, size: Size, reply: Scored | Failed) -> None:
        """What a job for these scores gave."""
        if isinstance(reply, Failed):
            if reply.story:
                self._break(size, reply)
            return
        self.worker.deaths = 0
        if reply.seconds:
            size.seconds += reply.seconds
            size.paced += sum(self.library.words_of(digest) for digest, _, _ in reply.rows)
        change = Change.SUMS | Change.STATUS
        self._keep_cuts(size, reply.cuts)
        for digest, summary, score in reply.rows:
            self._put(size, digest, summary)
            if score is not None:
                self._keep(size, digest, score)
                change |= Change.STORY | Change.TOKEN
        if reply.cuts.keys() < {digest for digest, _, _ in reply.rows}:
            self._want_cuts(size)  # asked for before it was known that tokenizers differ
        self._settle(size)
        self.announce(change)

    def _is_now(self, name: str, digest: str) -> None:
        """A model's digest is known; another than before says that its files were changed."""
        size = self.models.named(name)
        if size is not None and digest and size.digest != digest:
            if size.digest:
                asked = size.looked and not size.read
                self._looking.clear()
                size.forget()
                size.looked = asked
                self.notify(Notice("Model changed", f"{name}: its files are others than before"))
            elif (key := size.name) != digest:  # kept by the name until the digest was known
                for known in [known for known in self._kept if known[0] == key]:
                    self._kept[digest, known[1]] = self._kept.pop(known)
            size.digest = digest
        self._compare()
        self.models.tell_twins()

    def _take_sums(self, kept: KeptSums) -> None:
        self._is_now(kept.model, kept.digest)
        size = self.models.named(kept.model)
        if size is not None:
            size.read = kept.is_last
            for text, summary in kept.sums.items():
                self._put(size, text, summary)
            if kept.is_last:
                size.todo = self._still_to_do(size)
                self._want_cuts(size)
            self._settle(size)
        self.announce(Change.SUMS | Change.STATUS | Change.SIZES)

    def _take_cuts(self, kept: KeptCuts) -> None:
        for size in self.models.sizes:
            if size.cutting != kept.asked:
                continue
            self._keep_cuts(size, kept.cuts)
            if kept.is_last:
                size.cutting = 0
                size.cutless |= kept.missing - size.cuts.keys()
                size.todo.extend(size.cutless - size.broken.keys())
                self._want_cuts(size)  # of what was scored meanwhile
            self._settle(size)
            self.announce(Change.SUMS | Change.STATUS)

    def _take_score(self, name: str, digest: str, score: StoryScore | None) -> None:
        size = self.models.named(name)
        if size is None:
            return
        key = _key(size, digest)
        self._looking.discard(key)
        if score is None:
            self._missing.add(key)
            return
        self._keep(size, digest, score)
        self.announce(Change.STORY | Change.TOKEN)

    def _keep_cuts(self, size: Size, cuts: Mapping[str, Cuts]) -> None:
        for digest, found in cuts.items():
            if digest in self.library.by_digest:
                size.cuts[digest] = found
                size.cutless.discard(digest)

    def _put(self, size: Size, digest: str, summary: Summary) -> None:
        same = self.library.by_digest.get(digest)
        if same:
            size.put(digest, summary, same, self.library.words_of(digest))
        elif self.library.reading:
            size.ahead[digest] = summary

    def _keep(self, size: Size, digest: str, score: StoryScore) -> None:
        self._kept[_key(size, digest)] = score
        while len(self._kept) > SCORES_KEPT:
            self._kept.popitem(last=False)

    def _break(self, size: Size, failed: Failed) -> None:
        """One story cannot be scored; the first is told at once, the others are counted."""
        same = self.library.by_digest.get(failed.story, [])
        words = self.library.words_of(failed.story)
        size.put_broken(failed.story, f"{failed.title}: {failed.message}", same, words)
        if len(size.broken) == 1:
            self.notify(Notice(failed.title, f"{size.name}: {failed.message}", severe=True))
        self._settle(size)
        self.announce(Change.STORY | Change.SUMS | Change.SIZES | Change.STATUS)

    # --- the set ---------------------------------------------------------------------------

    def _settle(self, size: Size) -> None:
        """Where all of the set is done: ask for the interval of what is scored, and compare."""
        library = self.library
        is_done = size.done == len(library.stories) and not library.reading
        if is_done and size.stories and not size.settled:
            size.settled = next(NUMBERS)
            told = (list(library.stories), list(library.digests))
            self.store.compute_interval(size.settled, size.spec, *told, size.sums)
        self._compare()
        known = size.stories and size.digest and size.parameters
        if known and not (library.reading or size.labelled or self.worker.rests):
            size.labelled = True
            self.store.keep_labels(
                *(size.spec, size.digest, size.parameters or 0),
                *(self.worker.recipe, library.stories, library.digests),
            )

    def _compare(self) -> None:
        """Have the sizes that are done with the set compared by the byte, as they are."""
        mixed = self.models.mixes_tokenizers
        done = [s for s in self.models.sizes if mixed and s.settled and _has_cuts(s)]
        now = tuple((size.name, size.digest, size.tokenizer) for size in done)
        if now == self._comparing:
            return
        self._comparing, self._comparison, self.compared = now, next(NUMBERS), ""
        if not done:
            return
        members = [
            Member(s.name, s.digest, s.spec.family, "", s.tokenizer, s.parameters or 0)
            for s in done
        ]
        sums, cuts = [size.sums for size in done], [size.cuts for size in done]
        told = (list(self.library.stories), list(self.library.digests))
        self.store.compare(self._comparison, self.worker.recipe, members, sums, cuts, *told)


def _key(size: Size, digest: str) -> Key:
    return size.digest or size.name, digest


def _has_cuts(size: Size) -> bool:
    """Whether the cuts of all that it has scored of the set are here."""
    return len(size.sums) == len(size.cuts) or size.sums.keys() <= (
        size.cuts.keys() | size.broken.keys()
    )

"""The hunt: from one place to the next of what is wanted, over stories too.

What needs scores that are not here waits for them, and what looks for a text waits until all
stories have been looked through; keys wait meanwhile, and the cursor stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...core.scoring.scores import StoryScore
from ...core.wording import many
from ..threads.finding import Finder, FoundText
from .change import Change, Notice
from .library import Library
from .models import Models
from .place import Place
from .quarry import Hunt, Occurrences, Quarry, Text
from .scores import Scores
from .trail import Spot
from .worker import Worker

NOWHERE = "no listed story has it"
Arrive = Callable[..., None]  # story, row, token=, character=, is_jump=


class Hunts:
    """text: what `f` or `*` looks for, None where nothing of the kind; else it is `usual`."""

    def __init__(
        self,
        library: Library,
        models: Models,
        place: Place,
        scores: Scores,
        worker: Worker,
        finder: Finder,
        usual: Quarry,
        arrive: Arrive,
        announce: Callable[[Change], None],
        notify: Callable[[Notice], None],
    ) -> None:
        self.library, self.models, self.place = library, models, place
        self.scores, self.worker, self.finder = scores, worker, finder
        self.arrive, self.announce, self.notify = arrive, announce, notify
        self.usual = usual
        self.text: Text | Occurrences | None = None
        self.last = ""  # that was found by `f`
        self.begun: tuple[Spot, Text | Occurrences | None] | None = None  # before `f`
        self._texts = Texts(library, finder)

    def empty(self) -> None:
        """Other stories are open."""
        self.place.hunt = self.text = self.begun = None
        self._texts.empty()

    @property
    def quarry(self) -> Quarry:
        """What `n` and `N` go through."""
        return self.text or self.usual

    @property
    def found(self) -> tuple[int, int] | None:
        """(times, stories) of the text that is looked for among the listed; None: not known."""
        return self._texts.listed(self.text) if isinstance(self.text, Text) else None

    # --- n, N and * ------------------------------------------------------------------------

    def begin(self, by: int, *, here: bool = False, quarry: Quarry | None = None) -> None:
        """To the next, or the previous; the cursor stays until one is found.

        here: what stands at the cursor counts too. quarry: else what is hunted.
        """
        quarry = quarry or self.quarry
        row, order = self.place.row or 0, self.library.order
        self.place.hunt = Hunt(quarry, by, row, self.models.size, here=here)
        self.place.hunt.list_in(order, row)
        self.place.hunt.begun = self.place.row is None
        self.go_on()

    def look_for_token(self) -> None:
        """The next token that reads like the one under the cursor, once that is known."""
        self.begin(1, quarry=Occurrences())

    def list_anew(self) -> None:
        """The stories are listed anew: a hunt stays at the story that it has come to."""
        if (hunt := self.place.hunt) is not None:
            row = self.library.row_of(hunt.story)
            hunt.begun |= row is None
            hunt.list_in(self.library.order, hunt.row if row is None else row)

    def stop(self) -> bool:
        """Whether there was a hunt to stop, or a text to want no more; the cursor stays."""
        was, self.place.hunt = self.place.hunt, None
        if was is None and self.text is not None:
            self.text = None
            self.announce(Change.STATUS)
            return True
        self.announce(Change.STATUS)
        return was is not None

    def go_on(self) -> None:
        """As far as what is known allows."""
        library, place = self.library, self.place
        while (hunt := place.hunt) is not None:
            listed = len(library.order)
            if not hunt.left or hunt.row >= listed or hunt.size is not self.models.size:
                self._end(self._nothing(hunt))
                return
            if hunt.quarry == Occurrences():
                if (scores := self._scores(hunt, place.story)) is None:
                    return
                self._take_token(hunt, scores)
                continue
            if isinstance(hunt.quarry, Text | Occurrences):
                if not self._texts.look(hunt.quarry):
                    self.announce(Change.STATUS)
                    return
                if library.order[hunt.row] not in self._texts.counts:
                    hunt.go_on(library.order)
                    continue
            if (scores := self._scores(hunt, library.order[hunt.row])) is None:
                return
            self._look(hunt, scores)

    def _take_token(self, hunt: Hunt, scores: Sequence[StoryScore]) -> None:
        """From now on tokens are hunted that read like the one under the cursor."""
        text, at = self.library.stories[self.place.story].text, self.place.token
        token = text[scores[0].starts[at] : scores[0].ends[at]] if scores and len(scores[0]) else ""
        if token:
            self.text = hunt.quarry = Occurrences(token)
        else:
            self._end("there is no token that could be anywhere else")

    def _scores(self, hunt: Hunt, story: int) -> Sequence[StoryScore] | None:
        """What the hunt needs to know of a story: None while it waits; nothing where it cannot
        be had."""
        needed = hunt.quarry.sizes(self.models)
        if isinstance(needed, str):
            self._end(needed)
            return None
        if not hunt.begun and (waits := self.place.waits_for) is not None:
            needed = (*needed, waits)  # the cursor is not there yet
        digest = self.library.digests[story]
        scores: list[StoryScore] = []
        for size in needed:
            score = self.scores.of_text(size, digest)
            if score is None and (size.is_out or self.worker.stopped):
                self._end(size.trouble or self.worker.stopped)
                return None
            if score is None and digest not in size.broken:
                self.scores.want(size, digest, self.library.stories[story])
                self.announce(Change.STATUS)
                return None
            if score is not None:
                scores.append(score)
        return scores if len(scores) == len(needed) else ()

    def _look(self, hunt: Hunt, scores: Sequence[StoryScore]) -> None:
        """In the hunt's story: there it ends, or it goes on to the next."""
        library, place, quarry = self.library, self.place, hunt.quarry
        story = library.order[hunt.row]
        at = place.character if quarry.by_character else place.token
        can_tell = scores or not quarry.sizes(self.models)
        stops = quarry.stops(library.stories[story].text, scores) if can_tell else ()
        found = hunt.find(stops, at)
        if found is None:
            hunt.go_on(library.order)
            return
        if (story, found) == (place.story, at) and not hunt.here:
            self._end(self._nothing(hunt))
            return
        place.hunt = None
        if quarry.by_character:
            self.arrive(story, hunt.row, character=found)
        else:
            self.arrive(story, hunt.row, token=found)
        self.announce(Change.FOUND | Change.STATUS)

    def _nothing(self, hunt: Hunt) -> str:
        if hunt.quarry.goes_round:
            other = "" if hunt.here or not self._texts.counts else "other "
            return f"no {other}{hunt.what} in the listed stories"
        return f"no {hunt.what} {'further on' if hunt.by > 0 else 'before this'}"

    def _end(self, why: str) -> None:
        self.place.hunt = None
        self.announce(Change.STATUS)
        self.notify(Notice("", why))

    # --- f ---------------------------------------------------------------------------------

    def begin_finding(self, here: Spot) -> None:
        """A text is going to be typed; where one is now, one comes back to."""
        self.begun = here, self.text

    def find(self, typed: str) -> None:
        """Show where the text that is being typed stands first, from where one was."""
        self.text = Text(typed) if typed else None
        if not typed or self._texts.look(self.text):
            self.preview()

    def preview(self) -> None:
        """Show the first place from where one was, and that place itself where there is none."""
        if self.begun is None:  # other stories were opened meanwhile
            return
        spot, _ = self.begun
        row = self.library.row_of(spot.story)
        self.arrive(spot.story, row, stance=spot.stance, is_jump=False)
        if isinstance(self.text, Text) and (self.found or (0,))[0]:
            hunt = Hunt(self.text, 1, row or 0, self.models.size, here=True)
            hunt.list_in(self.library.order, row or 0)
            hunt.begun = row is None
            while hunt.left:
                story = self.library.order[hunt.row]
                stops: tuple[int, ...] = ()
                if story in self._texts.counts:
                    stops = tuple(hunt.quarry.stops(self.library.stories[story].text, ()))
                if (found := hunt.find(stops, self.place.character)) is not None:
                    self.arrive(story, hunt.row, character=found, is_jump=False)
                    break
                hunt.go_on(self.library.order)
        self.announce(Change.STATUS)

    def leave_finding(self) -> None:
        """Nothing is wanted: back to where one was, and to what was hunted then."""
        if self.begun is not None:
            _, before = self.begun
            self.text = None
            self.preview()
            self.text, self.begun = before, None

    def end_finding(self, typed: str) -> None:
        """Go to the first place, and hunt the text from now on; without one, hunt as usual."""
        self.last = typed
        self.leave_finding()
        self.text = Text(typed) if typed else None
        if self.text is not None:
            self.begin(1, here=True)

    # --- what comes in ---------------------------------------------------------------------

    def receive(self, message: object) -> None:
        if isinstance(message, FoundText) and self._texts.take(message):
            self.preview()
            self.announce(Change.STATUS)


class Texts:
    """How often a text stands in each story, as far as it was looked for."""

    def __init__(self, library: Library, finder: Finder) -> None:
        self.library, self.finder = library, finder
        self.empty()

    def empty(self) -> None:
        """Of other stories nothing is known."""
        self.wanted: Text | Occurrences | None = None
        self.counts: dict[int, int] = {}
        self._seen = 0  # stories that were looked through
        self._asked = (0, 0)  # the question under way, and how many stories there were then
        self._sum: tuple[Sequence[int], int, tuple[int, int]] | None = None

    def look(self, wanted: Text | Occurrences | None) -> bool:
        """Whether all is known of this text; what is not is asked for."""
        if wanted is None:
            return True
        stories = self.library.stories
        if wanted != self.wanted:
            among: Sequence[int] = range(len(stories))
            before = self.wanted
            if (
                isinstance(before, Text)
                and self._seen == len(stories)
                and before.text.lower() in wanted.text.lower()
            ):
                among = [*self.counts]  # the others cannot have it
            self.wanted, self.counts, self._seen = wanted, {}, 0
            self._ask(among)
        elif self._seen < len(stories) and self._asked[1] < len(stories):
            self._ask(range(self._seen, len(stories)))
        return self._seen == len(stories)

    def _ask(self, among: Sequence[int]) -> None:
        assert self.wanted is not None
        stories, exact = self.library.stories, self.wanted.exact
        self._asked = (
            self.finder.find(self.wanted.text, stories, among, exact=exact),
            len(stories),
        )

    def take(self, found: FoundText) -> bool:
        """Whether it is the answer to what was asked last."""
        if found.asked != self._asked[0]:
            return False
        self.counts |= found.counts
        self._seen, self._sum = self._asked[1], None
        return True

    def listed(self, wanted: Text) -> tuple[int, int] | None:
        """(times, stories) among the listed stories; None while it is not known."""
        if wanted != self.wanted or not self._seen:
            return None
        order = self.library.order
        if self._sum is None or self._sum[0] is not order or self._sum[1] != self._seen:
            times = [self.counts[story] for story in order if story in self.counts]
            self._sum = (order, self._seen, (sum(times), len(times)))
        return self._sum[2]


def told(found: tuple[int, int] | None) -> str:
    """How often something was found, in words."""
    if found is None:
        return "looking…"
    times, stories = found
    return f"{many(times, 'place')} in {many(stories, 'story', 'stories')}" if times else NOWHERE

"""Two models lined up over many stories, on a thread of its own; questions and answers are frozen.

pyarrow is imported there, when the first question comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import EyebrowError, as_told
from ...core.models.member import Member
from ...core.stories.story import Story, text_digest
from ..text.reading import UnitName
from .lane import Lane

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ...core.results.compare.endings import Parting
    from ...core.results.compare.finds import Finds
    from ...core.results.compare.reading import Compared

SORTS = ("gain", "loss", "disagreement", "surprise", "unexpected")
"""What finds are in order of, see `finds.SORTS`."""
ENDINGS = "endings"
"""And where stories come in pairs: the expected endings that surprise the model more."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A model and its reference under one recipe, and the stories that they are compared on.

    listed: indices of `stories`; digests: of the texts of all of them.
    """

    reference: Member
    model: Member
    recipe_digest: str
    stories: Sequence[Story]
    digests: Sequence[str]
    listed: Sequence[int]


@dataclass(frozen=True, slots=True)
class Listing:
    """How finds are listed; words: what they hold, "" for all."""

    unit: UnitName = "word"
    sort: str = SORTS[0]
    words: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class PairCompared:
    """Gaps of a pair, and all of its spans. index: of a story in the session, by its place in
    `compared.stories`. partings: of the pairs of endings among these, by their places."""

    asked: int
    compared: Compared
    index: Sequence[int]
    partings: Sequence[Parting] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FindsListed:
    """Finds in the order of a listing; order: int64 (F,), rows of `finds`."""

    asked: int
    listing: Listing
    finds: Finds
    order: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NotCompared:
    """There is nothing to compare, and why."""

    asked: int
    why: str


Answer = PairCompared | FindsListed | NotCompared


class Comparing:
    """`deliver` gets the answers, on this thread; `folder` is the store's, if any."""

    def __init__(self, folder: Path | None, deliver: Callable[[Answer], object]) -> None:
        self.folder = folder
        self.deliver = deliver
        self.asked = 0  # the newest pair; answers about older ones are dropped
        self._found: PairCompared | None = None
        self._united: dict[UnitName, Finds] = {}
        self._text: Callable[[int], str] = str  # of a story by its place among those compared
        self._lane = Lane("comparing", self._fail)

    def compare(self, pair: Pair, listing: Listing) -> int:
        """Answered by `PairCompared` and `FindsListed`, or by `NotCompared`; they bear the number
        that this returns."""
        self.asked += 1
        self._lane.submit(partial(self._compare, self.asked, pair, listing))
        return self.asked

    def list_finds(self, listing: Listing) -> None:
        """The finds of the last pair in another order; answered by `FindsListed`."""
        self._lane.submit(partial(self._list, listing))

    def forget(self) -> None:
        """What was asked so far is of no interest any more."""
        self.asked += 1

    def close(self) -> None:
        """Answer nothing more."""
        self.forget()
        self.deliver = lambda _: None
        self._lane.close()

    # --- on the thread ---------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        told = as_told(error, "Cannot compare")
        self.deliver(NotCompared(self.asked, f"{told.title}: {told.message}"))

    def _compare(self, asked: int, pair: Pair, listing: Listing) -> None:
        from ...core.results.compare.reading import read_compared
        from ...core.results.store import Store

        if asked != self.asked or self.folder is None:
            return
        labels = [pair.stories[i].label(pair.digests[i]) for i in pair.listed]
        compared = read_compared(
            Store(self.folder), pair.reference, pair.model, pair.recipe_digest, labels
        )
        first: dict[str, int] = {}
        for i in pair.listed:
            first.setdefault(pair.digests[i], i)
        index = tuple(first[label.digest] for label in compared.stories)
        self._text = lambda place: pair.stories[index[place]].text
        partings = _partings(pair, {label.digest: n for n, label in enumerate(compared.stories)})
        self._found, self._united = PairCompared(asked, compared, index, partings), {}
        if asked == self.asked:
            self.deliver(self._found)
            self._list(listing)

    def _list(self, listing: Listing) -> None:
        from ...core.results.compare.endings import judged_wrong, told_once

        if (found := self._found) is None or found.asked != self.asked:
            return
        sort, finds = listing.sort, found.compared.finds
        if sort == ENDINGS:
            finds, sort = judged_wrong(finds, found.partings), "loss"
        else:
            if listing.unit not in self._united:
                united = finds.by(listing.unit)
                self._united[listing.unit] = told_once(united, found.partings)
            finds = self._united[listing.unit]
        if listing.words:
            finds = finds.saying(listing.words, self._text)
        self.deliver(FindsListed(found.asked, listing, finds, finds.order(sort)))


def _partings(pair: Pair, places: Mapping[str, int]) -> tuple[Parting, ...]:
    """Of the pairs of endings that were compared; places: by the digest of a text."""
    from ...core.results.compare.endings import Parting
    from ...core.stories.pairs import find_pairs

    try:
        found, _ = find_pairs(pair.stories[i] for i in pair.listed)
    except EyebrowError:  # there are none
        return ()
    known = [(places.get(text_digest(story.text)) for story in one.stories) for one in found]
    return tuple(
        Parting(right, wrong, one.at)
        for one, (right, wrong) in zip(found, known, strict=True)
        if right is not None and wrong is not None
    )

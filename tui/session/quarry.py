"""What `n` and `N` go through, and how far they have come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from ...core.scoring.scores import StoryScore
from ...core.wording import visible
from ..text.colour import DIFFERENCE_EDGES
from ..text.finding import places
from ..text.reading import changes, eyebrows
from .models import Models
from .size import Size

LARGE = DIFFERENCE_EDGES[-1]  # bits of a gain or a loss that is coloured the strongest


class Quarry(Protocol):
    """one, many: in words. by_character: stops are characters of the text, else tokens.

    goes_round: behind the last story comes the first.
    """

    by_character: ClassVar[bool]
    goes_round: ClassVar[bool]

    @property
    def one(self) -> str: ...
    @property
    def many(self) -> str: ...

    def sizes(self, models: Models) -> tuple[Size, ...] | str:
        """Those whose scores of a story it needs; or why there are none."""

    def stops(self, text: str, scores: Sequence[StoryScore]) -> Sequence[int]:
        """Where it stands in a story, in order."""


@dataclass(frozen=True, slots=True)
class Eyebrows:
    """Tokens of so many bits of surprise or more."""

    bits: float
    one: ClassVar[str] = "raised eyebrow"
    many: ClassVar[str] = "raised eyebrows"
    by_character: ClassVar[bool] = False
    goes_round: ClassVar[bool] = False

    def sizes(self, models: Models) -> tuple[Size, ...] | str:
        return (models.size,)

    def stops(self, text: str, scores: Sequence[StoryScore]) -> Sequence[int]:
        return eyebrows(scores[0], self.bits)


@dataclass(frozen=True, slots=True)
class Changes:
    """Tokens that gain or lose the most against the reference."""

    one: ClassVar[str] = f"gain or loss of {LARGE:g} bits"
    many: ClassVar[str] = f"gains and losses of {LARGE:g} bits"
    by_character: ClassVar[bool] = False
    goes_round: ClassVar[bool] = False

    def sizes(self, models: Models) -> tuple[Size, ...] | str:
        reference = models.reference
        if reference is models.size:
            return f"{models.size.name} is the reference"
        return (models.size, reference) if reference else "no smaller size to compare with"

    def stops(self, text: str, scores: Sequence[StoryScore]) -> Sequence[int]:
        score, reference = scores
        return changes(text, score, reference, LARGE)


@dataclass(frozen=True, slots=True)
class Text:
    """A text wherever it stands, in capital or small letters."""

    text: str
    exact: ClassVar[bool] = False
    by_character: ClassVar[bool] = True
    goes_round: ClassVar[bool] = True

    @property
    def one(self) -> str:
        return f"“{visible(self.text)}”"

    many = one

    def sizes(self, models: Models) -> tuple[Size, ...] | str:
        return ()

    def stops(self, text: str, scores: Sequence[StoryScore]) -> Sequence[int]:
        return places(text, self.text, exact=False)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Tokens that read exactly so, whatever the tokenizer; "": like that under the cursor."""

    text: str = ""
    exact: ClassVar[bool] = True
    by_character: ClassVar[bool] = False
    goes_round: ClassVar[bool] = True

    @property
    def one(self) -> str:
        return f"token “{visible(self.text, spaces=True)}”"

    @property
    def many(self) -> str:
        return f"tokens “{visible(self.text, spaces=True)}”"

    def sizes(self, models: Models) -> tuple[Size, ...] | str:
        return (models.size,)

    def stops(self, text: str, scores: Sequence[StoryScore]) -> Sequence[int]:
        begin = set(places(text, self.text, exact=True))
        spans = zip(scores[0].starts.tolist(), scores[0].ends.tolist(), strict=True)
        size = len(self.text)
        return [at for at, (a, b) in enumerate(spans) if b - a == size and a in begin]


@dataclass(slots=True)
class Hunt:
    """A search that goes on over the listed stories.

    by: 1 forwards, -1 backwards. row: of the story that is looked at, under `size`. left: rows
    that are still to be looked at, of so many `listed`. begun: its first story, searched from the
    cursor on, is behind.
    here: what stands at the cursor counts too.
    """

    quarry: Quarry
    by: int
    row: int
    size: Size
    left: int = 0
    listed: int = 0
    story: int = -1
    begun: bool = False
    here: bool = False

    @property
    def what(self) -> str:
        return self.quarry.one

    def find(self, stops: Sequence[int], cursor: int) -> int | None:
        """The next stop in this story; None where there is none."""
        if self.begun:
            return None if not stops else stops[0 if self.by > 0 else -1]
        if self.by > 0:
            return next((at for at in stops if at > cursor or (self.here and at == cursor)), None)
        return next((at for at in reversed(stops) if at < cursor), None)

    def list_in(self, order: Sequence[int], row: int) -> None:
        """Its story is in this row now; where it goes round, as many more are left as are listed
        more."""
        if not self.quarry.goes_round:
            self.left = len(order) - row if self.by > 0 else row + 1
        elif not self.begun:
            self.left = len(order) + 1
        else:
            self.left += max(0, len(order) - self.listed)
        self.row, self.listed = row, len(order)
        self.story = order[row] if row < len(order) else -1

    def go_on(self, order: Sequence[int]) -> None:
        """To the next row; behind the last comes the first."""
        self.begun, self.left, self.row = True, self.left - 1, (self.row + self.by) % len(order)
        self.story = order[self.row]

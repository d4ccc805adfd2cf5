"""Back and forward through the places one has been."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..text.moves import Cursor, Move
from .arrange import Filter
from .size import Size

KEPT = 200


@dataclass(frozen=True, slots=True)
class Stance:
    """Where the cursor is in a story: at a character (None: where the token of `cursor` begins).

    moves: those that wait for tokens. size: among whose tokens the cursor was.
    """

    character: int | None = None
    moves: tuple[tuple[Size, Move], ...] = ()
    cursor: Cursor = field(default=Cursor(), compare=False)
    size: Size | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place one has been: a story by its index, where in it, under a filter, in a view."""

    view: str
    story: int
    stance: Stance
    filter: Filter


class Trail:
    """Places in the order one came to them; the one where one is now is noted when one leaves it.

    A step from row to row that follows such a step leaves nothing: what a held key passes by is
    no place one has been.
    """

    def __init__(self) -> None:
        self._spots: list[Spot | None] = [None]
        self._at = 0
        self._stepping = False

    def leave(self, spot: Spot, *, step: bool = False) -> None:
        """One goes from here to somewhere else, and forward leads nowhere any more."""
        if step and self._stepping:
            return
        self._stepping = step
        is_back = self._at > 0 and self._spots[self._at - 1] == spot
        self._spots[self._at :] = [None] if is_back else [spot, None]
        del self._spots[: -KEPT - 1]
        self._at = len(self._spots) - 1

    def stay(self) -> None:
        """Something was done here: the next step leaves this place."""
        self._stepping = False

    def go(self, by: int, here: Spot) -> Spot | None:
        """The place before (-1) or behind this one that is another; None: there is none."""
        at = self._at + by
        while 0 <= at < len(self._spots):
            spot = self._spots[at]
            if spot is not None and spot != here:
                self._spots[self._at], self._at = here, at
                self._stepping = False
                return spot
            at += by
        return None

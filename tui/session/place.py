"""Where the reader is: the one place that knows the cursor, and that moves it at once.

Keys come faster than scores. A move among tokens that are not known yet is kept and made as soon
as they are, so that keys that arrive together do what they do one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...core.scoring.scores import StoryScore
from ..text.moves import Cursor, Move
from .size import Size


@dataclass(slots=True)
class Hunt:
    """A search that goes on over the listed stories.

    what: in words. positions: the tokens it stops at. by: 1 forwards, -1 backwards. row: of the
    story that is looked at, under `size`. begun: its first story, searched from the cursor on, is
    behind.
    """

    what: str
    positions: Callable[[StoryScore], Sequence[int]]
    by: int
    row: int
    size: Size
    begun: bool = False

    def find(self, score: StoryScore, token: int) -> int | None:
        """The next position in this story; None where there is none."""
        found = self.positions(score)
        if self.by > 0:
            return next((at for at in found if self.begun or at > token), None)
        return next((at for at in reversed(found) if self.begun or at < token), None)


class Place:
    """story: its index. row: where it is listed, None where it is not.

    token: of the tokens of `size`, the size that was current when the cursor last moved.
    """

    def __init__(self) -> None:
        self.story = 0
        self.row: int | None = None
        self.cursor = Cursor()
        self.hunt: Hunt | None = None
        self._size: Size | None = None
        self._start = 0  # the character that the token begins at
        self._moves: deque[tuple[Size, Move]] = deque()

    @property
    def token(self) -> int:
        return self.cursor.token

    def go_to(self, story: int, row: int | None, token: int = 0) -> None:
        """Another story."""
        self.story, self.row = story, row
        self.cursor, self._size = Cursor(token), None
        self._moves.clear()

    def move(self, size: Size, move: Move) -> None:
        """Among the tokens of the story under `size`; `catch_up` makes the move."""
        self._moves.append((size, move))

    def catch_up(
        self, current: Size, text: str, known: Callable[[Size], StoryScore | None]
    ) -> bool:
        """Make the moves whose tokens are known by now; whether the cursor is elsewhere."""
        before = self.cursor
        while self._moves:
            size, move = self._moves[0]
            if (score := known(size)) is None and not size.is_out:
                return before != self.cursor
            self._moves.popleft()
            if score is not None and len(score):
                self._come_under(size, score)
                self.cursor = move(text, tuple(score.ends.tolist()), self.cursor)
                self._start = int(score.starts[self.token])
        if (score := known(current)) is not None and len(score):
            self._come_under(current, score)
        return before != self.cursor

    @property
    def waits_for(self) -> Size | None:
        """The size whose tokens the next move is among; None where no move waits."""
        return self._moves[0][0] if self._moves else None

    def _come_under(self, size: Size, score: StoryScore) -> None:
        """The same characters stay selected where the other tokenizer cuts differently."""
        before, self._size, last = self._size, size, len(score) - 1
        if before is None or before is size or size.shares_tokenizer(before):
            if self.token > last:
                self.cursor = Cursor(last)
        else:
            at = int(score.ends.searchsorted(self._start, side="right"))
            self.cursor = Cursor(min(at, last))
        if before is not size:
            self._start = int(score.starts[self.token])

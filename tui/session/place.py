"""Where the reader is: the one place that knows the cursor, and that moves it at once.

Keys come faster than scores. A move among tokens that are not known yet is kept and made as soon
as they are, so that keys that arrive together do what they do one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ...core.scoring.scores import StoryScore
from ..text.moves import Cursor, Move
from ..text.reading import token_ends
from .quarry import Hunt
from .size import Size
from .trail import Stance, Trail


class Place:
    """story: its index. row: where it is listed, None where it is not. view: the one shown.

    token: of the tokens of `size`, the size that was current when the cursor last moved.
    hunt: that is under way. trail: the places one has been in these stories. pieces: tokens from
    the cursor's on that have no character of their own, being pieces of the one before.
    """

    def __init__(self, view: str = "explore") -> None:
        self.view = view
        self.empty()

    def empty(self) -> None:
        """Other stories are to come."""
        self.story = 0
        self.row: int | None = None
        self.cursor, self.pieces = Cursor(), 0
        self.hunt: Hunt | None = None
        self.trail = Trail()
        self._size: Size | None = None
        self._character: int | None = None  # None: where the token begins
        self._moves: deque[tuple[Size, Move]] = deque()

    @property
    def token(self) -> int:
        return self.cursor.token

    @property
    def character(self) -> int:
        """The one the cursor is at: where its token begins, or where a text was found in it."""
        return self._character or 0

    def go_to(
        self, story: int, row: int | None, token: int = 0, character: int | None = None
    ) -> None:
        """Another story; character: in place of a token, to the one that holds it."""
        self.story, self.row = story, row
        self.cursor, self._size, self._character = Cursor(token), None, character
        self.pieces = 0
        self._moves.clear()

    @property
    def stance(self) -> Stance:
        """Where the cursor is in the story, with what waits."""
        return Stance(self._character, tuple(self._moves), self.cursor, self._size)

    def stand(self, story: int, row: int | None, stance: Stance) -> None:
        """In a story as one stood there before."""
        self.go_to(story, row, character=stance.character)
        self.cursor, self._size = stance.cursor, stance.size
        self._moves.extend(stance.moves)

    def move(self, size: Size, move: Move) -> None:
        """Among the tokens of the story under `size`; `catch_up` makes the move."""
        self._moves.append((size, move))
        self.trail.stay()

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
                self.cursor = move(text, token_ends(score), self.cursor)
                self._character = int(score.starts[self.token])
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
        same = before is not None and (before is size or size.shares_tokenizer(before))
        if not same and self._character is not None:
            at = int(score.ends.searchsorted(self._character, side="right"))
            self.cursor = Cursor(min(at, last))
        elif self.token > last:
            self.cursor = Cursor(last)
        if self._character is None:
            self._character = int(score.starts[self.token])
        owner = int(score.ends.searchsorted(score.starts[self.token], side="right"))
        self.pieces = max(0, owner - self.token)

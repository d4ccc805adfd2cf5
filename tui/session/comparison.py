"""The current size against its reference over the listed stories: gaps, and finds in an order.

Worked out when a view asks for it, from what the store has, and anew as more is scored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import monotonic

from ...core.models.member import Member
from ..threads.comparing import (
    ENDINGS,
    SORTS,
    Comparing,
    FindsListed,
    Listing,
    NotCompared,
    Pair,
    PairCompared,
)
from .change import Change
from .library import Library
from .models import Models
from .size import Size
from .worker import Worker

REST = 4  # times as long as an answer took, until the next question about the same pair
AGAIN = 1.0  # seconds until the store is asked for scores that it had not yet


class Comparison:
    """found, finds: of the newest answers, None while there is none; `why` says what is waited
    for. listing: how finds are listed. at: the row of the find under the cursor."""

    def __init__(
        self,
        library: Library,
        models: Models,
        worker: Worker,
        comparing: Comparing,
        announce: Callable[[Change], None],
    ) -> None:
        self.library, self.models, self.worker = library, models, worker
        self.comparing = comparing
        self.announce = announce
        self.found: PairCompared | None = None
        self.finds: FindsListed | None = None
        self.why = ""
        self.listing = Listing()
        self.at = 0
        self._about: tuple[object, ...] = ()  # the pair and the stories of the newest question
        self._scored = 0  # stories that both had scored then
        self._began = self._took = 0.0
        self._is_asked = False

    def empty(self) -> None:
        """Other stories or models are open, or no two models are compared."""
        self.comparing.forget()
        self.found = self.finds = None
        self.at, self._about, self._is_asked = 0, (), False

    def want(self) -> float | None:
        """Compare, if there is anything new; how many seconds later to ask again, None: not."""
        model, reference = self.models.size, self.models.reference
        if self.why_not(model, reference) or reference is None:
            self.empty()  # what is still on its way is about another pair
            return None
        library = self.library
        listed = library.filter
        about = (
            *(model.digest, reference.digest, self.worker.recipe.digest),
            *(str(listed), len(library.order)),
            None if listed.marked is None else frozenset(library.shelves.marked),
        )
        scored = min(model.done, reference.done)
        if about == self._about:
            if self._is_asked or (scored == self._scored and not self._is_behind):
                return None
            if (rest := self._began + max(AGAIN, REST * self._took) - monotonic()) > 0:
                return rest
        else:
            self.found = self.finds = None
            self.at = 0
            self.why = f"comparing {model.name} with {reference.name}…"
        self._about, self._scored, self._began = about, scored, monotonic()
        self._is_asked = True
        self.comparing.compare(
            Pair(
                _member(reference),
                _member(model),
                self.worker.recipe.digest,
                tuple(library.stories),
                tuple(library.digests),
                tuple(sorted(library.order)),
            ),
            self.listing,
        )
        return None

    @property
    def _is_behind(self) -> bool:
        """Whether the store had not yet all that both have scored."""
        if self.found is None:
            return False
        sizes = (self.models.size, self.models.reference)
        lost = sum(size.lost for size in sizes if size is not None)
        listed = len(self.library.order)
        done = self._scored == len(self.library.stories)
        return done and self.found.compared.left_out > min(lost, listed)

    def why_not(self, model: Size, reference: Size | None) -> str:
        """Why there is nothing to compare yet; also in `why`."""
        self.why = ""
        if self.comparing.folder is None:
            self.why = "finds are read from the store, and this session keeps none (--no-store)"
        elif reference is None:
            self.why = "no smaller size to compare with; D chooses the reference"
        elif reference is model:
            key = "[" if model is self.models.sizes[-1] else "]"
            self.why = f"{model.name} is the reference; {key} looks through another size"
        elif model.is_out or reference.is_out:
            self.why = model.trouble or reference.trouble
        elif waits := [size.name for size in (model, reference) if not size.stories]:
            self.why = f"waiting for {waits[0]}…"
        return self.why

    @property
    def sorts(self) -> tuple[str, ...]:
        """What the finds can be in order of; where stories come in pairs, endings judged wrong."""
        has_pairs = self.found is not None and self.found.partings
        return (*SORTS, ENDINGS) if has_pairs else SORTS

    def list_by(self, **changes: str) -> None:
        """List the finds by another unit, order, or words."""
        self.listing = replace(self.listing, **changes)  # type: ignore[arg-type]
        self.at = 0
        if self.found is not None:
            self.comparing.list_finds(self.listing)

    def move(self, by: int) -> tuple[int, int] | None:
        """So many finds on or back; the story and the character of the one that is reached."""
        if self.finds is None or not len(self.finds.order):
            return None
        self.at = max(0, min(self.at + by, len(self.finds.order) - 1))
        self.announce(Change.FINDS)
        return self.place(self.at)

    def place(self, row: int) -> tuple[int, int]:
        """The story, and the character in it, of the find in this row."""
        assert self.finds is not None
        assert self.found is not None
        find = int(self.finds.order[row])
        finds = self.finds.finds
        return self.found.index[int(finds.stories[find])], int(finds.starts[find])

    def receive(self, message: object) -> None:
        match message:
            case PairCompared(asked=asked) if asked == self.comparing.asked:
                self.found, self._is_asked = message, False
                self._took = monotonic() - self._began
                if self.listing.sort not in self.sorts:  # of other stories, that came in pairs
                    self.list_by(sort=SORTS[0])
            case FindsListed(asked=asked) if asked == self.comparing.asked:
                if message.listing == self.listing:
                    self.finds = message
                    self.at = min(self.at, max(0, len(message.order) - 1))
            case NotCompared(asked=asked, why=why) if asked == self.comparing.asked:
                self.why, self._is_asked = why, False
                self._took = monotonic() - self._began
            case _:
                return
        self.announce(Change.FINDS)


def _member(size: Size) -> Member:
    spec = size.spec
    return Member(
        *(size.name, size.digest, spec.family, spec.revision),
        *(size.tokenizer, size.parameters or 0),
    )

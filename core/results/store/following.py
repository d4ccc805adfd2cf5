"""The sums that come into a store while it is read: each row is told once."""

from __future__ import annotations

from ...scoring.scores import Summary
from .parts import Stamp
from .reader import Key, Reader


class Follower:
    """Reads a store again and again, and only what was written to since."""

    def __init__(self, store: Reader) -> None:
        self.store = store
        self._stamps: dict[Key, dict[str, Stamp | None]] = {}  # of each part, by its name
        self._told: dict[Key, set[str]] = {}
        self._folder = 0  # when it was changed last
        self._is_still = False  # the look before has found it as it was

    def has_changed(self) -> bool:
        """Whether a part may have come since this was asked last. Costs a look at the folder.

        A change is told twice: a part may come behind a look in the same tick of the disk's clock.
        """
        try:
            changed = self.store.layout.scores.stat().st_mtime_ns
        except OSError:
            return False
        was_still, self._is_still = self._is_still, changed == self._folder
        self._folder = changed
        return not (was_still and self._is_still)

    def all(self, model_digest: str, recipe_digest: str) -> dict[str, Summary]:
        """All sums that are there, by text digest, whatever was told before."""
        for known in (self._stamps, self._told):
            known.pop((model_digest, recipe_digest), None)
        self._folder = 0  # whoever begins anew looks at everything once more
        return self.fresh(model_digest, recipe_digest)

    def fresh(self, model_digest: str, recipe_digest: str) -> dict[str, Summary]:
        """The sums that came since they were asked for last, by text digest."""
        key = (model_digest, recipe_digest)
        found: dict[str, Summary] = {}
        known, told = self._stamps.get(key, {}), self._told.setdefault(key, set())
        self._stamps[key] = {}
        for part, stamp, rows in self.store.sums_by_part(*key, known=known):
            self._stamps[key][part] = stamp
            found |= {digest: summary for digest, summary in rows if digest not in told}
        told.update(found)
        return found

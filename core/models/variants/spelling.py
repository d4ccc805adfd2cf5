"""What stands behind `@` in a model's name, and what it means. No torch here.

    bits4               every parameter tensor rounded to 2^4 values between its own ends
    bits4:channel       each row of a matrix between ends of its own
    bits4:group64       each 64 numbers of a row
    prune0.2            of each matrix in the layers the fifth nearest to 0 becomes 0
    prune0.2:structured whole neurons of the MLPs are taken out
    int8, int4, nf4     packed by a library, with its own arithmetic

A part follows as `:attention`, `:mlp`, `:embeddings`, `:norms`, `:layers3` or `:layers3-5`;
of several all hold, so `bits4:mlp:layers0-3` is the MLPs of four layers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from ...errors import EyebrowError

PACKED = ("int8", "int4", "nf4")
PARTS = ("attention", "mlp", "embeddings", "norms")
MOST_BITS = 32
_LAYERS = re.compile(r"layers(\d{1,6})(?:-(\d{1,6}))?\Z")
_GROUP = re.compile(r"group([1-9]\d{0,8})\Z")
_BITS = re.compile(r"bits(\d{1,4})\Z")
_PRUNE = re.compile(r"prune(\d{0,4}\.?\d{1,12})\Z")
_FORMS = "bits1 to bits32, prune0.2, int8, int4 or nf4"


@dataclass(frozen=True, slots=True)
class Variant:
    """What is done to a model's weights.

    kind: "bits", "prune", or one of `PACKED`. amount: bits, or the share that is pruned; 0 for
    what is packed. grain: "tensor", "channel", "group64", and for pruning "tensor" or
    "structured". parts: of the model, all of which hold; none is the whole.
    """

    kind: str
    amount: float = 0.0
    grain: str = "tensor"
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The one spelling of it, `bits4:group64:mlp`, which is in the model's digest."""
        amount = f"{self.amount:.12f}".rstrip("0").rstrip(".") if self.amount else ""
        grain = () if self.grain == "tensor" else (self.grain,)
        return ":".join((self.kind + amount, *grain, *self.parts))

    @property
    def group(self) -> int:
        """Numbers that share their ends; 0 where it is no such grain."""
        found = _GROUP.match(self.grain)
        return int(found[1]) if found else 0

    @property
    def is_in_place(self) -> bool:
        """Whether tensors keep their shapes and dtypes, so that they can be restored."""
        return self.kind in ("bits", "prune") and self.grain != "structured"


def parse_variant(text: str) -> Variant:
    """The variant that is written so.

    Raises `EyebrowError` for what is none, with what may have been meant.
    """
    head, *rest = text.lower().split(":")
    grain, parts = "tensor", []
    kind, amount = _kind(head, text)
    for word in rest:
        if word in PARTS or _LAYERS.match(word):
            parts.append(_part(word, text))
        elif (kind == "bits" and (word == "channel" or _GROUP.match(word))) or (
            kind == "prune" and word == "structured"
        ):
            if grain not in ("tensor", word):
                raise EyebrowError(
                    "No such variant", f"@{text}: {grain} or {word}; leave one of them out"
                )
            grain = word
        else:
            raise _unknown(word, text, _words(kind))
    if parts and (kind in PACKED or grain == "structured"):
        raise EyebrowError(
            "No such variant", f"@{text}: {_head(kind, grain)} takes no part; leave :{parts[0]} out"
        )
    return Variant(kind, amount, grain, tuple(sorted(set(parts))))


def layers_of(part: str) -> tuple[int, int] | None:
    """First and last layer of `layers3-5`; None for another part."""
    found = _LAYERS.match(part)
    return None if found is None else (int(found[1]), int(found[2] or found[1]))


def _kind(head: str, text: str) -> tuple[str, float]:
    if head in PACKED:
        return head, 0.0
    if found := _BITS.match(head):
        bits = int(found[1])
        if not 1 <= bits <= MOST_BITS:
            raise EyebrowError("No such variant", f"@{text}: {bits} bits; use 1 to {MOST_BITS}")
        return "bits", float(bits)
    if found := _PRUNE.match(head):
        share = float(found[1])
        if not 0 < share < 1:
            raise EyebrowError(
                "No such variant", f"@{text}: a share of {found[1]}; use one between 0 and 1"
            )
        return "prune", share
    raise _unknown(head, text, ("bits8", "bits4", "bits2", "prune0.2", "prune0.5", *PACKED))


def _part(word: str, text: str) -> str:
    found = layers_of(word)
    if found and found[0] > found[1]:
        raise EyebrowError(
            "No such variant", f"@{text}: layers {found[0]} to {found[1]}; the first comes first"
        )
    return f"layers{found[0]}" + (f"-{found[1]}" if found[1] > found[0] else "") if found else word


def _words(kind: str) -> tuple[str, ...]:
    grains = {"bits": ("channel", "group64"), "prune": ("structured",)}.get(kind, ())
    return (*grains, *PARTS, "layers0-3")


def _head(kind: str, grain: str) -> str:
    return "structured pruning" if grain == "structured" else kind


def _unknown(word: str, text: str, known: tuple[str, ...]) -> EyebrowError:
    close = get_close_matches(word, known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"use {', '.join(known)}"
    if not close and "bits8" in known:
        hint = f"use {_FORMS}"
    return EyebrowError("No such variant", f"{word!r} in @{text} is none; {hint}")

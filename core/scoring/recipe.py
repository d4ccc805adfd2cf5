"""The recipe: every choice a number depends on besides the model and the text."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace

from ..errors import EyebrowError
from .scores import TOP

FIRST_TOKEN = ("context", "scored")
DTYPES = ("float32", "bfloat16", "float16")
DEFAULT_CONTEXT = 1024
SCORING = 2  # counts up where the same recipe comes to give other numbers


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a text is turned into numbers.

    first_token: "context" (the first token is context and not scored) or "scored" (BOS, else
        EOS, is put in front exactly once and every token of the text is scored).
    context: tokens the model sees at once, at most.
    stride: tokens of context, at least, before a token scored in a later window of a long text.
    dtype: of the weights and activations; log-softmax is float32 whatever it is.
    device: the kind, "cpu", "cuda" or "mps".
    top: how many of the likeliest tokens are kept at each place, 0 to 10. No other number depends
        on it; it is a choice all the same, or who asked for them would never get them.

    `dtype` and `device` may be "auto" until a machine has answered for them (`settled`).
    Two numbers share a chart or a difference only where their recipes are equal.
    """

    first_token: str = "context"
    context: int = DEFAULT_CONTEXT
    stride: int = 0
    dtype: str = "auto"
    device: str = "auto"
    top: int = TOP

    def __post_init__(self) -> None:
        if self.first_token not in FIRST_TOKEN:
            raise EyebrowError(
                "Bad recipe", f"first token is {self.first_token!r}; use context or scored"
            )
        if self.dtype not in ("auto", "float64", *DTYPES):  # float64: only a model in memory
            raise EyebrowError("Bad recipe", f"dtype is {self.dtype!r}; use auto, {_list(DTYPES)}")
        if self.context < 2:
            raise EyebrowError(
                "Bad recipe", f"context is {self.context} tokens; it takes 2 or more"
            )
        if self.stride == 0:
            object.__setattr__(self, "stride", self.context // 2)
        if not 1 <= self.stride < self.context:
            raise EyebrowError(
                "Bad recipe",
                f"stride is {self.stride} tokens; it must lie between 1 and the context "
                f"({self.context}) less one",
            )
        if not 0 <= self.top <= TOP:
            raise EyebrowError("Bad recipe", f"top is {self.top}; it takes 0 to {TOP}")

    @property
    def is_settled(self) -> bool:
        """True once device and dtype are known."""
        return "auto" not in (self.dtype, self.device)

    def settled(self, device: str, dtype: str) -> Recipe:
        """The same recipe with device and dtype filled in where they were left open."""
        return replace(
            self,
            device=device if self.device == "auto" else self.device,
            dtype=dtype if self.dtype == "auto" else self.dtype,
        )

    def within(self, positions: int | None) -> Recipe:
        """The same recipe for a model of so many positions: a longer context is cut to them."""
        if positions is None or self.context <= positions:
            return self
        stride = min(self.stride, positions // 2)
        return replace(self, context=positions, stride=stride)

    @property
    def label(self) -> str:
        """Short, for the screen: `first token context · 512/256 · float32 cpu`."""
        return (
            f"first token {self.first_token} · {self.context}/{self.stride} · "
            f"{self.dtype} {self.device}" + ("" if self.top == TOP else f" · top {self.top}")
        )

    @property
    def digest(self) -> str:
        """16 hex digits over every field and the scoring's version: its name in the store."""
        choices = self.to_json()
        if self.top == TOP:  # as it always was before it could be chosen: the same numbers
            del choices["top"]
        return hashlib.sha256(json.dumps([SCORING, choices], sort_keys=True).encode()).hexdigest()[
            :16
        ]

    def to_json(self) -> dict[str, str | int]:
        """Every field by its name."""
        return asdict(self)

    def differences(self, other: Recipe) -> list[str]:
        """The choices in which two recipes differ, as `context 512 / 1024`."""
        return [
            f"{f.name.replace('_', ' ')} {getattr(self, f.name)} / {getattr(other, f.name)}"
            for f in fields(self)
            if getattr(self, f.name) != getattr(other, f.name)
        ]


def _list(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"

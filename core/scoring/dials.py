"""The dials of sampling: how a next-token distribution is reshaped before a token is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import EyebrowError


@dataclass(frozen=True, slots=True)
class Dials:
    """What is turned, in the order it is applied; the defaults change nothing.

    repetition_penalty: logits of tokens in the context are divided by it where they are above 0,
        multiplied where they are below (Keskar et al. 2019); over 0, 1 for none.
    temperature: logits are divided by it; 0 is greedy, inf makes all tokens that are possible
        equally likely.
    top_k: only the k likeliest stay (those as likely as the k-th too); 0 for all.
    top_p: only the likeliest stay that together reach p (Holtzman et al. 2020); 1 for all.
    min_p: only what has at least this share of the likeliest's probability stays (Nguyen et al.
        2024); 0 for all.

    Raises `EyebrowError` for values out of these ranges.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        _check("temperature", self.temperature, self.temperature >= 0, "0 or more")
        _check("top-k", self.top_k, self.top_k >= 0, "0 (all) or more")
        _check("top-p", self.top_p, 0 <= self.top_p <= 1, "0 to 1")
        _check("min-p", self.min_p, 0 <= self.min_p <= 1, "0 to 1")
        penalty = self.repetition_penalty
        _check("repetition penalty", penalty, 0 < penalty < math.inf, "more than 0; 1 is none")

    @property
    def label(self) -> str:
        """Those that are turned, for a status line: `T 0.8, top-p 0.9`; `greedy` for T 0."""
        turned = [
            f"{name} {value:g}"
            for name, value, neutral in (
                ("T", self.temperature, 1.0),
                ("top-k", self.top_k, 0),
                ("top-p", self.top_p, 1.0),
                ("min-p", self.min_p, 0.0),
                ("penalty", self.repetition_penalty, 1.0),
            )
            if value != neutral
        ]
        if self.temperature == 0:  # what is cut behind it changes nothing
            turned = ["greedy", *(text for text in turned if text.startswith("penalty"))]
        return ", ".join(turned) or "T 1"


def _check(name: str, value: float, is_right: bool, range_: str) -> None:
    if not is_right:
        raise EyebrowError("Bad dial", f"{name} is {value:g}; use {range_}")


NEUTRAL = Dials()

"""What `,` and `.` turn in Sample: the dials, the seed of the draws, the bar under the cursor."""

from __future__ import annotations

import math

from ...core.errors import EyebrowError

TURNS = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed", "bar")
"""What `;` goes through."""
SHOWN = {
    "temperature": "T",
    "top_k": "top-k",
    "top_p": "top-p",
    "min_p": "min-p",
    "repetition_penalty": "penalty",
    "seed": "seed",
    "bar": "this bar",
}
HINTS = {
    "temperature": "0 is greedy, inf makes all equally likely",
    "top_k": "only so many of the likeliest stay; 0: all",
    "top_p": "only the likeliest that together reach this share stay; 1: all",
    "min_p": "only what has this share of the likeliest's probability stays; 0: all",
    "repetition_penalty": "on what was there; 1: none",
    "seed": "of the draws, a whole number",
    "bar": "its probability, 0 to below 1; the others share the rest",
}
_STEPS = {"temperature": 0.1, "top_p": 0.05, "min_p": 0.01, "repetition_penalty": 0.05}
_RANGES = {
    "temperature": (0.0, 5.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "repetition_penalty": (0.05, math.inf),
}
_CHOICES = (0, *range(1, 11), 20, 50, 100, 200, 500, 1000)  # of top-k
_LEAST = 1e-4  # of a bar that is raised: what is cut stands at 0, from where no odds lead


def stepped(turned: str, value: float, by: int) -> float:
    """One of `TURNS` a step up (1) or down (-1) from `value`; a bar's odds by a half."""
    if turned == "top_k":
        above = next((k for k in _CHOICES if k > value), value)
        below = next((k for k in reversed(_CHOICES) if k < value), 0)
        return above if by > 0 else below
    if turned == "seed":
        return max(0, value + by)
    if turned == "bar":
        value = min(max(value, _LEAST), 1 - _LEAST)
        odds = value / (1 - value) * 1.5**by
        return odds / (1 + odds) if odds > _LEAST else 0.0
    least, most = _RANGES[turned]
    return max(least, min(round(value + by * _STEPS[turned], 4), most))


def whole(turned: str, value: float) -> int:
    """Of a dial that takes whole numbers. Raises `EyebrowError` for others."""
    if not (math.isfinite(value) and value >= 0 and value == int(value)):
        raise EyebrowError("Bad dial", f"{SHOWN[turned]} is a whole number, 0 or more")
    return int(value)

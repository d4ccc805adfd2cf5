"""What passes between the process that measures damage and the one that draws: frozen, plain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .progress import Progress

if TYPE_CHECKING:  # arrays are no business of the first paint
    from ..models.spec import ModelSpec
    from ..results.damage import Damage
    from ..scoring.recipe import Recipe
    from ..stories.story import Story
    from .messages import Settings


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure these variants against their reference on these stories; the only request.

    recipe: its device may still be open.
    """

    settings: Settings
    reference: ModelSpec
    variants: tuple[ModelSpec, ...]
    stories: tuple[Story, ...]
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Row:
    """One is done; variant: its name, "" for the noise floor."""

    variant: str
    damage: Damage


@dataclass(frozen=True, slots=True)
class Refused:
    """One cannot be measured; variant: "" where none can."""

    variant: str
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """There is no more to come."""


Reply = Progress | Row | Refused | Ended

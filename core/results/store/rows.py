"""What goes into a store and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from ...models.member import Member
from ...scoring.recipe import Recipe
from ...scoring.scores import StoryScore, Summary
from ...stories.story import Label, Story


@dataclass(frozen=True, slots=True)
class Row:
    """What one row is made of."""

    story: Story
    model: Member
    recipe: Recipe
    score: StoryScore


@dataclass(frozen=True, slots=True)
class Entry:
    """What the store says of a story without its tokens; a story of no run has no group."""

    label: Label
    summary: Summary


@dataclass(frozen=True, slots=True)
class Contents:
    """Every story under one model and recipe, as the runs call them.

    members: the names that runs gave these weights, the newest last. rows: a story each; those
    that tell one text have one digest and the same sums. recipe_digest: as the store has it; that
    of `recipe` differs where an older version scored.
    """

    members: tuple[Member, ...]
    recipe: Recipe
    recipe_digest: str
    rows: tuple[Entry, ...]

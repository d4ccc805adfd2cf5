"""A small real store: two of pocket's models over twelve of the bundled stories."""

from __future__ import annotations

from pathlib import Path

import pytest
from eyebrow.core import Recipe, score
from eyebrow.core.stories import bundled_stories

MODELS = ["pocket-50k", "pocket-200k"]


@pytest.fixture(scope="session")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store's folder."""
    folder = tmp_path_factory.mktemp("report") / "scores"
    stories = list(bundled_stories())
    score([*stories[:2], *stories[-10:]], MODELS, recipe=Recipe(device="cpu"), store=folder)
    return folder

"""Desks and models for the tests of the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engine.desk import Desk
from eyebrow.core.engine.messages import Settings
from eyebrow.core.models.catalogue import ModelSpec


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    desks: list[Desk] = []

    def opener(**settings: Any) -> Desk:
        defaults = {"device": "cpu", "store": str(tmp_path / "scores"), "offline": True}
        desks.append(Desk(Settings(**defaults | settings)))
        return desks[-1]

    yield opener
    for desk in desks:
        desk.engine.close()
        desk.process.kill()
        desk.process.wait()


@pytest.fixture(scope="session")
def spec(tiny: Callable[[str], Path]) -> Callable[[str], ModelSpec]:
    return lambda name: ModelSpec(name, "folder", str(tiny(name)))

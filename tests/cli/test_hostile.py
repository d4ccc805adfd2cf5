"""Whatever is thrown at it ends in one clear line and the right exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import BIGRAM, Outcome
from .hostile import FILES


@pytest.mark.parametrize(("make", "words"), FILES.values(), ids=FILES.keys())
def test_stories_that_are_none(
    make: Callable[[Path], Path], words: str, cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    done = cli("score", make(tmp_path), "-m", BIGRAM, "--no-store")
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("eyebrow: ")
    assert done.err.count("\n") == 1
    assert "\x1b" not in done.err
    assert words in done.err

"""Why a worker has gone, in words for a user."""

from __future__ import annotations

from pathlib import Path

import pytest
from eyebrow.core.engine.client import last_words
from eyebrow.core.errors import NO_MEMORY

MEMORY = (
    "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n",
    "ImportError: /lib/libtorch_cpu.so: failed to map segment from shared object\n",
    "Traceback (most recent call last):\n  File x\nMemoryError\n\n",
    "std::bad_alloc\nterminate called recursively\nwhat():\n",
)


@pytest.mark.parametrize("said", MEMORY)
def test_memory_is_told_however_it_is_said(said: str, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text(said)
    assert last_words(log) == NO_MEMORY


def test_other_words_are_the_last_ones(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("a warning\nRuntimeError: the lamp is out\n")
    assert last_words(log) == "the lamp is out"
    assert last_words(tmp_path / "none") == ""


def test_words_of_workers_before_it_are_not_its_own(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("RuntimeError: the lamp is out\n")
    assert last_words(log, log.stat().st_size) == ""

"""Whatever is thrown at it ends in one clear line and the right exit code."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core import Recipe, score

from .conftest import BIGRAM, Outcome
from .faults import FAULTS, MODELS, Fault

# Neither a class nor a number of the system: neither says what to do.
INTERNALS = re.compile(
    r"\w(Error|Exception|Warning)\b|\berrno\b|Traceback|0x[0-9a-f]{6}", re.IGNORECASE
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds something."""
    folder = tmp_path_factory.mktemp("kept") / "store"
    score(["A cat sat on the mat.", "Tom ran."], BIGRAM, recipe=Recipe(device="cpu"), store=folder)
    return folder


@pytest.fixture
def is_nobody_special() -> Iterator[None]:
    """Permissions hold for root as well: what sets it above them is laid down in this thread."""
    before = _capabilities()
    if before is None:
        yield
        return
    above = sum(1 << number for number in (1, 2))  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    _set_effective(before, before[0] & ~above)
    try:
        yield
    finally:
        _set_effective(before, before[0])


def scores_of(store: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (store / "scores").iterdir()}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_it_is_told_in_one_line_and_nothing_is_lost(
    fault: Fault,
    cli: Callable[..., Outcome],
    kept: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_nobody_special: None,
) -> None:
    store = tmp_path / "cache" / "eyebrow" / "store"
    shutil.copytree(kept, store)
    there = scores_of(store)
    assert there
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    done = cli(*fault.command(folder), stdin=fault.stdin)
    assert done.out == ""
    assert done.err.startswith("eyebrow: ")
    assert done.err.count("\n") == 1
    assert fault.words in done.err
    assert done.code == fault.code
    assert "\x1b" not in done.err
    assert not INTERNALS.search(done.err)
    assert scores_of(store) == there
    assert not list((store / "unfinished").iterdir())
    assert not (store / "damaged").exists()


def test_bad_models_stop_no_other(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    """Nor what it finds, nor what is kept of it; but a folder that is no model stops all.

    Every fourth fault will do: each of them is told by itself above.
    """
    faults = [name for name in MODELS if name != "no configuration"][::4]
    named: list[object] = []
    for at, fault in enumerate(faults):
        (tmp_path / str(at)).mkdir()
        made = MODELS[fault][0](tmp_path / str(at))
        named += ["-m", made.rename(made.with_name(f"broken-{at}"))]
    store = tmp_path / "store"
    done = cli("score", "--limit", "1", "--store", store, "--json", *named, "-m", BIGRAM)
    assert done.code == 3
    assert [model["model"] for model in done.json["models"]] == [BIGRAM]
    failed = [failure["model"] for failure in done.json["failures"]]
    assert sorted(failed) == sorted(f"broken-{at}" for at in range(len(faults)))
    assert len(scores_of(store)) == 1  # the other's


Sets = tuple[int, int, int]  # effective, permitted, inheritable


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def _words(values: Sets) -> Any:
    """As capset(2) takes them: the lower halves, then the upper."""
    return (ctypes.c_uint32 * 6)(*(v & 0xFFFFFFFF for v in values), *(v >> 32 for v in values))


def _capabilities() -> Sets | None:
    """This thread's; None where there are none to lay down."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return None
    data = _words((0, 0, 0))
    ctypes.CDLL(None).capget(ctypes.byref(_Header(0x20080522, 0)), data)
    return (data[0] | data[3] << 32, data[1] | data[4] << 32, data[2] | data[5] << 32)


def _set_effective(sets: Sets, effective: int) -> None:
    data = _words((effective, *sets[1:]))
    assert ctypes.CDLL(None).capset(ctypes.byref(_Header(0x20080522, 0)), data) == 0

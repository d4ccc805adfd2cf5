"""A limit on the address space is told before a library fails in its own way, or never ends."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import BIGRAM, Outcome

COMMANDS: dict[str, tuple[str, ...]] = {
    "score": ("score", "--limit", "1", "-m", BIGRAM),
    "tokens": ("tokens", "A cat", "-m", BIGRAM),
    "doctor": ("doctor",),
    "open": ("open",),
    "bare": (),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_too_little_is_told_in_one_line(
    words: tuple[str, ...], cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eyebrow.core.commands.bundled.needs_terminal", lambda source: None)
    monkeypatch.setattr("eyebrow.core.commands.screen.needs_terminal", lambda source: None)
    monkeypatch.setattr("eyebrow.tui.run", pytest.fail)
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1_200_000_000, -1))
    done = cli(*words)
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert "address space is limited to 1.2 GB, and it takes 1.5 GB or more" in done.err
    assert "ulimit -v unlimited" in done.err


def test_help_and_what_is_enough_go_on(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: Any = iter(((1_200_000_000, -1), (1_600_000_000, -1)))
    monkeypatch.setattr(resource, "getrlimit", lambda what: next(ends))
    assert cli("score", "--help").code == 0
    next(ends)
    assert cli("tokens", "the cat", "-m", BIGRAM).code == 0


def test_bare_eyebrow_looks_at_its_store(
    cli: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eyebrow.core.commands.bundled.needs_terminal", lambda source: None)
    monkeypatch.setattr("eyebrow.tui.run", pytest.fail)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "eyebrow").symlink_to(tmp_path / "nowhere")
    done = cli()
    assert (done.code, done.out) == (2, "")
    assert "a link that leads nowhere" in done.err
    assert str(tmp_path / "cache" / "eyebrow") in done.err

"""Helpers for the tests of core/stories."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.stories import Story, open_stories

Write = Callable[[str, "str | bytes"], Path]
Fails = Callable[..., EyebrowError]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file in an empty folder, text as it is, and gives its path."""

    def writer(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return writer


@pytest.fixture
def fails() -> Fails:
    """Opens and reads a source that is wrong, and gives the error."""

    def reader(source: object, **options: object) -> EyebrowError:
        with pytest.raises(EyebrowError) as caught:
            list(open_stories(source, **options))  # type: ignore[arg-type]
        assert "\n" not in caught.value.message
        return caught.value

    return reader


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], None]:
    """Puts text on standard input."""

    def setter(content: str | bytes) -> None:
        data = content.encode() if isinstance(content, str) else content
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return setter


@pytest.fixture
def shared() -> Path:
    """Real material that lies beside the repository, not in it."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not on this machine")
    return folder


def texts(stories: object) -> list[str]:
    """The texts, in order."""
    return [story.text for story in stories]  # type: ignore[attr-defined]


def by_id(stories: object) -> dict[str, Story]:
    """The stories by their ids."""
    return {story.id: story for story in stories}  # type: ignore[attr-defined]

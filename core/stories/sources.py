"""`open_stories`: whatever a user names, as stories to iterate over.

Nothing is read before the first story is asked for, and never more than a piece of it at a time.
The readers are imported where a source needs them: the bundled stories are on the way to the
first picture on the screen and need none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EyebrowError
from ..files import closed_folder
from ..wording import many
from .bundled import bundled_stories
from .drafts import Draft, Finisher
from .story import Story

if TYPE_CHECKING:
    from .columns import Asked
    from .stream import Opener


def _unknown() -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where drafts come from. `is_once`: what is read is gone, as with a pipe."""

    name: str
    drafts: Callable[[], Iterator[Draft]]
    count: Callable[[], int | None] = _unknown
    is_once: bool = False


class Stories:
    """Stories in order, read as they are asked for; each `for` over it reads the source anew.

    `name` is for the screen. `skipped` counts the empty stories left out of the latest pass.
    Bad input raises `EyebrowError` from the `for`, at the place where it is met; so does a
    source without any story.
    """

    def __init__(self, origin: _Origin, limit: int | None = None) -> None:
        if limit is not None and limit < 1:
            raise EyebrowError("Bad limit", f"limit is {limit}; it takes 1 or more")
        self._origin = origin
        self._limit = limit
        self._passes = 0
        self._counted: int | None = None
        self.skipped = 0

    @property
    def name(self) -> str:
        """What to call the source: bundled, stdin, the file's name, the dataset's id."""
        return self._origin.name

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be read more than once; a pipe cannot."""
        return not self._origin.is_once

    @property
    def expected(self) -> int | None:
        """How many stories there are, if the source says so before it is read.

        Parquet counts its rows, those without text too. After a full pass it is what that
        pass found, whatever the source.
        """
        count = self._origin.count() if self._counted is None else self._counted
        if count is None or self._limit is None:
            return count
        return min(count, self._limit)

    def __iter__(self) -> Iterator[Story]:
        self._passes += 1
        if self._passes > 1 and self._origin.is_once:
            raise EyebrowError(
                "Already read", f"{self.name} can be read only once; save it to a file first"
            )
        return self._read()

    def _read(self) -> Iterator[Story]:
        finisher = Finisher(self.name)
        self.skipped = 0
        for draft in self._origin.drafts():
            story = finisher.story(draft)
            self.skipped = finisher.skipped
            if story is None:
                continue
            yield story
            if finisher.stories == self._limit:
                self._counted = self._limit
                return
        self._counted = finisher.stories
        if not finisher.stories:
            empty = f", only {many(finisher.skipped, 'empty one')}" if finisher.skipped else ""
            raise EyebrowError(
                "No stories", f"{self.name} holds no stories{empty}; choose another source"
            )


def open_stories(
    source: str | Path | None = None,
    *,
    column: str | None = None,
    split: str = "train",
    limit: int | None = None,
    per_line: bool = False,
    group: str | None = None,
) -> Stories:
    """Opens stories: the bundled ones (None), a file, a folder, `-` or a dataset's `owner/name`.

    column: which column of a table is the story; found by itself where it is plain.
    split: of a Hugging Face dataset, with a slice if you like: `train[:5000]`.
    limit: stop after so many stories.
    per_line: plain text holds one story a line.
    group: which column of a table joins stories that are not independent of each other (one
    author's), so that intervals draw them together; the pairs of a source where none is named.
    """
    if source is None and column is None and group is None:
        return Stories(_bundled(), limit)
    from .columns import Asked

    return Stories(_origin(source, Asked(column, group), split, per_line), limit)


def _bundled() -> _Origin:
    stories = bundled_stories()
    return _Origin("bundled", lambda: map(_draft, stories), lambda: len(stories))


def _origin(source: str | Path | None, asked: Asked, split: str, per_line: bool) -> _Origin:
    if source is None:
        if asked.options:
            from .files import no_columns

            no_columns("the bundled stories have", asked)
        return _bundled()

    from .files import KNOWN
    from .hub import hub_drafts, looks_like_dataset
    from .stream import stdin_opener

    if str(source) == "-":
        return _piped(stdin_opener, "stdin", asked, per_line)
    path = Path(source).expanduser()
    if str(source) and os.path.lexists(path):
        return _on_disk(path, asked, per_line)
    if str(source) and (closed := closed_folder(path)) is not None:
        raise EyebrowError(
            "No permission",
            f"{closed} may not be searched by this user; change its permissions, or copy the "
            "stories",
        )
    if isinstance(source, str) and looks_like_dataset(source) and not source.endswith(KNOWN):
        return _Origin(source, lambda: hub_drafts(source, split, asked))
    raise EyebrowError(
        "No such file",
        f"there is no file or folder {str(source)!r}; check the path (a Hugging Face dataset is "
        "written owner/name)",
    )


def _on_disk(path: Path, asked: Asked, per_line: bool) -> _Origin:
    from .files import check_file, check_options, file_count, file_drafts, folder_files
    from .stream import file_opener

    name = path.name or path.resolve().name or str(path)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise EyebrowError(
            "No such file", f"{path} cannot be opened: {error.strerror}; check the path"
        ) from None
    if stat.S_ISDIR(mode):
        files = folder_files(path, name)
        return _Origin(
            name,
            lambda: chain.from_iterable(
                file_drafts(file, file.name, asked, per_line, in_folder=True) for file in files
            ),
        )
    if stat.S_ISCHR(mode) and not _is_terminal(path):
        raise EyebrowError("Not a file", f"{path} is a device; name a file, a folder or a pipe")
    if not stat.S_ISREG(mode):
        return _piped(file_opener(path), name, asked, per_line)
    check_file(path, name)
    check_options(path, name, asked, per_line)
    return _Origin(
        name,
        lambda: file_drafts(path, name, asked, per_line),
        lambda: file_count(path, name, asked),
    )


def _piped(opener: Opener, name: str, asked: Asked, per_line: bool) -> _Origin:
    from .files import piped_drafts

    return _Origin(name, lambda: piped_drafts(opener, name, asked, per_line), is_once=True)


def _is_terminal(path: Path) -> bool:
    with path.open("rb", buffering=0) as device:
        return device.isatty()


def _draft(story: Story) -> Draft:
    said = (story.id, story.title, story.kind, story.pair)
    starts = story.sentence_starts
    return Draft(story.text, *said, group=story.group, sentence_starts=starts, ending=story.ending)

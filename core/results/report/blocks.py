"""What a report is made of: sections of blocks, the same for Markdown, HTML and notebook.

All text in them is plain: whoever writes a face escapes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .excerpts import Excerpt
    from .palette import Inks


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph. quiet: an aside, set smaller."""

    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Points:
    """A list; each item one or two sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms and what is said of each."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines to be typed or copied, as they are."""

    text: str
    language: str = "sh"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads; the first `words` columns are words, the rest numbers.

    long: more rows than a page takes.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    long: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart. name: of its file; alt: what it shows, in words and numbers; draw: with given
    inks, as paper and screens differ."""

    name: str
    caption: str
    alt: str
    draw: Callable[[Inks], Figure]


@dataclass(frozen=True, slots=True)
class Reading:
    """A story to be read: its head line, a line on its numbers, its text, and where in it the
    surprise is ("" where that is not known)."""

    title: str
    about: str
    text: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """One story under several models, coloured token by token, beside each other.

    has_top: whether each token tells what was likelier.
    """

    title: str
    excerpts: tuple[Excerpt, ...]
    has_top: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """What is read first: charts, and the answers beside them."""

    pictures: tuple[Picture, ...]
    answers: Terms


@dataclass(frozen=True, slots=True)
class Folded:
    """Points that are unfolded by whoever wants them, under their title."""

    title: str
    points: Points


Block = Prose | Points | Terms | Listing | Table | Picture | Reading | Compared | Opening | Folded


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it. anchor: its name in links; `parts` have no parts."""

    anchor: str
    title: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Section, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]

"""The report as Markdown, as GitHub, pandoc and notebooks read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from ...files import write_atomically
from ...wording import readable, visible
from .blocks import (
    Block,
    Compared,
    Document,
    Folded,
    Listing,
    Opening,
    Picture,
    Points,
    Prose,
    Reading,
    Section,
    Table,
    Terms,
)
from .excerpts import Excerpt
from .palette import SURPRISE_EDGES
from .svg import png, standing

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
_LINE_START = re.compile(r"^(\s*\d*)([-+=](?=[-=\s]|$)|(?<=\d)[.)](?=\s|$))", re.MULTILINE)
_RAISED = 5  # the step from which a word is set apart: 8 bits

Link = Callable[[Picture], str]


def markdown(document: Document, link: Link) -> str:
    """The whole report; link: where a picture lies, as an address relative to the report."""
    parts = [f"# {_escaped(document.title)}", _escaped(document.subtitle)]
    for section in document.sections:
        parts += section_lines(section, link)
    return "\n\n".join(parts) + "\n"


def write(document: Document, models: int, place: Path) -> str:
    """The report that will lie at `place`, once its pictures lie in a folder beside it."""
    folder = place.with_name(f"{place.stem}-files")
    folder.mkdir(exist_ok=True)
    for picture in pictures_of(document.sections):
        text = standing(picture.draw, models, picture.name, picture.alt)
        write_atomically(folder / f"{picture.name}.svg", text.encode())
        write_atomically(folder / f"{picture.name}.png", png(picture.draw, models))
    return markdown(document, lambda picture: quote(f"{folder.name}/{picture.name}.svg"))


def pictures_of(sections: Sequence[Section]) -> Iterator[Picture]:
    """All of them, in order."""
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Picture):
                yield block
            elif isinstance(block, Opening):
                yield from block.pictures
        yield from pictures_of(section.parts)


def section_lines(section: Section, link: Link, depth: int = 2) -> list[str]:
    """A section's blocks, its heading first."""
    parts = [f"{'#' * depth} {_escaped(section.title)}"]
    for block in section.blocks:
        parts += blocks_lines(block, link)
    for part in section.parts:
        parts += section_lines(part, link, depth + 1)
    return parts


def blocks_lines(block: Block, link: Link) -> list[str]:
    """One block as Markdown's own blocks."""
    match block:
        case Prose():
            return [_escaped(block.text)]
        case Points():
            return ["\n".join(f"- {_escaped(item)}" for item in block.items)]
        case Terms():
            return ["\n".join(f"- **{_escaped(a)}**: {_escaped(b)}" for a, b in block.pairs)]
        case Listing():
            return [f"```{block.language}\n{block.text.rstrip()}\n```"]
        case Picture():
            return [
                f"![{_escaped(visible(block.alt))}]({link(block)})",
                f"*{_escaped(block.caption)}*",
            ]
        case Table():
            return [_escaped(block.caption), _table(block)]
        case Reading():
            head = f"**{_escaped(block.title)}** ({_escaped(block.about)})"
            return [head, _quoted(block.text), *([_escaped(block.where)] if block.where else [])]
        case Compared():
            return list(_compared(block))
        case Opening():
            parts = [line for one in block.pictures for line in blocks_lines(one, link)]
            return [*parts, *blocks_lines(block.answers, link)]
        case Folded():
            return [f"**{_escaped(block.title)}**", *blocks_lines(block.points, link)]


def _table(block: Table) -> str:
    marks = ["---" if i < block.words else "---:" for i in range(len(block.heads))]
    rows = [block.heads, *block.rows]
    cells = [[_escaped(visible(cell)) for cell in row] for row in rows]
    cells.insert(1, marks)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _compared(block: Compared) -> Iterator[str]:
    yield (
        "In bold: tokens of 8 bits of surprise and more, with their bits behind them. "
        f"(The HTML report colours every token in {len(SURPRISE_EDGES) + 1} steps.)"
    )
    for excerpt in block.excerpts:
        yield f"**{_escaped(excerpt.model)}** ({_escaped(excerpt.about)})"
        yield _quoted(_marked(excerpt), ready=True)


def _marked(excerpt: Excerpt) -> str:
    """The text with its raised eyebrows in bold; HTML's own <b>, as ** fails within a word."""
    out = []
    for piece in excerpt.pieces:
        text = _escaped(piece.text)
        bare = text.strip()
        if piece.step > _RAISED and bare:
            before, after = text[: text.index(bare)], text[text.index(bare) + len(bare) :]
            text = f"{before}<b>{bare}</b><sub>{piece.bits:.0f}</sub>{after}"
        out.append(text)
    return "".join(out)


def _quoted(text: str, *, ready: bool = False) -> str:
    """A quotation, line by line; an empty line parts paragraphs."""
    lines = (text if ready else _escaped(text)).split("\n")
    # A backslash keeps a line's end where the next line follows at once.
    ends = [
        "\\" if line.strip() and after.strip() else "" for line, after in pairwise([*lines, ""])
    ]
    return "\n".join(f"> {line}{end}".rstrip() for line, end in zip(lines, ends, strict=True))


def _escaped(text: str) -> str:
    """Text that says in Markdown what it says here: no markup, no HTML, no formula."""
    text = _SPECIAL.sub(r"\\\1", readable(text))
    return _LINE_START.sub(r"\1\\\2", text)

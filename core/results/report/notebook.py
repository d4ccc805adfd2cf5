"""The report as a notebook: the same sections, with cells that come to its numbers again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ...errors import FAILED, EyebrowError
from . import cells
from .blocks import Document, Opening, Picture, Section
from .facts import Facts
from .markdown import section_lines
from .story_cells import CONSISTENT, DISTRIBUTION, EXTREMES, PLACES, STORIES, TOKENS

_TIMEOUT = 900  # seconds for one cell: large models take their time to load
_LOOSE = {"float32": 1e-4, "float64": 1e-6}  # relative; other precisions round more

_ORDER = ("short", "findings", "scored", "models", "size", "stories", "consistency")
BY_SECTION = {
    "models": (cells.READ, cells.PERPLEXITY, cells.TABLE, cells.COMMON, cells.INTERVALS),
    "size": (cells.PLOT, cells.FIT),
    "stories": (STORIES,),
    "consistency": (CONSISTENT, DISTRIBUTION),
    "hard-stories": (EXTREMES,),
    "tokens": (TOKENS, PLACES),
}
"""Which cells stand under which of the report's sections."""

_OPEN = ("scored", *BY_SECTION, "scaling-laws", "reproduce", "definitions")


def notebook(facts: Facts, document: Document, place: Path) -> Any:
    """A notebook that has been run; place: where it will lie.

    Raises `EyebrowError` where a cell fails.
    """
    made = _made(_cells(facts, document, place))
    client = NotebookClient(
        made,
        timeout=_TIMEOUT,
        resources={"metadata": {"path": str(place.parent)}},
        extra_arguments=["--log-level=ERROR"],
    )
    try:
        # Cells import what is installed, not what lies in the folder the notebook is written to.
        client.execute(env=os.environ | {"PYTHONSAFEPATH": "1"})
    except CellExecutionError as error:
        raise EyebrowError(
            "The notebook fails", f"a cell ends with {error.evalue or error.ename}", FAILED
        ) from error
    nbformat.validate(made)
    return made


def template(facts: Facts, document: Document, place: Path) -> Any:
    """The notebook for a class: tasks and questions are open, the checks are there; not run."""
    return _made(_cells(facts, document, place, is_open=True))


def _made(found: Iterator[Any]) -> Any:
    made = new_notebook(cells=list(found))
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.validate(made)
    return made


def _cells(
    facts: Facts, document: Document, place: Path, *, is_open: bool = False
) -> Iterator[Any]:
    values = _values(facts, place)
    yield new_markdown_cell(f"# {document.title}\n\n{document.subtitle}")
    yield from _cell(cells.SETUP, values, is_open)
    by_anchor = {section.anchor: section for section in document.sections}
    for anchor in [*_ORDER, *(a for a in by_anchor if a not in _ORDER)]:
        section = by_anchor[anchor]
        if is_open and anchor == "short":
            yield new_markdown_cell(_questions(section))
        if is_open and anchor not in _OPEN:
            continue
        yield new_markdown_cell(_said(section))
        for cell in BY_SECTION.get(anchor, ()):
            if cell is not cells.COMMON or facts.sheet.mixes_tokenizers:
                yield from _cell(cell, values, is_open)


def _cell(cell: cells.Cell, values: Mapping[str, str], is_open: bool) -> Iterator[Any]:
    if cell.told:
        yield new_markdown_cell(f"**Yours:** {cell.told}" if is_open and cell.blank else cell.told)
    for code in (cell.blank if is_open and cell.blank else cell.code, cell.check):
        for mark, value in values.items():
            code = code.replace(mark, value)
        if code:
            yield new_code_cell(code)


def _questions(section: Section) -> str:
    """What is to be answered, from the answers."""
    asked = [
        f"**{term}**\n\n*Your answer, with its numbers:*"
        for block in section.blocks
        if isinstance(block, Opening)
        for term, _ in block.answers.pairs
    ]
    return "\n\n".join(["## Questions", *asked])


def _said(section: Section) -> str:
    """What the section says, less the pictures and tables that its cells make."""
    if section.anchor not in BY_SECTION:
        return "\n\n".join(section_lines(_without_pictures(section), _no_link))
    return f"## {section.title}"


def _without_pictures(section: Section) -> Section:
    blocks = [one.answers if isinstance(one, Opening) else one for one in section.blocks]
    kept = tuple(block for block in blocks if not isinstance(block, Picture))
    return Section(section.anchor, section.title, kept, section.parts)


def _no_link(picture: Picture) -> str:
    raise ValueError(f"{picture.name} has no file")


def _values(facts: Facts, place: Path) -> dict[str, str]:
    """What stands in the code for the marks in braces."""
    recipe, sizes = facts.sheet.recipe, {row for one in facts.fits for row in one.sizes}
    models = [
        (
            *(one.name, one.family or one.name, row in sizes, one.tokenizer, one.digest),
            facts.places[one.name],
        )
        for row, one in enumerate(facts.sheet.models)
    ]
    listed = "".join(f"        {model!r},\n" for model in models)
    return {
        "{store}": _path(facts.store.folder, place.parent),
        "{recipe}": facts.sheet.recipe_digest,
        "{models}": f"[\n{listed}    ]",
        "{sizes}": repr([facts.names[row] for row in facts.lead.sizes]),
        "{seed}": str(facts.seed),
        "{run}": repr(facts.run),
        "{first_token}": recipe.first_token,
        "{context}": str(recipe.context),
        "{device}": recipe.device,
        "{dtype}": recipe.dtype,
        "{tolerance}": f"{_LOOSE.get(recipe.dtype, 0.05):g}",
    }


def _path(folder: Path, start: Path) -> str:
    """The store as code: relative to the notebook where it lies beside or below it."""
    folder, start = folder.resolve(), start.resolve()
    if folder.is_relative_to(start) or folder.parent.is_relative_to(start.parent):
        return f'Path("{Path(os.path.relpath(folder, start)).as_posix()}")'
    if folder.is_relative_to(Path.home()):
        return f'Path.home() / "{folder.relative_to(Path.home()).as_posix()}"'
    return f"Path({str(folder)!r})"

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
from .blocks import Document, Picture, Section
from .facts import Facts
from .markdown import section_lines

_TIMEOUT = 900  # seconds for one cell: large models take their time to load
_LOOSE = {"float32": 1e-4, "float64": 1e-6}  # relative; other precisions round more

# Which cells stand under which section, and what is said before each.
_CODE = {
    "models": (
        ("The scores are a folder of Parquet files, one row per text, model and recipe.", "READ"),
        ("Pooled over all tokens, not a mean of perplexities:", "TABLE"),
        ("Tokenizers differ: bits per byte compare on the bytes that all have scored.", "COMMON"),
        ("The intervals resample whole stories, those of one text or group as one:", "INTERVALS"),
        (
            "The same from scratch, without eyebrow: the logits at one place foretell the next "
            "token, −ln of its probability is the surprise, and perplexity is exp of the mean.",
            "PERPLEXITY",
        ),
        ("It agrees with what the store says, for every model that is on this machine:", "CHECK"),
    ),
    "size": (("", "PLOT"),),
    "stories": (("", "STORIES"),),
    "consistency": (("", "CONSISTENT"), ("", "DISTRIBUTION")),
    "hard-stories": (("", "EXTREMES"),),
    "tokens": (("", "TOKENS"), ("", "PLACES")),
}
_ORDER = ("findings", "scored", "models", "size", "stories", "consistency")


def notebook(facts: Facts, document: Document, place: Path, locations: Mapping[str, str]) -> Any:
    """A notebook that has been run; place: where it will lie.

    locations: names or folders by which models of other names are loaded. Raises `EyebrowError`
    where a cell fails.
    """
    made = new_notebook(cells=list(_cells(facts, document, place, locations)))
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
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


def _cells(
    facts: Facts, document: Document, place: Path, locations: Mapping[str, str]
) -> Iterator[Any]:
    filled = _filled(facts, place, locations)
    yield _text(f"# {document.title}\n\n{document.subtitle}")
    yield _code(filled["SETUP"])
    by_anchor = {section.anchor: section for section in document.sections}
    anchors = [*_ORDER, *(a for a in by_anchor if a not in _ORDER)]
    for section in (by_anchor[anchor] for anchor in anchors):
        yield _text(_said(section))
        for told, name in _CODE.get(section.anchor, ()):
            if name == "COMMON" and not facts.sheet.mixes_tokenizers:
                continue
            if told:
                yield _text(told)
            yield _code(filled[name])


def _said(section: Section) -> str:
    """What the section says, less the pictures and tables that its cells make."""
    if section.anchor not in _CODE:
        return "\n\n".join(section_lines(_without_pictures(section), _no_link))
    return f"## {section.title}"


def _without_pictures(section: Section) -> Section:
    blocks = tuple(block for block in section.blocks if not isinstance(block, Picture))
    return Section(section.anchor, section.title, blocks, section.parts)


def _no_link(picture: Picture) -> str:
    raise ValueError(f"{picture.name} has no file")


def _filled(facts: Facts, place: Path, locations: Mapping[str, str]) -> dict[str, str]:
    recipe = facts.sheet.recipe
    known = {name: where for name, where in locations.items() if name != where}
    values = {
        "{store}": _path(facts.store.folder, place.parent),
        "{recipe}": facts.sheet.recipe_digest,
        "{models}": repr(facts.names),
        "{digests}": repr([model.digest for model in facts.sheet.models]),
        "{tokenizers}": repr([model.tokenizer for model in facts.sheet.models]),
        "{seed}": str(facts.seed),
        "{run}": repr(facts.run),
        "{first_token}": recipe.first_token,
        "{context}": str(recipe.context),
        "{places}": repr(known),
        "{device}": recipe.device,
        "{dtype}": recipe.dtype,
        "{tolerance}": f"{_LOOSE.get(recipe.dtype, 0.05):g}",
    }
    sources = {name: source for name, source in vars(cells).items() if name.isupper()}
    for mark, value in values.items():
        sources = {name: source.replace(mark, value) for name, source in sources.items()}
    return sources


def _path(folder: Path, start: Path) -> str:
    """The store as code: relative to the notebook where it lies beside or below it."""
    folder, start = folder.resolve(), start.resolve()
    if folder.is_relative_to(start) or folder.parent.is_relative_to(start.parent):
        return f'Path("{Path(os.path.relpath(folder, start)).as_posix()}")'
    if folder.is_relative_to(Path.home()):
        return f'Path.home() / "{folder.relative_to(Path.home()).as_posix()}"'
    return f"Path({str(folder)!r})"


def _text(source: str) -> Any:
    return new_markdown_cell(source)


def _code(source: str) -> Any:
    return new_code_cell(source)

"""`eyebrow report`: what a store says, as a paper to hand in."""

from __future__ import annotations

import shlex
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import DONE, FAILED, EyebrowError, reason
from ..files import write_atomically
from . import options as o
from .output import complain, emit, note
from .place import place_for

if TYPE_CHECKING:
    from ..results.report.blocks import Document
    from ..results.report.facts import Facts

NEEDS = {
    ".md": ("matplotlib",),
    ".html": ("matplotlib", "jinja2"),
    ".ipynb": ("matplotlib", "nbformat", "nbclient", "ipykernel", "pandas"),
}
TITLE = "Perplexity against model size"


def report(
    store: Annotated[
        Path | None,
        typer.Argument(
            metavar="STORE",
            show_default=False,
            help="A folder of scores, as score --store DIR writes it. Nothing: the cache folder.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", show_default=False, help="Ends in .html, .md or .ipynb."
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "-m",
            "--model",
            metavar="MODEL",
            show_default=False,
            help="These models of the store alone: a family, a name, or where the model lies. May "
            "be given more than once.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="DIGEST",
            show_default=False,
            help="Numbers of this recipe. [default: the one with the most scores]",
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="NAME",
            show_default=False,
            help="The stories and models of one run alone, as it calls them: a name in STORE/runs "
            "or its beginning. [default: of all runs]",
        ),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--table",
            metavar="FILE",
            show_default=False,
            help="Every story under every model as well: .csv, .parquet or .md.",
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", metavar="TEXT", help="Of the report.")] = TITLE,
    seed: o.Seed = 0,
    assignment: Annotated[
        bool,
        typer.Option(
            "--assignment", help="An .ipynb for a class: the answers left open, checks in place."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a report that is there.")] = False,
    quiet: o.Quiet = False,
) -> int:
    """Write a report on the scores of a store: findings, tables, charts, and stories in colour.

    .html is one file that opens anywhere. .md has its charts beside it, as SVG and PNG. .ipynb is
    a notebook that has been run, with perplexity computed from scratch and checked; with
    --assignment the same notebook, its answers left open, for a class to fill in.

    \b
    Example:
      eyebrow score stories.txt -m pocket --store scores
      eyebrow report scores --out report.html
    """
    if out is None:
        raise EyebrowError("Where to", "give --out FILE.html, FILE.md or FILE.ipynb")
    place = place_for(out, tuple(NEEDS), force)
    if assignment and place.suffix.lower() != ".ipynb":
        raise EyebrowError("Not a notebook", f"--assignment writes an .ipynb, not {place.name}")
    if table is not None and table.exists() and not force:
        raise EyebrowError("Already there", f"{table} is left as it is; --force replaces it")
    _need(place.suffix.lower())
    folder = o.store_folder(store, no_store=False)
    assert folder is not None
    o.hush(offline=False)
    from ..results.again import uniting
    from ..results.report.content import document
    from ..results.report.facts import gather_facts, pick_sheet
    from ..results.store import Store

    kept = Store(folder, partial(complain, "Store"))
    kept.move()
    kept.mend()  # before anything is counted that could then not be read
    run = run and kept.run_name(run)
    sheet, others, left_out = pick_sheet(kept, recipe, _names(model or []), run)
    if not quiet:
        for line in others:
            note(f"another recipe is left out: {line}; --recipe {line[:8]} reports it")
        if apart := uniting(kept, sheet.recipe, "STORIES"):
            note(f"eyebrow: {apart}")
        if left_out:
            note(f"{left_out} stories are left out, which not all of the models have scored")
    facts = gather_facts(kept, sheet, others, left_out, seed, run)
    said = document(facts, title, _command(store, place, model or [], recipe, run, title, seed))
    try:
        _write(facts, said, place, assignment)
    except OSError as error:
        why = f"{error.filename or place}: {reason(error, named=False)}"
        raise EyebrowError("Cannot write", why, FAILED) from error
    emit(str(place))
    if table is not None:
        from ..results.table import write_table

        write_table(sheet, table)
        emit(str(table))
    return DONE


def _need(suffix: str) -> None:
    missing = [name for name in NEEDS[suffix] if find_spec(name) is None]
    if missing:
        raise EyebrowError(
            "Something is missing",
            f"a {suffix} report needs {', '.join(missing)}: pip install 'eyebrow[report]'",
        )


def _names(asked: list[str]) -> list[str]:
    """What the store may call the models: families and names, also of those in a folder."""
    from ..models.catalogue import find_models

    names: list[str] = []
    for name in asked:
        try:
            found = [spec.name for spec in find_models([name])]
        except EyebrowError:  # what is not on this machine may still be in the store
            found = [name]
        names += [name] if len(found) > 1 else found
    return names


def _command(
    store: Path | None,
    place: Path,
    models: list[str],
    recipe: str | None,
    run: str | None,
    title: str,
    seed: int,
) -> str:
    """What was typed, less what stands for itself."""
    words = ["eyebrow", "report", *([str(store)] if store else []), "--out", place.name]
    for name in models:
        words += ["-m", name]
    words += ["--recipe", recipe] if recipe else []
    words += ["--run", run] if run else []
    words += ["--title", title] if title != TITLE else []
    words += ["--seed", str(seed)] if seed else []
    return shlex.join(words)


def _write(facts: Facts, said: Document, place: Path, assignment: bool) -> None:
    models = len(facts.names)
    if place.suffix.lower() == ".html":
        from ..results.report.html import html

        _put(place, html(said, models))
    elif place.suffix.lower() == ".md":
        from ..results.report.markdown import write

        _put(place, write(said, models, place))
    else:
        import nbformat

        from ..results.report.notebook import notebook, template

        made = template(facts, said, place) if assignment else notebook(facts, said, place)
        _put(place, nbformat.writes(made))


def _put(place: Path, text: str) -> None:
    write_atomically(place, text.encode("utf-8", "replace"))

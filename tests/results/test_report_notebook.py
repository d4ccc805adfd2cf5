"""The notebook runs top to bottom, and its numbers are the store's."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import nbformat
import numpy as np
import pytest
from eyebrow.core import EyebrowError
from eyebrow.core.results.report import cells
from eyebrow.core.results.report.content import document
from eyebrow.core.results.report.facts import gather_facts, pick_sheet
from eyebrow.core.results.report.notebook import BY_SECTION, notebook, template
from eyebrow.core.results.store import Store
from nbclient import NotebookClient


@pytest.fixture
def place(scored: Path, tmp_path: Path) -> Path:
    shutil.copytree(scored, tmp_path / "scores")
    return tmp_path / "report.ipynb"


def test_what_the_cells_import_is_there() -> None:
    """A room that moves takes its name along; no kernel is needed to see it."""
    every = [cells.SETUP, *(cell for group in BY_SECTION.values() for cell in group)]
    codes = [code for cell in every for code in (cell.code, cell.blank, cell.check)]
    lines = [
        line for code in codes for line in code.splitlines() if line.startswith("from eyebrow")
    ]
    assert len(lines) > 5
    for line in lines:
        module, _, names = line.removeprefix("from ").partition(" import ")
        for name in names.split(", "):
            assert hasattr(import_module(module), name), line


def test_the_notebook_is_written_run_and_runs_again(place: Path) -> None:
    store = Store(place.parent / "scores")
    facts = gather_facts(store, *pick_sheet(store, None, []), seed=0)
    made = notebook(facts, document(facts, "A report", "eyebrow report"), place)
    nbformat.write(made, place)
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    assert 'STORE = Path("scores")' in code[0].source
    assert all(cell.outputs for cell in code[1:] if "def compute_perplexity" not in cell.source)
    kinds = [kind for cell in code for out in cell.outputs for kind in out.get("data", {})]
    assert kinds.count("image/png") == 3
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]

    moved = place.parent / "moved"  # the notebook and its store, somewhere else
    moved.mkdir()
    shutil.move(store.folder, moved / "scores")
    again = nbformat.read(place, as_version=4)
    columns = "['perplexity', 'low', 'high', 'bits_per_byte', 'mean_story_perplexity']"
    again.cells.append(nbformat.v4.new_code_cell(f"print(models[{columns}].to_numpy().tolist())"))
    again.cells.append(nbformat.v4.new_code_cell("print(len(checked), len(rows))"))
    NotebookClient(again, timeout=200, resources={"metadata": {"path": str(moved)}}).execute()
    told, counts = (cell.outputs[0].text for cell in again.cells[-2:])
    ours = [
        [pool.perplexity, *ends.perplexity, pool.bits_per_byte, pool.mean_story_perplexity]
        for pool, ends in zip(facts.pooled, facts.intervals, strict=True)
    ]
    np.testing.assert_allclose(json.loads(told), ours, rtol=1e-12)
    assert counts.split() == ["6", "24"]  # three stories under two models; all rows


@pytest.mark.slow
def test_a_wrong_number_fails_the_check(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(place.parent / "scores")
    facts = gather_facts(store, *pick_sheet(store, None, ["pocket-50k"]), seed=0)
    wrong = replace(
        cells.PERPLEXITY, code=cells.PERPLEXITY.code.replace("logits[i - 1]", "logits[i]")
    )
    monkeypatch.setitem(BY_SECTION, "models", (cells.READ, wrong))
    with pytest.raises(EyebrowError, match="a cell ends with"):
        notebook(facts, document(facts, "A report", "eyebrow report"), place)


@pytest.mark.slow
def test_a_class_gets_tasks_that_only_their_answers_close(place: Path) -> None:
    """The template gives no answer away, and each check fails until its task is done."""
    store = Store(place.parent / "scores")
    facts = gather_facts(store, *pick_sheet(store, None, []), seed=0)
    said = document(facts, "A report", "eyebrow report --assignment")
    made = template(facts, said, place)
    text = "\n".join(cell.source for cell in made.cells)
    for one in facts.found:
        assert one.text not in text
    assert text.count("*Your answer, with its numbers:*") == 8
    tasks = [c for group in BY_SECTION.values() for c in group if c.blank]
    assert all(c.code not in text for c in tasks)
    assert not [c.outputs for c in made.cells if c.cell_type == "code" and c.outputs]

    client = NotebookClient(
        made, timeout=200, allow_errors=True, resources={"metadata": {"path": str(place.parent)}}
    )
    client.execute()
    wrong = [
        out.evalue
        for cell in made.cells
        if cell.cell_type == "code"
        for out in cell.outputs
        if out.output_type == "error"
    ]
    still_open = ("compute_perplexity", "perplexity", "steps", "best", "hardest tokens")
    for what in still_open:
        assert any(one.startswith(f"{what}: still open") for one in wrong), (what, wrong)

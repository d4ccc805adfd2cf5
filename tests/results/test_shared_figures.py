"""One run, told by `score --json`, by the report and by the notebook: the same figures."""

from __future__ import annotations

import base64
import contextlib
import csv
import html as htmllib
import io
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from eyebrow.core.cli import main
from eyebrow.core.results.report.blocks import Opening, Picture
from eyebrow.core.results.report.content import document
from eyebrow.core.results.report.facts import Facts, gather_facts, pick_sheet
from eyebrow.core.results.report.markdown import pictures_of
from eyebrow.core.results.report.palette import LIGHT, inks
from eyebrow.core.results.store import Store
from eyebrow.core.scoring.sentences import sentence_spans
from eyebrow.core.stories import bundled_stories

POCKET = ("pocket-bigram", "pocket-50k", "pocket-200k")


class Cells(HTMLParser):
    """The rows of all tables of a page, cell by cell."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        self._inside = tag in ("td", "th") or (self._inside and tag not in ("tr", "table"))
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def write_roc(place: Path) -> int:
    """ROCStories' shape: five columns of sentences, lower case, no end punctuation."""
    rows = []
    for story in bundled_stories():
        sentences = [story.text[a:b] for a, b in sentence_spans(story.text)][:5]
        bare = [re.sub(r"[.!?,“”\"]", "", one).strip().lower() for one in sentences]
        bare = [" ".join(one.split()[:2]) for one in bare]  # short: the tiny model sees 64 tokens
        if len(bare) == 5 and all(bare):
            rows.append([story.id, story.title, *bare])
    with place.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["storyid", "storytitle", *(f"sentence{n}" for n in range(1, 6))])
        out.writerows(rows[:24])
    return len(rows[:24])


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory, tiny: Callable[[str], Path]
) -> Iterator[tuple[Path, dict[str, Any], str]]:
    """A folder with the reports, what `score --json` printed, and what it said beside."""
    folder = tmp_path_factory.mktemp("shared")
    write_roc(folder / "roc.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        models = [word for name in (*POCKET, str(tiny("llama"))) for word in ("-m", name)]
        printed, said = _captured(["score", "roc.csv", *models, "--store", "st", "--json"])
        for suffix in ("html", "md", "ipynb"):
            _captured(["report", "st", "--out", f"r.{suffix}"])
        yield folder, json.loads(printed), said


def _captured(words: list[str]) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert main(words) == 0, err.getvalue()
    return out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def facts(run: tuple[Path, dict[str, Any], str]) -> Facts:
    store = Store(run[0] / "st")
    return gather_facts(store, *pick_sheet(store, None, []), seed=0)


@pytest.fixture(scope="module")
def outputs(run: tuple[Path, dict[str, Any], str]) -> dict[str, list[list[str]]]:
    """The tables of the notebook's cells, by the first words of the cell."""
    made = nbformat.read(run[0] / "r.ipynb", as_version=4)
    found = {}
    for cell in made.cells:
        if cell.cell_type == "code":
            for out in cell.outputs:
                if page := out.get("data", {}).get("text/html"):
                    found[cell.source.splitlines()[0]] = Cells(page).rows
    return found


def table_of(text: str, head: str) -> dict[str, list[str]]:
    """A Markdown table's rows by their first cell; head: how its first line begins."""
    lines = text[text.index(f"| {head}") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip(): row for row in rows}


def test_every_face_has_the_figures_of_score(
    run: tuple[Path, dict[str, Any], str], outputs: dict[str, list[list[str]]]
) -> None:
    folder, told, _ = run
    text = (folder / "r.md").read_text(encoding="utf-8")
    markdown = table_of(text, "model | parameters | tokens")
    in_page = Cells((folder / "r.html").read_text(encoding="utf-8")).rows
    (notebook,) = [rows for first, rows in outputs.items() if first.startswith("sums = ")]
    (ends,) = [rows for first, rows in outputs.items() if first.startswith("# One row a model")]
    (common,) = [rows for first, rows in outputs.items() if first.startswith("bits = ")]
    for row in told["models"]:
        name, (low, high) = row["model"], row["perplexity_ci95"]
        wanted = [
            f"{row['tokens']:,}",
            f"{row['perplexity']:,.2f}",
            f"[{low:,.2f}, {high:,.2f}]",
            f"{row['common']['bits_per_byte']:.3f}",
            f"{row['mean_story_perplexity']:,.2f}",
        ]
        assert [re.sub(r"\\", "", cell) for cell in markdown[name][2:]] == wanted
        assert any(cells[0] == name and cells[2:] == wanted for cells in in_page)
        (own,) = [cells for cells in notebook if cells[0] == name]
        assert float(own[-3]) == pytest.approx(row["perplexity"], rel=1e-5)
        assert float(own[-2]) == pytest.approx(row["bits_per_byte"], rel=1e-5)
        assert float(own[-1]) == pytest.approx(row["mean_story_perplexity"], rel=1e-5)
        (own,) = [cells for cells in ends if cells[0] == name]
        assert list(map(float, own[2:])) == pytest.approx([low, high], rel=1e-5)
        (own,) = [cells for cells in common if cells[0] == name]
        assert float(own[-1]) == pytest.approx(row["common"]["bits_per_byte"], abs=1e-6)


def test_stories_and_positions_are_those_of_score(
    run: tuple[Path, dict[str, Any], str], outputs: dict[str, list[list[str]]], facts: Facts
) -> None:
    folder, told, _ = run
    text = (folder / "r.md").read_text(encoding="utf-8")
    stories = {(row["story"], row["model"]): f"{row['perplexity']:,.1f}" for row in told["stories"]}
    titles = {story.title: story.id for story in facts.sheet.stories}
    rows = table_of(text, "story | tokens")
    assert len(rows) == len(titles) == 24
    for title, row in rows.items():
        wanted = [stories[titles[title], name] for name in facts.names]
        assert row[3:] == wanted  # behind a column of tokens for each tokenizer
    (shown,) = [rows for first, rows in outputs.items() if first.startswith("table = ")]
    for own in shown:
        if own[0] in titles:
            ours = [f"{float(value):,.1f}" for value in own[1:]]
            assert ours == [stories[titles[own[0]], name] for name in facts.names]

    assert {row["five_sentence_stories"] for row in told["models"]} == {24}
    positions = table_of(text, "model | sentence 1")
    for row in told["models"]:
        bits = [place["surprise"] / 0.6931471805599453 for place in row["sentence_positions"]]
        assert positions[row["model"]][1:] == [f"{value:.2f}" for value in bits]


def test_the_notebook_says_what_the_findings_say(
    run: tuple[Path, dict[str, Any], str], facts: Facts, outputs: dict[str, list[list[str]]]
) -> None:
    folder, _, _ = run
    made = nbformat.read(folder / "r.ipynb", as_version=4)
    said = "\n".join(c.source for c in made.cells if c.cell_type == "markdown")
    said = re.sub(r"\\(.)", r"\1", said)
    page = htmllib.unescape((folder / "r.html").read_text(encoding="utf-8"))
    text = re.sub(r"\\(.)", r"\1", (folder / "r.md").read_text(encoding="utf-8"))
    for one in facts.found:
        assert one.text in said
        assert one.text in page
        assert one.text in text
    printed = "\n".join(
        out.get("text", "") for c in made.cells if c.cell_type == "code" for out in c.outputs
    )
    (hardest,) = [
        one for one in facts.found if one.answers == "Hardest story" and one.family == "pocket"
    ]
    first = re.search(r"^hardest: (.*) \(", printed, re.MULTILINE)
    assert first is not None
    assert first[1] == hardest.stories[0].title
    (steps,) = [rows for first, rows in outputs.items() if first.startswith("steps = ")]
    assert [row[6] for row in steps[1:]] == [step.way or "cannot be told" for step in facts.steps]
    assert {row[1] for row in steps[1:]} == {"pocket-50k"}  # a counted model is no size
    checked = next(rows for first, rows in outputs.items() if "EyebrowError" in first)
    assert {row[1] for row in checked[1:]} == set(facts.names)  # also what is a folder


def test_there_is_no_nan_anywhere(run: tuple[Path, dict[str, Any], str]) -> None:
    folder, _, _ = run
    for name in ("r.html", "r.md"):
        assert not re.search(r"\bnan\b", (folder / name).read_text(encoding="utf-8"), re.I)
    made = nbformat.read(folder / "r.ipynb", as_version=4)
    for cell in made.cells:
        for out in cell.get("outputs", []):
            for told in (out.get("text", ""), out.get("data", {}).get("text/plain", "")):
                assert not re.search(r"\bnan\b", told, re.I), cell.source
            if image := out.get("data", {}).get("image/png"):
                assert base64.b64decode(image).startswith(b"\x89PNG")


def test_no_line_joins_families_and_no_axis_tokenizers(facts: Facts) -> None:
    said = document(facts, "A report", "eyebrow report")
    short = said.sections[0].blocks[0]
    assert isinstance(short, Opening)
    assert [one.name for one in short.pictures] == ["bits-size", "perplexity-size"]
    sizes = {model.name: model.parameters for model in facts.sheet.models}
    pocket = {sizes[name] for name in POCKET[1:]}
    for picture in pictures_of(said.sections):
        if picture.name.endswith("-size"):
            joined = [set(x) for x in lines_of(picture, len(sizes)) if len(set(x)) > 1]
            assert len(joined) == 1  # the other family has one size, and the bigram is none
            assert {min(joined[0]), max(joined[0])} == {min(pocket), max(pocket)}
        elif picture.name != "distribution":
            named = {name for name in sizes if f"{name} " in picture.alt}
            assert named in ({*POCKET}, {*sizes} - {*POCKET}, set()), picture.alt


def lines_of(picture: Picture, models: int) -> list[list[float]]:
    (axes,) = picture.draw(inks(LIGHT, models)).axes
    return [list(line.get_xdata()) for line in axes.lines]


def test_what_shortens_the_context_of_all_is_told_and_how_to_unite(
    run: tuple[Path, dict[str, Any], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tiny: Callable[[str], Path],
) -> None:
    folder, told, said = run
    assert told["recipe"]["context"] == 64
    assert "llama sees 64 tokens at once, so the context of all models is 64" in said
    assert "the others alone would have 512" in said
    monkeypatch.chdir(folder)
    capsys.readouterr()
    assert main(["score", "roc.csv", "-m", "pocket-bigram", "--store", "st", "-q"]) == 0
    assert "a context of" not in capsys.readouterr().err  # it is there under both
    assert main(["score", "roc.csv", "-m", "ngram:2:roc.csv", "--store", "st", "-q"]) == 0
    warned = capsys.readouterr().err
    assert "which does not compare with 64" in warned
    (line,) = [line for line in warned.splitlines() if "Together: " in line]
    assert "eyebrow score roc.csv -m pocket-bigram" in line
    assert f"-m {tiny('llama')} " in line
    assert "--context 64 --stride 32 --store st" in line

"""The report's faces: everything said, nothing fetched, every text only text."""

from __future__ import annotations

import html as htmllib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from eyebrow.core import Recipe, Story, open_stories, score
from eyebrow.core.results import report as pages
from eyebrow.core.results.report.blocks import Document, Listing, Reading
from eyebrow.core.results.report.content import document
from eyebrow.core.results.report.excerpts import cut
from eyebrow.core.results.report.facts import Facts, gather_facts, pick_sheet
from eyebrow.core.results.report.html import html
from eyebrow.core.results.report.markdown import markdown, pictures_of, write
from eyebrow.core.results.report.palette import DARK, LIGHT, SURPRISE_EDGES, contrast, inks
from eyebrow.core.results.report.pictures import Line, Points, against_size
from eyebrow.core.results.report.reproduce import reproduce
from eyebrow.core.results.store import Store
from eyebrow.tui.text import colour

VOID = {"meta", "link", "br", "img", "hr", "input"}
ASKED = (  # the parts of the exercise, by the anchor under which each is answered
    *("findings", "models", "size", "consistency", "hard-stories", "places", "tokens"),
    *("coloured", "stories", "scaling-laws", "reproduce", "definitions", "scored"),
)


def facts_of(folder: Path) -> Facts:
    store = Store(folder)
    return gather_facts(store, *pick_sheet(store, None, []), seed=0)


@pytest.fixture(scope="module")
def facts(scored: Path) -> Facts:
    return facts_of(scored)


@pytest.fixture(scope="module")
def said(facts: Facts) -> Document:
    return document(facts, "A report", "eyebrow report")


@pytest.fixture(scope="module")
def page(facts: Facts, said: Document) -> str:
    return html(said, len(facts.names))


class Tree(HTMLParser):
    """Fails where tags do not close in the order in which they open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.asked: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self._note(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def _note(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "data", "action", "srcset"):
                self.asked.append(value or "")


def read(page: str) -> Tree:
    tree = Tree()
    tree.feed(page)
    tree.close()
    return tree


def test_html_is_whole_and_asks_for_nothing(page: str) -> None:
    tree = read(page)
    assert tree.open == []
    assert len(tree.ids) == len(set(tree.ids))
    assert all(name.startswith("#") and name[1:] in tree.ids for name in tree.asked)
    assert not re.search(r"@import|url\((?!#)|<script|<link", page)
    assert set(ASKED) <= set(tree.ids)


def test_html_says_the_numbers_and_the_texts(page: str, facts: Facts) -> None:
    text = "".join(read(page).text)
    for pool in facts.pooled:
        assert f"{pool.perplexity:,.2f}" in text
    hardest = facts.sheet.stories[facts.order[0]]
    easiest = facts.sheet.stories[facts.order[-1]]
    assert text.count(facts.texts[hardest.digest]) == 3  # to read, and under two models
    assert facts.texts[easiest.digest] in text
    assert page.count("<svg") == 5


def test_an_excerpt_is_the_text_and_adds_up(facts: Facts) -> None:
    for column, story in enumerate(facts.sheet.stories):
        found = facts.score(0, column)
        assert found is not None
        pieces = cut(facts.texts[story.digest], found, None)
        assert "".join(piece.text for piece in pieces) == facts.texts[story.digest]
        bits = sum(piece.bits for piece in pieces if piece.told)
        assert bits * np.log(2) == pytest.approx(facts.sheet.nll[0, column], rel=1e-5)


def test_texts_are_only_text(tmp_path: Path) -> None:
    """Markup, formulas and characters that do something, in titles and in stories."""
    nasty = "<script>alert(1)</script> | *b* `c` $x$ &amp; \u202eevil\x00 ![i](http://x.y) naïve 🦊"
    texts = [f"{n}. {nasty} and then" for n in range(2)]
    stories = [Story(f"s{n}", f"T{n} {nasty}", text) for n, text in enumerate(texts)]
    score(stories, ["pocket-50k"], store=tmp_path / "scores")
    facts = facts_of(tmp_path / "scores")
    said = document(facts, nasty, "eyebrow report")
    page = html(said, 1)
    assert read(page).open == []
    assert "<script" not in page
    assert not {"\x00", "\u202e"} & set(page)
    text = write(said, 1, tmp_path / "r.md")
    assert not re.search(r"(?<!\\)(<script|\]\(http|\*b\*|\$x)", text)
    assert not {"\x00", "\u202e"} & set(text)
    rows = [line for line in text.splitlines() if line.startswith("| T0")]
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 4  # three columns: no cell of its own


def test_markdown_and_its_pictures(facts: Facts, said: Document, tmp_path: Path) -> None:
    text = write(said, len(facts.names), tmp_path / "my report.md")
    for section in said.sections:
        assert f"\n## {section.title}\n" in text
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert len(links) == 5
    for link in links:
        place = tmp_path / link.replace("%20", " ")
        assert place.read_text(encoding="utf-8").startswith("<svg")
        assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", place.read_text(encoding="utf-8"))
        assert place.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_colours_are_the_screens_steps_and_can_be_read() -> None:
    assert SURPRISE_EDGES == colour.SURPRISE_EDGES
    for theme in (LIGHT, DARK):
        steps = [contrast(step, theme.paper) for step in theme.steps]
        assert steps == sorted(steps)
        pairs = zip(theme.steps, theme.letters, strict=True)
        assert all(contrast(*pair) >= 4.5 for pair in pairs)
        assert all(contrast(theme.paper, c) >= 4.5 for c in (theme.ink, theme.quiet, theme.link))
        assert all(contrast(theme.paper, c) >= 3.0 for c in theme.ramp)


MEASURE = """<!doctype html><body><iframe width="{width}" height="800" srcdoc="{page}"></iframe>
<script>onload = () => {{
  const page = document.querySelector("iframe").contentWindow, inside = page.document;
  const charts = [...inside.querySelectorAll("svg.chart")].map(c => c.getBoundingClientRect());
  document.body.textContent = "measured " + [
    inside.documentElement.scrollWidth, page.performance.getEntriesByType("resource").length,
    charts.filter(c => c.width > 250 && c.height > 100 && c.right <= {width}).length,
    [...inside.querySelectorAll("pre")].filter(c => c.scrollWidth > c.clientWidth).length,
    Math.round(charts[0].bottom),
    Math.round(inside.querySelector("dt").getBoundingClientRect().top),
  ].join(" ");
}}</script>"""


@pytest.mark.parametrize("width", [375, 800, 1600])
def test_in_a_browser(page: str, width: int, tmp_path: Path) -> None:
    """No wider than the window, nothing fetched or cut off, a chart and an answer seen first."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs chromium")
    place = tmp_path / "frame.html"
    place.write_text(MEASURE.format(width=width, page=htmllib.escape(page)), encoding="utf-8")
    flags = (
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update", "--dump-dom"),
    )
    done = subprocess.run(
        [chromium, *flags, f"--user-data-dir={tmp_path / 'profile'}", place.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r"measured (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    assert found is not None, done.stdout[:500]
    wide, fetched, charts, cut_off, chart, answer = map(int, found.groups())
    assert wide <= width
    assert (fetched, charts, cut_off) == (0, 5, 0)
    assert max(chart, answer) < 800  # both on the first screen


def test_names_in_a_chart_cover_nothing() -> None:
    """Models close to each other and to the axes: names are placed apart, or go to a legend."""
    crowd = [(20_096, 1.69), (50_980, 1.69), (209_328, 1.54), (260_032, 1.48), (3_049_920, 1.35)]
    for points, named in (
        (crowd, True),
        ([(50_000, 1.5), (50_001, 1.5), (50_002, 1.5)] * 3, False),
    ):
        names = [
            f"a-model-with-a-name-{n}" if not named else f"pocket-{n}" for n in range(len(points))
        ]
        drawn = Points(
            tuple(names),
            tuple(range(len(points))),
            tuple(size for size, _ in points),
            tuple(value for _, value in points),
            tuple((value - 0.03, value + 0.03) for _, value in points),
            (True,) * len(points),
        )
        line = Line(tuple(range(len(points))), None)
        figure = against_size(drawn, [line], "bits per byte", inks(LIGHT, len(points)))
        figure.draw_without_rendering()
        (axes,) = figure.axes
        boxes = [text.get_window_extent() for text in axes.texts]
        assert len(boxes) == (len(points) if named else 0)
        assert bool(figure.legends) is not named
        for i, box in enumerate(boxes):
            assert not box.count_overlaps(boxes[i + 1 :])
            assert box.x0 > axes.bbox.x0


def test_what_only_a_pointer_can_do_is_said_to_it_alone(page: str, facts: Facts) -> None:
    assert page.count("Point at a token") == 1
    assert "@media (hover: hover) { .hover" in page
    said = document(facts, "A report", "eyebrow report")
    assert "ointing at a token" not in markdown(said, lambda picture: picture.name)


def test_where_the_surprise_is_stands_with_hard_and_easy_stories(facts: Facts) -> None:
    said = document(facts, "A report", "eyebrow report")
    (section,) = [one for one in said.sections if one.anchor == "hard-stories"]
    read = [block for part in section.parts for block in part.blocks if isinstance(block, Reading)]
    assert len(read) == 6
    for one in read:
        assert one.where.startswith(f"Most surprising to {facts.names[facts.lead_best]}: “")
        assert len(re.findall(r"\[.+?\].*? bits, rank [\d,]+", one.where)) == 3


def test_guesses_are_told_as_far_as_there_are_tokens(tmp_path: Path) -> None:
    """The first 1,000 of 105 entries are all of them."""
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(f"a story of {n} small words" for n in range(40)))
    stories = [Story(f"s{n}", f"T{n}", f"a story of {n} words") for n in range(12)]
    score(stories, [f"ngram:2:{lines}"], recipe=Recipe(device="cpu"), store=tmp_path / "scores")
    facts = facts_of(tmp_path / "scores")
    (read,) = facts.tokens
    assert facts.vocabularies[0] is not None
    assert read.ranks == (1, 10)
    assert 10 < len(facts.vocabularies[0]) < 100
    said = document(facts, "A report", "eyebrow report")
    text = markdown(said, lambda picture: picture.name)
    assert "first 100" not in text
    assert "1,000" not in text


def test_in_print_no_figure_takes_what_follows_it_to_the_next_page() -> None:
    css = (Path(pages.__file__).parent / "page.css").read_text(encoding="utf-8")
    printed = css[css.index("@media print") :]
    rules = re.findall(r"([^{}]+)\{([^{}]+)\}", printed[printed.index("{") + 1 :])
    glued = [heads for heads, said in rules if "break-after: avoid" in said]
    assert glued
    assert not any("figcaption" in heads for heads in glued)


def test_what_is_written_to_score_again_keeps_sentences_and_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = [
        ("one", ["a dog ran", "it saw a cat", "it barked", "the cat hid", "they slept"]),
        ("two", ["tom was sad", "he sat", "he had tea", "it was hot", "tom smiled"]),
    ]
    stories = []
    for id, sentences in told:
        text = " ".join(sentences)
        starts = tuple(text.index(sentence) for sentence in sentences)
        stories.append(Story(id, id, text, group="author: ann", sentence_starts=starts))
    score(stories, ["pocket-bigram"], recipe=Recipe(device="cpu"), store=Path("st"))
    blocks = reproduce(facts_of(Path("st")), "eyebrow report st", False).blocks
    python, shell = (block for block in blocks if isinstance(block, Listing))
    exec(python.text, {})
    assert "stories.jsonl --group author " in shell.text
    again = sorted(open_stories("stories.jsonl", group="author"), key=lambda story: story.id)
    assert again == stories


def test_sentences_stand_with_their_intervals_each_model_beside_the_others(
    facts: Facts, said: Document
) -> None:
    (picture,) = [one for one in pictures_of(said.sections) if one.name == "sentence-position"]
    assert "bars are 95 % intervals" in picture.caption
    (axes,) = picture.draw(inks(LIGHT, len(facts.names))).axes
    assert len(axes.containers) == len(facts.names)
    for bars, read in zip(axes.containers, facts.of_models, strict=True):
        ends = [segment[:, 1] for segment in bars.lines[2][0].get_segments()]
        wanted = np.array(read.five.intervals()) / np.log(2)
        np.testing.assert_allclose(np.array(ends), wanted)
    first, second = (bars.lines[0].get_xdata() for bars in axes.containers)
    assert (first < second).all()


def test_over_few_groups_no_type_has_a_standard_error(tmp_path: Path) -> None:
    texts = [f"the {word} sat on the mat and the {word} ran" for word in ("cat", "dog", "cow")]
    stories = [Story(str(n), "", text, group="author: ann") for n, text in enumerate(texts)]
    score(stories, ["pocket-bigram"], recipe=Recipe(device="cpu"), store=tmp_path / "st")
    text = markdown(document(facts_of(tmp_path / "st"), "t", "c"), lambda picture: "x")
    assert "| the | 6 | 3 |" in text
    assert "±" not in text


def test_over_few_groups_no_sentence_has_an_interval(tmp_path: Path) -> None:
    texts = [f"the {word} sat on the mat" for word in ("cat", "dog", "cow")]
    stories = [Story(str(n), "", text) for n, text in enumerate(texts)]
    models = ["pocket-bigram", "pocket-50k"]
    score(stories, models, recipe=Recipe(device="cpu"), store=tmp_path / "st")
    text = markdown(document(facts_of(tmp_path / "st"), "t", "c"), lambda picture: "x")
    (said,) = [line for line in text.splitlines() if "pocket-50k against pocket-bigram" in line]
    assert "bits per byte, less surprised on" in said

"""`eyebrow compare`: two models on the same stories, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DONE, FAILED, PARTLY, EyebrowError
from ..models.options import LoadOptions
from ..wording import many, percent
from . import options as o
from .output import complain, emit, emit_json, note, number, table
from .place import place_for
from .running import run, tell_failures

if TYPE_CHECKING:
    from ..models.member import Member
    from ..models.spec import ModelSpec
    from ..results.compare.finds import WordGap
    from ..results.compare.gaps import Gap, Gaps
    from ..results.compare.reading import Compared, Found, Lined
    from ..results.outcome import Results

UNITS = ("token", "word", "sentence")
SORTED = {
    "gain": "gained most",
    "loss": "lost most",
    "disagreement": "differ most",
    "surprise": "most surprising",
    "unexpected": "most surprising for their entropy",
}
_OUT = (".parquet", ".csv", ".jsonl")
Row = dict[str, Any]


def compare(
    stories: o.Stories = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "-m",
            "--model",
            metavar="MODEL",
            show_default=False,
            help="The reference, then once more the model: a member of a family (pocket-3m), a "
            "Hugging Face id, a folder, or ngram:N:FILE.",
        ),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", metavar="UNIT", help="token, word or sentence.")
    ] = "token",
    sort: Annotated[
        str,
        typer.Option(
            "--sort",
            metavar="HOW",
            help="Of the finds: gain, loss, disagreement, surprise (the model's), or unexpected "
            "(surprise minus entropy).",
        ),
    ] = "gain",
    count: Annotated[int, typer.Option("-k", metavar="N", min=1, help="So many finds.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            show_default=False,
            help="A row for each span as well: .parquet, .csv or .jsonl.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    first_token: o.FirstToken = "context",
    context: o.Context = None,
    stride: o.Stride = None,
    limit: o.Limit = None,
    seed: o.Seed = 0,
    store: o.StoreFolder = None,
    no_store: o.NoStore = False,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    column: o.Column = None,
    group: o.Group = None,
    split: o.Split = "train",
    per_line: o.PerLine = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Compare two models on the same stories: where, on what kind of text, and by how much.

    Spans are the smallest stretches of text that both tokenizers cut at, so whatever the models
    are, their surprises stand side by side and add up to the totals.

    \b
    Example:
      eyebrow compare stories.txt -m pocket-3m -m smollm2-135m --by word
      eyebrow compare -m pocket-50k -m pocket-3m --out spans.parquet
    """
    _check(by, sort)
    recipe = o.recipe_from(first_token, context, stride, dtype)
    folder = o.store_folder(store, no_store)
    place = place_for(out, _OUT, force) if out else None
    o.hush(offline)
    from ..results.compare.reading import read_compared, show
    from ..results.compare.table import span_rows, writing
    from ..stories import open_stories

    reference, other = _two(model or [])
    source = open_stories(
        stories, column=column, split=split, limit=limit, per_line=per_line, group=group
    )
    rows: list[Row] = []
    with kept_in(folder) as scores:
        results = run(
            source,
            [reference, other],
            recipe,
            scores,
            LoadOptions(device, "auto", offline, allow_pickle, trust_remote_code),
            seed=seed,
            quiet=quiet,
            is_kept=folder is not None,
        )
        kept = results.store
        assert kept is not None
        with writing(place, by) if place else nullcontext(_nothing) as write:

            def take(lined: Lined) -> None:
                write(lined)
                if json:
                    spans = span_rows(lined, by)
                    rows.extend(_story(story.id, spans) for story in lined.stories)

            compared = read_compared(
                kept,
                _member(results, reference),
                _member(results, other),
                results.sheet.recipe_digest,
                results.sheet.stories,
                seed=seed,
                each=take,
            )
        finds = compared.finds.by(by)
        order = finds.order(sort)[: 100 * count].tolist()
        found = [] if json else show(compared, finds, order, count, kept.texts)
    if json:
        emit_json(_json(results, compared, rows))
    else:
        words = finds.by_word(compared.words) if by == "word" else []
        emit(_shown(results, compared, found, words, by, sort, count))
    if place:
        note(f"{place} has a row for each {'span' if by == 'token' else by}")
    for warning in results.warnings:
        complain("Warning", warning)
    tell_failures(results.failures)
    return PARTLY if results.failures else DONE


@contextmanager
def kept_in(folder: Path | None) -> Iterator[Path]:
    """The store's folder; one that is gone afterwards where there is to be none."""
    if folder:
        yield folder
        return
    with TemporaryDirectory(prefix="eyebrow-") as place:
        yield Path(place)


def _check(by: str, sort: str) -> None:
    if by not in UNITS:
        raise EyebrowError("No such unit", f"{by!r}; use token, word or sentence")
    if sort not in SORTED:
        raise EyebrowError("No such order", f"{sort!r}; use one of {', '.join(SORTED)}")


def _two(names: Sequence[str]) -> tuple[ModelSpec, ModelSpec]:
    """The reference and the model."""
    from ..models.catalogue import find_models

    found = [spec for name in names for spec in find_models([name])]
    if len(found) != 2:
        given = f"these are {len(found)}: {', '.join(spec.name for spec in found)}"
        raise EyebrowError(
            "Two models",
            f"give the reference with -m and the model with another -m; {given if found else ''}",
        )
    if found[0] == found[1]:
        raise EyebrowError("Two models", f"{found[0].name} is given twice; it differs in nothing")
    return found[0], found[1]


def _member(results: Results, spec: ModelSpec) -> Member:
    """What was scored of a model. Raises `EyebrowError` where it has no scores."""
    for member in results.sheet.models:
        if member.name == spec.name:
            return member
    why = next(one for one in results.failures if one.model == spec.name)
    raise EyebrowError(why.title, f"{spec.name}: {why.message}", FAILED)


def _nothing(lined: Lined) -> None:
    """Takes a text to no place."""


# --- for programs ------------------------------------------------------------------------------


def _story(name: str, spans: list[Row]) -> Row:
    sums = {key: math.fsum(row[key] for row in spans) for key in ("nats_reference", "nats_model")}
    return {"story": name, **sums, "spans": spans}


def _json(results: Results, compared: Compared, stories: list[Row]) -> Row:
    gaps = compared.gaps
    pairs = [gap for pair in gaps.traits for gap in pair]
    place = {story.id: n for n, story in enumerate(results.sheet.stories)}
    return {
        "reference": compared.reference.name,
        "model": compared.model.name,
        "recipe": results.recipe.to_json(),
        "stories": sorted(stories, key=lambda story: place[story["story"]]),
        "kinds": [_gap("kind", gap) for gap in gaps.kinds],
        "traits": [_gap("trait", gap) for gap in pairs],
        "difference": {
            "bits_per_byte": gaps.total.difference,
            "ci95": gaps.total.ci95,
            "stories_better": gaps.better,
            "stories": gaps.stories,
            "bytes": gaps.total.bytes,
        },
    }


def _gap(what: str, gap: Gap) -> Row:
    return {
        what: gap.name,
        "spans": gap.spans,
        "bytes": gap.bytes,
        "nats_reference": gap.nats_reference,
        "nats_model": gap.nats_model,
        "bits_per_byte": gap.difference,
        "ci95": gap.ci95,
    }


# --- for people --------------------------------------------------------------------------------


def _shown(
    results: Results,
    compared: Compared,
    found: Sequence[Found],
    words: Sequence[WordGap],
    by: str,
    sort: str,
    count: int,
) -> str:
    parts = [_total(compared), _gaps(compared)]
    if lines := results.sheet.drawn.lines:
        parts.append("\n".join(lines))
    parts.append(_finds(compared, found, by, sort))
    if words:
        parts.append(_words(compared, words if sort != "loss" else words[::-1], count))
    return "\n\n".join([*parts, results.recipe.label])


def _total(compared: Compared) -> str:
    from ..results.statistics.clusters import FEW

    gaps = compared.gaps
    total = gaps.total
    told = f" {_interval(total.ci95)}" if gaps.clusters >= FEW else ""  # as in all sentences
    more = [
        f"{many(n, 'story', 'stories')} {why}"
        for n, why in (
            (compared.left_out, "not scored by both"),
            (compared.apart, "without a stretch that both scored"),
        )
        if n
    ]
    return (
        f"{compared.model.name} against {compared.reference.name}: {_signed(total.difference, 3)} "
        f"bits per byte{told}, better on {percent(gaps.better)} of "
        f"{many(gaps.stories, 'story', 'stories')}; {total.spans:,} spans of {total.bytes:,} bytes"
        + (f"; left out: {', '.join(more)}" if more else "")
    )


def _gaps(compared: Compared) -> str:
    gaps: Gaps = compared.gaps
    heads = (
        *("bits per byte", "spans", "bytes", "share", compared.reference.name),
        *(compared.model.name, "difference", "95 % interval"),
    )
    every = [gaps.total, *gaps.kinds, *(gap for pair in gaps.traits for gap in pair)]
    rows = [
        (
            gap.name,
            f"{gap.spans:,}",
            f"{gap.bytes:,}",
            percent(gap.bytes / gaps.total.bytes) if gaps.total.bytes else "-",
            number(gap.bits_reference, 3),
            number(gap.bits_model, 3),
            _signed(gap.difference, 3),
            _interval(gap.ci95),
        )
        for gap in every
        if gap.spans
    ]
    return table(heads, rows, left=heads[:1])


def _finds(compared: Compared, found: Sequence[Found], by: str, sort: str) -> str:
    heads = ("bits", compared.reference.name, compared.model.name, f"{SORTED[sort]}, by {by}", "in")
    rows = [
        (
            _signed((one.nats_model - one.nats_reference) / math.log(2), 1),
            number(one.nats_reference / math.log(2), 1),
            number(one.nats_model / math.log(2), 1),
            f"{one.before}[{one.text}]{one.after}",
            one.story.title or one.story.id,
        )
        for one in found
    ]
    return table(heads, rows, left=heads[3:])


def _words(compared: Compared, words: Sequence[WordGap], count: int) -> str:
    heads = (
        *("bits", compared.reference.name, compared.model.name),
        *("times", "stories", "words in the mean"),
    )
    rows = [
        (
            _signed(-one.saved / math.log(2), 1),
            number(one.nats_reference / math.log(2), 1),
            number(one.nats_model / math.log(2), 1),
            f"{one.occurrences:,}",
            f"{one.stories:,}",
            one.word,
        )
        for one in words[:count]
    ]
    return table(heads, rows, left=heads[-1:])


def _signed(value: float, digits: int) -> str:
    return number(value, digits) if not value > 0 else f"+{number(value, digits)}"


def _interval(ends: tuple[float, float]) -> str:
    return "-" if math.isnan(ends[0]) else "[{}, {}]".format(*(_signed(end, 3) for end in ends))

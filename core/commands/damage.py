"""`eyebrow damage`: what rounding, pruning or any other change of a model costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import DONE, INTERRUPTED, PARTLY, EyebrowError, all_failed
from ..machine.threads import let_threads_sleep
from ..models.options import LoadOptions
from ..wording import in_words, listed, many, percent
from . import options as o
from .output import complain, emit, emit_json, number, table
from .progress import ProgressLine

if TYPE_CHECKING:
    from ..engine.damage import Wanted
    from ..models.spec import ModelSpec
    from ..results.damage import Damage

WIDTHS = "32,24,16,8,4,2,1"
BROKEN = 2.0  # times the reference's perplexity
BAR = 24  # cells of the longest bar


def damage(
    stories: o.Stories = None,
    model: o.Models = ["pocket-3m"],  # noqa: B006  as typer has defaults
    bits: Annotated[
        str,
        typer.Option(
            "--bits",
            metavar="N,...",
            show_default=False,
            help="Round every tensor to 2^N values, N from 1 to 32; with :channel or :group64 "
            f"behind N each row, or 64 numbers of it. [default, where nothing is asked: {WIDTHS}]",
        ),
    ] = "",
    prune: Annotated[
        str,
        typer.Option(
            "--prune",
            metavar="SHARE,...",
            show_default=False,
            help="Prune this share of each matrix by magnitude; with :structured behind it whole "
            "neurons of the MLPs.",
        ),
    ] = "",
    part: Annotated[
        str,
        typer.Option(
            "--part",
            metavar="PART,...",
            show_default=False,
            help="Change only this: attention, mlp, embeddings, norms, layers3 or layers3-5.",
        ),
    ] = "",
    by_layer: Annotated[
        bool,
        typer.Option("--by-layer", help="Each kind of part and each layer alone: which breaks it."),
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="BASE",
            show_default=False,
            help="What the models are compared with. [default: the model before it is changed]",
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="DIR",
            show_default=False,
            help="Write the changed model there, with a card; of several each to a folder in it.",
        ),
    ] = None,
    no_kl: Annotated[
        bool,
        typer.Option("--no-kl", help="Perplexities alone: one model in memory, in half the time."),
    ] = False,
    device: o.Device = "auto",
    dtype: o.Dtype = "float32",
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
    """Quantise a model, prune it, see what breaks first.

    Each variant is measured against its reference on the same tokens: perplexity and its paired
    difference, KL divergence, how often the top token stays, and how the true token's
    probability changes. The first row is the noise floor: the reference in bfloat16.

    \b
    Example:
      eyebrow damage -m pocket-3m --bits 8,4,2 --prune 0.2
      eyebrow damage stories.txt -m tuned/ --reference smollm2-135m
      eyebrow damage -m pocket-3m --bits 2 --by-layer
    """
    recipe = o.recipe_from(first_token, context, stride, dtype, top=0)
    folder = o.store_folder(store, no_store)
    o.hush(offline)
    let_threads_sleep()
    from ..stories import open_stories

    base, variants = _asked(model, reference, bits, prune, part, by_layer)
    source = open_stories(
        stories, column=column, split=split, limit=limit, per_line=per_line, group=group
    )
    from ..engine.damage import Wanted
    from ..engine.recipes import settled
    from ..results.store.layout import Layout

    recipe, where, precision = settled(recipe, device)
    options = LoadOptions(where, precision, offline, allow_pickle, trust_remote_code)
    wanted = Wanted(
        base,
        tuple(variants),
        recipe,
        options,
        kl=not no_kl,
        kept=Layout(folder).comparisons if folder else None,
        save=_places(save, base, variants) if save else None,
        seed=seed,
    )
    return _run(wanted, source, ProgressLine(not quiet), json=json, by_layer=by_layer)


def _run(wanted: Wanted, source: Any, line: ProgressLine, *, json: bool, by_layer: bool) -> int:
    """Measure and print; an interrupted run prints what it has."""
    from ..engine.damage import measure_damage
    from ..results.statistics.clusters import drawn
    from ..stories.story_set import StorySet

    told = StorySet(source, lambda *_: None)
    if not len(told):
        raise EyebrowError("Nothing to score", "there are no stories")
    rows: list[Damage] = []
    failures: dict[str, EyebrowError] = {}
    interrupted = False
    try:
        for spec, outcome in measure_damage(told, wanted, line.show):
            if isinstance(outcome, EyebrowError):
                failures[spec.name if spec else f"{wanted.reference.name} bfloat16"] = outcome
            else:
                rows.append(outcome)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        line.clear()
    wanted = _narrowed(wanted)
    if failures and not any(not row.noise_floor for row in rows) and not interrupted:
        raise all_failed(((name,), error) for name, error in failures.items())
    try:
        if rows and json:
            emit_json(_json(wanted, rows, failures))
        elif rows:
            emit(_shown(wanted, rows, drawn(told.groups, told.digests).lines, by_layer))
    finally:
        for name, error in failures.items():
            about = "" if name in error.message else f"{name}: "
            complain(error.title, about + error.message)
    if interrupted:
        raise EyebrowError("Interrupted", _kept(wanted, len(rows)), INTERRUPTED)
    return PARTLY if failures else DONE


def _narrowed(wanted: Wanted) -> Wanted:
    """With the recipe as the reference's context has cut it."""
    from ..models.configuration import positions

    folder = wanted.reference.local_path
    sees = positions(folder) if folder else None
    return replace(wanted, recipe=wanted.recipe.within(sees))


def _kept(wanted: Wanted, done: int) -> str:
    said = f"{done} of {many(1 + len(wanted.variants), 'row')} finished"
    if wanted.kept is None or not done:
        return said
    return f"{said} and kept in {wanted.kept}; the same command goes on from there"


def _asked(
    names: Sequence[str],
    reference: str | None,
    bits: str,
    prune: str,
    part: str,
    by_layer: bool,
) -> tuple[ModelSpec, list[ModelSpec]]:
    """The reference and what is measured against it. Raises `EyebrowError` for what cannot be."""
    from ..models.catalogue import find_models
    from ..models.variants.each_part import each_part

    given = find_models(names)
    bases = find_models([reference]) if reference else []
    if len(bases) > 1:
        raise EyebrowError(
            "A whole family", f"{reference} is {len(bases)} models; pick one as the reference"
        )
    bare = {replace(spec, variant="", name="", family="") for spec in given}
    if not bases and len(bare) > 1:
        raise EyebrowError(
            "Which reference",
            f"{listed([spec.name for spec in given])} are several models; give one and its "
            "variants, or --reference BASE",
        )
    own = names[0].rpartition("@")[0] if given[0].variant else names[0]
    (base,) = bases or find_models([own])
    asked = [*_words(bits, "bits"), *_words(prune, "prune")]
    changed = [spec for spec in given if spec.variant or bases]
    if not asked and (by_layer or part or not changed):
        asked = list(_words("4" if by_layer or part else WIDTHS, "bits"))
    plain = [name for name in dict.fromkeys(names) if not find_models([name])[0].variant]
    if asked and not plain:
        raise EyebrowError(
            "Bad usage", f"{names[0]} is changed already; name the model without its @"
        )
    parts = [each.strip() for each in part.split(",") if each.strip()]
    if by_layer:
        parts += each_part(base)
    words = [f"{word}:{each}" if each else word for word in asked for each in parts or [""]]
    variants = find_models([f"{name}@{word}" for name in plain for word in words])
    known = dict.fromkeys([*changed, *variants])
    return base, [spec for spec in known if spec != base]


def _words(listed: str, kind: str) -> Iterator[str]:
    """`bits4` of `4`, as far as that is written."""
    for each in filter(None, (word.strip() for word in listed.split(","))):
        yield each if each.startswith(kind) else kind + each


def _places(save: Path, base: ModelSpec, variants: Sequence[ModelSpec]) -> dict[str, Path]:
    """Where each variant is saved, by its name."""
    if len(variants) == 1:
        return {variants[0].name: save}
    return {
        spec.name: save
        / _short(spec.name, base.name).strip("@+").replace(":", "-").replace("/", "-")
        for spec in variants
    }


def _json(
    wanted: Wanted, rows: Sequence[Damage], failures: dict[str, EyebrowError]
) -> dict[str, Any]:
    from importlib.metadata import version

    return {
        "eyebrow": version("eyebrow"),
        "reference": wanted.reference.name,
        "reference_perplexity": _before(rows),
        "recipe": wanted.recipe.to_json(),
        "variants": [row.to_json() for row in rows],
        "failures": [
            {"model": name, "title": error.title, "message": error.message}
            for name, error in failures.items()
        ],
    }


def _before(rows: Sequence[Damage]) -> float:
    """The reference's own perplexity; that of the row that is nearest to it is exact."""
    finite = [row for row in rows if math.isfinite(row.delta)]
    others = [row for row in finite if not row.noise_floor] or finite
    nearest = min(others, key=lambda row: abs(row.delta), default=rows[0])
    return nearest.perplexity - nearest.delta


def _shown(wanted: Wanted, rows: Sequence[Damage], drawn: Sequence[str], by_layer: bool) -> str:
    """The table and what it comes to; drawn: what is to be said of its intervals."""
    base = wanted.reference.name
    heads = ["variant", "bytes", "perplexity", "change", "95 % interval"]
    heads += ["KL", "median", "99.9 %", "same top", "RMS Δp"] if wanted.kl else []
    most = max(filter(math.isfinite, map(_harm, rows)), default=0.0)
    cells = [
        [
            _short(row.model, base),
            in_words(row.bytes),
            _plain(row.perplexity),
            _signed(row.delta),
            f"[{_signed(row.delta_ci95[0])}, {_signed(row.delta_ci95[1])}]",
            *(_divergence(row) if wanted.kl else ()),
            *([_bar(_harm(row) / most)] if by_layer and most else ()),
        ]
        for row in rows
    ]
    heads += ["which breaks it"] if by_layer and most else []
    first = rows[0]
    parts = [
        f"{base}: perplexity {number(_before(rows), 2)} over {first.tokens:,} tokens of "
        f"{many(first.stories, 'story', 'stories')}",
        table(heads, cells, left=("variant", "which breaks it")),
        "\n".join([*_said(rows, base), *drawn]),
        wanted.recipe.label.removesuffix(" · top 0"),
    ]
    return "\n\n".join(filter(None, parts))


def _harm(row: Damage) -> float:
    """What bars are drawn of: KL, which does not explode as perplexity does, where it is known."""
    return abs(row.delta) if row.kl_mean is None else row.kl_mean


def _bar(share: float) -> str:
    """As long as the longest for what is infinite."""
    return "" if math.isnan(share) else "▇" * round(BAR * min(share, 1.0))


def _divergence(row: Damage) -> list[str]:
    if row.kl_mean is None or row.same_top is None or row.delta_p_rms is None:
        return ["-"] * 5
    return [
        *(_small(value) for value in (row.kl_mean, row.kl_median, row.kl_p999)),
        percent(row.same_top),
        percent(row.delta_p_rms),
    ]


def _said(rows: Sequence[Damage], base: str) -> Iterator[str]:
    """What the table comes to: what cannot be told from noise, and where it breaks."""
    others = [row for row in rows if not row.noise_floor]
    for floor in (row.kl_mean for row in rows if row.noise_floor and row.kl_mean is not None):
        quiet = [row for row in others if row.kl_mean is not None and row.kl_mean <= floor]
        if quiet:
            names = listed([_short(row.model, base) for row in quiet])
            yield f"No further from the reference than bfloat16 is: {names}."
    most = BROKEN * _before(rows)
    broken = [row for row in others if row.perplexity > most]
    if broken:
        names = listed([_short(row.model, base) for row in broken])
        yield f"Broken, which is here more than twice the perplexity: {names}."


def _short(name: str, base: str) -> str:
    """`@bits4` of a variant of the reference, `bfloat16` of the noise floor."""
    return name.removeprefix(base).strip() or name


def _signed(value: float) -> str:
    said = _plain(abs(value))
    if said == "0.00":
        return said
    return said if math.isnan(value) else f"{'−' if value < 0 else '+'}{said}"


def _plain(value: float) -> str:
    """Two digits behind the point; of a perplexity of a million or more three that count."""
    return number(value, 2) if not 1e6 <= value < math.inf else f"{value:.2e}"


def _small(value: float | None) -> str:
    """Three digits that count."""
    return "-" if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"

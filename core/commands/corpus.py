"""`eyebrow corpus`: windowed perplexity of one long text."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..errors import DONE, PARTLY, EyebrowError
from ..models.options import LoadOptions
from ..scoring.corpus_recipes import CORPUS_RECIPES
from ..scoring.recipe import Recipe
from ..wording import visible
from . import options as o
from .loading import ask_each, complain_of
from .output import complain, emit, emit_json, number, table
from .progress import ProgressLine
from .text import DEFAULT_MODELS

if TYPE_CHECKING:
    from ..models.load import LoadedModel
    from ..scoring.corpus import CorpusResult

ALL = "all"
_DIFFER = (
    "They differ in what is scored and in how much text stands before it; none compares with "
    "another."
)
LONGEST = 1 << 30  # characters of the text
TELL_AFTER = 0.1  # seconds between two reports of progress


def corpus(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", show_default=False, help="A text file (.gz is fine), or - for stdin."
        ),
    ],
    model: o.Models = DEFAULT_MODELS,
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe", metavar="RECIPE", help=f"{', '.join(CORPUS_RECIPES)}, or {ALL} of them."
        ),
    ] = "strided",
    context: Annotated[
        int | None,
        typer.Option(
            "--context",
            metavar="N",
            min=1,
            show_default=False,
            help="Tokens of a window. [default: gptq 2048, second-half 512, else as many as the "
            "model sees]",
        ),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            "--stride",
            metavar="N",
            min=1,
            show_default=False,
            help="strided: tokens from one window to the next. [default: half of the context]",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", metavar="N", min=1, show_default=False, help="The first N tokens."),
    ] = None,
    bare: Annotated[
        bool,
        typer.Option(
            "--no-special-tokens", help="Without the BOS or EOS that the tokenizer itself adds."
        ),
    ] = False,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Windowed perplexity of one long text, as a community computes it.

    gptq: as GPTQ, wanda and Torch-Pruning. strided: as Hugging Face's guide. rolling: as
    lm-evaluation-harness, with word and byte perplexity. second-half: as llama.cpp. The same
    model and text give another number by each; --recipe all puts them side by side.

    \b
    Example:
      eyebrow corpus wiki.test.raw -m smollm2-135m --recipe all
    """
    names = list(CORPUS_RECIPES) if recipe == ALL else [recipe]
    if recipe not in (*CORPUS_RECIPES, ALL):
        raise EyebrowError(
            "No such recipe", f"{recipe!r}; use {', '.join(CORPUS_RECIPES)} or {ALL}"
        )
    o.hush(offline)
    text = _read(file)
    from ..models.catalogue import find_models

    specs = find_models(model)
    line = ProgressLine(not quiet)

    def ask(loaded: LoadedModel, _: Recipe) -> _Answer:
        results, failures = _run(
            loaded, text, names, context, stride, limit, special_tokens=not bare, line=line
        )
        if not results:
            raise failures[names[0]]
        rows = [_row(result, loaded) for result in results]
        return _Answer(rows, _shown(results, loaded, len(specs) > 1), failures)

    answers, failures = ask_each(
        specs,
        Recipe(dtype=dtype),
        ask,
        line,
        LoadOptions(device, "auto", offline, allow_pickle, trust_remote_code),
    )
    try:
        if json:
            rows = [row for answer in answers for row in answer.rows]
            emit_json(rows if recipe == ALL or len(specs) > 1 else rows[0])
        else:
            used = {row["recipe"]: None for answer in answers for row in answer.rows}
            emit("\n\n".join([*(answer.shown for answer in answers), _explained(list(used))]))
    finally:  # also where nobody can read the result
        for answer in answers:
            for name, error in answer.failures.items():
                about = "" if error.message.startswith(name) else f"{name}: "
                complain(error.title, about + error.message)
        complain_of(failures)
    return PARTLY if failures or any(answer.failures for answer in answers) else DONE


def _read(file: str) -> str:
    """The whole text, as it is."""
    from ..stories.stream import file_opener, stdin_opener, whole_text

    opener = stdin_opener if file == "-" else file_opener(Path(file).expanduser())
    text = whole_text(opener, "stdin" if file == "-" else file, LONGEST)
    if not text:
        raise EyebrowError("No text", "there is nothing to score; give a longer text")
    return text


def _run(
    loaded: LoadedModel,
    text: str,
    names: Sequence[str],
    context: int | None,
    stride: int | None,
    limit: int | None,
    *,
    special_tokens: bool,
    line: ProgressLine,
) -> tuple[list[CorpusResult], dict[str, EyebrowError]]:
    """The results of the recipes `names`, and why others have none."""
    from ..engine.progress import Progress
    from ..scoring.corpus import measure_corpus, read_corpus
    from ..scoring.trunk import Trunk

    line.show(Progress(loaded.name, "tokenising"))
    read = read_corpus(loaded.tokenizer, text, limit=limit, special_tokens=special_tokens)
    trunk = Trunk(loaded.model)
    results: list[CorpusResult] = []
    failures: dict[str, EyebrowError] = {}
    for name in names:
        tell = _Teller(loaded.name, name, line)
        try:
            results.append(
                measure_corpus(
                    trunk,
                    read,
                    name,
                    context=context,
                    stride=stride,
                    name=loaded.name,
                    progress=tell,
                )
            )
        except EyebrowError as error:
            failures[name] = error
    return results, failures


class _Teller:
    """Reports of one recipe as progress, not too many of them."""

    def __init__(self, model: str, recipe: str, line: ProgressLine) -> None:
        self.model, self.recipe, self.line = model, recipe, line
        self.began = self.told = time.monotonic()

    def __call__(self, done: int, total: int, tokens: int) -> None:
        from ..engine.progress import Progress

        now = time.monotonic()
        if now - self.told < TELL_AFTER:
            return
        self.told = now
        took = now - self.began
        left = took * (total - done) / done
        self.line.show(Progress(self.model, self.recipe, done, total, tokens / took, left))


class _Answer(NamedTuple):
    """Of one model: rows for programs, the table for people, and why recipes have no number."""

    rows: list[dict[str, Any]]
    shown: str
    failures: dict[str, EyebrowError]


def _row(result: CorpusResult, loaded: LoadedModel) -> dict[str, Any]:
    from ..machine.device import dtype_name

    return asdict(result) | {"dtype": dtype_name(loaded.dtype), "device": loaded.device.type}


def _shown(results: list[CorpusResult], loaded: LoadedModel, headed: bool) -> str:
    """The table of one model, and what it is; `headed` by its name where there are several."""
    from ..machine.device import dtype_name

    heads = (
        *("recipe", "context", "windows", "tokens", "left out", "perplexity", "±"),
        *("bits/byte", "per word", "per byte"),
    )
    cells = [_cells(result) for result in results]
    used = [i for i in range(len(heads)) if any(row[i] for row in cells)]
    rows = [[row[i] or "-" for i in used] for row in cells]
    name = visible(loaded.name)
    parts = [f"{name}\n"] if headed else []
    parts += [
        table([heads[i] for i in used], rows, left=("recipe",)),
        f"\n{name} · {dtype_name(loaded.dtype)} {loaded.device.type}",
    ]
    return "\n".join(parts)


def _explained(recipes: list[str]) -> str:
    """What the recipes are, and that their numbers do not compare."""
    ways = [CORPUS_RECIPES[name] for name in recipes]
    parts = [_DIFFER] if len(ways) > 1 else []
    parts.append("\n".join(_folded(f"{way.name} ({way.community}): {way.why}.") for way in ways))
    return "\n\n".join(parts)


def _folded(text: str) -> str:
    return textwrap.fill(text, 100, subsequent_indent="  ", break_on_hyphens=False)


def _cells(result: CorpusResult) -> tuple[str, ...]:
    """A row; empty where a recipe has no such number."""
    context = f"{result.context:,}" + (f"/{result.stride:,}" if result.stride else "")
    return (
        result.recipe,
        context,
        f"{result.windows:,}",
        f"{result.tokens:,}",
        f"{result.skipped:,}",
        _number(result.perplexity, 2),
        _number(result.uncertainty, 2),
        _number(result.bits_per_byte, 3),
        _number(result.word_perplexity, 2),
        _number(result.byte_perplexity, 3),
    )


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else number(value, digits)

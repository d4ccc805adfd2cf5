"""`eyebrow sample`: a prompt goes on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ..errors import DONE, EyebrowError
from ..models.options import LoadOptions
from ..scoring.dials import Dials
from ..scoring.exploring import Context, ContinuedToken, Cycle
from ..scoring.recipe import Recipe
from ..wording import many
from . import options as o
from .loading import ask_each
from .output import emit, emit_json, note
from .progress import ProgressLine
from .text import read_text

if TYPE_CHECKING:
    from ..models.load import LoadedModel

_ENDS = {"end": "the model ended it", "stop": "a stop text came", "length": "as long as asked for"}

Prompt = Annotated[
    str,
    typer.Argument(
        metavar="PROMPT",
        show_default=False,
        help="What is continued, or - for stdin (less one newline at its end).",
    ),
]


def sample(
    prompt: Prompt,
    model: o.Model = "pocket-3m",
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", metavar="N", min=1, help="Tokens, at most.")
    ] = 100,
    temperature: Annotated[
        float,
        typer.Option("--temperature", metavar="T", help="0 is greedy, inf uniform."),
    ] = 1.0,
    top_k: Annotated[
        int, typer.Option("--top-k", metavar="K", help="Only the K likeliest; 0 for all.")
    ] = 0,
    top_p: Annotated[
        float,
        typer.Option("--top-p", metavar="P", help="Only the likeliest that together reach P."),
    ] = 1.0,
    min_p: Annotated[
        float,
        typer.Option("--min-p", metavar="P", help="Only what has this share of the likeliest's p."),
    ] = 0.0,
    repetition_penalty: Annotated[
        float,
        typer.Option("--repetition-penalty", metavar="X", help="On what was there; 1 is none."),
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the draws.")] = 0,
    count: Annotated[
        int,
        typer.Option(
            "--count", metavar="N", min=1, help="Continuations, seeds counting up from --seed."
        ),
    ] = 1,
    stop: Annotated[
        list[str],
        typer.Option(
            "--stop",
            metavar="TEXT",
            show_default=False,
            help="Ends the continuation, and is left out. May be given more than once.",
        ),
    ] = [],  # noqa: B006  typer's way
    chat: o.Chat = False,
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    context: o.Context = None,
    stride: o.Stride = None,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> int:
    """Continue a prompt, token by token.

    The prompt and its continuation go to stdout, how it came about to stderr. A greedy
    continuation that goes round in circles is told so. --json has the continuation alone, and of
    each token what the model itself thought of it, whatever the dials.

    \b
    Example:
      eyebrow sample "Once upon a time" -m pocket-3m --temperature 0
      eyebrow sample "To be or not to" --top-p 0.9 --seed 7 --count 3
    """
    dials = Dials(temperature, top_k, top_p, min_p, repetition_penalty)
    if "" in stop:
        raise EyebrowError("Bad usage", "--stop needs a text")
    recipe = o.recipe_from("context", context, stride, dtype)
    if dials.temperature == 0 and count > 1:
        raise EyebrowError("Bad usage", "greedy continuations are all the same; leave --count out")
    read = read_text(prompt)
    o.hush(offline)
    from ..models.catalogue import find_models

    specs = find_models([model])
    if len(specs) > 1:
        names = ", ".join(spec.name for spec in specs)
        raise EyebrowError("A whole family", f"{model} is {len(specs)} models: {names}; pick one")

    line = ProgressLine(not quiet)
    asked = Context(read, chat=chat)

    def ask(loaded: LoadedModel, recipe: Recipe) -> list[_Made]:
        return list(
            _continue(
                loaded, recipe, asked, dials, range(seed, seed + count), max_tokens, stop, line
            )
        )

    (made,), _ = ask_each(
        specs,
        recipe,
        ask,
        line,
        LoadOptions(device, "auto", offline, allow_pickle, trust_remote_code),
    )
    if json:
        answers = [_as_json(one, read, dials) for one in made]
        emit_json(answers[0] if count == 1 else answers)
        return DONE
    gap = "\n\n" if chat else ""
    heads = [f"seed {one.seed}\n" if count > 1 else "" for one in made]
    emit("\n\n".join(f"{head}{read}{gap}{one.text}" for head, one in zip(heads, made, strict=True)))
    if not quiet:
        note("")
        for one in made:
            note(_foot(one, dials))
    return DONE


class _Made(NamedTuple):
    """A continuation, and what made it. `ends`: see `Continuation.ended`."""

    model: str
    recipe: Recipe
    seed: int
    text: str
    tokens: Sequence[ContinuedToken]
    vocabulary: Sequence[str]
    ends: str
    cycle: Cycle | None


def _continue(
    loaded: LoadedModel,
    recipe: Recipe,
    context: Context,
    dials: Dials,
    seeds: range,
    max_tokens: int,
    stops: Sequence[str],
    line: ProgressLine,
) -> Iterator[_Made]:
    """One for each seed; what they begin with is fed to the model once."""
    from ..engine.progress import Progress
    from ..scoring.continuation import Continuation
    from ..scoring.place import find_place
    from ..scoring.prefix import Prefix
    from ..scoring.trunk import Trunk
    from ..scoring.vocabulary import token_texts

    prefix = Prefix(Trunk(loaded.model))
    vocabulary = token_texts(loaded.tokenizer, prefix.trunk.vocabulary)
    place = find_place(loaded.tokenizer, context, recipe.first_token, prefix.trunk.rows)
    settled = loaded.recipe(recipe)
    for at, seed in enumerate(seeds):
        continuation = Continuation(
            *(prefix, loaded.tokenizer, vocabulary, place, dials, settled),
            max_tokens=max_tokens,
            seed=seed,
            stops=stops,
        )
        for done, _ in enumerate(continuation, 1):
            all_of_them = max_tokens * len(seeds)
            line.show(Progress(loaded.name, "continuing", at * max_tokens + done, all_of_them))
        made = continuation.text, continuation.tokens, vocabulary, continuation.ended
        yield _Made(loaded.name, settled, seed, *made, continuation.cycle)


def _as_json(made: _Made, prompt: str, dials: Dials) -> dict[str, Any]:
    tokens = [
        {
            "token": token.token,
            "token_id": token.token_id,
            "logprob": token.logprob,
            "rank": token.rank,
            "top": [
                {"token": made.vocabulary[i], "token_id": i, "probability": math.exp(logprob)}
                for i, logprob in token.top
            ],
        }
        for token in made.tokens
    ]
    return {
        "prompt": prompt,
        "text": made.text,
        "tokens": tokens,
        "seed": made.seed,
        "ended": made.ends,
        "cycle": None if made.cycle is None else asdict(made.cycle),
        "dials": asdict(dials),
        "model": made.model,
        "recipe": made.recipe.to_json(),
    }


def _foot(made: _Made, dials: Dials) -> str:
    parts = [made.model, dials.label]
    if dials.temperature:
        parts.append(f"seed {made.seed}")
    parts.append(f"{many(len(made.tokens), 'token')}, {_ENDS[made.ends]}")
    if made.cycle is not None:
        first, length = made.cycle.first, made.cycle.length
        again = "".join(token.token for token in made.tokens[first : first + length])
        parts.append(
            f"from token {first + 1} on it goes round in {many(length, 'token')}: “{again}”"
        )
    return " · ".join(parts)

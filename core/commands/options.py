"""The options that commands share, and what they stand for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import EyebrowError
from ..machine.limits import check_address_space
from ..results.default_store import check_store
from ..scoring.recipe import DEFAULT_CONTEXT, Recipe
from ..scoring.scores import TOP

if TYPE_CHECKING:
    from ..engine.cluster.asked import Asked as Cluster

Stories = Annotated[
    str | None,
    typer.Argument(
        metavar="STORIES",
        show_default=False,
        help="A file (.txt .jsonl .csv .tsv .parquet), a folder, - for stdin, or a Hugging Face "
        "dataset, owner/name. Nothing: the bundled stories.",
    ),
]
Text = Annotated[
    str,
    typer.Argument(
        metavar="TEXT",
        show_default=False,
        help="The text, or - for stdin (less one newline at its end).",
    ),
]
Models = Annotated[
    list[str],
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        help="A family (pocket, smollm2, gpt2, ...), one of its members, a Hugging Face id, a "
        "folder, a folder of checkpoints, a .gguf file, or ngram:N:FILE; MODEL@bits4, @prune0.2, "
        "@int8 and MODEL+ADAPTER change it. May be given more than once.",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "-m",
        "--model",
        metavar="MODEL",
        help="A member of a family (pocket-3m), a Hugging Face id, a folder, or ngram:N:FILE.",
    ),
]
Device = Annotated[
    str,
    typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps."),
]
Gpus = Annotated[
    str,
    typer.Option(
        "--gpus", metavar="GPUS", help="all, or numbers as in 0,1: each has a worker of its own."
    ),
]
Dtype = Annotated[
    str,
    typer.Option("--dtype", metavar="DTYPE", help="auto, float32, bfloat16 or float16."),
]
FirstToken = Annotated[
    str,
    typer.Option(
        "--first-token",
        metavar="HOW",
        help="context: the first token is not scored. scored: a BOS is put in front and every "
        "token is scored.",
    ),
]
Context = Annotated[
    int | None,
    typer.Option(
        "--context",
        metavar="N",
        show_default=False,
        help=f"Tokens the model sees at once. [default: {DEFAULT_CONTEXT}, or as many as it can]",
    ),
]
Stride = Annotated[
    int | None,
    typer.Option(
        "--stride",
        metavar="N",
        min=1,
        show_default=False,
        help="Tokens of context, at least, in later windows of a long text. "
        "[default: half of the context]",
    ),
]
Top = Annotated[
    int,
    typer.Option(
        "--top",
        metavar="N",
        min=0,
        max=TOP,
        help=f"How many of the likeliest tokens are kept at each place, 0 to {TOP}: they are most "
        "of the store.",
    ),
]
Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="ENGINE",
        help="local: in this process. ray: by workers on this machine or on a cluster "
        "(pip install 'eyebrow\\[ray]').",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="ADDRESS",
        show_default=False,
        help="With --engine ray: auto, or host:port of a cluster that runs. [default: a Ray of its "
        "own on this machine]",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        show_default=False,
        help="With --engine ray. [default: one for each GPU; without any, one for two CPUs]",
    ),
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-worker",
        metavar="N",
        min=0,
        show_default=False,
        help="With --engine ray; 0.5: two workers share one. [default: 1, 0 where there is none]",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", metavar="N", min=1, show_default=False, help="The first N stories."),
]
Seed = Annotated[
    int,
    typer.Option("--seed", metavar="N", min=0, help="Of the resampling behind the intervals."),
]
StoreFolder = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        show_default=False,
        help="Where scores are kept. [default: the cache folder]",
    ),
]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow", help="Show the scores that another program puts into the store; score nothing."
    ),
]
NoStore = Annotated[bool, typer.Option("--no-store", help="Neither use kept scores nor keep any.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
Column = Annotated[
    str | None,
    typer.Option(
        "--column",
        metavar="NAME",
        show_default=False,
        help="The column of a table that holds the story. [default: found by itself]",
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        "--group",
        metavar="COLUMN",
        show_default=False,
        help="The column of a table that joins stories which are not independent (their author): "
        "intervals resample its values. [default: pairs, where the source has any]",
    ),
]
Split = Annotated[
    str,
    typer.Option(
        "--split", metavar="SPLIT", help='Of a Hugging Face dataset, also "train[:5000]".'
    ),
]
PerLine = Annotated[bool, typer.Option("--per-line", help="Plain text holds one story a line.")]
AllowPickle = Annotated[
    bool,
    typer.Option(
        "--allow-pickle",
        help="Take weights saved as pickles where there are no others; reading them can run a "
        "program.",
    ),
]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Run Python code that comes with a model.")
]
Chat = Annotated[
    bool,
    typer.Option(
        "--chat",
        help="The text is what a user says, in the model's own chat template; the answer is what "
        "comes next.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The result as JSON.")]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Nothing on stderr but what went wrong.")
]


def recipe_from(
    first_token: str, context: int | None, stride: int | None, dtype: str, top: int = TOP
) -> Recipe:
    """The recipe that the options describe; its device is left open.

    Raises `EyebrowError` for what cannot be.
    """
    return Recipe(
        first_token,
        DEFAULT_CONTEXT if context is None else context,
        stride or 0,
        dtype,
        top=top,
    )


def cluster_from(
    engine: str, address: str | None, workers: int | None, gpus: float | None
) -> Cluster | None:
    """The Ray cluster that the options describe, None for this process.

    Raises `EyebrowError` for what does not go together.
    """
    if engine not in ("local", "ray"):
        raise EyebrowError("Bad usage", f"--engine is local or ray, not {engine!r}")
    given = {"--address": address, "--workers": workers, "--gpus-per-worker": gpus}
    if engine == "ray":
        if gpus is not None and gpus > 1 and gpus % 1:
            raise EyebrowError("Bad usage", f"--gpus-per-worker {gpus:g}: above 1, a whole number")
        from ..engine.cluster.asked import Asked

        return Asked(address, workers, gpus)
    if alone := [name for name, value in given.items() if value is not None]:
        raise EyebrowError("Bad usage", f"{alone[0]} goes with --engine ray")
    return None


def store_folder(store: Path | None, no_store: bool) -> Path | None:
    """Where scores are kept, None for nowhere."""
    if store is not None and no_store:
        raise EyebrowError("Bad usage", "--store and --no-store exclude each other")
    if no_store:
        return None
    if store is not None and (found := re.match(r"(\w[\w+.-]+):/", str(store))):
        raise EyebrowError(
            "Bad store",
            f"a store is a folder, not {found[1]}://...; name one that all machines see (a shared "
            "file system)",
        )
    from ...tui.config import store_in_force

    return check_store(store or store_in_force())


def hush(offline: bool) -> None:
    """Libraries write nothing: no progress bars, no warnings. Before they are imported.

    Raises `EyebrowError` where there is no room to import them.
    """
    check_address_space()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")  # transformers' bar while it reads a GGUF file
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    if "EYEBROW_DEBUG" not in os.environ:
        import logging
        import warnings

        warnings.simplefilter("ignore")
        for name in ("torchao", "torch.utils._pytree", "bitsandbytes"):  # said on being imported
            logging.getLogger(name).setLevel(logging.ERROR)

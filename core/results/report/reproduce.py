"""How the numbers of a report come about again."""

from __future__ import annotations

import shlex
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

from ...scoring.scores import TOP
from .blocks import Listing, Prose, Section
from .facts import Facts

_PACKAGES = ("eyebrow", "torch", "transformers", "tokenizers", "numpy", "matplotlib")


def reproduce(facts: Facts, command: str, bundled: bool) -> Section:
    """The commands that score the same stories and write the same report; command: the latter."""
    recipe = facts.sheet.recipe
    store = shlex.quote(str(facts.store.folder))
    models = [f"-m {shlex.quote(facts.places[name])}" for name in facts.names]
    lines = " \\\n".join(f"  {' '.join(models[i : i + 3])}" for i in range(0, len(models), 3))
    score = (
        f"eyebrow score{'' if bundled else ' stories.jsonl'} \\\n{lines} \\\n"
        f"  --store {store} \\\n"
        f"  --first-token {recipe.first_token} --context {recipe.context} "
        f"--stride {recipe.stride} --dtype {recipe.dtype} --device {recipe.device} "
        + (f"--top {recipe.top} " if recipe.top != TOP else "")
        + f"--seed {facts.seed}"
    )
    blocks: list[Prose | Listing] = []
    if bundled:
        blocks.append(Prose("The stories are the ones that come with eyebrow."))
    else:
        blocks.append(
            Prose(
                "The store keeps the text of every story. These lines of Python write the stories "
                "to a file that can be scored again:"
            )
        )
        blocks.append(
            Listing(
                _WRITE_STORIES.format(
                    store=str(facts.store.layout.scores),
                    folder=str(facts.store.folder),
                    run=facts.run,
                ),
                "python",
            )
        )
    blocks.append(Listing(f"{score}\n{command}", "sh"))
    versions = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name)))
    blocks.append(
        Prose(
            f"This report was written with Python {python_version()}, {versions}, seed "
            f"{facts.seed}. Scores in the store are kept under the digests of model files and "
            "recipe, given above: other files or choices give other digests."
        )
    )
    return Section("reproduce", "How to reproduce it", tuple(blocks))


_WRITE_STORIES = """\
from pathlib import Path

import pandas as pd
from eyebrow.core.results.store import Store

texts = pd.read_parquet({store!r}, columns=["text_digest", "text"])
texts = texts.drop_duplicates("text_digest").set_index("text_digest")["text"]
labels = Store(Path({folder!r})).labels({run!r}).stories
rows = [(label.id, label.title, texts.get(label.digest)) for label in labels]
rows = pd.DataFrame(rows, columns=["id", "title", "text"]).dropna(subset=["text"])
rows.to_json("stories.jsonl", orient="records", lines=True)"""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

"""How the numbers of a report come about again."""

from __future__ import annotations

import shlex
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

from ...scoring.positions import SENTENCES
from ...scoring.scores import TOP
from ..statistics.clusters import MARK
from .blocks import Listing, Prose, Section
from .facts import Facts

_PACKAGES = ("eyebrow", "torch", "transformers", "tokenizers", "numpy", "matplotlib")


def reproduce(facts: Facts, command: str, bundled: bool) -> Section:
    """The commands that score the same stories and write the same report; command: the latter."""
    recipe, labels = facts.sheet.recipe, facts.store.labels(facts.run).stories
    kinds = {label.group.partition(MARK)[0] for label in labels if label.group} - {"pair"}
    group = f" --group {shlex.quote(min(kinds))}" if kinds else ""
    five = all(len(label.sentence_starts) == SENTENCES for label in labels)
    store = shlex.quote(str(facts.store.folder))
    models = [f"-m {shlex.quote(facts.places[name])}" for name in facts.names]
    lines = " \\\n".join(f"  {' '.join(models[i : i + 3])}" for i in range(0, len(models), 3))
    score = (
        f"eyebrow score{'' if bundled else f' stories.jsonl{group}'} \\\n{lines} \\\n"
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
                    text=_SENTENCES if five else _TEXT,
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
rows = []
for label in Store(Path({folder!r})).labels({run!r}).stories:
    if label.digest in texts:
        text, row = texts[label.digest], {{"id": label.id, "title": label.title}}
{text}
        what, _, which = label.group.partition(": ")
        rows.append(row | {{what: which}} if what else row)
pd.DataFrame(rows).to_json("stories.jsonl", orient="records", lines=True)"""

_TEXT = """\
        row["text"] = text"""

_SENTENCES = """\
        starts = label.sentence_starts
        for n, (start, end) in enumerate(zip(starts, [*starts[1:], None]), start=1):
            row[f"sentence{n}"] = text[start:end]"""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

"""Measure what Compare and what-if promise: python docs/measure.py [key] [sort] [finds] [edit]

Times are of the processor (of the thread that draws, for a key), so that others at work on the
machine count for nothing; bundled stories, bundled models.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from eyebrow.core.models.member import Member
from eyebrow.core.results.compare.finds import SORTS, Finds
from eyebrow.core.results.compare.reading import read_compared
from eyebrow.core.results.store import Row, Store
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories import Story, open_stories, text_digest

SIZES = ["pocket-50k", "pocket-3m"]
MEMBERS = [
    Member(name, text_digest(name), "pocket", "", "pocket", n) for n, name in enumerate(SIZES, 1)
]
RECIPE = Recipe().settled("cpu", "float32")


def key() -> None:
    """A size key on a story that is scored: until the story is recoloured, and until all panes
    are drawn. With a keyboard the two are written one after the other."""
    from eyebrow.core import score
    from eyebrow.core.engine.messages import Settings
    from eyebrow.core.engine.pool import Pool
    from eyebrow.core.models.catalogue import find_models
    from eyebrow.tui.app import EyebrowApp
    from eyebrow.tui.threads.mailbox import Mailbox

    async def press(store: Path) -> list[tuple[float, float]]:
        mailbox = Mailbox()
        engine = Pool(Settings(store=str(store)), mailbox.put)
        engine.start()
        took: list[tuple[float, float]] = []
        drawn: list[float] = []

        app: Any = EyebrowApp(
            open_stories(None), find_models(SIZES), Recipe(), engine, mailbox, store
        )
        display = app._display

        def timed(*given: Any) -> None:
            display(*given)
            drawn.append(time.thread_time())

        app._display = timed
        async with app.run_test(size=(140, 40)) as pilot:
            sizes = app.session.models.sizes
            while not all(app.session.score(size) for size in sizes):
                await pilot.pause(0.2)
            await pilot.pause(3)
            for n in range(40):
                drawn.clear()
                began = time.thread_time()
                await pilot.press("[" if n % 2 == 0 else "]")
                await pilot.pause(0.2)
                took.append((drawn[0] - began, drawn[-1] - began))
        engine.close()
        return took

    with tempfile.TemporaryDirectory() as folder:
        score(open_stories(None), SIZES, recipe=Recipe(), store=Path(folder))
        took = asyncio.run(press(Path(folder)))
    first, last = (statistics.median(each) for each in zip(*took, strict=True))
    tell("size key: the story recoloured", first, 0.030, f"all panes {last:.4f} s")


def sort() -> None:
    """100,000 spans in each of the orders."""
    chance, size = np.random.default_rng(0), 100_000
    nats = [chance.gamma(1.0, 3.0, size).astype(np.float32) for _ in range(3)]
    places = np.arange(size, dtype=np.int32)
    kinds = np.zeros(size, dtype=np.uint8)
    finds = Finds("token", places // 200, places, places + 1, *nats, kinds, kinds, places)
    for name in SORTS:
        began = time.process_time()
        finds.order(name)
        tell(f"100,000 spans by {name}", time.process_time() - began, 0.3)


def finds() -> None:
    """5,000 stories under two models, read from a store and lined up; half of them beside it."""
    for count in (2_500, 5_000):
        with tempfile.TemporaryDirectory() as folder:
            _write(Path(folder), count)
            words = [sys.executable, __file__, "read", folder, str(count)]
            print(subprocess.run(words, check=True, capture_output=True, text=True).stdout, end="")


def _write(folder: Path, count: int) -> None:
    """Stories of the bundled sentences, mixed; scores by chance: it is reading that is measured."""
    from eyebrow.core import load_model
    from eyebrow.core.scoring.encode import encode
    from eyebrow.core.scoring.scorer import Draft

    _, tokenizer, *_ = load_model(SIZES[0], device="cpu")
    chance = np.random.default_rng(1)
    sentences = [part for s in open_stories(None) for part in s.text.split(". ")]
    store = Store(folder)
    for at in range(0, count, 500):
        texts = [". ".join(chance.choice(sentences, 13)) + f" {at + n}." for n in range(500)]
        for member in MEMBERS:
            rows = []
            for text, encoding in zip(texts, encode(tokenizer, texts, "context"), strict=True):
                draft = Draft(encoding, 10)
                draft.logprobs[1:] = -chance.gamma(1.0, 3.0, len(encoding) - 1)
                draft.entropies[1:], draft.ranks[1:] = 2.0, 1
                rows.append(Row(Story(text[-8:], "", text), member, RECIPE, draft.finish(text)))
            store.write(rows)


def read(folder: str, count: str) -> None:
    """What `finds` measures, in a process of its own."""
    store = Store(Path(folder))
    digests = store.summaries(MEMBERS[0].digest, RECIPE.digest)
    told = [Story(digest, "", digest).label(digest) for digest in digests]
    began = time.process_time()
    found = read_compared(store, *MEMBERS, RECIPE.digest, told)
    found.finds.by("word").order("gain")
    took = time.process_time() - began
    told_by_linux = Path("/proc/self/status").read_text()  # getrusage counts the parent's too
    peak = int(told_by_linux.split("VmHWM:")[1].split()[0]) / 1000
    spans = f"{len(found.finds):,} spans, {peak:,.0f} MB at most"
    tell(f"{int(count):,} stories x 2 models", took, 10, spans)


def edit() -> None:
    """The last word of a story of 200 tokens is another one."""
    from eyebrow.core import load_model
    from eyebrow.core.scoring.scorer import Scorer
    from eyebrow.core.scoring.simple import recipe_for
    from eyebrow.core.scoring.what_if import WhatIf

    model, tokenizer, *_ = load_model("pocket-3m", device="cpu", dtype="float32")
    long = next(s.text for s in open_stories(None) if len(tokenizer(s.text)["input_ids"]) > 220)
    text = tokenizer.decode(tokenizer(long)["input_ids"][:200])
    recipe = replace(recipe_for(model, Recipe()), dtype="float32")
    editing = WhatIf(Scorer(model, tokenizer, recipe))
    whole = editing.score(text).fed
    took, fed = [], []
    for n in range(20):
        began = time.process_time()
        edited = editing.score(text[: text.rindex(" ")] + (" umbrella", " door")[n % 2])
        took.append(time.process_time() - began)
        fed.append(edited.fed)
    fresh = next(iter(Scorer(model, tokenizer, recipe).score([text[: text.rindex(" ")] + " door"])))
    apart = np.nanmax(np.abs(fresh[1].logprobs - edited.score.logprobs))
    said = f"{max(fed)} tokens fed of {whole}, {apart:.1e} nats from a fresh scoring at most"
    tell("what-if at the end of 200 tokens", statistics.median(took), 0.150, said)


def tell(what: str, took: float, most: float, more: str = "") -> None:
    print(f"{what:34} {took:8.4f} s of at most {most:g} s   {more}", flush=True)


if __name__ == "__main__":
    names: dict[str, Any] = {"key": key, "sort": sort, "finds": finds, "edit": edit}
    if sys.argv[1:2] == ["read"]:
        read(*sys.argv[2:])
    else:
        for name in sys.argv[1:] or names:
            names[name]()

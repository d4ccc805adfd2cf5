"""A stage for the app: an engine that answers at once with numbers made from the text alone."""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from eyebrow.core.engine.damage_messages import Measure
from eyebrow.core.engine.exploring_messages import (
    ContextTraced,
    Continue,
    Continued,
    Diverge,
    Diverged,
    NextShown,
    ScoreAlone,
    ScoredAlone,
    ShowNext,
    TraceContext,
)
from eyebrow.core.engine.messages import (
    Failed,
    Finished,
    Hello,
    Loaded,
    Loading,
    Rescore,
    Rescored,
    Score,
    Scored,
    Settings,
    Vocabulary,
)
from eyebrow.core.engine.pool import Doing
from eyebrow.core.models.catalogue import ModelSpec
from eyebrow.core.results.compare.cuts import cuts_of
from eyebrow.core.scoring.exploring import ContinuedToken, CurvePoint, NextTable
from eyebrow.core.scoring.next_table import next_table
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.scores import TOP, StoryScore, Summary
from eyebrow.core.stories import Story, text_digest
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.config import DEFAULTS, Config
from eyebrow.tui.state import START, State
from eyebrow.tui.threads.lane import ASIDE
from eyebrow.tui.threads.mailbox import Mailbox

PATIENCE = 6000  # looks at the screen before a test gives up; nothing is measured by it

WORDS = [f" w{n}" for n in range(200)]
SPECS = tuple(
    ModelSpec(f"made-{size}k", "folder", f"/nowhere/{size}", "made", parameters=size * 1000)
    for size in (50, 200, 800)
)
STRENGTHS = [*(spec.name for spec in SPECS), "other-100k"]
OTHER = ModelSpec("other-100k", "folder", "/nowhere/other", "other", parameters=100_000)
STORIES = (
    Story(
        "cat", "The cat", "The cat sat on the mat. It was warm there.\n\nThen it rained.", "made"
    ),
    Story("dog", "The dog", "A dog ran over the hill and did not look back once."),
    Story("sea", "The sea", "Grey sea, grey sky, and between them one small red boat."),
)


def made_score(text: str, strength: int, *, first: bool = False) -> StoryScore:
    """Tokens are words with the space before them; surprise falls with `strength`.

    first: the first word is scored too, as by a tokenizer with BOS.
    """
    spans = [match.span() for match in re.finditer(r"\s*\S+", text)] or [(0, len(text))]
    size = len(spans)
    ids = np.array([zlib.crc32(text[a:b].encode()) % 200 for a, b in spans], dtype=np.int32)
    bits = (ids % 13).astype(np.float32) / strength
    logprobs = (-bits * np.log(2)).astype(np.float32)
    ranks = (ids % 50 + 1).astype(np.int32)
    if not first:
        logprobs[0], ranks[0] = np.nan, 0
    top = np.tile(np.arange(TOP, dtype=np.int32), (size, 1))
    nll = -float(np.nansum(logprobs, dtype=np.float64))
    return StoryScore(
        ids,
        np.array([a for a, _ in spans], dtype=np.int32),
        np.array([b for _, b in spans], dtype=np.int32),
        logprobs,
        np.where(ranks > 0, 2.0, np.nan).astype(np.float32),
        ranks,
        top,
        np.log(np.tile(np.linspace(0.3, 0.01, TOP, dtype=np.float32), (size, 1))),
        Summary(size, len(text.encode()), nll)
        if first
        else Summary(size - 1, len(text.encode()) - int(spans[0][1]), nll),
    )


class MadeEngine:
    """Stands in for `Pool`. `silent`: answers nothing, the requests pile up in `sent`; those of
    the kinds in `slow` wait there until `answer` is told of them."""

    log = Path("/nowhere/worker.log")
    workers = 1
    settings = Settings()

    def __init__(self, mailbox: Mailbox, *, silent: bool = False) -> None:
        self.mailbox = mailbox
        self.silent = silent
        self.sent: list[Any] = []
        self.slow: tuple[type, ...] = ()
        self.starts = 0
        self.loaded: set[str] = set()

    def start(self) -> None:
        self.starts += 1
        if not self.silent:
            self.mailbox.put(Hello("cpu", "float32"))

    def send(self, request: Any) -> None:
        self.sent.append(request)
        if not (self.silent or isinstance(request, self.slow)):
            self.answer(request)

    def answer(self, request: Any) -> None:
        if isinstance(request, Score):
            for reply in answers(request, self.loaded):
                self.mailbox.put(reply)
        elif isinstance(request, ShowNext):
            self.mailbox.put(NextShown(request.job, request.model.name, 3, next_shown(request)))
            self.mailbox.put(Finished(request.job))
        elif isinstance(request, Continue):
            for reply in continued(request):
                self.mailbox.put(reply)
        elif isinstance(request, Diverge):
            kl = diverged(request)
            self.mailbox.put(Diverged(request.job, request.model.name, kl))
            self.mailbox.put(Finished(request.job))
        elif isinstance(request, Rescore | TraceContext):
            self.mailbox.put(explored(request))
            self.mailbox.put(Finished(request.job))
        elif isinstance(request, ScoreAlone):
            scores = {one.text: made_score(one.text, 1, first=True) for one in request.texts}
            nats = {text_digest(text): score.summary.nll for text, score in scores.items()}
            self.mailbox.put(ScoredAlone(request.job, request.model.name, nats))
            self.mailbox.put(Finished(request.job))

    def doing(self) -> tuple[Doing, ...]:
        return (Doing("auto", 7, "", "", 0, 0, tuple(sorted(self.loaded))),)

    def close(self) -> None:
        pass


def answers(request: Score, loaded: set[str]) -> list[Any]:
    """What a worker would say to a request."""
    name, replies = request.model.name, []
    if name not in loaded:
        loaded.add(name)
        replies = [Loading(name), Loaded(name, request.model.parameters or 0, digest_of(name))]
        replies.append(Vocabulary(name, tuple(WORDS[name == OTHER.name :])))
    rows, cuts = [], {}
    for story in request.stories:
        score = score_by(name, story.text)
        digest = text_digest(story.text)
        rows.append((digest, score.summary, score if request.urgent else None))
        if request.cuts:
            cuts[digest] = cuts_of(story.text, score)
    recipe = request.recipe.settled("cpu", "float32")
    scored = Scored(request.job, name, tuple(rows), recipe, 0.5, cuts)
    return [*replies, scored, Finished(request.job)]


def explored(request: Rescore | TraceContext) -> Rescored | ContextTraced | Failed:
    """What a worker would say to a question about a place."""
    name = request.model.name
    if not request.text.strip():
        return Failed(request.job, name, "Nothing to score", "the text is empty", request.about)
    if isinstance(request, Rescore):
        recipe = request.recipe.settled("cpu", "float32")
        return Rescored(request.job, name, recipe, score_by(name, request.text), 1)
    nats = 8.0 - STRENGTHS.index(name)
    before = len(request.text[: request.word[0]].split())
    if not before:
        return Failed(request.job, name, "No context", "nothing stands before it", request.about)
    sizes = [n for n in (1, 2, 4, 8, 16) if n <= before]
    points = [CurvePoint("tokens", n, nats / n) for n in sizes]
    points += [CurvePoint(what, before, nats / before) for what in ("sentence", "story")]
    return ContextTraced(request.job, name, tuple(points))


def diverged(request: Diverge) -> Any:
    """A hundredth of a nat at the second token, twice as much at each further one."""
    size = len(score_by(request.reference.name, request.text))
    return np.array([np.nan, *(0.01 * 2.0**at for at in range(size - 1))], dtype=np.float32)


def digest_of(name: str) -> str:
    """Of the weights of the model of this name."""
    return text_digest(name)


def score_by(name: str, text: str) -> StoryScore:
    """As the model of this name has it."""
    if name == OTHER.name:
        return made_score(text, 2, first=True)
    return made_score(text, 1 + [spec.name for spec in SPECS].index(name))


def next_shown(request: ShowNext) -> NextTable:
    """Of a vocabulary as large as `WORDS`, by the functions that the worker has."""
    logits = np.cos(np.arange(len(WORDS)) * (1 + len(request.context.added))) * 4
    base = np.exp(logits) / np.exp(logits).sum()
    reshaped = base ** (1 / max(request.dials.temperature, 1e-6))
    reshaped /= reshaped.sum()
    for token, share in request.by_hand:
        rest = 1 - reshaped[token]
        reshaped = reshaped * (1 - share) / rest
        reshaped[token] = share
    return next_table(
        logits,
        base,
        reshaped,
        rows=request.rows,
        true=7,
        wanted=request.wanted,
        draws=request.draws,
        seed=request.seed,
    )


def continued(request: Continue) -> list[Any]:
    """Four tokens, one after the other."""
    name, replies = request.model.name, []
    text = ""
    for n in range(4):
        token = (len(request.context.added) + n) % len(WORDS)
        text += WORDS[token]
        told = ContinuedToken(
            WORDS[token], token, -1.0 - n, n + 1, 2.0, 0.5, ((9, -0.5), (token, -1.0))
        )
        replies.append(Continued(request.job, name, (told,), text, "length" if n == 3 else ""))
    return [*replies, Finished(request.job)]


class MadeDamaging:
    """Stands in for `Damaging`: what was asked, and no answer but those that a test gives."""

    def __init__(self) -> None:
        self.asked = 0
        self.wanted: list[Measure] = []
        self.stops = 0

    def measure(self, wanted: Measure) -> int:
        self.wanted.append(wanted)
        self.asked += 1
        return self.asked

    def stop(self) -> None:
        self.asked += 1
        self.stops += 1


class Told:
    """Stands in for `Stories`."""

    def __init__(self, stories: Sequence[Story]) -> None:
        self.name = "made up"
        self._stories = list(stories)

    def __iter__(self) -> Any:
        return iter(self._stories)


def made_app(
    stories: Sequence[Story] = STORIES,
    specs: Sequence[ModelSpec] = SPECS,
    *,
    silent: bool = False,
    store: Path | None = None,
    config: Config = DEFAULTS,
    state: State = START,
    follow: bool = False,
) -> EyebrowApp:
    """The app on the stage; `app.session.worker.engine` is the made engine."""
    mailbox = Mailbox()
    engine = MadeEngine(mailbox, silent=silent)
    engine.start()
    told: Any = Told(stories)
    made: Any = engine
    app = EyebrowApp(
        *(told, specs, Recipe(), made, mailbox, store), config=config, state=state, follow=follow
    )
    damaging: Any = MadeDamaging()
    app.session.variants.damaging = damaging
    return app


async def settled(app: EyebrowApp, pilot: Any) -> None:
    """Until every story is scored under every size and shown."""
    for _ in range(PATIENCE):
        await pilot.pause(0.02)
        if all(rung.interval for rung in app.session.models.sizes):
            break
    else:
        raise AssertionError("never settled")
    await pilot.pause(0.4)  # repaints that only the worker caused wait a quarter of a second


async def until(pilot: Any, holds: Callable[[], bool]) -> None:
    """Look at the screen until it does."""
    for _ in range(PATIENCE):
        if holds():
            return
        await pilot.pause(0.02)
    raise AssertionError("it never came")


async def threads_done(pilot: Any) -> None:
    """Until nothing is read or looked up aside, and its answers are taken."""
    while any(thread.name == ASIDE for thread in threading.enumerate()):
        await pilot.pause(0.01)
    await pilot.pause()

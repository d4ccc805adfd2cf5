"""What Sample shows: pure functions of the session."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rich.style import Style

from ....core.scoring.exploring import Bar
from ....core.wording import number, percent, visible
from ...panes.branch_list import BranchLine
from ...panes.next_bars import NextBar
from ...panes.story_text import Paint
from ...session import Session
from ...session.branches import Branch, in_tree
from ...session.sampling import SHOWN, TURNS, Sampling
from ...terminal.colours import ColourDepth
from ...text.colour import scale
from ...text.reading import BIT

TAIL = 60  # characters of the context in the title
SAME = 1e-6  # nats by which two sums of one distribution may differ
SPARKS = "▁▂▃▄▅▆▇█"


def words(session: Session, token: int) -> str:
    """How a token of the current size reads."""
    known = session.models.size.vocabulary
    return visible(known[token], spaces=True) if token < len(known) else f"‹id {token}›"


def before(session: Session) -> str:
    """The end of the context, for a title."""
    sampling = session.sampling
    context = sampling.context
    if context is None:
        return "No story"
    text = context.text[: context.at] + "".join(
        session.models.size.vocabulary[token]
        for token in context.added
        if token < len(session.models.size.vocabulary)
    )
    tail = visible(text[-TAIL:])
    head = "" if len(text) <= TAIL else "…"
    return f"After: {head}{tail}" if tail else "At the very beginning"


def bars(session: Session) -> tuple[NextBar, ...]:
    """The next token under the current size."""
    sampling = session.sampling
    if sampling.table is None:
        return ()
    table, draws = sampling.table.table, sampling.table.table.draws
    listed = {bar.token_id for bar in table.rows}
    total, found = 0.0, []
    for at, bar in enumerate(sampling.bars):
        is_found = at < len(table.wanted)
        if not is_found and bar.token_id in listed:
            total += bar.reshaped
        found.append(
            NextBar(
                bar.rank,
                words(session, bar.token_id),
                bar.logit,
                bar.probability,
                bar.reshaped,
                total if bar.reshaped and bar.token_id in listed and not is_found else None,
                None if draws is None else draws.counts.get(bar.token_id, 0) / draws.count,
                table.true is not None and bar.token_id == table.true.token_id,
                is_found,
                bar.token_id in sampling.by_hand,
            )
        )
    return tuple(found)


def dials(sampling: Sampling) -> tuple[tuple[str, str], ...]:
    """The dials with their values, the one that is turned in brackets: parts of a bar."""
    parts: list[tuple[str, str]] = []
    for name in TURNS:
        value = sampling.value(name)
        shown = "–" if value is None else percent(value) if name == "bar" else f"{value:g}"
        if name == "top_k" and not value:
            shown = "all"
        said = f"{SHOWN[name]} {shown}"
        turned = name == sampling.turned
        parts.append((f"‹{said}› " if turned else f" {said}  ", "strong" if turned else "quiet"))
    return tuple(parts)


def sums(session: Session) -> str:
    """Entropy and effective choices of both distributions, and |V|."""
    sampling = session.sampling
    if sampling.table is None:
        return sampling.why
    table = sampling.table.table
    choices = number(math.exp(table.entropy), 1)
    said = f"entropy {number(table.entropy / BIT, 2)} bits, like {choices} equal choices"
    if abs(table.reshaped_entropy - table.entropy) > SAME:
        reshaped = table.reshaped_entropy
        said += f" → {number(reshaped / BIT, 2)} bits, {number(math.exp(reshaped), 1)}"
    said += f" of |V| {table.vocabulary:,}"
    if table.kept < table.vocabulary:
        said += f", {table.kept:,} kept"
    return said


def drawn(session: Session) -> str:
    """The draws: how many, how far from the bars, and the last of them step by step."""
    sampling = session.sampling
    draws = sampling.table.table.draws if sampling.table is not None else None
    if draws is None:
        same = "" if sampling.dials.temperature else "greedy: the likeliest is drawn; "
        return f"{same}r draws one, R a hundred: the order never changes under temperature"
    trail = "".join(_spark(distance) for _, distance in draws.trail)
    last = draws.last
    word = words(session, last.token_id)
    return (
        f"{draws.count:,} drawn, total variation {number(draws.distance, 3)} · "
        f"u {last.u:.4f} in [{last.low:.4f}, {last.high:.4f}) → {word}  {trail}"
    )


def _spark(distance: float) -> str:
    return SPARKS[min(len(SPARKS) - 1, int(distance * len(SPARKS)))]


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A continuation in its colours; title: how it is drawn, note: the token under the cursor."""

    paint: Paint
    title: str
    note: str


def text_of(session: Session, branch: Branch | None, *, dark: bool, depth: ColourDepth) -> Text:
    """Each token by its surprise under the base model."""
    if branch is None:
        return Text(Paint(""), "Continue", "")
    colours = scale("surprise", dark=dark, depth=depth)
    text, ends, styles = "", [], list[Style]()
    for token in branch.tokens:
        text += token.token
        ends.append(len(text))
        styles.append(colours.style(-token.logprob / BIT))
    return Text(
        Paint(text, tuple(ends), tuple(styles), dark),
        f"{branch.model}, {branch.label}{_state(branch)}",
        _token(session, branch),
    )


def _state(branch: Branch) -> str:
    if branch.why:
        return f": {branch.why}"
    if branch.cycle is not None:
        cycle = branch.cycle
        return f" · loops: {cycle.length} tokens again and again from {cycle.first + 1} on"
    return {"": " · …", "end": " · ended", "paused": " · stopped, z resumes"}.get(branch.ended, "")


def _token(session: Session, branch: Branch) -> str:
    """The token under the cursor: bits, rank, and what else was likely."""
    if not branch.tokens:
        return ""
    token = branch.tokens[min(session.sampling.token, len(branch.tokens) - 1)]
    others = "  ".join(
        f"{words(session, other)} {percent(math.exp(logprob))}" for other, logprob in token.top[:4]
    )
    bits = number(-token.logprob / BIT, 1)
    return f"{visible(token.token, spaces=True)}  {bits} bits, rank {token.rank:,} · {others}"


def beside(sampling: Sampling) -> Branch | None:
    """The continuation that stands beside the one that is read: of the same context, drawn in
    the other way, else the one before it."""
    branch = sampling.branch
    if branch is None:
        return None
    others = [one for one in sampling.branches if one is not branch]
    same = [one for one in others if one.context == branch.context and one.model == branch.model]
    return next(reversed(same or others), None)


def lines(session: Session) -> tuple[BranchLine, ...]:
    """The tree of continuations."""
    found = []
    for branch in in_tree(session.sampling.branches):
        state = f"{len(branch.tokens)} tokens"
        if branch.cycle is not None:
            state = f"loop of {branch.cycle.length} · {state}"
        text = "".join(token.token for token in branch.tokens[:40]).strip()
        found.append(BranchLine(branch.depth, branch.label, text, state))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Across:
    """One size: its likeliest tokens or characters, its entropy in bits, and KL to the largest."""

    name: str
    rows: tuple[tuple[str, float], ...]
    entropy: float
    kl: float | None


def across(session: Session, count: int) -> tuple[Across, ...]:
    """The same context under every size of which an answer is here."""
    found = []
    mixed = session.models.mixes_tokenizers
    for size in session.models.sizes:
        shown = session.sampling.across.get(size.name)
        if shown is None:
            continue

        def read(bar: Bar, known: tuple[str, ...] = tuple(size.vocabulary)) -> str:
            return visible(known[bar.token_id], spaces=True) if bar.token_id < len(known) else "?"

        rows = tuple((read(bar), bar.probability) for bar in shown.table.rows[:count])
        if mixed:
            rows = tuple((visible(ch, spaces=True), p) for ch, p in shown.characters[:count])
        found.append(Across(size.name, rows, shown.table.entropy / BIT, shown.kl))
    return tuple(found)

"""What Sample shows: pure functions of the session."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from textwrap import wrap

from ....core.scoring.exploring import ContinuedToken
from ....core.scoring.vocabulary import read_together
from ....core.wording import many, number, percent, visible
from ...panes.bars import Part
from ...panes.branch_list import BranchLine
from ...panes.next_bars import NextBar
from ...panes.story_text import Paint
from ...session import Session
from ...session.branches import END, ENOUGH, PAUSED, Branch, in_tree
from ...session.dials import SHOWN, TURNS
from ...session.sampling import Sampling
from ...terminal.colours import ColourDepth
from ...text.colour import scale
from ...text.plain import cell_width, shorten, shorten_apart, shorten_front
from ...text.reading import BIT

SPARKS = "▁▂▃▄▅▆▇█"


def words(known: Sequence[str], token: int) -> str:
    """How a token reads in this vocabulary."""
    return visible(known[token], spaces=True) if token < len(known) else f"‹id {token}›"


def vocabulary_of(session: Session, branch: Branch) -> Sequence[str]:
    """Of the model that made it, whichever is current."""
    size = session.models.named(branch.model)
    return () if size is None else size.vocabulary


def before(session: Session, cells: int) -> str:
    """The end of the context, for a title of so many cells."""
    sampling = session.sampling
    if sampling.context is None and not sampling.added:
        return "No story"
    chat = sampling.prompt is not None and sampling.prompt.chat
    head = "Answer to: " if chat else "After: "
    text = visible(sampling.text()[-cells:])
    if not text:
        return "At the very beginning"
    return head + shorten_front(text, cells - len(head))


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
                words(session.models.size.vocabulary, bar.token_id),
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


def dials(sampling: Sampling) -> tuple[Part, ...]:
    """The dials with their values, the one that is turned in brackets: parts of a bar."""
    parts: list[Part] = []
    for name in TURNS:
        value = sampling.value(name)
        shown = "–" if value is None else percent(value) if name == "bar" else f"{value:g}"
        if name == "top_k" and not value:
            shown = "all"
        said = f"{SHOWN[name]} {shown}"
        turned = name == sampling.turned
        text = f"‹{said}› " if turned else f" {said}  "
        parts.append((text, "strong" if turned else "quiet"))
    text, kind = parts[-1]
    return (*parts[:-1], (text.rstrip(), kind))


def sums(session: Session) -> tuple[Part, ...]:
    """Entropy and effective choices of both distributions, and those of the uniform one."""
    sampling = session.sampling
    if sampling.table is None or not sampling.is_fresh:
        return ((sampling.why, ""),)
    table = sampling.table.table
    bits, choices = f"{table.entropy / BIT:.2f}", _choices(table.entropy)
    if abs(table.reshaped_entropy - table.entropy) > 1e-6:
        bits += f" → {table.reshaped_entropy / BIT:.2f}"
        choices += f" → {_choices(table.reshaped_entropy)}"
    kept = f", {table.kept:,} kept" if table.kept < table.vocabulary else ""
    return (
        (f"entropy {bits} bits, like {choices} equal choices of |V| {table.vocabulary:,}", ""),
        (f" ({math.log2(table.vocabulary):.1f} bits)", "spare"),
        (kept, ""),
    )


def _choices(entropy: float) -> str:
    count = math.exp(entropy)
    return number(count, 1 if count < 99.95 else 0)


def drawn(session: Session) -> tuple[str, str]:
    """The draws: how many and how far from the bars; and the last of them step by step."""
    sampling = session.sampling
    draws = sampling.table.table.draws if sampling.table is not None else None
    if draws is None:
        greedy = "greedy: the likeliest is drawn; " if not sampling.dials.temperature else ""
        return f"{greedy}the order never changes under temperature", ""
    most = max(distance for _, distance in draws.trail)
    trail = "".join(_spark(distance, most) for _, distance in draws.trail)
    last = draws.last
    word = words(session.models.size.vocabulary, last.token_id)
    return (
        f"{draws.count:,} drawn, total variation {number(draws.distance, 3)}  {trail}",
        f"the last: u {last.u:.4f} falls into [{last.low:.4f}, {last.high:.4f}), "
        f"where “{word}” lies",
    )


def _spark(distance: float, most: float) -> str:
    return SPARKS[round(distance / most * (len(SPARKS) - 1))] if most else SPARKS[0]


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A continuation in its colours; title: how it is drawn, note: the token under the cursor."""

    paint: Paint
    title: str
    note: str


def text_of(session: Session, branch: Branch | None, *, dark: bool, depth: ColourDepth) -> Text:
    """Each token by its surprise under the base model."""
    if branch is None:
        return Text(Paint(""), "", "")
    colours = scale("surprise", dark=dark, depth=depth)
    line = branch.line()
    texts = read_together([token.token for token in line])
    ends = tuple(accumulate(map(len, texts)))
    styles = tuple(colours.style(-token.logprob / BIT) for token in line)
    return Text(
        Paint("".join(texts), ends, styles, dark),
        f"{_name(session, branch)}{_state(branch)}",
        _token(session, branch, line),
    )


def _name(session: Session, branch: Branch) -> str:
    """How it was drawn, and by which model where there are several."""
    several = len({one.model for one in session.sampling.continuations.branches}) > 1
    return f"{branch.model}, {branch.label}" if several else branch.label


def _state(branch: Branch) -> str:
    if branch.why:
        return f": {branch.why}"
    if branch.cycle is not None:
        first, length = branch.cycle.first, branch.cycle.length
        loop = [token.token for token in branch.line()[first : first + length]]
        said = visible("".join(read_together(loop)), spaces=True)
        return f" · loops from token {first + 1} on: “{said}”"
    states = {"": " …", END: " · ended", PAUSED: " · stopped, z goes on", ENOUGH: " · z goes on"}
    return states.get(branch.ended, "")


def _token(session: Session, branch: Branch, line: Sequence[ContinuedToken]) -> str:
    """The token under the cursor: bits, rank, and what else was likely."""
    if not line:
        return ""
    token, known = (
        line[min(session.sampling.continuations.token, len(line) - 1)],
        vocabulary_of(session, branch),
    )
    others = "  ".join(
        f"{words(known, other)} {percent(math.exp(logprob))}" for other, logprob in token.top[:4]
    )
    bits = number(-token.logprob / BIT, 1)
    return f"{visible(token.token, spaces=True)}  {bits} bits, rank {token.rank:,} · {others}"


def beside(sampling: Sampling) -> Branch | None:
    """The continuation that stands beside the one that is read: of the same context, drawn in
    the other way, else the one before it; the branch that it leaves, where it leaves one."""
    made = sampling.continuations
    if (branch := made.branch) is None:
        return None
    if branch.parent is not None:
        return branch.parent
    others = [one for one in made.branches if one is not branch and one.parent is None]
    same = [one for one in others if one.context == branch.context and one.model == branch.model]
    return next(reversed(same or others), None)


def lines(session: Session) -> tuple[BranchLine, ...]:
    """The tree of continuations."""
    made = session.sampling.continuations
    found = []
    for branch in in_tree(made.branches):
        state = many(len(branch.line()), "token")
        if branch.cycle is not None:
            state = f"loop of {branch.cycle.length} · {state}"
        text = "".join(read_together([token.token for token in branch.tokens[:40]])).strip()
        label = _name(session, branch)
        if branch.parent is not None and not branch.name:
            label = f"from token {branch.begins + 1}"
        found.append(BranchLine(branch.depth, label, text, state))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Across:
    """One size: its likeliest tokens or characters, its entropy in bits, what the token that
    stands there has ("" for none), KL to the largest in nats, and why there is nothing."""

    name: str
    rows: tuple[tuple[str, float], ...] = ()
    entropy: float = math.nan
    true: tuple[str, float] = ("", math.nan)
    kl: float | None = None
    is_largest: bool = False
    why: str = ""


def across(session: Session, count: int) -> tuple[Across, ...]:
    """The same context under every size."""
    sampling, mixed = session.sampling, session.models.mixes_tokenizers
    sizes = session.models.sizes
    largest = next((one.name for one in reversed(sizes) if not one.is_out), "")
    found = []
    for size in sizes:
        shown = sampling.across.get(size.name)
        if shown is None:
            found.append(Across(size.name, why=sampling.troubles.get(size.name, "asking…")))
            continue
        known, table = size.vocabulary, shown.table
        rows = tuple((words(known, bar.token_id), bar.probability) for bar in table.rows[:count])
        if mixed:
            rows = tuple((visible(ch, spaces=True), p) for ch, p in shown.characters[:count])
        true = ("", math.nan)
        if table.true is not None:
            true = words(known, table.true.token_id), table.true.probability
        entropy, is_largest = table.entropy / BIT, size.name == largest
        found.append(Across(size.name, rows, entropy, true, shown.kl, is_largest))
    return tuple(found)


CELL = 16  # cells of a size, at least


def across_table(session: Session, width: int, height: int) -> str:
    """The sizes side by side; those around the current one where there is no room for all."""
    found = across(session, max(1, height - 4))
    room = max(1, width // CELL)
    first = max(0, min(session.models.current - room // 2, len(found) - room))
    found = found[first : first + room]
    cells = width // len(found)
    rows = [
        shorten_apart([visible(one.name) for one in found], cells - 1),
        ["" if one.why else f"{number(one.entropy, 2)} bits" for one in found],
        ["the largest" if one.is_largest else _kl(one) for one in found],
        [_cell("●" + one.true[0], one.true[1], cells) if one.true[0] else "" for one in found],
    ]
    for at in range(max(1, *(len(one.rows) for one in found))):
        rows.append([_cell(*one.rows[at], cells) if at < len(one.rows) else "" for one in found])
    for column, one in enumerate(found):
        for at, line in enumerate(wrap(visible(one.why), cells - 2)[: height - 1], 1):
            if at < len(rows):
                rows[at][column] = line
    lines = ("".join(text + " " * (cells - cell_width(text)) for text in row) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _kl(one: Across) -> str:
    return "" if one.kl is None else f"KL {number(one.kl, 3)} nats"


def _cell(text: str, share: float, cells: int) -> str:
    """`␣there   9.3 %`, with two blanks behind it."""
    said = percent(share)
    room = cells - 3 - len(said)
    text = shorten(text, room)
    return text + " " * (room + 1 - cell_width(text)) + said

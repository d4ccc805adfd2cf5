"""What Damage shows in words: pure functions of the session."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.style import Style

from ....core.engine.progress import Progress
from ....core.results.damage import Damage
from ....core.wording import duration, figures, in_words, number, percent, share_in_words, visible
from ...panes.story_text import Paint
from ...panes.variant_list import VariantRow, VariantTable
from ...session import Session
from ...session.damage import Line, Variants
from ...terminal.colours import ColourDepth
from ...text.colour import legend, scale
from ...text.reading import differences, token_ends

if TYPE_CHECKING:
    from ....core.scoring.scores import StoryScore
    from ...text.reading import Values

HEADS = (
    *("bytes", "perplexity", "change", "95 % interval"),
    *("KL", "median", "99.9 %", "same top", "RMS Δp"),
)
LEAVING = (5, 3, 8, 6, 0, 7, 4, 2)  # columns, in the order in which they make room
NOTHING = """\
Nothing is measured yet.
enter measures what 32, 24, 16, 8, 4, 2 and 1 bits cost on the listed stories;
/ measures other variants or models, and P which part breaks it."""


def title(variants: Variants) -> str:
    """Whose damage it is, and on how many stories."""
    table = variants.table
    said = f"Damage to {variants.reference.name}"
    if table is None:
        return said
    return f"{said}, on {table.stories:,} {'story' if table.stories == 1 else 'stories'}"


def table(variants: Variants) -> VariantTable:
    """The rows, the noise floor first."""
    return VariantTable(HEADS, tuple(_row(variants, line) for line in variants.lines), LEAVING)


def _row(variants: Variants, line: Line) -> VariantRow:
    name = variants.table.label(line) if variants.table is not None else line.name
    if line.damage is not None:
        return VariantRow(name, _cells(line.damage))
    progress = variants.progress
    is_here = bool(variants.running) and variants.table is not None
    is_here = is_here and variants.running == variants.reference.name
    if line.trouble:
        return VariantRow(name, said=line.trouble)
    if is_here and progress is not None and progress.model == line.name:
        return VariantRow(name, said=_doing(progress))
    return VariantRow(name, said="waiting" if is_here else "stopped; z goes on")


def _doing(progress: Progress) -> str:
    if progress.doing == "downloading":
        return f"downloading {share_in_words(progress.done, progress.total)}"
    if progress.doing == "loading" or not progress.total:
        return "loading"
    return f"measuring {percent(progress.done / progress.total)}"


def _cells(row: Damage) -> tuple[str, ...]:
    low, high = row.delta_ci95
    ends = "–" if math.isnan(low) else f"[{signed(low)}, {signed(high)}]"
    return (
        in_words(row.bytes),
        plain(row.perplexity),
        signed(row.delta),
        ends,
        *map(_nats, (row.kl_mean, row.kl_median, row.kl_p999)),
        *("–" if share is None else percent(share) for share in (row.same_top, row.delta_p_rms)),
    )


def plain(value: float) -> str:
    """Two digits behind the point; of what is too long for that, three that count."""
    return number(value, 2) if abs(value) < 1e5 or math.isinf(value) else figures(value)


def signed(value: float) -> str:
    """The same with its sign; of what shows as nothing without."""
    if plain(abs(value)) == "0.00":
        return "0.00"
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{plain(abs(value))}"


def _nats(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def progress(variants: Variants) -> str:
    """How far all that is being measured is; "" where nothing is."""
    if not variants.running:
        return ""
    now = variants.progress
    if now is None or not now.total or now.doing in ("loading", "downloading"):
        doing = "starting" if now is None else _doing(now)
        return f"measuring {variants.running}: {doing}"
    return f"measuring {now.model} {now.doing}, {duration(seconds_left(now))} left"


def seconds_left(now: Progress) -> float:
    """Of this row and of those behind it, which take as long each; nan while unknown."""
    at, _, of = now.doing.partition("/")
    if now.seconds_left is None or not now.tokens_per_second or not of.isdigit():
        return math.nan
    return now.seconds_left + (int(of) - int(at)) * now.total / now.tokens_per_second


# --- the story -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """The selected story under the variant of the cursor. legend, note: what is under it."""

    title: str
    paint: Paint
    legend: tuple[tuple[str, Style], ...] = ()
    note: str = ""


def story(session: Session, *, kl: bool, dark: bool, depth: ColourDepth) -> Told:
    """Coloured by the bits that the variant loses or saves against the reference, or by how far
    it is from it at each token."""
    variants, library = session.variants, session.library
    if not library.stories:
        return Told("No story", Paint(""))
    told, line = library.stories[session.place.story], variants.line
    name = ""
    if line is not None and line.spec is not None and variants.table is not None:
        name = f" · {variants.table.label(line)}"
    title = f"{told.title}{name}"
    before, after = session.score(variants.reference), variants.story
    apart = variants.divergence if kl else None
    if before is None or after is None or (kl and apart is None):
        return Told(title, Paint(told.text), note=_waits(variants, line, kl))
    colours = scale("divergence" if kl else "difference", dark=dark, depth=depth)
    shown = apart if apart is not None else differences(told.text, after, before)
    paint = Paint(told.text, token_ends(after), colours.styles_of(shown), dark)
    note = _flips(session) if apart is None else _farthest(told.text, after, apart)
    return Told(f"{title}{' · KL' if kl else ''}", paint, tuple(legend(colours)), note)


def _waits(variants: Variants, line: Line | None, kl: bool) -> str:
    if line is None or line.spec is None:
        return "a variant of the table colours the story"
    if line.damage is None:
        return "coloured once its row is measured"
    waits = "comparing both at each token…" if kl and variants.story else "scoring the story…"
    return variants.story_trouble(kl) or waits


def _farthest(text: str, score: StoryScore, apart: Values) -> str:
    """The story's mean, and where the two are farthest apart."""
    there = [float(value) for value in apart if not math.isnan(value)]
    if not there:
        return ""
    at = next(i for i, value in enumerate(apart) if value == max(there))
    word = visible(text[int(score.starts[at]) : int(score.ends[at])], spaces=True)
    mean = sum(there) / len(there)
    return f"KL {_nats(mean)} nats a token in this story, most {_nats(max(there))} at {word}"


def _flips(session: Session) -> str:
    """The first token whose top choice is another now, and how many there are."""
    variants = session.variants
    before, after = session.score(variants.reference), variants.story
    assert before is not None
    assert after is not None
    scored = (before.ranks > 0) & (after.ranks > 0)
    if not scored.any() or not before.top_ids.shape[1] or not after.top_ids.shape[1]:
        return ""
    flipped = (scored & (before.top_ids[:, 0] != after.top_ids[:, 0])).nonzero()[0]
    of = int(scored.sum())
    if not len(flipped):
        return f"no top token of {of:,} flips"
    first = int(flipped[0])
    text = session.library.stories[session.place.story].text
    words = variants.reference.vocabulary

    def word(token: int) -> str:
        return visible(words[token], spaces=True) if token < len(words) else f"‹id {token}›"

    at = visible(text[int(after.starts[first]) : int(after.ends[first])], spaces=True)
    choice = f"{word(int(before.top_ids[first, 0]))} → {word(int(after.top_ids[first, 0]))}"
    return f"{len(flipped):,} of {of:,} top tokens flip, first {choice} at {at}"

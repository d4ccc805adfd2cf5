"""The story revealed word by word: the reader says what comes next, beside every size."""

from __future__ import annotations

import math

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from ....core.stories.story import Story
from ....core.wording import NOTHING, figures, many, readable, visible
from ...session import Session
from ...session.guessing import GUESSES, Tally
from ...text.plain import cell_width, shorten, shorten_apart
from ...text.reading import BIT

SLOW = 0.2  # seconds between looks at what has come
HINT = "enter: say it; alone: give it up · ctrl+r: anew · esc: leave, it is kept"
NAMES = 26  # cells of a name, at most


class GuessScreen(ModalScreen[None]):
    """One line to type into below the text so far, above the running score.

    It hides the view, which has the story and what often is its first words, the title.
    """

    BINDINGS = [
        Binding("escape", "dismiss", "leave", id="guess.leave"),
        Binding("ctrl+r", "begin_anew", "begin anew", id="guess.anew", priority=True),
    ]
    AUTO_FOCUS = "Input"
    DEFAULT_CSS = """
    GuessScreen { align: center middle; background: $background; }
    GuessScreen > Vertical {
        width: 96%; max-width: 110; height: 92%; border: round $primary; padding: 0 1;
        background: $background;
    }
    GuessScreen VerticalScroll { height: 1fr; scrollbar-size-vertical: 1; }
    GuessScreen #guess-text { height: auto; }
    GuessScreen Input, GuessScreen Input:focus {
        border: none; height: 1; padding: 0; background: $panel;
    }
    GuessScreen #guess-score { height: auto; border-top: solid $panel-lighten-1; }
    GuessScreen #guess-hint { height: 1; color: $text-muted; }
    """

    def __init__(self, session: Session, story: Story) -> None:
        super().__init__()
        self.session, self.story = session, story
        self._shown: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Guess what comes next"
            with VerticalScroll(can_focus=False):
                yield Static("", id="guess-text", markup=False)
            yield Input(placeholder="the next word")
            yield Static("", id="guess-score", markup=False)
            yield Static(HINT, id="guess-hint", markup=False)

    def on_mount(self) -> None:
        self.session.guessing.begin(self.story)
        self.set_interval(SLOW, self._show)
        self._show()

    def on_unmount(self) -> None:
        self.session.guessing.leave()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.session.guessing.guess(event.value)
        event.input.clear()
        self._show()

    def action_begin_anew(self) -> None:
        self.session.guessing.begin_anew()
        self._show()

    def _show(self) -> None:
        session, guessing = self.session, self.session.guessing
        if not session.shows_all_sizes:  # the view below, which wanted them, is away
            session.shows_all_sizes = True
            session.plan()
        known = tuple(session.score(size) is not None for size in session.models.sizes)
        now = (len(guessing.hits), len(guessing.tries), session.models.current, self.size, known)
        if now != self._shown:
            self._shown = now
            self.query_one("#guess-text", Static).update(revealed(session))
            score = self.query_one("#guess-score", Static)
            score.update(table(session, score.container_size.width))
            self.query_one(VerticalScroll).scroll_end(animate=False)


def revealed(session: Session) -> Text:
    """The text up to the word that is to be guessed, the last ones marked by how they went."""
    guessing = session.guessing
    if guessing.story is None:
        return Text("")
    text, word = guessing.story.text, guessing.word
    end = len(text) if word is None else word[0]
    shown, at = Text(), 0
    for place, hit in zip(guessing.words, guessing.hits, strict=False):
        shown.append(readable(text[at : place[0]]))
        look = Style(bold=hit == 1, underline=hit > 1, dim=hit == 0)
        shown.append(visible(text[slice(*place)]), look)
        at = place[1]
    shown.append(readable(text[at:end]))
    if word is not None:
        shown.append("▁▁▁▁▁", Style(bold=True))
        tries = ", ".join(f"not “{one}”" for one in guessing.tries)
        if tries:
            left = GUESSES - len(guessing.tries)
            shown.append(f"   {visible(tries)}; {many(left, 'guess', 'guesses')} left")
    return shown


def table(session: Session, width: int) -> Text:
    """The running score: the reader's, and each size's over the same words.

    at once: the first guess is right; a model's is what greedy decoding to the word's end gives.
    bits a word: Shannon's bounds for the reader; for a model its own surprise, since its further
    guesses are not told by scores. last word: the ranks of its tokens, or the reader's guess.
    """
    guessing, models = session.guessing, session.models
    names = shorten_apart([visible(size.name) for size in models.sizes], NAMES - 2)
    last = guessing.words[len(guessing.hits) - 1] if guessing.hits else None
    told = ""
    if last is not None and guessing.story is not None:
        told = f"“{visible(guessing.story.text[slice(*last)])}”"
    head = f"{'':<{NAMES}}{'at once':>8}{'bits a word':>15}  "
    room = max(1, width - cell_width(head))
    found = Text(head + shorten(told, room), no_wrap=True)
    hit = guessing.hits[-1] if guessing.hits else None
    said = "" if hit is None else f"guess {hit}" if hit else "not guessed"
    words = many(len(guessing.hits), "word")
    found.append(f"\n{f'you, {words}':<{NAMES}}" + _figures(guessing.tally()), Style(bold=True))
    found.append(shorten(said, room), Style(bold=True))
    for size, name in zip(models.sizes, names, strict=True):
        mark = "▸" if size is models.size else " "
        by = None if last is None else guessing.by(size, last)
        ranks = "" if by is None else "rank " + "·".join(f"{rank:,}" for rank in by.ranks)
        if by is not None:
            ranks += f", {by.nats / BIT:.1f} bits" + ", at once" * by.at_once
        padded = mark + name + " " * (NAMES - 1 - cell_width(name))
        found.append(f"\n{padded}{_figures(guessing.tally_of(size))}{shorten(ranks, room)}")
    return found


def _figures(tally: Tally) -> str:
    if math.isnan(tally.at_once):
        return f"{NOTHING:>8}{NOTHING:>15}  "
    bits = figures(tally.low)
    if tally.low != tally.high:
        bits = f"{figures(tally.low)} – {figures(tally.high)}"
    return f"{100 * tally.at_once:>6.0f} %{bits:>15}  "

"""Two fields to name stories and models in, each with a list of what may be meant."""

from __future__ import annotations

from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ....core.errors import EyebrowError, as_told
from ....core.recent import recall
from ....core.wording import visible
from ...text.plain import cell_width
from ...threads.lane import aside
from ...threads.opening import Opened, Ready, prepare
from .completion import (
    Candidate,
    Known,
    Listed,
    complete_model,
    complete_stories,
    known,
    last_word,
    look,
    quoted,
    words,
)

HINT = "tab complete  ↑ ↓ choose  enter open  shift+tab other field  esc leave"
ABOUT_FROM = 24  # cells of a name, after which what there is to say of it begins


class Field(Vertical):
    """A line to type in, and candidates for the name that ends at the cursor.

    several: names are parted by spaces, and one with spaces stands in quotes.
    """

    def __init__(self, label: str, now: str, id: str, *, several: bool = False) -> None:
        super().__init__(id=id)
        self.label, self.now, self.several = label, now, several
        self.listed = Listed()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(self.label)
            yield Input(placeholder=f"as now: {visible(self.now)}")
        choices = OptionList(markup=False)
        choices.can_focus = False
        yield choices

    @property
    def input(self) -> Input:
        return self.query_one(Input)

    @property
    def choices(self) -> OptionList:
        return self.query_one(OptionList)

    @property
    def typed(self) -> str:
        """The name that ends at the cursor, as far as it goes."""
        before = self.input.value[: self.input.cursor_position]
        return last_word(before)[1] if self.several else before

    @property
    def chosen(self) -> Candidate | None:
        """The candidate that up and down have led to."""
        at = self.choices.highlighted
        return None if at is None else self.listed.candidates[at]

    def show(self, listed: Listed) -> None:
        """These are the candidates now."""
        self.listed = listed
        more = [Option(f"and {listed.more:,} more", disabled=True)] if listed.more else []
        self.choices.clear_options()
        self.choices.add_options([*(Option(_line(one)) for one in listed.candidates), *more])

    def move(self, by: int) -> None:
        """Choose the next or the previous one; before the first one none is chosen."""
        at = self.choices.highlighted
        to = (-1 if at is None else at) + by
        self.choices.highlighted = None if to < 0 else min(to, len(self.listed.candidates) - 1)

    def put(self, candidate: Candidate) -> None:
        """Put a candidate in the place of what was typed of it."""
        line, cursor = self.input.value, self.input.cursor_position
        begin, text = 0, candidate.text
        if self.several:
            begin = last_word(line[:cursor])[0]
            text = quoted(text)
            if candidate.goes_on and text.endswith("'"):
                text = text[:-1]  # the quote stays open
            elif not candidate.goes_on and not line[cursor:].startswith(" "):
                text += " "
        self.input.value = line[:begin] + text + line[cursor:]
        self.input.cursor_position = begin + len(text)


class Answered(Message):
    """Candidates by the name of the field; `known` where it has become more."""

    def __init__(self, listed: dict[str, Listed], known: Known) -> None:
        self.listed, self.known = listed, known
        super().__init__()


class Prepared(Message):
    """What was asked for can be shown, or cannot."""

    def __init__(self, outcome: Ready | EyebrowError) -> None:
        self.outcome = outcome
        super().__init__()


class OpenScreen(ModalScreen[Ready | None]):
    """Returns what can be shown instead, or None where nothing is to change.

    Names are looked up while this is still there: a wrong one can be mended.
    """

    CSS_PATH = "open.tcss"
    BINDINGS = [
        Binding("escape,ctrl+c", "leave", "leave as it was", id="open.leave", priority=True),
        Binding(
            "tab", "complete", "complete, or the next field", id="open.complete", priority=True
        ),
        Binding("shift+tab", "other", "other field", id="open.other", priority=True),
        Binding("down,ctrl+n", "move(1)", "next candidate", id="open.next", priority=True),
        Binding("up,ctrl+p", "move(-1)", "previous candidate", id="open.previous", priority=True),
        Binding("pagedown", "move(8)", "eight on", show=False, priority=True),
        Binding("pageup", "move(-8)", "eight back", show=False, priority=True),
    ]

    def __init__(self, stories: str, models: str) -> None:
        """Both are the names of what is open now."""
        super().__init__()
        self._now = stories, models
        self._known = Known((), ())
        self._wanted: dict[str, str] = {}  # field → what is typed, not asked for yet
        self._asking = False
        self._completing = False  # tab was pressed before the candidates were there
        self._opening = False

    def compose(self) -> ComposeResult:
        stories, models = self._now
        with Vertical(id="box") as box:
            box.border_title = "Open"
            yield Field("Stories", stories, "stories")
            yield Field("Models", models, "models", several=True)
            yield Static(HINT, id="hint")

    def on_mount(self) -> None:
        self.query_one("#stories", Field).input.focus()
        self._wanted = {"stories": "", "models": ""}
        self._asking = True
        aside(self._look, self._fail)

    @property
    def field(self) -> Field:
        """The one that is typed in."""
        inside = self.focused.ancestors if self.focused else ()
        found = next((node for node in inside if isinstance(node, Field)), None)
        return found or self.query_one("#stories", Field)

    # --- candidates, on a thread -----------------------------------------------------------

    def _look(self) -> None:
        """First what is known at once, then with what the caches hold."""
        recent, asked = recall(), {"stories": "", "models": ""}
        self._answer(asked, known(recent))
        self.post_message(Answered({}, known(recent, look())))

    def _answer(self, asked: dict[str, str], all_known: Known) -> None:
        complete = {"stories": complete_stories, "models": complete_model}
        listed = {name: complete[name](typed, all_known) for name, typed in asked.items()}
        self.post_message(Answered(listed, all_known))

    def _ask(self) -> None:
        """One question at a time: the newest, when the last one is answered."""
        if self._wanted and not self._asking:
            asked, self._wanted, self._asking = self._wanted, {}, True
            aside(partial(self._answer, asked, self._known), self._fail)

    def on_answered(self, message: Answered) -> None:
        if not message.listed:  # the caches: what is listed is listed anew
            self._known = message.known
            for field in self.query(Field):
                if field.chosen is None:
                    self._wanted.setdefault(field.id or "", field.typed)
            self._ask()
            return
        if not self._known.models:
            self._known = message.known
        self._asking = False
        for name, listed in message.listed.items():
            if name not in self._wanted:
                self.query_one(f"#{name}", Field).show(listed)
        if self._wanted:
            self._ask()
        elif self._completing:
            self._completing = False
            self.action_complete()

    # --- keys ------------------------------------------------------------------------------

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        field = next(field for field in self.query(Field) if field.input is event.input)
        field.choices.highlighted = None
        self._wanted[field.id or ""] = field.typed
        self._ask()

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        for field in self.query(Field):
            if field.choices is event.option_list:
                field.input.focus()
                field.put(field.listed.candidates[event.option_index])

    def action_move(self, by: int) -> None:
        self.field.move(by)

    def action_other(self) -> None:
        for field in self.query(Field):
            if field is not self.field:
                field.input.focus()
                return

    def action_complete(self) -> None:
        """Complete; where there is nothing to complete, the other field."""
        field = self.field
        if self._asking or self._wanted:
            self._completing = True
            return
        first = field.listed.candidates[0] if field.typed and field.listed.candidates else None
        candidate = field.chosen or first
        if candidate is None or candidate.text == field.typed:
            self.action_other()
        else:
            field.put(candidate)

    def action_leave(self) -> None:
        self.dismiss(None)

    # --- opening ---------------------------------------------------------------------------

    @on(Input.Submitted)
    def _submit(self) -> None:
        if self._opening:
            return
        if (chosen := self.field.chosen) is not None:
            self.field.put(chosen)
        stories = self.query_one("#stories", Field).input.value.strip()
        models = words(self.query_one("#models", Field).input.value)
        if not stories and not models:
            self.dismiss(None)
            return
        self._opening = True
        self._hint(f"opening {' '.join([stories, *models]).strip()} …")
        aside(partial(self._prepare, Opened(stories or None, models)), self._fail)

    def _prepare(self, asked: Opened) -> None:
        self.post_message(Prepared(prepare(asked)))

    def _fail(self, error: Exception) -> None:
        self.post_message(Prepared(as_told(error, "Cannot open")))

    def on_prepared(self, message: Prepared) -> None:
        self._opening = False
        if isinstance(message.outcome, Ready):
            self.dismiss(message.outcome)
            return
        self._hint(HINT)
        error = message.outcome
        self.notify(error.message, title=error.title, severity="error", timeout=12)

    def _hint(self, text: str) -> None:
        self.query_one("#hint", Static).update(Content(visible(text)))


def _line(candidate: Candidate) -> Content:
    """A name, and quietly what there is to say of it."""
    name = visible(candidate.text)
    gap = " " * max(2, ABOUT_FROM - cell_width(name))
    return Content.assemble(name, (gap + candidate.about, "dim"))

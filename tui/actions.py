"""Every action once: its keys, where it applies, what it is called.

Bindings, key bars, help, palette and the table in the README are made of this list. A key means
the same in every view; where it means nothing, `why_not` says where it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType

EVERYWHERE = "app"
VIEWS = "views"  # of every view

PANES = {
    "list": "Stories",
    "text": "Story",
    "ladder": "Sizes",
    "chart": "Chart",
    "findings": "Findings",
    "table": "Table",
}
"""Names of the panes, by their ids."""


@dataclass(frozen=True, slots=True)
class Action:
    """run: a method of the app or the view, `action_NAME`; `{n}` in it is the number of the key.

    where: EVERYWHERE, VIEWS or the name of a view. panes: those it needs the focus in; none: any.
    topic: the line of the table of keys that it stands in. bar: its word on the key bar, behind
    bar_keys or its first key.
    asks: what the palette runs where it cannot know the key's number.
    """

    id: str
    keys: str
    run: str
    words: str
    where: str
    topic: str
    panes: tuple[str, ...] = ()
    bar: str = ""
    bar_keys: str = ""
    asks: str = ""

    @property
    def key_list(self) -> list[str]:
        return self.keys.split(",") if self.keys else []

    def applies(self, view: str, pane: str) -> bool:
        """Whether it does something in this pane of this view."""
        return self.where in (EVERYWHERE, VIEWS, view) and (not self.panes or pane in self.panes)

    @property
    def place(self) -> str:
        """Where it applies, in words; "" where that is everywhere."""
        view = "" if self.where in (EVERYWHERE, VIEWS) else f"in {self.where.capitalize()}"
        panes = " or ".join(PANES[pane].lower() for pane in self.panes)
        return ", ".join(part for part in (view, panes and f"with the focus on {panes}") if part)


MOVE = "move"
TOKENS = "previous and next token, word, sentence; first and last token"
SIZE = "this size; one smaller, one larger"
SHOWN = (
    "what is shown: in Explore surprise, rank, entropy, surprise minus entropy; in Scale the chart"
)
SORT = "sort; filter (`ppl>30 len<200 dog`); go to a story by its number"
KEEP = "mark the story; export stories, or the table; report; copy the story"
OTHER = "palette; help; theme; quit; suspend"

ACTIONS = (
    # In every pane.
    Action("down", "j,down", "move(1)", "down", VIEWS, MOVE),
    Action("up", "k,up", "move(-1)", "up", VIEWS, MOVE),
    Action("first", "g,home", "end(-1)", "to the first", VIEWS, MOVE),
    Action("last", "G,end", "end(1)", "to the last", VIEWS, MOVE),
    Action("page-down", "ctrl+d,pagedown", "page(1)", "page down", VIEWS, MOVE),
    Action("page-up", "ctrl+u,pageup", "page(-1)", "page up", VIEWS, MOVE),
    Action("next-pane", "tab", "turn(1)", "next pane", VIEWS, "next, previous pane"),
    Action("previous-pane", "shift+tab", "turn(-1)", "previous pane", VIEWS, "next, previous pane"),
    Action("zoom", "plus", "zoom", "this pane alone, and back", VIEWS, "the pane alone, and back"),
    # The story.
    Action(
        *("read", "enter,l,right", "enter", "into the story", "explore", "into it; out of it"),
        panes=("list",),
        bar="read",
    ),
    Action(
        *("next-token", "l,right", "token(1)", "next token", "explore", TOKENS),
        panes=("text",),
        bar="token",
        bar_keys="h l",
    ),
    Action(
        *("previous-token", "h,left", "token(-1)", "previous token", "explore", TOKENS),
        panes=("text",),
    ),
    Action(
        *("next-word", "w", "word(1)", "next word", "explore", TOKENS),
        panes=("text",),
        bar="word",
        bar_keys="w b",
    ),
    Action(
        *("previous-word", "b", "word(-1)", "previous word", "explore", TOKENS), panes=("text",)
    ),
    Action(
        *("next-sentence", "right_curly_bracket", "sentence(1)", "next sentence"),
        *("explore", TOKENS),
        panes=("text",),
    ),
    Action(
        *("previous-sentence", "left_curly_bracket", "sentence(-1)", "previous sentence"),
        *("explore", TOKENS),
        panes=("text",),
    ),
    Action(
        *("first-token", "0", "token_end(-1)", "first token", "explore", TOKENS), panes=("text",)
    ),
    Action(
        *("last-token", "dollar_sign", "token_end(1)", "last token", "explore", TOKENS),
        panes=("text",),
    ),
    Action(
        *("next-eyebrow", "n", "hunt(1)", "next raised eyebrow", "explore"),
        "next and previous raised eyebrow, over stories too",
        bar="eyebrow",
        bar_keys="n N",
    ),
    Action(
        *("previous-eyebrow", "N", "hunt(-1)", "previous raised eyebrow", "explore"),
        "next and previous raised eyebrow, over stories too",
    ),
    # Sizes.
    Action(
        "smaller",
        "left_square_bracket",
        "size(-1)",
        "smaller size",
        VIEWS,
        SIZE,
        bar="size",
        bar_keys="[ ]",
    ),
    Action("larger", "right_square_bracket", "size(1)", "larger size", VIEWS, SIZE),
    Action(
        *("size", "1,2,3,4,5,6,7,8,9", "size_at({n})", "choose a size", VIEWS, SIZE),
        asks="ask_size",
    ),
    # What is shown.
    Action("colour", "c", "colour", "what is coloured", "explore", SHOWN, bar="colour"),
    Action("chart", "c", "chart(1)", "next chart", "scale", SHOWN, bar="chart"),
    Action("previous-chart", "", "chart(-1)", "previous chart", "scale", SHOWN),
    Action(
        *("difference", "d", "difference", "colour the difference", "explore"),
        "the difference to the next smaller size",
        bar="difference",
    ),
    Action(
        *("unit", "u", "unit", "by token, word or sentence", "explore"),
        "unit: token, word, sentence",
        bar="unit",
    ),
    Action(
        *("measure", "v", "measure", "perplexity, bits per byte or nats", "scale"),
        "measure: perplexity, bits per byte, nats",
        bar="measure",
    ),
    Action(
        *("invisibles", "i", "invisibles", "show spaces and newlines", "explore"),
        "invisibles: spaces and newlines",
    ),
    Action("sort", "s", "sort", "sort the stories", "explore", SORT, bar="sort"),
    Action("sort-table", "s", "sort", "sort by the next column", "scale", SORT, bar="sort"),
    Action("filter", "slash", "filter", "filter the stories", "explore", SORT, bar="filter"),
    Action("jump", "colon", "jump", "go to a story by its number", "explore", SORT),
    Action(
        *("turn-round", "S", "turn_round", "sort the other way round", "scale"),
        "in Scale, sort the other way round",
    ),
    # What leads to a story.
    Action(
        *("open-story", "enter", "enter", "read the story", "scale", "into it; out of it"),
        panes=("table",),
        bar="read",
    ),
    Action(
        *("open-finding", "enter", "enter", "read its stories, one after the other", "scale"),
        "into it; out of it",
        panes=("findings",),
        bar="read",
    ),
    # What is kept.
    Action("mark", "m", "mark", "mark the story", VIEWS, KEEP, bar="mark"),
    Action("export", "x", "export", "export marked or listed stories", "explore", KEEP),
    Action("export-table", "x", "export", "write the table to a file", "scale", KEEP, bar="export"),
    Action("report", "X", "report", "write a report", "scale", KEEP, bar="report"),
    Action("copy", "y", "copy", "copy the story", VIEWS, KEEP),
    # The program.
    Action(
        *("back", "escape,ctrl+g", "back", "out of it: hunt, zoom, pane, filter", VIEWS),
        "into it; out of it",
    ),
    Action(
        *("previous-view", "less_than_sign", "view(-1)", "previous view", EVERYWHERE),
        "previous, next view: Explore, Scale",
    ),
    Action(
        *("next-view", "greater_than_sign", "view(1)", "next view", EVERYWHERE),
        "previous, next view: Explore, Scale",
        bar="view",
        bar_keys="< >",
    ),
    Action(
        *("open", "o", "open", "open stories or models", EVERYWHERE),
        "open stories or models; stop or resume a download",
    ),
    Action(
        *("download", "z", "download", "stop or resume the download", VIEWS),
        "open stories or models; stop or resume a download",
    ),
    Action("palette", "ctrl+p", "command_palette", "palette of all actions", EVERYWHERE, OTHER),
    Action("help", "question_mark", "help", "help", EVERYWHERE, OTHER, bar="help"),
    Action("theme", "t", "theme", "theme", EVERYWHERE, OTHER),
    Action("quit", "q,ctrl+q", "quit", "quit", EVERYWHERE, OTHER, bar="quit"),
    Action("suspend", "ctrl+z", "suspend_process", "suspend", EVERYWHERE, OTHER),
    Action("redraw", "ctrl+l", "redraw", "redraw the screen", EVERYWHERE, "redraw the screen"),
    Action("picture", "", "picture", "save a picture of the screen", EVERYWHERE, "a picture"),
)

BY_ID = {action.id: action for action in ACTIONS}


def bindings(where: str) -> list[BindingType]:
    """What the app (EVERYWHERE) or a view binds; every key runs `act`, which knows the focus."""
    found: list[BindingType] = []
    for action in ACTIONS:
        if action.where == where or (where != EVERYWHERE and action.where == VIEWS):
            for number, key in enumerate(action.key_list, start=1):
                run = f"act('{action.id}', {number})"
                found.append(Binding(key, run, action.words, id=f"{action.id}.{number}"))
    return found


def in_reach(view: str, pane: str) -> list[Action]:
    """What applies in a pane of a view, the pane's own actions first, the app's last."""
    found = [action for action in ACTIONS if action.applies(view, pane)]
    ranks = {EVERYWHERE: 3, VIEWS: 2}
    return sorted(found, key=lambda action: 0 if action.panes else ranks.get(action.where, 1))


def why_not(key: str, view: str, pane: str) -> str:
    """What a key means elsewhere; "" where it means nothing anywhere, or something here."""
    meant = [action for action in ACTIONS if key in action.key_list]
    if not meant or any(action.applies(view, pane) for action in meant):
        return ""
    return "; ".join(f"{action.words}: {action.place}" for action in meant)


def for_palette(view: str) -> Iterator[tuple[str, Action]]:
    """Every action with its title, those of the current view first, then by view."""
    groups = {view: 0, VIEWS: 1, EVERYWHERE: 2}
    for action in sorted(ACTIONS, key=lambda action: groups.get(action.where, 3)):
        named = action.where not in (VIEWS, EVERYWHERE)
        words = f"{action.words[0].upper()}{action.words[1:]}"
        yield (f"{action.where.capitalize()}: {action.words}" if named else words), action


SHOWN_KEYS = {
    "slash": "/",
    "colon": ":",
    "plus": "+",
    "dollar_sign": "$",
    "question_mark": "?",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "escape": "esc",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "down": "↓",
    "up": "↑",
    "left": "←",
    "right": "→",
}


def shown(action: Action) -> list[str]:
    """Its keys as one reads them."""
    if action.asks:
        return ["1-9"]
    return [SHOWN_KEYS.get(key, key) for key in action.key_list]


def hints(view: str, pane: str) -> list[tuple[str, str]]:
    """Keys with their words, for the bar; help and quit come last."""
    return [
        (action.bar_keys or shown(action)[0], action.bar)
        for action in in_reach(view, pane)
        if action.bar
    ]


def table(actions: Iterable[Action] = ACTIONS) -> str:
    """The table of keys, in Markdown."""
    rows: dict[str, list[str]] = {}
    for action in (action for action in actions if action.keys):
        keys = rows.setdefault(action.topic, [])
        keys += [key for key in shown(action) if key not in keys]
    lines = [
        f"| {' '.join(f'`{key}`' for key in keys)} | {topic} |"
        for topic, keys in rows.items()
        if keys
    ]
    return "\n".join(["| keys | what |", "|---|---|", *lines])

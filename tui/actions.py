"""Every action once: its keys, where it applies, what it is called.

Bindings, key bars, help, palette and the table in the README are made of this list. A key means
the same in every view; where it means nothing, `why_not` says where it does. A user may give
actions other keys (`with_keys`): all of these are of the actions in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.binding import Binding

EVERYWHERE = "app"
VIEWS = "views"  # of every view
READING = "explore+compare+damage"  # the views with the cursor in a story

PANES = {
    "list": "Stories",
    "text": "Story",
    "edit": "The edit",
    "ladder": "Sizes",
    "chart": "Chart",
    "findings": "Findings",
    "table": "Table",
    "finds": "Finds",
    "gaps": "Gap by kind",
    "bars": "The next token",
    "branch": "Continuation",
    "tree": "Continuations",
    "variants": "Variants",
    "curve": "Chart of damage",
}
"""Names of the panes, by their ids."""

TYPED = ("edit",)
"""Panes in which one types: signs are text there, and most keys that move are the text's own."""
ABOVE_TYPING = {
    "back": "leave",
    "next-pane": "",
    "previous-pane": "",
    "redraw": "",
    "palette": "palette",
    "quit": "quit",
}
"""What keys that are no signs do there all the same, with the words of the bar."""


@dataclass(frozen=True, slots=True)
class Action:
    """run: a method of the app or the view, `action_NAME`; `{n}` in it is the number of the key.

    where: EVERYWHERE, VIEWS, or the names of views, joined by "+". pane: the one it needs the
    focus in; "": any. topic: the line of the table of keys that it stands in. bar: its word on
    the key bar, behind bar_keys or its first key.
    asks: what the palette runs where it cannot know the key's number.
    """

    id: str
    keys: str
    run: str
    words: str
    where: str
    topic: str
    pane: str = ""
    bar: str = ""
    bar_keys: str = ""
    asks: str = ""

    @property
    def key_list(self) -> list[str]:
        return self.keys.split(",") if self.keys else []

    @property
    def views(self) -> tuple[str, ...]:
        """The views that it belongs to; none where it is of all, or of the program."""
        return () if self.where in (EVERYWHERE, VIEWS) else tuple(self.where.split("+"))

    def applies(self, view: str, pane: str) -> bool:
        """Whether it does something in this pane of this view."""
        if pane in TYPED and self.pane != pane and self.id not in ABOVE_TYPING:
            return False
        return (not self.views or view in self.views) and self.pane in ("", pane)

    @property
    def place(self) -> str:
        """Where it applies, in words; "" where that is everywhere."""
        view = " or ".join(f"in {view.capitalize()}" for view in self.views)
        pane = f"with the focus on {PANES[self.pane].lower()}" if self.pane else ""
        return ", ".join(part for part in (view, pane) if part)


# Under each topic: where | id | keys | run | words | bar, with its keys if they are others | asks.
TABLE = """
= move
views | down | j,down | move(1) | down
views | up | k,up | move(-1) | up
views | first | g,home | end(-1) | to the first
views | last | G,end | end(1) | to the last
views | page-down | ctrl+d,pagedown | page(1) | page down
views | page-up | ctrl+u,pageup | page(-1) | page up
= next, previous pane
views | next-pane | tab | turn(1) | next pane
views | previous-pane | shift+tab | turn(-1) | previous pane
= the pane alone, and back
views | zoom | plus | zoom | this pane alone, and back
= into it; out of it
explore.list | read | enter,l,right | enter | into the story | read
scale.table | open-story | enter | enter | read the story | read
compare.finds | open-find | enter,l,right | enter | into the story | read
compare+damage.text | read-story | enter | enter | read the story in Explore | Explore
scale.findings | open-finding | enter | enter | read its stories, one after the other | read
views | back | escape,ctrl+g | back | out of it: hunt, zoom, pane, filter
= previous and next token, word, sentence; first and last token
reading.text | next-token | l,right | token(1) | next token | h l: token
reading.text | previous-token | h,left | token(-1) | previous token
reading.text | next-word | w | word(1) | next word | w b: word
reading.text | previous-word | b | word(-1) | previous word
reading.text | next-sentence | right_curly_bracket | sentence(1) | next sentence
reading.text | previous-sentence | left_curly_bracket | sentence(-1) | previous sentence
reading.text | first-token | 0 | token_end(-1) | first token
reading.text | last-token | dollar_sign | token_end(1) | last token
sample.bars | longer-context | l,right | context(1) | the context a token longer | h l: context
sample.bars | shorter-context | h,left | context(-1) | the context a token shorter
sample.branch | next-branch-token | l,right | branch_token(1) | its next token | h l: token
sample.branch | previous-branch-token | h,left | branch_token(-1) | its previous token
= next and previous of what is hunted: raised eyebrows, gains and losses under `d`, what `f` finds
reading | next-hunted | n | hunt(1) | next of what is hunted | n N: hunt
reading | previous-hunted | N | hunt(-1) | previous of what is hunted
= find text in the listed stories; the other places of this token
reading | find | f | find | find text in the listed stories | find
reading | same-token | asterisk | same_token | the other places of this token
= back, forward through the places one has been: stories, tokens, views
views | been-back | H | been(-1) | back to where one was
views | been-forward | L | been(1) | forward again
= this size; one smaller, one larger
views | smaller | left_square_bracket | size(-1) | smaller size | [ ]: size
views | larger | right_square_bracket | size(1) | larger size
views | size | 1,2,3,4,5,6,7,8,9 | size_at({n}) | choose a size |  | ask_size
= what is shown: surprise, rank, entropy, surprise - entropy; Scale, Damage: chart; Sample: sizes
explore | colour | c | colour | what is coloured | colour
scale | chart | c | chart(1) | next chart | chart
damage | damage-chart | c | damage_chart(1) | next chart of damage | chart
sample | across | c | across | the next token under every size | sizes
scale | previous-chart |  | chart(-1) | previous chart
damage | previous-damage-chart |  | damage_chart(-1) | previous chart of damage
= the difference to the reference; choose the reference (the next smaller size unless chosen)
explore+compare | difference | d | difference | colour the difference to the reference | difference
explore+compare | reference | D | reference | choose the reference
= edit the story and score it again as one types; in `$EDITOR`; save it as a story of its own
explore | edit | e | edit | edit the story | edit
explore | editor | E | editor | edit the story in $EDITOR
explore.edit | keep-edit | ctrl+s | keep_edit | save the edit as a story of its own | save
= another token in the place of this one, of those the model would rather have seen
explore.text | instead | enter | instead | another token in the place of this one | instead
explore.edit | instead-here | ctrl+n | instead | another token in place of this one | instead
= undo and redo what was typed
explore.edit | undo | ctrl+z | undo | undo what was typed | undo
explore.edit | redo | ctrl+y | redo | do it again
= what the context contributes to the word under the cursor
explore+compare | context | C | context | what the context contributes to this word
= lines of one's own, side by side
views | lines |  | lines | type lines to compare
= guess the story word by word
explore | guess |  | guess | guess the story word by word
= unit: token, word, sentence
explore+compare | unit | u | unit | by token, word or sentence | unit
= measure: perplexity, bits per byte, nats
scale | measure | v | measure | perplexity, bits per byte or nats | measure
= invisibles: spaces and newlines
explore | invisibles | i | invisibles | show spaces and newlines
= sort; filter (`ppl>30 len<200 dog`); go to a story by its number
explore | sort | s | sort | sort the stories | sort
compare | sort-finds | s | sort | sort the finds | sort
scale | sort-table | s | sort | sort by the next column | sort
explore | filter | slash | filter | filter the stories | filter
compare | filter-finds | slash | filter | filter the finds | filter
explore | jump | colon | jump | go to a story by its number
= in Scale, sort the other way round
scale | turn-round | S | turn_round | sort the other way round
= mark the story; export stories, or the table; report; copy story, tokens, finding or command
views | mark | m | mark | mark the story | mark
explore | export | x | export | export marked or listed stories
scale | export-table | x | export | write the table to a file | export
scale | report | X | report | write a report | report
views | copy | y | copy | copy story, token table, finding or command | copy
= Sample: next dial (temperature, top-k, top-p, min-p, penalty, seed, bar), down, up, its value
sample | next-dial | semicolon | next_dial | the next dial | ; , .: dial
sample | dial-down | comma | turn_dial(-1) | the dial down
sample | dial-up | full_stop | turn_dial(1) | the dial up
sample | type-dial | equals_sign | type_dial | type the value of the dial
sample | reset-dials |  | reset | all dials as they were
= Sample: draw once, a hundred, a thousand more; go on with this token; continue
sample | draw | r | draw(1) | draw once | r R: draw
sample | draw-more | R | draw(100) | draw a hundred more
sample | draw-most | ctrl+r | draw(1000) | draw a thousand more
sample | go-on | a,enter | go_on | go on with this token, or another one here | go on
sample | continue | space | continue | continue, greedily and by the dials | continue
sample | name |  | name | name this continuation
= Sample: type a prompt; look up a token
sample | prompt | e | prompt | type a prompt | prompt
sample | look-up | slash | look_up | look up a token | look up
= Damage: the usual widths; other variants; each part alone; a variant as a model of its own
damage.variants | measure-widths | enter | measure_widths | measure the usual widths | measure
damage | type-variants | slash | type_variants | measure other variants | others
damage | measure-parts | P | measure_parts | which part breaks it: each one alone | parts
damage | open-variant | O | open_variant | open the variant as a model | open it
= the finds of Compare as a list, from any view
app | finds | J | finds | the finds of Compare
= previous, next view: Explore, Scale, Compare, Sample, Damage
app | previous-view | less_than_sign | view(-1) | previous view
app | next-view | greater_than_sign | view(1) | next view | < >: view
= open stories or models; stop or resume what runs
app | open | o | open | open stories or models
views | download | z | download | stop or resume what runs
= palette; help; theme; quit; suspend
app | palette | ctrl+p | command_palette | palette of all actions
app | help | question_mark | help | help | help
app | theme | t | theme | theme
app | quit | q,ctrl+q | quit | quit | quit
app | suspend | ctrl+z | suspend_process | suspend
= redraw the screen
app | redraw | ctrl+l | redraw | redraw the screen
= the devices; a picture; what was told
app | devices |  | devices | devices: their memory, and what each of them does
app | picture |  | picture | save a picture of the screen
app | notices |  | notices | notices: read again what was told, or copy it
"""


def _read(table: str) -> Iterator[Action]:
    topic = ""
    for line in table.strip().splitlines():
        if line.startswith("= "):
            topic = line.removeprefix("= ")
            continue
        where, id, keys, run, words, bar, asks, *_ = [*map(str.strip, line.split(" | ")), "", ""]
        where, _, pane = where.replace("reading", READING).partition(".")
        *bar_keys, bar = bar.split(": ")
        yield Action(id, keys, run, words, where, topic, pane, bar, "".join(bar_keys), asks)


ACTIONS = tuple(_read(TABLE))
BY_ID = {action.id: action for action in ACTIONS}
ALWAYS = {"back": ("ctrl+g",)}
"""Keys that no one can take away."""


def with_keys(replaced: Mapping[str, Sequence[str]]) -> tuple[Action, ...]:
    """The actions with other keys, by id, in Textual's names; ctrl+g leads out whatever it is."""
    return tuple(
        replace(action, keys=",".join(dict.fromkeys([*keys, *ALWAYS.get(action.id, ())])))
        if (keys := replaced.get(action.id)) is not None
        else action
        for action in ACTIONS
    )


def bindings(where: str, actions: Iterable[Action] = ACTIONS) -> list[Binding]:
    """What the app (EVERYWHERE) or a view binds; every key runs `act`, which knows the focus."""
    from textual.binding import Binding

    found: list[Binding] = []
    for action in actions:
        own = where in action.views or action.where == where
        if own or (where != EVERYWHERE and action.where == VIEWS):
            for number, key in enumerate(action.key_list, start=1):
                run = f"act('{action.id}', {number})"
                found.append(Binding(key, run, action.words, id=f"{action.id}.{number}"))
    return found


def in_reach(view: str, pane: str, actions: Iterable[Action] = ACTIONS) -> list[Action]:
    """What applies in a pane of a view, the pane's own actions first, the app's last."""
    found = [action for action in actions if action.applies(view, pane)]
    ranks = {EVERYWHERE: 3, VIEWS: 2}
    return sorted(found, key=lambda action: 0 if action.pane else ranks.get(action.where, 1))


def why_not(key: str, view: str, pane: str, actions: Iterable[Action] = ACTIONS) -> str:
    """What a key means elsewhere; "" where it means nothing anywhere, or something here."""
    meant = [action for action in actions if key in action.key_list]
    if not meant or any(action.applies(view, pane) for action in meant):
        return ""
    return "; ".join(f"{action.words}: {action.place}" for action in meant)


def for_palette(view: str, actions: Iterable[Action] = ACTIONS) -> Iterator[tuple[str, Action]]:
    """Every action with its title, those of the current view first, then by view."""

    def group(action: Action) -> int:
        return 0 if view in action.views else {VIEWS: 1, EVERYWHERE: 2}.get(action.where, 3)

    for action in sorted(actions, key=group):
        of = view if view in action.views else next(iter(action.views), "")
        words = f"{action.words[0].upper()}{action.words[1:]}"
        yield (f"{of.capitalize()}: {action.words}" if of else words), action


SHOWN_KEYS = {
    "slash": "/",
    "colon": ":",
    "asterisk": "*",
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
    "comma": ",",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "down": "↓",
    "up": "↑",
    "left": "←",
    "right": "→",
}


SPELLED = ("enter", "space", "tab", "home", "end", "insert", "delete", "backspace")


def shown(action: Action) -> list[str]:
    """Its keys as one reads them."""
    if action.asks and action.keys == BY_ID[action.id].keys:
        return ["1-9"]
    return [shown_key(key) for key in action.key_list]


def shown_key(key: str) -> str:
    """A key as one reads it, of its name in Textual."""
    if key in SHOWN_KEYS or len(key) == 1 or "+" in key:
        return SHOWN_KEYS.get(key, key)
    from textual.keys import format_key

    return key if key in SPELLED else format_key(key)


def hints(view: str, pane: str, actions: Iterable[Action] = ACTIONS) -> list[tuple[str, str]]:
    """Keys with their words, for the bar; help and quit come last.

    The keys of two actions, as in `n N`, are shown where both still have them.
    """
    here = in_reach(view, pane, actions)
    if pane in TYPED:
        words = [(action, ABOVE_TYPING.get(action.id, action.bar)) for action in here]
        named = [([key for key in shown(one) if len(key) > 1], bar) for one, bar in words if bar]
        return [(keys[0], bar) for keys, bar in named if keys]
    return [
        (action.bar_keys if _has(here, action) else shown(action)[0], action.bar)
        for action in here
        if action.bar and action.keys
    ]


def _has(here: Iterable[Action], one: Action) -> bool:
    """Whether the keys of a hint are those of actions of its topic."""
    keys = {key for action in here if action.topic == one.topic for key in shown(action)}
    return bool(one.bar_keys) and {*one.bar_keys.split()} <= keys


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

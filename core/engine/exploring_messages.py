"""What is asked about one place of a text, or of texts that are no stories of the set, and what
comes back.

They are apart from the other messages: nothing of this is asked before the first picture, and a
message costs a millisecond to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..models.spec import ModelSpec
from ..scoring.dials import NEUTRAL, Dials
from ..scoring.exploring import Context, ContinuedToken, CurvePoint, Cycle, NextTable
from ..stories.story import Story, text_digest
from .messages import Explore, Explored

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# --- to the worker -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShowNext(Explore):
    """The next token behind a context, reshaped: `NextShown`.

    The logits of the last contexts are kept: what is asked about one of them again, under other
    dials say, is answered at once, whatever the model is doing. rows: the likeliest tokens.
    wanted: ids of others to look up. by_hand: bars set by hand, (id, probability), the rest
    renormalised. draws: so many, by `seed`, 0 for none; more of them begin with the same ones.
    reference: name of the model to which KL is wanted; its logits of this context must be kept.
    characters: how many of the likeliest next characters are wanted.
    """

    context: Context
    dials: Dials = NEUTRAL
    rows: int = 20
    wanted: tuple[int, ...] = ()
    by_hand: tuple[tuple[int, float], ...] = ()
    draws: int = 0
    seed: int = 0
    reference: str = ""
    characters: int = 0

    @property
    def about(self) -> str:
        return text_digest(self.context.text)


@dataclass(frozen=True, slots=True)
class Continue(Explore):
    """Go on behind a context: `Continued` again and again. `Cancel` stops it.

    To go on with what was stopped, or from a token that is forced, its ids are added to the
    context; drawn: how many of them were drawn with this seed.
    """

    context: Context
    dials: Dials = NEUTRAL
    seed: int = 0
    drawn: int = 0
    max_tokens: int = 100
    stops: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        return text_digest(self.context.text)


@dataclass(frozen=True, slots=True)
class TraceContext(Explore):
    """The surprise of a word with more and more of what is before it: `ContextTraced`.

    word: characters (from, to). sentence: the character at which its sentence begins.
    """

    text: str
    word: tuple[int, int]
    sentence: int

    @property
    def about(self) -> str:
        return text_digest(self.text)


@dataclass(frozen=True, slots=True)
class Diverge(Explore):
    """How far the model is from another at each token of a text: `Diverged`. It takes both in
    memory at once."""

    text: str
    reference: ModelSpec

    @property
    def about(self) -> str:
        return text_digest(self.text)


@dataclass(frozen=True, slots=True)
class ScoreAlone(Explore):
    """Score texts that are no stories of the set behind BOS, else EOS, as endings without their
    beginnings are: `ScoredAlone`, batch by batch. It waits for what is on the screen.

    Scores are kept in a store of their own, within that of the stories.
    """

    texts: tuple[Story, ...]

    urgent: ClassVar[bool] = False

    @property
    def about(self) -> str:
        return text_digest(self.texts[0].text)


# --- from the worker -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NextShown(Explored):
    """What is drawn of a next-token distribution.

    ids: how many tokens are before it. kl: nats from the reference to this model, None where it
    was not asked for or cannot be had: another vocabulary, or no logits of the reference's kept.
    characters: the likeliest next characters, with their probability under the model.
    """

    ids: int
    table: NextTable
    kl: float | None = None
    characters: tuple[tuple[str, float], ...] = ()

    answers_key: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Continued(Explored):
    """A continuation has grown.

    tokens: those that are new. text: all of it so far. ended: "" while it goes on; then "end"
    (the model ended the text), "stop" (one of the stops came), "length" (enough tokens) or
    "cancelled". cycle: the loop it has fallen into; told where it has ended.
    """

    tokens: tuple[ContinuedToken, ...]
    text: str
    ended: str = ""
    cycle: Cycle | None = None


@dataclass(frozen=True, slots=True)
class ContextTraced(Explored):
    """The surprise of a word by how much of the text is before it."""

    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Diverged(Explored):
    """kl: float32 (T,), nats from the reference to the model at each token of the text; nan where
    none was scored."""

    kl: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ScoredAlone(Explored):
    """Nats of texts behind BOS, by text digest; nan of one that cannot be scored."""

    nats: Mapping[str, float]

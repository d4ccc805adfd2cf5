"""What passes between the worker process and the one that draws: frozen, picklable, plain."""

from __future__ import annotations

import pickle
import signal
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, ClassVar

from ..models.options import LoadOptions
from ..models.spec import ModelSpec
from ..results.compare.cuts import Cuts
from ..scoring.dials import NEUTRAL, Dials
from ..scoring.exploring import Context, ContinuedToken, CurvePoint, Cycle, NextTable
from ..scoring.recipe import Recipe
from ..scoring.scores import StoryScore, Summary
from ..stories.story import Story, text_digest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# --- to the worker -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settings(LoadOptions):
    """How the worker is set up; the first message it gets. store: its folder, None for none."""

    store: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Score `stories` with `model`; the recipe's device and dtype may still be open.

    urgent: what is on screen; it goes before everything else and its whole scores come back.
    Otherwise sums come back and whole scores go to the store. cuts: the stories' first cuts come
    back too; they are needed where tokenizers differ.
    """

    job: int
    model: ModelSpec
    recipe: Recipe
    stories: tuple[Story, ...]
    urgent: bool = False
    cuts: bool = False


@dataclass(frozen=True, slots=True)
class Explore:
    """A question about one place of one text; like what is urgent it goes before batches.

    The reply of its own kind carries `job` and `model`; `Finished` comes behind it, or behind
    the last of them. Nothing of it is kept among the scores of the stories.
    """

    job: int
    model: ModelSpec
    recipe: Recipe

    urgent: ClassVar[bool] = True

    @property
    def about(self) -> str:
        """The digest of the text that is asked about."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Rescore(Explore):
    """Score a text that is being edited, from its first changed token on: `Rescored`."""

    text: str

    @property
    def about(self) -> str:
        return text_digest(self.text)


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


# what a model is needed for
Work = Score | Rescore | ShowNext | Continue | TraceContext | Diverge | ScoreAlone


@dataclass(frozen=True, slots=True)
class Cancel:
    """Forget a job that is waiting or under way; what it has finished is kept."""

    job: int


@dataclass(frozen=True, slots=True)
class CancelDownload:
    """Stop downloading a model; its jobs fail. What has come is kept: ask again to go on."""

    model: str


Request = Settings | Work | Cancel | CancelDownload

# --- from the worker -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker is up: the kind of device and the dtype that "auto" means here."""

    device: str
    dtype: str


@dataclass(frozen=True, slots=True)
class Downloading:
    """How far the download of a model is, in bytes; at most five times a second.

    total: 0 until the Hub has said what there is, or while another download goes first.
    """

    model: str
    done: int
    total: int
    bytes_per_second: float


@dataclass(frozen=True, slots=True)
class Loading:
    """A model is being loaded, or counted."""

    model: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model is ready."""

    model: str
    parameters: int
    digest: str


@dataclass(frozen=True, slots=True)
class Unloaded:
    """A model was put out of memory to make room."""

    model: str


@dataclass(frozen=True, slots=True)
class Scored:
    """What a batch of a job gave: text digest, sums, and the whole score if urgent.

    seconds: that it took, 0 where nothing was scored since the store had it.
    cuts: of the same stories, by text digest, where they were asked for.
    """

    job: int
    model: str
    rows: tuple[tuple[str, Summary, StoryScore | None], ...]
    recipe: Recipe
    seconds: float
    cuts: Mapping[str, Cuts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rescored:
    """An edited text's whole score; fed: tokens that the model was fed for it."""

    job: int
    model: str
    recipe: Recipe
    score: StoryScore
    fed: int


@dataclass(frozen=True, slots=True)
class NextShown:
    """What is drawn of a next-token distribution.

    ids: how many tokens are before it. kl: nats from the reference to this model, None where it
    was not asked for or cannot be had: another vocabulary, or no logits of the reference's kept.
    characters: the likeliest next characters, with their probability under the model.
    """

    job: int
    model: str
    ids: int
    table: NextTable
    kl: float | None = None
    characters: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Continued:
    """A continuation has grown.

    tokens: those that are new. text: all of it so far. ended: "" while it goes on; then "end"
    (the model ended the text), "stop" (one of the stops came), "length" (enough tokens) or
    "cancelled". cycle: the loop it has fallen into; told where it has ended.
    """

    job: int
    model: str
    tokens: tuple[ContinuedToken, ...]
    text: str
    ended: str = ""
    cycle: Cycle | None = None


@dataclass(frozen=True, slots=True)
class ContextTraced:
    """The surprise of a word by how much of the text is before it."""

    job: int
    model: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Diverged:
    """kl: float32 (T,), nats from the reference to the model at each token of the text; nan where
    none was scored."""

    job: int
    model: str
    kl: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ScoredAlone:
    """Nats of texts behind BOS, by text digest; nan of one that cannot be scored."""

    job: int
    model: str
    nats: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the ids of a model's tokenizer read as."""

    model: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """A job is done."""

    job: int


@dataclass(frozen=True, slots=True)
class Kept:
    """All scores that were told so far are in the store, or are not to be kept at all."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job cannot be done, or one story of it.

    story: the digest of that story's text, or of the text that a question about a place is
    about; empty for the whole job, as where the model cannot be had.
    """

    job: int
    model: str
    title: str
    message: str
    story: str = ""


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """The process is gone; made by the client, never sent by the worker.

    status: as `subprocess` has it, -n for signal n. last_words: "" where it left none.
    """

    status: int
    last_words: str

    @property
    def why(self) -> str:
        """Its last words, else what its status says, for a user."""
        if self.last_words:
            return self.last_words
        if self.status == -signal.SIGKILL:
            return "it was killed, perhaps because memory ran out"
        if self.status < 0:
            return f"signal {-self.status} ended it"
        return f"it left with status {self.status} and no word"


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """One worker of several is gone, and the others have what it was asked; made by the pool.

    worker: the device that it worked on. again: whether it is started again.
    """

    worker: str
    why: str
    again: bool


Reply = (
    Hello
    | Downloading
    | Loading
    | Loaded
    | Unloaded
    | Scored
    | Rescored
    | NextShown
    | Continued
    | ContextTraced
    | Diverged
    | ScoredAlone
    | Vocabulary
    | Finished
    | Kept
    | Failed
    | WorkerDied
    | WorkerLost
)

# --- frames --------------------------------------------------------------------------------

_LENGTH = struct.Struct("<Q")


def send(pipe: IO[bytes], message: Any) -> None:
    """Write one message: its length, then its pickle. Raises OSError where nobody reads."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(body)) + body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Read one message; raises EOFError where the other side is gone."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    body = pipe.read(length)
    if len(body) < length:
        raise EOFError
    return pickle.loads(body)

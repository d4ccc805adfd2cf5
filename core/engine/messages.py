"""What passes between the worker process and the one that draws: frozen, picklable, plain."""

from __future__ import annotations

import pickle
import signal
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any, ClassVar

from ..models.options import LoadOptions
from ..models.spec import ModelSpec
from ..results.compare.cuts import Cuts
from ..scoring.recipe import Recipe
from ..scoring.scores import StoryScore, Summary
from ..stories.story import Story, text_digest

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


Work = Score | Explore  # what a model is needed for


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
class Explored:
    """What comes back of an `Explore`; answers_key: a reader waits for it."""

    job: int
    model: str

    answers_key: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Rescored(Explored):
    """An edited text's whole score; fed: tokens that the model was fed for it."""

    recipe: Recipe
    score: StoryScore
    fed: int


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
    | Explored
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

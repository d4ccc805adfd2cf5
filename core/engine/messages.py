"""What passes between the worker process and the one that draws: frozen, picklable, plain."""

from __future__ import annotations

import pickle
import signal
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from ..models.catalogue import ModelSpec
from ..results.compare.cuts import Cuts
from ..scoring.recipe import Recipe
from ..scoring.scores import StoryScore, Summary
from ..stories.story import Story

# --- to the worker -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settings:
    """How the worker is set up; the first message it gets."""

    device: str = "auto"
    dtype: str = "auto"
    store: str | None = None
    offline: bool = False
    allow_pickle: bool = False
    trust_remote_code: bool = False


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
class Cancel:
    """Forget a job that is waiting or under way; what it has finished is kept."""

    job: int


@dataclass(frozen=True, slots=True)
class CancelDownload:
    """Stop downloading a model; its jobs fail. What has come is kept: ask again to go on."""

    model: str


Request = Settings | Score | Cancel | CancelDownload

# --- from the worker -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker is up: the kind of device and the dtype that "auto" means here."""

    device: str
    device_name: str
    dtype: str
    torch: str
    transformers: str


@dataclass(frozen=True, slots=True)
class Downloading:
    """How far the download of a model is, in bytes; at most five times a second.

    total: 0 until the Hub has said what there is, or while another download goes first.
    """

    model: str
    done: int
    total: int
    bytes_per_second: float

    @property
    def seconds_left(self) -> float | None:
        """None while the speed is not known."""
        if not self.bytes_per_second:
            return None
        return (self.total - self.done) / self.bytes_per_second


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
    seconds: float


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
class Vocabulary:
    """What the ids of a model's tokenizer read as."""

    model: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """A job is done."""

    job: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A job cannot be done, or one story of it.

    story: the digest of that story's text; empty for the whole job.
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


Reply = (
    Hello
    | Downloading
    | Loading
    | Loaded
    | Unloaded
    | Scored
    | Vocabulary
    | Finished
    | Failed
    | WorkerDied
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

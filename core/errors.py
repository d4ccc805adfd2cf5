"""What reaches a user when something cannot be done: a title, one clear line, an exit code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from .wording import listed

DONE, FAILED, USAGE, PARTLY, INTERRUPTED = 0, 1, 2, 3, 130

STOPPED = "Download stopped"  # the title where the user did it


NO_MEMORY = "memory ran out; close other programs, or raise the limit (`ulimit -v`)"
_LAST = 20  # lines in which a program may say why it goes
_NO_MEMORY = (
    *("cannot allocate memory", "can't allocate memory", "failed to map segment"),
    *("bad_alloc", "memoryerror"),
)
_ERRNO = re.compile(r"\[errno -?\d+\]\s*", re.IGNORECASE)


class EyebrowError(Exception):
    """Something the user can mend.

    `title` names the kind ("No such model"), `message` is one line that says what is wrong and
    what to do. `exit_code` is what the command line leaves with (2: bad usage or input).
    """

    def __init__(self, title: str, message: str, exit_code: int = USAGE) -> None:
        super().__init__(f"{title}: {message}")
        self.title = title
        self.message = message
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type[EyebrowError], tuple[str, str, int]]:
        return type(self), (self.title, self.message, self.exit_code)


class DeviceLost(EyebrowError):
    """A GPU has failed: nothing on it answers in this process any more, for whatever model."""

    @classmethod
    def by(cls, error: BaseException) -> DeviceLost:
        """Where CUDA has said why."""
        return cls("Device failed", f"{reason(error)}; what is finished is kept, ask again", FAILED)


@contextmanager
def contained() -> Iterator[None]:
    """Around what others wrote: whatever it raises is an `Exception`, as with anybody else.

    A Rust panic is none by itself, and `sys.exit` in a model's own code would end the program.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise RuntimeError(reason(error)) from error


def as_told(error: BaseException, title: str) -> EyebrowError:
    """Any error as a user is told of it; `title` is for those that are none of eyebrow's own."""
    return error if isinstance(error, EyebrowError) else EyebrowError(title, reason(error), FAILED)


def all_failed(failures: Iterable[tuple[Sequence[str], EyebrowError]]) -> EyebrowError:
    """What to raise where no model could be used: why, of each, and once what several share.

    failures: what a model is called (its name first, "" for what concerns none) and what it was.
    """
    told: dict[tuple[str, str], str] = {}
    models: dict[tuple[str, str], list[str]] = {}
    codes = []
    for names, error in failures:
        bare = error.message
        for name in sorted(filter(None, names), key=len, reverse=True):
            bare = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "\0", bare)
        told.setdefault((error.title, bare), about(names[0], error))
        models.setdefault((error.title, bare), []).append(names[0])
        codes.append(error.exit_code)
    parts = []
    for key, said in told.items():
        others = listed(models[key][1:])
        parts.append((key[0], f"{said} (the same for {others})" if others else said))
    (title, message), *rest = parts
    more = "".join(f"; and {name}: {said}" for name, said in rest)
    return EyebrowError(title, message + more, min(codes))


def about(model: str, error: EyebrowError) -> str:
    """What an error says, with the name of the model that it speaks of."""
    return error.message if model in error.message else f"{model}: {error.message}"


def is_memory(error: BaseException) -> bool:
    """Whether memory or address space ran out."""
    return isinstance(error, MemoryError) or tells_of_memory(str(error))


def tells_of_memory(said: str) -> bool:
    """Whether what a program has said on its way out is that memory ran out."""
    return any(words in said.lower() for words in _NO_MEMORY)


def last_said(said: str) -> str:
    """The last line of what a program has said, less the name of an error; "" if there is none.

    Where memory ran out, that, whatever the last line is.
    """
    lines = said.strip().splitlines()
    if any(map(tells_of_memory, lines[-_LAST:])):  # C++ says so in the midst of other things
        return NO_MEMORY
    return re.sub(r"^[\w.]+(Error|Exception): ", "", lines[-1].strip()) if lines else ""


def reason(error: BaseException, named: bool = True) -> str:
    """What an error says, on one line: neither the name of its class nor a number of the system.

    named: with the name of the file that the system speaks of.
    """
    if is_memory(error):
        return NO_MEMORY
    if isinstance(error, KeyError):
        return f"there is no {error.args[0]!r}" if error.args else "something is missing"
    if isinstance(error, OSError) and error.strerror:
        said = _ERRNO.sub("", error.strerror).strip()
        said = said[:1].lower() + said[1:]
        return f"{error.filename}: {said}" if error.filename and named else said
    lines = filter(None, map(str.strip, _ERRNO.sub("", str(error)).splitlines()))
    said = next(lines, "it does not say why")
    while said.endswith(":") and (more := next(lines, "")):  # what it is about to say comes next
        said = f"{said} {more}"
    return said

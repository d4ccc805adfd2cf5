"""Bytes to text, chunk by chunk, with errors that say where.

Everything that reads characters goes through `text_chunks`, so a file of any size is read in
small pieces, `.gz` is unpacked on the way, and a byte that is no UTF-8 is named with its offset
and line whatever the file is.
"""

from __future__ import annotations

import codecs
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from ..errors import EyebrowError, reason

CHUNK = 1 << 18
LONGEST = 1 << 26  # characters of one story; what is longer, or has no end, is refused
BOM = codecs.BOM_UTF8

Opener = Callable[[], AbstractContextManager[BinaryIO]]


def file_opener(path: Path) -> Opener:
    """Opens a file for reading bytes; one that ends in .gz is unpacked."""

    def opener() -> AbstractContextManager[BinaryIO]:
        if path.suffix.lower() == ".gz":
            import gzip

            return gzip.open(path, "rb")  # type: ignore[return-value]
        return path.open("rb")

    return opener


def stdin_opener() -> AbstractContextManager[BinaryIO]:
    """Standard input, which is read but never closed."""
    if sys.stdin is None:
        raise EyebrowError("No input", "standard input is closed; give something else than -")
    return nullcontext(sys.stdin.buffer)


def text_chunks(opener: Opener, name: str) -> Iterator[str]:
    """The text in pieces of at most CHUNK bytes, none of them empty; a byte order mark is dropped.

    Of a pipe they come as it gives them: what is there does not wait for what is not.
    """
    with explained(name), opener() as stream:
        decoder = codecs.getincrementaldecoder("utf-8")()
        offset, line = 0, 1
        read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        data = read(CHUNK)
        while 0 < len(data) < len(BOM) and (more := read(CHUNK)):
            data += more
        _refuse_utf16(data, name)
        if data.startswith(BOM):
            data, offset = data[len(BOM) :], len(BOM)
        while data:
            try:
                text = decoder.decode(data)
            except UnicodeDecodeError as error:
                raise _undecodable(error, name, offset, line, len(data)) from None
            if text:
                yield text
            offset += len(data)
            line += data.count(b"\n")
            data = read(CHUNK)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise _undecodable(error, name, offset, line, 0) from None


def beginning(chunks: Iterator[str]) -> tuple[str, Iterator[str]]:
    """The first CHUNK characters, or all where there are fewer; and the whole text again."""
    parts: list[str] = []
    size = 0
    while size < CHUNK and (chunk := next(chunks, "")):
        parts.append(chunk)
        size += len(chunk)
    first = "".join(parts)
    return first, chain([first], chunks)


def whole_text(opener: Opener, name: str, longest: int = LONGEST) -> str:
    """All of the text, of `longest` characters at the most."""
    parts: list[str] = []
    size = 0
    for chunk in text_chunks(opener, name):
        size += len(chunk)
        if size > longest:
            raise too_long(name, longest)
        parts.append(chunk)
    return "".join(parts)


def too_long(name: str, longest: int = LONGEST) -> EyebrowError:
    """A text without an end in sight, which would fill the memory."""
    return EyebrowError(
        "Too long",
        f"{name} has more than {longest:,} characters without an end of the text; part it into "
        "stories by blank lines, or give --per-line where each line is one",
    )


def pieces(chunks: Iterator[str], separator: str, name: str) -> Iterator[str]:
    """The text between separators, which may lie across chunks; the last piece may be empty.

    Raises `EyebrowError` for a piece longer than `LONGEST`.
    """
    kept: list[str] = []
    size = 0
    carry = ""
    overlap = len(separator) - 1
    for chunk in chunks:
        *ended, rest = (carry + chunk).split(separator)
        for part in ended:
            yield "".join([*kept, part])
            kept, size = [], 0
        cut = max(0, len(rest) - overlap)
        kept.append(rest[:cut])
        size += cut
        if size > LONGEST:
            raise too_long(name)
        carry = rest[cut:]
    yield "".join([*kept, carry])


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turns what the system says about a file into one clear line."""
    try:
        yield
    except EyebrowError:
        raise
    except FileNotFoundError:
        raise EyebrowError("No such file", f"{name} is not there; check the path") from None
    except PermissionError:
        raise EyebrowError(
            "No permission", f"{name} may not be read by this user; change its permissions"
        ) from None
    except (EOFError, zlib.error):
        raise EyebrowError(
            "Damaged file", f"{name} is cut short or damaged; fetch or pack it again"
        ) from None
    except OSError as error:
        why = reason(error, named=False)
        raise EyebrowError("Cannot read", f"{name}: {why}; check the file") from None


def _refuse_utf16(data: bytes, name: str) -> None:
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise EyebrowError("Bad text", f"{name} is UTF-16; save it as UTF-8 and open it again")


def _undecodable(
    error: UnicodeDecodeError, name: str, offset: int, line: int, length: int
) -> EyebrowError:
    """`offset` and `line` are those of the chunk; the decoder may have kept bytes before it."""
    pending = len(error.object) - length
    at = offset - pending + error.start
    line += error.object[pending : error.start].count(b"\n") if error.start > pending else 0
    return EyebrowError(
        "Bad text",
        f"{name} is not UTF-8: byte 0x{error.object[error.start]:02x} at offset {at}, line {line}; "
        "save it as UTF-8 and open it again",
    )

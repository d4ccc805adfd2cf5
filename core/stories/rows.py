"""JSON: one value a line, or a list of values in one document, read as they come.

Values are objects (rows) or strings (texts). A `.json` file need not be a list: values one after
another are read too, since `datasets` and pandas write JSON Lines under that name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ..errors import EyebrowError
from .columns import Row
from .stream import LONGEST, pieces, too_long

_ESCAPE = 5  # characters of \\uXXXX behind the first, at which an error in it may be told
_SPACE = re.compile(r"[ \t\r\n]*")
LONG_NUMBER = "a number of it has thousands of digits"  # Python takes 4,300
_KINDS = {list: "a list", bool: "true or false", int: "a number", float: "a number"}


def json_lines(chunks: Iterator[str], name: str) -> Iterator[tuple[str, Row]]:
    """Rows of JSON Lines; blank lines are nothing."""
    for number, line in enumerate(pieces(chunks, "\n", name), start=1):
        if line and not line.isspace():
            where = f"line {number}"
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                raise _broken(name, number, error, "line") from None
            except RecursionError:
                raise _too_deep(name, number) from None
            except ValueError:
                raise _bad_json(name, number, LONG_NUMBER) from None
            yield where, _row(value, name, where)


def json_values(chunks: Iterator[str], name: str) -> Iterator[tuple[str, Row]]:
    """Rows of a JSON list, or of values one after another, never more than one in memory."""
    reader = _ValueReader(chunks, name)
    is_list = reader.skip("[")
    number = 0
    while not ((is_list and reader.skip("]")) or (not is_list and reader.at_end())):
        if is_list and reader.at_end():
            raise reader.broken("the file ends inside a list")
        if is_list and number and not reader.skip(","):
            raise reader.broken("expected , or ] after the item")
        number += 1
        where = f"item {number}"
        yield where, _row(reader.value(), name, where)
    if not reader.at_end():
        raise reader.broken("there is more text after the list")


class _ValueReader:
    """JSON values out of chunks of text."""

    def __init__(self, chunks: Iterator[str], name: str) -> None:
        self._chunks = chunks
        self._name = name
        self._buffer = ""
        self._at = 0
        self._lines = 0
        self._decoder = json.JSONDecoder()

    def at_end(self) -> bool:
        """True if nothing but white space is left."""
        while True:
            match = _SPACE.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return False
            if not self._more():
                return True

    def skip(self, mark: str) -> bool:
        """Passes white space and then the mark, if that comes next."""
        if self.at_end() or self._buffer[self._at] != mark:
            return False
        self._at += 1
        return True

    def value(self) -> object:
        """The next value."""
        self.at_end()
        while True:
            try:
                value, self._at = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                line = self._lines + error.lineno
                if not (self._may_be_cut(error) and self._more()):
                    raise _broken(self._name, line, error, "file") from None
            except RecursionError:
                raise _too_deep(self._name, self._line()) from None
            except ValueError:
                raise _bad_json(self._name, self._line(), LONG_NUMBER) from None
            else:
                return value

    def broken(self, why: str) -> EyebrowError:
        """An error at the present place."""
        return _bad_json(self._name, self._line(), why)

    def _line(self) -> int:
        return self._lines + self._buffer.count("\n", 0, self._at) + 1

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        # An open string is reported at its start, all else where the text ends; the longest
        # word JSON has is -Infinity.
        return error.msg.startswith("Unterminated") or error.pos > len(self._buffer) - 10

    def _more(self) -> bool:
        """Lets go of what is read and adds at least as much text as is left, if there is any."""
        self._lines += self._buffer.count("\n", 0, self._at)
        parts = [self._buffer[self._at :]]
        wanted = len(parts[0])
        if wanted > LONGEST:
            raise too_long(self._name)
        added = 0
        while not added or added < wanted:
            chunk = next(self._chunks, "")
            if not chunk:
                break
            parts.append(chunk)
            added += len(chunk)
        self._buffer, self._at = "".join(parts), 0
        return added > 0


def _row(value: object, name: str, where: str) -> Row:
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return {"text": value}
    kind = "null" if value is None else _KINDS[type(value)]
    raise EyebrowError(
        "Bad JSON", f"{name}, {where} holds {kind}; each must be an object or a string"
    )


def _broken(name: str, line: int, error: json.JSONDecodeError, whole: str) -> EyebrowError:
    """whole: what was read as far as it goes, a line or a file."""
    behind = error.doc[error.pos :].strip()
    if error.msg.startswith("Unterminated"):
        why = f"the {whole} ends inside a string"
    elif error.msg.startswith("Invalid control character"):
        # A file that was cut short may have a line end all the same.
        why = "a string holds a line end or another control character"
        why = why if behind else f"the {whole} ends inside a string"
    elif error.msg.startswith("Invalid \\") and not error.doc[error.pos + _ESCAPE :].strip():
        why = f"the {whole} ends inside a string"
    elif any(word.startswith(behind) for word in ("true", "false", "null")):
        why = f"the {whole} ends inside a value"
    else:
        why = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
    return _bad_json(name, line, why)


def _bad_json(name: str, line: int, why: str) -> EyebrowError:
    return EyebrowError(
        "Bad JSON", f"{name}, line {line} is not valid JSON ({why}); mend or remove it"
    )


def _too_deep(name: str, line: int) -> EyebrowError:
    return _bad_json(name, line, "lists or objects lie too deep in each other")

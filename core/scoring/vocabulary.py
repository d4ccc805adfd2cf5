"""What each entry of a vocabulary reads as, for people."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

_PIECES = re.compile(r"(‹[0-9A-F]{2}(?: [0-9A-F]{2})*›)")  # what `_hexadecimal` writes
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>\Z")


def byte_alphabet() -> dict[str, int]:
    """The printable characters that byte-level BPE writes for bytes (Radford et al. 2019)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(byte): byte for byte in plain}
    others = [byte for byte in range(256) if byte not in set(plain)]
    return table | {chr(256 + n): byte for n, byte in enumerate(others)}


def token_texts(tokenizer: Any, size: int) -> list[str]:
    """The text of ids 0 to `size` - 1.

    Bytes that are only part of a character are written as such, ` ‹F0 9F›`; an id the
    tokenizer does not know (a padded output layer) as `‹id 2050›`.
    """
    names = tokenizer.convert_ids_to_tokens(list(range(min(size, len(tokenizer)))))
    names += [None] * (size - len(names))
    decoder = _decoder(tokenizer)
    alphabet = byte_alphabet()
    if "ByteLevel" not in decoder and (decoder or not _is_byte_level(names)):
        alphabet = {}
    spaced = "Metaspace" in decoder or "▁" in decoder or not decoder
    added = set(getattr(tokenizer, "added_tokens_encoder", {}))
    return [
        f"‹id {number}›"
        if name is None
        else name
        if name in added
        else _readable(name, alphabet, spaced)
        for number, name in enumerate(names)
    ]


def _is_byte_level(names: list[str | None]) -> bool:
    """Whether nearly every byte has an entry: vocabularies leave out those UTF-8 never uses."""
    return len(byte_alphabet().keys() & set(names)) > 200


def _decoder(tokenizer: Any) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return repr(backend.decoder) if backend is not None else ""


def _readable(name: str, alphabet: dict[str, int], spaced: bool) -> str:
    if alphabet and all(ch in alphabet for ch in name):
        return _decode(bytes(alphabet[ch] for ch in name))
    if match := _BYTE.match(name):
        return _decode(bytes([int(match[1], 16)]))
    return name.replace("▁", " ") if spaced else name


def _decode(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "".join(_characters(raw))


def _characters(raw: bytes) -> Iterator[str]:
    """Whole characters as they are, the bytes between them in hexadecimal."""
    at, broken = 0, b""
    while at < len(raw):
        ch = next((c for n in (1, 2, 3, 4) if (c := _character(raw[at : at + n]))), "")
        if ch and broken:
            yield _hexadecimal(broken)
            broken = b""
        if ch:
            yield ch
        else:
            broken += raw[at : at + 1]
        at += len(ch.encode()) or 1
    if broken:
        yield _hexadecimal(broken)


def _character(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""


def _hexadecimal(raw: bytes) -> str:
    return f"‹{raw.hex(' ').upper()}›"


def find_tokens(texts: Sequence[str], wanted: str, most: int = 20) -> list[int]:
    """Ids of the tokens that read as what somebody has typed, the best first, `most` at most.

    texts: of the ids, by `token_texts`. First those that are it, then those that are it behind a
    space, then both in any case, then those that begin with it, the shorter first.
    """
    if not wanted:
        return []
    small = wanted.lower()
    begins = (small, f" {small}")
    found = [number for number, text in enumerate(texts) if text.lower().startswith(begins)]

    def order(number: int) -> tuple[int, int, int]:
        text = texts[number]
        bare = text.removeprefix(" ")
        if text == wanted:
            return 0, 0, number
        if bare == wanted:
            return 1, 0, number
        if small in (bare.lower(), text.lower()):
            return 2, 0, number
        return 3, len(text), number

    return sorted(found, key=order)[:most]


def read_together(texts: Sequence[str]) -> list[str]:
    """The texts of tokens that stand behind one another, with characters put together.

    texts: by `token_texts`. Of tokens that are pieces of one character the first reads as it and
    the others as nothing; bytes that are no character stay as they are written.
    """
    if not any("‹" in text for text in texts):
        return list(texts)
    raw, owners = bytearray(), list[int]()
    for at, text in enumerate(texts):
        more = b"".join(
            bytes.fromhex(part[1:-1]) if at_odd else part.encode(errors="surrogatepass")
            for part, at_odd in zip(_PIECES.split(text), itertools.cycle((False, True)))
        )
        raw += more
        owners += [at] * len(more)
    found, place = [""] * len(texts), 0
    for part in _characters(bytes(raw)):
        broken = bytes.fromhex(part[1:-1]) if _PIECES.fullmatch(part) else None
        if broken is None:
            found[owners[place]] += part
            place += len(part.encode())
            continue
        for byte in broken:
            found[owners[place]] += _hexadecimal(bytes([byte]))
            place += 1
    return [text.replace("›‹", " ") for text in found]

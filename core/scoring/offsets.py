"""Character offsets: found where a tokenizer reports none, and made to tile the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from .scores import Ints

BROKEN = "�"  # what a decoder writes for bytes that are no character yet
BLANKS = ("▁", "Ġ", " ")  # how vocabularies write a token that is one space
_FAR = 64  # characters that a token the tokenizer does not know may stand for

Offset = tuple[int, int]


def tile(offsets: Sequence[Offset], special: Sequence[bool], text: str) -> tuple[Ints, Ints]:
    """Spans that cover `text` once, in order, from whatever a tokenizer reports.

    Characters between two tokens (trimmed spaces, dropped controls) go to the later one, those
    behind the last to the last; marks that belong to the character before them (an accent that
    a normaliser composed or stripped) stay with it. Of tokens that share a character (bytes of
    an emoji) the first owns it. Special tokens without characters of their own get an empty
    span, unless there is no other token.
    """
    starts = np.zeros(len(offsets), dtype=np.int32)
    ends = np.zeros(len(offsets), dtype=np.int32)
    at, last, owner = 0, -1, -1
    size = len(text)
    for i, (begin, end) in enumerate([*offsets, (size, size)]):
        if owner >= 0 and at < min(begin, size) and _is_mark(text[at]):
            while at < min(begin, size) and _is_mark(text[at]):
                at += 1
            ends[owner] = at
            starts[owner + 1 : i] = at
            ends[owner + 1 : i] = at
        if i == len(offsets):
            break
        starts[i] = at
        if not (special[i] and begin == end):
            last = i
            if min(end, size) > at:
                at, owner = min(end, size), i
        ends[i] = at
    if len(offsets) and at < size:
        last = last if last >= 0 else len(offsets) - 1
        ends[last] = size
        starts[last + 1 :] = size
        ends[last + 1 :] = size
    return starts, ends


def _is_mark(ch: str) -> bool:
    return ch >= "̀" and unicodedata.category(ch)[0] == "M"


def without_dummies(
    tokenizer: Any, ids: Sequence[int], offsets: Sequence[Offset], text: str
) -> list[Offset]:
    """The same offsets, but a lone space that a tokenizer put in front of a word owns nothing.

    SentencePiece's dummy space is reported with the first character of the word behind it.
    """
    offsets = list(offsets)
    for i in range(len(offsets) - 1):
        begin, end = offsets[i]
        if (
            begin < end
            and offsets[i + 1][0] < end
            and not text[begin:end].isspace()
            and tokenizer.convert_ids_to_tokens(int(ids[i])) in BLANKS
        ):
            offsets[i] = (begin, begin)
    return offsets


def offsets_without_help(tokenizer: Any, ids: Sequence[int], text: str) -> list[Offset]:
    """Where each token lies in `text`, found by decoding a little more each time.

    A token whose bytes do not finish a character reaches up to the end of that character.
    Special tokens that the tokenizer put around the text get (n, n). What the tokenizer changed
    is matched without case and accents, else by length; unknown tokens take what lies before
    the next known one. Spans begin in order and end inside the text.
    """
    bare = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    front = _place(bare, ids)
    search = _Search(text)
    offsets: list[Offset] = [(0, 0)] * front
    unknown = getattr(tokenizer, "unk_token_id", None)
    lost = 0  # unknown tokens whose span the next piece found will tell
    clean = [0]  # tokens behind which a character ends; the last is read up to `search.at`
    whole = 0  # characters finished behind that
    for i, token in enumerate(bare):
        # Some left context keeps decoders from eating a leading space. It begins with a whole
        # character: byte fallback gives up on a run of bytes that does not.
        before, read = clean[-3:][0], clean[-1]
        known = _decode(tokenizer, bare[before:read]) if read > before else ""
        piece = _decode(tokenizer, bare[before : i + 1])[len(known) :]
        at = search.at
        if token == unknown and not text.startswith(piece.strip(), at):
            search.reach = _FAR
            offsets.append((at, at))
            lost += 1
            clean.append(i + 1)
            continue
        if piece.endswith(BROKEN) and not text.startswith(piece, at) and i + 1 < len(bare):
            finished = piece.rstrip(BROKEN)
            if not text.startswith(finished, at):
                finished = ""
            offsets.append((at + whole, min(len(text), at + len(finished) + 1)))
            whole = len(finished)
            continue
        begin, end = search.find(piece)
        if lost and begin == end == at:  # a space put around an unknown character
            offsets.append((at, at))
            lost += 1
            clean.append(i + 1)
            continue
        for back in range(lost):
            offsets[-1 - back] = (at, begin)
        offsets.append((max(begin, at + whole), end))
        whole, lost = 0, 0
        clean.append(i + 1)
    offsets += [(search.at, search.at)] * (len(ids) - len(offsets))
    return offsets


def _place(bare: Sequence[int], ids: Sequence[int]) -> int:
    """How many tokens were put in front of `bare` to make `ids`."""
    size = len(bare)
    return next((k for k in range(len(ids) - size + 1) if ids[k : k + size] == bare), 0)


def _decode(tokenizer: Any, ids: Sequence[int]) -> str:
    text = tokenizer.decode(
        list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    return str(text)


class _Search:
    """Finds piece after piece of a text, from `at` on and at most `reach` characters ahead."""

    def __init__(self, text: str) -> None:
        self.text, self.folded = text, _fold(text)
        self.at, self.reach = 0, 16

    def find(self, piece: str) -> Offset:
        """The span of `piece`: its own place if found, else by its length. Moves behind it."""
        begin, bare = self.at, piece.strip()
        end = begin + _blank(self.text[begin : begin + len(piece)])
        if bare:
            stop = begin + len(piece) + self.reach
            found = self.folded.find(_fold(bare), begin, stop)
            if found < 0:
                found = begin + _blank(self.text[begin:stop])
            begin = begin if self.text[begin:found].isspace() else found
            end = min(len(self.text), found + len(bare))
        self.at, self.reach = end, 16
        return begin, end


def _blank(text: str) -> int:
    """How many spaces a text begins with."""
    return len(text) - len(text.lstrip())


def _fold(text: str) -> str:
    """Without case and accents, one character for each."""
    return "".join(
        ch.lower()[:1] if ch < "\x80" else unicodedata.normalize("NFKD", ch)[0].lower()[:1]
        for ch in text
    )

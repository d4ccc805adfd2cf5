"""A story: what is read, coloured and scored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


def text_digest(text: str) -> str:
    """16 hex digits of the SHA-256 of the text's UTF-8 bytes: the text's name in the store."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Story:
    """One story as it was read.

    `id` is unique within its source, `title` is shown in lists, `kind` says what it is
    ("five", "pair-twist", "longer"; empty where the source does not say), `pair` joins the
    members of a pair. `group` joins the stories that intervals draw together since they are not
    independent of each other: a pair, or all of one author; empty where a story stands alone.
    Sources write `WHAT: VALUE` there ("pair: kite", "author: Smith").
    `sentence_starts`: code points of the text at which the source says that sentences begin;
    empty where it does not say, and sentences are then looked for. `ending`: the code point at
    which the source says that the ending of a member of a pair begins; None where it does not.
    """

    id: str
    title: str
    text: str
    kind: str = ""
    pair: str = ""
    group: str = ""
    sentence_starts: tuple[int, ...] = ()
    ending: int | None = None

    def label(self, digest: str) -> Label:
        """What a run calls it; `digest` is its text's, which whoever asks has found already."""
        return Label(digest, self.id, self.title, self.group, self.sentence_starts)


@dataclass(frozen=True, slots=True)
class Label:
    """How a run calls a story; `digest` is its text's, the text itself stays in the store.

    group, sentence_starts: as in `Story`.
    """

    digest: str
    id: str
    title: str
    group: str = ""
    sentence_starts: tuple[int, ...] = ()

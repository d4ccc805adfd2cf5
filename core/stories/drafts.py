"""From what a source holds to stories: ids made unique, titles found, empty ones left out.

Readers hand on a `Draft` for each text they meet, with as much as the source says about it;
`Finisher` turns drafts into stories by the same rules for every source.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import EyebrowError
from .story import Story

TITLE_WIDTH = 48


@dataclass(slots=True)
class Draft:
    """A text as a reader met it. `where` names its place for messages ("line 12").

    group: what it is drawn together with; its pair where the source names nothing else.
    """

    text: str
    id: str = ""
    title: str = ""
    kind: str = ""
    pair: str = ""
    where: str = ""
    group: str = ""
    sentence_starts: tuple[int, ...] = ()
    ending: int | None = None


def title_of(text: str) -> str:
    """The first words of a text on one line: at most 48 characters, cut at a word, with "…"."""
    words: list[str] = []
    length = -1
    for match in re.finditer(r"\S+", text):
        words.append(match[0])
        length += 1 + len(match[0])
        if length > TITLE_WIDTH:
            break
    else:
        return " ".join(words)
    while len(words) > 1 and len(" ".join(words)) > TITLE_WIDTH - 1:
        words.pop()
    return " ".join(words)[: TITLE_WIDTH - 1] + "…"


class UniqueIds:
    """Hands out ids: the source's own where there is one, else the story's running number.

    An id that was given out before gets `-2`, `-3`, ... behind it. Only the ids a source brings
    are remembered: a source of running numbers may be as long as it likes and costs nothing.
    """

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}
        self._plain = 0

    def take(self, wanted: str, number: int) -> str:
        """The id of story `number` (from 1, counting up by one), which would like `wanted`."""
        if not wanted and not self._taken:
            self._plain = number
            return str(number)
        wanted = wanted or str(number)
        if not self._is_taken(wanted):
            self._taken[wanted] = 1
            return wanted
        count = self._taken.get(wanted, 1) + 1
        while self._is_taken(f"{wanted}-{count}"):
            count += 1
        self._taken[wanted] = count
        self._taken[f"{wanted}-{count}"] = 1
        return f"{wanted}-{count}"

    def _is_taken(self, candidate: str) -> bool:
        if candidate in self._taken:
            return True
        is_number = candidate.isascii() and candidate.isdecimal() and candidate[0] != "0"
        return is_number and len(candidate) < 16 and int(candidate) <= self._plain


class Finisher:
    """Turns the drafts of one pass into stories, and counts the empty ones it leaves out."""

    def __init__(self, name: str) -> None:
        self.skipped = 0
        self.stories = 0
        self._name = name
        self._ids = UniqueIds()

    def story(self, draft: Draft) -> Story | None:
        """The story of a draft; None where its text is empty or white space."""
        text = draft.text
        if not text or text.isspace():
            self.skipped += 1
            return None
        self._check_unicode(draft)
        self.stories += 1
        return Story(
            id=self._ids.take(draft.id, self.stories),
            title=" ".join(draft.title.split()) or title_of(text),
            text=text,
            kind=draft.kind,
            pair=draft.pair,
            group=draft.group or (draft.pair and f"pair: {draft.pair}"),
            sentence_starts=draft.sentence_starts,
            ending=draft.ending,
        )

    def _check_unicode(self, draft: Draft) -> None:
        # JSON can spell half a surrogate pair; no tokenizer takes such a text.
        if draft.text.isascii():
            return
        try:
            draft.text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise EyebrowError(
                "Bad text",
                f"{self._name}, {draft.where}: character {error.start + 1} is half a surrogate "
                "pair and no character of its own; mend or remove this story",
            ) from None

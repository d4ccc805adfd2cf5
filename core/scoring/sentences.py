"""Where the sentences of a text are."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from .encode import encodable

Span = tuple[int, int]


@lru_cache(maxsize=256)
def sentence_spans(text: str, starts: tuple[int, ...] = ()) -> tuple[Span, ...]:
    """Character spans of the sentences, in order; together they are the text, each once.

    starts: where the text's source says that they begin (`Story.sentence_starts`), which is then
    where they do; () where it does not say, and they are looked for.

    Spaces behind a sentence belong to it, those in front of the first to the first. What
    stands in quotation marks is not taken apart, and `"Why?" she asked.` is one sentence. A
    blank line ends a sentence, a single line break does not.

    Segmentation by Wikimedia's sentencex: abbreviations are those of English, and the marks that
    end sentences in other scripts are known.
    """
    if inner := sorted({start for start in starts if 0 < start < len(text)}):
        return tuple(pairwise([0, *inner, len(text)]))
    from sentencex import segment  # a compiled library that few commands need

    spans: list[Span] = []
    at, blank = 0, True  # blank: all of the last span is space
    for piece in segment("en", encodable(text)):
        end = at + len(piece)
        is_blank = not piece.strip()
        if spans and (is_blank or blank):
            spans[-1] = (spans[-1][0], end)
            blank = blank and is_blank
        else:
            spans.append((at, end))
            blank = is_blank
        at = end
    if at != len(text):  # never seen; a span too long is better than one that lies
        spans = [*spans[:-1], (spans[-1][0] if spans else 0, len(text))]
    return tuple(spans)

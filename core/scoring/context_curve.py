"""What the context contributes to a word: its surprise with more and more of it."""

from __future__ import annotations

import numpy as np

from ..errors import EyebrowError
from .batches import Piece
from .encode import Encoding, beyond, encode
from .exploring import CurvePoint
from .scorer import Scorer
from .units import tokens_within
from .windows import Window

WORDS, SENTENCE, STORY = "tokens", "sentence", "story"


def context_curve(
    scorer: Scorer, text: str, word: tuple[int, int], sentence: int
) -> tuple[CurvePoint, ...]:
    """The surprise of the tokens that lie in `word`, by how much of the text the model is given.

    word: characters (from, to); its tokens are those that `by_word` counts, with the spaces in
    front of it and the later pieces of its last character. sentence: the character at which its
    sentence begins. A special token that the tokenizer puts in front (BOS) is always there, and
    not counted; one that was put there to have the first token scored is there with the whole
    text alone. Every point is a pass over its own tokens: a cache would have seen what is left
    out.

    Raises `EyebrowError` where the word has no token, or no token before it, where it alone is
    all that the model sees at once, and that of a text or a pass that cannot be had.
    """
    recipe = scorer.recipe
    (encoding,) = encode(scorer.tokenizer, [text], recipe.first_token)
    if error := beyond(encoding, text, scorer.trunk.rows):
        raise error
    inside = tokens_within(encoding.starts, encoding.ends, word)
    if not len(inside):
        raise EyebrowError("No such word", f"no token of the text lies at characters {word}")
    begin = len(text[: word[0]].rstrip())  # of the spaces in front
    filled = (encoding.starts < encoding.ends) & (encoding.starts >= begin)
    first, stop = int(min(inside[0], *filled.nonzero()[0][:1])), int(inside[-1]) + 1
    front = max(encoding.lead, encoding.hidden)  # tokens that are none of the text
    if first == 0:
        raise EyebrowError("No context", "nothing stands before the first word of the text")
    most = min(first - front, recipe.context - (stop - first) - encoding.lead)
    # The space before a sentence is of its first token.
    begins = int(np.searchsorted(encoding.ends[front:], sentence, side="right")) + front
    points = [(WORDS, n) for n in _doubling(most)]
    points.append((SENTENCE, min(most, max(0, first - begins))))
    points.append((STORY, most))
    least = 0 if encoding.lead or first == front else 1  # the model is given one token at least
    sizes = sorted({n for _, n in points if n >= least})
    if not sizes:
        raise EyebrowError(
            "No room for context",
            f"the word has {stop - first:,} tokens, and the model sees {recipe.context:,} at once",
        )
    nats = dict(zip(sizes, _nats(scorer, encoding, first, stop, sizes), strict=True))
    return tuple(CurvePoint(what, n, nats[n]) for what, n in points if n in nats)


def _doubling(most: int) -> list[int]:
    return [1 << power for power in range(most.bit_length()) if 1 << power <= most]


def _nats(
    scorer: Scorer, encoding: Encoding, first: int, stop: int, sizes: list[int]
) -> list[float]:
    """The sum over tokens `first` to `stop` behind so many tokens before them, for each size."""
    sequences = [_shortened(encoding, first, stop, size) for size in sizes]
    pieces = [
        Piece(n, Window(0, len(one), len(one) - (stop - first))) for n, one in enumerate(sequences)
    ]
    pieces.sort(key=lambda piece: -piece.window.fed)
    found = [0.0] * len(sizes)
    for batch, logprobs in scorer.passes.over(pieces, sequences, scorer.trunk.logprobs):
        if isinstance(logprobs, EyebrowError):
            raise logprobs
        rows = logprobs.double().view(len(batch.pieces), stop - first).sum(1).tolist()
        for piece, total in zip(batch.pieces, rows, strict=True):
            found[piece.story] = 0.0 - total
    return found


def _shortened(encoding: Encoding, first: int, stop: int, size: int) -> Encoding:
    """Tokens `first` to `stop` with the `size` before them; the whole front before all of them."""
    front = max(encoding.lead, encoding.hidden)
    lead = front if size == first - front else encoding.lead
    chosen = np.r_[0:lead, first - size : stop]
    return Encoding(
        encoding.ids[chosen], encoding.starts[chosen], encoding.ends[chosen], 0, encoding.lead
    )

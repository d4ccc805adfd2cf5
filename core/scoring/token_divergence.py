"""How far a model is from a reference at each token of one text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..errors import EyebrowError
from .batches import pieces_of, split_by_piece
from .divergence import Pair
from .encode import beyond, encode
from .scorer import Scorer


def token_divergence(reference: Scorer, other: Scorer, text: str) -> npt.NDArray[np.float32]:
    """KL(reference || other) where each token stands, float32 (T,), nats; nan where not scored.

    Both have one tokenizer and, but for what they see at once, one recipe; the shorter context
    holds. Raises `EyebrowError` for vocabularies of two lengths, and for a text that holds a
    token that a model has no entry for, or does not fit into memory.
    """
    recipe = other.recipe.within(reference.recipe.context)
    (encoding,) = encode(other.tokenizer, [text], recipe.first_token)
    if error := beyond(encoding, text, min(reference.trunk.rows, other.trunk.rows)):
        raise error
    found = np.full(len(encoding), np.nan, dtype=np.float32)
    pair = Pair(reference.trunk, other.trunk)
    pieces = pieces_of([encoding], recipe.context, recipe.stride)
    for batch, part in other.passes.over(pieces, [encoding], pair.of_batch):
        if isinstance(part, EyebrowError):
            raise part
        for piece, span in split_by_piece(batch):
            first = piece.window.first
            found[first : first + span.stop - span.start] = part.kl[span].numpy()
    return found[encoding.hidden :]

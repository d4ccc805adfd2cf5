"""How likely a word ends here: what the begin-of-word correction of `units.by_word` needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import EyebrowError
from .batches import Batch, pieces_of, split_by_piece
from .encode import Encoding, beyond, encode
from .head import chunks
from .scorer import Scorer
from .scores import Floats
from .trunk import Trunk
from .vocabulary import token_texts


def begins_word(tokenizer: Any, size: int) -> Tensor:
    """bool (size,): which entries begin a word, because their text begins with a space.

    Raises `EyebrowError` for a tokenizer whose tokens do not tell (WordPiece, `</w>`): there is
    nothing to correct with.
    """
    mask = torch.tensor([text[:1].isspace() for text in token_texts(tokenizer, size)])
    if not mask.any():
        raise EyebrowError(
            "No word boundaries",
            "no token of this model begins with a space, so words cannot be corrected for how "
            "they end; leave the correction out",
        )
    return mask


def log_boundaries(scorer: Scorer, texts: Sequence[str]) -> list[Floats]:
    """For each text float32 (T + 1,): ln of the probability that a word boundary comes next.

    A boundary is any token that begins with a space, or the end of the text (EOS). Entry i
    stands before token i of the text's `StoryScore`, entry T behind the last. Where the text
    begins without a space (as GPT-2 has it) its first entry is the probability of any token
    that begins with none, EOS included (Pimentel & Meister 2024, on unmarked first words).
    nan where the model says nothing: before a first token that is context. Behind an EOS that
    the tokenizer itself puts at the end the boundary is certain.

    Raises `EyebrowError` where the tokenizer does not mark words (see `begins_word`), and for a
    text that cannot be scored.
    """
    tokenizer, recipe = scorer.tokenizer, scorer.recipe
    words = begins_word(tokenizer, scorer.trunk.vocabulary)
    end = tokenizer.eos_token_id
    kinds = words.long()
    if end is not None and end < len(kinds):
        kinds[end] = 2
    kinds = kinds.to(scorer.trunk.device)
    encodings = list(encode(tokenizer, texts, recipe.first_token))
    for encoding, text in zip(encodings, texts, strict=True):
        if error := beyond(encoding, text, scorer.trunk.rows):
            raise error
    # One more target, never looked at, so that the model is asked what follows the last token.
    longer = [_with_one_more(encoding) for encoding in encodings]
    found = [np.full((len(encoding), 2), np.nan, dtype=np.float32) for encoding in longer]
    pieces = pieces_of(longer, recipe.context, recipe.stride)

    def measure(batch: Batch) -> Floats:
        masses: Floats = torch.cat(list(_log_masses(scorer.trunk, batch, kinds))).cpu().numpy()
        return masses

    for batch, masses in scorer.passes.over(pieces, longer, measure):
        if isinstance(masses, EyebrowError):
            raise masses
        for piece, span in split_by_piece(batch):
            into = piece.window.first
            found[piece.story][into : into + span.stop - span.start] = masses[span]
    chosen = words.numpy()
    return [
        _choose(encoding, both, chosen, end)
        for encoding, both in zip(encodings, found, strict=True)
    ]


def _with_one_more(encoding: Encoding) -> Encoding:
    return replace(
        encoding,
        ids=np.append(encoding.ids, np.int32(0)),
        starts=np.append(encoding.starts, encoding.ends[-1:]),
        ends=np.append(encoding.ends, encoding.ends[-1:]),
    )


def _choose(encoding: Encoding, both: Floats, words: Any, end: int | None) -> Floats:
    """The first column, but the second where the text itself begins without a space."""
    boundary = both[:, 0].copy()
    begin = encoding.hidden
    if not begin and len(encoding) and encoding.starts[0] == encoding.ends[0]:
        begin = 1  # behind a BOS that the tokenizer itself puts there
    if begin < len(encoding) and not words[encoding.ids[begin]]:
        boundary[begin] = both[begin, 1]
    if len(encoding) > begin + 1 and encoding.ids[-1] == end:
        boundary[-1] = 0.0
    return boundary[encoding.hidden :]


def _log_masses(trunk: Trunk, batch: Batch, kinds: Tensor) -> Iterator[Tensor]:
    """float32 (n, 2) for chunk after chunk of the batch's positions: ln of the probability of
    an entry that begins a word or EOS, and of one that does not or EOS.

    kinds: int64 (V,): 0 begins no word, 1 begins one, 2 is EOS.
    """
    ids, rows, positions = (t.to(trunk.device) for t in (batch.ids, batch.rows, batch.positions))
    with torch.inference_mode():
        states = trunk.states(ids)[rows, positions]
        for at in chunks(states):
            part = states[at]
            tiles = [(0, part.float())] if trunk.head is None else trunk.head.tiles(part)
            sums = torch.stack([_by_kind(tile, kinds[first:]) for first, tile in tiles])
            inside, begin, end = sums.logsumexp(0).unbind(1)
            boundary = begin.logaddexp(end)
            both = torch.stack([boundary, inside.logaddexp(end)], dim=1)
            yield both - boundary.logaddexp(inside)[:, None]


def _by_kind(tile: Tensor, kinds: Tensor) -> Tensor:
    """float32 (n, 3): log-sum-exp over the tile's entries of each kind, -inf without any."""
    here = kinds[: tile.shape[1]]
    none = tile.new_full((len(tile),), -torch.inf)
    parts = [tile[:, here == kind] for kind in range(3)]
    return torch.stack([p.logsumexp(1) if p.shape[1] else none for p in parts], dim=1)

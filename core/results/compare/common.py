"""The bytes that all of some models have scored, and the nats of each of them on these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ...wording import many, percent
from .cuts import Cuts, behind, shared_cut

Counts = npt.NDArray[np.int64]
Nats = npt.NDArray[np.float64]


def on_common_bytes(
    tokenizers: Sequence[str],
    scored: npt.NDArray[np.bool_],
    size: Counts,
    nll: Nats,
    cuts: Sequence[Mapping[str, Cuts]],
    digests: Sequence[str],
) -> tuple[Counts, Nats]:
    """(bytes, nats) of M models on S stories: (M, S), of each story over what all of the models
    that have scored it have scored of it.

    tokenizers: of each model. scored: bool (M, S). size, nll: each model's own bytes and nats,
    (M, S); with one tokenizer they are what is returned. cuts: of each model, by text digest;
    digests: of the stories. Both sums are 0 where a model has not scored a story, and for all
    models where their tokens nowhere in reach begin together, or the cuts of one are missing.
    """
    if len(set(tokenizers)) < 2:
        return size, nll
    bytes_, nats = np.zeros_like(size), np.zeros_like(nll)
    for column, (digest, by_model) in enumerate(zip(digests, scored.T.tolist(), strict=True)):
        rows = [row for row, is_scored in enumerate(by_model) if is_scored]
        known = [(row, found) for row in rows if (found := cuts[row].get(digest)) is not None]
        if len(known) < len(rows):
            continue
        # Models of one tokenizer have the same cuts.
        at = shared_cut({tokenizers[row]: found for row, found in known}.values())
        if at is not None:
            for row, found in known:
                bytes_[row, column], nats[row, column] = behind(found, at)
    return bytes_, nats


def told(size: int, most: int, stories: int) -> str:
    """What bits per byte are over, and what is left out of that, in words within a sentence.

    size: the common bytes; most: the bytes of the model that scored most. stories: of how many
    nothing is compared.
    """
    said = f"the {size:,} bytes that all models scored"
    left_out = size < most
    if left_out:
        said += f", leaving out up to {most - size:,} ({percent(1 - size / most)})"
    if stories:
        among = "among them all of" if left_out else "none of them in"
        said += f", {among} {many(stories, 'story', 'stories')}"
    return said

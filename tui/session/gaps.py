"""Texts under several sizes in bits per byte, on the bytes that all of these have scored."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from operator import sub

from ...core.results.compare.cuts import Cuts, behind, shared_cut
from ...core.scoring.scores import bits_per_byte
from .size import Size


def gap(size: Size, reference: Size, digest: str) -> float:
    """By how many a size is more surprised by a text than its reference; nan while that is not
    known."""
    if size.tokenizer == reference.tokenizer:
        one, other = size.sums.get(digest), reference.sums.get(digest)
        return one.bits_per_byte - other.bits_per_byte if one and other else math.nan
    found = bits_in_common({s.name: s.cuts[digest] for s in (size, reference) if digest in s.cuts})
    return found[size.name] - found[reference.name] if len(found) == 2 else math.nan


def gaps(size: Size, reference: Size | None, digests: Sequence[str]) -> array[float]:
    """`gap` of each of these texts, which are those of the stories as they were read; nan without
    a reference."""
    if reference is None:
        return array("d", [math.nan]) * len(digests)
    if size.tokenizer == reference.tokenizer:
        return array("d", map(sub, size.bits, reference.bits))
    return array("d", (gap(size, reference, digest) for digest in digests))


def bits_in_common(cuts: Mapping[str, Cuts]) -> dict[str, float]:
    """Bits per byte of a text by model, of its cuts under each, on the bytes all have scored."""
    if (at := shared_cut(cuts.values())) is None:
        return {}
    found = {}
    for name, one in cuts.items():
        count, nll = behind(one, at)
        found[name] = bits_per_byte(nll, count)
    return found

"""What the scores in the store say of pairs of endings; done on the analysis thread."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.errors import EyebrowError
from ...core.results.endings import WAYS, Endings, read_endings
from ...core.results.findings.endings import findings_of_endings
from ...core.results.statistics.sheet import Sheet
from ...core.results.store import Store
from ...core.stories.pairs import find_pairs
from .scaling import EndingsOf, EndingsRead, Estimate, Said, Snapshot


def endings_read(
    asked: int,
    store: Store,
    sheet: Sheet,
    snapshot: Snapshot,
    alone: Mapping[str, Mapping[str, float]],
) -> EndingsRead:
    """Of the pairs among the listed stories; alone: nats of endings by model and text digest."""
    try:
        pairs, _ = find_pairs(snapshot.stories[at] for at in snapshot.listed)
    except EyebrowError:
        return EndingsRead(asked, missing="none of the listed stories has two endings")
    order = [row for _, rows in sheet.families() for row in rows]
    found = [
        read_endings(pairs, model, store, snapshot.recipe.digest, alone.get(model.digest))
        for model in map(sheet.models.__getitem__, order)
    ]
    index = {snapshot.digests[at]: at for at in reversed(snapshot.listed)}
    return EndingsRead(
        asked,
        len(pairs),
        tuple(map(_of_model, found)),
        tuple(
            Said(one.topic, one.family, one.text, tuple(index[told.digest] for told in one.stories))
            for one in findings_of_endings(found, pairs)
        ),
    )


def _of_model(one: Endings) -> EndingsOf:
    model = one.model
    by = {way: found for way in WAYS if (found := one.accuracy(way)) and found.pairs}
    return EndingsOf(
        model.name,
        model.family,
        model.tokenizer,
        model.parameters,
        {
            way: Estimate(*(100 * share for share in (found.accuracy, *found.ci95)))
            for way, found in by.items()
        },
    )

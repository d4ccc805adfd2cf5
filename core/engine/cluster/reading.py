"""Reading a source in pieces by Ray Data: on CPUs of the cluster, beside what is scored."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ...errors import EyebrowError
from ...stories.drafts import Draft
from ...stories.pieces import Piece

TOGETHER = 1024  # stories that are handed on at a time
CPUS = 0.5  # that a piece is read with; workers leave half of all


def spread(pieces: Sequence[Piece]) -> Iterator[Draft]:
    """The stories of the pieces, in order. Raises `EyebrowError` for bad input."""
    import logging

    import pyarrow as pa
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    sent = pa.table({"piece": [pickle.dumps(piece) for piece in pieces]})
    read: Any = (
        ray.data.from_arrow(sent)
        .repartition(len(pieces))
        .map_batches(_read, batch_size=1, batch_format="pyarrow", num_cpus=CPUS)
    )
    for table in read.iter_batches(batch_size=None, batch_format="pyarrow"):
        for packed in table.column("drafts").to_pylist():
            found = pickle.loads(packed)
            if isinstance(found, EyebrowError):
                raise found
            yield from found


def _read(pieces: Any) -> Iterator[Any]:
    """A table of pieces; their stories, as many together, or what is wrong with them.

    Pickled: half a surrogate pair, of which the user is told, is no text to pyarrow. And what
    Ray makes of an exception depends on its version.
    """
    import pyarrow as pa

    for packed in pieces.column("piece").to_pylist():
        drafts = pickle.loads(packed).drafts()
        while True:
            try:
                some: Any = list(islice(drafts, TOGETHER))
            except EyebrowError as error:
                some = error
            if not some:
                break
            yield pa.table({"drafts": [pickle.dumps(some)]})
            if isinstance(some, EyebrowError):
                break

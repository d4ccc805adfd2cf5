"""What the session knows now, for the analysis: a pure function of the session."""

from __future__ import annotations

from ...session import Session
from ...threads.scaling import Scored, Snapshot

ENOUGH = 0.5  # of the stories of the furthest model: with fewer, one would hide all others' numbers


def snapshot(session: Session) -> Snapshot | None:
    """The sizes that have scored enough; None while there is none, or where nothing is listed.

    Takes no copy of the sums.
    """
    started = [size for size in session.models.sizes if size.stories and size.parameters]
    # One that stopped half-way would for ever hide what the others have done since.
    going = [size for size in started if size.settled or not size.is_out]
    started = going or started
    if not started or not session.library.order:
        return None
    furthest = max(size.stories for size in started)
    far = [size for size in started if size.stories >= ENOUGH * furthest]
    names = {size.name for size in far}
    return Snapshot(
        session.worker.recipe,
        tuple(
            Scored(
                size.spec,
                size.digest,
                size.tokenizer,
                size.parameters or 0,
                size.vocabulary,
                size.sums,
                size.cuts,
                size.stories,
            )
            for size in far
        ),
        tuple(session.library.stories),
        tuple(session.library.digests),
        tuple(session.library.order),
        tuple(
            size.name
            for size in session.models.sizes
            if not (size.name in names or size.is_out or size.done == len(session.library.stories))
        ),
        all(size.is_out or size.done == len(session.library.stories) for size in far),
    )

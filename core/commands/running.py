"""One run of scoring, as the commands that score stories make it: progress, store, Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import INTERRUPTED, EyebrowError
from ..scoring.recipe import Recipe
from ..stories import Stories, Story
from ..wording import many
from .output import complain, note
from .progress import ProgressLine

if TYPE_CHECKING:
    from ..engine.cluster.asked import Asked as Cluster
    from ..models.options import LoadOptions
    from ..models.spec import ModelSpec
    from ..results.outcome import Failure, Results
    from ..results.store import Store

_TOLD = 5  # failures of stories that are told one by one


def run(
    source: Iterable[Story],
    specs: Sequence[ModelSpec],
    recipe: Recipe,
    folder: Path | None,
    options: LoadOptions,
    *,
    seed: int,
    quiet: bool,
    is_kept: bool = True,
    cluster: Cluster | None = None,
) -> Results:
    """`engine.local.score`, or that on a cluster, with a line of progress.

    folder: of the store, None for none; is_kept: False where it is gone after the command.
    Raises `EyebrowError`, also where a signal ends it: that says what is kept.
    """
    from ..results.store import Store

    line = ProgressLine(not quiet)

    def tell(said: str) -> None:
        line.clear()
        complain("Store", said)

    try:
        store = Store(folder, tell) if folder else None
        results = _score(source, specs, recipe, options, store, line, seed, cluster)
    except KeyboardInterrupt as error:
        line.clear()
        said = _kept(folder if is_kept else None, error)
        raise EyebrowError("Interrupted", said, INTERRUPTED) from None
    finally:
        line.clear()
    if isinstance(source, Stories) and source.skipped and not quiet:
        note(f"{source.skipped} empty stories left out")
    return results


def _score(
    source: Iterable[Story],
    specs: Sequence[ModelSpec],
    recipe: Recipe,
    options: LoadOptions,
    store: Store | None,
    line: ProgressLine,
    seed: int,
    cluster: Cluster | None,
) -> Results:
    if cluster is not None:
        from ..engine.cluster.score import score as score_on_ray

        return score_on_ray(
            source,
            specs,
            cluster,
            recipe=recipe,
            options=options,
            store=store,
            progress=line.show,
            seed=seed,
        )
    from ..engine.local import score

    return score(
        source,
        specs,
        recipe=recipe,
        device=options.device,
        store=store,
        offline=options.offline,
        allow_pickle=options.allow_pickle,
        trust_remote_code=options.trust_remote_code,
        progress=line.show,
        seed=seed,
    )


def tell_failures(failures: tuple[Failure, ...]) -> None:
    """Every failed model, and the first few failed stories."""
    whole = [failure for failure in failures if not failure.story]
    single = [failure for failure in failures if failure.story]
    for failure in [*whole, *single[:_TOLD]]:
        about = f"story {failure.story} under {failure.model}: " if failure.story else ""
        about = about or (f"{failure.model}: " if failure.model not in failure.message else "")
        complain(failure.title, about + failure.message)
    if len(single) > _TOLD:
        note(f"eyebrow: and {len(single) - _TOLD} more stories failed")


def _kept(folder: Path | None, error: KeyboardInterrupt) -> str:
    """What is left of a run that a signal has ended."""
    from ..engine.account import Stopped

    if folder is None:
        return "nothing is kept (--no-store)"
    if not isinstance(error, Stopped) or not (error.kept or error.lost):
        return "nothing new was finished yet"
    if error.lost:
        tell_failures(error.failures)
        lost = f"{many(error.lost, 'finished score')} could not be kept in {folder}"
        return f"{lost}; once it can be written to, run the same command again"
    return f"what was finished is kept in {folder}; the same command goes on from there"

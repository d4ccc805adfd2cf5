"""Where `score` runs: what goes together on the command line, and what is said where it cannot."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from .conftest import BIGRAM, Outcome


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--engine", "slurm"], "--engine is local or ray, not 'slurm'"),
        (["--workers", "2"], "--workers goes with --engine ray"),
        (["--address", "auto"], "--address goes with --engine ray"),
        (["--gpus-per-worker", "0"], "--gpus-per-worker goes with --engine ray"),
        (["--engine", "ray", "--gpus-per-worker", "1.5"], "above 1, a whole number"),
        (["--store", "s3://bucket/store"], "a store is a folder, not s3://..."),
    ],
)
def test_what_does_not_go_together(
    cli: Callable[..., Outcome], options: list[str], said: str
) -> None:
    done = cli("score", "-m", BIGRAM, *options)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert said in done.err


def test_ray_that_is_not_there(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = cli("score", "-m", BIGRAM, "--engine", "ray", "--no-store", "-q")
    assert (done.code, done.out) == (2, "")
    assert (
        done.err == "eyebrow: Not installed: --engine ray takes Ray: pip install 'eyebrow[ray]'\n"
    )

"""`eyebrow doctor`: facts, problems and what to mend."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from eyebrow.core.machine import doctor
from eyebrow.core.machine.doctor import examine
from eyebrow.core.models import catalogue
from eyebrow.core.models.catalogue import ModelSpec

from .conftest import BIGRAM, Outcome

FINE = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}


@pytest.fixture(autouse=True)
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which all is fine: one bundled model, a good terminal."""
    place = str(catalogue.POCKET / BIGRAM)
    bundled = {"pocket": (ModelSpec(BIGRAM, "bundled", place, "pocket"),)}
    monkeypatch.setattr(catalogue, "families", lambda: bundled)
    monkeypatch.setattr(doctor, "_size", lambda: (120, 40))
    monkeypatch.setattr(doctor.locale, "getpreferredencoding", lambda _: "UTF-8")
    monkeypatch.setattr(doctor, "_driver", lambda: None)
    monkeypatch.setattr(doctor, "SPARE_DISK", 0)


def problems(store: Path, **environ: str) -> list[str]:
    return [advice.what for advice in examine(store, FINE | environ).problems]


def test_all_is_fine(cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in FINE.items():
        monkeypatch.setenv(name, value)
    done = cli("doctor", "--json")
    assert (done.code, done.err) == (0, "")
    report = done.json
    assert report["problems"] == []
    assert report["device"]["dtype"] in ("float32", "bfloat16")
    assert report["terminal"]["size"] == "120x40"
    assert report["terminal"]["colours"] == "truecolor"
    assert report["versions"]["torch"] == metadata.version("torch")
    assert report["caches"]["store writable"] is True
    assert report["stories and models"]["models here"] == [BIGRAM]
    assert cli("doctor").out.endswith("All is fine.\n")
    assert cli("doctor", "-q").out == ""


def test_with_a_hint_nothing_has_to_be_mended_but_not_all_is_fine(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in FINE.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "notes.parquet").write_text("mine")
    done = cli("doctor", "--store", tmp_path)
    assert (done.code, done.err) == (0, "")
    hint, last = done.out.splitlines()[-2:]
    assert hint.startswith(f"hint: {tmp_path}/scores/notes.parquet is no part of the store: set")
    assert last == "Nothing has to be mended."


def test_a_problem_says_what_to_mend_and_leaves_with_1(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    done = cli("doctor", "-q")
    assert done.code == 1
    assert done.out == "mend: TERM is dumb; set it, such as TERM=xterm-256color\n"


def test_terminals_are_judged_only_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problems(tmp_path, TERM="") == ["TERM is not set"]
    monkeypatch.setattr(doctor, "_size", lambda: (59, 20))
    assert problems(tmp_path) == ["the terminal has 59x20 cells"]
    monkeypatch.setattr(doctor.locale, "getpreferredencoding", lambda _: "ISO-8859-1")
    assert "the locale's encoding is ISO-8859-1" in problems(tmp_path)
    monkeypatch.setattr(doctor, "_size", lambda: None)
    assert problems(tmp_path, TERM="dumb") == []


def test_few_colours_are_a_hint_that_knows_ssh(tmp_path: Path) -> None:
    environ = {"TERM": "screen", "SSH_CONNECTION": "1 2 3 4"}
    report = examine(tmp_path, environ, colours=lambda _: "256")
    assert report.problems == []
    (hint,) = report.hints
    assert "ssh does not forward COLORTERM" in hint.mend


def test_missing_and_old_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "plotext":
            return "6.0.0"
        if name == "datasets":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    report = examine(tmp_path, FINE)
    advice = {item.what: item.mend for item in report.problems}
    assert advice["datasets is missing"] == "pip install 'datasets>=4'"
    assert "<6" in advice["plotext 6.0.0 does not fit"]


def test_a_store_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (what,) = problems(tmp_path / "file" / "store")
    assert what.startswith("scores cannot be kept")


def test_too_little_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SPARE_DISK", 1 << 62)
    (what,) = problems(tmp_path)
    assert "are free where scores are kept" in what


def test_a_gpu_that_torch_does_not_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_driver", lambda: "570.1")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    (what,) = problems(tmp_path)
    assert what.startswith("there is an NVIDIA driver (570.1)")


def test_an_installation_without_its_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = ModelSpec("pocket-3m", "bundled", str(tmp_path / "pocket-3m"), "pocket")
    monkeypatch.setattr(catalogue, "families", lambda: {"pocket": (gone,)})
    assert problems(tmp_path) == ["bundled models are missing: pocket-3m"]

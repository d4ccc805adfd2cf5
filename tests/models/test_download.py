"""Downloads from a small Hub on this machine, and all that can go wrong with them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.errors import FAILED, INTERRUPTED, USAGE, EyebrowError
from eyebrow.core.models.catalogue import POCKET
from eyebrow.core.models.hub import download as room
from eyebrow.core.models.hub.download import download
from eyebrow.core.models.hub.transfer import Transfer
from eyebrow.core.models.load import load_model
from eyebrow.core.models.options import LoadOptions
from eyebrow.core.models.spec import ModelSpec
from eyebrow.core.models.weights import Size
from hub_server import Hub, serving

WEIGHTS = "model.safetensors"
TINY = POCKET / "pocket-50k"
SPEC = ModelSpec("tiny", "hub", "owner/tiny")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub, and a client that asks it as it would the real one; an empty cache."""
    from huggingface_hub import constants

    with serving() as server:
        address = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        for name, value in {
            "ENDPOINT": server.endpoint,
            "HUGGINGFACE_CO_URL_TEMPLATE": address,
            "HF_HUB_CACHE": str(tmp_path / "hub"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_ETAG_TIMEOUT": 1,
            "HF_HUB_DOWNLOAD_TIMEOUT": 1,
        }.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.setattr(room._Download, "wait", lambda self, _: self.go_on())
        yield server


def cached() -> Path | None:
    """What a cache that is looked into by name gives; the constant may be a test's own."""
    from huggingface_hub import constants

    found = [*Path(constants.HF_HUB_CACHE).glob("models--owner--tiny/snapshots/*")]
    return found[0] if found else None


def failure(**options: Any) -> EyebrowError:
    with pytest.raises(EyebrowError) as caught:
        download(SPEC, **options)
    assert "\n" not in caught.value.message
    assert "tiny" in caught.value.message
    return caught.value


def copy(tmp_path: Path, **files: bytes | None) -> Path:
    folder = tmp_path / "source"
    shutil.copytree(TINY, folder)
    for name, content in files.items():
        (folder / name).unlink(missing_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


def test_only_what_is_needed_comes_and_it_loads(hub: Hub, tmp_path: Path) -> None:
    more = dict.fromkeys(
        ("README.md", "model.gguf", "pytorch_model.bin", "flax_model.msgpack", "modeling_own.py"),
        b"not wanted",
    )
    hub.add("owner/tiny", copy(tmp_path, **more))
    told: list[Transfer] = []
    folder = download(SPEC, progress=told.append)
    assert {path.name for path in folder.iterdir()} == {path.name for path in TINY.iterdir()}
    for path in TINY.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes()
    size = sum(path.stat().st_size for path in TINY.iterdir())
    assert (told[-1].done, told[-1].total) == (size, size)
    assert load_model(str(folder)).parameters == 50_980
    assert not [*folder.parents[1].rglob("*.incomplete")]


def test_a_cut_connection_goes_on_where_it_broke(hub: Hub) -> None:
    hub.add("owner/tiny", TINY, cut={WEIGHTS: [50_000, 9_000]})
    folder = download(SPEC)
    assert hub.ranges(WEIGHTS) == ["", "bytes=50000-", "bytes=59000-"]
    assert hub.sent[WEIGHTS] == (TINY / WEIGHTS).stat().st_size, "nothing was sent twice"
    assert (folder / WEIGHTS).read_bytes() == (TINY / WEIGHTS).read_bytes()


def test_stopped_and_asked_for_again(hub: Hub) -> None:
    hub.add("owner/tiny", TINY, slow=0.002)
    told: list[Transfer] = []
    error = failure(stopped=lambda: hub.sent.get(WEIGHTS, 0) > 40_000, progress=told.append)
    assert (error.title, error.exit_code) == ("Download stopped", INTERRUPTED)
    assert "kept" in error.message
    assert cached() is None
    before = hub.sent[WEIGHTS]
    download(SPEC, progress=told.append)
    (_, resumed) = hub.ranges(WEIGHTS)
    assert resumed.startswith("bytes=")
    begin = int(resumed.removeprefix("bytes=").removesuffix("-"))
    assert 0 < before - begin < 200_000
    assert begin > 30_000
    assert hub.ranges("config.json") == [""], "what was whole is not asked for again"
    resumed_at = next(i for i, t in enumerate(told) if i and t.total and t.done >= begin)
    assert told[resumed_at].done >= begin


def test_a_part_that_was_damaged_meanwhile_is_found_out(hub: Hub) -> None:
    hub.add("owner/tiny", TINY, slow=0.002)
    failure(stopped=lambda: hub.sent.get(WEIGHTS, 0) > 40_000)
    from huggingface_hub import constants

    (part,) = Path(constants.HF_HUB_CACHE).rglob("*.incomplete")
    part.write_bytes(bytes(40_000))
    error = failure()
    assert (error.title, error.exit_code) == ("Damaged download", FAILED)
    assert WEIGHTS in error.message
    assert cached() is None
    assert not part.exists()
    assert download(SPEC) == cached()


def test_the_server_fails_then_is_fine(hub: Hub) -> None:
    hub.add("owner/tiny", TINY, fails={"": 2, "config.json": 1, WEIGHTS: 2})
    assert download(SPEC) == cached()
    assert hub.ranges(WEIGHTS) == ["", "", ""]


@pytest.mark.parametrize(
    ("faults", "title", "code", "words"),
    [
        ({"gated": 401}, "Gated model", USAGE, "hf auth login"),
        ({"gated": 403}, "Gated model", USAGE, "ask for access on http"),
        ({"fails": {"": 99}}, "Download failed", FAILED, "answered 500"),
        ({"fails": {WEIGHTS: 99}}, "Download failed", FAILED, "answered 500"),
        ({"truncated": {WEIGHTS: 40_000}}, "Cut short", FAILED, "only 40,000 of the 104,008"),
        ({"lies": {WEIGHTS: bytes(104_008)}}, "Damaged download", FAILED, "checksum"),
        ({"silent": {WEIGHTS}}, "No connection", FAILED, "fell silent"),
        ({"silent": {""}}, "No connection", FAILED, "fell silent"),
        ({"cut": {WEIGHTS: [0] * 99}}, "No connection", FAILED, "kept"),
    ],
)
def test_faults(hub: Hub, faults: dict[str, Any], title: str, code: int, words: str) -> None:
    hub.add("owner/tiny", TINY, **faults)
    error = failure()
    assert (error.title, error.exit_code) == (title, code)
    assert words in error.message
    assert cached() is None, "half a model is none"


def test_what_the_hub_does_not_know(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    error = failure()
    assert (error.title, error.exit_code) == ("No such model", USAGE)
    hub.add("owner/tiny", TINY)
    with pytest.raises(EyebrowError, match="No such revision: owner/tiny has no revision 'v9'"):
        download(ModelSpec("tiny", "hub", "owner/tiny", revision="v9"))
    hub.repositories["owner/tiny"].branches = tuple(f"step{n}" for n in range(20))
    with pytest.raises(EyebrowError, match=r"there are main, step0, step1, .*step10 and 9 more"):
        download(ModelSpec("tiny", "hub", "owner/tiny", revision="v9"))
    with pytest.raises(EyebrowError, match=r"No such model: owner/\.\.tiny is no name"):
        download(ModelSpec("tiny", "hub", "owner/..tiny"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    error = failure()
    assert (error.title, error.exit_code) == ("No connection", FAILED)
    assert "http://127.0.0.1:9 cannot be reached" in error.message


def test_offline_a_revision_that_is_not_here_names_those_that_are(hub: Hub) -> None:
    hub.add("owner/tiny", TINY)
    download(ModelSpec("tiny", "hub", "owner/tiny"))
    hub.asked.clear()
    with pytest.raises(EyebrowError, match=r"owner/tiny#v9 is not in the cache.* there are main"):
        download(ModelSpec("tiny", "hub", "owner/tiny", revision="v9"), LoadOptions(offline=True))


def test_offline_asks_nobody(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("owner/tiny", TINY)
    assert failure(options=LoadOptions(offline=True)).title == "Not on this machine"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert failure().exit_code == USAGE
    assert hub.asked == []


@pytest.mark.parametrize(
    ("files", "title", "words"),
    [
        ({WEIGHTS: None, "pytorch_model.bin": b"x"}, "Pickles refused", "--allow-pickle"),
        ({WEIGHTS: None, "model.gguf": b"x"}, "No weights", "only .gguf"),
        ({"config.json": None}, "No model there", "no config.json"),
        ({"config.json": b'{"model_type": "t5"}'}, "Not a causal language model", "t5"),
        ({"config.json": b'{"model_type": "yeti"}'}, "Unknown kind of model", "transformers 5"),
        (
            {"config.json": b'{"model_type": "y", "auto_map": {"AutoModelForCausalLM": "a.B"}}'},
            "Code to be trusted",
            "--trust-remote-code",
        ),
    ],
)
def test_what_cannot_be_loaded_is_not_fetched(
    hub: Hub, tmp_path: Path, files: dict[str, bytes | None], title: str, words: str
) -> None:
    hub.add("owner/tiny", copy(tmp_path, **files))
    error = failure()
    assert (error.title, error.exit_code) == (title, USAGE)
    assert words in error.message
    assert WEIGHTS not in hub.sent


def test_pickles_come_where_they_are_asked_for(hub: Hub, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    source = copy(tmp_path, **{WEIGHTS: None})
    weights = AutoModelForCausalLM.from_pretrained(TINY).state_dict()
    torch.save(weights, source / "pytorch_model.bin")
    hub.add("owner/tiny", source)
    folder = download(SPEC, LoadOptions(allow_pickle=True))
    assert load_model(str(folder), allow_pickle=True).parameters == 50_980
    with pytest.raises(EyebrowError, match="Pickles refused"):
        load_model(str(folder))


def test_too_large_for_memory_or_disk(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("owner/tiny", TINY, parameters=7)

    def fits(size: Size) -> None:
        raise EyebrowError("Not enough memory", f"tiny: {size.floats}")

    assert failure(fits=fits).message == "tiny: 7"
    assert hub.sent == {}
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: usage._replace(free=100_000))
    with pytest.raises(EyebrowError, match="229 kB to come, 100 kB are free"):
        download(SPEC)
    assert hub.sent == {}


def test_one_file_at_a_time_between_processes(hub: Hub) -> None:
    """Who holds huggingface_hub's lock is waited for; the wait can be stopped."""
    from filelock import FileLock
    from huggingface_hub import constants

    etag = hub.add("owner/tiny", TINY).etag(WEIGHTS)
    locks = Path(constants.HF_HUB_CACHE) / ".locks" / "models--owner--tiny"
    locks.mkdir(parents=True)
    smaller = [path for path in TINY.iterdir() if path.stat().st_size < 1000]
    waited: list[None] = []

    def stopped() -> bool:
        if len(hub.sent) == len(smaller):
            waited.append(None)
        return len(waited) == 4

    with FileLock(locks / f"{etag}.lock"):
        assert failure(stopped=stopped).title == "Download stopped"
    assert hub.ranges(WEIGHTS) == []
    assert download(SPEC) == cached()


# --- the environment, in a fresh process, through the command line -------------------------


@pytest.fixture
def environment(tmp_path: Path) -> Callable[[Hub], dict[str, str]]:
    def made(hub: Hub) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))}
        return clean | {
            "HF_ENDPOINT": hub.endpoint,
            "HF_HOME": str(tmp_path / "home"),
            "HF_TOKEN": "hf_secret",
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "OMP_NUM_THREADS": "1",
        }

    return made


def command(*words: str) -> list[str]:
    import sys

    return [sys.executable, "-m", "eyebrow.core.cli", *words]


@pytest.mark.slow
def test_endpoint_home_and_token_are_honoured(environment: Any, tmp_path: Path) -> None:
    import subprocess

    with serving() as hub:
        hub.add("owner/tiny", TINY)
        hub.add("owner/t5", copy(tmp_path, **{"config.json": b'{"model_type": "t5"}'}))
        known = environment(hub)

        def run(*words: str, **more: str) -> tuple[int, str, str]:
            done = subprocess.run(
                command(*words), env=known | more, capture_output=True, text=True, timeout=200
            )
            return done.returncode, done.stdout, done.stderr

        code, out, err = run("next", "Once upon a", "-m", "owner/tiny", "--json")
        assert (code, err, len(json.loads(out))) == (0, "", 10)
        assert {asked.token for asked in hub.asked if "owner" in asked.path} == {"Bearer hf_secret"}
        assert [*(tmp_path / "home" / "hub").glob("models--owner--tiny/snapshots/*/config.json")]
        before = len(hub.asked)
        for offline in ({"HF_HUB_OFFLINE": "1"}, {"HF_HUB_OFFLINE": "0"}):
            flag = ["--offline"] if offline["HF_HUB_OFFLINE"] == "0" else []
            assert run("next", "Once", "-m", "owner/tiny", *flag, **offline)[0] == 0
        code, _, err = run("next", "Once", "-m", "owner/other", "--offline")
        assert (code, err.count("\n")) == (2, 1)
        assert len(hub.asked) == before, "offline asks nobody"
        code, _, err = run("score", "-m", "owner/t5", "-m", "owner/none", "--limit", "1")
        assert (code, err.count("\n")) == (2, 1)
        assert "Not a causal language model" in err


def test_ctrl_c_keeps_what_has_come(environment: Any) -> None:
    import signal
    import subprocess
    import time

    with serving() as hub:
        hub.add("owner/tiny", TINY, slow=0.2)
        running = subprocess.Popen(
            command("score", "-m", "owner/tiny", "--limit", "1"),
            env=environment(hub),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            while hub.sent.get(WEIGHTS, 0) < 12_000:
                assert running.poll() is None, running.communicate()
                time.sleep(0.05)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        finally:
            running.kill()
    assert (running.returncode, out, err.count("\n")) == (130, "", 1)
    assert "kept" in err
    assert "tiny" in err

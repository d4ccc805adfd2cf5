"""Hugging Face datasets, without the network: a local folder stands in for a dataset, a server
on this machine for the Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.errors import FAILED, USAGE
from eyebrow.core.stories import open_stories
from eyebrow.core.stories.hub import Part, looks_like_dataset, part_of

from .conftest import Fails, texts

ROWS = 40


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """owner/name: 40 stories in train, 1 in test. Gives what load_dataset was called with."""
    import datasets

    folder = tmp_path / "name"
    folder.mkdir()
    for split, count in (("train", ROWS), ("test", 1)):
        rows = ({"noise": [n], "story": f"{split} {n}", "id": n} for n in range(count))
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    calls: list[dict[str, Any]] = []
    load = datasets.load_dataset

    def local(name: str, config: str | None = None, **options: Any) -> Any:
        calls.append({"name": name, "config": config, **options})
        assert name == "owner/name"
        return load(str(folder), config, cache_dir=str(tmp_path / "cache"), **options)

    monkeypatch.setattr(datasets, "load_dataset", local)
    return calls


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("roneneldan/TinyStories", True),
        ("a.b/c-d_e", True),
        ("owner/name:config", True),
        ("name", False),
        ("a/b/c", False),
        ("./name", False),
        ("../name", False),
        ("/name", False),
        ("owner/", False),
        ("owner/na me", False),
    ],
)
def test_what_looks_like_a_dataset(source: str, answer: bool) -> None:
    assert looks_like_dataset(source) is answer


@pytest.mark.parametrize(
    ("split", "part"),
    [
        ("train", Part("train")),
        (" train ", Part("train")),
        ("train[:5000]", Part("train", 0, 5000)),
        ("train[10:20]", Part("train", 10, 20)),
        ("train[7:]", Part("train", 7)),
        ("train[:]", Part("train")),
        ("train+test", Part("train+test")),
        ("train[:10%]", Part("train[:10%]", streamed=False)),
        ("train[-5:]", Part("train[-5:]", streamed=False)),
        ("train[:5]+test[:5]", Part("train[:5]+test[:5]", streamed=False)),
    ],
)
def test_splits(split: str, part: Part) -> None:
    assert part_of(split) == part


@pytest.mark.parametrize(
    ("split", "begin", "end", "streamed"),
    [
        ("train", 0, ROWS, True),
        ("train[:5]", 0, 5, True),
        ("train[3:6]", 3, 6, True),
        ("train[38:]", 38, ROWS, True),
        ("train[38:99]", 38, ROWS, True),
        ("train[:10%]", 0, 4, False),
        ("train[-2:]", ROWS - 2, ROWS, False),
    ],
)
def test_reading(
    dataset: list[dict[str, Any]], split: str, begin: int, end: int, streamed: bool
) -> None:
    opened = open_stories("owner/name", split=split)
    assert dataset == [], "nothing is loaded before the first story is asked for"
    assert [(s.id, s.text) for s in opened] == [(str(n), f"train {n}") for n in range(begin, end)]
    assert [call["streaming"] for call in dataset] == [streamed]


def test_limit_and_config(dataset: list[dict[str, Any]]) -> None:
    assert texts(open_stories("owner/name:default", split="test", limit=1)) == ["test 0"]
    assert dataset[0]["config"] == "default"
    assert texts(open_stories("owner/name", split="train+test", limit=2)) == ["train 0", "train 1"]


@pytest.mark.parametrize("split", ["nope", "nope[:3]", "nope[:10%]"])
def test_a_bad_split_lists_those_there_are(
    dataset: list[dict[str, Any]], fails: Fails, split: str
) -> None:
    error = fails("owner/name", split=split)
    assert (error.title, error.exit_code) == ("Bad split", USAGE)
    assert "owner/name has no split 'nope" in error.message
    assert "'train'" in error.message


def test_other_errors(dataset: list[dict[str, Any]], fails: Fails) -> None:
    assert "no column 'x'; it has noise, story, id" in fails("owner/name", column="x").message
    error = fails("owner/name", column="noise")
    assert "owner/name, row 1: column 'noise' holds list" in error.message
    assert fails("owner/name", split="train[5:2]").title == "No stories"
    assert fails("owner/name", split="train[50:]").title == "No stories"


def test_a_broken_remote_file_is_an_error(
    dataset: list[dict[str, Any]], tmp_path: Path, fails: Fails
) -> None:
    with (tmp_path / "name" / "train.jsonl").open("a") as out:
        out.write("{broken\n")
    for split in ("train", "train[:100%]"):
        error = fails("owner/name", split=split)
        assert (error.title, error.exit_code) == ("Cannot read the dataset", FAILED)
        assert "owner/name: " in error.message
        assert "An error occurred" not in error.message, "the cause is told"


def test_a_choice_of_configurations(
    dataset: list[dict[str, Any]], tmp_path: Path, fails: Fails
) -> None:
    card = """\
    ---
    configs:
    - config_name: first
      data_files: train.jsonl
    - config_name: second
      data_files: test.jsonl
    ---
    """
    (tmp_path / "name" / "README.md").write_text(textwrap.dedent(card))
    error = fails("owner/name")
    assert error.title == "Which configuration?"
    assert "owner/name:config: ['first', 'second']" in error.message
    assert "['first', 'second']" in fails("owner/name:third").message
    assert texts(open_stories("owner/name:second")) == ["test 0"]


# --- a fresh process: what datasets reads from the environment, and what it leaves behind

READ = """
import sys
from eyebrow.core.errors import EyebrowError
from eyebrow.core.stories import open_stories
try:
    print(len(list(open_stories("owner/name", **{options}))))
except EyebrowError as error:
    print(error.exit_code, error)
print("torch" in sys.modules)
"""


def fresh(tmp_path: Path, program: str, **environment: str) -> tuple[list[str], str]:
    """The lines a fresh process prints, and its standard error."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**clean, "HF_HOME": str(tmp_path / "hf"), **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines(), done.stderr


def test_offline(tmp_path: Path) -> None:
    lines, stderr = fresh(tmp_path, READ.format(options={}), HF_HUB_OFFLINE="1")
    assert lines[0].startswith("1 No connection: owner/name: offline is on, and it is neither")
    assert stderr == ""


@pytest.mark.parametrize("gated", [False, True])
def test_the_hub_does_not_know_it(tmp_path: Path, gated: bool) -> None:
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(403 if gated else 404)
            self.send_header("X-Error-Code", "GatedRepo" if gated else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        lines, stderr = fresh(tmp_path, READ.format(options={}), HF_ENDPOINT=endpoint)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert "/datasets/owner/name/resolve/main/README.md" in asked
    if gated:
        assert lines[0].startswith("2 No access: owner/name is gated: ask for access on")
    else:
        assert lines[0].startswith("2 No such dataset: owner/name is no file or folder here and")
    assert stderr == ""


@pytest.mark.parametrize("split", ["train[1:3]", "train[:50%]"])
def test_neither_torch_nor_a_progress_bar(tmp_path: Path, split: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.jsonl").write_text('{"text": "a"}\n' * 4)
    program = f"""
import datasets
load = datasets.load_dataset
datasets.load_dataset = lambda name, *rest, **options: load({str(folder)!r}, *rest, **options)
{READ.format(options={"split": split})}
print(datasets.is_progress_bar_enabled(), datasets.logging.get_verbosity())
"""
    lines, stderr = fresh(tmp_path, program)
    assert lines == ["2", "False", "True 30"]
    assert stderr == ""

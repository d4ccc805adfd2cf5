"""Files that nobody would write on purpose, and what is to be said about each."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from eyebrow.core.models.catalogue import POCKET

GOOD = json.dumps({"text": "Tom had a red ball. He was very happy."}) + "\n"


def _write(name: str, content: bytes | str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        place = folder / name
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return place

    return make


def _truncated_parquet(folder: Path) -> Path:
    place = folder / "cut.parquet"
    pq.write_table(pa.table({"text": ["one story", "two stories"]}), place)
    place.write_bytes(place.read_bytes()[:-20])
    return place


def _numbers_parquet(folder: Path) -> Path:
    pq.write_table(pa.table({"n": [1, 2]}), folder / "numbers.parquet")
    return folder / "numbers.parquet"


def _cut_gzip(folder: Path) -> Path:
    place = folder / "cut.jsonl.gz"
    place.write_bytes(gzip.compress((GOOD * 5000).encode())[:-200])
    return place


def _loop(folder: Path) -> Path:
    (folder / "a.txt").symlink_to(folder / "b.txt")
    (folder / "b.txt").symlink_to(folder / "a.txt")
    return folder / "a.txt"


def _folder_of_pictures(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    (folder / "pictures" / "cat.png").write_bytes(b"\x89PNG\r\n")
    return folder / "pictures"


def _socket(folder: Path) -> Path:
    place = folder / "s.txt"
    here = os.getcwd()
    os.chdir(folder)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as end:
        end.bind("s.txt")
    os.chdir(here)
    return place


def _name_of_bytes(folder: Path) -> Path:
    return folder / os.fsdecode(b"caf\xe9\x1b[31m\n.txt")


# What is made, and words that the one line must hold.
FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing in it": (_write("empty.txt", ""), "no stories"),
    "only blanks": (_write("blank.txt", " \n\n\t \n"), "no stories"),
    "only separators": (_write("nul.txt", b"\0" * 1000), "no stories"),
    "a byte that is no UTF-8": (_write("latin.txt", b"one\n\ncaf\xe9"), "line 3"),
    "UTF-16": (_write("wide.txt", "\ufeffhello".encode("utf-16-le")), "UTF-16"),
    "UTF-16 in JSON lines": (_write("wide.jsonl", GOOD.encode("utf-16")), "UTF-16"),
    "a number for a line": (_write("n.jsonl", GOOD + "42\n"), "line 2"),
    "a line cut short": (_write("cut.jsonl", GOOD + GOOD[:20]), "line 2"),
    "half a surrogate pair": (_write("half.jsonl", '{"text": "a\\ud800b"}\n'), "line 1"),
    "nested beyond reason": (_write("deep.jsonl", "[" * 200_000 + "\n"), "line 1"),
    "no text in any line": (_write("null.jsonl", '{"text": null}\n' * 3), "no stories"),
    "no column of text": (_write("cols.jsonl", '{"a": 1, "b": 2}\n'), "a, b"),
    "an open quotation mark": (_write("open.csv", 'text\n"never closed\n' * 3), "open.csv"),
    "a table without a head": (_write("head.csv", "\n\n"), "head.csv"),
    "two columns to choose from": (_write("two.csv", "a,b\nx y,z w\n"), "--column"),
    "a table that is a picture": (_write("t.csv", b"\x89PNG\r\n\x1a\n\0\0"), "UTF-8"),
    "a cut Parquet file": (_truncated_parquet, "cut.parquet"),
    "text called Parquet": (_write("text.parquet", "once upon a time"), "text.parquet"),
    "Parquet of numbers": (_numbers_parquet, "numbers.parquet"),
    "a cut gzip": (_cut_gzip, "cut short"),
    "text called gzip": (_write("text.txt.gz", "once upon a time"), "text.txt.gz"),
    "a suffix nobody knows": (_write("story.docx", b"PK\x03\x04"), "story.docx"),
    "links in a circle": (_loop, "a.txt"),
    "a folder of pictures": (_folder_of_pictures, "pictures"),
    "a socket": (_socket, "s.txt"),
    "a name of wild bytes": (_name_of_bytes, "no file"),
    "a device without an end": (lambda _: Path("/dev/zero"), "device"),
    "the hole": (lambda _: Path("/dev/null"), "device"),
}


def _model(change: Callable[[Path], object]) -> Callable[[Path], Path]:
    """A bundled model with something done to its files."""

    def make(folder: Path) -> Path:
        place = folder / "broken"
        shutil.copytree(POCKET / "pocket-50k", place)
        change(place)
        return place

    return make


def _configured(**values: object) -> Callable[[Path], object]:
    def change(place: Path) -> None:
        config = json.loads((place / "config.json").read_text())
        (place / "config.json").write_text(json.dumps(config | values))

    return change


def _without_tokenizer(place: Path) -> None:
    for file in place.glob("tokenizer*"):
        file.unlink()


def _pickled(place: Path) -> None:
    (place / "model.safetensors").rename(place / "pytorch_model.bin")


_CODE = {"AutoModelForCausalLM": "mine.Model"}

# What is done to a model, the exit code, and words that the one line must hold.
MODELS: dict[str, tuple[Callable[[Path], Path], int, str]] = {
    "no configuration": (_model(lambda p: (p / "config.json").unlink()), 2, "config.json"),
    "a configuration cut short": (
        _model(lambda p: (p / "config.json").write_text("{")),
        2,
        "cannot be read",
    ),
    "a configuration that is a list": (
        _model(lambda p: (p / "config.json").write_text("[]")),
        2,
        "no configuration",
    ),
    "a type nobody knows": (_model(_configured(model_type="zzz")), 2, "'zzz'"),
    "a translator": (_model(_configured(model_type="t5")), 2, "causal"),
    "code of its own": (
        _model(_configured(model_type="mine", auto_map=_CODE)),
        2,
        "--trust-remote-code",
    ),
    "other shapes than said": (_model(_configured(hidden_size=40)), 1, "shapes"),
    "weights cut short": (
        _model(lambda p: os.truncate(p / "model.safetensors", 5000)),
        1,
        "cut short",
    ),
    "empty weights": (_model(lambda p: os.truncate(p / "model.safetensors", 0)), 1, "0 bytes"),
    "pickles": (_model(_pickled), 2, "--allow-pickle"),
    "no weights": (_model(lambda p: (p / "model.safetensors").unlink()), 1, "No weights"),
    "no tokenizer": (_model(_without_tokenizer), 2, "holds no tokenizer"),
    "a tokenizer cut short": (
        _model(lambda p: os.truncate(p / "tokenizer.json", 500)),
        2,
        "tokenizer cannot be read",
    ),
}

"""One table of everything that can be wrong, what is said of it, and the exit code.

Each fault is a command line; whatever it is, nothing comes on stdout and one line on stderr, which
names no class of Python's and no number of the system's. What is lost by it is in no row, for it is
always the same: nothing. What the store held it holds afterwards, under its bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from eyebrow.core.models.catalogue import POCKET
from safetensors.torch import load_file, save_file

from .conftest import BIGRAM

Make = Callable[[Path], Path]


@dataclass(frozen=True)
class Fault:
    """A command, made in an empty folder that is the current one; `words` are in the one line."""

    command: Callable[[Path], Sequence[object]]
    code: int
    words: str
    stdin: bytes = b""


GOOD = json.dumps({"text": "Tom had a red ball. He was very happy."}) + "\n"


def _write(name: str, content: bytes | str) -> Make:
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


def _damaged_parquet(compression: str) -> Make:
    """Bytes in the midst of a page are others."""

    def make(folder: Path) -> Path:
        place = folder / "pages.parquet"
        table = pa.table({"text": [f"story {n} of many" for n in range(5000)]})
        pq.write_table(table, place, compression=compression)
        raw = bytearray(place.read_bytes())
        raw[2000:2010] = b"\xff" * 10
        place.write_bytes(raw)
        return place

    return make


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
FILES: dict[str, tuple[Make, str]] = {
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
    "a number of 5,000 digits": (
        _write("digits.jsonl", f'{{"text": "a", "n": {"9" * 5000}}}'),
        "line 1",
    ),
    "the same in a document": (
        _write("digits.json", f'[{{"text": "a", "n": {"9" * 5000}}}]'),
        "line 1",
    ),
    "no text in any line": (_write("null.jsonl", '{"text": null}\n' * 3), "only 3 empty ones;"),
    "no text in the one line": (_write("null.jsonl", '{"text": null}\n'), "only 1 empty one;"),
    "a document cut short": (_write("cut.json", f"[{GOOD[:30]}"), "the file ends inside a string"),
    "the same with a line end": (_write("cut.json", f"[{GOOD[:30]}\n"), "ends inside a string"),
    "cut short in an escape": (_write("cut.json", '[{"text": "a\\u00'), "ends inside a string"),
    "cut short at a value": (_write("cut.json", '[{"text": '), "the file ends inside a value"),
    "cut short in a word": (_write("cut.json", '[{"text": nul\n'), "the file ends inside a value"),
    "cut short behind an item": (_write("cut.json", f"[{GOOD}"), "the file ends inside a list"),
    "cut short before an item": (_write("cut.json", f"[{GOOD},\n"), "the file ends inside a value"),
    "a line end in a string": (_write("end.json", '["a\nb"]'), "a string holds a line end"),
    "no column of text": (_write("cols.jsonl", '{"a": 1, "b": 2}\n'), "a, b"),
    "an open quotation mark": (_write("open.csv", 'text\n"never closed\n' * 3), "open.csv"),
    "a table without a head": (_write("head.csv", "\n\n"), "head.csv"),
    "two columns to choose from": (_write("two.csv", "a,b\nx y,z w\n"), "--column"),
    "a table that is a picture": (_write("t.csv", b"\x89PNG\r\n\x1a\n\0\0"), "UTF-8"),
    "a cut Parquet file": (_truncated_parquet, "cut.parquet"),
    "a damaged page of Parquet": (_damaged_parquet("none"), "pages.parquet is no readable"),
    "a damaged packed page": (_damaged_parquet("gzip"), "pages.parquet is no readable"),
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


def _model(change: Callable[[Path], object]) -> Make:
    """A bundled model with something done to its files."""

    def make(folder: Path) -> Path:
        place = folder / "broken"
        shutil.copytree(POCKET / "pocket-50k", place)
        change(place)
        return place

    return make


def _configured(**values: object) -> Make:
    def change(place: Path) -> None:
        config = json.loads((place / "config.json").read_text())
        (place / "config.json").write_text(json.dumps(config | values))

    return _model(change)


def _with(name: str, content: bytes) -> Make:
    return _model(lambda place: (place / name).write_bytes(content))


def _instead(name: str, put: Callable[[Path], object]) -> Make:
    """Something else where a file of the model was."""

    def change(place: Path) -> None:
        (place / name).unlink()
        put(place / name)

    return _model(change)


def _rewritten(change: Callable[[Any], Any], behind: bytes = b"") -> Make:
    """The weights with another header, and with bytes behind their end."""

    def rewrite(place: Path) -> None:
        file = place / "model.safetensors"
        raw = file.read_bytes()
        size = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + size])
        text = json.dumps(change(header) or header).encode()
        file.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :] + behind)

    return _model(rewrite)


_HEAD = "model.embed_tokens.weight"


def _moved(begin: int, end: int) -> Callable[[Any], Any]:
    """The last tensor of the file moved by some bytes."""

    def change(header: Any) -> None:
        last = max(
            (k for k in header if k != "__metadata__"), key=lambda k: header[k]["data_offsets"]
        )
        offsets = header[last]["data_offsets"]
        header[last]["data_offsets"] = [offsets[0] + begin, offsets[1] + end]

    return change


def _written_over(place: Path) -> None:
    """The file is as long as it was."""
    raw = (place / "model.safetensors").read_bytes()
    (place / "model.safetensors").write_bytes(b"\x00\x20\x00\x00\x00\x00\x10\x00" + raw[8:])


def _nan(place: Path) -> None:
    weights = load_file(place / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 5] = float("nan")
    save_file(weights, place / "model.safetensors", {"format": "pt"})


def _in_parts(index: bytes) -> Make:
    def change(place: Path) -> None:
        (place / "model.safetensors").rename(place / "model-00001-of-00001.safetensors")
        (place / "model.safetensors.index.json").write_bytes(index)

    return _model(change)


def _index(tensor: str, file: str) -> bytes:
    return json.dumps({"weight_map": {tensor: file}}).encode()


def _pickled(content: bytes) -> Make:
    def change(place: Path) -> None:
        (place / "model.safetensors").unlink()
        (place / "pytorch_model.bin").write_bytes(content)

    return _model(change)


def _cut_short(zipped: bool) -> bytes:
    """A file of PyTorch's own, in its present form or in the one before."""
    whole = io.BytesIO()
    torch.save({"a": torch.zeros(30_000)}, whole, _use_new_zipfile_serialization=zipped)
    return whole.getvalue()[:-1000]


def _loop_to(path: Path) -> None:
    path.symlink_to(path.name)


def _without_tokenizer(place: Path) -> None:
    for file in place.glob("tokenizer*"):
        file.unlink()


def _broken_all_over(place: Path) -> None:
    (place / "config.json").write_bytes(b"{")
    (place / "model.safetensors").unlink()
    (place / "model.safetensors").mkdir()


def _folder_for_tokenizer(place: Path) -> None:
    _without_tokenizer(place)
    (place / "tokenizer").mkdir()


def _tokenizer(**values: object) -> Make:
    def change(place: Path) -> None:
        content = json.loads((place / "tokenizer.json").read_text())
        (place / "tokenizer.json").write_text(json.dumps(content | values))

    return _model(change)


_CODE = {"AutoModelForCausalLM": "mine.Model"}
_NO_JSON = b'{"a": '
_DEEP = b"[" * 200_000
_DIGITS = b'{"model_type": "llama", "n": ' + b"9" * 5000 + b"}"
_MANY = 10**12

# What is done to a model, and words that the one line must hold.
MODELS: dict[str, tuple[Make, str]] = {
    # its configuration
    "no configuration": (_model(lambda p: (p / "config.json").unlink()), "config.json"),
    "a configuration cut short": (_with("config.json", b"{"), "config.json cannot be read"),
    "a configuration of bytes": (
        _with("config.json", b"\xff\xfe"),
        "config.json cannot be read",
    ),
    "a configuration nested too deep": (_with("config.json", _DEEP), "config.json cannot be"),
    "a number of 5,000 digits": (_with("config.json", _DIGITS), "config.json cannot be read"),
    "a configuration that is a list": (_with("config.json", b"[]"), "no configuration"),
    "a type nobody knows": (_configured(model_type="zzz"), "'zzz'"),
    "a translator": (_configured(model_type="t5"), "causal"),
    "code of its own": (_configured(model_type="mine", auto_map=_CODE), "--trust-remote-code"),
    "architectures that are a number": (_configured(architectures=5), "architectures is 5"),
    "code that is a number": (_configured(auto_map=5), "config.json: auto_map is 5"),
    "a text model that is a number": (_configured(text_config=5), "text_config is 5"),
    "a text model of nothing": (_configured(text_config={"a": 1}), "broken/config.json"),
    "no width": (_configured(hidden_size=0), "config.json: hidden_size is 0"),
    "a width in words": (_configured(hidden_size="wide"), 'hidden_size is "wide"'),
    "no heads": (_configured(num_attention_heads=0), "num_attention_heads is 0"),
    "heads that share unevenly": (_configured(num_attention_heads=7), "broken/config.json"),
    "no positions": (_configured(max_position_embeddings=0), "max_position_embeddings is 0"),
    "a vocabulary below nothing": (_configured(vocab_size=-5), "vocab_size is -5"),
    "an activation nobody knows": (_configured(hidden_act="zzz"), "hidden_act is 'zzz'"),
    "a dtype nobody knows": (_configured(dtype="float7"), "dtype is 'float7'"),
    "a rope nobody knows": (
        _configured(rope_parameters={"rope_type": "zzz", "rope_theta": 1e4}),
        "rope_parameters.rope_type is 'zzz'",
    ),
    "rope that is a number": (_configured(rope_parameters=5), "'rope_parameters'"),
    "an epsilon in words": (_configured(rms_norm_eps="small"), "'rms_norm_eps'"),
    "layers without end": (_configured(num_hidden_layers=_MANY), "num_hidden_layers is 1,000"),
    "a width without end": (_configured(hidden_size=_MANY, head_dim=10), "shapes"),
    "a vocabulary without end": (_configured(vocab_size=_MANY), "shapes"),
    "numbers beyond counting": (_configured(intermediate_size=10**30), "broken/config.json"),
    "other shapes than said": (_configured(hidden_size=40), "shapes"),
    "a configuration cut short, and no more": (
        _model(_broken_all_over),
        "config.json cannot be read",
    ),
    # its weights
    "weights cut short": (
        _model(lambda p: os.truncate(p / "model.safetensors", 5000)),
        "cut short",
    ),
    "empty weights": (_with("model.safetensors", b""), "model.safetensors is cut short at 0"),
    "text called weights": (
        _with("model.safetensors", b"once upon a time"),
        "model.safetensors",
    ),
    "weights written over": (_model(_written_over), "its beginning was written over"),
    "bytes behind the weights": (
        _rewritten(lambda h: None, behind=b"more"),
        "model.safetensors has 4 bytes behind its end",
    ),
    "tensors that overlap": (
        _rewritten(_moved(-2, 0)),
        "model.safetensors has tensors that over",
    ),
    "a hole between tensors": (_rewritten(_moved(2, 0)), "model.safetensors has a hole of 2"),
    "a tensor longer than its shape": (_rewritten(_moved(0, 2)), "model.safetensors"),
    "tensors of an unknown dtype": (
        _rewritten(lambda h: h[_HEAD].update(dtype="Q9")),
        "model.safetensors has a tensor 'model.embed_tokens.weight' of an unknown dtype, 'Q9'",
    ),
    "a dtype that is a list": (
        _rewritten(lambda h: h[_HEAD].update(dtype=["F32"])),
        "model.safetensors is no safetensors file",
    ),
    "a tensor of less than nothing": (
        _rewritten(lambda h: h[_HEAD].update(shape=[-2048, -20])),
        "model.safetensors is no safetensors file",
    ),
    "a header that is a list": (_rewritten(list), "model.safetensors is no safetensors file"),
    "a header of nothing": (_rewritten(lambda h: {"__metadata__": {}}), "model.safetensors"),
    "weights that are a folder": (_instead("model.safetensors", Path.mkdir), "is a folder"),
    "weights that are a circle": (_instead("model.safetensors", _loop_to), "model.safetensors"),
    "weights that are no numbers": (
        _model(_nan),
        "broken/model.safetensors: weight model.layers.1.mlp.up_proj.weight holds NaN in 1 of",
    ),
    "an index cut short": (_in_parts(b"{"), "index.json is no index"),
    "an index that is a list": (_in_parts(b"[]"), "index.json is no index"),
    "an index of files that are not there": (
        _in_parts(_index(_HEAD, "b")),
        "index.json names b",
    ),
    "an index of tensors that are not there": (
        _in_parts(_index("x", "model-00001-of-00001.safetensors")),
        "index.json looks for x in model-00001-of-00001.safetensors",
    ),
    "pickles": (_pickled(b"\x80\x02}."), "--allow-pickle"),
    "no weights": (
        _model(lambda p: (p / "model.safetensors").unlink()),
        "holds no model.safetensors; copy",
    ),
    # its tokenizer
    "no tokenizer": (_model(_without_tokenizer), "holds no tokenizer"),
    "no vocabulary": (
        _model(lambda p: (p / "tokenizer.json").unlink()),
        "broken holds no vocabulary that can be read, such as tokenizer.json; copy",
    ),
    "a folder for a tokenizer": (_model(_folder_for_tokenizer), "holds no tokenizer"),
    "a tokenizer cut short": (
        _model(lambda p: os.truncate(p / "tokenizer.json", 500)),
        "broken/tokenizer.json: the tokenizer cannot be read",
    ),
    "a tokenizer of another kind": (
        _tokenizer(model={"type": "Zzz"}),
        "broken/tokenizer.json: the tokenizer cannot be read",
    ),
    "settings of the tokenizer cut short": (
        _with("tokenizer_config.json", _NO_JSON),
        "broken/tokenizer_config.json: the tokenizer cannot be read",
    ),
    "a tokenizer that is a circle": (
        _instead("tokenizer.json", _loop_to),
        "broken/tokenizer.json",
    ),
}

# The same where pickles are allowed.
PICKLES: dict[str, tuple[Make, str]] = {
    "a zip cut short": (_pickled(_cut_short(True)), "pytorch_model.bin is cut short"),
    "an old pickle cut short": (
        _pickled(_cut_short(False)),
        "pytorch_model.bin cannot",
    ),
    "more than weights": (
        _pickled(pickle.dumps([Path, bytes(60_000)])),
        "pytorch_model.bin holds more",
    ),
    "text called a pickle": (
        _pickled(b"once upon a time"),
        "pytorch_model.bin is cut short, or",
    ),
}

# What is typed, and words that the one line must hold.
USAGE: dict[str, tuple[list[str], str]] = {
    "no such command": (["frobnicate"], "No such command"),
    "a file for a command": ([__file__], "eyebrow open"),
    "a word too long for a file": (["a" * 300], "No such command"),
    "an empty word": ([""], "No such command"),
    "no such option": (["score", "--nope"], "--nope"),
    "an option without its value": (["score", "--limit"], "--limit"),
    "a limit of none": (["score", "--limit", "0"], "--limit"),
    "a limit in words": (["score", "--limit", "ten"], "--limit"),
    "a stride of none": (["score", "--stride", "0"], "--stride"),
    "a stride as long as the context": (
        ["score", "--context", "64", "--stride", "64"],
        "stride is 64",
    ),
    "no such first token": (["score", "--first-token", "maybe"], "'maybe'"),
    "no such dtype": (["score", "--dtype", "int3"], "'int3'"),
    "no such device": (["score", "--device", "abacus", "-m", BIGRAM], "'abacus'"),
    "a device that is not here": (["score", "--device", "cuda:99", "-m", BIGRAM], "cuda:99"),
    "a context of one": (["tokens", "x", "--context", "1"], "context is 1"),
    "a context too long": (
        ["score", "--context", "4000", "--limit", "1", "-m", BIGRAM],
        "512 tokens at once",
    ),
    "no such model": (["score", "-m", "nosuch"], "'nosuch'"),
    "a model not here, offline": (
        ["tokens", "x", "-m", "nobody/nothing", "--offline"],
        "not in the cache",
    ),
    "no such file": (["score", "nofile.txt", "-m", BIGRAM], "'nofile.txt'"),
    "a folder without stories": (["score", "empty", "-m", BIGRAM], "no file of stories"),
    "stdin without stories": (["score", "-", "-m", BIGRAM], "stdin holds no stories"),
    "a store and none": (["score", "--store", "x", "--no-store"], "exclude"),
    "no text": (["tokens"], "TEXT"),
    "an empty text": (["tokens", "", "-m", BIGRAM], "No text"),
    "a table of no rows": (["next", "x", "-k", "0", "-m", BIGRAM], "-k"),
    "a screen without a terminal": (["open"], "No terminal"),
    "a screen without a terminal, bare": ([], "No terminal"),
    "a column of plain text": (["score", "ok.txt", "--column", "text", "-m", BIGRAM], "no columns"),
    "lines of a table": (["score", "ok.jsonl", "--per-line", "-m", BIGRAM], "leave --per-line out"),
    "no such column": (["score", "ok.jsonl", "--column", "tale", "-m", BIGRAM], "text"),
    "a file for a text": (["tokens", "ok.txt", "-m", BIGRAM], "ok.txt is a file here"),
    "a file for a prompt": (["next", "ok.txt", "-m", BIGRAM], "ok.txt is a file here"),
    "a store that is a file": (["score", "--store", "ok.txt"], "ok.txt is not a folder"),
    "a store below a file": (["score", "--store", "ok.txt/a"], "ok.txt is not a folder"),
    "a store that is a circle": (["score", "--store", "loop"], "loop is a link that leads nowhere"),
    "a report of a circle": (
        ["report", "loop", "--out", "r.md"],
        "loop is a link that leads nowhere",
    ),
    "a report of nothing": (["report", "none", "--out", "r.md"], "none"),
}


def _closed(*words: str) -> Callable[[Path], Sequence[object]]:
    """With a folder that may not be searched."""

    def make(folder: Path) -> Sequence[object]:
        (folder / "closed" / "in").mkdir(parents=True)
        (folder / "closed" / "in" / "a.txt").write_text("Tom had a red ball.")
        shutil.copytree(POCKET / "pocket-50k", folder / "closed" / "model")
        (folder / "closed").chmod(0o600)
        return words

    return make


_SEARCHED = "closed may not be searched by this user; change its permissions"

# What is typed where a folder may not be searched.
CLOSED: dict[str, list[str]] = {
    "a store": ["score", "-m", BIGRAM, "--store", "closed"],
    "a store within": ["score", "-m", BIGRAM, "--store", "closed/in"],
    "a report": ["report", "closed/in", "--out", "r.md"],
    "a doctor": ["doctor", "--store", "closed/in"],
    "stories": ["score", "closed/in", "-m", BIGRAM],
    "a file of stories": ["score", "closed/in/a.txt", "-m", BIGRAM],
    "a model": ["score", "-m", "closed/model"],
    "a model of a text": ["tokens", "x", "-m", "closed/model"],
}


def _of_stories(make: Make) -> Callable[[Path], Sequence[object]]:
    return lambda folder: ["score", make(folder), "-m", BIGRAM]


def _scored(make: Make, *options: str) -> Callable[[Path], Sequence[object]]:
    return lambda folder: ["score", "--limit", 1, "-m", make(folder), *options]


def _asked(make: Make, *options: str) -> Callable[[Path], Sequence[object]]:
    return lambda folder: ["tokens", "The cat sat.", "-m", make(folder), *options]


def _typed(words: list[str]) -> Callable[[Path], Sequence[object]]:
    def make(folder: Path) -> Sequence[object]:
        (folder / "ok.txt").write_text("Tom had a red ball.")
        (folder / "ok.jsonl").write_text(GOOD)
        (folder / "loop").symlink_to("loop")
        (folder / "empty").mkdir()
        return words

    return make


FAULTS: dict[str, Fault] = {
    **{f"stories: {name}": Fault(_of_stories(m), 2, w) for name, (m, w) in FILES.items()},
    **{f"score: {name}": Fault(_scored(m), 2, w) for name, (m, w) in MODELS.items()},
    **{f"tokens: {name}": Fault(_asked(m), 2, w) for name, (m, w) in MODELS.items()},
    **{
        f"pickle: {name}": Fault(_asked(m, "--allow-pickle"), 2, w)
        for name, (m, w) in PICKLES.items()
    },
    **{f"usage: {name}": Fault(_typed(typed), 2, w) for name, (typed, w) in USAGE.items()},
    **{f"closed: {name}": Fault(_closed(*w), 2, _SEARCHED) for name, w in CLOSED.items()},
    "usage: bytes on stdin": Fault(_typed(["tokens", "-"]), 2, "0xe9 at offset 3", b"caf\xe9"),
}

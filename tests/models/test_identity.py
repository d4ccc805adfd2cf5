"""What a model is: every byte of its weights, what turns text into ids, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from eyebrow.core import EyebrowError
from eyebrow.core.models import digests, load, tokenizer_files
from eyebrow.core.models.catalogue import POCKET, find_models
from eyebrow.core.models.headers import Damaged, read_header
from eyebrow.core.models.identity import identify, same_weights, same_weights_in_words
from eyebrow.core.models.load import load_model
from eyebrow.core.models.weights import size_of
from safetensors.torch import save_file

WEIGHTS = "model.safetensors"
Tiny = Callable[[str], Path]
Change = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a checkpoint of 6 MB."""
    return Path(shutil.copytree(POCKET / "pocket-3m", tmp_path / "own"))


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as finished at once."""
    monkeypatch.setattr(digests, "RACY", 0)


def flip(file: Path, place: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 1]))


def edit(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def test_every_byte_of_the_weights_counts(folder: Path, settled: None) -> None:
    original = identify(folder)
    assert original.digest == identify(POCKET / "pocket-3m").digest, "wherever it lies"
    size, pick = (folder / WEIGHTS).stat().st_size, random.Random(0)
    found = {original.digest}
    for _ in range(10):
        flip(folder / WEIGHTS, pick.randrange(size))
        changed = identify(folder)
        assert (changed.tokenizer, changed.bytes) == (original.tokenizer, size)
        found.add(changed.digest)
    assert len(found) == 11


def test_what_else_shapes_the_numbers(folder: Path) -> None:
    before = identify(folder)
    assert identify(folder, "bits4").digest != before.digest
    edit(folder / "config.json", transformers_version="6", dtype="float32", use_cache=True)
    assert identify(folder).digest == before.digest
    edit(folder / "config.json", rms_norm_eps=1e-5)
    assert identify(folder).digest != before.digest
    assert identify(folder).weights == before.weights


def test_a_blob_is_called_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("blobs", "snapshots/1"):
        (tmp_path / name).mkdir(parents=True)
    large, small = tmp_path / "blobs" / ("a" * 64), tmp_path / "blobs" / ("b" * 40)
    for blob, name in ((large, WEIGHTS), (small, "config.json")):
        blob.write_text("{}")
        (tmp_path / "snapshots/1" / name).symlink_to(blob)
    assert digests.file_digest(tmp_path / "snapshots/1" / WEIGHTS) == "a" * 64
    wanted = hashlib.sha256(b"{}").hexdigest()
    assert digests.file_digest(tmp_path / "snapshots/1" / "config.json") == wanted


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were hashed."""
    names: list[str] = []
    file_digest = hashlib.file_digest

    def watched(stream: Any, kind: Any) -> Any:
        names.append(Path(stream.name).name)
        return file_digest(stream, kind)

    monkeypatch.setattr(digests.hashlib, "file_digest", watched)
    return names


def test_a_file_is_read_once(
    folder: Path, read: list[str], settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / WEIGHTS
    first = digests.file_digest(file)
    monkeypatch.setattr(digests, "_known", {})  # as in another process
    assert digests.file_digest(file) == first
    assert read == [WEIGHTS]
    flip(file, 100_000)
    assert digests.file_digest(file) != first
    assert read == [WEIGHTS] * 2


def test_a_file_just_written_is_read_again(
    folder: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock may be too coarse to tell what is written next."""
    file, now = folder / WEIGHTS, time.time_ns()
    monkeypatch.setattr(digests, "stamp", lambda path: (str(path), 1, 2, now, now))
    first = digests.file_digest(file)
    flip(file, 100_000)
    assert digests.file_digest(file) != first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 1}', '{"x": [[[1]], "y"]}'])
def test_a_memory_that_cannot_be_used(
    folder: Path, settled: None, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    place = digests._place()
    place.parent.mkdir(parents=True)
    place.write_text(content)
    wanted = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    assert digests.file_digest(folder / WEIGHTS) == wanted
    assert wanted in place.read_text()
    monkeypatch.setattr(digests, "_known", {})
    shutil.rmtree(place.parent)
    place.parent.write_text("no folder")
    assert digests.file_digest(folder / WEIGHTS) == wanted


def test_the_memory_does_not_grow_for_ever(
    tmp_path: Path, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "KEPT", 3)
    files = [tmp_path / f"{n}.bin" for n in range(5)]
    for n, file in enumerate(files):
        file.write_bytes(bytes([n]))
    threads = [threading.Thread(target=digests.file_digest, args=[file]) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(digests._place().read_text())) == 3


# --- which weights -------------------------------------------------------------------------


def test_only_what_would_be_loaded_counts(tiny: Tiny, opened: Any, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny("llama"), tmp_path / "sharded"))
    (folder / WEIGHTS).unlink()
    opened("llama")[0].save_pretrained(folder, max_shard_size="20KB")
    assert len([*folder.glob("model-*-of-*.safetensors")]) > 1
    before = identify(folder)
    assert before.parameters == identify(tiny("llama")).parameters
    assert before.size.loaded(4) == 4 * (before.parameters or 0)
    shutil.copy(tiny("llama") / WEIGHTS, folder / "consolidated.safetensors")
    (folder / "training_args.bin").write_bytes(b"x")
    assert identify(folder) == before
    (spec,) = find_models([str(folder)])
    assert spec.parameters == before.parameters
    assert load_model(str(folder), device="cpu").parameters == before.parameters
    flip(max(folder.glob("model-*")), 5_000)
    assert identify(folder).weights != before.weights


def packed(name: str) -> tuple[dict[str, Any], dict[str, torch.Tensor], int]:
    """Settings, tensors, and how many learnt numbers are in them (64 of them not packed)."""
    byte, four, float_ = torch.uint8, torch.int32, torch.float32
    rest = {"embed.weight": torch.zeros(8, 8, dtype=torch.bfloat16)}
    if name == "mxfp4":
        tensors = {
            "experts.gate_up_proj_blocks": torch.zeros(2, 6, 3, 16, dtype=byte),
            "experts.gate_up_proj_scales": torch.zeros(2, 6, 3, dtype=byte),
        }
        return {"quant_method": "mxfp4"}, rest | tensors, 64 + 2 * 6 * 3 * 32
    if name == "bitsandbytes":
        tensors = {
            "q.weight": torch.zeros(512, 1, dtype=byte),
            "q.weight.absmax": torch.zeros(16, dtype=byte),
            "q.weight.quant_map": torch.zeros(16, dtype=float_),
            "q.weight.nested_absmax": torch.zeros(1, dtype=float_),
            "q.weight.quant_state.bitsandbytes__nf4": torch.zeros(90, dtype=byte),
        }
        settings = {"quant_method": "bitsandbytes", "load_in_4bit": True}
        return settings, rest | tensors, 64 + 1024
    if name == "int8":
        tensors = {
            "q.weight": torch.zeros(32, 32, dtype=torch.int8),
            "q.SCB": torch.zeros(32, dtype=float_),
        }
        return {"quant_method": "bitsandbytes", "load_in_8bit": True}, rest | tensors, 64 + 1024
    tensors = {
        "q.qweight": torch.zeros(4, 32, dtype=four),
        "q.qzeros": torch.zeros(1, 4, dtype=four),
        "q.scales": torch.zeros(1, 32, dtype=torch.float16),
        "q.g_idx": torch.zeros(32, dtype=four),
    }
    return {"quant_method": "gptq", "bits": 4}, rest | tensors, 64 + 1024


@pytest.mark.parametrize("name", ["mxfp4", "bitsandbytes", "int8", "gptq"])
def test_packed_weights_are_counted_and_weighed(tmp_path: Path, name: str) -> None:
    settings, tensors, parameters = packed(name)
    save_file(tensors, tmp_path / WEIGHTS)
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": settings}))
    size = size_of(tmp_path)
    assert size.parameters == parameters
    stored = sum(tensor.nbytes for tensor in tensors.values())
    assert size.loaded(4) >= size.loaded(2) >= stored - 4 * 64
    assert size.packed > parameters / 4


def test_a_broken_header_is_left_to_loading(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"\xff" * 100)
    found = identify(folder)
    assert (found.parameters, found.bytes, found.positions) == (None, 100, 512)
    with pytest.raises(Damaged, match="is no safetensors file"):
        read_header(folder / WEIGHTS)


def test_a_shard_that_is_not_there(tiny: Tiny, opened: Any, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny("llama"), tmp_path / "sharded"))
    (folder / WEIGHTS).unlink()
    opened("llama")[0].save_pretrained(folder, max_shard_size="20KB")
    shard = max(folder.glob("model-*"))
    shard.unlink()
    with pytest.raises(EyebrowError, match=f"Damaged model: .*{shard.name} cannot be read"):
        identify(folder)


# --- what turns text into ids --------------------------------------------------------------

OWN = "tokenizer_config.json"
SPECIAL = {"id": 7, "content": "<own>", "special": True, "normalized": False} | dict.fromkeys(
    ("lstrip", "rstrip", "single_word"), False
)


def tokenizer(folder: Path) -> str:
    return identify(folder).tokenizer


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


SAME: dict[str, Change] = {
    "template": lambda at: edit(at / OWN, chat_template="{{ messages }}"),
    "template of its own": lambda at: (at / "chat_template.jinja").write_text("{{ messages }}"),
    "lengths": lambda at: edit(at / OWN, model_max_length=7, padding_side="left"),
    "layout": lambda at: edit(at / "tokenizer.json"),
    "padding": lambda at: edit(at / "tokenizer.json", padding={"strategy": "BatchLongest"}),
    "another end": lambda at: edit(at / OWN, eos_token="<own>", pad_token="<own>"),
    "another beginning": lambda at: edit(at / OWN, bos_token={**SPECIAL, "__type": "AddedToken"}),
    "a map of them": lambda at: (at / "special_tokens_map.json").write_text(
        '{"additional_special_tokens": ["<own>"]}'
    ),
}
OTHER: dict[str, Change] = {
    "vocabulary": lambda at: replaced(at / "tokenizer.json", '"\\u0120wr"', '"\\u0120wrr"'),
    "tekken": lambda at: (at / "tekken.json").write_text("{}"),
    "added": lambda at: (at / "added_tokens.json").write_text('{"<x>": 9}'),
    "sentencepiece": lambda at: (at / "spiece.model").write_bytes(b"x"),
    "class": lambda at: edit(at / OWN, tokenizer_class="LlamaTokenizer"),
    "beginning put in front": lambda at: edit(at / OWN, add_bos_token=True),
    "declared token": lambda at: edit(at / OWN, additional_special_tokens=["<new>"]),
    "another pattern": lambda at: edit(at / "tokenizer.json", pre_tokenizer=None),
    "torn": lambda at: (at / "tokenizer.json").write_text("{"),
}


@pytest.fixture
def spelled(folder: Path) -> Path:
    """A tokenizer with two special tokens in its vocabulary."""
    content = json.loads((folder / "tokenizer.json").read_text())
    edit(folder / "tokenizer.json", added_tokens=[*content["added_tokens"], SPECIAL])
    return folder


@pytest.mark.parametrize("change", SAME)
def test_what_leaves_the_ids_as_they_are(spelled: Path, change: str) -> None:
    before = tokenizer(spelled)
    SAME[change](spelled)
    assert tokenizer(spelled) == before


@pytest.mark.parametrize("change", OTHER)
def test_what_changes_ids(spelled: Path, change: str) -> None:
    before = identify(spelled)
    OTHER[change](spelled)
    after = identify(spelled)
    assert after.tokenizer != before.tokenizer
    assert after.digest != before.digest
    assert after.weights == before.weights


def test_a_beginning_that_is_put_in_front_is_decisive(spelled: Path) -> None:
    edit(spelled / OWN, add_bos_token=True)
    before = tokenizer(spelled)
    edit(spelled / OWN, bos_token="<own>")
    assert tokenizer(spelled) != before


def test_a_model_scored_behind_another_beginning_is_another(spelled: Path) -> None:
    before = identify(spelled)
    edit(spelled / OWN, bos_token="<own>")
    after = identify(spelled)
    assert (after.tokenizer, after.weights) == (before.tokenizer, before.weights)
    assert after.digest != before.digest


# --- models under other names --------------------------------------------------------------


def test_models_that_are_the_same_are_named() -> None:
    assert same_weights({"a": "1", "b": "2", "c": "", "d": "1", "e": ""}) == [("a", "d")]
    assert "a, b and c have the same weights" in same_weights_in_words(("a", "b", "c"))


# --- loading -------------------------------------------------------------------------------


def test_a_loaded_model_does_not_change_with_its_file(folder: Path) -> None:
    loaded = load_model(str(folder), device="cpu", dtype="bfloat16")
    before = [tensor.clone() for tensor in loaded.model.parameters()]
    begin = min(tensor.begin for tensor in read_header(folder / WEIGHTS).values())
    with (folder / WEIGHTS).open("r+b") as stream:
        stream.seek(begin)
        stream.write(bytes((folder / WEIGHTS).stat().st_size - begin))
    assert all(map(torch.equal, before, loaded.model.parameters()))


def test_files_written_while_they_are_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = load._open

    def meanwhile(*given: Any) -> Any:
        opened = opener(*given)
        shutil.copy(POCKET / "pocket-3m" / WEIGHTS, folder)
        return opened

    monkeypatch.setattr(load, "_open", meanwhile)
    with pytest.raises(EyebrowError, match="Changed meanwhile: own"):
        load_model(str(folder), device="cpu")


def test_a_file_whose_clock_is_ahead_is_not_read_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    ahead = time.time() + 86_400
    os.utime(file, (ahead, ahead))
    now = [time.time_ns()]
    monkeypatch.setattr(digests.time, "time_ns", lambda: now[0])
    made: list[int] = []

    def compute() -> str:
        made.append(1)
        return "digest"

    def look() -> int:
        digests.remembered("it", [file], compute)
        return len(made)

    assert [look(), look()] == [1, 2], "it may be rewritten within one tick of its clock"
    now[0] += 3_000_000_000
    assert [look(), look(), look()] == [3, 3, 3]


def test_what_was_remembered_by_another_rule_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(POCKET / "pocket-50k", tmp_path / "own"))
    for file in folder.iterdir():
        os.utime(file, (1e9, 1e9))
    monkeypatch.setattr(digests, "is_settled", lambda *_: True)
    first = tokenizer_files.tokenizer_digest(folder)
    monkeypatch.setattr(tokenizer_files, "_content", lambda *_: {"another": "rule"})
    assert tokenizer_files.tokenizer_digest(folder) == first, "remembered"
    monkeypatch.setattr(tokenizer_files, "RULE", tokenizer_files.RULE + 1)
    assert tokenizer_files.tokenizer_digest(folder) != first


@pytest.mark.parametrize("added", ['[{"content": ["a"], "special": true}]', "[" * 5000])
def test_a_malformed_tokenizer_has_a_digest_all_the_same(tmp_path: Path, added: str) -> None:
    folder = Path(shutil.copytree(POCKET / "pocket-50k", tmp_path / "own"))
    (folder / "tokenizer.json").write_text(f'{{"added_tokens": {added}}}')
    assert len(tokenizer_files.tokenizer_digest(folder)) == 16


def test_a_folder_without_a_tokenizer_takes_none_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(POCKET / "pocket-50k")
    one = tokenizer_files.tokenizer_digest(tmp_path / "empty")
    monkeypatch.chdir(tmp_path)
    assert tokenizer_files.tokenizer_digest(tmp_path / "other") == one

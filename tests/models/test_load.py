"""Loading: model, tokenizer, device, dtype, and what is said where it fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from eyebrow.core import EyebrowError, compute_perplexity
from eyebrow.core.models import load as load_room
from eyebrow.core.models.device import pick_device, pick_dtype
from eyebrow.core.models.fingerprint import model_digest, positions, tokenizer_digest
from eyebrow.core.models.load import load_model
from eyebrow.core.scoring.recipe import Recipe

Tiny = Callable[[str], Path]


def test_it_unpacks_into_four(tiny: Tiny, opened: Any) -> None:
    model, tokenizer, device, dtype = load_model(str(tiny("gpt2")), device="cpu")
    assert (device.type, dtype, model.training) == ("cpu", torch.float32, False)
    text = "The cat sat."
    wanted = compute_perplexity(*opened("gpt2"), text)
    assert compute_perplexity(model, tokenizer, text) == pytest.approx(wanted, rel=1e-6)


def test_what_is_known_of_a_loaded_model(tiny: Tiny) -> None:
    loaded = load_model(str(tiny("llama")), device="cpu", dtype="bfloat16")
    assert loaded.dtype == next(loaded.model.parameters()).dtype == torch.bfloat16
    assert loaded.name == "llama"
    assert loaded.positions == positions(tiny("llama")) == 64
    assert loaded.parameters == sum(p.numel() for p in loaded.model.parameters())
    assert loaded.digest == model_digest(tiny("llama"))
    recipe = loaded.recipe(Recipe())
    assert (recipe.context, recipe.stride) == (64, 32)
    assert (recipe.dtype, recipe.device) == ("bfloat16", "cpu")


def test_gpt2_calls_its_positions_otherwise(tiny: Tiny) -> None:
    assert "n_positions" in (tiny("gpt2") / "config.json").read_text()
    assert positions(tiny("gpt2")) == 64


def test_digests_follow_the_files(tiny: Tiny, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(tiny("llama"), copy)
    before, words = model_digest(copy), tokenizer_digest(copy)
    assert before == model_digest(tiny("llama"))
    assert before != model_digest(copy, "int8")
    raw = bytearray((copy / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    (copy / "model.safetensors").write_bytes(raw)
    assert model_digest(copy) != before
    assert tokenizer_digest(copy) == words
    (copy / "tokenizer.json").write_text("{}")
    assert tokenizer_digest(copy) != words


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.safetensors", b"torn"),
        ("model.safetensors", b""),
        ("config.json", b"{"),
        ("config.json", b'{"model_type": "no-such-type"}'),
        ("tokenizer.json", b"not json"),
    ],
)
def test_a_broken_folder_is_an_error_in_one_line(
    tiny: Tiny, tmp_path: Path, file: str, content: bytes
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny("llama"), folder)
    (folder / file).write_bytes(content)
    with pytest.raises(EyebrowError, match="Cannot load") as caught:
        load_model(str(folder), device="cpu")
    assert "\n" not in caught.value.message


def test_a_model_too_big_for_its_device(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory runs out where the weights move to the device, not where they are read."""

    class Huge(torch.nn.Module):
        def to(self, *_: Any, **__: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(load_room, "_open", lambda *_: (None, Huge()))
    with pytest.raises(EyebrowError, match="Out of memory"):
        load_model(str(tiny("llama")), device="cpu")


def test_a_whole_family_is_not_one_model() -> None:
    with pytest.raises(EyebrowError, match="pick one"):
        load_model("smollm2")


def test_what_is_not_in_the_cache_says_so() -> None:
    with pytest.raises(EyebrowError, match="Not on this machine"):
        load_model("owner/no-such-model", offline=True)


def test_devices_and_dtypes() -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert pick_device("cpu") == cpu
    assert pick_dtype("auto", cpu) == torch.float32
    assert pick_dtype("auto", cuda) == torch.bfloat16
    assert pick_dtype("float16", cuda) == torch.float16
    with pytest.raises(EyebrowError, match="No such dtype"):
        pick_dtype("fp32", cpu)
    for wrong in ("tpu", "meta", "cuda:x"):
        with pytest.raises(EyebrowError, match="No such device"):
            pick_device(wrong)
    with pytest.raises(EyebrowError, match="not on this machine"):
        pick_device("cuda:99")

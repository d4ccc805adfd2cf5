"""Loading: model, tokenizer, device, dtype, and what is said where it fails."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from eyebrow.core import EyebrowError, compute_perplexity
from eyebrow.core.errors import USAGE
from eyebrow.core.machine.device import pick_device, pick_dtype
from eyebrow.core.models import load as load_room
from eyebrow.core.models.catalogue import POCKET
from eyebrow.core.models.configuration import positions
from eyebrow.core.models.identity import identify
from eyebrow.core.models.load import load_model
from eyebrow.core.models.load_errors import check_config
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
    assert loaded.digest == identify(tiny("llama")).digest
    recipe = loaded.recipe(Recipe())
    assert (recipe.context, recipe.stride) == (64, 32)
    assert (recipe.dtype, recipe.device) == ("bfloat16", "cpu")


def test_gpt2_calls_its_positions_otherwise(tiny: Tiny) -> None:
    assert "n_positions" in (tiny("gpt2") / "config.json").read_text()
    assert positions(tiny("gpt2")) == 64


TORN = b"\x20\0\0\0\0\0\0\0" + b"{}".ljust(32)


@pytest.mark.parametrize(
    ("file", "content", "title", "words"),
    [
        ("model.safetensors", b"torn", "Damaged model", "model.safetensors"),
        ("model.safetensors", b"", "Damaged model", "cut short at 0 bytes"),
        ("model.safetensors", TORN, "Damaged model", "holds no weights"),
        ("model.safetensors", None, "No weights", "no model.safetensors"),
        ("config.json", b"{", "Damaged model", "config.json cannot be read"),
        ("config.json", b"[]", "Damaged model", "no configuration"),
        ("config.json", b"{}", "No model there", "no model_type"),
        ("config.json", b'{"model_type": "no-such"}', "Unknown kind of model", "'no-such'"),
        ("tokenizer.json", b"not json", "No tokenizer", "cannot be read"),
        ("tokenizer.json", None, "No tokenizer", "tokenizer"),
    ],
)
def test_a_broken_folder_is_an_error_in_one_line(
    tiny: Tiny, tmp_path: Path, file: str, content: bytes | None, title: str, words: str
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny("llama"), folder)
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_bytes(content)
    error = refused(folder)
    assert (error.title, error.exit_code) == (title, USAGE)
    assert words in error.message


def refused(folder: Path, **options: Any) -> EyebrowError:
    with pytest.raises(EyebrowError) as caught:
        load_model(str(folder), device="cpu", **options)
    assert "\n" not in caught.value.message
    assert folder.name in caught.value.message
    return caught.value


def test_weights_cut_short_name_the_file_and_the_bytes(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "short"
    shutil.copytree(tiny("llama"), folder)
    file = folder / "model.safetensors"
    size = file.stat().st_size
    os.truncate(file, size - 1)
    error = refused(folder)
    assert error.title == "Damaged model"
    assert f"is cut short: {size - 1:,} of {size:,} bytes; delete {file}" in error.message


@pytest.mark.parametrize(
    ("config", "title"),
    [
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "Not a causal"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "Not a causal"),
        ({"model_type": "bert"}, "Not a causal"),
        ({"model_type": "bart", "is_encoder_decoder": True}, "Not a causal"),
        ({"model_type": "llama", "architectures": ["LlamaForTokenClassification"]}, "Not a causal"),
        ({"model_type": "x", "auto_map": {"AutoModelForCausalLM": "own.Own"}}, "Code to be"),
        ({"model_type": "gpt2", "architectures": ["GPT2Model"]}, ""),
        ({"model_type": "gpt_neox", "is_decoder": False}, ""),
        ({"model_type": "bert", "is_decoder": True, "architectures": ["BertLMHeadModel"]}, ""),
        ({"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]}, ""),
        ({"model_type": "phi3", "auto_map": {"AutoModelForCausalLM": "modeling_phi3.X"}}, ""),
    ],
)
def test_what_its_configuration_says_of_a_model(config: dict[str, Any], title: str) -> None:
    if not title:
        return check_config(config, "it", trust_remote_code=False)
    with pytest.raises(EyebrowError, match=title) as caught:
        check_config(config, "it", trust_remote_code=False)
    assert caught.value.exit_code == 2
    return None


def test_a_masked_model_is_refused_before_its_weights(tmp_path: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM

    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    BertForMaskedLM(BertConfig(vocab_size=30, intermediate_size=8, **shape)).save_pretrained(
        tmp_path / "bert"
    )
    assert "BertForMaskedLM" in refused(tmp_path / "bert").message


def test_a_model_whose_head_was_not_saved(tiny: Tiny, tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = tmp_path / "headless"
    shutil.copytree(tiny("neox"), folder)
    AutoModel.from_pretrained(tiny("neox")).save_pretrained(folder)
    assert refused(folder).title == "Not a causal language model"


def test_a_tokenizer_of_another_model(tiny: Tiny, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(tiny("llama"), folder)
    shutil.copy(POCKET / "pocket-50k" / "tokenizer.json", folder)
    error = refused(folder)
    assert error.title == "Tokenizer does not fit"
    assert "ids up to 2,049, the model knows 320" in error.message


def test_added_tokens_may_lie_beyond_the_vocabulary(tiny: Tiny, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = tmp_path / "padded"
    shutil.copytree(tiny("gpt2"), folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"<pad{n}>" for n in range(20)], special_tokens=True)
    tokenizer.save_pretrained(folder)
    assert load_model(str(folder), device="cpu").parameters


def test_pickles_only_where_asked_for(tiny: Tiny, tmp_path: Path, opened: Any) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(tiny("llama"), folder)
    (folder / "model.safetensors").unlink()
    torch.save(opened("llama")[0].state_dict(), folder / "pytorch_model.bin")
    assert refused(folder).title == "Pickles refused"
    assert load_model(str(folder), device="cpu", allow_pickle=True).parameters
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"w": Path}))
    assert refused(folder, allow_pickle=True).exit_code in (1, 2)


CODE = """
from transformers import LlamaConfig, LlamaForCausalLM
class Own(LlamaConfig):
    model_type = "own"
class OwnForCausalLM(LlamaForCausalLM):
    config_class = Own
"""


def test_code_of_its_own_runs_only_where_it_is_trusted(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "m"))
    folder = tmp_path / "own"
    shutil.copytree(tiny("llama"), folder)
    (folder / "own.py").write_text(CODE)
    config = json.loads((folder / "config.json").read_text()) | {
        "model_type": "own",
        "architectures": ["OwnForCausalLM"],
        "auto_map": {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.OwnForCausalLM"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    assert refused(folder).title == "Code to be trusted"
    loaded = load_model(str(folder), device="cpu", trust_remote_code=True)
    assert type(loaded.model).__name__ == "OwnForCausalLM"


def test_nothing_is_printed(tiny: Tiny, capfd: pytest.CaptureFixture[str]) -> None:
    load_model(str(tiny("gpt2")), device="cpu")
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


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
    assert pick_dtype("float16", cuda) == torch.float16
    with pytest.raises(EyebrowError, match="No such dtype"):
        pick_dtype("fp32", cpu)
    for wrong in ("tpu", "meta", "cuda:x"):
        with pytest.raises(EyebrowError, match="No such device"):
            pick_device(wrong)
    with pytest.raises(EyebrowError, match="not on this machine"):
        pick_device("cuda:99")


@pytest.mark.parametrize(
    ("has_bfloat16", "capability", "wanted"),
    [
        (True, (9, 0), torch.bfloat16),
        (False, (7, 5), torch.float16),
        (False, (6, 1), torch.float32),
    ],
)
def test_what_a_card_can_do(
    monkeypatch: pytest.MonkeyPatch,
    has_bfloat16: bool,
    capability: tuple[int, int],
    wanted: torch.dtype,
) -> None:
    def supports(including_emulation: bool = True) -> bool:
        return has_bfloat16 or including_emulation

    monkeypatch.setattr(torch.cuda, "device", nullcontext)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supports)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert pick_dtype("auto", torch.device("cuda")) == wanted
    assert pick_dtype("bfloat16", torch.device("cuda")) == torch.bfloat16


def test_a_pipe_among_the_files_is_told(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny("llama"), folder)
    (folder / "tokenizer_config.json").unlink()
    os.mkfifo(folder / "tokenizer_config.json")
    with pytest.raises(EyebrowError, match="is no file but a pipe"):
        load_model(str(folder), device="cpu")

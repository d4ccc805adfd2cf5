"""What every test stands on: no network, a cache of its own, tiny random models made here."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.machine.garbage import look_seldom

# Read once, when huggingface_hub is imported, and by the worker processes that tests start.
_HOME = tempfile.TemporaryDirectory(prefix="eyebrow-tests-")
os.environ |= {
    "HF_HOME": _HOME.name,
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
}

look_seldom()

SENTENCES = (
    "The cat sat on the mat and looked at the moon.",
    "Every evening old Mara climbed the stairs and lit the lamp.",
    "Once upon a time there was a little bear who could not find his hat.",
    "“Where is it?” asked the bear. It was on his head, naïve as he was.",
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing a test does reaches the user's cache or depends on the user's files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="session")
def repo() -> Path:
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared(repo: Path) -> Path:
    """Real models, tokenizers and stories beside the checkout."""
    folder = repo.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared, which is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny random model by name (see `_configs`), made when first asked for.

    "llama-bos" is "llama" with a tokenizer that puts BOS in front.
    """
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("tiny") / name
            _save(name, made[name])
        return made[name]

    return folder


@pytest.fixture(scope="session")
def opened(tiny: Callable[[str], Path]) -> Callable[[str], tuple[Any, Any]]:
    """(model, tokenizer) of a tiny model in float32, the same objects every time."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made: dict[str, tuple[Any, Any]] = {}

    def pair(name: str) -> tuple[Any, Any]:
        if name not in made:
            model = AutoModelForCausalLM.from_pretrained(tiny(name)).eval()
            made[name] = model, AutoTokenizer.from_pretrained(tiny(name))
        return made[name]

    return pair


def _save(name: str, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    shape = name.removesuffix("-bos")
    tokenizer = byte_level_tokenizer(SENTENCES)
    if shape != name:
        _put_bos_in_front(tokenizer)
    torch.manual_seed(len(shape))
    model = AutoModelForCausalLM.from_config(_configs()[shape])
    with torch.no_grad():
        for parameter in model.parameters():  # sharper than the usual start: p far from uniform
            parameter.mul_(3.0 if parameter.ndim > 1 else 1.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _configs() -> dict[str, Any]:
    from transformers import Gemma2Config, GPT2Config, GPTNeoXConfig, LlamaConfig, OPTConfig

    small: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None}
    shape: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
    }
    gemma = {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 16}
    return {
        "llama": LlamaConfig(vocab_size=320, num_key_value_heads=2, **shape, **small),
        "wide": LlamaConfig(vocab_size=20_000, tie_word_embeddings=True, **shape, **small),
        "gpt2": GPT2Config(vocab_size=310, n_embd=32, n_layer=2, n_head=4, n_positions=64, **small),
        "neox": GPTNeoXConfig(vocab_size=320, **shape, **small),
        "opt": OPTConfig(
            vocab_size=320,
            word_embed_proj_dim=16,
            ffn_dim=48,
            **shape,
            **small | {"pad_token_id": 1},
        ),
        "capped": Gemma2Config(
            vocab_size=320, final_logit_softcapping=2.0, **gemma, **shape, **small
        ),
    }


def _put_bos_in_front(tokenizer: Any) -> None:
    from tokenizers import processors

    front = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer.backend_tokenizer.post_processor = front


def byte_level_tokenizer(sentences: tuple[str, ...]) -> Any:
    """A byte-level BPE like GPT-2's, of about 300 entries."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(sentences, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")

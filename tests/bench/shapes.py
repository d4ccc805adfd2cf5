"""Models to measure with: the shapes of SmolLM2 with random weights, made on the spot."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).parents[2]
POCKET = ROOT / "core" / "models" / "pocket"
SHAPES = {
    "smollm2-135m": (576, 1536, 30, 9, 3),
    "smollm2-360m": (960, 2560, 32, 15, 5),
    "smollm2-1.7b": (2048, 8192, 24, 32, 32),
}
NAMES = (*SHAPES, "pocket-3m")


def make(name: str, folder: Path) -> Path:
    """The folder of a model by name; what is made is kept in `folder`.

    Weights are drawn from seed 0 and stored in bfloat16, so that every dtype and float64 see
    the same ones. The tokenizer is pocket's: the vocabulary has the 49,152 entries of SmolLM2,
    of which a text uses the first 2,048.
    """
    if name == "pocket-3m":
        return POCKET / name
    place = folder / name
    if (place / "config.json").exists():
        return place
    width, feed_forward, layers, heads, pairs = SHAPES[name]
    config = LlamaConfig(
        vocab_size=49_152,
        hidden_size=width,
        intermediate_size=feed_forward,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=pairs,
        max_position_embeddings=2048,
        rope_theta=100_000.0,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    with torch.device("cpu"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    draft = folder / f"{name}.unfinished"
    model.save_pretrained(draft)
    for file in (POCKET / "pocket-3m").glob("*token*"):
        shutil.copy(file, draft)
    draft.rename(place)
    return place

"""Train the bundled `pocket` family: one tokenizer, one size after the other, from one seed.

    python -m eyebrow.core.models.pocket.train --data roneneldan/TinyStories --out DIR
    python -m eyebrow.core.models.pocket.train --data train.jsonl --valid valid.jsonl --out DIR

`--data` is a `.jsonl` file with a `text` column or the name of a Hugging Face dataset. Every
member lands in a folder of its own that `AutoModelForCausalLM.from_pretrained` opens, with the
losses in `training.json`. Weight matrices are trained by Muon (Jordan et al. 2024,
`torch.optim.Muon`), which takes more from each of the few million tokens than AdamW does;
embeddings and norms by AdamW. The rate rises for 3 % of the steps and then falls to zero
along a cosine. The bigram is counted.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ..ngrams.bigram import count_bigrams

END_OF_TEXT = "<|endoftext|>"
VOCABULARY = 2048
CONTEXT = 512
BIGRAM, BIGRAM_PAIRS = "pocket-bigram", 16_000


@dataclass(frozen=True)
class Shape:
    """One member: its shape, how many passes over the data it gets and its peak rate."""

    name: str
    width: int
    layers: int
    heads: int
    feed_forward: int
    epochs: float
    rate: float
    rows: int  # of CONTEXT tokens in a batch
    dropout: float = 0.0  # of what attention and feed-forward add to the stream


# The same five passes for all: what differs between them is their size.
SHAPES = (
    Shape("pocket-50k", 20, 2, 2, 56, 5, 1.5e-2, 8),
    Shape("pocket-200k", 48, 4, 4, 128, 5, 1.2e-2, 8),
    Shape("pocket-800k", 112, 4, 7, 304, 5, 8e-3, 8),
    Shape("pocket-3m", 192, 6, 6, 512, 5, 6e-3, 8, dropout=0.15),
)


def read_texts(source: str, split: str = "train") -> list[str]:
    """The texts of a `.jsonl` file or of a split of a Hugging Face dataset."""
    if Path(source).is_file():
        with open(source, encoding="utf-8") as lines:
            return [json.loads(line)["text"].strip() for line in lines if line.strip()]
    from datasets import load_dataset

    return [text.strip() for text in load_dataset(source, split=split)["text"]]


def train_tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE over `texts`; `<|endoftext|>` both begins and ends a story."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        model_max_length=CONTEXT,
    )


def encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[np.ndarray]:
    """Token ids of each text with the start symbol in front, int64."""
    start = tokenizer.bos_token_id
    return [np.array([start, *ids]) for ids in tokenizer(list(texts))["input_ids"]]


def epochs_of_rows(
    stories: Sequence[np.ndarray], rows: int, steps: int, generator: np.random.Generator
) -> Iterator[torch.Tensor]:
    """`steps` batches of shape (rows, CONTEXT + 1): stories end to end, reshuffled each pass."""
    stream = np.empty(0, dtype=np.int64)
    need = rows * CONTEXT + 1
    for _ in range(steps):
        while len(stream) < need:
            order = generator.permutation(len(stories))
            stream = np.concatenate([stream, *(stories[i] for i in order)])
        block, stream = stream[:need], stream[need - 1 :]
        starts = np.arange(rows)[:, None] * CONTEXT
        yield torch.from_numpy(block[starts + np.arange(CONTEXT + 1)])


@torch.no_grad()
def bits_per_byte(
    model: torch.nn.Module, stories: Sequence[np.ndarray], texts: Sequence[str]
) -> float:
    """-log2 p of the texts over their UTF-8 bytes, float32, the start symbol in front."""
    model.eval()
    nll = 0.0
    for ids in stories:
        row = torch.from_numpy(ids[: CONTEXT + 1])[None]
        logits = model(input_ids=row[:, :-1]).logits[0].float()
        nll += torch.nn.functional.cross_entropy(logits, row[0, 1:], reduction="sum").item()
    model.train()
    return nll / math.log(2) / sum(len(text.encode()) for text in texts)


def build(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A freshly initialised Llama of this shape, embeddings tied to the head."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.width,
            intermediate_size=shape.feed_forward,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            initializer_range=0.5 / math.sqrt(shape.width),
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            use_cache=False,
        )
    )


def add_dropout(model: LlamaForCausalLM, share: float) -> None:
    """Drop `share` of what every attention and feed-forward block gives while training.

    Several passes over two million tokens are enough for three million parameters to learn
    stories by heart; this makes them learn English instead.
    """

    def drop(module: torch.nn.Module, _: object, output: Any) -> Any:
        if isinstance(output, tuple):
            return (torch.nn.functional.dropout(output[0], share, module.training), *output[1:])
        return torch.nn.functional.dropout(output, share, module.training)

    for layer in model.model.layers:
        layer.self_attn.register_forward_hook(drop)
        layer.mlp.register_forward_hook(drop)


def train(
    shape: Shape,
    tokenizer: PreTrainedTokenizerFast,
    stories: Sequence[np.ndarray],
    *,
    seed: int,
    device: str,
    epochs: float | None = None,
) -> tuple[LlamaForCausalLM, dict[str, object]]:
    """Train one member; returns it and what happened (steps, tokens, seconds, last loss)."""
    torch.manual_seed(seed)
    model = build(shape, tokenizer)
    model.to(torch.device(device))  # type: ignore[arg-type]  # transformers wraps nn.Module.to
    model.train()
    if shape.dropout:
        add_dropout(model, shape.dropout)
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=shape.rate, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=shape.rate, betas=(0.9, 0.95), weight_decay=0.01),
    ]
    tokens = sum(map(len, stories))
    steps = max(1, round((epochs or shape.epochs) * tokens / (shape.rows * CONTEXT)))
    warm = max(1, round(0.03 * steps))
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            optimiser,
            lambda step: (
                min(1.0, (step + 1) / warm)
                * 0.5
                * (1 + math.cos(math.pi * max(0, step - warm) / max(1, steps - warm)))
            ),
        )
        for optimiser in optimisers
    ]
    began, smooth = time.monotonic(), 0.0
    rows = epochs_of_rows(stories, shape.rows, steps, np.random.default_rng(seed))
    for step, block in enumerate(rows):
        block = block.to(device)
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = model(input_ids=block[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), block[:, 1:].flatten()
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser, schedule in zip(optimisers, schedules, strict=True):
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
        smooth = loss.item() if step == 0 else 0.95 * smooth + 0.05 * loss.item()
        if step % 50 == 0:
            speed = (step + 1) * shape.rows * CONTEXT / (time.monotonic() - began)
            print(
                f"{shape.name} {step}/{steps} loss {smooth:.4f} {speed:,.0f} tokens/s", flush=True
            )
    return model, {
        "steps": steps,
        "tokens": steps * shape.rows * CONTEXT,
        "seconds": round(time.monotonic() - began),
        "last_training_loss": round(smooth, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help=".jsonl file or Hugging Face dataset")
    parser.add_argument("--valid", help=".jsonl file; without it the last 2 %% of the data")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--only", nargs="*", help="members to train; all without it")
    parser.add_argument("--epochs", type=float, help="instead of the member's own number")
    parser.add_argument("--rate", type=float, help="instead of the member's own peak rate")
    parser.add_argument("--seed", type=int, default=1729)
    parser.add_argument("--limit", type=int, help="stories to train on, at most")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    asked = parser.parse_args()

    texts = read_texts(asked.data)[: asked.limit]
    if asked.valid:
        held_out = read_texts(asked.valid)
    else:
        cut = max(1, len(texts) // 50)
        texts, held_out = texts[:-cut], texts[-cut:]
    tokenizer = train_tokenizer(texts)
    stories, unseen = encode(tokenizer, texts), encode(tokenizer, held_out)
    print(f"{len(texts):,} stories, {sum(map(len, stories)):,} tokens", flush=True)

    def save(model: Any, name: str, log: dict[str, object]) -> None:
        folder = asked.out / name
        model.to("cpu", torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        log |= {
            "seed": asked.seed,
            "stories": len(texts),
            "parameters": sum(p.numel() for p in model.parameters()),
            "bits_per_byte_unseen": round(bits_per_byte(model.float(), unseen, held_out), 4),
        }
        (folder / "training.json").write_text(json.dumps(log, indent=1) + "\n")
        print(json.dumps(log), flush=True)

    if not asked.only or BIGRAM in asked.only:
        bigram = count_bigrams(stories, len(tokenizer), BIGRAM_PAIRS)
        save(bigram, BIGRAM, {"name": BIGRAM, "pairs": BIGRAM_PAIRS})
    for shape in SHAPES:
        if asked.only and shape.name not in asked.only:
            continue
        if asked.rate:
            shape = Shape(**{**asdict(shape), "rate": asked.rate})
        model, log = train(
            shape, tokenizer, stories, seed=asked.seed, device=asked.device, epochs=asked.epochs
        )
        save(model, shape.name, log | asdict(shape))


if __name__ == "__main__":
    main()

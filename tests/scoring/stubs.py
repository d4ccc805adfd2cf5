"""Models small enough to know by heart, in the manner of transformers."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast


class Table(torch.nn.Module):
    """p(next | this) read from a table of logits (V, V); has no parts to take apart."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(logits, requires_grad=False)
        text = SimpleNamespace(vocab_size=logits.shape[1], max_position_embeddings=64)
        self.config = SimpleNamespace(get_text_config=lambda: text)

    def get_output_embeddings(self) -> None:
        return None

    def forward(self, input_ids: torch.Tensor, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=self.logits[input_ids])


class Parted(torch.nn.Module):
    """The same table as a trunk (one-hot rows) and a linear head, and what lies behind it."""

    def __init__(self, logits: torch.Tensor, then: Any = None, **config: Any) -> None:
        super().__init__()
        size = logits.shape[1]
        self.head = torch.nn.Linear(logits.shape[0], size, bias=False)
        self.head.weight = torch.nn.Parameter(logits.T.contiguous(), requires_grad=False)
        text = SimpleNamespace(vocab_size=size, max_position_embeddings=64, **config)
        self.config = SimpleNamespace(get_text_config=lambda: text)
        self.then = then or (lambda logits: logits)

    def get_output_embeddings(self) -> torch.nn.Linear:
        return self.head

    def base_model(self, input_ids: torch.Tensor, use_cache: bool = True) -> SimpleNamespace:
        rows = torch.nn.functional.one_hot(input_ids, self.head.in_features)
        return SimpleNamespace(last_hidden_state=rows.to(self.head.weight.dtype))

    def forward(self, input_ids: torch.Tensor, **_: Any) -> SimpleNamespace:
        hidden = self.base_model(input_ids).last_hidden_state
        return SimpleNamespace(logits=self.then(self.head(hidden)))


def letters(alphabet: str, **special: str) -> Any:
    """A tokenizer of one token a character."""
    known = [*special.values(), *(ch for ch in alphabet if ch not in special.values())]
    backend = Tokenizer(models.WordLevel({ch: i for i, ch in enumerate(known)}, unk_token="·"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special)


def adding(tokenizer: Any, template: str) -> Any:
    """A copy of a byte-level tokenizer that adds special tokens by itself: "<s> $A </s>"."""
    other = copy.deepcopy(tokenizer)
    names = [name for name in template.split() if name != "$A"]
    symbols = [(name, tokenizer.convert_tokens_to_ids(name)) for name in names]
    other.backend_tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single=template, special_tokens=symbols),
        ]
    )
    return other


def spelling(tokenizer: Any, token: str) -> Any:
    """A copy that knows one more token than before, whose id lies behind all others."""
    other = copy.deepcopy(tokenizer)
    while len(other) < 320:
        other.add_tokens([f"[{len(other)}]"])
    other.add_special_tokens({"pad_token": token})
    return other

"""A counted bigram that answers like any causal language model.

p(b | a) is a count's share where the pair was kept, discounted by a constant, and the rest of
the mass is spread as the unigram shares (absolute discounting: Ney, Essen & Kneser 1994).
Only the pairs that gain most are kept, so the model has an honest small number of parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput


class BigramConfig(PreTrainedConfig):
    model_type = "eyebrow-bigram"

    def __init__(
        self,
        vocab_size: int = 0,
        pairs: int = 0,
        max_position_embeddings: int = 512,
        **rest: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.pairs = pairs
        self.max_position_embeddings = max_position_embeddings
        super().__init__(**rest)


class BigramForCausalLM(PreTrainedModel):
    """unigram, backoff: log-probabilities (V,); pairs (M, 2) with log-probabilities (M,)."""

    config_class = BigramConfig
    base_model_prefix = ""
    pairs: Tensor

    def __init__(self, config: BigramConfig) -> None:
        super().__init__(config)
        v, m = config.vocab_size, config.pairs
        self.unigram = torch.nn.Parameter(torch.zeros(v), requires_grad=False)
        self.backoff = torch.nn.Parameter(torch.zeros(v), requires_grad=False)
        self.pair_logprobs = torch.nn.Parameter(torch.zeros(m), requires_grad=False)
        self.register_buffer("pairs", torch.zeros((m, 2), dtype=torch.int16))
        self._table: Tensor | None = None
        self.post_init()

    def _init_weights(self, module: torch.nn.Module) -> None:
        pass  # everything is counted

    def get_output_embeddings(self) -> None:
        return None

    def table(self) -> Tensor:
        """float32 (V, V): log p(column | row), made when first asked for."""
        if self._table is None:
            table = self.backoff.float()[:, None] + self.unigram.float()[None]
            pairs = self.pairs.long()
            table[pairs[:, 0], pairs[:, 1]] = self.pair_logprobs.float()
            self._table = table
        return self._table

    def forward(self, input_ids: Tensor, **_: Any) -> CausalLMOutput:
        return CausalLMOutput(logits=self.table()[input_ids])


def count_bigrams(
    sequences: Sequence[npt.NDArray[np.int64]], vocabulary: int, keep: int, discount: float = 0.75
) -> BigramForCausalLM:
    """Count token pairs, keep the `keep` that gain most log-likelihood over the unigram."""
    first = np.concatenate([s[:-1] for s in sequences])
    second = np.concatenate([s[1:] for s in sequences])
    unigram = np.bincount(second, minlength=vocabulary) + 1.0
    unigram /= unigram.sum()
    history = np.bincount(first, minlength=vocabulary).astype(float)
    codes, counts = np.unique(first * vocabulary + second, return_counts=True)
    a, b = codes // vocabulary, codes % vocabulary
    share = (counts - discount) / history[a]
    gain = counts * (np.log(share) - np.log(unigram[b]))
    kept = np.sort(np.argsort(-gain, kind="stable")[:keep])
    a, b, share = a[kept], b[kept], share[kept]
    left = 1.0 - np.bincount(a, weights=share, minlength=vocabulary)
    covered = np.bincount(a, weights=unigram[b], minlength=vocabulary)
    model = BigramForCausalLM(BigramConfig(vocab_size=vocabulary, pairs=len(kept)))
    model.unigram.copy_(torch.from_numpy(np.log(unigram)))
    model.backoff.copy_(torch.from_numpy(np.log(left / (1.0 - covered))))
    model.pairs.copy_(torch.from_numpy(np.stack([a, b], axis=1)))
    model.pair_logprobs.copy_(torch.from_numpy(np.log(share)))
    return model


AutoConfig.register(BigramConfig.model_type, BigramConfig)
AutoModelForCausalLM.register(BigramConfig, BigramForCausalLM)

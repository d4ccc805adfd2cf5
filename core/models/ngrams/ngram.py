"""Character n-grams, counted, that answer like any causal language model.

A text of k letters is the sequence `<s> letters </s>`; in front of it N - 2 more start symbols
are understood. With count(c, x) how often x followed the N - 1 symbols c, and V outcomes (the
characters of the training text and the end symbol):

    p(x | c) = (count(c, x) + k) / (count(c) + k V)

For k = 0, unsmoothed, what was never counted has probability 0, logit -inf, surprise infinite.
A context never seen says nothing: p is 1 / V, to which the formula comes for every k > 0.

Characters outside the training text are one unknown symbol. No context was ever followed by it,
so its share comes from the text as a whole, add-k again: u = k / (n + k (V + 1)) with n symbols
counted, and the others share 1 - u. The V outcomes keep their smoothing (27 for the names); for
k = 0 the unknown symbol has probability 0.

Nothing follows the end symbol in a text. Behind it the model goes on as if it were not there, so
that a tokenised prompt can be continued.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

from .characters import END, START, UNKNOWN


class NgramConfig(PreTrainedConfig):
    """order: N. k: added to every count. source: sha256 of the training text's bytes.

    sizes: distinct context prefixes of 1, 2, ... N - 1 symbols, then distinct n-grams.
    """

    model_type = "eyebrow-ngram"

    def __init__(
        self,
        order: int = 1,
        k: float = 0.0,
        vocab_size: int = 4,
        sizes: tuple[int, ...] = (0,),
        source: str = "",
        **rest: Any,
    ) -> None:
        self.order = order
        self.k = k
        self.vocab_size = vocab_size
        self.sizes = list(sizes)
        self.source = source
        super().__init__(**rest)


class NgramForCausalLM(PreTrainedModel):
    """Counts of the n-grams that occur; its parameters are these counts, one an n-gram.

    Contexts are a trie: the node reached from node `a` with symbol `x` is the place of the code
    `a * vocabulary + x` in its level's sorted codes. No table grows with vocabulary ** N.

    contexts: int64, the codes of levels 1 to N - 1, one level behind the other.
    grams: int64 (M,), sorted codes of (context node, last symbol). counts: int64 (M,).
    """

    config_class = NgramConfig
    base_model_prefix = ""
    contexts: Tensor
    grams: Tensor

    def __init__(self, config: NgramConfig) -> None:
        super().__init__(config)
        *levels, grams = config.sizes
        self.register_buffer("contexts", torch.zeros(sum(levels), dtype=torch.int64))
        self.register_buffer("grams", torch.zeros(grams, dtype=torch.int64))
        self.counts = torch.nn.Parameter(torch.zeros(grams, dtype=torch.int64), requires_grad=False)
        self._made: _Table | None = None
        self.post_init()

    def _init_weights(self, module: torch.nn.Module) -> None:
        pass  # everything is counted

    def get_output_embeddings(self) -> None:
        return None

    @property
    def dtype(self) -> torch.dtype:
        """Of the logits; counts are whole numbers."""
        return torch.float32

    def forward(self, input_ids: Tensor, **_: Any) -> CausalLMOutput:
        """float32 (B, T, V) log-probabilities of what follows each of the ids (B, T)."""
        nodes = self.nodes(input_ids)
        return CausalLMOutput(logits=self._logits(nodes.flatten()).view(*nodes.shape, -1))

    def nodes(self, ids: Tensor) -> Tensor:
        """int64 (B, T): the context that ends with each of the ids; -1 for one never seen."""
        order, size = self.config.order, self.config.vocab_size
        node = torch.zeros_like(ids)
        padded = torch.nn.functional.pad(ids, (max(0, order - 2), 0), value=START)
        levels = self.contexts.split(self.config.sizes[:-1])
        for n, level in enumerate(levels):
            node = _find(level, node * size + padded[:, n : n + ids.shape[1]])
        before = torch.nn.functional.pad(node[:, :-1], (1, 0), value=-1 if levels else 0)
        return torch.where(ids == END, before, node)

    def _logits(self, nodes: Tensor) -> Tensor:
        """float32 (R, V) of the contexts `nodes` (R,)."""
        size = self.config.vocab_size
        table = self._table()
        place = torch.where(nodes >= 0, nodes, len(table.never) - 1)
        logits = table.never[place][:, None].repeat(1, size)
        first = table.firsts[place]
        width = table.firsts[place + 1] - first
        row = torch.repeat_interleave(width)
        at = torch.arange(len(row), device=row.device) + (first + width - width.cumsum(0))[row]
        logits[row, self.grams[at] % size] = table.ever[at]
        logits[:, START] = -math.inf
        logits[:, UNKNOWN] = table.unknown
        return logits

    def _table(self) -> _Table:
        """The counts as log-probabilities; made in float64, once for each device."""
        if self._made is None or self._made.ever.device != self.grams.device:
            size, k = self.config.vocab_size, float(self.config.k)
            outcomes = size - 2  # neither the start nor the unknown symbol
            contexts = self.config.sizes[-2] if self.config.order > 1 else 1
            grams, counts = self.grams.cpu(), self.counts.cpu().double()
            node = grams // size
            total = torch.zeros(contexts, dtype=torch.float64).index_add_(0, node, counts)
            below = (total + k * outcomes).log()
            unknown = k / (float(counts.sum()) + k * (outcomes + 1))
            rest = math.log1p(-unknown)
            zero = math.log(k) if k else -math.inf
            unseen = torch.tensor([-math.log(outcomes)], dtype=torch.float64)
            firsts = torch.searchsorted(grams, torch.arange(contexts + 1) * size)
            self._made = _Table(
                torch.cat([firsts, firsts[-1:]]).to(self.grams.device),
                ((counts + k).log() - below[node] + rest).float().to(self.grams.device),
                (torch.cat([zero - below, unseen]) + rest).float().to(self.grams.device),
                math.log(unknown) if unknown else -math.inf,
            )
        return self._made


class _Table(NamedTuple):
    """Log-probabilities of C contexts and M n-grams; one place more for contexts never seen.

    firsts: int64 (C + 2,), where a context's n-grams begin. ever: float32 (M,), what was counted.
    never: float32 (C + 1,), what was not. unknown: of the unknown symbol, the same everywhere.
    """

    firsts: Tensor
    ever: Tensor
    never: Tensor
    unknown: float


def _find(codes: Tensor, wanted: Tensor) -> Tensor:
    """The place of each of `wanted` in the sorted `codes`, -1 where it is not among them."""
    place = torch.searchsorted(codes, wanted.contiguous()).clamp(max=len(codes) - 1)
    return torch.where(codes[place] == wanted, place, -1)


AutoConfig.register(NgramConfig.model_type, NgramConfig)
AutoModelForCausalLM.register(NgramConfig, NgramForCausalLM)

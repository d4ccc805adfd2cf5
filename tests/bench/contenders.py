"""What scores: eyebrow and what else people score with, each as it is meant to be used.

Every contender gives the nats of each text after its first token, which is context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

Nats = list[float]
Contender = Callable[[Any, Any, Sequence[str]], Nats]


def eyebrow(model: Any, tokenizer: Any, texts: Sequence[str]) -> Nats:
    """As `eyebrow score` does it: with ranks, entropies and the ten likeliest of every token."""
    return _eyebrow(model, tokenizer, texts, top=10)


def eyebrow_without_top(model: Any, tokenizer: Any, texts: Sequence[str]) -> Nats:
    """The same with `--top 0`."""
    return _eyebrow(model, tokenizer, texts, top=0)


def _eyebrow(model: Any, tokenizer: Any, texts: Sequence[str], top: int) -> Nats:
    from eyebrow.core.scoring.recipe import Recipe
    from eyebrow.core.scoring.scorer import Scorer
    from eyebrow.core.scoring.simple import recipe_for

    scorer = Scorer(model, tokenizer, recipe_for(model, Recipe(top=top)))
    found = dict(scorer.score(texts))
    return [found[at].summary.nll for at in range(len(texts))]


def notebook(model: Any, tokenizer: Any, texts: Sequence[str]) -> Nats:
    """The loop of a course's notebook: a text at a time, a float32 log-softmax of the logits."""
    found = []
    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids.to(model.device)
        with torch.no_grad():
            logits = model(ids).logits[0, :-1]
        chosen = torch.log_softmax(logits.float(), dim=-1).gather(1, ids[0, 1:, None])
        found.append(-chosen.sum().item())
    return found


def labels(model: Any, tokenizer: Any, texts: Sequence[str]) -> Nats:
    """The loss that transformers returns where labels are given, times the tokens of its mean."""
    found = []
    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids.to(model.device)
        with torch.no_grad():
            loss = model(ids, labels=ids).loss
        found.append(loss.item() * (ids.shape[1] - 1))
    return found


def minicons(model: Any, tokenizer: Any, texts: Sequence[str], batch: int = 8) -> Nats:
    """Sums of `sequence_score`, in batches of texts of like length."""
    from minicons.scorer import IncrementalLMScorer

    scorer = IncrementalLMScorer(model, str(model.device), tokenizer=tokenizer)
    found, order = [0.0] * len(texts), sorted(range(len(texts)), key=lambda at: len(texts[at]))
    for first in range(0, len(order), batch):
        some = order[first : first + batch]
        sums = scorer.sequence_score(
            [texts[at] for at in some], reduction=lambda scores: -scores.sum(0).item()
        )
        for at, total in zip(some, sums, strict=True):
            found[at] = total
    return found


def lm_eval(model: Any, tokenizer: Any, texts: Sequence[str], batch: int = 8) -> Nats:
    """The log-likelihoods of lm-evaluation-harness: the first token is the context of the rest."""
    from lm_eval.models.huggingface import HFLM

    evaluated = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch, max_length=2048)
    asked = []
    for text in texts:
        ids = tokenizer(text).input_ids
        asked.append((("", text), ids[:1], ids[1:]))
    answers = evaluated._loglikelihood_tokens(asked, disable_tqdm=True)
    return [-total for total, _ in answers]


CONTENDERS: dict[str, Contender] = {
    "eyebrow": eyebrow,
    "eyebrow --top 0": eyebrow_without_top,
    "notebook loop": notebook,
    "labels=": labels,
    "minicons": minicons,
    "lm-eval": lm_eval,
}
NEEDS = {"minicons": "minicons", "lm-eval": "lm_eval"}
BATCHES = (1, 8, 32)  # what minicons and lm-eval are tried with: their best one counts

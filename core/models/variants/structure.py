"""Structured pruning: whole neurons of the MLPs taken out, with torch-pruning.

Of each layer's MLP the same share of neurons goes, those whose weights have the smallest norm
over all matrices that they are part of (torch-pruning's `GroupMagnitudeImportance`; Fang et al.
2023, DepGraph). Attention and the width of the model stay, so that the result is an ordinary
checkpoint whose configuration says its size.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch

from ...errors import FAILED, EyebrowError, reason
from .spelling import Variant

_WIDTHS = ("intermediate_size", "n_inner", "ffn_dim")
_INTO = ("gate_proj", "up_proj", "fc1", "dense_h_to_4h")  # into an MLP; one leads to the others


def take_out(model: Any, variant: Variant) -> None:
    """Raises `EyebrowError` without torch-pruning, and for models whose MLPs it cannot follow."""
    if find_spec("torch_pruning") is None:
        raise EyebrowError(
            "Not installed", f"@{variant} takes torch-pruning: pip install 'eyebrow[prune]'"
        )
    config = model.config.get_text_config()
    field = next((name for name in _WIDTHS if hasattr(config, name)), None)
    # One of the matrices into an MLP leads to the others.
    first: dict[str, torch.nn.Linear] = {}
    for name, module in model.named_modules():
        parent, _, own = name.rpartition(".")
        if own in _INTO and isinstance(module, torch.nn.Linear):
            first.setdefault(parent, module)
    if not first or field is None:
        raise EyebrowError(
            "Cannot be pruned",
            f"@{variant}: this model's MLPs are no linear layers; leave :structured out",
        )
    try:
        widths = {_prune(model, module, variant.amount) for module in first.values()}
    except Exception as error:
        raise EyebrowError("Cannot be pruned", f"@{variant}: {reason(error)}", FAILED) from error
    (width,) = widths
    setattr(config, field, width)


def _prune(model: Any, into: torch.nn.Linear, share: float) -> int:
    """How many neurons are left of the MLP that `into` leads to."""
    import torch_pruning as tp

    example = {"input_ids": torch.zeros((1, 4), dtype=torch.long, device=into.weight.device)}
    with torch.enable_grad():  # the graph is read off what autograd notes
        graph = tp.DependencyGraph().build_dependency(
            model, example_inputs=example, forward_fn=lambda m, i: m(**i, use_cache=False).logits
        )
    every = list(range(into.out_features))
    group = graph.get_pruning_group(into, tp.prune_linear_out_channels, every)
    importance = tp.importance.GroupMagnitudeImportance(p=2)(group)
    count = min(round(share * len(every)), len(every) - 1)
    least = importance.argsort(stable=True)[:count].tolist()
    graph.get_pruning_group(into, tp.prune_linear_out_channels, sorted(least)).prune()
    return into.out_features

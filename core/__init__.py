"""eyebrow's scoring core: where, and how much, is a language model surprised?

    from eyebrow.core import compute_perplexity, load_model
    model, tokenizer, device, dtype = load_model("pocket-3m")
    compute_perplexity(model, tokenizer, "The cat sat on the mat.")

Names are handed on when they are asked for, so that importing this package costs nothing and
brings in neither torch nor transformers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine.local import score
    from .errors import EyebrowError
    from .models.load import load_model
    from .scoring.recipe import Recipe
    from .scoring.simple import compute_perplexity, next_tokens, token_surprise
    from .stories import Story, open_stories

_ROOMS = {
    "EyebrowError": "errors",
    "Recipe": "scoring.recipe",
    "Story": "stories",
    "compute_perplexity": "scoring.simple",
    "load_model": "models.load",
    "next_tokens": "scoring.simple",
    "open_stories": "stories",
    "score": "engine.local",
    "token_surprise": "scoring.simple",
}

__all__ = [
    "EyebrowError",
    "Recipe",
    "Story",
    "compute_perplexity",
    "load_model",
    "next_tokens",
    "open_stories",
    "score",
    "token_surprise",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_ROOMS[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__

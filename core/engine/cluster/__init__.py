"""The run loop on Ray: the same job as `engine.local`, by workers on one machine or on many."""

from __future__ import annotations

from .score import score
from .session import Asked

__all__ = ["Asked", "score"]

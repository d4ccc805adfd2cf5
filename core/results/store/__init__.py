"""The store: a folder of scores and of what runs call them; see docs/store.md."""

from __future__ import annotations

from ...stories.story import Label
from ..default_store import default_store
from .following import Follower
from .labels import Labels, Run, RunLabels, list_runs
from .layout import LAYOUT
from .parts import ROWS_TOGETHER
from .rows import Contents, Entry, Row
from .schema import SCHEMA
from .writer import Store

__all__ = [
    "LAYOUT",
    "ROWS_TOGETHER",
    "SCHEMA",
    "Contents",
    "Entry",
    "Follower",
    "Label",
    "Labels",
    "Row",
    "Run",
    "RunLabels",
    "Store",
    "default_store",
    "list_runs",
]

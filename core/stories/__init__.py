"""Stories: what is read, coloured and scored.

`open_stories(source)` reads any source, `bundled_stories()` the ones that come along. Nothing
here imports more than the standard library before a source needs it.
"""

from __future__ import annotations

from .bundled import bundled_stories
from .sources import Stories, open_stories
from .story import Story, text_digest

__all__ = ["Stories", "Story", "bundled_stories", "open_stories", "text_digest"]

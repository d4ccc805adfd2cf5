"""Notifications, which Textual shows as toasts."""

from __future__ import annotations

from textual.notifications import Notification

LEAST = 1.0  # seconds that a toast stands


class LastingNotification(Notification):
    """A notification whose toast stands for a while, however late it comes.

    A toast that begins to stand after its time was over has a timer of negative length, and such
    a timer of Textual's goes round for ever: no key is taken any more.
    """

    @property
    def time_left(self) -> float:
        """Seconds."""
        return max(LEAST, super().time_left)

    @property
    def has_expired(self) -> bool:
        return super().time_left <= 0

"""What is open, selected and running: six rooms and a thin face."""

from .session import Session

__all__ = ["Session"]

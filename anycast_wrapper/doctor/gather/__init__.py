"""Finding out: everything at once, each within its time, nothing started and nothing changed."""

from .everything import gather

__all__ = ["gather"]

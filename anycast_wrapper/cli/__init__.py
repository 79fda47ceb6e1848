"""The command line: one module a command, each as thin as it can be."""

from .main import main

__all__ = ["main"]

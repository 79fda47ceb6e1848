"""Announces an anycast service address for exactly as long as the name server behind it answers."""

__version__ = "0.1.0"

"""The unix socket over which a running wrapper is asked and told, and the lock beside it."""

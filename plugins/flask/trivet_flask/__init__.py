"""Existing Flask applications and extensions, unchanged, on Trivet."""

from .alias import AlreadyImported, install

__all__ = ["AlreadyImported", "install"]

"""The providers that read and write an application's JSON."""

from ..builtin.json import DefaultJSONProvider, JSONProvider

__all__ = ["DefaultJSONProvider", "JSONProvider"]

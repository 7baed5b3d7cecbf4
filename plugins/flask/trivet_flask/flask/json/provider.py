"""``flask.json.provider``: what reads and writes JSON."""

from trivet.json.provider import DefaultJSONProvider, JSONProvider

_default = DefaultJSONProvider.default

__all__ = ["DefaultJSONProvider", "JSONProvider"]

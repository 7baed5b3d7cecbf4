"""``flask.json.provider``: what reads and writes JSON."""

from trivet.json.provider import DefaultJSONProvider, JSONProvider

__all__ = ["DefaultJSONProvider", "JSONProvider"]

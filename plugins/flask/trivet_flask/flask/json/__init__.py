"""``flask.json``: JSON by the application's provider."""

from trivet.json import dump, dumps, jsonify, load, loads

from . import provider, tag

__all__ = ["dump", "dumps", "jsonify", "load", "loads", "provider", "tag"]

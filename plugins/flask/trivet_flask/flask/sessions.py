"""``flask.sessions``: session objects, and the interfaces that keep them."""

from itsdangerous import URLSafeTimedSerializer

from trivet.sessions import *  # noqa: F403
from trivet.sessions import __all__ as _sessions

from .json.tag import TaggedJSONSerializer

__all__ = [*_sessions, "TaggedJSONSerializer", "URLSafeTimedSerializer"]

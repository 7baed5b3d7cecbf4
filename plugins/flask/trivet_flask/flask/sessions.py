"""``flask.sessions``: session objects, and the interfaces that keep them."""

from trivet.sessions import *  # noqa: F403
from trivet.sessions import __all__

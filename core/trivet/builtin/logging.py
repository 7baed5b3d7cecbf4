"""The application's logger."""

import logging
import sys
from typing import Any

from werkzeug.local import LocalProxy

from ..kernel.context import current


def _errors_stream() -> Any:
    """Return the server's error stream for the active request, or standard error."""
    ctx = current.get(None)
    if ctx is not None and ctx.has_request:
        return ctx.environ["wsgi.errors"]  # type: ignore[attr-defined]
    return sys.stderr


#: A stream that is, at each use, the ``wsgi.errors`` of the active request, or standard error.
wsgi_errors_stream: Any = LocalProxy(_errors_stream)

#: Writes to :data:`wsgi_errors_stream`; added to an application's logger if nothing else handles its messages.
default_handler = logging.StreamHandler(wsgi_errors_stream)
default_handler.setFormatter(logging.Formatter("[%(asctime)s] %(levelname)s in %(module)s: %(message)s"))


def has_level_handler(logger: logging.Logger) -> bool:
    """Say whether a handler of ``logger`` or of those above it takes messages of its level."""
    level = logger.getEffectiveLevel()
    place: logging.Logger | None = logger
    while place is not None:
        if any(handler.level <= level for handler in place.handlers):
            return True
        if not place.propagate:
            break
        place = place.parent
    return False


def create_logger(app: Any) -> logging.Logger:
    """Return the logger of the application's name, at level DEBUG in debug mode, with a handler to be seen by."""
    logger = logging.getLogger(app.name)
    if app.debug and not logger.level:
        logger.setLevel(logging.DEBUG)
    if not has_level_handler(logger):
        logger.addHandler(default_handler)
    return logger

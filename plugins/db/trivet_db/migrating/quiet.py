"""Keeps back what Alembic says whenever its parts start: it is no news, and would be in every log."""

import logging

_TALKING = ("setup plugin", "setting up autogenerate plugin")


def is_news(record: logging.LogRecord) -> bool:
    """Answer for :meth:`logging.Logger.addFilter`."""
    return not str(record.msg).startswith(_TALKING)


logging.getLogger("alembic.runtime.plugins").addFilter(is_news)

"""Where programs written for Flask-SQLAlchemy look for :func:`get_recorded_queries`."""

from .seen import QueryInfo, get_recorded_queries

__all__ = ["QueryInfo", "get_recorded_queries"]

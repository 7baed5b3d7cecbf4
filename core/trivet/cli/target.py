"""What the processes of a production server import: the application that the environment names."""

from typing import Any

from ..app import Trivet
from .loader import Loader


def _load() -> Trivet:
    return Loader().ready_app()


def wsgi() -> Any:
    """Return the application as a WSGI callable.

    :raises click.ClickException: if it cannot be loaded.
    """
    return _load().wsgi


def asgi() -> Any:
    """Return the application as an ASGI callable.

    :raises click.ClickException: if it cannot be loaded.
    """
    return _load().asgi

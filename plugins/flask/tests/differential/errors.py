"""The exceptions of the application."""

from __future__ import annotations

from werkzeug.exceptions import HTTPException


class Refused(Exception):
    """Has an error handler of its own."""


class ReallyRefused(Refused):
    """Is answered by the handler of its base."""


class Teapot(HTTPException):
    """An HTTP error of the application's own."""

    code = 418
    description = "Short and stout."

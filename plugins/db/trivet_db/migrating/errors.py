"""What can go wrong with migrations, and what databases say of it without credentials."""

import sqlalchemy as sa
from sqlalchemy.engine import URL

from trivet import TrivetError

from ..urls import without_secrets


class MigrationError(TrivetError):
    """Migrations cannot be run or written; the message says what to do."""


def said_by(error: BaseException, url: URL | None = None) -> str:
    """Return what an error says in one line, without the values of a statement.

    :param url: whose secrets are not shown.
    """
    shown: BaseException = error
    if isinstance(error, sa.exc.DBAPIError) and error.orig is not None:
        shown = error.orig
    lines = [line.strip() for line in str(shown).splitlines() if line.strip()]
    text = " ".join(lines) or "no reason was given"
    if url is not None:
        text = without_secrets(text, url)
    return f"{type(shown).__name__}: {text}".removesuffix(".")

"""What can go wrong with migrations."""

from trivet import TrivetError


class MigrationError(TrivetError):
    """Migrations cannot be run or written; the message says what to do."""

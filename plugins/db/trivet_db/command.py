"""``trivet db``: migrations, and commands around a database."""

from typing import Any

import click


def make_command(app: Any) -> click.Group:
    """Make the command for an application."""

    @click.group("db")
    def db() -> None:
        """Look after the application's databases."""

    return db

"""``trivet auth``: accounts, their passwords, roles, sessions and tokens, from a terminal."""

from collections.abc import Iterable
from typing import Any

import click

from trivet import TrivetError

from .commands import credentials, people
from .errors import TakenError
from .records import StoreError
from .state import Auth


class AuthGroup(click.Group):
    """A group of commands that know an application's accounts; what goes wrong is said without a traceback.

    :param app: the application.
    """

    def __init__(self, app: Any, commands: Iterable[click.Command], **extra: Any) -> None:
        super().__init__(commands=list(commands), **extra)
        self.app = app

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command in a context of the application."""
        try:
            self.app.seal()
            ctx.obj = Auth.of(self.app)
            with self.app.app_context():
                return super().invoke(ctx)
        except (TrivetError, StoreError, TakenError) as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            if not _is_of_database(error):
                raise
            said = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise click.ClickException(f"The database has refused: {said}") from error


def _is_of_database(error: Exception) -> bool:
    """Tell whether SQLAlchemy has raised it, which may not be installed."""
    return any(f"{one.__module__}.{one.__name__}" == "sqlalchemy.exc.SQLAlchemyError" for one in type(error).__mro__)


def make_command(app: Any) -> click.Group:
    """Make the command for an application."""
    commands = [*people.COMMANDS, *credentials.COMMANDS]
    return AuthGroup(app, commands, name="auth", help="Look after accounts: passwords, roles, sessions and tokens.")

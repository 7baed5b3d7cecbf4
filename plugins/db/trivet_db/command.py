"""``trivet db``: migrations, and commands around databases."""

from collections.abc import Iterable
from typing import Any

import click
import sqlalchemy as sa
from alembic.util import CommandError

from trivet import TrivetError

from .commands import moving, showing, tending
from .migrating import Layout
from .migrating.errors import said_by
from .state import State
from .urls import is_in_memory


class DatabaseGroup(click.Group):
    """A group of commands that know an application's migrations; what goes wrong is said without a traceback.

    :param app: the application.
    """

    def __init__(self, app: Any, commands: Iterable[click.Command], **extra: Any) -> None:
        super().__init__(commands=list(commands), **extra)
        self.app = app

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            self.app.seal()
            ctx.obj = Layout(self.app)
            return super().invoke(ctx)
        except (TrivetError, CommandError) as error:
            raise click.ClickException(str(error)) from error
        except sa.exc.SQLAlchemyError as error:
            raise click.ClickException(f"A database has refused: {said_by(error)}.") from error
        finally:
            _let_go(self.app)


def make_command(app: Any) -> click.Group:
    """Make the command for an application."""
    commands = [*moving.COMMANDS, *showing.COMMANDS, *tending.COMMANDS]
    return DatabaseGroup(app, commands, name="db", help="Migrate the application's databases, and look after them.")


def _let_go(app: Any) -> None:
    """Close the connections that are idle, but for those to memory, where closing would be dropping."""
    state: State | None = app.extensions.get("trivet_db")
    if state is None or "engines" not in state.__dict__:
        return
    for _, engine in state.engines.made():
        if not is_in_memory(engine.url):
            engine.dispose()

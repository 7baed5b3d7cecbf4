"""``trivet db``: migrations, and commands around databases."""

from collections.abc import MutableMapping
from functools import cached_property
from importlib import import_module
from typing import Any

import click

from trivet import TrivetError


class DatabaseGroup(click.Group):
    """A group of commands that know an application's migrations; what goes wrong is said without a traceback.

    They are imported when one of them is asked for: Alembic, which they need, is nothing to other commands.

    :param app: the application.
    """

    def __init__(self, app: Any, **extra: Any) -> None:
        super().__init__(callback=self._prepare, **extra)
        self.app = app

    @cached_property
    def _module(self) -> Any:
        return import_module(".commands", __package__)

    @cached_property
    def _loaded(self) -> dict[str, click.Command]:
        return {one.name: one for one in self._module.COMMANDS}

    @property
    def commands(self) -> MutableMapping[str, click.Command]:
        """The commands by name."""
        return self._loaded

    @commands.setter
    def commands(self, given: MutableMapping[str, click.Command]) -> None:
        """Leave them as they are: click sets what its group begins with."""

    def _prepare(self) -> None:
        """Find out where the migrations are, before a command; click calls it."""
        self.app.seal()
        click.get_current_context().obj = self._module.Layout(self.app)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            with self._module.in_words():
                return super().invoke(ctx)
        except TrivetError as error:
            raise click.ClickException(str(error)) from error
        finally:
            self._module.let_go(self.app)


def make_command(app: Any) -> click.Group:
    """Make the command for an application."""
    return DatabaseGroup(app, name="db", help="Migrate the application's databases, and look after them.")

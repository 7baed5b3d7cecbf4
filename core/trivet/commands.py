"""Click commands that know their application: what ``app.cli`` and ``blueprint.cli`` are made of."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from .kernel.context import current

F = TypeVar("F", bound=Callable[..., Any])

#: The key under which the ``trivet`` command keeps its :class:`ScriptInfo`-like object: ``obj.load_app()``.
LoadsApp = Any


def with_appcontext(function: F) -> F:
    """Run a click command inside the application's context, which lasts until the command ends."""

    @click.pass_context
    def inside(click_ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        ctx = current.get(None)
        if ctx is None:
            app = click_ctx.obj.load_app()
            click_ctx.with_resource(app.app_context())
        return click_ctx.invoke(function, *args, **kwargs)

    return functools.update_wrapper(inside, function)  # type: ignore[return-value]


class AppGroup(click.Group):
    """A click group whose commands run inside the application's context unless they ask not to."""

    def command(self, *args: Any, **kwargs: Any) -> Any:
        """Declare a command, as :meth:`click.Group.command`; ``with_appcontext=False`` runs it without context."""
        wrap = kwargs.pop("with_appcontext", True)
        declare = super().command(*args, **kwargs)

        def decorator(function: Callable[..., Any]) -> click.Command:
            made: click.Command = declare(with_appcontext(function) if wrap else function)
            return made

        return decorator

    def group(self, *args: Any, **kwargs: Any) -> Any:
        """Declare a group of commands of this same kind, as :meth:`click.Group.group`."""
        kwargs.setdefault("cls", AppGroup)
        return super().group(*args, **kwargs)

"""The commands that the application and its plugins add, and whose they are."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import click

from ..app import Trivet
from ..kernel.errors import ConflictError, SetupError, place_of
from ..plugins import PluginError
from .failures import relative, summary


class Added(NamedTuple):
    """A command that does not ship with Trivet.

    :ivar owner: the plugin that brings it, ``None`` for the application itself.
    :ivar place: ``file:line`` of its function.
    """

    command: click.Command
    owner: str | None
    place: str


class Commands(NamedTuple):
    """All added commands by name, and what was wrong with others."""

    added: dict[str, Added]
    problems: list[SetupError]


def collect(app: Trivet, own: Mapping[str, click.Command]) -> Commands:
    """Ask an application and its plugins for their commands.

    Nobody may take the name of one of Trivet's ``own`` commands, nor two plugins the same name; the application
    may override a plugin's.
    """
    found: dict[str, Added] = {}
    problems: list[SetupError] = []
    for name, command in app.cli.commands.items():
        _add(app, found, problems, own, name, Added(command, None, place(command)))
    for impl in reversed(app.hook.trivet_commands.get_hookimpls()):
        try:
            commands = list(_ask(app, impl))
        except Exception as error:
            problems.append(_failed(app, impl.plugin_name, error))
            continue
        for command in commands:
            with app.registrar.on_behalf_of(impl.plugin_name):
                _add(
                    app,
                    found,
                    problems,
                    own,
                    command.name or "",
                    Added(command, impl.plugin_name, place(command)),
                )
    return Commands(found, problems)


def _ask(app: Trivet, impl: Any) -> Iterator[click.Command]:
    if impl.wrapper or impl.hookwrapper:
        raise TypeError(f"trivet_commands cannot be wrapped ({place_of(impl.function)})")
    function = app.ensure_sync(impl.function)
    given = function(*[app for _ in impl.argnames])
    for one in given if isinstance(given, (list, tuple)) else [given]:
        if one is None:
            continue
        if not isinstance(one, click.Command):
            raise TypeError(
                f"{place_of(impl.function)} returned {type(one).__name__} instead of a click command or a list of them"
            )
        yield one


def _failed(app: Trivet, name: str, error: Exception) -> SetupError:
    one = app.plugins.found.get(name)
    wrapped = PluginError(f"The plugin {one.title if one else name} failed in trivet_commands: {summary(error)}")
    wrapped.__cause__ = error
    return wrapped


def _add(
    app: Trivet,
    found: dict[str, Added],
    problems: list[SetupError],
    own: Mapping[str, click.Command],
    name: str,
    one: Added,
) -> None:
    try:
        if name in own:
            who = f"the plugin {one.owner!r}" if one.owner is not None else "the application"
            raise ConflictError(
                f"The command {name!r} is claimed twice: by Trivet itself ({relative(place(own[name]))}) and by {who} "
                f"({relative(one.place)}). Give it another name."
            )
        if app.registrar.claim("command", name, relative(one.place)):
            found[name] = one
    except ConflictError as error:
        problems.append(error)


def place(command: click.Command) -> str:
    """Return ``file:line`` of the function behind a command; of a group, of its first command if it has none itself."""
    function: Any = command.callback
    if function is None and isinstance(command, click.Group):
        return next((place(one) for one in command.commands.values()), "?")
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    found = place_of(function)
    return os.path.normpath(found) if found != "?" else found

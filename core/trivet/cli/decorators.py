"""What the functions behind Trivet's own commands are declared with."""

from collections.abc import Callable
from typing import Any

import click

from ..kernel.errors import SetupError
from .failures import summary
from .loader import Loader, Seen
from .options import shared_options

pass_loader = click.make_pass_decorator(Loader)


def own_command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Declare one of Trivet's own commands: its first argument is the loader, and it takes the shared options too."""

    def decorator(function: Callable[..., Any]) -> click.Command:
        command = click.command(name)(pass_loader(function))
        command.params += shared_options(hidden=True)
        return command

    return decorator


def note_failure(seen: Seen) -> None:
    """Say on standard error, if it is so, that the application itself is missing from what is shown."""
    if seen.failure is None:
        return
    failure = seen.failure
    said = str(failure) if isinstance(failure, SetupError) else summary(failure)
    why = said if seen.missing else f"The application could not be loaded: {said}"
    click.secho(f"{why}\nWhat follows is of the configuration file alone.", fg="yellow", err=True)


def note_problems(seen: Seen) -> None:
    """Print what is wrong to standard error."""
    note_failure(seen)
    for problem in seen.problems:
        click.secho(f"Problem: {problem}", fg="yellow", err=True)

"""How the failure of an application or a plugin is shown: its own traceback, without ours."""

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from ..kernel.errors import SetupError

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_TRIVET = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_CLICK = os.path.dirname(os.path.abspath(click.__file__)) + os.sep


class LoadError(click.ClickException):
    """The application could not be loaded; shown with the traceback of its own code.

    :param headline: which application, and who named it.
    :param error: what was raised.
    """

    def __init__(self, headline: str, error: BaseException) -> None:
        super().__init__(headline)
        self.error = error

    def show(self, file: Any = None) -> None:
        """Print the traceback and what can still be done."""
        click.secho(self.message, fg="red", err=True)
        click.echo(format_error(self.error), err=True, nl=False)
        click.echo("These commands work all the same: trivet doctor, plugins, hooks, config.", err=True)


def format_error(error: BaseException) -> str:
    """Return the traceback of an exception without the frames of click, of importing and of the command itself.

    A wrong declaration (:class:`~trivet.SetupError`) speaks for itself: of its frames only those outside of Trivet
    are shown.
    """
    shown = traceback.TracebackException.from_exception(error)
    _cut(shown, isinstance(error, SetupError), set())
    return "".join(shown.format())


def _cut(shown: traceback.TracebackException, deep: bool, seen: set[int]) -> None:
    if id(shown) in seen:
        return
    seen.add(id(shown))
    hidden = (_TRIVET, _CLICK) if deep else (_HERE, _CLICK)
    kept = [one for one in shown.stack if not one.filename.startswith(hidden) and "importlib" not in one.filename]
    shown.stack = traceback.StackSummary.from_list(kept)
    for other in (shown.__cause__, shown.__context__):
        if other is not None:
            _cut(other, deep, seen)


def last_place(error: BaseException) -> str:
    """Return ``file:line`` of the innermost frame of an exception outside of Trivet and the standard library."""
    frames = traceback.extract_tb(error.__traceback__)
    library = os.path.dirname(os.__file__) + os.sep
    own = [
        one
        for one in frames
        if not one.filename.startswith((_TRIVET, _CLICK, "<frozen"))
        and (not one.filename.startswith(library) or "site-packages" in one.filename)
    ]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else "?"


def summary(error: BaseException) -> str:
    """Return one line: type, message, and the place in the application's own code."""
    text = str(error).strip().splitlines()
    said = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    if isinstance(error, SystemExit):
        said = f"sys.exit({error.code!r}) was called"
    place = last_place(error)
    return said if place == "?" else f"{said} (at {relative(place)})"


def relative(place: str) -> str:
    """Shorten ``file:line`` to what it is seen from the current folder, if it lies in it."""
    path, colon, line = place.rpartition(":")
    if not colon or not line.isdigit():
        path, colon, line = place, "", ""
    try:
        path = str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        for entry in sys.path:
            if entry and "site-packages" in entry and path.startswith(entry + os.sep):
                path = path.removeprefix(entry + os.sep)
                break
    return f"{path}{colon}{line}"

"""``trivet shell``: a Python prompt inside the application's context."""

import code
import os
import platform
from importlib import import_module
from typing import Any

import click

from ..app import Trivet
from .decorators import own_command
from .failures import summary
from .loader import Loader


@own_command("shell")
@click.option("--command", "-c", "source", help="Run this Python code instead of asking for some.")
def shell_command(loader: Loader, source: str | None) -> None:
    """Open a Python prompt with the application at hand."""
    app = loader.ready_app()
    with app.app_context():
        names = app.make_shell_context()
        if source is not None:
            exec(compile(source, "<command>", "exec"), names)  # noqa: S102 - that is what the user asked for
            return
        _run_startup_file(names)
        _complete(names)
        code.interact(banner=_banner(app, names), local=names, exitmsg="")


def _banner(app: Trivet, names: dict[str, Any]) -> str:
    known = ", ".join(sorted(name for name in names if not name.startswith("__")))
    return f"Python {platform.python_version()}\nApplication: {app.import_name}\nNames: {known}"


def _run_startup_file(names: dict[str, Any]) -> None:
    """Run the file that PYTHONSTARTUP names, as Python's own prompt does."""
    path = os.environ.get("PYTHONSTARTUP")
    if not path or not os.path.isfile(path):
        return
    with open(path, encoding="utf-8") as file:
        source = file.read()
    try:
        exec(compile(source, path, "exec"), names)  # noqa: S102 - as Python does
    except Exception as error:
        click.echo(f"PYTHONSTARTUP: {summary(error)}", err=True)


def _complete(names: dict[str, Any]) -> None:
    """Let the tabulator complete names, where there is readline."""
    try:
        readline, rlcompleter = import_module("readline"), import_module("rlcompleter")
    except ImportError:
        return
    readline.parse_and_bind("tab: complete")
    readline.set_completer(rlcompleter.Completer(names).complete)

"""The ``trivet`` command: its own commands, and those of applications and plugins."""

import click

from ..builtin.testclient import ScriptInfo
from ..commands import AppGroup, with_appcontext
from .decorators import pass_loader
from .doctor import doctor_command
from .group import TrivetGroup
from .hooks import hooks_command
from .loader import Loader
from .plugins import plugins_command
from .routes import routes_command
from .run import run_command
from .serve import serve_command
from .settings import config_command
from .shell import shell_command

__all__ = [
    "AppGroup",
    "Loader",
    "ScriptInfo",
    "TrivetGroup",
    "cli",
    "main",
    "pass_loader",
    "with_appcontext",
]

TrivetGroup.defaults = (
    run_command,
    serve_command,
    routes_command,
    plugins_command,
    hooks_command,
    config_command,
    shell_command,
    doctor_command,
)


@click.group(cls=TrivetGroup, name="trivet")
def cli() -> None:
    """Run, serve and look into an application.

    The application is the one that --app or TRIVET_APP names, else that of trivet.toml.
    """


def main() -> None:
    """Run the ``trivet`` command."""
    cli.main(prog_name="trivet")

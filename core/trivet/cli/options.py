"""The options that every command of ``trivet`` takes, before or after its name."""

import platform
from pathlib import Path
from typing import Any

import click
from importlib_metadata import version

from ..kernel.version import __version__
from .loader import Loader


def _loader(ctx: click.Context) -> Loader:
    loader = ctx.find_object(Loader)
    if loader is None:
        raise click.UsageError("This command belongs to the group of `trivet`.")
    return loader


def _set_app(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        _loader(ctx).app_import_path = value
        _loader(ctx).create_app = None


def _set_config(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        _loader(ctx).config_file = str(value)


def _set_env_file(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        _loader(ctx).env_file = str(value)


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool | None) -> None:
    if value is not None:
        _loader(ctx).debug = value


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    click.echo(f"Trivet {__version__}")
    click.echo(f"Python {platform.python_version()}, Werkzeug {version('werkzeug')}, pluggy {version('pluggy')}")
    ctx.exit()


def shared_options(hidden: bool = False, with_version: bool = False) -> list[click.Option]:
    """Make the options that say which application is meant.

    :param hidden: leave them out of the help; they stand in that of ``trivet`` itself.
    """
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    common: dict[str, Any] = {"expose_value": False, "is_eager": True, "hidden": hidden}
    options = [
        click.Option(
            ["-A", "--app"],
            metavar="TARGET",
            callback=_set_app,
            help="The application: module:name, module:factory, module:factory('argument') or path/to/file.py. "
            "By default TRIVET_APP, then app in the configuration file, then wsgi.py or app.py.",
            **common,
        ),
        click.Option(
            ["--config"],
            type=file,
            callback=_set_config,
            help="The project's configuration file. By default TRIVET_CONFIG, then the nearest trivet.toml or "
            "pyproject.toml with [tool.trivet].",
            **common,
        ),
        click.Option(
            ["-e", "--env-file"],
            type=file,
            callback=_set_env_file,
            help="A file of environment variables to load first; .env and .trivetenv are loaded anyway.",
            **common,
        ),
        click.Option(["--debug/--no-debug"], default=None, callback=_set_debug, help="Set debug mode.", **common),
    ]
    if with_version:
        options.append(
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show_version,
                help="Show the versions of Trivet and what it stands on.",
            )
        )
    return options

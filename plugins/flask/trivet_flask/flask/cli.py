"""``flask.cli``: the ``flask`` command."""

import importlib.metadata
import os
import platform
import sys
import traceback
from collections.abc import Callable, Iterable
from importlib import import_module
from operator import itemgetter
from typing import Any

import click
from click.core import ParameterSource
from werkzeug.routing import Rule
from werkzeug.serving import is_running_from_reloader, run_simple
from werkzeug.utils import import_string

from trivet import __version__ as trivet_version
from trivet import current_app, has_app_context

from .helpers import get_debug_flag
from .locating import (
    AppGroup,
    NoAppException,
    ScriptInfo,
    _called_with_wrong_args,
    find_app_by_string,
    find_best_app,
    import_optional,
    load_dotenv,
    locate_app,
    pass_script_info,
    prepare_import,
    trim,
    with_appcontext,
)

__all__ = [
    "AppGroup",
    "CertParamType",
    "FlaskGroup",
    "NoAppException",
    "ScriptInfo",
    "SeparatedPathType",
    "_called_with_wrong_args",
    "cli",
    "find_app_by_string",
    "find_best_app",
    "get_version",
    "load_dotenv",
    "locate_app",
    "main",
    "pass_script_info",
    "prepare_import",
    "routes_command",
    "run_command",
    "shell_command",
    "show_server_banner",
    "version_option",
    "with_appcontext",
]

_SORTS = ("endpoint", "methods", "domain", "rule", "match")


# -- options of every command line


def _set_app(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(ScriptInfo).app_import_path = value


def _set_debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    source = ctx.get_parameter_source(str(param.name))
    if source in (None, ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
        return
    # The application reads it while it is made, so it has to be there before that.
    os.environ["FLASK_DEBUG"] = "1" if value else "0"


def _load_env_file(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None and import_optional("dotenv") is None:
        raise click.BadParameter("python-dotenv is needed for that: pip install python-dotenv", ctx, param)
    defaults = ctx.ensure_object(ScriptInfo).load_dotenv_defaults
    if value is not None or defaults:
        load_dotenv(value, load_defaults=defaults)


def get_version(ctx: click.Context, param: click.Parameter | None, value: Any) -> None:
    """Print the versions of Python, of the Flask whose interface this is, of Werkzeug and of Trivet, and end."""
    if not value or ctx.resilient_parsing:
        return
    version = importlib.metadata.version
    click.echo(f"Python {platform.python_version()}", color=ctx.color)
    click.echo(f"Flask {version('flask')}", color=ctx.color)
    click.echo(f"Werkzeug {version('werkzeug')}", color=ctx.color)
    click.echo(f"Trivet {trivet_version}, in Flask's place", color=ctx.color)
    ctx.exit()


_app_option = click.Option(
    ["-A", "--app"],
    metavar="IMPORT",
    is_eager=True,
    expose_value=False,
    callback=_set_app,
    help="The application or its factory, as 'module:name', where the module is a dotted name or a file. The name may "
    "be left out if it is 'app', 'application', 'create_app' or 'make_app', and a factory may get arguments: "
    "'name(5)'.",
)
_debug_option = click.Option(
    ["--debug/--no-debug"],
    expose_value=False,
    callback=_set_debug,
    help="Turn debug mode on or off.",
)
_env_file_option = click.Option(
    ["-e", "--env-file"],
    type=click.Path(exists=True, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_load_env_file,
    help="A file of environment variables. What the environment has already stays; what the file has comes before "
    "'.env' and '.flaskenv'. This needs python-dotenv.",
)
version_option = click.Option(
    ["--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=get_version,
    help="Show the versions of Flask and what it runs on.",
)


# -- the group


class FlaskGroup(AppGroup):
    """A click group whose commands are Flask's, those of installed extensions, and those of the application.

    For a script of an application's own::

        @click.group(cls=FlaskGroup, create_app=create_app)
        def manage():
            '''Manage the shop.'''

    :param add_default_commands: whether ``run``, ``shell`` and ``routes`` are there.
    :param add_version_option: whether there is ``--version``.
    :param create_app: a function that returns the application; without it ``--app`` and the like say where it is.
    :param load_dotenv: whether ``.env`` and ``.flaskenv`` are loaded.
    :param set_debug_flag: whether ``FLASK_DEBUG`` decides on the application's debug mode.
    """

    def __init__(
        self,
        add_default_commands: bool = True,
        create_app: Callable[..., Any] | None = None,
        add_version_option: bool = True,
        load_dotenv: bool = True,
        set_debug_flag: bool = True,
        **extra: Any,
    ) -> None:
        params = [*(extra.pop("params", None) or ()), _env_file_option, _app_option, _debug_option]
        if add_version_option:
            params.append(version_option)
        settings = {"auto_envvar_prefix": "FLASK", **(extra.pop("context_settings", None) or {})}
        super().__init__(params=params, context_settings=settings, **extra)
        self.create_app = create_app
        self.load_dotenv = load_dotenv
        self.set_debug_flag = set_debug_flag
        self._unloaded: dict[str, importlib.metadata.EntryPoint] | None = None
        if add_default_commands:
            for command in (run_command, shell_command, routes_command):
                self.add_command(command)

    # -- one run

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Make the context of one run, with a :class:`ScriptInfo` in it."""
        # A call of app.run() in the module of the application must not start a second server.
        os.environ["FLASK_RUN_FROM_CLI"] = "true"
        if "obj" not in extra and "obj" not in self.context_settings:
            extra["obj"] = ScriptInfo(None, self.create_app, self.set_debug_flag, self.load_dotenv)
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line. Where that ends in the help, what says which application is meant is read before."""
        if not args and self.no_args_is_help:
            for option in (_env_file_option, _app_option):
                option.handle_parse_result(ctx, {}, [])
        return super().parse_args(ctx, args)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option that shows the help: after the application is known, as its commands are in there."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.is_eager = False
        return option

    # -- commands

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name: an extension's, else Flask's own, else the application's."""
        self._load_extension(ctx, cmd_name, with_traceback=True)
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            return command
        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
        except NoAppException as error:
            _complain(ctx, error.format_message())
            return None
        if not has_app_context() or current_app._get_current_object() is not app:  # type: ignore[attr-defined]
            ctx.with_resource(app.app_context())  # callbacks of parameters run before the command does
        found: click.Command | None = app.cli.get_command(ctx, cmd_name)
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands; those of what cannot be loaded are left out, and it is said why."""
        for name in list(self._extensions()):
            self._load_extension(ctx, name)
        names = set(super().list_commands(ctx))
        try:
            names.update(ctx.ensure_object(ScriptInfo).load_app().cli.list_commands(ctx))
        except NoAppException as error:
            _complain(ctx, error.format_message())
        except Exception as error:
            shown = "".join(traceback.format_exception(trim(error)))
            _complain(ctx, f"The application could not be loaded:\n\n{shown}")
        return sorted(names)

    def _extensions(self) -> dict[str, importlib.metadata.EntryPoint]:
        """Return the entry points of extensions that have not been loaded yet."""
        if self._unloaded is None:
            found = importlib.metadata.entry_points(group="flask.commands")
            self._unloaded = {one.name: one for one in found}
        return self._unloaded

    def _load_extension(self, ctx: click.Context, name: str, with_traceback: bool = False) -> None:
        """Load the command that an extension brings, unless there is none; it comes before Flask's own."""
        entry = self._extensions().pop(name, None)
        if entry is None:
            return
        try:
            command = entry.load()
            if not isinstance(command, click.Command):
                raise TypeError(f"{entry.value} is not a click command, but of type {type(command).__name__}.")
            self.add_command(command, name)
        except Exception as error:
            owner = f" of the distribution {entry.dist.name!r}" if entry.dist is not None else ""
            lines = traceback.format_exception(error) if with_traceback else traceback.format_exception_only(error)
            text = f"The command {name!r}{owner} could not be loaded from {entry.value!r}: it is left out."
            _complain(ctx, f"{text}\n{''.join(lines)}".rstrip())


def _complain(ctx: click.Context, text: str) -> None:
    if not ctx.resilient_parsing:  # a shell that completes a command must not be written into
        click.secho(f"Error: {text}\n", fg="red", err=True)


# -- flask run


class CertParamType(click.Path):
    """The value of ``--cert``: a file, ``adhoc``, or the import name of an :class:`ssl.SSLContext`."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, resolve_path=True)
        self.name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, ``"adhoc"`` or the context."""
        ssl = import_optional("ssl")
        if ssl is None:
            raise click.BadParameter("This Python was built without ssl, which --cert needs.", ctx, param)
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            if str(value).lower() == "adhoc":
                return _adhoc(ctx, param)
            found = import_string(str(value), silent=True)
            if isinstance(found, ssl.SSLContext):
                return found
            raise


def _adhoc(ctx: click.Context | None, param: click.Parameter | None) -> str:
    if import_optional("cryptography") is None:
        missing = "A makeshift certificate needs the package cryptography: pip install cryptography"
        raise click.BadParameter(missing, ctx, param)
    return "adhoc"


def _validate_key(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Check ``--key`` against ``--cert``, which has been read before, and put both together."""
    cert = ctx.params.get("cert")
    if not isinstance(cert, str) or cert == "adhoc":
        if value is None:
            return None
        if cert is None:
            raise click.BadParameter("It belongs to --cert, which is missing.", ctx, param)
        has = "adhoc" if cert == "adhoc" else "an SSLContext"
        raise click.BadParameter(f"--cert is {has}, which has a key already; leave --key out.", ctx, param)
    if value is None:
        raise click.BadParameter("The certificate file of --cert needs its key.", ctx, param)
    ctx.params["cert"] = cert, value
    return value


class SeparatedPathType(click.Path):
    """Several paths in one value, with ``:`` between them, or ``;`` on Windows."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the list of paths."""
        convert = super().convert
        return [convert(item, param, ctx) for item in self.split_envvar_value(value)]


@click.command("run", short_help="Run a development server.")
@click.option("--host", "-h", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", "-p", default=5000, show_default=True, help="The port to listen on.")
@click.option(
    "--cert",
    type=CertParamType(),
    is_eager=True,
    help="A certificate file to serve https with, 'adhoc' for a makeshift one, or the import name of an SSLContext.",
)
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    callback=_validate_key,
    expose_value=False,
    help="The key file of the certificate.",
)
@click.option("--reload/--no-reload", default=None, help="Restart when a file changes; by default in debug mode.")
@click.option(
    "--debugger/--no-debugger", default=None, help="Show exceptions with a console; by default in debug mode."
)
@click.option("--with-threads/--without-threads", default=True, help="Answer requests side by side.")
@click.option(
    "--extra-files",
    type=SeparatedPathType(),
    default=None,
    help=f"More files that a change of restarts the server, with {os.pathsep!r} between them.",
)
@click.option(
    "--exclude-patterns",
    type=SeparatedPathType(),
    default=None,
    help=f"Patterns of files not to watch, with {os.pathsep!r} between them.",
)
@pass_script_info
def run_command(
    info: ScriptInfo,
    /,
    host: str,
    port: int,
    reload: bool | None,
    debugger: bool | None,
    with_threads: bool,
    **more: Any,
) -> None:
    """Run a development server; with --debug it restarts on changes and shows exceptions with a console.

    It is neither safe nor fast enough for production.
    """
    app = _application(info)
    debug = get_debug_flag()
    show_server_banner(debug, info.app_import_path)
    run_simple(
        host,
        port,
        app,
        use_reloader=debug if reload is None else reload,
        use_debugger=debug if debugger is None else debugger,
        threaded=with_threads,
        ssl_context=more["cert"],
        extra_files=more["extra_files"],
        exclude_patterns=more["exclude_patterns"],
    )


run_command.params.insert(0, _debug_option)


def _application(info: ScriptInfo) -> Callable[..., Any]:
    """Load the application; after a change that broke it, one that raises the error until the next change."""
    try:
        return info.load_app()  # type: ignore[no-any-return]
    except Exception as error:
        if not is_running_from_reloader():
            raise
        failure, trace = trim(error), error.__traceback__
        traceback.print_exception(failure)

    def broken(environ: Any, start_response: Any) -> Iterable[bytes]:
        raise failure.with_traceback(trace)  # else it grows with every request

    return broken


def show_server_banner(debug: bool | None, app_import_path: str | None) -> None:
    """Say what is served; a reloader's later runs do not say it again."""
    if is_running_from_reloader():
        return
    if app_import_path is not None:
        click.echo(f" * Serving Flask app {app_import_path!r}")
    if debug is not None:
        click.echo(f" * Debug mode: {'on' if debug else 'off'}")


# -- flask shell


@click.command("shell", short_help="Open a Python prompt in the application's context.")
@with_appcontext
def shell_command() -> None:
    """Open a Python prompt inside the application's context.

    Its names are those of app.make_shell_context(), and what the file that PYTHONSTARTUP names adds.
    """
    app: Any = current_app
    names: dict[str, Any] = {}
    startup = os.environ.get("PYTHONSTARTUP")
    if startup and os.path.isfile(startup):
        with open(startup, encoding="utf-8") as file:
            exec(compile(file.read(), startup, "exec"), names)  # noqa: S102 - as Python's own prompt does
    names.update(app.make_shell_context())
    _complete(names)
    banner = f"Python {sys.version} on {sys.platform}\nApp: {app.import_name}\nInstance: {app.instance_path}"
    import_module("code").interact(banner=banner, local=names)


def _complete(names: dict[str, Any]) -> None:
    """Let the prompt complete names and remember what was typed, as Python's own does, where there is readline."""
    hook = getattr(sys, "__interactivehook__", None)  # site's, unless the startup file has changed it
    if hook is None:
        return
    readline, rlcompleter = import_optional("readline"), import_optional("rlcompleter")
    if readline is not None and rlcompleter is not None:
        readline.set_completer(rlcompleter.Completer(names).complete)
    hook()


# -- flask routes


@click.command("routes", short_help="Show the routes of the application.")
@click.option(
    "--sort",
    "-s",
    type=click.Choice(_SORTS),
    default="endpoint",
    show_default=True,
    help="The column to sort by; match is the order in which rules are tried.",
)
@click.option("--all-methods", is_flag=True, help="Show HEAD and OPTIONS too.")
@with_appcontext
def routes_command(sort: str, all_methods: bool) -> None:
    """Show every route with its endpoint and methods."""
    url_map = current_app.url_map
    rows = [_cells(rule, all_methods) for rule in url_map.iter_rules()]
    if not rows:
        click.echo("No routes were registered.")
        return
    if sort != "match":
        rows.sort(key=itemgetter(_SORTS.index(sort)))
    headings = ("Endpoint", "Methods", "Host" if url_map.host_matching else "Subdomain", "Rule")
    used = [column for column in range(4) if column != 2 or any(row[2] for row in rows)]
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in used]
    for row in (headings, ["-" * width for width in widths], *rows):
        chosen = row if len(row) == len(used) else [row[column] for column in used]
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(chosen, widths, strict=True)).rstrip())


def _cells(rule: Rule, all_methods: bool) -> tuple[str, str, str, str]:
    hidden = () if all_methods else ("HEAD", "OPTIONS")
    methods = ", ".join(sorted(set(rule.methods or ()).difference(hidden)))
    return str(rule.endpoint), methods, rule.host or rule.subdomain or "", rule.rule


# -- the command

cli = FlaskGroup(
    name="flask",
    help="""Run a Flask application and look into it.

The application is the one that --app or FLASK_APP names, else that of 'wsgi.py' or 'app.py' in the current folder.
""",
)


def main() -> None:
    """Run the ``flask`` command."""
    cli.main(prog_name="flask")

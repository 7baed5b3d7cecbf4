"""``trivet run``: the development server, with reloader and debugger."""

import os
import ssl
from pathlib import Path
from typing import Any

import click
from werkzeug.serving import is_running_from_reloader

from ..app import Trivet
from .debugger import Broken, install
from .decorators import own_command
from .development import serve, supervise
from .failures import LoadError, format_error
from .loader import Loader


@own_command("run")
@click.option("--host", "-h", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", "-p", type=click.IntRange(0, 65535), default=5000, show_default=True, help="The port.")
@click.option("--reload/--no-reload", default=None, help="Restart when a file changes; by default in debug mode.")
@click.option(
    "--debugger/--no-debugger", default=None, help="Show exceptions with a console; by default in debug mode."
)
@click.option("--cert", help="A certificate file to serve https with, or 'adhoc' for a makeshift one.")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="The key file of the certificate.")
@click.option("--with-threads/--without-threads", default=True, help="Answer requests side by side.")
@click.option("--extra-files", multiple=True, type=click.Path(), help="One more file to watch; may be repeated.")
@click.option("--exclude-patterns", multiple=True, help="Files not to watch, such as */cache/*; may be repeated.")
def run_command(loader: Loader, host: str, port: int, **options: Any) -> None:
    """Run a development server, in debug mode unless told otherwise.

    It is neither safe nor fast enough for anything else; for that there is `trivet serve`.
    """
    tls = _tls(options["cert"], options["key"])
    loader.debug = debug = _debug(loader)
    reload = debug if options["reload"] is None else options["reload"]
    debugger = debug if options["debugger"] is None else options["debugger"]
    if reload and not is_running_from_reloader():
        loader.ready_app()  # what is wrong from the start is told once, before anything is started
        _announce(loader, debug)
        raise SystemExit(supervise(host, port, tls))
    application = _application(loader, host, debugger, debug, reload)
    if not reload:
        _announce(loader, debug)
    watched = [*options["extra_files"], *_files(loader)] if reload else None
    serve(application, host, port, tls, options["with_threads"], watched, options["exclude_patterns"])


def _debug(loader: Loader) -> bool:
    loader.prepare()
    if loader.debug is not None:
        return loader.debug
    value = os.environ.get("TRIVET_DEBUG")
    debug = value is None or value.lower() not in ("", "0", "false", "no")
    loader.around.set("TRIVET_DEBUG", "1" if debug else "0")
    return debug


def _application(loader: Loader, host: str, debugger: bool, debug: bool, reload: bool) -> Any:
    """Load the application with the debugger in it; under the reloader, a broken one waits for its files to change."""
    try:
        app: Trivet = loader.load_app()
        if debug or debugger:
            install(app, host, debugger)
        return loader.ready_app()
    except click.ClickException as error:
        if not reload:
            raise
        error.show()
        text = format_error(error.error) if isinstance(error, LoadError) else error.format_message()
        return Broken(text if debug or debugger else "The application could not be loaded; the log says why.")


def _announce(loader: Loader, debug: bool) -> None:
    app = loader.load_app()
    click.echo(f" * Serving the application {app.name!r}, debug mode {'on' if debug else 'off'}")


def _files(loader: Loader) -> list[str]:
    """Return the files besides modules that the application is made of."""
    project = loader.project
    paths: list[Path] = [*loader.env_files, *([project.path] if project.path is not None else [])]
    return [str(path.resolve()) for path in paths]


def _tls(cert: str | None, key: str | None) -> Any:
    if cert is None:
        if key is not None:
            raise click.UsageError("--key belongs to --cert, which is missing.")
        return None
    if cert == "adhoc":
        if key is not None:
            raise click.UsageError("A makeshift certificate (--cert adhoc) makes its own key; leave --key out.")
        return "adhoc"
    if not os.path.isfile(cert):
        raise click.BadParameter(f"There is no file {cert!r}.", param_hint="--cert")
    if key is None:
        raise click.UsageError("--cert needs the certificate's key: --key FILE.")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise click.UsageError(f"The certificate {cert!r} with the key {key!r} cannot be used: {error}.") from None
    return (cert, key)

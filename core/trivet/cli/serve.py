"""``trivet serve``: the application under a production server, which takes this process over."""

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any, NamedTuple

import click

from ..app import Trivet
from ..kernel.chains import is_coroutine_function
from .decorators import own_command
from .loader import Loader

#: What is to be installed for each server.
INSTALL = {"granian": "'trivet[serve]'", "gunicorn": "gunicorn", "uvicorn": "uvicorn"}
SERVERS = tuple(INSTALL)
#: The module whose functions hand the application to a server.
_TARGET = "trivet.cli.target"


class Wish(NamedTuple):
    """What the server is asked for; ``None`` leaves it to the server."""

    interface: str
    host: str
    port: int
    workers: int
    threads: int | None
    timeout: int
    access_log: bool
    extra: tuple[str, ...]

    @property
    def address(self) -> str:
        """Host and port, for servers that want them in one."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@own_command("serve")
@click.option("--server", type=click.Choice(SERVERS), default="granian", show_default=True, help="The server.")
@click.option("--host", "-h", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", "-p", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port.")
@click.option(
    "--workers",
    "-w",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    envvar="WEB_CONCURRENCY",
    show_envvar=True,
    help="How many processes serve.",
)
@click.option("--threads", type=click.IntRange(1), help="How many threads answer requests in each of them, under WSGI.")
@click.option(
    "--interface",
    type=click.Choice(("auto", "wsgi", "asgi")),
    default="auto",
    show_default=True,
    help="The protocol; auto is asgi if a route is async or a WebSocket, else wsgi.",
)
@click.option(
    "--timeout",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="Seconds to end requests in when stopped.",
)
@click.option("--access-log/--no-access-log", default=False, show_default=True, help="Log every request.")
@click.argument("extra", nargs=-1, type=click.UNPROCESSED)
def serve_command(loader: Loader, server: str, interface: str, **options: Any) -> None:
    """Serve the application in production.

    What stands after -- is handed to the server as it is: trivet serve -- --backlog 2048
    """
    if find_spec(server) is None:
        raise click.ClickException(f"The server {server} is not installed. Install it: pip install {INSTALL[server]}")
    app = loader.ready_app()
    if interface == "auto":
        interface = choose_interface(app)
    if app.debug:
        click.secho(
            "Debug mode is on. It tells strangers about the application; leave it off here.",
            fg="red",
            err=True,
        )
    wish = Wish(interface=interface, **options)
    _become(command_for(server, wish), _environment(loader, app))


def choose_interface(app: Trivet) -> str:
    """Return ``"asgi"`` if a route needs it or gains by it, unless middleware is in the way that only WSGI runs."""
    sockets = any(rule.websocket for rule in app.url_map.iter_rules())
    if not sockets and not any(is_coroutine_function(view) for view in app.view_functions.values()):
        return "wsgi"
    if "wsgi_app" not in app.__dict__:
        return "asgi"
    lost = "WebSocket routes are not reachable" if sockets else "async views run on one loop for each process"
    click.secho(
        f"app.wsgi_app is wrapped, and only WSGI runs what it is wrapped in: serving by WSGI, so {lost}. "
        "Use --interface asgi to go without the wrapper.",
        fg="yellow",
        err=True,
    )
    return "wsgi"


def command_for(server: str, wish: Wish) -> list[str]:
    """Return the command line of a server.

    :raises click.UsageError: if the server cannot do what is wished.
    """
    make = {"granian": _granian, "gunicorn": _gunicorn, "uvicorn": _uvicorn}[server]
    return [sys.executable, "-m", server, *make(wish)]


def _granian(wish: Wish) -> list[str]:
    args = ["--interface", wish.interface, "--host", wish.host, "--port", str(wish.port)]
    args += ["--workers", str(wish.workers), "--workers-kill-timeout", str(wish.timeout)]
    if wish.threads is not None:
        if wish.interface == "asgi":
            raise click.UsageError("granian has no threads to set under ASGI; --threads is for --interface wsgi.")
        args += ["--blocking-threads", str(wish.threads)]
    args += ["--access-log"] if wish.access_log else []
    return [*args, *wish.extra, "--factory", f"{_TARGET}:{wish.interface}"]


def _gunicorn(wish: Wish) -> list[str]:
    args = ["--bind", wish.address, "--workers", str(wish.workers), "--graceful-timeout", str(wish.timeout)]
    if wish.interface == "asgi":
        if find_spec("gunicorn.workers.gasgi") is None:
            raise click.UsageError("This gunicorn has no ASGI worker. Upgrade it, or use --server granian or uvicorn.")
        if wish.threads is not None:
            raise click.UsageError("gunicorn has no threads to set under ASGI; --threads is for --interface wsgi.")
        args += ["--worker-class", "asgi"]
    elif wish.threads is not None:
        args += ["--worker-class", "gthread", "--threads", str(wish.threads)]
    args += ["--access-logfile", "-"] if wish.access_log else []
    return [*args, *wish.extra, f"{_TARGET}:{wish.interface}()"]


def _uvicorn(wish: Wish) -> list[str]:
    if wish.threads is not None:
        raise click.UsageError("uvicorn has no --threads. Use --server granian or gunicorn for it.")
    args = ["--interface", "asgi3" if wish.interface == "asgi" else "wsgi", "--host", wish.host]
    args += ["--port", str(wish.port), "--workers", str(wish.workers)]
    args += ["--timeout-graceful-shutdown", str(wish.timeout)]
    args += [] if wish.access_log else ["--no-access-log"]
    return [*args, *wish.extra, "--factory", f"{_TARGET}:{wish.interface}"]


def _environment(loader: Loader, app: Trivet) -> dict[str, str]:
    """Return the environment in which the server's processes find the same application."""
    environment = {**os.environ, "TRIVET_DEBUG": "1" if loader.debug else os.environ.get("TRIVET_DEBUG", "0")}
    if loader.create_app is None:
        environment["TRIVET_APP"] = loader.target.text
    else:
        factory = loader.create_app
        name, module = getattr(factory, "__qualname__", ""), getattr(factory, "__module__", "__main__")
        if module == "__main__" or not name.isidentifier():
            raise click.ClickException(
                "The server's processes have to import what makes the application: say where it is with --app "
                "module:name, or let create_app be a function of a module."
            )
        environment["TRIVET_APP"] = f"{module}:{name}"
    return environment


def _become(command: list[str], environment: dict[str, str]) -> None:
    """Replace this process by the server, so that signals reach it; where that is not possible, wait for it."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        raise SystemExit(subprocess.call(command, env=environment))
    os.execve(command[0], command, environment)  # noqa: S606 - no shell, and no argument of anybody else

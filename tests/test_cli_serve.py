"""How a production server is chosen and called."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest

from trivet import Trivet
from trivet.cli import serve
from trivet.cli.loader import Loader
from trivet.cli.serve import Wish, choose_interface, command_for

from .cli_folder import SHOP, Folder

DEFAULTS: dict[str, Any] = {
    "interface": "wsgi",
    "host": "127.0.0.1",
    "port": 8000,
    "workers": 2,
    "threads": None,
    "timeout": 30,
    "access_log": False,
    "extra": (),
}


class Became(Exception):
    """Raised where this process would become the server: what the tests look at is the command."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder with an application; where the command becomes the server, it stops with what it would become."""

    def stop(program: str, command: list[str], environment: dict[str, str]) -> None:
        raise Became(command, environment)

    monkeypatch.setattr(os, "execve", stop)
    return Folder(tmp_path, monkeypatch).write({"shop.py": SHOP, "trivet.toml": 'app = "shop:app"'})


def became(folder: Folder, *args: str) -> tuple[list[str], dict[str, str]]:
    error = folder.run("serve", *args).exception
    assert isinstance(error, Became), error
    command, environment = error.args
    return command, environment


@pytest.mark.parametrize(
    ("server", "interface", "expected"),
    [
        ("granian", "wsgi", "--interface wsgi --host 127.0.0.1 --port 8000 --workers 2"),
        ("granian", "asgi", "--factory trivet.cli.target:asgi"),
        ("gunicorn", "wsgi", "--bind 127.0.0.1:8000 --workers 2 --graceful-timeout 30 trivet.cli.target:wsgi()"),
        ("gunicorn", "asgi", "--worker-class asgi trivet.cli.target:asgi()"),
        ("uvicorn", "wsgi", "--interface wsgi"),
        ("uvicorn", "asgi", "--interface asgi3"),
    ],
)
def test_each_server_is_called_by_its_own_options(server: str, interface: str, expected: str) -> None:
    command = command_for(server, Wish(**{**DEFAULTS, "interface": interface}))
    assert command[:3] == [sys.executable, "-m", server]
    assert expected in " ".join(command)


def test_threads_are_asked_for_where_there_are_any() -> None:
    wish = Wish(**{**DEFAULTS, "threads": 3})
    assert "--blocking-threads 3" in " ".join(command_for("granian", wish))
    assert "--worker-class gthread --threads 3" in " ".join(command_for("gunicorn", wish))
    for server, interface in [("uvicorn", "wsgi"), ("granian", "asgi"), ("gunicorn", "asgi")]:
        with pytest.raises(click.UsageError, match="threads"):
            command_for(server, wish._replace(interface=interface))


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert "[::1]:8000" in command_for("gunicorn", Wish(**{**DEFAULTS, "host": "::1"}))


def make_app(is_async: bool = False, websocket: bool = False, wrapped: bool = False) -> Trivet:
    app = Trivet("served", config_file=False)

    async def coroutine() -> str:
        return ""

    def function() -> str:
        return ""

    app.add_url_rule("/", "index", coroutine if is_async else function)
    if websocket:

        @app.websocket("/ws")
        async def ws(ws: Any) -> None: ...

    if wrapped:
        inner = app.wsgi_app
        app.wsgi_app = lambda environ, start: inner(environ, start)  # type: ignore[method-assign, assignment]
    return app


@pytest.mark.parametrize(
    ("kinds", "interface"),
    [
        ({}, "wsgi"),
        ({"is_async": True}, "asgi"),
        ({"websocket": True}, "asgi"),
        ({"wrapped": True}, "wsgi"),
        ({"is_async": True, "wrapped": True}, "wsgi"),
        ({"websocket": True, "wrapped": True}, "wsgi"),
    ],
)
def test_the_interface_follows_from_the_routes_and_never_skips_middleware(
    kinds: dict[str, bool], interface: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose_interface(make_app(**kinds)) == interface
    assert ("is wrapped" in capsys.readouterr().err) == (kinds.get("wrapped", False) and len(kinds) > 1)


@pytest.mark.skipif(find_spec("granian") is None, reason="granian is not installed")
def test_the_servers_processes_find_the_same_application(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write({"more.toml": 'app = "shop:app"\n[config]\nMAX_FORM_PARTS = 3\n', ".env": "SHOP=corner"})
    command, environment = became(folder, "--config", "more.toml", "--app", "shop.py", "--", "--backlog", "300")
    assert " ".join(command).endswith("--backlog 300 --factory trivet.cli.target:wsgi")
    assert environment["SHOP"] == "corner"
    assert "SHOP" not in os.environ
    for name in ("TRIVET_APP", "TRIVET_CONFIG", "TRIVET_DEBUG"):
        monkeypatch.setenv(name, environment[name])
    loader = Loader()
    with folder.forgetting():
        app = loader.ready_app()
    loader.close()
    assert (app.name, app.config["MAX_FORM_PARTS"], app.debug) == ("shop", 3, False)


@pytest.mark.skipif(find_spec("granian") is None, reason="granian is not installed")
def test_as_many_processes_serve_as_the_environment_says(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    assert "--workers 3" in " ".join(became(folder)[0])
    assert "--workers 2" in " ".join(became(folder, "--workers", "2")[0])


def test_a_server_that_is_missing_is_told_with_how_to_install_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda name: None)
    result = folder.run("serve")
    assert result.exit_code == 1
    assert "The server granian is not installed. Install it: pip install 'trivet[serve]'" in result.stderr


def test_debug_mode_in_production_is_warned_of(folder: Folder) -> None:
    folder.write({"shop.py": f"{SHOP}\n    app.debug = True\n"})
    assert "Debug mode is on." in folder.run("serve").stderr

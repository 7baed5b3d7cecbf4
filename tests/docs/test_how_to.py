"""What the how-to guides promise beyond code that runs."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from trivet import Plugin, PluginError, Trivet, g, request

from .pages import DOCS, blocks, commands, sections, table
from .protocols import PROTOCOLS, Answer, Send
from .servers import Running, environment, free_port

HOW_TO = DOCS / "how-to"
SERVED = [command for block in blocks(HOW_TO / "deploy.md", "console") for command, _ in commands(block)]


@pytest.fixture(params=PROTOCOLS)
def send(request: pytest.FixtureRequest) -> Send:
    """How a request reaches the application."""
    return PROTOCOLS[request.param]


@pytest.fixture
def block(tmp_path: Path) -> Iterator[Callable[[str, str], ModuleType]]:
    """Import the Python block of a page that contains some text."""
    names: list[str] = []

    def load(page: str, containing: str) -> ModuleType:
        [found] = [one for one in blocks(HOW_TO / page, "python") if containing in one.text]
        name = f"block_of_{page.partition('.')[0].replace('-', '_')}_{found.line}"
        path = tmp_path / f"{name}.py"
        path.write_text(found.text, encoding="utf-8")
        (tmp_path / ".git").mkdir(exist_ok=True)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        names.append(name)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in names:
        del sys.modules[name]


def app_with(*plugins: Any, **config: Any) -> Trivet:
    """Return an application without a configuration file."""
    app = Trivet("docs", plugins=plugins, config_file=False)
    app.config.update(config)
    return app


# -- deploy.md


@pytest.mark.parametrize("command", SERVED)
def test_a_command_of_the_page_serves_the_application_of_the_page(
    command: str, tmp_path: Path, need_program: Callable[[str], str], root: Path
) -> None:
    need_program(command.split()[0])
    for one in blocks(HOW_TO / "deploy.md"):
        if one.file is not None and one.language == "python":
            (tmp_path / one.file).write_text(one.text, encoding="utf-8")
    (tmp_path / "trivet.toml").write_text(blocks(HOW_TO / "deploy.md", "toml")[0].text, encoding="utf-8")
    port = free_port()
    fitted = command.replace("8000", str(port)).replace("--home .venv", f"--home {sys.prefix}")
    server = Running(fitted.replace("--workers 4", "--workers 1"), tmp_path, tmp_path / "log")
    try:
        assert "Hello, Ada" in server.wait_for(f"http://127.0.0.1:{port}/api/hello?name=Ada")
    finally:
        server.stop()


def test_the_named_halves_answer_their_protocol() -> None:
    app = app_with()
    app.add_url_rule("/", "index", lambda: "here")
    for send in PROTOCOLS.values():
        assert send(app, "GET", "/").body == b"here"


@pytest.mark.parametrize("claim", ["address", "scheme", "host", "prefix"])
@pytest.mark.parametrize("which", ["first", "second"])
def test_as_many_proxies_are_believed_as_are_configured(send: Send, which: str, claim: str) -> None:
    app = app_with(TRUSTED_PROXIES=1)

    @app.get("/where")
    def where() -> dict[str, Any]:
        return {
            "address": request.remote_addr,
            "scheme": request.scheme,
            "host": request.host,
            "prefix": request.root_path,
        }

    forwarded = [
        ("Host", "inside"),
        ("X-Forwarded-For", "192.0.2.1, 192.0.2.2"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example.com"),
        ("X-Forwarded-Prefix", "/shop"),
    ]
    right = {"address": "192.0.2.2", "scheme": "https", "host": "shop.example.com", "prefix": "/shop"}
    if which == "second":
        send(app, "GET", "/where", forwarded)
    answer = app.json.loads(send(app, "GET", "/where", forwarded).body)
    assert answer[claim] == right[claim]


# -- limits.md


def checked_app(**config: Any) -> Trivet:
    """Return an application with a view for everything that can be read wrongly."""
    app = app_with(MAX_CONTENT_LENGTH=1000, MAX_FORM_PARTS=3, **config)
    app.add_url_rule("/", "index", lambda: "")
    app.add_url_rule("/raw", "raw", lambda: request.get_data(), methods=["POST"])
    app.add_url_rule("/json", "json", lambda: {"data": request.get_json()}, methods=["POST"])
    app.add_url_rule("/form", "form", lambda: request.form["name"], methods=["POST"])

    @app.websocket("/socket")
    async def socket() -> None:
        """Say nothing."""

    return app


def post(send: Send, path: str, body: bytes, kind: str = "application/octet-stream", **more: Any) -> Answer:
    """Send a body of some content type."""
    headers = [("Content-Type", kind), ("Content-Length", str(more.get("length", len(body))))]
    return send(more.get("app") or checked_app(), "POST", path, headers, body)


FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
CHUNKED = [("Transfer-Encoding", "chunked")]
WRONG: dict[str, Callable[[Send], Answer]] = {
    "an unsafe request from a page of another origin": lambda send: send(
        checked_app(), "POST", "/raw", [("Host", "here.example"), ("Origin", "https://evil.example")]
    ),
    "`Host` is malformed": lambda send: send(checked_app(), "GET", "/", [("Host", "a b")]),
    "`Host` is not in `TRUSTED_HOSTS`": lambda send: send(
        checked_app(TRUSTED_HOSTS=["shop.example.com"]), "GET", "/", [("Host", "evil.example")]
    ),
    "`Content-Length` is not a number": lambda send: post(send, "/raw", b"", length="many"),
    "the path is not valid UTF-8": lambda send: send(checked_app(), "GET", "/%ff"),
    "no rule matches": lambda send: send(checked_app(), "GET", "/missing"),
    "the rule does not allow the method": lambda send: send(checked_app(), "DELETE", "/raw"),
    "a plain request to a WebSocket route": lambda send: send(checked_app(), "GET", "/socket"),
    "the body is larger than `MAX_CONTENT_LENGTH`": lambda send: post(send, "/raw", b"x" * 1001),
    "the body is shorter than announced": lambda send: post(send, "/raw", b"x", length=100),
    "a body in chunks that the server does not hand out": lambda send: PROTOCOLS["wsgi"](
        checked_app(), "POST", "/raw", CHUNKED
    ),
    "the body is not JSON": lambda send: post(send, "/json", b"{", "application/json"),
    "the content type is not JSON": lambda send: post(send, "/json", b"{}", "text/plain"),
    "the form is not UTF-8": lambda send: post(send, "/form", b"name=\xff", FORM),
    "the multipart form is broken": lambda send: post(send, "/form", b"--x\r\nnonsense", MULTIPART),
    "there are more fields than `MAX_FORM_PARTS`": lambda send: post(send, "/form", b"name=1&b=2&c=3&d=4", FORM),
    "a field of the form is missing": lambda send: post(send, "/form", b"other=1", FORM),
}


def test_the_table_of_refusals_has_a_case_for_each_row() -> None:
    rows = [row[0] for row in table(sections(HOW_TO / "limits.md")["When a 4xx is answered"])]
    assert rows == list(WRONG)


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_answered_as_the_table_says(send: Send, wrong: str) -> None:
    rows = {row[0]: row[1] for row in table(sections(HOW_TO / "limits.md")["When a 4xx is answered"])}
    assert WRONG[wrong](send).status == int(rows[wrong])


def test_before_functions_see_a_request_that_is_refused_instead_of_its_view(send: Send) -> None:
    app, seen = checked_app(), []
    app.before_request(lambda: seen.append("before"))
    assert send(app, "GET", "/", [("Host", "a b")]).status == 400
    assert seen == ["before"]
    assert send(app, "POST", "/raw", [("Host", "here"), ("Origin", "https://evil.example")]).status == 403
    assert seen == ["before"]


def test_a_percent_sign_in_the_query_stands_for_itself(send: Send) -> None:
    app = app_with()
    app.add_url_rule("/", "index", lambda: request.args["rate"])
    assert send(app, "GET", "/", query="rate=5%").body == b"5%"


def test_a_body_that_nobody_reads_may_be_of_any_size(send: Send) -> None:
    app = app_with(MAX_CONTENT_LENGTH=10)
    app.add_url_rule("/", "index", lambda: "fine", methods=["POST"])
    assert send(app, "POST", "/", [("Content-Length", "1000")], b"x" * 1000).body == b"fine"


def test_one_view_lowers_the_limit(send: Send, block: Callable[[str, str], ModuleType]) -> None:
    app = block("limits.md", "request.max_content_length = 10_000").app
    assert post(send, "/notes", b"x" * 10_000, app=app).status == 200
    assert post(send, "/notes", b"x" * 10_001, app=app).status == 413


def test_an_exempt_view_may_be_called_from_anywhere(send: Send, block: Callable[[str, str], ModuleType]) -> None:
    app = block("limits.md", "@csrf_exempt").app
    headers = [("Host", "here.example"), ("Origin", "https://elsewhere.example")]
    assert send(app, "POST", "/hooks/payment", headers).status == 204


# -- middleware.md


def test_the_wrapper_sees_every_answer(send: Send, block: Callable[[str, str], ModuleType]) -> None:
    app = app_with(block("middleware.md", "Server-Timing"))
    app.add_url_rule("/", "index", lambda: "here")
    assert "server-timing" in send(app, "GET", "/").headers
    assert "server-timing" in send(app, "GET", "/missing").headers


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_the_async_wrapper_replaces_an_answer_by_a_second_yield(
    send: Send, block: Callable[[str, str], ModuleType], kind: str
) -> None:
    app = app_with(block("middleware.md", "async def trivet_handle_request"))

    @app.get("/old/<name>")
    def old(name: str) -> Any:
        return f"{name} is gone", 404

    @app.get("/kept")
    async def kept() -> str:
        await asyncio.sleep(0)
        return "kept"

    if kind == "plain":
        assert send(app, "GET", "/old/page").headers["location"] == "/archive"
    else:
        assert send(app, "GET", "/kept").body == b"kept"


def test_a_plain_implementation_answers_instead_of_the_application(
    send: Send, block: Callable[[str, str], ModuleType]
) -> None:
    app = app_with(block("middleware.md", '"/alive"'))
    assert send(app, "GET", "/alive").body == b"yes"
    assert send(app, "GET", "/missing").status == 404


def test_what_is_deferred_runs_when_the_request_has_ended(send: Send, block: Callable[[str, str], ModuleType]) -> None:
    app, opened = app_with(block("middleware.md", "ctx.defer(")), []

    @app.get("/")
    def index() -> str:
        opened.append(g.connection)
        return str(g.connection.closed)

    assert send(app, "GET", "/").body == b"False"
    assert opened[0].closed


def test_asgi_goes_around_wsgi_middleware(block: Callable[[str, str], ModuleType]) -> None:
    app = block("middleware.md", "class Shout").app
    assert PROTOCOLS["wsgi"](app, "GET", "/").body == b"HELLO"
    assert PROTOCOLS["asgi"](app, "GET", "/").body == b"hello"


# -- async.md


def test_an_async_view_answers_by_both_protocols(send: Send, block: Callable[[str, str], ModuleType]) -> None:
    app = block("async.md", "asyncio.gather").app
    answer = send(app, "GET", "/lengths", query="name=Ada&name=Grace")
    assert app.json.loads(answer.body) == [{"length": 3, "name": "Ada"}, {"length": 5, "name": "Grace"}]


def test_the_background_loop_is_that_of_startup_under_wsgi(block: Callable[[str, str], ModuleType]) -> None:
    app = app_with(block("async.md", "class Client"))

    @app.get("/")
    async def index() -> str:
        return str(asyncio.get_running_loop() is app.extensions["client"].loop)

    assert PROTOCOLS["wsgi"](app, "GET", "/").body == b"True"
    app.lifespan.stop()
    assert "client" not in app.extensions


def test_a_stream_arrives_whole(
    send: Send, block: Callable[[str, str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = block("async.md", "text/event-stream")

    async def at_once(seconds: float) -> None:
        """Wait for nothing."""

    monkeypatch.setattr(module, "asyncio", type("Clock", (), {"sleep": staticmethod(at_once)}))
    assert send(module.app, "GET", "/clock").body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_a_websocket_echoes_and_refuses(block: Callable[[str, str], ModuleType]) -> None:
    app = block("async.md", "sesame").app

    def talk(query: bytes) -> list[dict[str, Any]]:
        scope = {"type": "websocket", "path": "/echo/hall", "query_string": query, "headers": [], "scheme": "ws"}
        incoming: list[dict[str, Any]] = [
            {"type": "websocket.connect"},
            {"type": "websocket.receive", "text": "hi"},
            {"type": "websocket.disconnect", "code": 1000},
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return incoming.pop(0)

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(app.asgi(scope, receive, send))
        return sent

    assert [message.get("text") for message in talk(b"key=sesame")] == [None, "hall: hi"]
    assert [message["type"] for message in talk(b"")] == ["websocket.close"]


def test_the_page_knows_how_many_worker_threads_there_are() -> None:
    said = (HOW_TO / "async.md").read_text(encoding="utf-8")
    assert f"up to {app_with().workers.limit} threads" in " ".join(said.split())


# -- write-a-plugin.md


def test_the_tests_of_the_plugin_pass(tmp_path: Path) -> None:
    for one in blocks(HOW_TO / "write-a-plugin.md", "python"):
        assert one.file is not None
        (tmp_path / one.file).write_text(one.text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr  # one of them by each protocol


@pytest.fixture
def shelf(block: Callable[[str, str], ModuleType]) -> ModuleType:
    """The plugin of the page that is bound to routes."""
    return block("write-a-plugin.md", 'name="shelf"')


def test_the_bound_wrapper_marks_the_answers_of_marked_views_alone(send: Send, shelf: ModuleType) -> None:
    app = app_with(shelf)
    app.add_url_rule("/kept", "kept", shelf.keep(60)(lambda: "kept"))
    app.add_url_rule("/", "index", lambda: "here")
    assert send(app, "GET", "/kept").headers["cache-control"] == "max-age=60"
    assert "cache-control" not in send(app, "GET", "/").headers


def test_the_decorator_of_a_plugin_that_is_not_enabled_is_an_error(shelf: ModuleType) -> None:
    app = app_with()
    app.add_url_rule("/kept", "kept", shelf.keep(60)(lambda: "kept"))
    with pytest.raises(PluginError, match="needs the plugin 'shelf'"):
        app.seal()


def test_a_route_has_what_the_page_says(shelf: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    app, seen = app_with(shelf), list[Any]()
    monkeypatch.setattr(shelf, "bind", lambda route, bridge: seen.append(route))
    app.seal()
    section = sections(HOW_TO / "write-a-plugin.md")["Bind a hook to routes"]
    [said] = re.findall(r"It gets the \*route\*, which has (.*?)\.\n", section, re.DOTALL)
    for name in re.findall(r"`([a-z]+)`", said):
        assert hasattr(seen[0], name)


def test_the_manifest_has_the_fields_that_the_page_names() -> None:
    section = sections(HOW_TO / "write-a-plugin.md")["The module"]
    named = set(re.findall(r"`(\w+)=\(", section))
    assert named == {field.name for field in fields(Plugin)} - {"name", "summary", "options"}

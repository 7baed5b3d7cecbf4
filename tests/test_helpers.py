"""The helpers: URLs, redirects that stay at home, errors, responses, contexts that are carried elsewhere."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, TooManyRequests
from werkzeug.routing import BuildError
from werkzeug.routing.exceptions import RequestRedirect

from trivet import (
    Blueprint,
    OutsideContextError,
    Response,
    Trivet,
    abort,
    after_this_request,
    copy_current_request_context,
    has_request_context,
    jsonify,
    make_response,
    redirect,
    request,
    safe_redirect_target,
    stream_with_context,
    url_for,
)

from .asking import Ask, by_asgi, by_wsgi


@pytest.fixture(params=[by_wsgi, by_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


def make_app(**config: Any) -> Trivet:
    app = Trivet("helped", config_file=False)
    app.config.update(config)
    app.add_url_rule("/", "index", lambda: "index")
    app.add_url_rule("/user/<name>", "user", lambda name: name)
    app.add_url_rule("/items", "items", lambda: "items", methods=["GET"])
    app.add_url_rule("/items/new", "items", methods=["POST"])
    return app


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = make_app()
    yield made
    made.lifespan.stop()
    made.loops.stop()
    made.workers.stop()


# -- url_for


@pytest.mark.parametrize(
    ("endpoint", "values", "url"),
    [
        ("index", {}, "/"),
        ("user", {"name": "ada"}, "/user/ada"),
        ("user", {"name": "a b ä?"}, "/user/a%20b%20%C3%A4%3F"),
        ("index", {"q": "a b", "n": 1}, "/?q=a+b&n=1"),
        ("index", {"q": ["a", "b"]}, "/?q=a&q=b"),
        ("index", {"q": None}, "/"),
        ("index", {"_anchor": "part two"}, "/#part%20two"),
        ("index", {"_anchor": "x\ny"}, "/#x%0Ay"),
        ("index", {"q": 1, "_anchor": "a"}, "/?q=1#a"),
        ("index", {"_external": True}, "http://localhost/"),
        ("index", {"_scheme": "https"}, "https://localhost/"),
        ("index", {"_scheme": "https", "_external": True}, "https://localhost/"),
        ("items", {"_method": "POST"}, "/items/new"),
        ("items", {"_method": "GET"}, "/items"),
    ],
)
def test_a_url_is_built_within_a_request(app: Trivet, endpoint: str, values: Any, url: str) -> None:
    with app.test_request_context():
        assert url_for(endpoint, **values) == app.url_for(endpoint, **values) == url


def test_a_url_carries_the_prefix_of_the_server(app: Trivet) -> None:
    with app.test_request_context(base_url="http://shop.example/prefix"):
        assert url_for("user", name="ada") == "/prefix/user/ada"
        assert url_for("user", name="ada", _external=True) == "http://shop.example/prefix/user/ada"


def test_a_relative_endpoint_belongs_to_the_current_blueprint(app: Trivet, ask: Ask) -> None:
    part = Blueprint("part", __name__, url_prefix="/part")
    part.add_url_rule("/", "index", lambda: f"{url_for('.index')} {url_for('index')} {url_for('part.index')}")
    app.register_blueprint(part)
    app.add_url_rule("/here", "here", lambda: url_for(".index"))
    assert ask(app, "/part/").text == "/part/ / /part/"
    assert ask(app, "/here").text == "/"


def test_without_a_request_urls_are_external_and_need_a_server_name() -> None:
    app = make_app(SERVER_NAME="shop.example", APPLICATION_ROOT="/app", PREFERRED_URL_SCHEME="https")
    with app.app_context():
        assert url_for("index") == "https://shop.example/app/"
        assert url_for("index", _external=False) == "/app/"
        assert url_for("index", _scheme="http") == "http://shop.example/app/"


def test_without_a_request_and_a_server_name_it_is_said_what_to_configure(app: Trivet) -> None:
    with app.app_context(), pytest.raises(OutsideContextError, match="SERVER_NAME"):
        url_for("index")


def test_without_any_context_it_is_said_that_one_is_needed() -> None:
    with pytest.raises(OutsideContextError, match="application context"):
        url_for("index")


def test_a_scheme_without_a_host_is_refused(app: Trivet) -> None:
    with app.test_request_context(), pytest.raises(ValueError, match="_external"):
        url_for("index", _scheme="https", _external=False)


@pytest.mark.parametrize(
    ("endpoint", "values", "words"),
    [
        ("usr", {"name": "ada"}, ["'usr'", "'user'"]),
        ("user", {}, ["'user'", "name"]),
        ("items", {"_method": "DELETE"}, ["'items'", "DELETE"]),
    ],
)
def test_a_url_that_cannot_be_built_names_the_nearest_endpoint_or_what_is_missing(
    app: Trivet, endpoint: str, values: Any, words: list[str]
) -> None:
    with app.test_request_context(), pytest.raises(BuildError) as raised:
        url_for(endpoint, **values)
    assert all(word in str(raised.value) for word in words)


def test_handlers_may_build_what_the_rules_cannot(app: Trivet) -> None:
    seen: list[Any] = []

    def give_up(error: Exception, endpoint: str, values: dict[str, Any]) -> str:
        seen.append((endpoint, dict(values)))
        raise error

    app.url_build_error_handlers += [give_up, lambda error, endpoint, values: f"/elsewhere/{endpoint}"]
    with app.test_request_context():
        assert url_for("nowhere", a=1, _anchor="x") == "/elsewhere/nowhere"
    assert seen == [("nowhere", {"a": 1, "_anchor": "x", "_method": None, "_scheme": None, "_external": False})]


def test_defaults_of_urls_are_put_in(app: Trivet) -> None:
    app.url_defaults(lambda endpoint, values: values.setdefault("name", "ada") if endpoint == "user" else None)
    with app.test_request_context():
        assert (url_for("user"), url_for("user", name="eve"), url_for("index")) == ("/user/ada", "/user/eve", "/")


# -- safe_redirect_target

HOST = "shop.example"
LEADING_OUT = [
    None,
    "",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\r/evil.example",
    "\x00//evil.example",
    "\x1f//evil.example",
    "http://evil.example",
    "http:evil.example",
    "http:/evil.example",
    "http:///evil.example",
    "https:shop.example",
    "https:///shop.example",
    "HTTP://evil.example",
    "http://shop.example@evil.example/",
    "http://shop.example:80@evil.example/",
    "http://shop.example.evil.example/",
    "http://evil.example/shop.example",
    "http://evil.example#shop.example",
    "http://evil.example?shop.example",
    "http://evil.example\\@shop.example",
    "http://shop.example\\.evil.example",
    "http://[::1",
    "http://shop.example]",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "ftp://shop.example/",
    "file:///etc/passwd",
    "//shop.example@evil.example",
    "//evil.example/%2f..",
    "evil.example",
    "page",
    ".//evil.example",
    "?q=1",
    "#x",
    "/page\r\nSet-Cookie: a=1",
]
STAYING = [
    "/",
    "/page",
    "/page?next=//evil.example",
    "/page#//evil.example",
    "/a//b",
    "/a:b",
    "/@evil.example",
    "/%2f%2fevil.example",
    "/größe",
    "http://shop.example/page",
    "https://shop.example/page",
    "HTTP://SHOP.example/page",
]


@pytest.mark.parametrize("target", LEADING_OUT)
def test_a_target_that_leads_out_is_refused(app: Trivet, target: str | None) -> None:
    with app.test_request_context(base_url=f"http://{HOST}"):
        assert safe_redirect_target(target, "/home") == "/home"


@pytest.mark.parametrize("target", STAYING)
def test_a_target_on_this_host_is_kept(app: Trivet, target: str) -> None:
    with app.test_request_context(base_url=f"http://{HOST}"):
        assert safe_redirect_target(target) == target


def host_reached(target: str) -> str:
    """Return the host that a browser at ``http://shop.example/here`` goes to, by the URL standard, 4.4."""
    target = target.strip("".join(map(chr, range(0x21))))
    target = re.sub("[\t\n\r]", "", target).replace("\\", "/")
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", target, re.IGNORECASE)
    rest = target
    if scheme is not None:
        rest = target[scheme.end() :]
        if scheme[1].lower() not in ("http", "https"):
            return f"outside: {scheme[1]}"
        if scheme[1].lower() == "http" and not rest.startswith("//"):
            return HOST  # the same scheme as the page's: relative
    elif not target.startswith("//"):
        return HOST
    authority = re.split("[/?#]", rest.lstrip("/"), maxsplit=1)[0]
    return authority.rpartition("@")[2].lower()


pieces = st.sampled_from(
    ["/", "\\", "//", ":", "@", "http", "https", "javascript", HOST, "evil.example", "\t", "\n", "\r", " ", "\x00"]
) | st.sampled_from(["?", "#", ".", "%2f", "a", "[", "]", "\x7f", "\x85", "\u2028", "\uff0f"])


@given(target=st.lists(pieces, max_size=8).map("".join) | st.text())
@example("http:/\t/evil.example")
@example("https:evil.example")
def test_no_target_leads_a_browser_to_another_host(target: str) -> None:
    with make_app().test_request_context(base_url=f"http://{HOST}"):
        assert host_reached(safe_redirect_target(target)) == HOST


# -- redirect and abort


def test_a_redirect_sends_the_client_elsewhere(app: Trivet, ask: Ask) -> None:
    app.add_url_rule("/go", "go", lambda: redirect("/items?a=1"))
    app.add_url_rule("/moved", "moved", lambda: redirect("/items", 301))
    assert (ask(app, "/go").status, ask(app, "/go").header("Location")) == (302, "/items?a=1")
    assert ask(app, "/moved").status == 301


def test_a_redirect_is_of_the_applications_class_unless_another_is_wanted(app: Trivet) -> None:
    class Own(Response):
        pass

    class Other(Response):
        pass

    app.response_class = Own
    with app.test_request_context():
        assert type(redirect("/")) is Own
        assert type(redirect("/", Response=Other)) is Other
    assert redirect("/").status_code == 302


def test_an_error_is_raised_by_its_code_with_its_text(app: Trivet, ask: Ask) -> None:
    app.add_url_rule("/forbidden", "forbidden", lambda: abort(403, "Members <only>."))
    answer = ask(app, "/forbidden")
    assert answer.status == 403
    assert "Members &lt;only&gt;." in answer.text


def test_errors_take_what_their_class_takes() -> None:
    with pytest.raises(TooManyRequests) as raised:
        abort(429, retry_after=3)
    assert ("Retry-After", "3") in raised.value.get_headers()


def test_a_response_may_be_raised(app: Trivet, ask: Ask) -> None:
    app.add_url_rule("/teapot", "teapot", lambda: abort(make_response("teapot", 418)))
    assert (ask(app, "/teapot").status, ask(app, "/teapot").text) == (418, "teapot")


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(LookupError):
        abort(999)


def test_the_applications_own_errors_are_raised() -> None:
    class Broke(HTTPException):
        code = 402
        description = "broke"

    app = make_app()
    app.aborter.mapping[402] = Broke
    with app.test_request_context(), pytest.raises(Broke):
        abort(402)
    with pytest.raises(Forbidden):
        abort(403)
    assert not issubclass(RequestRedirect, NotFound)


# -- responses


@pytest.mark.parametrize(
    ("arguments", "status", "body"),
    [((), 200, b""), (("text",), 200, b"text"), (("text", 201), 201, b"text"), (({"a": 1}, 202), 202, b'{"a":1}\n')],
)
def test_make_response_makes_what_a_view_would(app: Trivet, arguments: Any, status: int, body: bytes) -> None:
    with app.test_request_context():
        response = make_response(*arguments)
        assert (response.status_code, response.get_data()) == (status, body)
        assert isinstance(response, app.response_class)


@pytest.mark.parametrize(
    ("arguments", "keywords", "body"),
    [
        ((), {"a": 1}, b'{"a":1}\n'),
        ((1,), {}, b"1\n"),
        ((1, 2), {}, b"[1,2]\n"),
        (([],), {}, b"[]\n"),
        ((), {}, b"null\n"),
    ],
)
def test_jsonify_takes_a_value_several_or_keywords(app: Trivet, arguments: Any, keywords: Any, body: bytes) -> None:
    with app.app_context():
        response = jsonify(*arguments, **keywords)
        assert (response.get_data(), response.mimetype) == (body, "application/json")


def test_jsonify_refuses_values_beside_keywords(app: Trivet) -> None:
    with app.app_context(), pytest.raises(TypeError, match="not both"):
        jsonify(1, a=1)


def test_after_this_request_is_for_the_active_request_only(app: Trivet) -> None:
    with pytest.raises(OutsideContextError):
        after_this_request(lambda response: response)
    with app.app_context(), pytest.raises(OutsideContextError):
        after_this_request(lambda response: response)


@pytest.mark.parametrize("flavour", ["sync", "async"])
def test_after_this_request_runs_before_the_after_functions_in_order(app: Trivet, ask: Ask, flavour: str) -> None:
    log: list[str] = []

    def noting(name: str) -> Any:
        def note(response: Any) -> Any:
            log.append(name)
            return response

        return note

    app.after_request(noting("every"))

    def view() -> str:
        after_this_request(noting("one"))
        after_this_request(noting("two"))
        return "text"

    async def view_async() -> str:
        return view()

    app.add_url_rule("/view", "view", view if flavour == "sync" else view_async)
    assert ask(app, "/view").text == "text"
    assert log == ["one", "two", "every"]


# -- contexts elsewhere


@pytest.mark.parametrize("flavour", ["sync", "async"])
def test_a_function_may_carry_the_request_into_a_thread(app: Trivet, ask: Ask, flavour: str) -> None:
    found: list[Any] = []

    def look() -> str:
        @copy_current_request_context
        def elsewhere() -> None:
            found.append((request.path, request.args["a"]))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return "text"

    async def look_async() -> str:
        return look()

    app.add_url_rule("/look", "look", look if flavour == "sync" else look_async)
    assert ask(app, "/look?a=1").text == "text"
    assert found == [("/look", "1")]


def test_a_function_may_carry_the_request_into_a_task(app: Trivet) -> None:
    @app.get("/look")
    async def look() -> str:
        @copy_current_request_context
        async def elsewhere() -> str:
            await asyncio.sleep(0)
            return request.path

        return await asyncio.create_task(elsewhere())

    assert by_asgi(app, "/look").text == "/look"


def test_a_carried_function_keeps_its_name_arguments_and_result(app: Trivet) -> None:
    with app.test_request_context():

        @copy_current_request_context
        def add(a: int, b: int = 0) -> int:
            return a + b

    assert (add.__name__, add(1, b=2)) == ("add", 3)
    assert not has_request_context()


def test_without_a_request_nothing_can_be_carried() -> None:
    with pytest.raises(RuntimeError, match="copy_current_request_context"):
        copy_current_request_context(print)


def test_a_generator_may_be_run_elsewhere_within_its_request(app: Trivet) -> None:
    closed: list[str] = []

    def pieces() -> Iterator[str]:
        try:
            yield request.path
            yield request.args["a"]
        finally:
            closed.append(f"closed {request.path}")

    with app.test_request_context("/p?a=1"):
        wrapped = stream_with_context(pieces())
        ended = stream_with_context(pieces())
    assert list(wrapped) == ["/p", "1"]
    assert next(ended) == "/p"
    ended.close()
    assert closed == ["closed /p", "closed /p"]
    assert not has_request_context()


@pytest.mark.parametrize("decorated", [False, True])
def test_a_view_written_for_flask_may_stream_with_context(app: Trivet, ask: Ask, decorated: bool) -> None:
    def pieces() -> Iterator[str]:
        yield request.path
        yield "!"

    app.add_url_rule("/s", "s", lambda: stream_with_context(pieces)() if decorated else stream_with_context(pieces()))
    assert ask(app, "/s").text == "/s!"


def test_an_asynchronous_generator_may_stream_with_context(app: Trivet, ask: Ask) -> None:
    @app.get("/s")
    async def view() -> Any:
        @stream_with_context
        async def pieces() -> AsyncIterator[str]:
            yield request.path
            await asyncio.sleep(0)
            yield "!"

        return pieces()

    assert ask(app, "/s").text == "/s!"


def test_streaming_with_context_needs_one() -> None:
    with pytest.raises(RuntimeError, match="stream_with_context"):
        stream_with_context(iter("ab"))


def test_an_asynchronous_generator_may_be_run_elsewhere_within_its_request(app: Trivet) -> None:
    closed: list[str] = []

    async def pieces() -> AsyncIterator[str]:
        try:
            yield request.path
            await asyncio.sleep(0)
            yield request.args["a"]
        finally:
            closed.append(f"closed {request.path}")

    with app.test_request_context("/p?a=1"):
        wrapped = stream_with_context(pieces())

        ended = stream_with_context(pieces())

    async def collect() -> list[str]:
        assert await anext(ended) == "/p"
        await ended.aclose()
        return [piece async for piece in wrapped]

    assert asyncio.run(collect()) == ["/p", "1"]
    assert closed == ["closed /p", "closed /p"]

"""The life of a request: order, errors, cleanup, and the same on both protocols."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.exceptions import Forbidden, NotFound

from trivet import (
    Blueprint,
    SealedError,
    Trivet,
    abort,
    after_this_request,
    current_app,
    g,
    has_app_context,
    hookimpl,
    request,
    specialised,
)

from .asking import Ask, by_asgi, by_wsgi


@pytest.fixture(params=[by_wsgi, by_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = Trivet("lived", config_file=False)
    yield made
    made.lifespan.stop()
    made.loops.stop()
    made.workers.stop()


def in_flavour(function: Any, flavour: str) -> Any:
    """Return ``function`` itself, or the same as a coroutine function."""
    if flavour == "sync":
        return function

    async def asynchronous(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    asynchronous.__name__ = function.__name__
    return asynchronous


def test_functions_run_outside_in_before_the_view_and_inside_out_after_it(app: Trivet, ask: Ask, flavour: str) -> None:
    log: list[str] = []

    def note(event: str, *returned: Any) -> Any:
        def function(*args: Any) -> Any:
            log.append(event)
            return args[0] if returned and args else None

        return in_flavour(function, flavour)

    outer = Blueprint("outer", __name__)
    inner = Blueprint("inner", __name__)
    for name, part in (("app", app), ("outer", outer), ("inner", inner)):
        for number in (1, 2):
            part.before_request(note(f"before {name} {number}"))
            part.after_request(note(f"after {name} {number}", True))
            part.teardown_request(note(f"teardown {name} {number}"))
    inner.add_url_rule("/", "view", note("view"))

    def view() -> str:
        log.append("view")
        return "text"

    inner.deferred_functions.clear()
    inner.add_url_rule("/", "view", in_flavour(view, flavour))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    app.teardown_appcontext(note("teardown context"))

    assert ask(app).text == "text"
    assert log == [
        *(f"before {name} {number}" for name in ("app", "outer", "inner") for number in (1, 2)),
        "view",
        *(f"after {name} {number}" for name in ("inner", "outer", "app") for number in (2, 1)),
        *(f"teardown {name} {number}" for name in ("inner", "outer", "app") for number in (2, 1)),
        "teardown context",
    ]


def test_a_before_function_may_answer_and_the_after_functions_still_run(app: Trivet, ask: Ask, flavour: str) -> None:
    app.before_request(in_flavour(lambda: ("not today", 503), flavour))

    @app.after_request
    def mark(response: Any) -> Any:
        response.headers["X-After"] = "yes"
        return response

    app.add_url_rule("/", "view", lambda: pytest.fail("the view was called"))
    answer = ask(app)
    assert (answer.status, answer.text, answer.header("X-After")) == (503, "not today", "yes")


def test_an_after_function_may_return_another_response(app: Trivet, ask: Ask) -> None:
    seen = []

    @app.after_request
    def look(response: Any) -> Any:
        seen.append(response.get_data())
        return response

    @app.after_request
    def replace(response: Any) -> Any:
        return app.response_class("other", status=202)

    app.add_url_rule("/", "view", lambda: "one")
    answer = ask(app)
    assert (answer.status, answer.text, seen) == (202, "other", [b"other"])


def test_an_after_function_that_returns_nothing_is_named(app: Trivet, ask: Ask, caplog: Any) -> None:
    @app.after_request
    def forgetful(response: Any) -> None:
        pass

    app.add_url_rule("/", "view", lambda: "text")
    assert ask(app).status == 500
    assert "'forgetful'" in caplog.text
    assert "test_lifecycle.py" in caplog.text


def test_after_this_request_runs_once(app: Trivet, ask: Ask) -> None:
    @app.get("/")
    def view() -> str:
        if "once" in request.args:

            @after_this_request
            def mark(response: Any) -> Any:
                response.headers["X-Once"] = "yes"
                return response

        return "text"

    assert ask(app, "/?once=1").header("X-Once") == "yes"
    assert ask(app, "/").header("X-Once") is None


def test_an_exception_is_answered_500_logged_once_and_torn_down(
    app: Trivet, ask: Ask, flavour: str, caplog: Any
) -> None:
    torn = []
    app.teardown_request(lambda error: torn.append(type(error)))

    def view() -> str:
        raise ZeroDivisionError("on purpose")

    app.add_url_rule("/", "view", in_flavour(view, flavour))
    with caplog.at_level(logging.ERROR):
        assert ask(app).status == 500
    records = [record for record in caplog.records if record.exc_info]
    assert len(records) == 1
    assert records[0].exc_info[0] is ZeroDivisionError
    assert torn == [ZeroDivisionError]
    assert ask(app, "/nowhere").status == 404


def test_handlers_answer_by_code_by_class_and_by_blueprint(app: Trivet, ask: Ask, flavour: str) -> None:
    part = Blueprint("part", __name__, url_prefix="/part")
    app.register_error_handler(404, in_flavour(lambda error: ("app 404", 404), flavour))
    app.register_error_handler(LookupError, in_flavour(lambda error: f"app {type(error).__name__}", flavour))
    part.register_error_handler(403, in_flavour(lambda error: ("part 403", 403), flavour))
    app.add_url_rule("/key", "key", lambda: dict[str, str]()["missing"])
    app.add_url_rule("/forbidden", "forbidden", lambda: abort(403))
    part.add_url_rule("/forbidden", "forbidden", lambda: abort(403))
    app.register_blueprint(part)
    assert ask(app, "/nowhere").text == "app 404"
    assert ask(app, "/key").text == "app KeyError"
    assert ask(app, "/part/forbidden").text == "part 403"
    assert "part" not in ask(app, "/forbidden").text


def test_the_handler_of_500_gets_the_original_exception(app: Trivet, ask: Ask) -> None:
    app.register_error_handler(500, lambda error: (repr(error.original_exception), 500))
    app.add_url_rule("/", "view", lambda: 1 / 0)
    assert ask(app).text == "ZeroDivisionError('division by zero')"


def test_a_handler_that_fails_is_answered_500(app: Trivet, ask: Ask, caplog: Any) -> None:
    app.register_error_handler(ValueError, lambda error: 1 / 0)

    def view() -> str:
        raise ValueError

    app.add_url_rule("/", "view", view)
    assert ask(app).status == 500
    assert "ZeroDivisionError" in caplog.text


def test_a_handler_of_500_that_fails_does_not_take_the_answer_away(app: Trivet, ask: Ask, caplog: Any) -> None:
    app.register_error_handler(500, lambda error: dict[str, str]()["missing"])
    app.add_url_rule("/", "view", lambda: 1 / 0)
    assert ask(app).status == 500
    assert ask(app, "/nowhere").status == 404


@pytest.mark.parametrize("setting", ["TESTING", "PROPAGATE_EXCEPTIONS"])
def test_exceptions_reach_the_caller_where_that_is_wanted(app: Trivet, ask: Ask, setting: str) -> None:
    app.config[setting] = True
    app.add_url_rule("/", "view", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(app)


def test_a_missing_page_passes_the_applications_functions(app: Trivet, ask: Ask) -> None:
    seen = []
    app.before_request(lambda: seen.append(request.routing_exception))

    @app.after_request
    def mark(response: Any) -> Any:
        response.headers["X-After"] = "yes"
        return response

    answer = ask(app, "/nowhere")
    assert (answer.status, answer.header("X-After")) == (404, "yes")
    assert isinstance(seen[0], NotFound)


def test_what_was_deferred_is_done_in_reverse_whatever_fails(app: Trivet, ask: Ask, caplog: Any, flavour: str) -> None:
    log: list[int] = []

    class Plugin:
        @hookimpl
        def trivet_before_request(self, ctx: Any) -> None:
            ctx.defer(in_flavour(log.append, flavour), 1)
            ctx.defer(lambda: 1 / 0)
            ctx.defer(log.append, 2)

    app.plugins.register(Plugin())
    app.add_url_rule("/", "view", lambda: "text")
    assert ask(app).text == "text"
    assert log == [2, 1]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("value", "status", "body"),
    [
        ("text", 200, b"text"),
        (b"bytes", 200, b"bytes"),
        (("made", 201), 201, b"made"),
        (("made", "201 MADE"), 201, b"made"),
        (("head", {"X-A": "1"}), 200, b"head"),
        (("all", 202, {"X-A": "1"}), 202, b"all"),
        (({"a": 1}, 203), 203, b'{"a":1}\n'),
        ([1, 2], 200, b"[1,2]\n"),
        (iter(["a", "b"]), 200, b"ab"),
        (("", 204), 204, b""),
        (Forbidden("no"), 403, None),
    ],
)
def test_views_may_return_what_flask_says(app: Trivet, value: Any, status: int, body: bytes | None) -> None:
    app.add_url_rule("/", "view", lambda: value)
    answer = by_wsgi(app)
    assert answer.status == status
    assert body is None or answer.body == body


@pytest.mark.parametrize("value", [None, 5, object(), ("a", 1, {}, 4), (None, 200)])
def test_a_view_that_returns_no_response_is_named(app: Trivet, ask: Ask, value: Any, caplog: Any) -> None:
    def culprit() -> Any:
        return value

    app.add_url_rule("/", "culprit", culprit)
    assert ask(app).status == 500
    assert "'culprit'" in caplog.text
    assert "test_lifecycle.py" in caplog.text


def hooks_in(flavour: str, log: list[str]) -> Any:
    """Return a plugin with every hook of a request, sync or asynchronous."""

    def note(name: str, value: Any = None) -> Any:
        if flavour == "sync":

            def function(ctx: Any) -> Any:
                log.append(name)
                return value
        else:

            async def function(ctx: Any) -> Any:  # type: ignore[misc]
                log.append(name)
                return value

        return hookimpl(function)

    def around() -> Any:
        if flavour == "sync":

            def function(ctx: Any) -> Any:
                log.append("enter")
                response: Any = yield
                log.append(f"leave {response.status_code}")
                return response
        else:

            async def function(ctx: Any) -> AsyncIterator[Any]:  # type: ignore[misc]
                log.append("enter")
                response: Any = yield
                log.append(f"leave {response.status_code}")

        return hookimpl(wrapper=True)(function)

    return SimpleNamespace(
        name="every",
        trivet_handle_request=around(),
        trivet_before_request=note("before"),
        trivet_call_view=note("call"),
        trivet_make_response=note("make"),
        trivet_handle_error=note("error"),
        trivet_after_request=note("after"),
    )


def test_every_hook_of_a_request_runs_at_its_place(app: Trivet, ask: Ask, flavour: str) -> None:
    log: list[str] = []
    app.plugins.register(hooks_in(flavour, log))
    app.add_url_rule("/", "view", lambda: "text")
    app.add_url_rule("/broken", "broken", lambda: abort(418))
    assert ask(app).text == "text"
    assert log == ["enter", "before", "call", "make", "after", "leave 200"]
    log.clear()
    assert ask(app, "/broken").status == 418
    assert log == ["enter", "before", "call", "error", "make", "after", "leave 418"]
    log.clear()
    assert ask(app, "/nowhere").status == 404
    assert log == ["enter", "before", "error", "make", "after", "leave 404"]


@pytest.mark.parametrize("hook", ["trivet_handle_request", "trivet_before_request", "trivet_call_view"])
def test_a_hook_may_answer_instead_of_the_view(app: Trivet, ask: Ask, flavour: str, hook: str) -> None:
    def answer(ctx: Any) -> Any:
        return ctx.app.response_class("hook")

    app.plugins.register(SimpleNamespace(name="answers", **{hook: hookimpl(in_flavour_ctx(answer, flavour))}))
    app.add_url_rule("/", "view", lambda: pytest.fail("the view was called"))
    assert ask(app).text == "hook"


def in_flavour_ctx(function: Any, flavour: str) -> Any:
    """Like :func:`in_flavour`, keeping the signature, by which pluggy knows what a hook takes."""
    if flavour == "sync":
        return function

    async def asynchronous(ctx: Any) -> Any:
        return function(ctx)

    return asynchronous


def test_a_hook_registered_late_takes_part_after_binding_anew(app: Trivet, ask: Ask) -> None:
    app.add_url_rule("/", "view", lambda: "text")
    assert ask(app).text == "text"

    class Late:
        @hookimpl
        def trivet_after_request(self, response: Any) -> None:
            response.headers["X-Late"] = "yes"

    app.plugins.register(Late(), "late")
    app.rebind()
    assert ask(app).header("X-Late") == "yes"
    app.plugins.unregister("late")
    app.rebind()
    assert ask(app).header("X-Late") is None


@pytest.mark.parametrize("late", ["get", "before_request", "errorhandler", "register_blueprint"])
def test_what_is_registered_after_the_first_request_is_refused_with_the_place(app: Trivet, ask: Ask, late: str) -> None:
    app.add_url_rule("/", "view", lambda: "text")
    ask(app)
    arguments: dict[str, Any] = {"get": "/late", "errorhandler": 404, "register_blueprint": Blueprint("b", __name__)}
    with pytest.raises(SealedError, match=r"test_lifecycle\.py:\d+.*by the first request"):
        getattr(app, late)(*([arguments[late]] if late in arguments else [lambda: None]))


def test_sealing_ends_setup_and_names_the_place(app: Trivet) -> None:
    app.seal()
    with pytest.raises(SealedError, match=r"sealed at .*test_lifecycle\.py:\d+"):
        app.add_url_rule("/", "view", lambda: "text")


def test_the_proxies_follow_the_request_in_every_flavour(app: Trivet, ask: Ask, flavour: str) -> None:
    app.before_request(in_flavour(lambda: setattr(g, "name", request.args["name"]), flavour))
    app.add_url_rule("/", "view", in_flavour(lambda: f"{g.name} {current_app.name} {request.method}", flavour))
    assert ask(app, "/?name=Ada").text == "Ada lived GET"


@pytest.mark.parametrize("flavours", [("sync", "async"), ("async", "sync")])
def test_sync_and_async_pieces_mix(app: Trivet, ask: Ask, flavours: tuple[str, str]) -> None:
    first, second = flavours
    app.before_request(in_flavour(lambda: None, first))
    app.after_request(in_flavour(lambda response: response, first))
    app.teardown_request(in_flavour(lambda error: None, first))
    app.register_error_handler(ZeroDivisionError, in_flavour(lambda error: "handled", first))
    app.add_url_rule("/", "view", in_flavour(lambda: "text", second))
    app.add_url_rule("/broken", "broken", in_flavour(lambda: 1 / 0, second))
    assert ask(app).text == "text"
    assert ask(app, "/broken").text == "handled"


# -- hook implementations that are bound to routes


class Stamp:
    """A plugin that stamps the answers of some routes, and answers one of them first."""

    name = "stamp"

    def __init__(self) -> None:
        self.bound: list[str | None] = []

    @hookimpl(wrapper=True)
    @specialised("bind", by_route=True)
    def trivet_handle_request(self, ctx: Any) -> Any:
        response = yield
        return response

    def bind(self, route: Any, bridge: Any) -> Any:
        self.bound.append(route.endpoint)
        if route.endpoint == "plain":
            return None

        def stamp(response: Any, ctx: Any) -> Any:
            response.headers["X-Stamp"] = str(route.endpoint)
            return response

        return stamp


def stamped(*plugins: Any) -> Trivet:
    app = Trivet(__name__, config_file=False, plugins=plugins)
    app.add_url_rule("/stamped", "stamped", lambda: "stamped")
    app.add_url_rule("/plain", "plain", lambda: "plain")

    @app.route("/failing")
    async def failing() -> str:
        raise LookupError

    return app


@pytest.mark.parametrize(
    ("path", "stamp"),
    [("/stamped", "stamped"), ("/plain", None), ("/failing", "failing"), ("/missing", "None")],
)
def test_a_wrapper_may_be_bound_to_each_route(ask: Ask, path: str, stamp: str | None) -> None:
    assert ask(stamped(Stamp()), path).header("X-Stamp") == stamp


def test_a_route_is_bound_when_setup_ends_and_not_again() -> None:
    plugin = Stamp()
    app = stamped(plugin)
    app.seal()
    bound = list(plugin.bound)
    assert {"stamped", "plain", "failing", None} <= set(bound)
    app.test_client().get("/stamped")
    assert plugin.bound == bound


def test_a_wrapper_around_a_bound_one_sees_its_work_and_one_within_does_not(ask: Ask) -> None:
    seen: list[tuple[str, str | None]] = []

    class Look:
        def __init__(self, name: str, **order: Any) -> None:
            self.name = name

            @hookimpl(None, wrapper=True, **order)
            def look(ctx: Any) -> Any:
                response = yield
                seen.append((name, response.headers.get("X-Stamp")))
                return response

            self.trivet_handle_request = look

    ask(stamped(Look("outside", tryfirst=True), Stamp(), Look("inside", trylast=True)), "/stamped")
    assert seen == [("inside", None), ("outside", "stamped")]


# -- contexts outside of requests, in coroutines


def test_a_context_left_by_async_with_awaits_its_cleanup_on_the_same_loop() -> None:
    app, loops = Trivet("app"), list[Any]()

    async def note() -> None:
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())

    async def work() -> None:
        async with app.app_context() as ctx:
            assert current_app.name == "app"
            ctx.defer(note)
        assert loops == [asyncio.get_running_loop()]
        assert not has_app_context()

    asyncio.run(work())


def test_cleanup_that_fails_under_async_with_is_raised_after_the_rest_was_done() -> None:
    app, done = Trivet("app"), list[str]()

    async def fail() -> None:
        raise ValueError("cleanup")

    async def leave() -> None:
        async with app.app_context() as ctx:
            ctx.defer(done.append, "first")
            ctx.defer(fail)

    with pytest.raises(ValueError, match="cleanup"):
        asyncio.run(leave())
    assert done == ["first"]


def test_a_context_that_is_not_the_innermost_cannot_be_left_by_async_with() -> None:
    app = Trivet("app")

    async def work() -> None:
        outer, inner = app.app_context(), app.app_context()
        async with outer, inner:
            with pytest.raises(RuntimeError, match="cannot be left"):
                await outer.__aexit__(None, None, None)
        assert not has_app_context()

    asyncio.run(work())

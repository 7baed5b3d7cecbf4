"""Methods that a subclass or an instance overrides, and registries that are changed directly, are honoured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.routing import Rule

from trivet_flask.flask import Flask, Request, Response, g, has_request_context, render_template_string, request
from trivet_flask.flask.testing import FlaskClient

from .differential.requests import Ask
from .differential.side import by_asgi, by_wsgi

Ways = dict[str, Callable[..., Any]]
WAYS: Ways = {"wsgi": by_wsgi, "asgi": by_asgi}


class Asked:
    """Sends requests to an application by one protocol."""

    def __init__(self, way: str) -> None:
        self.way = way

    def __call__(self, app: Any, target: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
        status, headers, body = WAYS[self.way](app, Ask(target, method), [("Host", "localhost")])
        return int(status[:3]), {name.title(): value for name, value in headers}, body.decode()


@pytest.fixture(params=WAYS)
def ask(request: pytest.FixtureRequest) -> Asked:
    """How a request reaches the application."""
    return Asked(request.param)


def views(app: Flask) -> Flask:
    """Give an application some views."""
    app.add_url_rule("/", "index", lambda: "index")
    app.add_url_rule("/number", "number", lambda: 5)
    app.add_url_rule("/fail", "fail", lambda: dict[str, str]()["key"])
    return app


def wrap(app: Flask, name: str, how: str, around: Callable[..., Any]) -> Flask:
    """Override a method by a subclass or by an assignment; ``around`` gets the original and the arguments."""
    if how == "instance":
        original = getattr(app, name)
        setattr(app, name, lambda *args, **kwargs: around(original, *args, **kwargs))
        return app

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return around(getattr(super(cls, self), name), *args, **kwargs)

    cls = type("Overriding", (Flask,), {name: method})
    return views(cls("overriding"))


HOWS = pytest.mark.parametrize("how", ["subclass", "instance"])
LATE = pytest.mark.parametrize("late", [False, True], ids=["before the first request", "after the first request"])


def overriding(ask: Asked, name: str, how: str, around: Callable[..., Any], late: bool = False) -> Flask:
    """Return an application with a method overridden, perhaps after its first request."""
    app = views(Flask("overriding"))
    if late and how == "instance":
        ask(app, "/")
    return wrap(app, name, how, around)


@HOWS
@LATE
def test_full_dispatch_request(ask: Asked, how: str, late: bool) -> None:
    def around(original: Any) -> Any:
        response = original()
        response.headers["X-Around"] = request.path
        return response

    app = overriding(ask, "full_dispatch_request", how, around, late)
    assert ask(app, "/")[1]["X-Around"] == "/"
    assert ask(app, "/missing")[1]["X-Around"] == "/missing"


@HOWS
@LATE
def test_dispatch_request(ask: Asked, how: str, late: bool) -> None:
    def around(original: Any) -> Any:
        return "instead" if request.path == "/" else original()

    app = overriding(ask, "dispatch_request", how, around, late)
    app_after = app.after_request_funcs.setdefault(None, [])
    app_after.append(lambda response: (response.headers.set("X-After", "yes"), response)[1])
    assert ask(app, "/")[2] == "instead"
    assert ask(app, "/")[1]["X-After"] == "yes"
    assert ask(app, "/missing")[0] == 404


@HOWS
@LATE
def test_make_response(ask: Asked, how: str, late: bool) -> None:
    def around(original: Any, rv: Any) -> Any:
        return original(str(rv) if isinstance(rv, int) else rv)

    app = overriding(ask, "make_response", how, around, late)
    assert ask(app, "/number")[::2] == (200, "5")


@HOWS
@LATE
def test_handle_user_exception(ask: Asked, how: str, late: bool) -> None:
    def around(original: Any, error: Exception) -> Any:
        return (f"{type(error).__name__} taken", 418) if isinstance(error, KeyError) else original(error)

    app = overriding(ask, "handle_user_exception", how, around, late)
    assert ask(app, "/fail")[::2] == (418, "KeyError taken")
    assert ask(app, "/missing")[0] == 404


@HOWS
@LATE
def test_handle_exception(ask: Asked, how: str, late: bool) -> None:
    def around(original: Any, error: Exception) -> Any:
        return app.response_class(f"{type(error).__name__} in the end", 599)

    app = overriding(ask, "handle_exception", how, around, late)
    assert ask(app, "/fail")[::2] == (599, "KeyError in the end")


@HOWS
@LATE
def test_handle_http_exception(ask: Asked, how: str, late: bool) -> None:
    def around(original: Any, error: Any) -> Any:
        return f"only {error.code}", 499

    app = overriding(ask, "handle_http_exception", how, around, late)
    assert ask(app, "/missing")[::2] == (499, "only 404")


@HOWS
@LATE
@pytest.mark.parametrize("name", ["preprocess_request", "finalize_request", "process_response", "ensure_sync"])
def test_each_step_is_called(ask: Asked, how: str, late: bool, name: str) -> None:
    seen: list[str] = []

    def around(original: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(name)
        assert has_request_context() or name == "ensure_sync"
        return original(*args, **kwargs)

    app = overriding(ask, name, how, around, late)
    app.add_url_rule("/more", "more", lambda: "more") if not late else None
    assert ask(app, "/")[::2] == (200, "index")
    assert seen


@HOWS
@LATE
def test_wsgi_app(ask: Asked, how: str, late: bool) -> None:
    def around(original: Any, environ: Any, start_response: Any) -> Any:
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/prefix")

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, ("X-Middleware", "yes")], *more)

        return original(environ, start)

    app = overriding(ask, "wsgi_app", how, around, late)
    status, headers, body = ask(app, "/prefix/")
    assert (status, body, headers.get("X-Middleware")) == (200, "index", "yes")


@HOWS
def test_middleware_may_answer_in_the_applications_place(ask: Asked, how: str) -> None:
    def around(original: Any, environ: Any, start_response: Any) -> Any:
        start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"closed"]

    assert ask(overriding(ask, "wsgi_app", how, around), "/")[::2] == (503, "closed")


def test_what_is_overridden_may_be_put_back(ask: Asked) -> None:
    app = views(Flask("restored"))
    app.dispatch_request = lambda: "instead"  # type: ignore[method-assign]
    assert ask(app, "/")[2] == "instead"
    del app.dispatch_request
    assert ask(app, "/")[2] == "index"


# -- registries


def test_functions_before_requests_are_live(ask: Asked) -> None:
    app = views(Flask("live"))
    assert ask(app, "/")[2] == "index"
    app.before_request_funcs.setdefault(None, []).append(lambda: f"stopped {request.path}")
    assert ask(app, "/")[2] == "stopped /"
    app.before_request_funcs[None].clear()
    assert ask(app, "/")[2] == "index"
    app.before_request_funcs[None] = [lambda: "again"]
    assert ask(app, "/")[2] == "again"
    del app.before_request_funcs[None]
    assert ask(app, "/")[2] == "index"


def test_functions_after_requests_are_live(ask: Asked) -> None:
    app = views(Flask("live"))
    ask(app, "/")
    app.after_request_funcs[None].insert(0, lambda response: app.response_class("replaced"))
    assert ask(app, "/")[2] == "replaced"


def test_functions_at_the_end_are_live(ask: Asked) -> None:
    app, seen = views(Flask("live")), []
    ask(app, "/")
    app.teardown_request_funcs.setdefault(None, []).append(lambda error: seen.append("request"))
    app.teardown_appcontext_funcs.append(lambda error: seen.append("application"))
    ask(app, "/")
    assert seen == ["request", "application"]


def test_views_are_live(ask: Asked) -> None:
    app = views(Flask("live"))
    assert ask(app, "/")[2] == "index"
    original = app.view_functions["index"]
    app.view_functions["index"] = lambda: original() + ", wrapped"
    assert ask(app, "/")[2] == "index, wrapped"
    app.view_functions.update(index=lambda: "updated")
    assert ask(app, "/")[2] == "updated"


def test_error_handlers_are_live(ask: Asked) -> None:
    app = views(Flask("live"))
    assert ask(app, "/missing")[0] == 404
    app.error_handler_spec[None][404][NotFound] = lambda error: ("nowhere", 410)
    assert ask(app, "/missing")[::2] == (410, "nowhere")
    app.error_handler_spec[None][None][KeyError] = lambda error: (f"{error!r}", 411)
    assert ask(app, "/fail")[::2] == (411, "KeyError('key')")
    app.error_handler_spec[None].pop(404)
    assert ask(app, "/missing")[0] == 404


def test_rules_are_live(ask: Asked) -> None:
    app = views(Flask("live"))
    assert ask(app, "/added/5")[0] == 404
    app.url_map.add(Rule("/added/<int:number>", endpoint="added"))
    app.view_functions["added"] = lambda number: f"added {number}"
    assert ask(app, "/added/5")[::2] == (200, "added 5")


def test_preprocessors_and_defaults_of_urls_are_live(ask: Asked) -> None:
    app = views(Flask("live"))
    app.add_url_rule("/<language>/about", "about", lambda: f"{g.language} {app.url_for('about')}")
    ask(app, "/")
    app.url_value_preprocessors[None].append(lambda endpoint, values: setattr(g, "language", values.pop("language")))
    app.url_default_functions[None].append(lambda endpoint, values: values.setdefault("language", "en"))
    assert ask(app, "/de/about")[2] == "de /en/about"


def test_what_templates_are_given_is_live(ask: Asked) -> None:
    app = views(Flask("live"))
    app.add_url_rule("/page", "page", lambda: render_template_string("{{ word }}{{ 2|triple }}"))
    ask(app, "/")
    app.template_context_processors[None].append(lambda: {"word": "given "})
    app.jinja_env.filters["triple"] = lambda number: number * 3
    assert ask(app, "/page")[2] == "given 6"


# -- classes


def test_classes_of_the_application_are_used(ask: Asked) -> None:
    class OwnRequest(Request):
        @property
        def shouted(self) -> str:
            return str(self.path.upper())

    class OwnResponse(Response):
        default_mimetype = "text/x-own"

    class Own(Flask):
        request_class = OwnRequest
        response_class = OwnResponse

    app = Own("own")
    app.add_url_rule("/path", "path", lambda: request.shouted)  # type: ignore[attr-defined]
    status, headers, body = ask(app, "/path")
    assert (status, body) == (200, "/PATH")
    assert headers["Content-Type"].startswith("text/x-own")


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    """A client of an application in debug mode."""
    app = views(Flask("debugged"))
    app.testing = True
    with app.test_client() as client:
        yield client


def test_the_context_of_a_request_outlives_it_in_a_client_s_block(client: FlaskClient) -> None:
    client.get("/?a=1")
    assert request.args["a"] == "1"

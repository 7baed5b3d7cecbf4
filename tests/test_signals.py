"""The signals: when each is sent, by whom, with what, on both protocols, and that they cost nothing unheard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from trivet import (
    Trivet,
    abort,
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    before_render_template,
    current_app,
    flash,
    got_request_exception,
    has_request_context,
    message_flashed,
    render_template_string,
    request,
    request_finished,
    request_started,
    request_tearing_down,
    template_rendered,
)

from .asking import Ask, by_asgi, by_wsgi

EVERY = (
    request_started,
    request_finished,
    request_tearing_down,
    got_request_exception,
    appcontext_pushed,
    appcontext_popped,
    appcontext_tearing_down,
    before_render_template,
    template_rendered,
    message_flashed,
)
Events = list[tuple[str, dict[str, Any]]]
View = Callable[[], Any]


@pytest.fixture(params=[by_wsgi, by_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> Callable[[View], View]:
    """Return views as they are, or as coroutine functions."""

    def asynchronous(function: View) -> View:
        async def view() -> Any:
            return function()

        return view

    return asynchronous if request.param == "async" else lambda function: function


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = Trivet("signalling", config_file=False)
    made.config["SECRET_KEY"] = "x" * 32
    made.logger.disabled = True
    yield made
    made.logger.disabled = False
    made.lifespan.stop()
    made.loops.stop()
    made.workers.stop()


@contextmanager
def heard(app: Trivet, *signals: Any) -> Iterator[Events]:
    """Listen to signals of one application; all of them by default."""
    events: Events = []
    with ExitStack() as stack:
        for signal in signals or EVERY:

            def note(sender: Any, _name: str = signal.name, **values: Any) -> None:
                events.append((_name, values))

            stack.enter_context(signal.connected_to(note, sender=app))
        yield events


def test_signals_of_a_request_come_in_their_order(app: Trivet, ask: Ask, flavour: Callable[[View], View]) -> None:
    app.add_url_rule("/", "view", flavour(lambda: "text"))
    with heard(app) as events:
        ask(app)
    assert [name for name, _ in events] == [
        "appcontext-pushed",
        "request-started",
        "request-finished",
        "request-tearing-down",
        "appcontext-tearing-down",
        "appcontext-popped",
    ]


def test_the_finished_response_is_sent_along(app: Trivet, ask: Ask, flavour: Callable[[View], View]) -> None:
    app.add_url_rule("/", "view", flavour(lambda: ("text", 202)))
    with heard(app, request_finished) as events:
        ask(app)
    assert [values["response"].status_code for _, values in events] == [202]


def test_what_a_receiver_changes_in_the_finished_response_is_sent(app: Trivet, ask: Ask) -> None:
    app.add_url_rule("/", "view", lambda: "text")

    def mark(sender: Any, response: Any) -> None:
        response.headers["X-Seen"] = "yes"

    with request_finished.connected_to(mark, sender=app):
        assert ask(app).header("X-Seen") == "yes"


def test_an_exception_is_sent_before_it_is_answered(app: Trivet, ask: Ask, flavour: Callable[[View], View]) -> None:
    app.add_url_rule("/", "view", flavour(lambda: 1 / 0))
    with heard(app, got_request_exception, request_finished) as events:
        assert ask(app).status == 500
    (first, values), (second, _) = events
    assert (first, type(values["exception"]), second) == (
        "got-request-exception",
        ZeroDivisionError,
        "request-finished",
    )


def test_an_http_error_is_no_exception_for_receivers(app: Trivet, ask: Ask) -> None:
    app.add_url_rule("/", "view", lambda: abort(403))
    with heard(app, got_request_exception) as events:
        assert ask(app).status == 403
    assert events == []


def test_an_exception_with_a_handler_is_no_exception_for_receivers(app: Trivet, ask: Ask) -> None:
    app.register_error_handler(ZeroDivisionError, lambda error: "handled")
    app.add_url_rule("/", "view", lambda: 1 / 0)
    with heard(app, got_request_exception) as events:
        assert ask(app).text == "handled"
    assert events == []


@pytest.mark.parametrize("signal", [request_tearing_down, appcontext_tearing_down])
def test_an_exception_that_reaches_the_server_is_sent_when_the_context_ends(
    app: Trivet, ask: Ask, flavour: Callable[[View], View], signal: Any
) -> None:
    app.testing = True
    app.add_url_rule("/", "view", flavour(lambda: 1 / 0))
    with heard(app, signal) as events, pytest.raises(ZeroDivisionError):
        ask(app)
    assert [type(values["exc"]) for _, values in events] == [ZeroDivisionError]


def test_a_request_is_torn_down_after_its_streamed_body(app: Trivet, ask: Ask) -> None:
    order: list[str] = []

    def view() -> Any:
        def pieces() -> Iterator[str]:
            yield "piece"
            order.append("body")

        return pieces()

    def note(sender: Any, exc: BaseException | None) -> None:
        order.append("torn down")

    app.add_url_rule("/", "view", view)
    with request_tearing_down.connected_to(note, sender=app):
        ask(app)
    assert order == ["body", "torn down"]


def test_a_receiver_has_the_request_at_hand(app: Trivet, ask: Ask, flavour: Callable[[View], View]) -> None:
    paths: list[str] = []

    def note(sender: Any, **values: Any) -> None:
        paths.append(f"{current_app.name} {request.path}")

    app.add_url_rule("/items", "view", flavour(lambda: "text"))
    with request_started.connected_to(note, sender=app), request_tearing_down.connected_to(note, sender=app):
        ask(app, "/items")
    assert paths == ["signalling /items"] * 2


def test_a_receiver_may_be_a_coroutine_function(app: Trivet, ask: Ask, flavour: Callable[[View], View]) -> None:
    paths: list[str] = []

    async def note(sender: Any, **values: Any) -> None:
        paths.append(request.path)

    app.add_url_rule("/", "view", flavour(lambda: "text"))
    with request_started.connected_to(note, sender=app), request_finished.connected_to(note, sender=app):
        ask(app)
    assert paths == ["/", "/"]


def test_rendering_is_told_before_and_after(app: Trivet, ask: Ask) -> None:
    app.add_url_rule("/", "view", lambda: render_template_string("Hello, {{ name }}", name="Ada"))
    with heard(app, before_render_template, template_rendered) as events:
        assert ask(app).text == "Hello, Ada"
    assert [(name, values["context"]["name"]) for name, values in events] == [
        ("before-render-template", "Ada"),
        ("template-rendered", "Ada"),
    ]


def test_a_flashed_message_is_told_with_its_category(app: Trivet, ask: Ask) -> None:
    def view() -> str:
        flash("saved", "good")
        return "text"

    app.add_url_rule("/", "view", view)
    with heard(app, message_flashed) as events:
        ask(app)
    assert events == [("message-flashed", {"message": "saved", "category": "good"})]


def test_a_context_without_a_request_tells_of_itself_only(app: Trivet) -> None:
    with heard(app) as events, app.app_context():
        assert not has_request_context()
    assert [name for name, _ in events] == ["appcontext-pushed", "appcontext-tearing-down", "appcontext-popped"]


def test_who_listens_to_one_application_hears_no_other(app: Trivet, ask: Ask) -> None:
    other = Trivet("other", config_file=False)
    other.add_url_rule("/", "view", lambda: "text")
    with heard(app) as events:
        ask(other)
    other.workers.stop()
    assert events == []


@pytest.mark.parametrize("signal", [one for one in EVERY if one is not message_flashed], ids=lambda one: str(one.name))
def test_a_receiver_that_comes_after_the_first_request_is_heard(app: Trivet, ask: Ask, signal: Any) -> None:
    app.add_url_rule("/", "view", lambda: render_template_string("text"))
    app.add_url_rule("/broken", "broken", lambda: 1 / 0)
    ask(app)
    with heard(app, signal) as events:
        ask(app)
        ask(app, "/broken")
    assert events


def test_a_receiver_that_fails_is_answered_500(app: Trivet, ask: Ask) -> None:
    app.add_url_rule("/", "view", lambda: "text")

    def fail(sender: Any, **values: Any) -> None:
        raise ZeroDivisionError

    with request_started.connected_to(fail, sender=app):
        assert ask(app).status == 500


def test_where_nobody_listens_nothing_is_bound(app: Trivet) -> None:
    fresh = Trivet("fresh", config_file=False)
    fresh.seal()
    listening = [hook for hook in (fresh.openers, fresh.leavers, fresh.closers) if hook]
    heard_before = [signal.name for signal in EVERY if signal.receivers]
    assert listening == []
    assert heard_before == []

"""Functions around requests, beyond their order: URL values, cleanup that fails, handlers, errors on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound

from trivet import Blueprint, Trivet, abort, g, request, url_for

from .asking import Ask, by_asgi, by_wsgi

View = Callable[..., Any]


@pytest.fixture(params=[by_wsgi, by_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@pytest.fixture(params=["sync", "async"])
def flavour(request: pytest.FixtureRequest) -> Callable[[View], View]:
    """Return functions as they are, or as coroutine functions."""

    def asynchronous(function: View) -> View:
        async def changed(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return changed

    return asynchronous if request.param == "async" else lambda function: function


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = Trivet("called", config_file=False)
    yield made
    made.lifespan.stop()
    made.loops.stop()
    made.workers.stop()


def noting(order: list[Any], event: Any, value: Any = None) -> View:
    """Return a function that notes an event, and returns ``value`` or, where that is true, what it was given."""

    def function(*args: Any) -> Any:
        order.append(event)
        return args[0] if value is True else value

    return function


def failing(message: str) -> View:
    def function(*args: Any) -> None:
        raise LookupError(message)

    return function


def test_values_of_the_url_are_taken_out_before_everything_else(
    app: Trivet, ask: Ask, flavour: Callable[[View], View]
) -> None:
    @app.url_value_preprocessor
    def take(endpoint: str | None, values: dict[str, Any] | None) -> None:
        g.setdefault("language", (values or {}).pop("language", None))

    app.before_request(flavour(lambda: setattr(g, "language", g.language.upper())))
    app.add_url_rule("/<language>/", "view", flavour(lambda: g.language))
    assert ask(app, "/en/").text == "EN"


def test_url_functions_of_the_application_come_before_those_of_the_blueprint(app: Trivet, ask: Ask) -> None:
    order: list[str] = []
    part = Blueprint("part", __name__)
    part.url_value_preprocessor(lambda endpoint, values: order.append(f"part {endpoint}"))
    app.url_value_preprocessor(lambda endpoint, values: order.append(f"app {endpoint}"))
    part.add_url_rule("/", "view", lambda: "text")
    app.register_blueprint(part)
    ask(app)
    assert order == ["app part.view", "part part.view"]


def test_functions_of_every_request_may_be_declared_by_a_blueprint(app: Trivet, ask: Ask) -> None:
    order: list[str] = []
    part = Blueprint("part", __name__)
    part.before_app_request(noting(order, "before"))
    part.after_app_request(noting(order, "after", True))
    part.teardown_app_request(lambda error: order.append("teardown"))
    part.app_url_value_preprocessor(lambda endpoint, values: order.append("values"))
    app.register_blueprint(part)
    app.add_url_rule("/", "view", noting(order, "view", "text"))
    ask(app)
    assert order == ["values", "before", "view", "after", "teardown"]


def test_url_defaults_fill_in_what_is_missing(app: Trivet, ask: Ask) -> None:
    app.url_defaults(lambda endpoint, values: values.setdefault("language", "en"))
    app.add_url_rule("/<language>/", "view", lambda language: url_for("view"))
    assert ask(app, "/de/").text == "/en/"


def test_a_before_function_of_another_blueprint_does_not_run(app: Trivet, ask: Ask) -> None:
    one, other = Blueprint("one", __name__, url_prefix="/one"), Blueprint("other", __name__, url_prefix="/other")
    other.before_request(lambda: abort(403))
    one.add_url_rule("/", "view", lambda: "text")
    app.register_blueprint(one)
    app.register_blueprint(other)
    assert ask(app, "/one/").status == 200


def test_after_functions_see_the_answer_to_an_exception(app: Trivet, ask: Ask, flavour: Callable[[View], View]) -> None:
    app.logger.disabled = True
    seen: list[int] = []

    def look(response: Any) -> Any:
        seen.append(response.status_code)
        return response

    app.after_request(flavour(look))
    app.add_url_rule("/", "view", flavour(lambda: 1 / 0))
    ask(app)
    app.logger.disabled = False
    assert seen == [500]


def test_every_teardown_function_runs_though_one_fails(
    app: Trivet, ask: Ask, flavour: Callable[[View], View], caplog: Any
) -> None:
    order: list[str] = []
    app.teardown_request(flavour(lambda error: order.append("first")))
    app.teardown_request(flavour(failing("on purpose")))
    app.teardown_request(flavour(lambda error: order.append("last")))
    app.add_url_rule("/", "view", flavour(lambda: "text"))
    assert ask(app).text == "text"
    assert order == ["last", "first"]
    assert caplog.text.count("A teardown function failed") == 1


def test_teardown_is_given_the_exception_that_reaches_the_server(
    app: Trivet, ask: Ask, flavour: Callable[[View], View]
) -> None:
    given: list[Any] = []
    app.testing = True
    app.teardown_request(flavour(lambda error: given.append(type(error))))
    app.add_url_rule("/", "view", flavour(lambda: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        ask(app)
    assert given == [ZeroDivisionError]


def test_a_before_function_that_fails_is_answered_by_its_handler(
    app: Trivet, ask: Ask, flavour: Callable[[View], View]
) -> None:
    app.register_error_handler(LookupError, flavour(lambda error: (str(error.args[0]), 418)))
    app.before_request(flavour(failing("before")))
    app.add_url_rule("/", "view", flavour(lambda: pytest.fail("the view was called")))
    answer = ask(app)
    assert (answer.status, answer.text) == (418, "before")


def test_an_after_function_that_fails_is_answered_by_its_handler(
    app: Trivet, ask: Ask, flavour: Callable[[View], View]
) -> None:
    app.register_error_handler(LookupError, flavour(lambda error: (str(error.args[0]), 418)))

    @app.after_request
    def once(response: Any) -> Any:
        if response.status_code == 200:
            raise LookupError("after")
        return response

    app.add_url_rule("/", "view", flavour(lambda: "text"))
    answer = ask(app)
    assert (answer.status, answer.text) == (418, "after")


@pytest.mark.parametrize(
    ("registered", "wanted"),
    [
        ([HTTPException, NotFound], "NotFound"),
        ([Exception, HTTPException], "HTTPException"),
        ([404, Exception], "404"),
        ([Exception], "Exception"),
    ],
)
def test_of_several_handlers_the_nearest_answers(app: Trivet, ask: Ask, registered: list[Any], wanted: str) -> None:
    for key in registered:
        name = str(getattr(key, "__name__", key))
        app.register_error_handler(key, lambda error, name=name: (name, 404))
    assert ask(app, "/missing").text == wanted


def test_a_handler_of_the_blueprint_answers_even_if_the_application_has_one_that_is_nearer(
    app: Trivet, ask: Ask
) -> None:
    part = Blueprint("part", __name__)
    part.register_error_handler(Exception, lambda error: "part")
    app.register_error_handler(KeyError, lambda error: "app")
    part.add_url_rule("/", "view", lambda: dict[str, str]()["missing"])
    app.register_blueprint(part)
    assert ask(app).text == "part"


def test_a_redirect_of_routing_passes_the_handlers_by(app: Trivet, ask: Ask) -> None:
    app.register_error_handler(HTTPException, lambda error: pytest.fail("the handler was called"))
    app.add_url_rule("/slash/", "view", lambda: "text")
    assert ask(app, "/slash").status == 308


def test_a_handler_may_raise_an_http_error(app: Trivet, ask: Ask) -> None:
    app.logger.disabled = True
    app.register_error_handler(LookupError, lambda error: abort(404))
    app.add_url_rule("/", "view", failing("on purpose"))
    status = ask(app).status
    app.logger.disabled = False
    assert status in {404, 500}


def test_a_handler_of_everything_that_fails_does_not_take_the_answer_away(app: Trivet, ask: Ask) -> None:
    app.logger.disabled = True
    app.register_error_handler(Exception, lambda error: 1 / 0)
    app.add_url_rule("/", "view", failing("on purpose"))
    status = ask(app).status
    app.logger.disabled = False
    assert status == 500


def test_a_handler_that_reads_a_malformed_form_does_not_take_the_answer_away(app: Trivet, ask: Ask) -> None:
    app.logger.disabled = True

    @app.errorhandler(Exception)
    def tell(error: Exception) -> Any:
        return f"{type(error).__name__}: {dict(request.form)}", 500

    app.add_url_rule("/", "view", lambda: request.form["name"], methods=["POST"])
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    status = ask(app, method="POST", body=b"name=\xff", headers=headers).status
    app.logger.disabled = False
    assert status in {400, 500}


def test_the_page_of_an_error_500_says_nothing_of_the_exception(app: Trivet, ask: Ask) -> None:
    app.logger.disabled = True
    app.add_url_rule("/", "view", failing("the secret"))
    answer = ask(app)
    app.logger.disabled = False
    assert (answer.status, "the secret" in answer.text) == (500, False)


@pytest.mark.parametrize("key", [600, "404", object()])
def test_a_handler_for_what_is_no_error_is_refused(app: Trivet, key: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        app.register_error_handler(key, lambda error: "text")


def test_aborting_with_500_is_no_exception_of_the_application(app: Trivet, ask: Ask, caplog: Any) -> None:
    app.register_error_handler(InternalServerError, lambda error: (repr(error.original_exception), 500))
    app.add_url_rule("/", "view", lambda: abort(500))
    assert ask(app).text == "None"
    assert caplog.text == ""

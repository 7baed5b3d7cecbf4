"""The arguments and settings that Flask-CORS documents, for those who come from it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from trivet import Blueprint, Response, Trivet, request
from trivet_cors import CORS, PolicyError, cross_origin

APP = "https://app.example.com"
ORIGIN = {"Origin": APP}
PREFLIGHT = {**ORIGIN, "Access-Control-Request-Method": "GET"}

Serve = Callable[[Trivet, str, str, dict[str, str]], tuple[int, dict[str, str]]]


def bare() -> Trivet:
    app = Trivet(__name__, config_file=False)
    app.add_url_rule("/", "index", lambda: "index")
    return app


def test_an_application_may_be_named_later(serve: Serve) -> None:
    extension = CORS(origins=[APP])
    app = bare()
    extension.init_app(app, supports_credentials=True)
    headers = serve(app, "GET", "/", ORIGIN)[1]
    assert (headers["access-control-allow-origin"], headers["access-control-allow-credentials"]) == (APP, "true")


@pytest.mark.parametrize(
    "origins", [APP, re.compile(r"https://app\.example\.com"), {APP}, lambda origin: origin == APP]
)
def test_one_origin_may_stand_alone(serve: Serve, origins: Any) -> None:
    app = bare()
    CORS(app, origins=origins)
    assert serve(app, "GET", "/", ORIGIN)[1]["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    ("name", "value", "header", "said"),
    [
        ("supports_credentials", True, "access-control-allow-credentials", "true"),
        ("expose_headers", "ETag, X-Total", "access-control-expose-headers", "ETag, X-Total"),
        ("send_wildcard", False, "access-control-allow-origin", APP),
        ("vary_header", True, "vary", "Origin"),
        ("intercept_exceptions", True, "vary", "Origin"),
        ("always_send", True, "vary", "Origin"),
    ],
)
@pytest.mark.parametrize("by_config", [True, False])
def test_its_names_mean_what_they_say(
    serve: Serve, name: str, value: Any, header: str, said: str, by_config: bool
) -> None:
    app = bare()
    if by_config:
        app.config[f"CORS_{name.upper()}"] = value
        CORS(app, origins=[APP])
    else:
        CORS(app, origins=[APP], **{name: value})
    assert serve(app, "GET", "/", ORIGIN)[1][header] == said


@pytest.mark.parametrize("value", [timedelta(minutes=5), 300])
@pytest.mark.parametrize("by_config", [True, False])
def test_an_age_may_be_a_span_of_time(serve: Serve, value: Any, by_config: bool) -> None:
    app = bare()
    if by_config:
        app.config["CORS_MAX_AGE"] = value
        CORS(app, origins=[APP])
    else:
        CORS(app, origins=[APP], max_age=value)
    assert serve(app, "OPTIONS", "/", PREFLIGHT)[1]["access-control-max-age"] == "300"


def test_a_preflight_says_which_headers_and_methods_are_allowed(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=APP, allow_headers="X-One, X-Two", methods="GET")
    headers = serve(app, "OPTIONS", "/", PREFLIGHT)[1]
    assert headers["access-control-allow-headers"].endswith("X-One, X-Two")
    assert headers["access-control-allow-methods"] == "GET"


def test_a_private_network_is_granted_to_those_who_ask(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=APP, allow_private_network=True)
    asked = {**PREFLIGHT, "Access-Control-Request-Private-Network": "true"}
    headers = serve(app, "OPTIONS", "/", asked)[1]
    assert headers["access-control-allow-private-network"] == "true"
    assert "Access-Control-Request-Private-Network" in headers["vary"]
    assert "access-control-allow-private-network" not in serve(app, "OPTIONS", "/", PREFLIGHT)[1]


def test_everybody_is_told_only_if_asked_where_that_is_wanted(serve: Serve) -> None:
    app = bare()
    CORS(app, origins="*", always_send=False)
    _, silent = serve(app, "GET", "/", {})
    assert ("access-control-allow-origin" in silent, silent["vary"]) == (False, "Origin")
    assert serve(app, "GET", "/", ORIGIN)[1]["access-control-allow-origin"] == "*"


def test_a_view_may_answer_its_preflights_itself(serve: Serve) -> None:
    app = bare()
    CORS(app)

    @app.route("/own", methods=["OPTIONS", "PUT"])
    @cross_origin(origins=[APP], automatic_options=False)
    def own() -> Response:
        return Response("own", status=200, headers={"X-Own": request.method})

    status, headers = serve(app, "OPTIONS", "/own", PREFLIGHT)
    assert (status, headers["x-own"], headers["access-control-allow-origin"]) == (200, "OPTIONS", APP)
    assert headers["access-control-allow-methods"] == "OPTIONS, PUT"


def test_the_decorator_needs_no_parentheses_where_the_application_says_all(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.get("/more")
    @cross_origin
    def more() -> str:
        return "more"

    assert serve(app, "GET", "/more", ORIGIN)[1]["access-control-allow-origin"] == APP


def test_a_blueprint_may_be_given(serve: Serve) -> None:
    app, part = bare(), Blueprint("part", __name__)
    part.add_url_rule("/part", "part", lambda: "part")
    CORS(part, origins=[APP], supports_credentials=True)
    app.register_blueprint(part)
    assert serve(app, "GET", "/part", ORIGIN)[1]["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in serve(app, "GET", "/", ORIGIN)[1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"origins": r"https?://.*\.example\.com"}, r"re\.compile"),
        ({"origins": "*", "supports_credentials": True}, "list the origins"),
        ({"origins": APP, "vary_header": False}, "vary_header: leave it out: caches"),
        ({"origins": APP, "intercept_exceptions": False}, "intercept_exceptions: leave it out: a page"),
        ({"origins": APP, "send_wildcard": True}, r'write origins = "\*"'),
        ({"origins": APP, "supports_credentials": False, "credentials": True}, "supports_credentials: .*otherwise"),
    ],
)
def test_what_is_not_done_here_is_an_error_that_says_what_to_write(options: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        CORS(bare(), **options)


def test_the_wildcard_may_be_asked_for(serve: Serve) -> None:
    app = bare()
    CORS(app, origins="*", send_wildcard=True)
    assert serve(app, "GET", "/", ORIGIN)[1]["access-control-allow-origin"] == "*"

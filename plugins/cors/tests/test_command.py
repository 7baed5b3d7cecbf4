"""``trivet cors check``: what a page would be answered, and which rule decides."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from trivet import Blueprint, Trivet
from trivet_cors import CORS, cors
from trivet_cors.command import make_command

APP = "https://app.example.com"


@pytest.fixture
def app() -> Trivet:
    app = Trivet(__name__, config_file=False)
    CORS(app, origins=[APP, "https://*.example.org"], credentials=True, allow_headers=["X-Token"])

    @app.route("/items/<int:number>", methods=["GET", "DELETE"])
    def item(number: int) -> str:
        raise AssertionError("a view was called")

    app.add_url_rule("/open", "open", cors(origins="*", credentials=False)(lambda: "open"))
    part = Blueprint("part", __name__, url_prefix="/part")
    part.add_url_rule("/", "index", lambda: "part")
    CORS(part, origins=["https://partner.example"])
    app.register_blueprint(part)
    return app


def check(app: Trivet, *arguments: str) -> Result:
    return CliRunner().invoke(make_command(app), ["check", *arguments], catch_exceptions=False)


def told(app: Trivet, *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(check(app, *arguments, "--json").output)
    return answer


def test_a_simple_request_of_a_listed_origin_is_explained(app: Trivet) -> None:
    result = check(app, "/items/5", "--origin", APP)
    assert result.exit_code == 0
    assert f"origin     {APP} is listed" in result.output
    assert "route      /items/<int:number> (item)" in result.output
    assert "preflight  none" in result.output
    assert f"Access-Control-Allow-Origin: {APP}" in result.output
    assert result.output.endswith("The page may read the answer, with credentials.\n")


def test_a_strangers_request_is_refused_with_the_reason(app: Trivet) -> None:
    result = check(app, "/items/5", "--origin", "https://evil.example")
    assert result.exit_code == 1
    assert "origin     no rule lets it in" in result.output
    assert "Refused: the answer does not name the origin" in result.output


@pytest.mark.parametrize(
    ("origin", "rule"),
    [
        ("https://a.b.example.org", "https://*.example.org is listed"),
        ("null", 'pages without an origin, unless "null" is listed'),
        ("https://app.example.com/", "this is not an origin: scheme, host and port alone, as a browser sends them"),
    ],
)
def test_the_rule_that_decides_is_named(app: Trivet, origin: str, rule: str) -> None:
    assert told(app, "/items/5", "--origin", origin)["rule"] == rule


def test_the_preflight_is_sent_and_shown(app: Trivet) -> None:
    said = told(app, "/items/5", "--origin", APP, "--method", "delete", "--header", "X-Token: 1")
    assert said["allowed"]
    assert said["preflight"]["status"] == 204
    assert "DELETE" in said["preflight"]["headers"]["Access-Control-Allow-Methods"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--method", "PUT"), "the preflight allows DELETE, GET, HEAD, OPTIONS, not PUT"),
        (("--method", "patch"), "the preflight allows DELETE, GET, HEAD, OPTIONS, not patch"),
        (("--header", "X-Other"), "the preflight does not allow the header x-other"),
        (("--header", "authorization"), "the preflight does not allow the header authorization"),
    ],
)
def test_what_the_browser_would_object_to_is_named(app: Trivet, arguments: tuple[str, ...], problem: str) -> None:
    assert told(app, "/items/5", "--origin", APP, *arguments)["problems"] == [problem]


@pytest.mark.parametrize("header", ["Accept: text/plain", "Content-Type: text/plain; charset=utf-8"])
def test_safelisted_headers_need_no_preflight(app: Trivet, header: str) -> None:
    assert told(app, "/items/5", "--origin", APP, "--header", header)["preflight"] is None


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/items/5", "the application's"),
        ("/open", "written at the view ("),
        ("/part/", "written for the blueprint 'part' ("),
    ],
)
def test_where_the_policy_is_written_is_told(app: Trivet, path: str, policy: str) -> None:
    assert told(app, path, "--origin", APP)["policy"].startswith(policy)


def test_a_path_that_does_not_exist_is_told(app: Trivet) -> None:
    said = told(app, "/missing", "--origin", APP, "--method", "DELETE")
    assert said["routing"] == "404 Not Found"
    assert said["problems"] == ["the preflight is answered with 404"]


def test_a_whole_url_may_be_given(app: Trivet) -> None:
    assert told(app, "https://api.example/open?x=1", "--origin", "https://evil.example")["allowed"]

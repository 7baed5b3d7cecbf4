"""The table of cases in vectors.json, served by a real application on both protocols."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trivet import Response, Trivet, redirect, request
from trivet_cors import CORS, Options, PolicyError
from trivet_cors.policy import compile_policy

TABLE = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))

Serve = Callable[[Trivet, str, str, dict[str, str]], tuple[int, dict[str, str]]]


def application(policy: dict[str, Any]) -> Trivet:
    """Build the application that the table describes, under a policy."""
    app = Trivet(__name__, config_file=False)
    app.config["MAX_CONTENT_LENGTH"] = 1024
    CORS(app, **policy)

    @app.route("/items", methods=["GET", "POST"])
    def items() -> str:
        request.get_data()
        return "items"

    @app.route("/items/<int:number>", methods=["GET", "PATCH", "DELETE"])
    def item(number: int) -> str:
        return str(number)

    @app.route("/broken")
    def broken() -> str:
        raise LookupError("broken on purpose")

    @app.route("/old")
    def old() -> Any:
        return redirect("/items")

    @app.route("/unchanged")
    def unchanged() -> Response:
        return Response(status=304)

    @app.route("/stream")
    def stream() -> Iterator[str]:
        yield "one"
        yield "two"

    @app.route("/cookie")
    def cookie() -> Response:
        return Response("cookie", headers={"Vary": "Cookie"})

    @app.route("/everything")
    def everything() -> Response:
        return Response("everything", headers={"Vary": "*"})

    return app


def header_value(written: str | dict[str, Any]) -> str:
    """Spell out a value that the table abbreviates."""
    if isinstance(written, str):
        return written
    return str(written["before"]) + str(written["repeat"]) * int(written["times"]) + str(written["after"])


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_the_table_is_answered_as_it_says(case: dict[str, Any], serve: Serve, browser: Callable[..., Any]) -> None:
    asked, expected = case["request"], case["expect"]
    sent = {name: header_value(value) for name, value in asked["headers"].items()}
    status, headers = serve(application(case["policy"]), asked["method"], asked["path"], dict(sent))

    assert status == expected.get("status", status)
    wanted = expected.get("headers", {})
    assert {name: headers.get(name) for name in wanted} == wanted
    varies = {name.strip().lower() for name in headers.get("vary", "").split(",")}
    assert varies >= set(expected["vary"])
    page = browser(sent.get("Origin"), credentials=asked["credentials"])
    if expected.get("shared") is not None:
        assert page.shares(headers) is expected["shared"]
    if expected.get("proceeds") is not None:
        names = [name for name in sent.get("Access-Control-Request-Headers", "").split(",") if name]
        method = sent["Access-Control-Request-Method"]
        assert page.proceeds(status, headers, method, names) is expected["proceeds"]


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: case["name"])
def test_nothing_that_a_client_sent_is_logged(
    case: dict[str, Any], serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = case["request"]
    sent = {name: header_value(value) for name, value in asked["headers"].items() if name != "Content-Length"}
    serve(application(case["policy"]), asked["method"], asked["path"], dict(sent))
    for value in sent.values():
        assert not value or value in ("GET", "POST") or value not in caplog.text


@pytest.mark.parametrize("case", TABLE["refused_policies"], ids=lambda case: case["name"])
def test_a_refused_policy_says_what_to_write(case: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match=re.escape(case["says"])):
        compile_policy(msgspec.convert(case["policy"], Options))


def test_every_case_has_a_name_of_its_own_and_says_what_it_follows() -> None:
    cases = [*TABLE["cases"], *TABLE["refused_policies"]]
    assert len({case["name"] for case in cases}) == len(cases)
    assert all(re.match(r"Fetch, |RFC \d+ section |URL Standard, ", case["follows"]) for case in cases)

"""The table of cases in vectors.json, served by a real application on both protocols."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trivet import Response, Trivet, redirect, request
from trivet_cors import CORS, PolicyError

from .asking import Answer, Ask, over_asgi, over_wsgi
from .table import TABLE, complaints, sent_headers

CASES: list[dict[str, Any]] = TABLE["cases"]
REFUSED: list[dict[str, Any]] = TABLE["refused_policies"]
STANDARDS = r"(Fetch|URL Standard|Resource Timing|Private Network Access), \w|RFC \d+ section \d"
EXACT = (
    "https://app.example.com",
    "https://admin.example.com:8443",
    "http://[::1]:3000",
    "https://xn--bcher-kva.example",
)


def application(policy: dict[str, Any], static: str) -> Trivet:
    """Build the application that the table describes, under a policy."""
    app = Trivet(__name__, config_file=False, static_folder=static)
    app.config["MAX_CONTENT_LENGTH"] = 1024
    CORS(app, **policy)
    _add_things(app)
    _add_answers(app)
    return app


def _add_things(app: Trivet) -> None:
    @app.route("/items", methods=["GET", "POST"])
    def items() -> str:
        request.get_data()
        return "items"

    @app.route("/items/<int:number>", methods=["GET", "PATCH", "DELETE"])
    def item(number: int) -> str:
        return str(number)

    @app.route("/files/<path:name>", methods=["GET", "PUT"])
    def file(name: str) -> str:
        return name

    for path, method in (("/tables", "REPORT"), ("/folder/", "PATCH"), ("/café", "PUT"), ("/a+b", "PUT")):
        app.add_url_rule(path, f"at {path}", lambda: "here", methods=["GET", method])


def _add_answers(app: Trivet) -> None:
    for path, headers in (
        ("/report", {"X-Total": "3", "X-Page": "1", "ETag": '"1"', "Set-Cookie": "seen=1"}),
        ("/own", {"Access-Control-Allow-Origin": "https://old.example"}),
        ("/cookie", {"Vary": "Cookie"}),
        ("/everything", {"Vary": "*"}),
    ):
        app.add_url_rule(path, f"of {path}", lambda headers=headers: Response("text", headers=headers))
    app.add_url_rule("/empty", "empty", lambda: Response(status=204))
    app.add_url_rule("/unchanged", "unchanged", lambda: Response(status=304, headers={"ETag": '"1"'}))
    app.add_url_rule("/old", "old", lambda: redirect("/items"))
    app.add_url_rule("/moved/<int:status>", "moved", lambda status: redirect("/items", status))
    app.add_url_rule(
        "/status/<int:status>", "status", lambda status: Response("text", status, headers={"Retry-After": "1"})
    )

    @app.route("/stream")
    def stream() -> Iterator[str]:
        yield "one"
        yield "two"

    @app.route("/broken")
    def broken() -> str:
        raise LookupError("broken on purpose")


class Applications:
    """One application for each policy: it has no state that a case could leave behind."""

    def __init__(self, static: Path) -> None:
        (static / "app.css").write_text("body { color: #345 }\n", encoding="utf-8")
        self._static = str(static)
        self._made: dict[str, Trivet] = {}

    def __call__(self, policy: dict[str, Any]) -> Trivet:
        key = json.dumps(policy, sort_keys=True)
        if key not in self._made:
            self._made[key] = application(policy, self._static)
        return self._made[key]


@pytest.fixture(scope="module")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Applications:
    static = tmp_path_factory.mktemp("files") / "static"
    static.mkdir()
    return Applications(static)


def answered(case: dict[str, Any], applications: Applications, exchange: Ask) -> Answer:
    asked = case["request"]
    return exchange(
        applications(case["policy"]),
        asked["method"],
        asked["path"],
        sent_headers(case),
        body=b"x" * asked.get("body_bytes", 0),
        encoding=asked.get("encoding", "utf-8"),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_table_is_answered_as_it_says(case: dict[str, Any], applications: Applications, exchange: Ask) -> None:
    answer = answered(case, applications, exchange)
    assert complaints(case, answer.status, answer.headers) == []
    if "taste" in case:
        assert complaints(case, answer.status, answer.headers, {"status": answer.status, **case["taste"]}) == []
    if answer.status in (204, 304) or case["request"]["method"] == "HEAD":
        assert answer.body == b""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_nothing_that_a_client_sent_is_logged(
    case: dict[str, Any], applications: Applications, exchange: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answered(case, applications, exchange)
    for value in sent_headers(case).values():
        for one in [value] if isinstance(value, str) else value:
            # What is shorter than an origin may stand in a traceback by chance.
            assert len(one) < 8 or one not in caplog.text


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_a_refused_policy_says_what_to_write(case: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match=re.escape(case["says"])):
        CORS(Trivet(__name__, config_file=False), **case["policy"])


def test_there_are_enough_cases_for_others_to_rely_on() -> None:
    assert len(CASES) >= 400
    assert len(REFUSED) >= 80


def test_every_case_has_a_name_of_its_own_and_says_what_it_follows() -> None:
    cases = [*CASES, *REFUSED]
    assert len({case["name"] for case in cases}) == len(cases)
    assert all(re.match(STANDARDS, case["follows"]) for case in cases)


def test_every_key_of_the_table_is_explained_in_it() -> None:
    about = " ".join(TABLE["about"])
    assert "case.needs" in about
    for part in ("request", "expect"):
        for key in {key for case in CASES for key in case[part]} - {"method"}:
            assert f"{part}.{key}" in about
    for option in {option for case in CASES for option in case["policy"]}:
        assert re.search(rf"\b{option}\b", about)


def test_every_path_of_the_table_is_in_the_application_or_missing_on_purpose(applications: Applications) -> None:
    rules = {rule.rule.split("<")[0] for rule in applications({"origins": ["*"]}).url_map.iter_rules()}
    described = {path.split("<")[0] for path in TABLE["application"] if path.startswith("/")}
    assert described - {"/static/app.css"} == rules - {"/static/"}


# -- origins that nobody wrote down


def mutated(origin: str) -> st.SearchStrategy[str]:
    """Change an origin a little: in the middle, at an end, in its case."""
    piece = st.one_of(
        st.sampled_from(
            ["", ".", "/", ":", "@", "*", "?", "#", "\\", "%00", ",", " ", "\t", "\0", "\n", "443", "null"]
        ),
        st.sampled_from([".evil.example", "https://", "xn--", "\u212a", "\u017f", "\u0430", "\uff0e", "ß", "\u200d"]),
        st.text(max_size=3),
    )
    places = st.tuples(st.integers(0, len(origin)), st.integers(0, 3))
    changed = st.builds(lambda place, piece: origin[: place[0]] + piece + origin[place[0] + place[1] :], places, piece)
    return changed | changed.map(str.upper) | changed.map(str.swapcase) | changed.map(str.casefold)


ORIGINS = st.sampled_from(EXACT).flatmap(mutated) | st.text(max_size=40)


@pytest.fixture(scope="module")
def exact(applications: Applications) -> Trivet:
    return applications({"origins": list(EXACT), "credentials": True})


@pytest.fixture(scope="module")
def below(applications: Applications) -> Trivet:
    return applications({"origins": ["https://*.example.com"], "credentials": True})


def both_ways(app: Trivet, method: str, headers: dict[str, str]) -> Iterator[Answer]:
    yield over_wsgi(app, method, "/items", headers, encoding="utf-8")
    yield over_asgi(app.asgi, method, "/items", headers, encoding="utf-8")


def is_text(origin: str) -> bool:
    """Surrogates cannot be sent."""
    return not any("\ud800" <= letter <= "\udfff" for letter in origin)


@settings(max_examples=200, deadline=None)
@given(origin=ORIGINS.filter(is_text), preflight=st.booleans())
def test_whatever_the_origin_only_a_listed_one_is_named(exact: Trivet, origin: str, preflight: bool) -> None:
    asked = {"Origin": origin, **({"Access-Control-Request-Method": "POST"} if preflight else {})}
    for answer in both_ways(exact, "OPTIONS" if preflight else "GET", asked):
        assert answer.status < 500
        assert answer.headers.get("access-control-allow-origin") in (None, *EXACT)
        assert "origin" in answer.headers["vary"].lower()


@settings(max_examples=200, deadline=None)
@given(origin=mutated("https://a.example.com").filter(is_text))
def test_whatever_the_origin_only_one_below_the_wildcard_is_named(below: Trivet, origin: str) -> None:
    for answer in both_ways(below, "GET", {"Origin": origin}):
        assert answer.status < 500
        named = answer.headers.get("access-control-allow-origin")
        assert named is None or re.fullmatch(r"https://([a-z0-9_-]+\.)+example\.com", named)

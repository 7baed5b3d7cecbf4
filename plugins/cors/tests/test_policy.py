"""The policy: header values made once, contradictions refused, nothing repeated but an allowed origin."""

import doctest
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet_cors import origins as origins_module
from trivet_cors.policy import (
    SAFELISTED_HEADERS,
    Policy,
    PolicyError,
    PolicyOptions,
    compile_policy,
)

APP = "https://app.example.com"
METHODS = ("POST", "OPTIONS", "GET", "HEAD")


def policy(**options: Any) -> Policy:
    return compile_policy(msgspec.convert(options, PolicyOptions))


def answer(origin: str | None, **options: Any) -> dict[str, str]:
    """Return the fields of an answer, but for Vary."""
    return {name: value for name, value in policy(**options).answer(origin) if name != "Vary"}


def preflight(origin: str, **options: Any) -> dict[str, str] | None:
    pairs = policy(**options).preflight(origin, METHODS)
    return None if pairs is None else dict(pairs)


def test_with_nothing_set_nobody_is_allowed_and_nothing_varies() -> None:
    nothing = policy()
    assert nothing.answer(APP) == nothing.answer(None) == ()
    assert nothing.preflight(APP, METHODS) is None
    assert not nothing.varies
    assert nothing.silent


def test_one_origin_may_be_written_without_a_list() -> None:
    assert answer(APP, origins=APP) == {"Access-Control-Allow-Origin": APP}


def test_several_origins_may_stand_in_one_string_as_in_an_environment_variable() -> None:
    assert answer(APP, origins=f"https://a.example, {APP},") == {"Access-Control-Allow-Origin": APP}
    assert answer("https://b.example", origins=f"https://a.example, {APP},") == {}


def test_a_listed_origin_is_answered_from_the_table() -> None:
    listed = policy(origins=[APP])
    assert listed.answer(APP) is listed.answer(APP)


@pytest.mark.parametrize("rule", [APP, "https://*.example.com", re.compile(r"https://[a-z]+\.example\.com")])
def test_every_kind_of_rule_gives_the_same_answer(rule: object) -> None:
    assert answer(APP, origins=(rule,), credentials=True, expose_headers=["ETag"]) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "ETag",
    }


def test_the_canonical_origin_is_answered_not_the_header() -> None:
    assert answer("HTTPS://APP.EXAMPLE.COM:443", origins=[APP]) == {"Access-Control-Allow-Origin": APP}


def test_everyone_is_answered_with_the_star_and_nothing_varies() -> None:
    everyone = policy(origins=["*"], expose_headers=["*"])
    assert dict(everyone.answer(None)) == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "*",
    }
    assert everyone.answer("null") == everyone.answer(APP) == everyone.answer(None)
    assert not everyone.varies


def test_a_preflight_lists_what_is_allowed() -> None:
    assert preflight(APP, origins=[APP], allow_headers=["X-Token"], credentials=True, max_age=60) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS, POST",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Headers": ", ".join([*SAFELISTED_HEADERS, "X-Token"]),
        "Access-Control-Max-Age": "60",
    }


def test_a_preflight_offers_only_methods_that_the_path_has() -> None:
    got = preflight(APP, origins=[APP], methods=["POST", "DELETE"])
    assert got is not None
    assert got["Access-Control-Allow-Methods"] == "POST"


def test_without_max_age_the_browser_keeps_its_own() -> None:
    got = preflight(APP, origins=[APP], max_age=None)
    assert got is not None
    assert "Access-Control-Max-Age" not in got


def test_a_header_is_listed_once_in_whatever_case() -> None:
    got = preflight(APP, origins=[APP], allow_headers=["content-type", "X-A", "x-a"])
    assert got is not None
    assert got["Access-Control-Allow-Headers"].lower().split(", ").count("content-type") == 1
    assert got["Access-Control-Allow-Headers"].lower().split(", ").count("x-a") == 1


@given(st.text(max_size=300))
def test_nothing_of_a_strangers_header_comes_back(header: str) -> None:
    listed = policy(origins=[APP, "https://*.example.org"], credentials=True)
    for pairs in (listed.answer(header), listed.preflight(header, METHODS)):
        for _, value in pairs or ():
            assert value.isascii()
            assert value.isprintable()
        if pairs and "Access-Control-Allow-Origin" in dict(pairs):
            assert dict(pairs)["Access-Control-Allow-Origin"].startswith("https://")


@pytest.mark.parametrize(
    "pattern",
    [r".*", r"https?://.*", r"https://[^/]+", r"https://([a-z0-9.-]+)(:\d+)?", r"http://.*\.invalid"],
)
def test_a_pattern_for_everyone_with_credentials_is_refused(pattern: str) -> None:
    with pytest.raises(PolicyError, match="name the domain"):
        policy(origins=(re.compile(pattern),), credentials=True)
    policy(origins=(re.compile(pattern),))


def test_a_pattern_for_a_domain_with_credentials_is_accepted() -> None:
    assert answer(APP, origins=(re.compile(r"https://.*\.example\.com"),), credentials=True)


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"origins": ["*"], "credentials": True}, 'origins = ["https://app.example.com"]'),
        ({"origins": ["*", APP]}, "write it alone"),
        ({"origins": ["https://*.com"]}, "everybody can have a name below 'com'"),
        ({"timing_origins": ["*", APP]}, "write it alone"),
        ({"timing_origins": ["https://*.example.com"]}, "only literal origins"),
        ({"origins": ["https://app.example.com/"]}, "final slash"),
        ({"allow_headers": ["*"], "credentials": True, "origins": [APP]}, "list the header names"),
        ({"expose_headers": ["*"], "credentials": True, "origins": [APP]}, "list the header names"),
        ({"allow_headers": ["X Token"]}, "not a header name"),
        ({"allow_headers": ["X-A, X-B"]}, "not a header name"),
        ({"expose_headers": [""]}, "not a header name"),
        ({"expose_headers": ["X-A\r\nSet-Cookie: a=b"]}, "not a header name"),
        ({"methods": ["get"]}, "write 'GET'"),
        ({"methods": ["Patch"]}, "write 'PATCH'"),
        ({"methods": ["*"]}, "leave out"),
        ({"methods": ["GET, POST"]}, "one name a string"),
    ],
)
def test_a_bad_policy_says_what_to_write(options: dict[str, Any], advice: str) -> None:
    with pytest.raises(PolicyError, match=re.escape(advice)):
        policy(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"max_age": -1},
        {"max_age": "soon"},
        {"max_age": True},
        {"max_age": 1.5},
        {"credentials": "true"},
        {"origin": [APP]},
        {"allow_headers": 1},
        {"resource_policy": "everybody"},
        {"methods": [1]},
    ],
)
def test_an_option_of_another_type_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        policy(**options)


def test_a_method_of_its_own_name_keeps_its_case() -> None:
    got = policy(origins=[APP], methods=["Purge"]).preflight(APP, ["GET", "Purge", "PURGE"])
    assert dict(got or ())["Access-Control-Allow-Methods"] == "Purge"


def test_the_browser_of_these_tests_reads_answers_as_the_standard_says(browser: Callable[..., Any]) -> None:
    star = {"access-control-allow-origin": "*", "access-control-allow-credentials": "true"}
    assert browser(APP).shares(star)
    assert not browser(APP, credentials=True).shares(star)
    assert not browser(APP).shares({"access-control-allow-origin": APP + "/"})
    assert not browser(APP, credentials=True).shares(
        {"access-control-allow-origin": APP, "access-control-allow-credentials": "True"}
    )


def test_null_with_credentials_is_warned_of() -> None:
    assert policy(origins=["null"], credentials=True).describe()[-1].startswith("warning: every site")
    assert not any("warning" in line for line in policy(origins=["null"]).describe())


@pytest.mark.parametrize("module", [origins_module])
def test_the_examples_in_the_docstrings_hold(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)

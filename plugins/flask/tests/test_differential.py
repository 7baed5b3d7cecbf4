"""One application under the same requests answers the same on Flask and on Trivet, but for what is explained."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .differential.requests import ALL, Ask

HERE = Path(__file__).parent
Outcome = dict[str, Any]


class Explained(NamedTuple):
    """A difference that is right: of which requests, in what, and why."""

    requests: str
    parts: str
    why: str


#: Everything in which an answer of Trivet may differ. A part is `status`, `body`, `raised`, `warnings`, `events` or the
#: name of a header; of a body that differs, the length may too.
EXPLAINED = [
    Explained(
        r"GET /(texts/%E4|texts/%FF%FE|gr%F6%DFe/x)$",
        "status body events Content-Type X-Bad",
        "A path that is not UTF-8 is refused with 400; Flask puts replacement characters in, so that different URLs "
        "reach the view as the same text.",
    ),
    Explained(
        r"^POST \S+ (Content-Type: \S+ )?Content-Length: (-1|-5|ten|many|1e3|\+5|5,5|5_0|0x5|٥|5\.0| 5 ) ",
        "status body events Content-Type X-Bad",
        "A Content-Length that is no number is refused with 400, as RFC 9110 8.6 wants; Flask takes the body for "
        "empty.",
    ),
    Explained(
        r"^get /methods$",
        "status body events Allow",
        "The names of methods are case-sensitive (RFC 9110 9.1): `get` is another method than `GET`.",
    ),
    Explained(
        r"^GET /urls( |$)",
        "body",
        "A value that the converter cannot take raises BuildError, as other values that do not fit do, so that "
        "handlers of build errors see it; on Flask, ValueError.",
    ),
    Explained(
        r"^POST /echo/json .*'\[{40}'$",
        # from Python 3.13 on the standard library reads deeper than this request goes, and misses its end
        "raised" if sys.version_info >= (3, 13) else "status body events Content-Type X-Bad",
        "JSON that is nested too deeply is a bad request, 400; on Flask, RecursionError and 500.",
    ),
    Explained(
        r"Host: (a\.good\.example|bad\.example|a b) \(trusting\)$",
        "body",
        "The page of a refused host does not repeat what the client sent.",
    ),
    Explained(
        r"^GET /(answers/(none|number|tuple4|tuple1)|pages-of/(missing|\.\.|%00)|session/set\S+ \(keyless\)|"
        r"flash\?message=x \(keyless\))",
        "body events raised",
        "The message says more: where the view was declared, which template has a similar name, how to make a key. "
        "The classes are Flask's or subclasses of them.",
    ),
    Explained(
        r"^GET /(stream|streamed-page)(\?|$)",
        "events",
        "Teardown functions run once, when the stream has ended; on Flask, before it begins and again at its end.",
    ),
]


@cache
def outcomes(kind: str) -> list[Outcome]:
    """Return what came of all requests on one side."""
    return [json.loads(line) for line in run(kind).splitlines()]


def run(*arguments: str) -> str:
    """Run one side to its end and return what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "TRIVET_"))}
    done = subprocess.run(
        [sys.executable, "-m", "differential.side", *arguments],
        cwd=HERE,
        env={**kept, "PYTHONIOENCODING": "utf-8", "PYTHONHASHSEED": "0"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_name(lines: list[str]) -> dict[str, list[str]]:
    """Return the values of headers by their names."""
    found: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        found.setdefault(name, []).append(value)
    return found


def differing(ours: Outcome, theirs: Outcome) -> set[str]:
    """Return the parts in which two outcomes differ."""
    parts = {name for name in {*ours, *theirs} - {"headers"} if ours.get(name) != theirs.get(name)}
    mine, other = by_name(ours.get("headers", [])), by_name(theirs.get("headers", []))
    parts |= {name for name in {*mine, *other} if mine.get(name) != other.get(name)}
    return parts - {"Content-Length"} if "body" in parts else parts


def explanations(ask: Ask) -> list[Explained]:
    return [one for one in EXPLAINED if re.search(one.requests, str(ask))]


def told(kind: str) -> str:
    """Return everything that differs without an explanation, for people."""
    text = []
    for ask, ours, theirs in zip(ALL, outcomes(kind), outcomes("flask"), strict=True):
        left = differing(ours, theirs).difference(*(one.parts.split() for one in explanations(ask)))
        for part in sorted(left):
            mine, other = ({**by_name(one.get("headers", [])), **one}.get(part) for one in (ours, theirs))
            text.append(f"{ask}\n  {part}\n    Flask:  {other!r}\n    Trivet: {mine!r}")
    return "\n".join(text)


@pytest.fixture(autouse=True)
def flask_itself(need_flask: Callable[[], None]) -> None:
    """Without Flask there is nothing to compare with."""
    need_flask()


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_all_answers_are_those_of_flask_but_for_what_is_explained(kind: str) -> None:
    assert not (differences := told(kind)), f"\n{differences}"


@pytest.mark.parametrize("explained", EXPLAINED, ids=lambda one: one.requests)
def test_what_is_explained_does_differ(explained: Explained) -> None:
    found: set[str] = set()
    for ask, ours, theirs in zip(ALL, outcomes("wsgi"), outcomes("flask"), strict=True):
        if explained in explanations(ask):
            found |= differing(ours, theirs)
    assert set(explained.parts.split()) <= found | {"raised"}


def test_requests_of_all_kinds_are_answered() -> None:
    statuses = [one.get("status", "raised") for one in outcomes("flask")]
    assert len(statuses) > 500
    assert {"200", "206", "304", "308", "400", "404", "405", "413", "415", "416", "500", "raised"} <= set(statuses)


@pytest.mark.parametrize(("writer", "reader"), [("flask", "wsgi"), ("wsgi", "flask")])
def test_a_session_signed_by_one_is_read_by_the_other(writer: str, reader: str) -> None:
    cookie = run(writer, "--cookie").strip()
    assert cookie.count(".") >= 2
    read = run(reader, "--cookie", cookie)
    assert read == run(writer, "--cookie", cookie)
    assert set(json.loads(read)) == {"bytes", "markup", "nested", "number", "single", "time", "tuple", "uuid"}

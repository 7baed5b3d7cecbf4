"""The table of cases in vectors.json: read, and judged as a browser and a cache would; knows of no framework."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE: dict[str, Any] = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))

SAFELISTED_METHODS = {"GET", "HEAD", "POST"}
# Fetch, "CORS-safelisted response-header name"
SAFELISTED_RESPONSE = {
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
}
FORBIDDEN_RESPONSE = {"set-cookie", "set-cookie2"}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2


def spelled(written: str | dict[str, Any] | list[Any]) -> str | list[str]:
    """Spell out a header value that the table abbreviates; a list is one value for each field."""
    if isinstance(written, list):
        return [str(spelled(one)) for one in written]
    if isinstance(written, str):
        return written
    return str(written["before"]) + str(written["repeat"]) * int(written["times"]) + str(written["after"])


def sent_headers(case: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Return the headers of a case's request, spelled out."""
    return {name: spelled(value) for name, value in case["request"]["headers"].items()}


def names_in(value: str | None) -> list[str]:
    """Split a header value that is a list; empty elements are none (RFC 9110 §5.6.1.2)."""
    return [name.strip() for name in (value or "").split(",") if name.strip()]


@dataclass(frozen=True)
class Browser:
    """A page's browser: `origin` asks, with or without credentials. Headers have their names in small letters."""

    origin: str
    credentials: bool = False

    def shares(self, headers: Mapping[str, str]) -> bool:
        """Run the CORS check (Fetch, "CORS check") on an answer's headers."""
        allowed = headers.get("access-control-allow-origin")
        if not self.credentials and allowed == "*":
            return True
        if allowed != self.origin:
            return False
        return not self.credentials or headers.get("access-control-allow-credentials") == "true"

    def proceeds(self, status: int, headers: Mapping[str, str], method: str, names: Iterable[str]) -> bool:
        """Run step 7 of Fetch, "CORS-preflight fetch"; `names` are the headers that need leave."""
        if not self.shares(headers) or not 200 <= status < 300:
            return False
        methods = names_in(headers.get("access-control-allow-methods"))
        listed = names_in(headers.get("access-control-allow-headers"))
        if not all(_TOKEN.fullmatch(name) for name in (*methods, *listed)):
            return False
        known = method in methods or method in SAFELISTED_METHODS
        if not known and (self.credentials or "*" not in methods):
            return False
        allowed = {name.lower() for name in listed}
        wildcard = "*" in allowed and not self.credentials
        return all(name.lower() in allowed or (wildcard and name.lower() != "authorization") for name in names)

    def reads(self, headers: Mapping[str, str], name: str) -> bool:
        """Tell whether the page can read a header (Fetch, "main fetch", CORS-exposed header-name list)."""
        if not self.shares(headers) or name in FORBIDDEN_RESPONSE:
            return False
        exposed = {one.lower() for one in names_in(headers.get("access-control-expose-headers"))}
        return name in SAFELISTED_RESPONSE or name in exposed or ("*" in exposed and not self.credentials)


def measures(origin: str, headers: Mapping[str, str]) -> bool:
    """Run the TAO check (Fetch) for a page of an origin."""
    values = names_in(headers.get("timing-allow-origin"))
    return "*" in values or origin in values


def complaints(
    case: Mapping[str, Any], status: int, headers: Mapping[str, str], expected: Mapping[str, Any] | None = None
) -> list[str]:
    """Return what is wrong with an answer, a line each; nothing if it is as ``expected``, by default the case's."""
    return list(_complaints(case, status, headers, case["expect"] if expected is None else expected))


def _complaints(
    case: Mapping[str, Any], status: int, headers: Mapping[str, str], expected: Mapping[str, Any]
) -> Iterator[str]:
    wanted = expected.get("status")
    if status != wanted if wanted is not None else status >= 500:
        yield f"status {status}"
    for name, value in expected.get("headers", {}).items():
        if headers.get(name) not in (value if isinstance(value, list) else [value]):
            yield _shown(name, headers)
    yield from _vary(headers, expected.get("vary", ()))
    text = "\n".join(f"{name}: {value}" for name, value in headers.items()).lower()
    for never in expected.get("never", ()):
        # Between two fields there is a line end that is ours.
        inside = text if never not in "\r\n" else "".join(headers) + "".join(headers.values())
        if never.lower() in inside:
            yield f"repeats {never[:20]!r}"
    yield from _browser(case["request"], status, headers, expected)


def _vary(headers: Mapping[str, str], wanted: Iterable[str]) -> Iterator[str]:
    names = {name.lower() for name in names_in(headers.get("vary"))}
    if headers.get("access-control-allow-origin") == "*":
        names.add("origin")
    missing = set(wanted) - names
    if missing and "*" not in names:
        yield f"{_shown('vary', headers)}, without {', '.join(sorted(missing))}"


def _browser(
    asked: Mapping[str, Any], status: int, headers: Mapping[str, str], expected: Mapping[str, Any]
) -> Iterator[str]:
    sent = {name: _one(spelled(value), asked) for name, value in asked["headers"].items()}
    page = Browser(sent.get("Origin", ""), credentials=asked["credentials"])
    shared, proceeds = expected.get("shared"), expected.get("proceeds")
    if shared is not None and page.shares(headers) is not shared:
        yield f"shared: {not shared}, by {_shown('access-control-allow-origin', headers)}"
    if proceeds is not None:
        names = names_in(sent.get("Access-Control-Request-Headers"))
        if page.proceeds(status, headers, sent["Access-Control-Request-Method"], names) is not proceeds:
            yield f"proceeds: {not proceeds}, by {status} {_shown('access-control-allow-methods', headers)}"
    for name, readable in expected.get("exposes", {}).items():
        if page.reads(headers, name) is not readable:
            yield f"exposes {name}: {not readable}"
    for origin, allowed in expected.get("timing", {}).items():
        if measures(origin, headers) is not allowed:
            yield f"timing of {origin}: {not allowed}"


def _one(value: str | list[str], asked: Mapping[str, Any]) -> str:
    """Write a value as it comes back in an answer: one text, a character for each byte."""
    text = value if isinstance(value, str) else ",".join(value)
    return text.encode(asked.get("encoding", "utf-8")).decode("latin-1")


def _shown(name: str, headers: Mapping[str, str]) -> str:
    value = headers.get(name)
    return f"no {name}" if value is None else f"{name} {value[:60]!r}"

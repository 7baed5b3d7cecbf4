"""Facts beside the table: what each peer makes of things that people write, one question each."""

from collections.abc import Callable, Mapping
from typing import Any

from .saying import CannotSay

APP = "https://app.example.com"
STRANGER = "https://evil.example"
LISTED = {"origins": [APP, "https://admin.example.com"]}
ALLOW_ORIGIN = "access-control-allow-origin"

Peer = Any


def _shares(headers: Mapping[str, str], origin: str) -> bool:
    return headers.get(ALLOW_ORIGIN) in ("*", origin)


def _let_in(ask: Any, *origins: str) -> str:
    into = [origin for origin in origins if _shares(ask("GET", "/items", {"Origin": origin})[1], origin)]
    return f"lets in {', '.join(into)}" if into else "lets nobody in"


def pattern_without_end(peer: Peer, folder: str) -> str:
    ask = peer.plain(folder, pattern=r"https://[a-z]+\.example\.com")
    return _let_in(ask, APP, f"{APP}.evil.example")


def star_in_a_string(peer: Peer, folder: str) -> str:
    ask = peer.plain(folder, origins=["https://*.example.com"])
    return _let_in(ask, APP, "https://example.com", "https://xexample.com", "https://xexample.com.evil.example")


def credentials_alone(peer: Peer, folder: str) -> str:
    return _with_credentials(peer.plain(folder, credentials=True))


def credentials_for_everyone(peer: Peer, folder: str) -> str:
    return _with_credentials(peer.plain(folder, origins=["*"], credentials=True))


def _with_credentials(ask: Any) -> str:
    _, headers = ask("GET", "/items", {"Origin": STRANGER})
    if headers.get(ALLOW_ORIGIN) == STRANGER and headers.get("access-control-allow-credentials") == "true":
        return "every site reads answers with the user's cookies"
    return "a stranger reads nothing with cookies"


def refusal(peer: Peer, folder: str) -> str:
    _, headers = peer.make(LISTED, folder)("GET", "/items", {"Origin": STRANGER})
    return f"Vary: {headers['vary']}" if "vary" in headers else "no Vary: a cache may give the refusal to everybody"


def part_of_a_method(peer: Peer, folder: str) -> str:
    asked = {"Origin": APP, "Access-Control-Request-Method": "ET"}
    status, headers = peer.make({**LISTED, "methods": ["GET"]}, folder)("OPTIONS", "/items", asked)
    listed = headers.get("access-control-allow-methods")
    return f"{status}, {f'lists {listed}' if listed else 'lists no method'}"


FACTS: Mapping[str, Callable[[Peer, str], str]] = {
    r"the pattern https://[a-z]+\.example\.com, which has no end": pattern_without_end,
    'the text "https://*.example.com" among the origins': star_in_a_string,
    "credentials, and nothing about origins": credentials_alone,
    'credentials, and "*" as origin': credentials_for_everyone,
    "an answer to an origin that is not listed": refusal,
    "a preflight for the method ET": part_of_a_method,
}


def found(peer: Peer, question: str, folder: str) -> str:
    """Return what a peer does, in a few words."""
    try:
        return FACTS[question](peer, folder)
    except CannotSay as missing:
        return f"has no {missing}"
    except Exception as error:
        return f"refused at startup: {str(error)[:90]}"

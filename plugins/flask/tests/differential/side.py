"""One side of the comparison: puts all requests to the application and prints the answers, one JSON line each.

``python -m differential.side flask|wsgi|asgi``: Flask itself, or Trivet by one of its protocols. With ``--cookie``, the
cookie of a session with values of all types is printed instead; with ``--cookie VALUE``, what is read from that one.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import re
import sys
import warnings
import zlib
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import unquote_to_bytes

from .requests import ALL, Ask

#: A date of this century, as headers have it.
LATER = r"\w{3}, \d\d \w{3} 20[\d: ]+GMT"

Headers = list[tuple[str, str]]
Answer = tuple[str, Headers, bytes]

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "debug": {"DEBUG": True},
    "named": {"SERVER_NAME": "shop.example", "subdomain_matching": True, "PREFERRED_URL_SCHEME": "https"},
    "trusting": {"TRUSTED_HOSTS": ["good.example", ".fine.example"]},
    "trapping": {"TRAP_HTTP_EXCEPTIONS": True, "TRAP_BAD_REQUEST_ERRORS": True},
    "keyless": {"SECRET_KEY": None},
    "cookies": {
        "APPLICATION_ROOT": "/mounted",
        "SESSION_COOKIE_NAME": "other",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": False,
        "SESSION_COOKIE_SAMESITE": "Strict",
        "SESSION_COOKIE_PARTITIONED": True,
        "SESSION_COOKIE_DOMAIN": "example.com",
        "SESSION_REFRESH_EACH_REQUEST": False,
    },
}


def by_wsgi(app: Any, ask: Ask, headers: Headers) -> Answer:
    """Put a request as a WSGI server would."""
    path, _, query = ask.target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": ask.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.encode().decode("latin-1"),
        "REQUEST_URI": ask.target,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(ask.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        plain = key in ("CONTENT_TYPE", "CONTENT_LENGTH")
        environ[key if plain else f"HTTP_{key}"] = value.encode().decode("latin-1")
    started: list[Any] = []
    pieces = app(environ, lambda status, found, exc_info=None: started.__setitem__(slice(None), [status, found]))
    try:
        body = b"".join(pieces)
    finally:
        getattr(pieces, "close", lambda: None)()
    return started[0], started[1], body


def by_asgi(app: Any, ask: Ask, headers: Headers) -> Answer:
    """Put a request as an ASGI server would."""
    path, _, query = ask.target.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": ask.method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode(errors="replace"),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 50000),
    }
    length = dict(headers).get("Content-Length", "0")
    body = ask.body[: int(length)] if length.isascii() and length.isdigit() else ask.body
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app.asgi(scope, receive, send))
    found = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    return str(sent[0]["status"]), found, b"".join(message.get("body", b"") for message in sent[1:])


def normalised(headers: Headers) -> list[str]:
    """Return the headers in an order of their own, without what depends on the moment or on the order of a set."""
    found = []
    for name, value in headers:
        if name.lower() == "set-cookie":
            value = re.sub(r"(?<==)(\.?[\w-]+)\.[\w-]{6}\.[\w-]{27}(?=;)", opened, value)
            value = re.sub(LATER, "LATER", value)
        elif name.lower() == "expires":
            value = re.sub(LATER, "LATER", value)
        elif name.lower() == "allow":
            value = ", ".join(sorted(value.split(", ")))
        if name.lower() != "date":
            found.append(f"{name.title()}: {value}")
    return sorted(found)


def opened(cookie: re.Match[str]) -> str:
    """Return the data of a signed cookie; their order and whether they are compressed say nothing."""
    data = base64.urlsafe_b64decode(cookie[1].lstrip(".") + "==")
    return json.dumps(json.loads(zlib.decompress(data) if cookie[1].startswith(".") else data), sort_keys=True)


def keep_cookies(jar: dict[str, str], headers: Headers) -> None:
    """Do with cookies what a browser does."""
    for name, value in headers:
        if name.lower() == "set-cookie":
            cookie, _, attributes = value.partition(";")
            key, _, content = cookie.partition("=")
            if "Max-Age=0" in attributes:
                jar.pop(key, None)
            else:
                jar[key] = content


def main() -> None:
    """Print the answers."""
    kind = sys.argv[1]
    if kind != "flask":
        import_module("trivet_flask").install()
    application = import_module("differential.application")
    logging.disable()
    if "--cookie" in sys.argv:
        print(session_cookie(application.make_app("plain"), sys.argv[3:]))
        return
    apps = {name: application.make_app(name, **config) for name, config in CONFIGURATIONS.items()}
    jars: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    send = by_asgi if kind == "asgi" else by_wsgi
    for ask in ALL:
        print(json.dumps(answered(send, apps[ask.app], ask, jars[ask.app, ask.client], application.EVENTS)))


def session_cookie(app: Any, given: list[str]) -> str:
    """Return a signed cookie, or what is read from the given one."""
    if given:
        return by_wsgi(app, Ask("/session/get"), [("Cookie", f"session={given[0]}")])[2].decode()
    _, headers, _ = by_wsgi(app, Ask("/session/types"), [])
    return dict(headers)["Set-Cookie"].removeprefix("session=").partition(";")[0]


def answered(send: Callable[..., Answer], app: Any, ask: Ask, jar: dict[str, str], events: list[str]) -> dict[str, Any]:
    """Return what came of one request."""
    events.clear()
    headers = list(ask.headers)
    if "Host" not in dict(headers):
        headers.insert(0, ("Host", "localhost"))
    if ask.client and jar:
        headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in jar.items())))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            status, found, body = send(app, ask, headers)
        except Exception as error:
            outcome: dict[str, Any] = {"raised": f"{type(error).__name__}: {error}"}
        else:
            if ask.client:
                keep_cookies(jar, found)
            text = body.decode("utf-8", "backslashreplace")
            outcome = {"status": status[:3], "headers": normalised(found), "body": text}
    said = sorted({f"{one.category.__name__}: {one.message}" for one in warned})
    return {**outcome, "events": list(events), "warnings": said}


if __name__ == "__main__":
    main()

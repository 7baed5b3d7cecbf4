"""Falcon with its CORSMiddleware: the application of the table, under a policy."""

from collections.abc import Callable
from typing import Any

import falcon
from benchmarks.cors.saying import LIMIT, Ask, CannotSay, Policy, is_wildcard, refuse
from falcon import App, CORSMiddleware, Request, Response
from plugins.cors.tests.asking import over_wsgi

TITLE = "Falcon with CORSMiddleware"
DISTRIBUTIONS = ("falcon",)
#: What its preflights know of the application.
KNOWS: frozenset[str] = frozenset({"paths", "methods"})

Answer = Callable[..., None]


def make(policy: Policy, folder: str) -> Ask:
    refuse(policy, "timing_origins", "resource_policy", "methods", "allow_headers", "max_age")
    origins = policy["origins"]
    if any(map(is_wildcard, origins)):
        raise CannotSay("wildcards")
    allowed = "*" if origins == ["*"] else origins
    options: dict[str, Any] = {
        "allow_origins": allowed,
        "expose_headers": policy.get("expose_headers"),
        "allow_credentials": allowed if policy.get("credentials") else None,
        "allow_private_network": policy.get("private_network", False),
    }
    return _served(options, folder)


def plain(
    folder: str, *, pattern: str | None = None, origins: list[str] | None = None, credentials: bool = False
) -> Ask:
    if pattern is not None:
        raise CannotSay("patterns")
    options: dict[str, Any] = {"allow_credentials": "*" if credentials else None}
    if origins is not None:
        options["allow_origins"] = "*" if origins == ["*"] else origins
    return _served(options, folder)


def _served(options: dict[str, Any], folder: str) -> Ask:
    app = App(middleware=[CORSMiddleware(**options)])
    _add_resources(app)
    app.add_static_route("/static", folder)

    def ask(*asked: Any, **more: Any) -> tuple[int, dict[str, str]]:
        answer = over_wsgi(app, *asked, **more)
        return answer.status, answer.headers

    return ask


def _text(headers: dict[str, str] | None = None, status: int = 200) -> Answer:
    def answer(req: Request, resp: Response, **values: Any) -> None:
        resp.status, resp.text = status, "text"
        for name, value in (headers or {}).items():
            if name == "Set-Cookie":
                resp.append_header(name, value)
            else:
                resp.set_header(name, value)

    return answer


def _items(req: Request, resp: Response) -> None:
    if (req.content_length or 0) > LIMIT:
        raise falcon.HTTPContentTooLarge()
    resp.text = "items"


def _stream(req: Request, resp: Response) -> None:
    resp.stream = iter([b"one", b"two"])


def _broken(req: Request, resp: Response) -> None:
    raise LookupError("broken on purpose")


def _moved(req: Request, resp: Response, status: int) -> None:
    resp.status, resp.location = status, "/items"


def _to_folder(req: Request, resp: Response) -> None:
    raise falcon.HTTPPermanentRedirect("/folder/")


def _add_resources(app: Any) -> None:
    def add(path: str, answer: Answer, *methods: str) -> None:
        responders = {
            f"on_{method.lower()}": lambda self, req, resp, **values: answer(req, resp, **values)
            for method in ("GET", "HEAD", *methods)
        }
        app.add_route(path, type("Resource", (), responders)())

    add("/items", _items, "POST")
    add("/items/{number:int}", _text(), "PATCH", "DELETE")
    add("/files/{name:path}", _text(), "PUT")
    add("/tables", _text(), "REPORT")
    add("/folder/", _text(), "PATCH")
    add("/folder", _to_folder, "PATCH")
    add("/café", _text(), "PUT")
    add("/a+b", _text(), "PUT")
    add("/report", _text({"X-Total": "3", "X-Page": "1", "ETag": '"1"', "Set-Cookie": "seen=1"}))
    add("/own", _text({"Access-Control-Allow-Origin": "https://old.example"}))
    add("/cookie", _text({"Vary": "Cookie"}))
    add("/everything", _text({"Vary": "*"}))
    add("/stream", _stream)
    add("/empty", _text(status=204))
    add("/unchanged", _text({"ETag": '"1"'}, 304))
    add("/old", lambda req, resp: _moved(req, resp, 302))
    add("/moved/{status:int}", _moved)
    add("/status/{status:int}", lambda req, resp, status: _text({"Retry-After": "1"}, status)(req, resp))
    add("/broken", _broken)

"""Starlette with its CORSMiddleware, over ASGI: the application of the table, under a policy."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from benchmarks.cors.saying import LIMIT, METHODS, Ask, CannotSay, Policy, refuse, split
from plugins.cors.tests.asking import over_asgi
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

TITLE = "Starlette with CORSMiddleware"
DISTRIBUTIONS = ("starlette",)
#: What its preflights know of the application.
KNOWS: frozenset[str] = frozenset()

Answer = Callable[[Request], Response]


def make(policy: Policy, folder: str) -> Ask:
    refuse(policy, "timing_origins", "resource_policy")
    if "max_age" in policy and policy["max_age"] is None:
        raise CannotSay("max_age: nothing")
    literal, patterns = split(policy["origins"])
    options: dict[str, Any] = {
        "allow_origins": literal,
        "allow_origin_regex": "|".join(patterns) or None,
        "allow_methods": policy.get("methods", METHODS),
        "allow_headers": ["Range", *policy.get("allow_headers", ())],
        "allow_credentials": policy.get("credentials", False),
        "allow_private_network": policy.get("private_network", False),
        "expose_headers": policy.get("expose_headers", ()),
        "max_age": policy.get("max_age", 600),
    }
    return _served(options, folder)


def plain(
    folder: str, *, pattern: str | None = None, origins: list[str] | None = None, credentials: bool = False
) -> Ask:
    options: dict[str, Any] = {"allow_credentials": credentials, "allow_origin_regex": pattern}
    if origins is not None:
        options["allow_origins"] = origins
    return _served(options, folder)


def _served(options: dict[str, Any], folder: str) -> Ask:
    app = Starlette(routes=_routes(folder), middleware=[Middleware(CORSMiddleware, **options)])

    def ask(*asked: Any, **more: Any) -> tuple[int, dict[str, str]]:
        answer = over_asgi(app, *asked, **more)
        return answer.status, answer.headers

    return ask


def _text(headers: dict[str, str] | None = None, status: int = 200) -> Answer:
    return lambda request: PlainTextResponse("text", status, headers=headers)


def _routes(folder: str) -> list[Any]:
    def at(path: str, answer: Answer, *methods: str) -> Route:
        allowed = ["GET", "HEAD", "OPTIONS", *methods]

        async def view(request: Request) -> Response:
            if request.method == "OPTIONS":
                return Response(headers={"Allow": ", ".join(allowed)})
            if len(await request.body()) > LIMIT:
                return PlainTextResponse("too large", 413)
            return answer(request)

        return Route(path, view, methods=allowed)

    def broken(request: Request) -> Response:
        raise LookupError("broken on purpose")

    async def pieces() -> AsyncIterator[str]:
        yield "one"
        yield "two"

    return [
        at("/items", _text(), "POST"),
        at("/items/{number:int}", _text(), "PATCH", "DELETE"),
        at("/files/{name:path}", _text(), "PUT"),
        at("/tables", _text(), "REPORT"),
        at("/folder/", _text(), "PATCH"),
        at("/café", _text(), "PUT"),
        at("/a+b", _text(), "PUT"),
        at("/report", _text({"X-Total": "3", "X-Page": "1", "ETag": '"1"', "Set-Cookie": "seen=1"})),
        at("/own", _text({"Access-Control-Allow-Origin": "https://old.example"})),
        at("/cookie", _text({"Vary": "Cookie"})),
        at("/everything", _text({"Vary": "*"})),
        at("/stream", lambda request: StreamingResponse(pieces())),
        at("/empty", lambda request: Response(status_code=204)),
        at("/unchanged", lambda request: Response(status_code=304, headers={"ETag": '"1"'})),
        at("/old", lambda request: RedirectResponse("/items", 302)),
        at("/moved/{status:int}", lambda request: RedirectResponse("/items", request.path_params["status"])),
        at("/status/{status:int}", lambda request: _text({"Retry-After": "1"}, request.path_params["status"])(request)),
        at("/broken", broken),
        Mount("/static", StaticFiles(directory=folder)),
    ]

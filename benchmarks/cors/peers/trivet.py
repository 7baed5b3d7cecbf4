"""Trivet with its plugin: the application of the table, under a policy."""

import re
from collections.abc import Iterator
from typing import Any

from benchmarks.cors.saying import LIMIT, Ask, Policy
from plugins.cors.tests.asking import over_wsgi

from trivet import Response, Trivet, redirect, request
from trivet_cors import CORS

TITLE = "Trivet with trivet-cors"
DISTRIBUTIONS = ("trivet", "trivet-cors")
#: What its preflights know of the application.
KNOWS: frozenset[str] = frozenset({"paths", "methods"})


def make(policy: Policy, folder: str) -> Ask:
    return _served(dict(policy), folder)


def plain(folder: str, *, pattern: str | None = None, **options: Any) -> Ask:
    if pattern is not None:
        options["origins"] = [re.compile(pattern)]
    return _served(options, folder)


def _served(options: dict[str, Any], folder: str) -> Ask:
    app = Trivet(__name__, config_file=False, static_folder=folder)
    app.config["MAX_CONTENT_LENGTH"] = LIMIT
    CORS(app, **options)
    _add_views(app)

    def ask(*asked: Any, **more: Any) -> tuple[int, dict[str, str]]:
        answer = over_wsgi(app, *asked, **more)
        return answer.status, answer.headers

    return ask


def _add_views(app: Trivet) -> None:
    @app.route("/items", methods=["GET", "POST"])
    def items() -> str:
        request.get_data()
        return "items"

    @app.route("/stream")
    def stream() -> Iterator[str]:
        yield "one"
        yield "two"

    @app.route("/broken")
    def broken() -> str:
        raise LookupError("broken on purpose")

    def add(path: str, view: Any, *methods: str) -> None:
        app.add_url_rule(path, path, view, methods=["GET", *methods])

    add("/items/<int:number>", lambda number: str(number), "PATCH", "DELETE")
    add("/files/<path:name>", lambda name: name, "PUT")
    add("/tables", lambda: "tables", "REPORT")
    add("/folder/", lambda: "folder", "PATCH")
    add("/café", lambda: "café", "PUT")
    add("/a+b", lambda: "a+b", "PUT")
    add("/report", lambda: Response("", headers={"X-Total": "3", "X-Page": "1", "ETag": '"1"', "Set-Cookie": "seen=1"}))
    add("/own", lambda: Response("own", headers={"Access-Control-Allow-Origin": "https://old.example"}))
    add("/cookie", lambda: Response("cookie", headers={"Vary": "Cookie"}))
    add("/everything", lambda: Response("everything", headers={"Vary": "*"}))
    add("/empty", lambda: Response(status=204))
    add("/unchanged", lambda: Response(status=304, headers={"ETag": '"1"'}))
    add("/old", lambda: redirect("/items"))
    add("/moved/<int:status>", lambda status: redirect("/items", status))
    add("/status/<int:status>", lambda status: Response("status", status, headers={"Retry-After": "1"}))

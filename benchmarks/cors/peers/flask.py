"""Flask with Flask-CORS: the application of the table, under a policy."""

import re
from collections.abc import Iterator
from typing import Any

from benchmarks.cors.saying import LIMIT, METHODS, SAFELISTED, Ask, Policy, refuse, split
from flask import Flask, Response, redirect, request
from flask_cors import CORS
from plugins.cors.tests.asking import over_wsgi

TITLE = "Flask with Flask-CORS"
DISTRIBUTIONS = ("flask", "flask-cors")
#: What its preflights know of the application.
KNOWS: frozenset[str] = frozenset({"paths"})


def make(policy: Policy, folder: str) -> Ask:
    refuse(policy, "timing_origins", "resource_policy")
    literal, patterns = split(policy["origins"])
    options: dict[str, Any] = {
        "origins": "*" if literal == ["*"] else [*literal, *map(re.compile, patterns)],
        "send_wildcard": True,
        "methods": policy.get("methods", METHODS),
        "allow_headers": [*SAFELISTED, *policy.get("allow_headers", ())],
        "expose_headers": policy.get("expose_headers"),
        "supports_credentials": policy.get("credentials", False),
        "max_age": policy.get("max_age"),
        "allow_private_network": policy.get("private_network", False),
    }
    return _served(options, folder)


def plain(folder: str, *, pattern: str | None = None, credentials: bool = False, **options: Any) -> Ask:
    if pattern is not None:
        options["origins"] = [pattern]
    return _served({**options, "supports_credentials": credentials}, folder)


def _served(options: dict[str, Any], folder: str) -> Ask:
    app = Flask(__name__, static_folder=folder)
    app.config["MAX_CONTENT_LENGTH"] = LIMIT
    CORS(app, **options)
    _add_views(app)

    def ask(*asked: Any, **more: Any) -> tuple[int, dict[str, str]]:
        answer = over_wsgi(app, *asked, **more)
        return answer.status, answer.headers

    return ask


def _add_views(app: Flask) -> None:
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

"""Falcon on both protocols; it has no sessions, and its media handlers read and write JSON and forms."""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"

from typing import Any

import falcon
import falcon.asgi
from jinja2 import Environment, FileSystemLoader

from ..workloads import HELLO, ROWS, TEMPLATES, TITLE


class Greeting:
    def on_get(self, req, resp):
        resp.media = {"message": HELLO}


class AsyncGreeting:
    async def on_get(self, req, resp):
        resp.media = {"message": HELLO}


class Plaintext:
    def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = HELLO


class AsyncPlaintext:
    async def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = HELLO


class Users:
    def on_get(self, req, resp, id, slug):
        resp.media = {"id": id, "slug": slug, "page": req.get_param_as_int("page")}


class AsyncUsers:
    async def on_get(self, req, resp, id, slug):
        resp.media = {"id": id, "slug": slug, "page": req.get_param_as_int("page")}


class Echo:
    def on_post(self, req, resp):
        data = req.get_media()
        resp.media = {"name": data["name"], "count": data["count"]}


class AsyncEcho:
    async def on_post(self, req, resp):
        data = await req.get_media()
        resp.media = {"name": data["name"], "count": data["count"]}


class Form:
    def on_post(self, req, resp):
        resp.media = req.get_media()


class AsyncForm:
    async def on_post(self, req, resp):
        resp.media = await req.get_media()


class Table:
    def __init__(self):
        self.jinja = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, auto_reload=False)

    def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_HTML
        resp.text = self.jinja.get_template("table.html").render(title=TITLE, rows=ROWS)


class AsyncTable:
    def __init__(self):
        self.jinja = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, auto_reload=False)

    async def on_get(self, req, resp):
        resp.content_type = falcon.MEDIA_HTML
        resp.text = self.jinja.get_template("table.html").render(title=TITLE, rows=ROWS)


class Numbered:
    def __init__(self, number):
        self.number = number

    def on_get(self, req, resp, x):
        resp.media = {"route": self.number, "x": x}


class AsyncNumbered:
    def __init__(self, number):
        self.number = number

    async def on_get(self, req, resp, x):
        resp.media = {"route": self.number, "x": x}


class Hooks:
    def process_request(self, req, resp):
        return None

    def process_response(self, req, resp, resource, req_succeeded):
        return None


class AsyncHooks:
    async def process_request(self, req, resp):
        return None

    async def process_response(self, req, resp, resource, req_succeeded):
        return None


SYNC: Any = (falcon.App, Greeting, Plaintext, Users, Echo, Form, Table, Numbered, Hooks)
ASYNC: Any = (
    falcon.asgi.App, AsyncGreeting, AsyncPlaintext, AsyncUsers, AsyncEcho, AsyncForm, AsyncTable, AsyncNumbered,
    AsyncHooks,
)  # fmt: skip


def make_app(part, size, style):
    make, greeting, plaintext, users, echo, form, table, numbered, hooks = SYNC if style == "sync" else ASYNC
    middleware = [hooks() for _ in range(size)] if part == "hooks" else None
    app = make(middleware=middleware)
    match part:
        case "base":
            app.add_route("/plaintext", plaintext())
            app.add_route("/json", greeting())
            app.add_route("/users/{id:int}/posts/{slug}", users())
            app.add_route("/echo", echo())
            app.add_route("/form", form())
        case "template":
            app.add_route("/template", table())
        case "routes":
            for number in range(size):
                app.add_route(f"/route{number}/{{x:int}}", numbered(number))
        case "hooks":
            app.add_route("/json", greeting())
        case _:
            return None
    return app

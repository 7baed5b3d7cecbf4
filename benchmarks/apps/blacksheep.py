"""BlackSheep, whose request, response and base application are compiled; bodies are bound to a typed model."""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"

import os
from dataclasses import dataclass

os.environ.setdefault("APP_JINJA_EXTENSION", ".html")  # read when BlackSheep is imported

from blacksheep import Application, FromJSON, FromQuery, Request, Router, json, text
from blacksheep.server.rendering.jinja2 import JinjaRenderer
from blacksheep.server.responses import view
from blacksheep.settings.html import html_settings
from jinja2 import FileSystemLoader

from ..workloads import HELLO, ROWS, SECRET, TEMPLATES, TITLE


@dataclass
class Item:
    name: str
    count: int


def make_app(part, size, style):
    app = Application(router=Router())
    makers = {"base": base, "template": template, "session": sessions, "routes": routes, "hooks": hooks}
    return makers[part](app, size) if part in makers else None


def greet(app):
    @app.router.get("/json")
    async def greeting():
        return json({"message": HELLO})

    return app


def base(app, size):
    @app.router.get("/plaintext")
    async def plaintext():
        return text(HELLO)

    @app.router.get("/users/{int:id}/posts/{slug}")
    async def users(id: int, slug: str, page: FromQuery[int]):
        return json({"id": id, "slug": slug, "page": page.value})

    @app.router.post("/echo")
    async def echo(data: FromJSON[Item]):
        return json({"name": data.value.name, "count": data.value.count})

    @app.router.post("/form")
    async def form(request: Request):
        return json(await request.form())

    return greet(app)


def template(app, size):
    html_settings.use(JinjaRenderer(loader=FileSystemLoader(TEMPLATES)))

    @app.router.get("/template")
    async def table():
        return view("table", {"title": TITLE, "rows": ROWS})

    return app


def sessions(app, size):
    app.use_sessions(SECRET)

    @app.router.get("/session")
    async def visit(request: Request):
        request.session["visits"] = request.session.get("visits", 0) + 1
        return json({"visits": request.session["visits"]})

    return greet(app)


def routes(app, size):
    def declare(number):
        @app.router.get(f"/route{number}/{{int:x}}")
        async def route(x: int):
            return json({"route": number, "x": x})

    for number in range(size):
        declare(number)
    return app


def hooks(app, size):
    async def around(request, handler):
        response = await handler(request)
        return response  # noqa: RET504 - as middleware stands in its documentation

    app.middlewares.extend([around] * size)
    return greet(app)

"""Bottle; it has no sessions, so the visits are counted in one of its signed cookies."""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"

import bottle
from bottle import Bottle, request, response

from ..workloads import HELLO, ROWS, SECRET, TEMPLATES, TITLE


def make_app(part, size, style):
    makers = {"base": base, "template": template, "session": sessions, "routes": routes, "hooks": hooks}
    return makers[part](Bottle(), size) if part in makers else None


def greet(app):
    @app.get("/json")
    def greeting():
        return {"message": HELLO}

    return app


def base(app, size):
    @app.get("/plaintext")
    def plaintext():
        response.content_type = "text/plain; charset=utf-8"
        return HELLO

    @app.get("/users/<id:int>/posts/<slug>")
    def users(id, slug):
        return {"id": id, "slug": slug, "page": request.query.get("page", type=int)}

    @app.post("/echo")
    def echo():
        data = request.json
        return {"name": data["name"], "count": data["count"]}

    @app.post("/form")
    def form():
        return dict(request.forms)

    return greet(app)


def template(app, size):
    bottle.TEMPLATE_PATH.insert(0, str(TEMPLATES))
    settings = {"autoescape": True, "auto_reload": False}

    @app.get("/template")
    def table():
        return bottle.jinja2_template("table.html", template_settings=settings, title=TITLE, rows=ROWS)

    return app


def sessions(app, size):
    @app.get("/session")
    def visit():
        visits = int(request.get_cookie("visits", default="0", secret=SECRET)) + 1
        response.set_cookie("visits", str(visits), secret=SECRET, path="/", httponly=True)
        return {"visits": visits}

    return greet(app)


def routes(app, size):
    def declare(number):
        @app.get(f"/route{number}/<x:int>")
        def route(x):
            return {"route": number, "x": x}

    for number in range(size):
        declare(number)
    return app


def hooks(app, size):
    for _ in range(size):

        @app.hook("before_request")
        def before():
            return None

        @app.hook("after_request")
        def after():
            return None

    return greet(app)

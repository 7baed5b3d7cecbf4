"""Quart: the programming model of Flask with coroutines."""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"

from quart import Quart, jsonify, render_template, request, session

from ..workloads import HELLO, ROWS, SECRET, TITLE


def make_app(part, size, style):
    app = Quart(__name__)
    makers = {"base": base, "template": template, "session": sessions, "routes": routes, "hooks": hooks}
    return makers[part](app, size) if part in makers else None


def greet(app):
    @app.get("/json")
    async def greeting():
        return jsonify(message=HELLO)

    return app


def base(app, size):
    @app.get("/plaintext")
    async def plaintext():
        return HELLO, {"Content-Type": "text/plain; charset=utf-8"}

    @app.get("/users/<int:id>/posts/<slug>")
    async def users(id, slug):
        return jsonify(id=id, slug=slug, page=request.args.get("page", type=int))

    @app.post("/echo")
    async def echo():
        data = await request.get_json()
        return jsonify(name=data["name"], count=data["count"])

    @app.post("/form")
    async def form():
        return jsonify((await request.form).to_dict())

    return greet(app)


def template(app, size):
    @app.get("/template")
    async def table():
        return await render_template("table.html", title=TITLE, rows=ROWS)

    return app


def sessions(app, size):
    app.secret_key = SECRET

    @app.get("/session")
    async def visit():
        session["visits"] = session.get("visits", 0) + 1
        return jsonify(visits=session["visits"])

    return greet(app)


def routes(app, size):
    def declare(number):
        @app.get(f"/route{number}/<int:x>", endpoint=f"route{number}")
        async def route(x):
            return jsonify(route=number, x=x)

    for number in range(size):
        declare(number)
    return app


def hooks(app, size):
    for _ in range(size):

        @app.before_request
        async def before():
            return None

        @app.after_request
        async def after(response):
            return response

    return greet(app)

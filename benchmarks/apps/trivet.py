"""Trivet: the views of the Flask application, as plain functions and as coroutines."""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"

from trivet import Plugin, Trivet, hookimpl, jsonify, render_template, request, session

from ..workloads import HELLO, ROWS, SECRET, TITLE


class Idle:
    """A plugin that takes part in setup and in no request."""

    def __init__(self, number):
        self.plugin = Plugin(name=f"idle{number}", summary="Does nothing while requests are answered.")

    @hookimpl
    def trivet_setup(self, app, options):
        app.extensions[self.plugin.name] = self

    @hookimpl
    def trivet_describe(self, app):
        return [f"{self.plugin.name} is idle."]


def make_app(part, size, style):
    plugins = [Idle(number) for number in range(size)] if part == "plugins" else []
    app = Trivet(__name__, plugins=plugins, config_file=False)
    if style == "sync":
        makers = {"base": base, "template": template, "session": sessions, "routes": routes, "hooks": hooks}
        makers["plugins"] = greet
    else:
        makers = {"base": async_base, "template": async_template, "session": async_sessions}
        makers |= {"routes": async_routes, "hooks": async_hooks, "plugins": async_greet}
    return makers[part](app, size) if part in makers else None


# --- plain functions ---


def greet(app, size=0):
    @app.get("/json")
    def greeting():
        return jsonify(message=HELLO)

    return app


def base(app, size):
    @app.get("/plaintext")
    def plaintext():
        return HELLO, {"Content-Type": "text/plain; charset=utf-8"}

    @app.get("/users/<int:id>/posts/<slug>")
    def users(id, slug):
        return jsonify(id=id, slug=slug, page=request.args.get("page", type=int))

    @app.post("/echo")
    def echo():
        data = request.get_json()
        return jsonify(name=data["name"], count=data["count"])

    @app.post("/form")
    def form():
        return jsonify(request.form.to_dict())

    return greet(app)


def template(app, size):
    @app.get("/template")
    def table():
        return render_template("table.html", title=TITLE, rows=ROWS)

    return app


def sessions(app, size):
    app.secret_key = SECRET

    @app.get("/session")
    def visit():
        session["visits"] = session.get("visits", 0) + 1
        return jsonify(visits=session["visits"])

    return greet(app)


def routes(app, size):
    def declare(number):
        @app.get(f"/route{number}/<int:x>", endpoint=f"route{number}")
        def route(x):
            return jsonify(route=number, x=x)

    for number in range(size):
        declare(number)
    return app


def hooks(app, size):
    for _ in range(size):

        @app.before_request
        def before():
            return None

        @app.after_request
        def after(response):
            return response

    return greet(app)


# --- coroutines ---


def async_greet(app, size=0):
    @app.get("/json")
    async def greeting():
        return jsonify(message=HELLO)

    return app


def async_base(app, size):
    @app.get("/plaintext")
    async def plaintext():
        return HELLO, {"Content-Type": "text/plain; charset=utf-8"}

    @app.get("/users/<int:id>/posts/<slug>")
    async def users(id, slug):
        return jsonify(id=id, slug=slug, page=request.args.get("page", type=int))

    @app.post("/echo")
    async def echo():
        data = request.get_json()
        return jsonify(name=data["name"], count=data["count"])

    @app.post("/form")
    async def form():
        return jsonify(request.form.to_dict())

    return async_greet(app)


def async_template(app, size):
    @app.get("/template")
    async def table():
        return render_template("table.html", title=TITLE, rows=ROWS)

    return app


def async_sessions(app, size):
    app.secret_key = SECRET

    @app.get("/session")
    async def visit():
        session["visits"] = session.get("visits", 0) + 1
        return jsonify(visits=session["visits"])

    return async_greet(app)


def async_routes(app, size):
    def declare(number):
        @app.get(f"/route{number}/<int:x>", endpoint=f"route{number}")
        async def route(x):
            return jsonify(route=number, x=x)

    for number in range(size):
        declare(number)
    return app


def async_hooks(app, size):
    for _ in range(size):

        @app.before_request
        async def before():
            return None

        @app.after_request
        async def after(response):
            return response

    return async_greet(app)

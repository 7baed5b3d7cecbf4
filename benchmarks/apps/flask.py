"""Flask, as its documentation writes it; a secret key is set only where sessions are used."""

# mypy: disable-error-code="import-not-found, import-untyped, no-untyped-def, no-untyped-call, untyped-decorator"

from flask import Flask, jsonify, render_template, request, session

from ..workloads import HELLO, ROWS, SECRET, TITLE


def make_app(part, size, style):
    app = Flask(__name__)
    makers = {"base": base, "template": template, "session": sessions, "routes": routes, "hooks": hooks}
    return makers[part](app, size) if part in makers else None


def greet(app):
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

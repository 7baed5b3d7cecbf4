"""An application that uses most of what Flask documents, and knows no other name than ``flask``."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from flask import (
    Flask,
    Response,
    abort,
    g,
    got_request_exception,
    jsonify,
    make_response,
    message_flashed,
    request,
    request_finished,
    request_started,
    template_rendered,
    url_for,
)
from flask.views import MethodView, View
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.routing import BaseConverter, BuildError

from .answers import add_answers, add_bodies, add_files, add_pages, add_sessions
from .blueprints import add_blueprints
from .errors import ReallyRefused, Refused, Teapot
from .events import EVENTS, note

HERE = Path(__file__).parent


class Lists(BaseConverter):
    """Names with plus signs between them."""

    regex = r"[a-z]+(?:\+[a-z]+)*"

    def to_python(self, value: str) -> list[str]:
        return value.split("+")

    def to_url(self, value: Any) -> str:
        return "+".join(BaseConverter.to_url(self, one) for one in value)


def make_app(name: str, **config: Any) -> Flask:
    """Return the application, named and configured."""
    matching = bool(config.pop("subdomain_matching", False))
    app = Flask(f"{__package__}.{name}", root_path=str(HERE), subdomain_matching=matching)
    app.config.update(
        SECRET_KEY="differential",
        SECRET_KEY_FALLBACKS=["older"],
        MAX_CONTENT_LENGTH=10_000,
        MAX_FORM_PARTS=20,
        MAX_FORM_MEMORY_SIZE=5_000,
    )
    app.config.update(config)
    app.url_map.converters["list"] = Lists
    for add in (add_callbacks, add_errors, add_rules, add_bodies, add_answers, add_sessions, add_pages, add_files):
        add(app)
    add_blueprints(app)
    return app


# -- around requests


def add_callbacks(app: Flask) -> None:
    """Tell of every step of a request, and answer, fail or change something where the query says so."""

    @app.before_request
    def first() -> Any:
        note("before")
        g.steps = ["first"]
        stop = request.args.get("stop")
        if stop == "before":
            return {"stopped": request.path}, 203
        if stop == "raise":
            raise ValueError("in a before-function")
        return None

    @app.before_request
    def second() -> None:
        note("second before")
        g.steps.append("second")

    @app.after_request
    def marked(response: Response) -> Response:
        note(f"after {response.status_code}")
        response.headers["X-Steps"] = " ".join(g.get("steps", []))
        if request.args.get("stop") == "replace":
            return make_response("replaced", 299)
        if request.args.get("stop") == "after":
            raise ValueError("in an after-function")
        return response

    @app.after_request
    def earlier(response: Response) -> Response:
        note("earlier after")
        response.headers.add("X-Earlier", "1")
        return response

    @app.teardown_request
    def over(error: BaseException | None) -> None:
        note(f"teardown request {error!r}")

    @app.teardown_appcontext
    def all_over(error: BaseException | None) -> None:
        note(f"teardown application {error!r}")

    @app.context_processor
    def known() -> dict[str, Any]:
        return {"site": "Differential & Sons", "double": lambda number: number * 2}

    @app.template_filter()
    def shout(text: str) -> str:
        return text.upper() + "!"

    @app.template_test("even")
    def is_even(number: int) -> bool:
        return number % 2 == 0

    @app.template_global()
    def eleven() -> int:
        return 11

    for signal, word in (
        (request_started, "started"),
        (request_finished, "finished"),
        (got_request_exception, "exception"),
        (template_rendered, "rendered"),
        (message_flashed, "flashed"),
    ):
        signal.connect(lambda sender, _word=word, **more: note(f"signal {_word}"), app, weak=False)


def add_errors(app: Flask) -> None:
    """Handlers by code and by class, and views that fail in all ways."""

    @app.errorhandler(404)
    def missing(error: NotFound) -> Any:
        return {"missing": request.path, "description": error.description}, 404

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Any:
        return f"refused: {error} ({type(error).__name__})", 403

    @app.errorhandler(500)
    def failed(error: Any) -> Any:
        return {"failed": repr(getattr(error, "original_exception", None)), "kind": type(error).__name__}, 500

    @app.errorhandler(Teapot)
    def teapot(error: Teapot) -> Any:
        if request.args.get("again"):
            raise ValueError("in a handler")
        return error

    @app.errorhandler(BadRequest)
    def bad(error: BadRequest) -> Any:
        response = error.get_response()
        response.headers["X-Bad"] = type(error).__name__
        return response

    @app.route("/error/<int:code>")
    def error(code: int) -> Any:
        description = request.args.get("description")
        abort(code, description=description) if description else abort(code)

    @app.route("/error/response")
    def error_response() -> Any:
        abort(Response("as it is\n", status=409, headers={"X-Given": "yes"}))

    @app.route("/error/unauthorized")
    def error_unauthorized() -> Any:
        abort(401, response=Response("who?", 401, {"WWW-Authenticate": 'Basic realm="here"'}))

    @app.route("/error/<any(refused, really, teapot, boom, key, type, base):kind>")
    def error_kind(kind: str) -> Any:
        if kind == "key":
            return request.args["no such key"]
        if kind == "type":
            return len(5)  # type: ignore[arg-type]
        kinds = {"refused": Refused, "really": ReallyRefused, "teapot": Teapot, "boom": ZeroDivisionError}
        raise kinds.get(kind, ArithmeticError)("said so")


# -- rules


def bracketed(view: Any) -> Any:
    """Decorate a view."""
    return lambda **values: f"<{view(**values)}>"


def add_rules(app: Flask) -> None:
    """Rules of every kind; a view tells what was matched."""

    def told(**values: Any) -> Any:
        names = {name: [type(value).__name__, str(value)] for name, value in values.items()}
        return jsonify(endpoint=request.endpoint, rule=str(request.url_rule), blueprint=request.blueprint, values=names)

    for name, rule, options in RULES:
        app.add_url_rule(rule, name, told, **options)
    app.add_url_rule("/late", endpoint="late")
    app.endpoint("late")(lambda: "bound afterwards")

    @app.get("/")
    def index() -> str:
        return "index"

    @app.route("/methods", methods=["GET", "POST", "put"])
    def methods() -> str:
        return f"{request.method} of GET, POST and PUT"

    @app.route("/own-options", methods=["GET", "OPTIONS"], provide_automatic_options=False)
    def own_options() -> Any:
        return ("mine", {"Allow": "GET, OPTIONS, MAGIC"}) if request.method == "OPTIONS" else "got"

    class Things(MethodView):
        """One class, some methods."""

        def get(self, number: int | None = None) -> Any:
            return {"number": number}

        def post(self) -> Any:
            return {"made": request.get_json()}, 201, {"Location": url_for("thing", number=7)}

        def patch(self, number: int) -> Any:
            return "", 204

    class Shown(View):
        """A view with arguments, one object for all requests."""

        methods = ("GET", "POST")
        init_every_request = False
        decorators = [bracketed]  # noqa: RUF012 - as Flask declares it

        def __init__(self, what: str) -> None:
            self.what = what

        def dispatch_request(self) -> str:
            return f"{self.what} by {request.method}"

    things = Things.as_view("things")
    app.add_url_rule("/things/", view_func=things, methods=["GET", "POST"])
    app.add_url_rule("/things/<int:number>", "thing", Things.as_view("thing"))
    app.add_url_rule("/shown", view_func=Shown.as_view("shown", "shown"))

    @app.get("/urls")
    def urls() -> Any:
        return jsonify([build(name, values) for name, values in BUILT])


RULES: list[tuple[str, str, dict[str, Any]]] = [
    ("number", "/items/<int:number>", {}),
    ("signed", "/signed/<int(signed=True):number>", {}),
    ("bounded", "/bounded/<int(min=3, max=9):number>", {}),
    ("fixed", "/fixed/<int(fixed_digits=3):number>", {}),
    ("weight", "/weights/<float:weight>", {}),
    ("path", "/paths/<path:path>", {}),
    ("path_end", "/paths/<path:path>/end", {}),
    ("text", "/texts/<text>", {}),
    ("text3", "/three/<string(length=3):text>", {}),
    ("kind", "/kinds/<any(one, two):kind>", {}),
    ("uuid", "/uuids/<uuid:key>", {}),
    ("list", "/lists/<list:names>", {}),
    ("two", "/two/<int:a>-<b>", {}),
    ("folder", "/folder/", {}),
    ("leaf", "/leaf", {}),
    ("loose", "/loose", {"strict_slashes": False}),
    ("pages", "/pages/", {"defaults": {"page": 1}}),
    ("page", "/pages/<int:page>", {}),
    ("unicode", "/größe/<text>", {}),
    ("old", "/old/<int:number>", {"redirect_to": "items/<number>"}),
    ("static_first", "/mixed/known", {}),
    ("dynamic_second", "/mixed/<text>", {}),
    ("post_only", "/mixed/known/post", {"methods": ["POST"]}),
    ("sub", "/here", {"subdomain": "sub"}),
]

BUILT: list[tuple[str, dict[str, Any]]] = [
    ("index", {}),
    ("index", {"_external": True}),
    ("index", {"_external": True, "_scheme": "https", "_anchor": "a b", "q": "ä&"}),
    ("number", {"number": 5, "page": [1, 2], "none": None}),
    ("number", {"number": "five"}),
    ("number", {}),
    ("weight", {"weight": 1.5}),
    ("path", {"path": "a b/c%/ü"}),
    ("text", {"text": "a/b?c#d"}),
    ("kind", {"kind": "three"}),
    ("uuid", {"key": uuid.UUID(int=5)}),
    ("list", {"names": ["a", "b"]}),
    ("pages", {}),
    ("page", {"page": 1}),
    ("page", {"page": 2}),
    ("unicode", {"text": "maß"}),
    ("things", {"_method": "POST"}),
    ("thing", {"number": 3, "_method": "PATCH"}),
    ("static", {"filename": "hello.txt", "v": 2}),
    ("sub", {}),
    ("shop.cart.index", {}),
    (".cart.index", {}),
    ("no such endpoint", {"x": 1}),
]


def build(name: str, values: dict[str, Any]) -> str:
    """Build a URL, or tell that there is none."""
    try:
        return url_for(name, **values)
    except BuildError as error:
        return f"BuildError: {error}"
    except ValueError as error:
        return f"ValueError: {error}"


__all__ = ["EVENTS", "make_app"]

"""What the application's views do with bodies, answers, sessions, templates and files."""

from __future__ import annotations

import decimal
import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from flask import (
    Flask,
    Response,
    after_this_request,
    current_app,
    flash,
    get_flashed_messages,
    get_template_attribute,
    jsonify,
    make_response,
    redirect,
    render_template,
    render_template_string,
    request,
    send_file,
    send_from_directory,
    session,
    stream_template,
    stream_with_context,
)
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from .errors import Teapot
from .events import note

HERE = Path(__file__).parent


@dataclass
class Point:
    """A thing that JSON can tell."""

    x: int
    y: int


# -- what comes in


def add_bodies(app: Flask) -> None:
    """Views that send back what they got."""

    @app.post("/echo/json")
    def echo_json() -> Any:
        how = request.args.get("how", "get")
        if how == "attribute":
            return {"json": request.json}
        return {"json": request.get_json(force=how == "force", silent=how == "silent"), "is_json": request.is_json}

    @app.route("/echo/form", methods=["GET", "POST"])
    def echo_form() -> Any:
        files = {
            name: [[one.filename, one.mimetype, one.read().decode("latin-1")] for one in found]
            for name, found in request.files.lists()
        }
        return {"form": dict(request.form.lists()), "files": files, "values": dict(request.values.lists())}

    @app.post("/echo/field")
    def echo_field() -> Any:
        return request.form["name"] + (request.files["file"].filename or "" if "file" in request.args else "")

    @app.post("/echo/raw")
    def echo_raw() -> Any:
        return Response(request.get_data(), mimetype="application/octet-stream")

    @app.post("/echo/stream")
    def echo_stream() -> Any:
        return {"first": request.stream.read(3).decode("latin-1"), "rest": request.stream.read().decode("latin-1")}

    @app.post("/echo/limited")
    def echo_limited() -> Any:
        request.max_content_length = 5
        return request.get_data()

    @app.route("/echo/args")
    def echo_args() -> Any:
        number = request.args.get("number", -1, type=int)
        return {"args": dict(request.args.lists()), "number": number, "query": request.query_string.decode("latin-1")}

    @app.route("/echo/request", methods=["GET", "POST", "OPTIONS"])
    @app.route("/echo/request/<path:more>")
    def echo_request(more: str = "") -> Any:
        told = {name: getattr(request, name) for name in TOLD}
        told["accept"] = [list(one) for one in request.accept_mimetypes]
        told["best"] = request.accept_mimetypes.best_match(["text/html", "application/json"])
        told["authorization"] = str(request.authorization)
        told["cookies"] = dict(request.cookies.lists())
        told["if_none_match"] = str(request.if_none_match)
        told["if_modified_since"] = str(request.if_modified_since)
        told["range"] = str(request.range)
        told["x"] = request.headers.getlist("X-Many")
        return told


TOLD = [
    "method",
    "path",
    "full_path",
    "url",
    "base_url",
    "root_url",
    "url_root",
    "root_path",
    "host",
    "scheme",
    "is_secure",
    "remote_addr",
    "mimetype",
    "mimetype_params",
    "content_length",
    "content_type",
    "referrer",
    "endpoint",
    "view_args",
    "is_json",
    "content_encoding",
    "max_content_length",
]


# -- what goes out


def add_answers(app: Flask) -> None:
    """Everything that a view may return, and helpers around it."""

    @app.get("/answers/<name>")
    def answers(name: str) -> Any:
        return ANSWERS[name]()

    @app.get("/json")
    def json() -> Any:
        return jsonify(
            at=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
            on=date(2024, 5, 6),
            price=decimal.Decimal("1.50"),
            key=uuid.UUID(int=7),
            markup=Markup("<b>"),
            point=Point(1, 2),
            text="größe \u2028 </script>",
            nested={"b": [1, 2.5, None, True], "a": {}},
        )

    @app.get("/go")
    def go() -> Any:
        return redirect(request.args.get("to", "/leaf"), int(request.args.get("code", 302)))

    @app.get("/stream")
    def stream() -> Any:
        def lines() -> Iterator[str]:
            for number in range(3):
                note(f"line {number}")
                yield f"{request.args.get('word', 'line')} {number}\n"

        return Response(stream_with_context(lines()), mimetype="text/plain")

    @app.get("/etag")
    def etag() -> Any:
        response = make_response("tagged")
        response.add_etag()
        response.last_modified = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
        response.cache_control.max_age = 60
        response.vary.add("Accept")
        return response.make_conditional(request)

    @app.get("/cookies")
    def cookies() -> Any:
        @after_this_request
        def more(response: Response) -> Response:
            note("after this request")
            response.set_cookie("late", "1", max_age=60, path="/cookies", httponly=True, samesite="Strict")
            return response

        response = make_response({"found": request.cookies})
        response.set_cookie("plain", 'a "b"; ü')
        response.delete_cookie("gone", domain="example.com")
        return response


ANSWERS: dict[str, Any] = {
    "text": lambda: "größe",
    "bytes": lambda: b"\xff\x00",
    "dict": lambda: {"z": 1, "a": [Point(1, 2)]},
    "list": lambda: [1, "two", None],
    "tuple2": lambda: ("created", 201),
    "tuple3": lambda: ({"a": 1}, "202 Taken", [("X-A", "1"), ("X-A", "2")]),
    "headers": lambda: ("text", {"Content-Type": "text/x-own", "X-List": ["a", "b"]}),
    "response": lambda: (Response("own", 200, {"X-Own": "1"}), 206, {"X-Own": "2"}),
    "generator": lambda: (piece for piece in ("a", "b")),
    "exception": lambda: Teapot(),
    "wsgi": lambda: NotFound("called as WSGI"),
    "none": lambda: None,
    "number": lambda: 5,
    "tuple4": lambda: ("a", 200, {}, "too much"),
    "tuple1": lambda: ("alone",),
    "empty": lambda: ("", 204),
    "unmodified": lambda: ("body that must go", 304),
    "unserializable": lambda: {"a": object()},
    "injected": lambda: ("x", {"X-Bad": "a\r\nSet-Cookie: b=c"}),
}


# -- sessions and flashing


def add_sessions(app: Flask) -> None:
    """Write to the session and read it."""

    @app.get("/session/<action>")
    def sessions(action: str) -> Any:
        arguments = request.args.to_dict()
        if action == "set":
            session.update(arguments)
        elif action == "pop":
            session.pop(arguments["key"], None)
        elif action == "clear":
            session.clear()
        elif action == "permanent":
            session.permanent = not arguments.get("not")
            session.setdefault("since", 1)
        elif action == "nested":
            session.setdefault("names", []).append(arguments.get("name", "?"))
            session.modified = "modified" in arguments
        elif action == "types":
            session.update(TYPES)
        elif action == "large":
            session["large"] = [str(number) for number in range(300)]
        return {key: [type(value).__name__, repr(value)] for key, value in sorted(session.items())}

    @app.get("/session-untouched")
    def untouched() -> str:
        return "nobody looked"

    @app.get("/flash")
    def flashing() -> Any:
        for message in request.args.getlist("message"):
            flash(Markup(message) if message.startswith("<") else message, request.args.get("category", "message"))
        return "flashed"

    @app.get("/flashed")
    def flashed() -> Any:
        only = request.args.getlist("only")
        again = get_flashed_messages(with_categories=True, category_filter=only)
        return jsonify(again, get_flashed_messages())


TYPES: dict[str, Any] = {
    "tuple": (1, "two"),
    "bytes": b"\x00\xff",
    "markup": Markup("<i>"),
    "uuid": uuid.UUID(int=9),
    "time": datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
    "nested": {" t": "looks like a tag", "list": [(1,), {"deep": b"x"}]},
    "single": {" t": [1]},
    "number": 1.5,
}


# -- templates and files


def add_pages(app: Flask) -> None:
    """Pages of templates."""

    @app.get("/pages-of/<name>")
    def page_of(name: str) -> Any:
        return render_template(f"{name}.html", title="A <title>", items=[1, 2, 3])

    @app.get("/string")
    def string() -> str:
        text = "{{ site }} {{ request.path }} {{ g.steps }} {{ config.MAX_FORM_PARTS }} {{ session.get('a') }} {{ x }}"
        return render_template_string(text, x=Markup("<b>") + "<i>")

    @app.get("/first-found")
    def first_found() -> str:
        return render_template(["no such.html", "plain.txt"], value="<&>")

    @app.get("/streamed-page")
    def streamed_page() -> Any:
        return stream_template("page.html", title="Streamed", items=range(3))

    @app.get("/macro")
    def macro() -> Any:
        return str(get_template_attribute("macros.html", "hello")("<World>"))

    @app.get("/broken-page")
    def broken_page() -> str:
        return render_template_string("{% if %}")


def add_files(app: Flask) -> None:
    """Files, whole and in part."""

    @app.get("/file")
    def file() -> Any:
        options: dict[str, Any] = {"max_age": 30} if "age" in request.args else {}
        return send_file(HERE / "static" / "letters.txt", **options)

    @app.get("/download")
    def download() -> Any:
        data = io.BytesIO(b"0123456789" * 10)
        return send_file(data, "text/plain", as_attachment=True, download_name=request.args.get("name", "digits.txt"))

    @app.get("/nameless")
    def nameless() -> Any:
        return send_file(io.BytesIO(b"x"))

    @app.get("/files/<path:name>")
    def files(name: str) -> Any:
        return send_from_directory("static", name, etag="plain" not in request.args)

    @app.get("/resource")
    def resource() -> Any:
        with current_app.open_resource("static/letters.txt") as opened:
            return opened.read(3)

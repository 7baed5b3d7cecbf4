"""An application that pages of other origins ask, under the policy that SERVED_CORS holds as JSON."""

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from trivet import Response, Trivet, abort, jsonify, redirect, request, url_for, websocket
from trivet_cors import CORS

NOTES = Path(os.environ["SERVED_NOTES"])
PATIENCE = 15.0

app = Trivet(__name__, static_folder="shared_files", static_url_path="/files")
app.config["MAX_CONTENT_LENGTH"] = 1024
CORS(app, **json.loads(os.environ["SERVED_CORS"]))


def note(event: str, token: str) -> None:
    """Write down what happened, where the test can see it from outside of the process."""
    with NOTES.open("a") as file:
        file.write(f"{event} {token}\n")


def token_in(query: str) -> str:
    """Return the token that tells the requests of one test from those of others."""
    found = re.search(r"token=(\w+)", query)
    return found[1] if found else ""


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Note every request and the status of its answer, before anything in the application can hide them."""
    token = token_in(environ["QUERY_STRING"])
    note(f"asked {environ['REQUEST_METHOD']}", token)

    def start(status: str, *rest: Any) -> Any:
        note(f"answered {status[:3]}", token)
        return start_response(status, *rest)

    body: Iterable[bytes] = app.wsgi(environ, start)
    return body


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Do the same for ASGI, and for the handshakes of WebSockets."""
    token = token_in(scope.get("query_string", b"").decode())
    if scope["type"] != "lifespan":
        note(f"asked {scope.get('method', 'socket')}", token)

    async def sending(message: dict[str, Any]) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            note(f"answered {message['status']}", token)
        if message["type"] == "websocket.accept":
            note("answered 101", token)
        await send(message)

    await app.asgi(scope, receive, sending)


@app.route("/api/hello")
def hello() -> Response:
    """Answer as the first program of the documentation does."""
    return jsonify({"message": "Hello, World"})


@app.route("/things", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def things() -> dict[str, Any]:
    """Give back what came; note it if it would have changed something."""
    if request.method != "GET":
        note("changed", request.args["token"])
    headers = {name: request.headers.get(name) for name in ("X-Token", "Authorization")}
    return {"method": request.method, "json": request.get_json(silent=True), **headers}


@app.get("/read-only")
def read_only() -> str:
    """Answer under a path that has one method."""
    return "read"


@app.get("/cookies")
def cookies() -> dict[str, str]:
    """Tell which cookies came along."""
    return dict(request.cookies)


@app.get("/cookies/set")
def set_cookies() -> Response:
    """Set a cookie for requests from the same site, and one for those from every site."""
    response = jsonify({})
    response.set_cookie("near", "1", samesite="Lax")
    response.set_cookie("far", "1", samesite="None", secure=True)
    return response


@app.get("/headers")
def headers() -> Response:
    """Answer with two headers that scripts of other origins cannot read by default."""
    return Response("headers", headers={"X-Shown": "shown", "X-Hidden": "hidden"})


@app.post("/body")
def body() -> str:
    """Read the body."""
    return str(len(request.get_data()))


@app.get("/busy")
def busy() -> None:
    """Ask for patience."""
    abort(429)


@app.get("/boom")
def boom() -> str:
    """Fail."""
    raise RuntimeError("boom")


@app.get("/moved")
def moved() -> Any:
    """Send the client to another view."""
    return redirect(url_for("things", token=request.args["token"]))


@app.route("/slash/", methods=["GET", "PUT"])
def with_slash() -> str:
    """Answer under a path that ends in a slash."""
    return "slash"


@app.get("/tagged")
def tagged() -> Any:
    """Answer with a validator and let the client keep the answer."""
    response = Response("tagged", headers={"Cache-Control": "no-cache"})
    response.set_etag("one")
    return response.make_conditional(request)


@app.get("/kept")
def kept() -> Response:
    """Answer once for ten minutes."""
    return Response("kept", headers={"Cache-Control": "max-age=600"})


@app.get("/stream")
def stream() -> Response:
    """Stream; the second piece leaves only when the test has seen the first."""
    token = request.args["token"]

    def pieces() -> Iterator[str]:
        yield "one "
        deadline = time.monotonic() + PATIENCE
        while f"seen {token}" not in NOTES.read_text().splitlines() and time.monotonic() < deadline:
            time.sleep(0.01)
        yield "two"

    return Response(pieces(), mimetype="text/plain")


@app.websocket("/socket")
async def socket() -> None:
    """Say which cookies came along."""
    note("changed", request.args["token"])
    await websocket.send(",".join(sorted(request.cookies)))

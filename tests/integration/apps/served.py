"""The application that every server serves: one view for each thing that a server can get wrong."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from trivet import Response, Trivet, abort, jsonify, redirect, request, session, url_for, websocket

NOTES = Path(os.environ["SERVED_NOTES"])
LIMIT = 64 * 1024
PATIENCE = 15.0

app = Trivet(__name__)
app.config["MAX_CONTENT_LENGTH"] = LIMIT
app.secret_key = "a key for tests alone"


if os.environ.get("SERVED_BEHIND_PROXY"):
    app.config["TRUSTED_PROXIES"] = 1


def note(event: str, token: str) -> None:
    """Write down what happened, where the test can see it from outside of the process."""
    with NOTES.open("a") as file:
        file.write(f"{event} {token}\n")


def noted(event: str, token: str) -> bool:
    """Tell whether something was written down, by the test or by the application."""
    return f"{event} {token}" in NOTES.read_text().splitlines()


@app.teardown_request
def note_teardown(error: BaseException | None) -> None:
    """Note that the context of a request with a token has ended."""
    if token := request.args.get("token"):
        note("teardown", token)


@app.route("/api/hello")
def hello() -> Response:
    """Answer as the first program of the documentation does."""
    name = request.args.get("name", "World")
    return jsonify({"message": f"Hello, {name}"})


def whereabouts() -> dict[str, Any]:
    """Tell through which protocol the request came in and where the view runs."""
    try:
        loop = id(asyncio.get_running_loop())
    except RuntimeError:
        loop = None
    return {
        "protocol": "asgi" if "asgi.scope" in request.environ else "wsgi",
        "thread": threading.get_ident(),
        "process": os.getpid(),
        "loop": loop,
    }


@app.route("/sync")
def sync_view() -> dict[str, Any]:
    """Answer from a plain function."""
    return whereabouts()


@app.route("/async")
async def async_view() -> dict[str, Any]:
    """Answer from a coroutine that really waits."""
    await asyncio.sleep(0.001)
    return whereabouts()


@app.route("/async/together/<name>")
async def together(name: str) -> str:
    """Wait for another request to this view, which must therefore be able to run meanwhile."""
    token = request.args["token"]
    note(f"arrived-{name}", token)
    deadline = time.monotonic() + PATIENCE
    other = {"left": "right", "right": "left"}[name]
    while not noted(f"arrived-{other}", token):
        if time.monotonic() > deadline:
            return "alone"
        await asyncio.sleep(0.01)
    return "together"


@app.route("/address")
def address() -> dict[str, Any]:
    """Tell what the application takes its own address and that of the client to be."""
    return {
        "hello": url_for("hello", _external=True),
        "path": url_for("hello"),
        "url": request.url,
        "host": request.host,
        "scheme": request.scheme,
        "secure": request.is_secure,
        "root": request.script_root,
        "client": request.remote_addr,
    }


@app.route("/redirect")
def to_hello() -> Any:
    """Send the client to another view."""
    return redirect(url_for("hello"))


@app.route("/slash/")
def with_slash() -> str:
    """Answer under a path that ends in a slash."""
    return "slash"


@app.route("/names/<name>")
def named(name: str) -> dict[str, str]:
    """Give a path segment back."""
    return {"name": name}


@app.route("/paths/<path:path>")
def pathed(path: str) -> dict[str, str]:
    """Give the rest of a path back."""
    return {"path": path}


@app.route("/boom")
def boom() -> str:
    """Fail."""
    raise RuntimeError(f"boom {request.args['token']}")


@app.route("/async/boom")
async def async_boom() -> str:
    """Fail after waiting."""
    await asyncio.sleep(0.001)
    raise RuntimeError(f"boom {request.args['token']}")


@app.post("/echo/json")
def echo_json() -> Response:
    """Give the JSON of the body back."""
    return jsonify(request.get_json())


@app.post("/echo/form")
def echo_form() -> dict[str, Any]:
    """Give the fields and files of a form back; the field ``name`` must be there."""
    return {
        "name": request.form["name"],
        "fields": request.form.to_dict(flat=False),
        "files": {key: [file.filename, len(file.read())] for key, file in request.files.items()},
    }


@app.post("/async/echo/form")
async def async_echo_form() -> dict[str, Any]:
    """Do the same from a coroutine."""
    await asyncio.sleep(0)
    return echo_form()


@app.route("/echo/raw", methods=["POST", "PUT", "PATCH"])
def echo_raw() -> Response:
    """Give the bytes of the body back."""
    return Response(request.get_data(), mimetype="application/octet-stream")


@app.post("/echo/stream")
def echo_stream() -> str:
    """Count the bytes of the body as they come in."""
    total = 0
    while piece := request.stream.read(1000):
        total += len(piece)
    return str(total)


@app.post("/ignored")
def ignored() -> str:
    """Answer without looking at the body."""
    return "ignored"


@app.route("/visits")
def visits() -> dict[str, int]:
    """Count the visits of a session."""
    session["visits"] = session.get("visits", 0) + 1
    return {"visits": session["visits"]}


@app.websocket("/ws")
async def echo_messages() -> None:
    """Give every message back."""
    token = request.args.get("token", "")
    try:
        while True:
            await websocket.send(await websocket.receive())
    finally:
        note("socket-ended", token)


@app.websocket("/ws/greeting/<name>")
async def greet(name: str) -> None:
    """Choose a subprotocol, greet, and end."""
    await websocket.accept(subprotocol=websocket.requested_subprotocols[-1])
    await websocket.send(f"{request.args['word']} {name}, {request.headers['X-Mood']}")


@app.websocket("/ws/refused")
async def refuse() -> None:
    """Refuse the handshake."""
    abort(403)


@app.websocket("/ws/boom")
async def socket_boom() -> None:
    """Fail after the first message."""
    await websocket.receive()
    raise RuntimeError(f"boom {request.args['token']}")


@app.websocket("/ws/early-boom")
async def early_socket_boom() -> None:
    """Fail before the handshake is answered."""
    raise RuntimeError(f"boom {request.args['token']}")


def wait_for_permission(token: str) -> None:
    """Wait until the test has seen what was sent so far."""
    deadline = time.monotonic() + PATIENCE
    while not noted("seen", token) and time.monotonic() < deadline:
        time.sleep(0.01)


@app.route("/stream/sync")
def stream() -> Response:
    """Stream from a generator; the second piece leaves only when the first has arrived."""
    token = request.args["token"]

    def pieces() -> Iterator[str]:
        yield "one "
        wait_for_permission(token)
        yield "two "
        yield request.args["name"]

    return Response(pieces(), mimetype="text/plain")


@app.route("/stream/async")
async def async_stream() -> Response:
    """Stream from an async generator; the second piece leaves only when the first has arrived."""
    token = request.args["token"]

    async def pieces() -> AsyncIterator[str]:
        yield "one "
        deadline = time.monotonic() + PATIENCE
        while not noted("seen", token) and time.monotonic() < deadline:  # noqa: ASYNC110 - another process notes it
            await asyncio.sleep(0.01)
        yield "two "
        yield request.args["name"]

    return Response(pieces(), mimetype="text/plain")


@app.route("/stream/returned")
def returned_stream() -> Iterator[str]:
    """Return a generator itself."""
    return (piece for piece in ("one ", "two ", "three"))


@app.route("/stream/sync/boom")
def stream_boom() -> Response:
    """Fail in the middle of a body."""
    token = request.args["token"]

    def pieces() -> Iterator[str]:
        yield "one "
        raise RuntimeError(f"boom {token}")

    return Response(pieces(), mimetype="text/plain", headers={"Content-Length": "100"})


@app.route("/stream/async/boom")
async def async_stream_boom() -> Response:
    """Fail in the middle of a body that an async generator makes."""
    token = request.args["token"]

    async def pieces() -> AsyncIterator[str]:
        yield "one "
        await asyncio.sleep(0.001)
        raise RuntimeError(f"boom {token}")

    return Response(pieces(), mimetype="text/plain", headers={"Content-Length": "100"})


@app.route("/endless/sync")
def endless() -> Response:
    """Stream until the client goes away."""
    token = request.args["token"]

    def pieces() -> Iterator[bytes]:
        deadline = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < deadline:
                yield b"x" * 1000
                time.sleep(0.01)
            note("patience-lost", token)
        finally:
            note("closed", token)

    return Response(pieces(), mimetype="text/plain")


@app.route("/endless/async")
async def async_endless() -> Response:
    """Stream from an async generator until the client goes away."""
    token = request.args["token"]

    async def pieces() -> AsyncIterator[bytes]:
        deadline = time.monotonic() + PATIENCE
        try:
            while time.monotonic() < deadline:
                yield b"x" * 1000
                await asyncio.sleep(0.01)
            note("patience-lost", token)
        finally:
            note("closed", token)

    return Response(pieces(), mimetype="text/plain")


@app.route("/slow/async")
async def slow() -> str:
    """Wait for longer than the client does."""
    token = request.args["token"]
    note("started", token)
    try:
        await asyncio.sleep(PATIENCE)
    except asyncio.CancelledError:
        note("cancelled", token)
        raise
    note("patience-lost", token)
    return "slept"


@app.route("/in-flight")
def in_flight() -> str:
    """Answer only after the server was told to stop."""
    token = request.args["token"]
    note("started", token)
    wait_for_permission(token)
    return "finished"

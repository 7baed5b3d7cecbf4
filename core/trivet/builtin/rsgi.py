"""Granian's own protocol, spoken where that server is given no ``--interface``: RSGI, translated to ASGI.

https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

from typing import Any


def _address(text: str) -> tuple[str, int | None]:
    host, _, port = text.rpartition(":")
    return (host, int(port)) if port.isdigit() else (text, None)


def _scope(rsgi: Any, kind: str) -> dict[str, Any]:
    """Return the ASGI scope of a connection."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in rsgi.headers.items()]
    if rsgi.authority and not any(name == b"host" for name, _ in headers):
        headers.append((b"host", rsgi.authority.encode("latin-1")))
    secure = rsgi.scheme in ("https", "wss")
    scope = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": rsgi.http_version,
        "scheme": {"http": "https" if secure else "http", "websocket": "wss" if secure else "ws"}[kind],
        "path": rsgi.path,
        "query_string": rsgi.query_string.encode("latin-1"),
        "root_path": "",
        "headers": headers,
        "server": _address(rsgi.server),
        "client": _address(rsgi.client),
        "extensions": {},
    }
    if kind == "http":
        scope["method"] = rsgi.method
    return scope


class _HttpConnection:
    """One request: ASGI's two functions over RSGI's protocol object."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.read = False
        self.status = 500
        self.headers: list[tuple[str, str]] = []
        self.stream: Any = None

    async def receive(self) -> dict[str, Any]:
        if not self.read:
            self.read = True
            return {"type": "http.request", "body": await self.protocol(), "more_body": False}
        await self.protocol.client_disconnect()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"]]
            return
        body = message.get("body", b"")
        if self.stream is None and not message.get("more_body"):
            self.protocol.response_bytes(self.status, self.headers, body)
            return
        if self.stream is None:
            self.stream = self.protocol.response_stream(self.status, self.headers)
        if body:
            await self.stream.send_bytes(body)


class _SocketConnection:
    """One WebSocket connection: ASGI's two functions over RSGI's protocol object."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.transport: Any = None
        self.opened = False

    async def receive(self) -> dict[str, Any]:
        if not self.opened:
            self.opened = True
            return {"type": "websocket.connect"}
        message = await self.transport.receive()
        if message.kind == 0:
            return {"type": "websocket.disconnect", "code": 1005}
        return {"type": "websocket.receive", "bytes" if message.kind == 1 else "text": message.data}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.accept":
            self.transport = await self.protocol.accept()
        elif message["type"] == "websocket.close":
            self.protocol.close(message.get("code", 1000) if self.transport is not None else 403)
        elif message.get("text") is not None:
            await self.transport.send_str(message["text"])
        else:
            await self.transport.send_bytes(message["bytes"])


class Rsgi:
    """The built-in plugin: gives the application ``__rsgi__``, where Granian looks for it."""

    def __init__(self, app: Any) -> None:
        self.app = app
        # Granian looks before setup has ended, so these must be there from the beginning.
        app.__dict__.update(__rsgi__=self.serve, __rsgi_init__=self.init, __rsgi_del__=self.close)

    async def serve(self, scope: Any, protocol: Any) -> None:
        """Answer one connection."""
        if scope.proto == "http":
            http = _HttpConnection(protocol)
            await self.app.asgi(_scope(scope, "http"), http.receive, http.send)
        else:
            socket = _SocketConnection(protocol)
            await self.app.asgi(_scope(scope, "websocket"), socket.receive, socket.send)

    def init(self, loop: Any) -> None:
        """Run startup, before the first connection, on Granian's event loop."""
        loop.run_until_complete(self.app.start_on_loop())

    def close(self, loop: Any) -> None:
        """Run shutdown, after the last connection."""
        loop.run_until_complete(self.app.lifespan.stop_on_loop())

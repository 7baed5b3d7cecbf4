"""WebSocket connections under ASGI, walked through the same lifecycle as requests.

https://asgi.readthedocs.io/en/latest/specs/www.html#websocket
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

from werkzeug.exceptions import HTTPException, SecurityError

from ..hookspecs import hookimpl
from ..kernel.context import current
from ..kernel.environ import AsgiContext
from ..wrappers import Response

#: Close codes of RFC 6455, 7.4.1.
NORMAL, POLICY, FAILED = 1000, 1008, 1011


class Disconnect(ConnectionError):
    """The other side has closed the connection.

    :ivar code: the close code (RFC 6455, 7.4).
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"The client closed the WebSocket connection with code {code}.")
        self.code = code


class WebSocket:
    """One WebSocket connection; users reach it as ``websocket`` in a view declared with ``@app.websocket``.

    ::

        @app.websocket("/echo")
        async def echo():
            while True:
                await websocket.send(await websocket.receive())
    """

    def __init__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]
    ) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        #: Whether the handshake has been answered with yes.
        self.accepted = False
        #: Whether either side has closed the connection.
        self.closed = False

    @property
    def requested_subprotocols(self) -> list[str]:
        """The subprotocols that the client offered, in its order of preference."""
        return list(self.scope.get("subprotocols", ()))

    async def accept(self, subprotocol: str | None = None, headers: list[tuple[str, str]] | None = None) -> None:
        """Answer the handshake. :meth:`receive` and :meth:`send` do it by themselves if it has not been done.

        :param subprotocol: one of :attr:`requested_subprotocols`.
        """
        if self.accepted:
            return
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self.closed = True
            raise Disconnect(message.get("code", 1005))
        self.accepted = True
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers or ()]
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": raw})

    async def receive(self) -> str | bytes:
        """Wait for the next message: text or bytes, as the client sent it.

        :raises Disconnect: if the connection is closed.
        """
        await self.accept()
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self.closed = True
            raise Disconnect(message.get("code", 1005))
        text = message.get("text")
        return text if text is not None else message["bytes"]  # type: ignore[no-any-return]

    async def send(self, data: str | bytes) -> None:
        """Send one message, as text or as bytes by the type of ``data``."""
        await self.accept()
        if self.closed:
            raise Disconnect(1006)
        if isinstance(data, str):
            await self._send({"type": "websocket.send", "text": data})
        else:
            await self._send({"type": "websocket.send", "bytes": bytes(data)})

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close the connection; before :meth:`accept`, refuse the handshake."""
        if not self.closed:
            self.closed = True
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


class SocketContext(AsgiContext):
    """The context of a WebSocket connection."""

    on_loop = True
    is_websocket = True
    websocket: WebSocket

    @property
    def method(self) -> str:
        """The method of the handshake: ``GET`` (RFC 6455, 4.1)."""
        return "GET"


async def serve_websocket(app: Any, scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one WebSocket connection: route it, run its view, close it in every case."""
    for intake in app.intake:
        scope = intake.scope(scope)
    ctx = app.socket_context_class(app, scope)
    problem = ctx.own_path()
    ctx.headers = dict(scope["headers"])
    socket = ctx.websocket = WebSocket(scope, receive, send)
    token = current.set(ctx)
    error: BaseException | None = None
    try:
        if app.openers:
            ctx.opened()
        _admit(ctx)
        if problem is not None:
            ctx.refuse(problem)
        response = await ctx.plan.loop.handle(ctx)
        if ctx.plan.finish is not None:
            response = ctx.plan.finish(response, ctx)
        if not socket.accepted:
            await _refuse(ctx, socket, response)
        elif ctx.failures:
            await socket.close(POLICY if isinstance(ctx.error, HTTPException) else FAILED)
        else:
            await socket.close()
    except BaseException as raised:
        error = raised
        raise
    finally:
        failed = await ctx.aclose(error)
        if failed is not None:
            app.report(ctx, failed, "A teardown function failed")
        if app.leavers:
            ctx.left()
        current.reset(token)


def _admit(ctx: SocketContext) -> None:
    """Route a handshake."""
    app, host = ctx.app, ctx.header("host")
    if app.checks_requests and host is not None and not app.check_host(host):
        ctx.plan, ctx.routing_error = app.lost, SecurityError("The Host header is malformed or not trusted.")
    else:
        app.route_by_map(ctx, websocket=True)


def until_closed(view: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Response]]:
    """Wrap a WebSocket view: the client's leaving is a normal end, and the value is a response for the hooks."""

    async def run(**values: Any) -> Response:
        socket: WebSocket = cast(SocketContext, current.get()).websocket
        with suppress(Disconnect):
            await view(**values)
        if not socket.accepted and not socket.closed:
            await socket.close()
        return Response.light(b"", "text/plain; charset=utf-8")

    return run


async def _refuse(ctx: SocketContext, socket: WebSocket, response: Any) -> None:
    """Answer a handshake with an HTTP response where the server can, else with a bare refusal (403)."""
    if socket.closed:
        return
    socket.closed = True
    await socket._receive()
    if "websocket.http.response" not in ctx.scope.get("extensions", {}):
        await socket._send({"type": "websocket.close", "code": POLICY})
        return
    headers = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in response.headers.to_wsgi_list()]
    await socket._send({"type": "websocket.http.response.start", "status": response.status_code, "headers": headers})
    await socket._send({"type": "websocket.http.response.body", "body": response.get_data()})


class WebSockets:
    """The built-in plugin: answers WebSocket connections that come by ASGI."""

    def __init__(self, app: Any) -> None:
        app.socket_context_class = SocketContext

    @hookimpl
    def trivet_setup(self, app: Any) -> None:
        """Take over what the kernel refuses."""
        app.socket_view = until_closed
        app.serve_websocket = partial(serve_websocket, app)

"""The ASGI adapter: the async driver around the lifecycle, or one hop to a thread and the sync driver.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import contextvars
import io
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterable
from tempfile import SpooledTemporaryFile
from typing import Any

from werkzeug.exceptions import ClientDisconnected

from .context import current
from .environ import AsgiContext
from .http import SWALLOWED_BYTES, body_allowed, is_length, put_fields

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

#: Up to this many bytes a body that was read ahead stays in memory.
SPOOL_BYTES = 512 * 1024
_BODILESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"})
_NO_STREAM: Any = object()
_UNSTARTED: Any = object()


class Disconnected(Exception):
    """The client has gone before the answer was complete."""


def _cancelled() -> BaseException:
    from asyncio import CancelledError  # not at the top: an application under WSGI does without asyncio

    return CancelledError()


def make_asgi(app: Any) -> Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]:
    """Return the ASGI half of an application: a plain coroutine function, which servers recognise as one."""

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection: a request, a WebSocket, or the server's lifespan."""
        kind = scope["type"]
        if kind == "lifespan":
            await app.lifespan.serve(receive, send)
            return
        if not app.ready:
            await app.start_on_loop()
        if kind == "http":
            ctx = _admit(app, scope)
            headers = ctx.headers
            if (
                b"content-length" in headers
                or b"transfer-encoding" in headers
                or scope["method"] not in _BODILESS_METHODS
            ):
                await _read_ahead(ctx, receive)
            await (_on_loop if ctx.plan.on_loop else _in_thread)(app, ctx, receive, send)
        elif kind == "websocket":
            await app.serve_websocket(scope, receive, send)
        else:
            raise ValueError(f"{app.name!r} does not speak the ASGI protocol {kind!r}.")

    return asgi


def _admit(app: Any, scope: Scope) -> AsgiContext:
    for intake in app.intake:
        scope = intake.scope(scope)
    ctx: AsgiContext = app.asgi_context_class(app, scope)
    problem = None
    ctx._path = path = scope["path"]
    if scope.get("root_path") or not path.isascii():
        problem = ctx.own_path()
    headers = ctx.headers = dict(scope["headers"])
    host = headers.get(b"host")
    length = headers.get(b"content-length")
    app.admit(
        ctx,
        ctx._path,
        scope["method"],
        None if host is None or host in app.good_hosts else host.decode("latin-1"),
        None if length is None else length.decode("latin-1"),
    )
    if problem is not None and app.checks_requests:
        ctx.refuse(problem)
    return ctx


async def _read_ahead(ctx: AsgiContext, receive: Receive) -> None:
    """Read the body into memory or a spooled file, up to the limit; what is over it is noted, not kept."""
    length = ctx.headers.get(b"content-length")
    limit = ctx.app.config.get("MAX_CONTENT_LENGTH")
    if limit is not None and length is not None and is_length(length) and int(length) > limit:
        # Too large: whoever asks for the body is told so. A small one is swallowed, since many servers and proxies
        # lose an answer that comes while they are still sending.
        while int(length) <= SWALLOWED_BYTES and (await receive()).get("more_body"):
            pass
        return
    message = await receive()
    if message["type"] == "http.disconnect":
        ctx.refuse(ClientDisconnected())  # perhaps only the sending half of the connection is closed
        return
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        ctx.body = io.BytesIO(body)
        ctx.body_length = len(body)
        return
    ctx.body = spool = SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - closed with the context
    ctx.defer(spool.close)
    ctx.body_length = 0
    while True:
        ctx.body_length += len(body)
        if limit is not None and ctx.body_length > limit:
            break  # the rest stays unread: whoever asks for the body gets a 413
        spool.write(body)
        if not message.get("more_body", False):
            break
        message = await receive()
        if message["type"] == "http.disconnect":
            ctx.refuse(ClientDisconnected())
            return
        body = message.get("body", b"")
    spool.seek(0)


# -- on the loop


async def _on_loop(app: Any, ctx: AsgiContext, receive: Receive, send: Send) -> None:
    ctx.on_loop = True
    token = current.set(ctx)
    error: BaseException | None = None
    try:
        if app.openers:
            ctx.opened()
        if app.on_cookie and b"cookie" in ctx.headers:
            ctx.met_cookie()
        answer = _answer(app, ctx, send)
        try:
            waiting = answer.send(None)
        except StopIteration:
            pass  # most views end without waiting, and need nobody to look out for the client
        else:
            await _Watcher(answer, ctx, receive).drive(waiting)
    except Disconnected:
        error = ctx.error or _cancelled()
    except BaseException as raised:
        error = raised
        raise
    finally:
        if error is not None or ctx._deferred is not None or app.closers or ctx.failures:
            await _end(ctx, error)
        elif ctx._request is not None and "files" in ctx._request.__dict__:
            ctx._request.close()
        if app.leavers:
            ctx.left()
        current.reset(token)


async def _end(ctx: AsgiContext, error: BaseException | None) -> None:
    failed = await ctx.aclose(error)
    if failed is not None:
        ctx.app.report(ctx, failed, "A teardown function failed")


class _Watcher:
    """Drives a coroutine that waits, and looks out for the client.

    When the client goes, what the coroutine waits for is cancelled, as :meth:`asyncio.Task.cancel` would; the server's
    task, which may be of its own kind, is left alone.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None], ctx: AsgiContext, receive: Receive) -> None:
        self._coroutine = coroutine
        self._ctx = ctx
        self._receive = receive
        self._gone = self._pending = False
        self._waiting: Any = None

    @types.coroutine
    def drive(self, waiting: Any = _UNSTARTED) -> Generator[Any, Any, None]:
        """Run the coroutine to its end, from where it waits for ``waiting`` or from its beginning.

        :raises Disconnected: if the client has gone.
        """
        import asyncio

        coroutine = self._coroutine
        watcher = asyncio.get_running_loop().create_task(self._watch())
        try:
            if waiting is _UNSTARTED:
                waiting = coroutine.send(None)
            while True:
                self._waiting = waiting
                try:
                    answer = yield waiting
                except BaseException as error:
                    waiting = coroutine.throw(error)
                else:
                    if self._pending:
                        self._pending = False
                        waiting = coroutine.throw(asyncio.CancelledError())
                    else:
                        waiting = coroutine.send(answer)
        except StopIteration:
            pass
        except asyncio.CancelledError:
            if self._gone:
                raise Disconnected from None
            raise
        finally:
            watcher.cancel()

    async def _watch(self) -> None:
        """Wait for the client to go, then cancel the coroutine, unless the whole answer has been sent by then."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._ctx.sent:
            self._gone = True
            self._pending = self._waiting is None or not self._waiting.cancel()


# -- in a thread


async def _in_thread(app: Any, ctx: AsgiContext, receive: Receive, send: Send) -> None:
    workers = app.workers
    ctx.variables = contextvars.copy_context()
    job = workers.run(ctx.variables.run, _drive, app, ctx)
    try:
        response, error = await job
    except BaseException:  # the server cancels: nothing else comes out of a job
        response, _ = job.result()  # the thread has come to its end all the same
        if response is not None and not _is_buffered(response):
            await workers.run(ctx.variables.run, ctx.end)
        raise
    if error is not None:
        raise error
    if _is_buffered(response):
        ctx.variables = None  # in them is the context itself: a circle that only the collector can undo
        await _answer(app, ctx, send, response)
        return
    token = current.set(ctx)
    for variable, value in ctx.variables.items():
        variable.set(value)  # for an asynchronous body, which is made here on the loop
    try:
        await _Watcher(_send_response(ctx, response, send), ctx, receive).drive()
    except Disconnected:
        ctx.error = ctx.error or _cancelled()
    except BaseException as raised:
        ctx.error = raised
        raise
    finally:
        current.reset(token)
        await workers.run(ctx.variables.run, ctx.end, ctx.error)
        ctx.variables = None


def _drive(app: Any, ctx: AsgiContext) -> tuple[Any, BaseException | None]:
    """Run the lifecycle in a worker thread by the sync driver; end the context if nothing is left to send."""
    current.set(ctx)
    try:
        if app.openers:
            ctx.opened()
        if app.on_cookie and b"cookie" in ctx.headers:
            ctx.met_cookie()
        try:
            ctx.plan.sync.handle(ctx).send(None)
        except StopIteration as stop:
            response = stop.value
        else:
            raise RuntimeError("The lifecycle was suspended under the sync driver; a hook awaited without its bridge.")
        if ctx.plan.finish is not None:
            response = ctx.plan.finish(response, ctx)
    except BaseException as error:
        ctx.end(error)
        return None, error
    ctx.error = None
    if _is_buffered(response):
        ctx.end()
    return response, None


def _is_buffered(response: Any) -> bool:
    """Say whether nothing of the application runs any more once the lifecycle has ended."""
    return response._light or (isinstance(response._chunks, list) and not response._closers)


# -- sending


async def _answer(app: Any, ctx: AsgiContext, send: Send, response: Any = None) -> None:
    """Walk a request through its lifecycle, unless its response is given, and send the response."""
    if response is None:
        response = await ctx.plan.loop.handle(ctx)
        if (finish := ctx.plan.finish) is not None:
            response = finish(response, ctx)
    if not response._light:
        await (_send_buffered if _is_buffered(response) else _send_response)(ctx, response, send)
        return
    body = response._chunks[0]
    await send(
        {
            "type": "http.response.start",
            "status": response._status_code,
            "headers": [
                (b"content-type", response._type.encode("latin-1")),
                (b"content-length", b"%d" % len(body)),
                *(_encode(ctx.fields) if ctx.fields else ()),
            ],
        }
    )
    ctx.sent = True
    await send({"type": "http.response.body", "body": b"" if ctx.scope["method"] == "HEAD" else body})


async def _send_start(ctx: AsgiContext, response: Any, headers: Iterable[tuple[str, str]], send: Send) -> None:
    raw = _encode(put_fields(headers, ctx.fields) if ctx.fields else headers)
    await send({"type": "http.response.start", "status": response.status_code, "headers": raw})


def _encode(fields: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]


async def _send_buffered(ctx: AsgiContext, response: Any, send: Send) -> None:
    await _send_start(ctx, response, response.wire_headers(ctx), send)
    body = b"".join(response.iter_encoded()) if body_allowed(ctx.scope["method"], response.status_code) else b""
    ctx.sent = True
    await send({"type": "http.response.body", "body": body})


async def _send_response(ctx: AsgiContext, response: Any, send: Send) -> None:
    """Send a streamed response, or one that has something to close."""
    chunks = response._chunks
    if isinstance(chunks, (list, tuple)):
        await _send_buffered(ctx, response, send)
        await _close_response(ctx, response)
        return
    is_async = hasattr(chunks, "__aiter__")
    if is_async:
        response._chunks = ()  # so that Werkzeug, which knows only plain iterators, leaves it alone
    await _send_start(ctx, response, response.wire_headers(ctx, streamed=True), send)
    try:
        if not body_allowed(ctx.scope["method"], response.status_code):
            if hasattr(chunks, "aclose"):
                await chunks.aclose()
            ctx.sent = True
            await send({"type": "http.response.body", "body": b""})
        else:
            pieces = chunks.__aiter__() if is_async else _pieces(ctx, response.iter_encoded())
            await _send_pieces(ctx, pieces, send)
    finally:
        await _close_response(ctx, response)


async def _send_pieces(ctx: AsgiContext, pieces: AsyncIterator[Any], send: Send) -> None:
    try:
        async for piece in pieces:
            data = piece.encode() if isinstance(piece, str) else piece
            if data:
                await send({"type": "http.response.body", "body": data, "more_body": True})
    except Disconnected:
        raise
    except Exception as error:
        ctx.error = error
        ctx.app.report(ctx, error, "An exception ended a streamed body")
        raise
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
    ctx.sent = True
    await send({"type": "http.response.body", "body": b""})


async def _pieces(ctx: AsgiContext, source: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Iterate a plain iterable in worker threads, so that what blocks in it does not block the loop."""
    workers = ctx.app.workers
    variables = ctx.variables or contextvars.copy_context()
    iterator = iter(source)
    while True:
        piece = await workers.run(variables.run, next, iterator, _NO_STREAM)
        if piece is _NO_STREAM:
            return
        yield piece


async def _close_response(ctx: AsgiContext, response: Any) -> None:
    if not hasattr(response._chunks, "close") and not response._closers:
        return
    variables = ctx.variables or contextvars.copy_context()
    try:
        await ctx.app.workers.run(variables.run, response.close)
    except Exception as error:
        ctx.app.report(ctx, error, "Closing a response failed")

"""The WSGI adapter (:pep:`3333`): the sync driver around the lifecycle."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .context import current
from .http import Fields, body_allowed, put_fields

StartResponse = Callable[..., Any]


class WsgiSide:
    """The WSGI half of an application."""

    def wsgi_app(self: Any, environ: dict[str, Any], start_response: StartResponse) -> Any:
        """Answer one request. Middleware may be put around this: ``app.wsgi_app = Middleware(app.wsgi_app)``."""
        if not self.ready:
            self.start()
        if self.intake:
            for intake in self.intake:
                intake.environ(environ)
        ctx = self.wsgi_context_class(self, environ)
        token = current.set(ctx)
        try:
            if self.openers:
                ctx.opened()
            path, host, length = environ.get("PATH_INFO", ""), environ.get("HTTP_HOST"), environ.get("CONTENT_LENGTH")
            found = None
            if not length and host in self.good_hosts and (by_method := self.exact.get(path)) is not None:
                found = by_method.get(environ["REQUEST_METHOD"])
            if found is not None:  # what admit() does in the commonest case, without the call
                ctx.rule, ctx.plan = found
            else:
                self.admit(ctx, path if path.isascii() else None, environ["REQUEST_METHOD"], host, length)
            if self.on_cookie and "HTTP_COOKIE" in environ:
                ctx.met_cookie()
            try:
                ctx.plan.sync.handle(ctx).send(None)
            except StopIteration as stop:
                response = stop.value
            else:
                raise RuntimeError(
                    "The lifecycle was suspended under the sync driver; a hook awaited without its bridge."
                )
            if (finish := ctx.plan.finish) is not None:
                response = finish(response, ctx)
            if not response._light:
                return _deliver(ctx, response, start_response)
            body = response._chunks
            start_response(
                response._status,
                [("Content-Type", response._type), ("Content-Length", str(len(body[0]))), *ctx.fields],
            )
            if environ["REQUEST_METHOD"] == "HEAD":
                body = []
            if ctx._deferred is not None or self.closers or self.leavers or ctx.failures:
                ctx.end()
            elif ctx._request is not None and "files" in ctx._request.__dict__:
                ctx._request.close()
            return body
        except BaseException as error:
            ctx.end(error)
            raise
        finally:
            current.reset(token)


def _deliver(ctx: Any, response: Any, start_response: StartResponse) -> Any:
    """Send a response that is not light: with headers, without a body, streamed, or of a class of its own."""
    if ctx.fields:
        start_response = _starting(start_response, ctx.fields)
    if response._calls_itself:
        try:
            return response(ctx.environ, start_response)
        finally:
            ctx.end()
    chunks = response._chunks
    if isinstance(chunks, list) and response._plain and not response._closers:
        start_response(response._status, response.wire_headers(ctx))
        body = list(response.iter_encoded()) if body_allowed(ctx.method, response._status_code) else []
        ctx.end()
        return body
    if isinstance(chunks, (list, tuple)) or (response.direct_passthrough and not response._closers):
        body, status, headers = response.get_wsgi_response(ctx.environ)
        start_response(status, headers)
        try:
            if response.direct_passthrough or response._closers:
                return body  # the server may have a fast way to send this very object, and closes it at the end
            buffered = list(body)
            body.close()
            return buffered
        finally:
            ctx.end()
    if hasattr(chunks, "__anext__") or hasattr(chunks, "__aiter__"):
        response._chunks = ctx.app.loops.iterate(chunks.__aiter__())
    body, status, headers = response.get_wsgi_response(ctx.environ)
    start_response(status, headers)
    if not body_allowed(ctx.method, response.status_code):
        response.close()
        ctx.end()
        return ()
    return Streamed(ctx, body)


def _starting(start_response: StartResponse, fields: Fields) -> StartResponse:
    """Return a ``start_response`` that adds the context's own header fields."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return start_response(status, put_fields(headers, fields), *([exc_info] if exc_info else []))

    return start


class Streamed:
    """A streamed body: its context is active while each piece is made, and ends with it."""

    __slots__ = ("_body", "_ctx", "_error", "_iterator")

    def __init__(self, ctx: Any, body: Iterable[bytes]) -> None:
        self._ctx = ctx
        self._body = body
        self._iterator: Iterator[bytes] = iter(body)
        self._error: BaseException | None = None

    def __iter__(self) -> "Streamed":
        return self

    def __next__(self) -> bytes:
        token = current.set(self._ctx)
        try:
            return next(self._iterator)
        except StopIteration:
            raise
        except BaseException as error:
            self._error = error
            self._ctx.app.report(self._ctx, error, "An exception ended a streamed body")
            raise
        finally:
            current.reset(token)

    def close(self) -> None:
        """End the body and the context. Servers call this when the body has been sent or the client has gone."""
        ctx, self_body = self._ctx, self._body
        if ctx is None:
            return
        self._ctx = None
        token = current.set(ctx)
        try:
            try:
                close = getattr(self_body, "close", None)
                if close is not None:
                    close()
            except Exception as error:
                ctx.app.report(ctx, error, "Closing a streamed body failed")
            ctx.end(self._error)
        finally:
            current.reset(token)

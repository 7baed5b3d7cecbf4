"""What is known while one request, or one piece of work outside a request, goes on."""

from collections.abc import Callable, Iterator
from contextvars import ContextVar, Token
from inspect import isawaitable
from typing import Any, cast

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from .errors import OutsideContextError
from .stash import Stash

#: The innermost active context of the running thread or task.
current: "ContextVar[Context]" = ContextVar("trivet.context")

NO_REQUEST = (
    "Working outside of request context.\n\n"
    "This typically means that you tried to use something that needs an active HTTP request. In a test, put the code "
    "into `with app.test_request_context():`; in a thread of your own, see copy_current_request_context()."
)

_NO_DEFAULT: Any = object()
_new = object.__new__


class Context:
    """The context of work for an application; with a request behind it, of that request.

    Plugins add attributes with :meth:`trivet.kernel.core.Kernel.provide`; each is computed on first use. An
    application has context classes of its own for that, made when something is provided: a ``__getattr__`` here
    would slow down every read of every attribute.
    A context is active between :meth:`push` and :meth:`pop`, or inside a ``with`` block; in coroutines ``async with``
    awaits what its end has to wait for.
    """

    #: Whether there is a request.
    has_request = False
    #: Whether the request is the handshake of a WebSocket connection.
    is_websocket = False
    #: Whether it lies within another context of the same application, which then does the rest at its own end.
    within = False
    #: Whether coroutines are awaited (an asynchronous view under ASGI) rather than run through the bridge.
    on_loop = False

    #: The matched rule, or ``None``.
    rule: Rule | None = None
    #: The values of the rule's variables. The shared default is never handed out: see :meth:`own_view_args`.
    view_args: dict[str, Any] = {}  # noqa: RUF012
    #: Why no rule matched.
    routing_error: HTTPException | None = None
    #: What is done for the matched rule; see :class:`trivet.kernel.lifecycle.Plan`.
    plan: Any = None
    #: The exception that ended the context, while it is being closed.
    error: BaseException | None = None
    #: An exception that no error handler took, and that was answered with a 500.
    unhandled: BaseException | None = None
    #: How many exceptions this request has been answered for.
    failures = 0

    _request: Any = None
    _g: Any = None
    _stash: Stash | None = None
    _deferred: "list[tuple[Callable[..., Any], tuple[Any, ...]]] | None" = None
    _tokens: "list[Token[Context]] | None" = None
    #: Whether it was active already when it was first pushed, so that somebody else ends it.
    _served = False
    #: Functions ``(response) -> response`` for this request only, run before the hooks.
    after: "list[Callable[[Any], Any]] | None" = None
    #: Functions ``(response) -> None`` for this request only, run after every hook.
    last: "list[Callable[[Any], Any]] | None" = None

    def __init__(self, app: Any) -> None:
        self.app = app

    @property
    def request(self) -> Any:
        """The request.

        :raises OutsideContextError: here, where there is none.
        """
        raise OutsideContextError(NO_REQUEST)

    @property
    def g(self) -> Any:
        """The context's free namespace."""
        found = self._g
        if found is None:
            found = self._g = self.app.namespace_class()
        return found

    @g.setter
    def g(self, value: Any) -> None:
        self._g = value

    @property
    def stash(self) -> Stash:
        """Typed storage for plugins."""
        found = self._stash
        if found is None:
            found = self._stash = Stash()
        return found

    def own_view_args(self) -> dict[str, Any]:
        """Return :attr:`view_args` as a dictionary that may be changed."""
        if "view_args" not in self.__dict__:
            self.view_args = {}
        return self.view_args

    @property
    def endpoint(self) -> str | None:
        """The endpoint of the matched rule."""
        return self.rule.endpoint if self.rule is not None else None

    def defer(self, function: Callable[..., Any], *args: Any) -> None:
        """Call ``function(*args)`` when the context ends: after a streamed body, in reverse order, whatever else fails.

        A coroutine function is awaited, or run through the bridge.
        """
        if self._deferred is None:
            self._deferred = []
        self._deferred.append((function, args))

    def push(self) -> None:
        """Make this the active context."""
        if not self._tokens:
            self._tokens = []
            self._served = current.get(None) is self
        self._tokens.append(current.set(self))
        if len(self._tokens) == 1 and not self._served:
            self.opened()

    def pop(self, error: BaseException | None = None) -> None:
        """Leave the context; the last of several leaves ends it.

        :raises RuntimeError: if another context was pushed later and is still active.
        """
        ending = self._is_ending()
        self._leave(ending, self.close(error) if ending else None)

    def _is_ending(self) -> bool:
        if not self._tokens or current.get(None) is not self:
            raise RuntimeError(f"This context ({self!r}) cannot be left: the innermost one is {current.get(None)!r}.")
        return len(self._tokens) == 1 and not self._served

    def _leave(self, ending: bool, failed: BaseException | None) -> None:
        current.reset(cast("list[Token[Context]]", self._tokens).pop())
        if ending:
            self.left()
        if failed is not None:
            raise failed

    def opened(self) -> None:
        """Tell those who want to know that the context has become active."""
        for opener in self.app.openers:
            opener(self)

    def left(self) -> None:
        """Tell those who want to know that the context has ended."""
        for leaver in self.app.leavers:
            leaver(self)

    def __enter__(self) -> "Context":
        self.push()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.pop(error)

    async def __aenter__(self) -> "Context":
        self.on_loop = True
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        ending = self._is_ending()
        self._leave(ending, await self.aclose(error) if ending else None)

    def _work(self, error: BaseException | None) -> Iterator[Any]:
        """Do the cleanup step by step; yields what a step returned, for the driver to await."""
        self.error = error
        while self._deferred:
            function, args = self._deferred.pop()
            yield lambda: function(*args)  # noqa: B023 - called at once
        if self._request is not None:
            yield self._request.close
        for closer in self.app.closers:
            yield lambda: closer(self, error)  # noqa: B023
        while self._deferred:
            function, args = self._deferred.pop()
            yield lambda: function(*args)  # noqa: B023

    async def _close(self, error: BaseException | None, settle: Callable[[Any], Any]) -> BaseException | None:
        failed: BaseException | None = None
        for step in self._work(error):
            try:
                waiting = step()
                if isawaitable(waiting):
                    await settle(waiting)
            except Exception as raised:
                failed = failed or raised
        return failed

    def _is_idle(self) -> bool:
        if self._deferred is not None or self.app.closers:
            return False  # otherwise there is nothing but perhaps the files of an uploaded form
        if self._request is not None:
            self._request.close()
        return True

    def close(self, error: BaseException | None = None) -> BaseException | None:
        """Do the cleanup; every step of it. Return the first exception that a step raised."""
        if self._is_idle():
            self._forget_errors()
            return None
        try:
            self._close(error or self.unhandled, self.app.loops.settle).send(None)
        except StopIteration as stop:
            self._forget_errors()
            return cast(BaseException | None, stop.value)
        raise RuntimeError("The cleanup was suspended under the sync driver.")

    async def aclose(self, error: BaseException | None = None) -> BaseException | None:
        """Like :meth:`close`, awaiting what can be awaited."""
        failed = None if self._is_idle() else await self._close(error or self.unhandled, lambda waiting: waiting)
        self._forget_errors()
        return failed

    def end(self, error: BaseException | None = None) -> None:
        """Close on behalf of a server; what goes wrong is reported, the answer stands."""
        failed = self.close(error)
        if self.app.leavers:
            self.left()
        if failed is not None:
            self.app.report(self, failed, "A teardown function failed")

    def _forget_errors(self) -> None:
        if self.failures:  # tracebacks lead back here: a circle that only the collector can undo
            self.error = self.unhandled = None


class RequestContext(Context):
    """The context of one request, whatever protocol it came by."""

    has_request = True
    #: Header fields that the answer is sent with, whatever it is: in place of those of their names, ``Vary`` beside
    #: what it says already. They are not the response's own, which a view may return for other requests too.
    fields: tuple[tuple[str, str], ...] = ()
    #: The WSGI environ, or its translation.
    environ: dict[str, Any]

    def __init__(self, app: Any, environ: dict[str, Any]) -> None:
        self.app = app
        self.environ = environ
        # What every request asks for is sooner found in the instance than in the class.
        self._request = self._deferred = self.after = self.last = None

    @property
    def method(self) -> str:
        """The request method, in capital letters."""
        return self.environ["REQUEST_METHOD"]  # type: ignore[no-any-return]

    @property
    def path(self) -> str:
        """The path below the application's prefix, decoded."""
        raw: str = self.environ.get("PATH_INFO", "")
        if raw[:1] == "/" and raw[1:2] != "/" and raw.isascii():
            return raw
        return self.request.path  # type: ignore[no-any-return]

    def met_cookie(self) -> None:
        """Tell those who want to know that the request has a ``Cookie`` header."""
        for function in self.app.on_cookie:
            function(self)

    def header(self, name: str) -> str | None:
        """Return one request header, or ``None``; several of one name come joined by commas."""
        return self.environ.get(_ENVIRON_KEYS[name])

    @property
    def request(self) -> Any:
        """The request object, made on first use by the application's ``request_class``."""
        request = self._request
        if request is None:
            request = self._request = self._make_request()
        return request

    @request.setter
    def request(self, value: Any) -> None:
        self._request = value

    def _make_request(self) -> Any:
        cls = self.app.request_class
        if not getattr(cls, "reads_source", False):
            return self._complete(cls(self.environ))
        request = _new(cls)
        # Its constructor would put the request into the environ: a circle that only the collector can undo.
        request.environ = self.environ
        return self._complete(request)

    def _complete(self, request: Any) -> Any:
        """Tell a new request what is known about it."""
        request.config = self.app.config
        if self.rule is not None:
            request.url_rule = self.rule
            request.view_args = self.view_args or self.own_view_args()
        elif self.routing_error is not None:
            request.routing_exception = self.routing_error
        return request

    def tell_request(self) -> None:
        """Copy the outcome of routing to the request, if there is one already."""
        if self._request is not None:
            self._request.routing_exception = self.routing_error
            if self.rule is not None:
                self._request.url_rule, self._request.view_args = self.rule, self.own_view_args()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.request.url!r} [{self.method}] of {self.app.name}>"

    @property
    def url_adapter(self) -> Any:
        """What builds and matches URLs for this request; ``None`` where the host is not usable."""
        found = self.__dict__.get("_adapter", _NO_DEFAULT)
        if found is _NO_DEFAULT:
            found = self.__dict__["_adapter"] = self.app.create_url_adapter(self.request)
        return found

    @url_adapter.setter
    def url_adapter(self, value: Any) -> None:
        self.__dict__["_adapter"] = value


class _EnvironKeys(dict[str, str]):
    """The keys of header names in an environ, made on first use, up to a bound; quicker than a cached function."""

    def __missing__(self, name: str) -> str:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key
        if len(self) < 256:
            self[name] = key
        return key


_ENVIRON_KEYS = _EnvironKeys()

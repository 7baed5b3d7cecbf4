"""The proxies: ``request``, ``g``, ``session``, ``current_app``, ``websocket`` of the active context."""

from collections.abc import Callable
from typing import Any

from werkzeug.local import LocalProxy

from .app import Trivet
from .builtin.json import Request
from .builtin.sessions import SessionMixin
from .builtin.websockets import WebSocket
from .kernel.context import NO_REQUEST, Context, current
from .kernel.errors import OutsideContextError
from .wrappers import Namespace

_get = current.get

NO_APP = (
    "Working outside of application context.\n\n"
    "This typically means that you tried to use something that needs an application which is handling a request or "
    "running a command. Put the code into `with app.app_context():`, or call it from a view."
)


def request_context() -> Any:
    """Return the active context of a request.

    :raises OutsideContextError: if there is none.
    """
    ctx = _get(None)
    if ctx is None or not ctx.has_request:
        raise OutsideContextError(NO_REQUEST)
    return ctx


def app_context() -> Context:
    """Return the active context: of a request, a command or a block of code.

    It is what hooks get as ``ctx``: with ``stash`` for a plugin's own, and ``defer()`` for what is done at its end.

    :raises OutsideContextError: if there is none.
    """
    ctx = _get(None)
    if ctx is None:
        raise OutsideContextError(NO_APP)
    return ctx


def _current_app() -> Any:
    return app_context().app


def _current_g() -> Any:
    return app_context().g


def _current_request() -> Any:
    try:
        ctx = _get()
    except LookupError:
        raise OutsideContextError(NO_REQUEST) from None
    return ctx._request or ctx.request


def _current_session() -> Any:
    return request_context().session


def _current_websocket() -> Any:
    return request_context().websocket


def _proxy(read: Callable[[], Any]) -> Any:
    """Return a proxy of what ``read()`` returns, whose public attributes are read straight from there.

    Werkzeug's class looks for each on the proxy first, in vain, which costs more than most attributes do.
    """

    class Proxy(LocalProxy[Any]):
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            if name[:1] == "_":
                return super().__getattribute__(name)
            return getattr(read(), name)

    Proxy.__name__ = LocalProxy.__name__  # it is what people know, and what an unbound one calls itself
    return Proxy(read)


#: The application of the active context.
current_app: Trivet = _proxy(_current_app)
#: The free namespace of the active context.
g: Namespace = _proxy(_current_g)
#: The request of the active context.
request: Request = _proxy(_current_request)
#: The session of the active request.
session: SessionMixin = _proxy(_current_session)
#: The WebSocket connection of the active context.
websocket: WebSocket = _proxy(_current_websocket)


def has_request_context() -> bool:
    """Say whether a request is active."""
    ctx = _get(None)
    return ctx is not None and ctx.has_request


def has_app_context() -> bool:
    """Say whether any context is active."""
    return _get(None) is not None

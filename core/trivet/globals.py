"""The proxies: ``request``, ``g``, ``session``, ``current_app``, ``websocket`` of the active context."""

from typing import Any, cast

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
    """Return the active context.

    :raises OutsideContextError: if there is none.
    """
    ctx = _get(None)
    if ctx is None:
        raise OutsideContextError(NO_APP)
    return ctx


class AppProxy(LocalProxy[Any]):
    """A proxy whose attribute reads go straight to the active context's application."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(_get().app, name)
        except LookupError:
            raise OutsideContextError(NO_APP) from None


class RequestProxy(LocalProxy[Any]):
    """A proxy whose attribute reads go straight to the active context's request."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            ctx = _get()
        except LookupError:
            raise OutsideContextError(NO_REQUEST) from None
        return getattr(ctx._request or ctx.request, name)


#: The application of the active context.
current_app: Trivet = cast(Trivet, AppProxy(lambda: app_context().app))
#: The free namespace of the active context.
g: Namespace = cast(Namespace, LocalProxy(lambda: app_context().g))
#: The request of the active context.
request: Request = cast(Request, RequestProxy(lambda: request_context().request))
#: The session of the active request.
session: SessionMixin = cast(SessionMixin, LocalProxy(lambda: request_context().session))
#: The WebSocket connection of the active context.
websocket: WebSocket = cast(WebSocket, LocalProxy(lambda: request_context().websocket))


def has_request_context() -> bool:
    """Say whether a request is active."""
    ctx = _get(None)
    return ctx is not None and ctx.has_request


def has_app_context() -> bool:
    """Say whether any context is active."""
    return _get(None) is not None

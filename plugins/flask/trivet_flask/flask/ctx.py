"""``flask.ctx``: contexts of applications and requests."""

from typing import Any

from trivet.globals import has_app_context, has_request_context
from trivet.helpers import after_this_request, copy_current_request_context
from trivet.kernel.context import Context, current
from trivet.kernel.context import RequestContext as TrivetRequestContext
from trivet.kernel.environ import AsgiContext
from trivet.wrappers import Namespace

__all__ = [
    "AppContext",
    "RequestContext",
    "_AppCtxGlobals",
    "after_this_request",
    "copy_current_request_context",
    "has_app_context",
    "has_request_context",
]


class _AppCtxGlobals(Namespace):
    """The free namespace ``g``."""

    def __repr__(self) -> str:
        ctx = current.get(None)
        return f"<flask.g of {ctx.app.name!r}>" if ctx is not None else object.__repr__(self)


def _adopt(ctx: Any) -> None:
    """Let a request within a context of the same application share that one's ``g``, and leave its end to it."""
    outer = current.get(None)
    ctx.within = outer is not None and outer is not ctx and outer.app is ctx.app
    if ctx.within:
        ctx.g = outer.g  # type: ignore[union-attr]
        ctx.outer = app_side(outer)


def app_side(ctx: Any) -> Any:
    """Return the context that is the application's while ``ctx`` is active: the one a request lies in, or itself.

    Extensions key what they keep for an application's context by it.
    """
    return getattr(ctx, "outer", None) or ctx


class AppContext(Context):
    """The context of work for an application."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)

    def pop(self, exc: BaseException | None = None) -> None:
        """Leave the context."""
        super().pop(exc)

    @property
    def url_adapter(self) -> Any:
        """What builds URLs without a request; ``None`` unless ``SERVER_NAME`` is set."""
        return self.app.create_url_adapter(None)


class _Request:
    """What both kinds of request contexts have beyond Trivet's."""

    #: The context of the application that this one lies in, if that was there before.
    outer: Any = None

    def push(self: Any) -> None:
        """Make this the active context; open its session."""
        if not self._tokens:
            _adopt(self)
        super().push()  # type: ignore[misc]

    def pop(self: Any, exc: BaseException | None = None) -> None:
        """Leave the context; the last of several leaves ends it."""
        super().pop(exc)  # type: ignore[misc]

    @property
    def _session(self: Any) -> Any:
        """The session, without looking at it."""
        found = self.__dict__.get("session")
        if found is None:
            found = self.app.open_session_quietly(self)
        return found

    @_session.setter
    def _session(self: Any, value: Any) -> None:
        self.__dict__["session"] = value

    @property
    def _after_request_functions(self: Any) -> list[Any]:
        found: list[Any] | None = self.after
        if found is None:
            found = self.__dict__["after"] = []
        return found

    @property
    def flashes(self: Any) -> Any:
        """Kept for those who look for it."""
        return None

    def match_request(self: Any) -> None:
        """Route the request by :attr:`url_adapter`."""
        self.app.route_by_map(self)

    def copy(self: Any) -> Any:
        """Return a context of the same request, for another thread or greenlet."""
        return type(self)(self.app, self.environ, request=self.request, session=self.__dict__.get("session"))


class RequestContext(_Request, TrivetRequestContext):
    """The context of a request that came by WSGI.

    :param request: the request, if it is there already.
    :param session: the session, if it is open already.
    """

    def __init__(self, app: Any, environ: dict[str, Any], request: Any = None, session: Any = None) -> None:
        super().__init__(app, environ)
        if current.get(None) is not None:
            _adopt(self)
        if request is not None:
            self._request = request
        if session is not None:
            self.__dict__["session"] = session
        if request is not None:
            self.app.seal_for("by a request context")
            self.rule = request.url_rule
            if self.rule is not None:
                self.view_args = request.view_args or {}
                self.plan = self.app.plan_for(self.rule, self.method)
            else:
                self.plan, self.routing_error = self.app.lost, request.routing_exception


class AsgiRequestContext(_Request, AsgiContext):
    """The context of a request that came by ASGI."""

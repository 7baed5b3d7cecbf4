"""``flask.globals``: the proxies, and the variables behind them."""

from contextvars import Token
from typing import Any

from werkzeug.local import LocalProxy

from trivet.globals import NO_APP, app_context, current_app, g, request, request_context, session
from trivet.kernel.context import NO_REQUEST, current

from .ctx import app_side

__all__ = ["app_ctx", "current_app", "g", "request", "request_ctx", "session"]

_UNSET: Any = object()
_no_app_msg = NO_APP
_no_req_msg = NO_REQUEST


class _Variable:
    """Stands for one of Flask's two context variables; here one variable holds both contexts."""

    def __init__(self, needs_request: bool) -> None:
        self._needs_request = needs_request

    def get(self, default: Any = _UNSET) -> Any:
        """Return the active context.

        :raises LookupError: if there is none, and no default.
        """
        found = current.get(None)
        if found is not None and (found.has_request or not self._needs_request):
            return found if self._needs_request else app_side(found)
        if default is _UNSET:
            raise LookupError(self)
        return default

    def set(self, value: Any) -> Token[Any]:
        """Make a context the active one."""
        return current.set(value)

    def reset(self, token: Token[Any]) -> None:
        """Take back what :meth:`set` did."""
        current.reset(token)


_cv_app = _Variable(needs_request=False)
_cv_request = _Variable(needs_request=True)

#: The active context of an application.
app_ctx: Any = LocalProxy(lambda: app_side(app_context()))
#: The active context of a request.
request_ctx: Any = LocalProxy(request_context)

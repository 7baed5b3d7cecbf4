"""``current_user``: who is asking, as a proxy."""

from typing import Any

from werkzeug.local import LocalProxy

from trivet import current_context, has_app_context

from .resolving import identity_in


def user_in(realm: str | None = None) -> Any:
    """Return the current user, of one realm or that of the view; ``None`` where there is no request."""
    if not has_app_context():
        return None
    ctx: Any = current_context()
    if not ctx.has_request:
        return None
    return ctx.identity.user if realm is None else identity_in(ctx, realm).user


def proxy(realm: str | None = None) -> Any:
    """Return a proxy of the current user, of one realm or that of the view."""
    return LocalProxy(lambda: user_in(realm))


#: The current user: the application's own object, or the anonymous one. See :class:`trivet_auth.LoginManager` for one
#: that type checkers know.
current_user: Any = proxy()

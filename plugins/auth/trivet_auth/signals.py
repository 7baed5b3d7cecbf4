"""What happens to people, as signals; each is sent with the application."""

from typing import Any

from blinker import Namespace

_signals = Namespace()

#: Somebody has signed in. ``user``.
user_logged_in = _signals.signal("logged-in")
#: Somebody has signed out; ``current_user`` is still who that was. ``user``.
user_logged_out = _signals.signal("logged-out")
#: Somebody was known by a remember-me cookie. ``user``.
user_loaded_from_cookie = _signals.signal("loaded-from-cookie")
#: Somebody was known by the application's request loader. ``user``.
user_loaded_from_request = _signals.signal("loaded-from-request")
#: Somebody has confirmed who they are, so that the session is fresh.
user_login_confirmed = _signals.signal("login-confirmed")
#: Somebody unknown was refused.
user_unauthorized = _signals.signal("unauthorized")
#: Somebody whose session is not fresh was refused.
user_needs_refresh = _signals.signal("needs-refresh")
#: It is about to be found out who is asking: once for each request and realm, when somebody wants to know.
user_accessed = _signals.signal("accessed")
#: A session came from another browser or address than before.
session_protected = _signals.signal("session-protected")


def send(ctx: Any, signal: Any, **values: Any) -> None:
    """Send a signal, if somebody listens."""
    if signal.receivers:
        signal.send(ctx.app, _async_wrapper=ctx.app.ensure_sync, **values)

"""Sessions: data of one browser, opened when somebody looks at it and saved at the end of the request."""

from collections.abc import Callable
from functools import partial
from typing import Any

from werkzeug.wrappers import Request as WerkzeugRequest

from ..hookspecs import hookimpl
from ..kernel.chains import Bridge, never_blocks, specialised
from ..kernel.errors import OutsideContextError
from .session_interface import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionInterface,
    SessionMixin,
    find_cookie,
    session_json_serializer,
)

__all__ = [
    "NullSession",
    "SecureCookieSession",
    "SecureCookieSessionInterface",
    "SessionInterface",
    "SessionMixin",
    "Sessions",
    "session_json_serializer",
]

#: A key below this many characters is warned of.
_SHORT_KEY = 16


class Sessions:
    """The built-in plugin: gives every request its session, opened when somebody first looks at it.

    :param app: an application with ``session_interface``, ``signing`` and ``permanent_session_lifetime``.
    """

    name = "sessions"

    def __init__(self, app: Any) -> None:
        self._app = app
        app.provide("session", self.open)

    def open(self, ctx: Any) -> Any:
        """Open the session because somebody looks at it: the value of ``ctx.session``.

        :raises OutsideContextError: if there is no request.
        """
        if not ctx.has_request:
            raise OutsideContextError(
                "There is no session here: it belongs to a request, and the active context has none. In a "
                "test, use app.test_request_context() or a client."
            )
        session = self._open(ctx)
        session.accessed = True
        # The answer to a WebSocket handshake is gone before its view could change anything.
        if not ctx.is_websocket:
            self.save_later(ctx)
        return session

    def _open(self, ctx: Any) -> Any:
        call = self._app.chain("trivet_open_session", ("ctx",)).call
        if call is None:
            raise RuntimeError(
                "There is no session: the plugin 'sessions' is disabled, and no other one implements "
                "trivet_open_session."
            )
        session = call(ctx)
        return self._app.session_interface.make_null_session(self._app) if session is None else session

    def save_later(self, ctx: Any) -> Any:
        """Have :meth:`finish` called at the end of the request, once; return all that is called there."""
        state = ctx.__dict__
        last = state.get("last")
        if "_session_saver" not in state:
            state["_session_saver"] = True
            saver = partial(self.finish, ctx)
            if last is None:
                last = state["last"] = [saver]
            else:
                last.append(saver)
        return last

    @hookimpl(trylast=True)
    @never_blocks
    @specialised("bind_after_request")
    def trivet_after_request(self, ctx: Any, response: Any) -> None:
        """See to it that a session which nobody has looked at is refreshed, if it is due."""
        run = self.bind_after_request((), None)
        if run is not None:
            run(ctx, response)

    def bind_after_request(self, scopes: tuple[str, ...], bridge: Bridge | None) -> Callable[..., None] | None:
        """Return what has a look at every request: nothing where no session can be due.

        A permanent session is refreshed by every request that carries its cookie; an interface that is not lazy is
        always asked.
        """
        app = self._app
        lazy = app.session_interface.lazy
        refreshes = lazy and app.config["SESSION_REFRESH_EACH_REQUEST"] and app.signing.available
        app.on_cookie = (self.save_if_due,) if refreshes else ()
        return None if lazy else lambda ctx, response: self.save_later(ctx)

    def save_if_due(self, ctx: Any) -> None:
        """Save the session at the end of the request if its cookie may belong to a permanent one."""
        app = self._app
        try:
            interface = app.session_interface
            token = find_cookie(ctx.header("Cookie"), interface.get_cookie_name(app))
            if token and interface.may_be_permanent(token):
                self.save_later(ctx)
        except Exception as error:
            app.report(ctx, error, "The session's cookie could not be looked at")

    def finish(self, ctx: Any, response: Any) -> None:
        """Save the session, at the very end of a request."""
        app = self._app
        session = ctx.__dict__.get("session")
        if session is None:
            session = ctx.__dict__["session"] = self._open(ctx)
        if app.session_interface.is_null_session(session):
            return
        save = app.chain("trivet_save_session", ("ctx", "session", "response")).call
        if save is not None:
            save(ctx, session, response)

    @hookimpl(trylast=True)
    def trivet_open_session(self, ctx: Any) -> Any:
        """Open the session by the application's interface."""
        app = self._app
        interface = app.session_interface
        if _is_stock(interface) and app.request_class.cookies is WerkzeugRequest.cookies:
            # The cookie can be read without a request object.
            token = find_cookie(ctx.header("Cookie"), interface.get_cookie_name(app))
            return interface.open_token(app, token)
        return interface.open_session(app, ctx.request)

    @hookimpl(trylast=True)
    def trivet_save_session(self, ctx: Any, session: Any, response: Any) -> bool:
        """Save the session by the application's interface."""
        self._app.session_interface.save_session(self._app, session, response)
        return True

    @hookimpl
    def trivet_describe(self, app: Any) -> list[str]:
        """Say what is wrong with the keys and the cookie's attributes."""
        if not app.signing.available:
            return ["warning: SECRET_KEY is not set, so that sessions cannot be written."]
        lines = []
        if len(app.secret_key) < _SHORT_KEY:
            lines.append(f"warning: SECRET_KEY is shorter than {_SHORT_KEY} characters; a short key can be guessed.")
        samesite = app.session_interface.get_cookie_samesite(app)
        if samesite is not None and samesite.lower() == "none" and not app.config["SESSION_COOKIE_SECURE"]:
            lines.append("warning: browsers drop a SameSite=None cookie unless SESSION_COOKIE_SECURE is true.")
        return lines


def _is_stock(interface: Any) -> bool:
    own = getattr(interface.open_session, "__func__", None)
    return own is SecureCookieSessionInterface.open_session

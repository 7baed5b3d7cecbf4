"""Signing in and out: what changes in a session, and who is told."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from trivet import current_context, has_request_context

from . import signals
from .identity import Identity
from .manager import LoginManager
from .resolving import AT, REMEMBERED, identity_in, realm_name, session_name, set_identity
from .state import Auth
from .telling import tell


def _request_context() -> Any:
    if not has_request_context():
        raise RuntimeError(
            "Signing in and out belongs to a request, and none is active. In a test, use a client or "
            "`with app.test_request_context():`."
        )
    return current_context()


def _realm(ctx: Any, name: str | None) -> LoginManager[Any]:
    return Auth.of(ctx.app).realm(realm_name(ctx) if name is None else name)  # type: ignore[no-any-return]


def login_user(
    user: Any,
    remember: bool = False,
    duration: timedelta | float | None = None,
    force: bool = False,
    fresh: bool = True,
    *,
    realm: str | None = None,
    method: str = "session",
) -> bool:
    """Sign somebody in. The session begins anew: nothing that was in it before is there any more.

    What stays is ``[auth] keep``, and what this very request has flashed. See to it that the person is who they say
    before you look at anything else of the account::

        if auth.passwords.verify(user.password_hash if user else None, form["password"]).ok:
            login_user(user, remember=True)

    :param remember: whether this browser is to be remembered after it was closed.
    :param duration: for how long, instead of ``REMEMBER_COOKIE_DURATION`` or ``[auth] remember_lifetime``: seconds, or
        a :class:`~datetime.timedelta`.
    :param force: sign in even a user whose ``is_active`` is false, for as long as the session lasts.
    :param fresh: whether the person has just proved who it is.
    :param realm: the realm the user is of; that of the view by default.
    :param method: how the person has proved it, for the log and lists of sessions.
    :return: whether the user is signed in; ``False`` if the account is not active.
    :raises ValueError: the user has no identifier.
    """
    if not force and not user.is_active:
        return False
    user = getattr(user, "_get_current_object", lambda: user)()
    ctx = _request_context()
    manager = _realm(ctx, realm)
    manager.enter(
        ctx, user, fresh=fresh, method=method, forced=not user.is_active, remembered=True if remember else None
    )
    if remember:
        manager.remember(ctx, user, duration)
    else:
        manager.forget_others(ctx, user)
    at = ctx.session[session_name(AT, manager.realm)]
    identity = Identity(user, manager.realm, "session", fresh, None, at)
    set_identity(ctx, identity)
    Auth.of(ctx.app).event("login", ctx, manager.realm, user, method=method, remember=remember)
    signals.send(ctx, signals.user_logged_in, user=user)
    tell(ctx.app, ctx, "trivet_auth_logged_in", ctx=ctx, identity=identity)
    return True


def logout_user(*, realm: str | None = None) -> bool:
    """Sign out: the session begins anew, and this browser is remembered no more. Returns ``True``."""
    ctx = _request_context()
    manager = _realm(ctx, realm)
    identity = identity_in(ctx, manager.realm)
    manager.leave(ctx)
    manager.forget(ctx)
    if identity.known:
        Auth.of(ctx.app).event("logout", ctx, manager.realm, identity.user)
    signals.send(ctx, signals.user_logged_out, user=identity.user)
    set_identity(ctx, Identity(manager.anonymous_user(), manager.realm))
    if identity.known:
        tell(ctx.app, ctx, "trivet_auth_logged_out", ctx=ctx, identity=identity)
    return True


def confirm_login(*, realm: str | None = None) -> None:
    """Note that the person has just proved again who it is: the session is fresh, and gets another identifier.

    Where nobody is signed in by a session, it does nothing.
    """
    ctx = _request_context()
    manager = _realm(ctx, realm)
    identity = identity_in(ctx, manager.realm)
    if identity.method not in ("session", "remember"):
        return
    manager.confirm(ctx, identity.user)
    at = ctx.session[session_name(AT, manager.realm)]
    set_identity(ctx, replace(identity, method="session", fresh=True, at=at, credential=""))
    Auth.of(ctx.app).event("login.confirmed", ctx, manager.realm, identity.user)
    signals.send(ctx, signals.user_login_confirmed)


def login_fresh(*, realm: str | None = None) -> bool:
    """Tell whether the person has signed in in this session, instead of being remembered."""
    ctx = _request_context()
    return identity_in(ctx, _realm(ctx, realm).realm).fresh


def login_remembered(*, realm: str | None = None) -> bool:
    """Tell whether this browser is remembered for who has signed in, so that they are known when it was closed."""
    ctx = _request_context()
    manager = _realm(ctx, realm)
    identity = identity_in(ctx, manager.realm)
    if identity.method not in ("session", "remember") or manager.remember_cookie(ctx) is None:
        return False
    return bool(ctx.session.get(session_name(REMEMBERED, manager.realm)))


def set_login_view(login_view: str, blueprint: Any = None) -> None:
    """Say where people are sent who have not signed in, for all views or those of a blueprint."""
    auth = Auth.of(current_context().app)
    if blueprint is None:
        auth.realm("default").login_view = login_view
    else:
        auth.realm_of((blueprint.name,)).blueprint_login_views[blueprint.name] = login_view

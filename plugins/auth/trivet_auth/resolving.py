"""Who is asking: found out once for each request and realm, when somebody wants to know."""

import time
from dataclasses import replace
from typing import Any, NamedTuple

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from trivet import StashKey, current_context

from . import signals
from .driving import Driver, InPlace, OnLoop, Plain, run
from .errors import AuthConfigError
from .identity import Identity
from .sessions import StoredSessions, is_owned, key_of, own
from .state import Auth
from .users import stamp_of

#: Who is asking, by realm, as somebody wanted to know; and what was found out before.
_FOUND = StashKey[dict[str, Identity]]("auth.identities")
_AHEAD = StashKey[dict[str, "_Ahead"]]("auth.identities.ahead")
#: Names in the session: those of Flask-Login, and ours: since when, the user's stamp, whether the account need not be
#: active, and whether the browser was to be remembered.
USER_ID, FRESH, SEEN_AS = "_user_id", "_fresh", "_id"
AT, STAMP, FORCED, REMEMBERED = "_auth_at", "_auth_stamp", "_auth_forced", "_auth_remembered"
NAMES = (USER_ID, FRESH, SEEN_AS, AT, STAMP, FORCED, REMEMBERED)
#: No credential is longer; what is longer is not looked at.
MAX_CREDENTIAL = 8192
#: By how many seconds the clocks of several machines may differ.
_LEEWAY = 60.0


def session_name(name: str, realm: str) -> str:
    """Return the name in the session of something of a realm."""
    return name if realm == "default" else f"{name}.{realm}"


def realm_name(ctx: Any) -> str:
    """Return the name of the realm of the view."""
    plan = ctx.plan
    return Auth.of(ctx.app).realm_of(plan.scopes if plan is not None else ()).realm  # type: ignore[no-any-return]


def read_identity(ctx: Any) -> Identity:
    """Return who is asking, in the realm of the view: the value of ``ctx.identity``."""
    return identity_in(ctx, realm_name(ctx))


def identity_in(ctx: Any, realm: str) -> Identity:
    """Return who is asking in a realm.

    :raises RuntimeError: that has to be awaited, and this is plain code on an event loop; see :func:`load_identity`.
    """
    found = _known(ctx, realm)
    if found is not None:
        return found
    return run(resolve(ctx, realm, InPlace() if ctx.on_loop else Plain(ctx.app)))


async def load_identity(ctx: Any = None, realm: str | None = None) -> Identity:
    """Return who is asking in asynchronous code, waiting for asynchronous loaders. From then on everybody knows it.

    ::

        identity = await load_identity()

    :param ctx: the context; the active one by default.
    :param realm: the realm; that of the view by default.
    """
    ctx = current_context() if ctx is None else ctx
    name = realm_name(ctx) if realm is None else realm
    found = _known(ctx, name)
    if found is not None:
        return found
    return await resolve(ctx, name, OnLoop(ctx.app))


def _known(ctx: Any, realm: str) -> Identity | None:
    found: dict[str, Identity] | None = ctx.stash.get(_FOUND)
    return found.get(realm) if found is not None else None


def set_identity(ctx: Any, identity: Identity) -> None:
    """Have a context know somebody."""
    _note_read(ctx)
    ctx.stash[_FOUND][identity.realm] = identity
    if realm_name(ctx) == identity.realm:
        ctx.__dict__["identity"] = identity


def _note_read(ctx: Any) -> None:
    """Have the answer say that it is for this request only, whether or not somebody is known."""
    if ctx.stash.get(_FOUND) is None:
        ctx.stash[_FOUND] = {}
        if ctx.has_request and not ctx.is_websocket:
            _complete_later(ctx)


# -- finding out


async def resolve(ctx: Any, name: str, driver: Driver) -> Identity:
    """Find out who is asking in a realm, and note that somebody wanted to know.

    :raises Unauthorized: the request carries a token that is not valid.
    """
    if ctx.has_request:
        _note_read(ctx)
        signals.send(ctx, signals.user_accessed)
    known: dict[str, _Ahead] = ctx.stash.get(_AHEAD) or {}
    ahead = known.get(name)
    if ahead is not None and ahead.is_still_so(ctx, name):
        outcome = ahead.outcome
    else:
        outcome = await _find_out(ctx, name, driver)
    if isinstance(outcome, Exception):
        raise outcome
    set_identity(ctx, outcome)
    return outcome


async def look_ahead(ctx: Any, name: str, driver: Driver) -> None:
    """Find out who is asking before anybody wants to know, and plain code could not wait for it any more.

    What goes wrong is raised where somebody wants to know. Until then the answer is nobody's own.
    """
    try:
        await _read_session_ahead(ctx, driver)
        found = await _find_out(ctx, name, driver)
        _note_ahead(ctx, name, _Ahead(found, ctx.session.get(session_name(USER_ID, name))))
    except Exception as error:
        _note_ahead(ctx, name, _Ahead(error))


class _Ahead(NamedTuple):
    """What was found out before anybody wanted to know.

    :ivar outcome: who it is, or what is to be raised.
    :ivar id: who was in the session then.
    """

    outcome: Identity | Exception
    id: Any = None

    def is_still_so(self, ctx: Any, realm: str) -> bool:
        """Tell whether nobody has been put into the session, or taken out of it, since then."""
        return isinstance(self.outcome, Exception) or ctx.session.get(session_name(USER_ID, realm)) == self.id


def _note_ahead(ctx: Any, name: str, ahead: _Ahead) -> None:
    ctx.stash[_AHEAD] = {**(ctx.stash.get(_AHEAD) or {}), name: ahead}


async def _read_session_ahead(ctx: Any, driver: Driver) -> None:
    interface = ctx.app.session_interface
    if isinstance(interface, StoredSessions):
        text = ctx.request.cookies.get(interface.get_cookie_name(ctx.app)) or ""
        if text:
            interface.read_ahead(ctx, text, await driver.block(interface.look_up, text))


async def _find_out(ctx: Any, name: str, driver: Driver) -> Identity | Exception:
    """Return who is asking, or the answer to a token that is not valid."""
    auth = Auth.of(ctx.app)
    realm, identity = auth.realm(name), None
    if ctx.has_request:
        bearer = bearer_of(ctx.header("Authorization"))
        try:
            if bearer is None:
                identity = await _without_bearer(ctx, auth, realm, driver)
            else:
                identity = await _by_bearer(ctx, auth, realm, bearer, driver)
        except InvalidToken as error:
            _note_ahead(ctx, name, _Ahead(error))  # once is enough for the log
            return error
    return identity if identity is not None else Identity(realm.anonymous_user(), name)


async def _without_bearer(ctx: Any, auth: Auth, realm: Any, driver: Driver) -> Identity | None:
    """Know somebody by what browsers send, or the application knows."""
    for ask in (_by_session, _by_remember, _by_loaders):
        identity = await ask(ctx, auth, realm, driver)
        if identity is not None:
            return identity
    return None


def _is_active(user: Any) -> bool:
    return bool(getattr(user, "is_active", True))


# -- by a token


def bearer_of(header: str | None) -> str | None:
    """Return the token of an ``Authorization`` header of the scheme ``Bearer`` (RFC 6750, 2.1); ``None`` for others."""
    if not header:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else None


class Challenge(WWWAuthenticate):
    """What a 401 asks for: a bearer token (RFC 6750, 3). Parameters are quoted, as RFC 9110, 11.5, wants the realm.

    ::

        raise Unauthorized(www_authenticate=Challenge(realm="default"))
    """

    def __init__(self, **parameters: str) -> None:
        super().__init__("bearer", dict(parameters))

    def to_header(self) -> str:
        """Return the value of the header."""
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in self.parameters.items())


class InvalidToken(Unauthorized):
    """401: the bearer token is not valid."""

    description = "The bearer token is not valid."


def invalid_token(ctx: Any, realm: Any, reason: str) -> InvalidToken:
    """Make the answer to a token that is not valid (RFC 6750, 3.1). Why it is not, only the log is told."""
    Auth.of(ctx.app).event("token.refused", ctx, realm.realm, reason=reason)
    return InvalidToken(www_authenticate=Challenge(realm=realm.realm, error="invalid_token"))


async def _by_bearer(ctx: Any, auth: Auth, realm: Any, text: str, driver: Driver) -> Identity:
    """Know somebody by a token: one of ours, or one that the application knows.

    :raises Unauthorized: nobody knows it.
    """
    reason, options = "unknown", auth.options.jwt
    if len(text) > MAX_CREDENTIAL or not text.isascii():
        reason = "malformed"
    elif text.startswith(auth.options.token_prefix + "_"):
        return await _by_access_token(ctx, auth, realm, text, driver)
    elif auth.bearers is not None and options is not None and options.realm == realm.realm and text.count(".") == 2:
        claims = auth.bearers.check(text)
        if claims.ok:
            user = await realm.load_user(driver, claims.subject)
            return _token_identity(ctx, realm, user, "jwt", claims.scopes, claims.id)
        reason = claims.reason
    else:
        identity = await _without_bearer(ctx, auth, realm, driver)
        if identity is not None:
            return identity
        raise invalid_token(ctx, realm, reason)
    # It may be another's whom the application trusts; what is in cookies was not meant.
    identity = await _by_loaders(ctx, auth, realm, driver)
    if identity is None:
        raise invalid_token(ctx, realm, reason)
    return identity


async def _by_access_token(ctx: Any, auth: Auth, realm: Any, text: str, driver: Driver) -> Identity:
    info = await driver.block(auth.tokens.check, text)
    owner, _, id = info.owner.partition(":") if info is not None else ("", "", "")
    if info is None or owner != realm.realm:
        raise invalid_token(ctx, realm, "unknown")
    user = await realm.load_user(driver, id)
    scopes = frozenset(info.scopes) if info.scopes is not None else None
    return _token_identity(ctx, realm, user, "token", scopes, info.id)


def _token_identity(ctx: Any, realm: Any, user: Any, method: str, scopes: frozenset[str] | None, id: str) -> Identity:
    if user is None or not _is_active(user):
        raise invalid_token(ctx, realm, "no user" if user is None else "not active")
    return Identity(user, realm.realm, method, False, scopes, None, id)


# -- by the session


async def _by_session(ctx: Any, auth: Auth, realm: Any, driver: Driver) -> Identity | None:
    session, name = ctx.session, realm.realm
    id = session.get(session_name(USER_ID, name))
    if id is None or (realm.asks_requests and not realm.can_load):
        return None
    user = None
    if isinstance(id, (str, int)) and _lasts(auth, session.get(session_name(AT, name))):
        user = await realm.load_user(driver, id)
    if user is None or not _is_still(session, name, user, str(id)):
        _note_read(ctx)
        realm.leave(ctx)
        auth.event("session.ended", ctx, name, str(id))
        return None
    may_be_used = realm.protects(ctx, session)
    if session.modified:
        _note_read(ctx)
    if not may_be_used:
        return None
    if not _is_active(user) and not session.get(session_name(FORCED, name)):
        return None
    if auth.lacks_second_factor(name, user):
        return None
    return _session_identity(session, name, user, auth.options.fresh_for)


def _lasts(auth: Auth, at: Any) -> bool:
    """Tell whether a session is not too old; one that another program has begun is as old as we know it."""
    if at is None:
        return True
    return isinstance(at, (int, float)) and -_LEEWAY <= time.time() - at <= auth.options.session_lifetime


def _is_still(session: Any, realm: str, user: Any, id: str) -> bool:
    """Tell whether nothing has ended a session: neither another password, nor that it was revoked."""
    stamp, owner = session_name(STAMP, realm), f"{realm}:{id}"
    if session_name(AT, realm) in session:
        return (session.get(stamp) or "") == stamp_of(user) and is_owned(session, realm, owner)
    # One that Flask-Login has begun, or a test: it becomes one of ours.
    if getattr(user, "generation", None):
        return False
    session[session_name(AT, realm)] = time.time()
    session[stamp] = stamp_of(user)
    session.regenerate(keep=True)
    own(session, realm, owner)
    return True


def _session_identity(session: Any, realm: str, user: Any, fresh_for: float) -> Identity:
    fresh, at = bool(session.get(session_name(FRESH, realm))), session.get(session_name(AT, realm))
    if fresh and fresh_for:
        fresh = time.time() - at <= fresh_for
    return Identity(user, realm, "session", fresh, None, at, key_of(session, realm))


# -- by a cookie that remembers


async def _by_remember(ctx: Any, auth: Auth, realm: Any, driver: Driver) -> Identity | None:
    text = realm.remember_cookie(ctx)
    if text is None or not realm.can_load:
        return None
    _note_read(ctx)
    used = await driver.block(lambda: auth.remember.use(text, rotate=not ctx.is_websocket))
    owner, _, id = used.owner.partition(":")
    if used.outcome == "reused":
        auth.event("remember.reused", ctx, realm.realm, id)
    user = None
    if used.outcome == "ok" and owner == realm.realm:
        user = await realm.load_user(driver, id)
    if user is None or (used.data.get("stamp") or "") != stamp_of(user) or not _is_active(user):
        realm.drop_cookie(ctx)
        return None
    if auth.lacks_second_factor(realm.realm, user):
        realm.drop_cookie(ctx)
        return None
    if not ctx.is_websocket:
        realm.enter(ctx, user, fresh=False, method="remember", remembered=True)
        if used.replacement is not None:
            realm.give_cookie(ctx, used.replacement, used.expires)
    signals.send(ctx, signals.user_loaded_from_cookie, user=user)
    auth.event("login.remembered", ctx, realm.realm, user)
    return Identity(user, realm.realm, "remember", at=ctx.session.get(session_name(AT, realm.realm)))


# -- by the application


async def _by_loaders(ctx: Any, auth: Auth, realm: Any, driver: Driver) -> Identity | None:
    user = await realm.load_by_request(ctx, driver)
    if user is not None:
        signals.send(ctx, signals.user_loaded_from_request, user=user)
        return Identity(user, realm.realm, "request") if _is_active(user) else None
    call = ctx.app.chain("trivet_auth_authenticate", ("ctx", "realm"), None, isinstance(driver, Plain)).call
    found = None if call is None else await driver.call(call, ctx, realm.realm)
    return None if found is None else _plugins_identity(realm.realm, found)


def _plugins_identity(realm: str, found: Any) -> Identity | None:
    """Return what a plugin has said as an identity of the realm that it was asked for."""
    if not isinstance(found, Identity) and not hasattr(found, "get_id"):
        raise AuthConfigError(
            f"An implementation of trivet_auth_authenticate returned {type(found).__name__!r}: a user object with "
            "get_id(), an Identity, or None is wanted."
        )
    identity = found if isinstance(found, Identity) else Identity(found)
    return replace(identity, realm=realm, method=identity.method or "plugin") if _is_active(identity.user) else None


# -- what the answer says


def _complete_later(ctx: Any) -> None:
    """Have the answer say that it is this person's only."""
    state = ctx.__dict__
    function = lambda response: make_private(ctx, response)  # noqa: E731
    if state.get("last") is None:
        state["last"] = [function]
    else:
        state["last"].append(function)


def make_private(ctx: Any, response: Any) -> None:
    """Keep an answer out of shared caches (RFC 9111, 5.2.2.7), and tell by what it differs (RFC 9110, 12.5.5)."""
    response.vary.add("Cookie")
    if ctx.header("Authorization") is not None:
        response.vary.add("Authorization")
    control = response.cache_control
    if not control.no_store and not control.private:
        control.public = False
        control.s_maxage = None
        control.private = True

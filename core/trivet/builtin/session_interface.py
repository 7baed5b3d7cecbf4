"""Session objects, and the interfaces that keep them: in a signed cookie, unless a subclass knows better."""

import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.datastructures import CallbackDict
from werkzeug.http import dump_cookie
from werkzeug.sansio.http import parse_cookie
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from ..kernel.context import current
from ..kernel.stash import StashKey
from .tagged import TaggedJSONSerializer

#: The last cookie written: what it was made from, and its text before and after the value.
_PATTERN = StashKey[tuple[Any, str, str]]("session cookie")

#: Reads and writes the data in session cookies.
session_json_serializer = TaggedJSONSerializer()


class SessionMixin(MutableMapping[str, Any]):
    """What a session has beyond a mapping."""

    #: Whether the session began with this request.
    new = False
    #: Whether the data was changed. A change inside of a value is not seen: set it to ``True`` after one.
    modified = True
    #: Whether somebody looked at the session, so that the answer may depend on its cookie.
    accessed = True

    @property
    def permanent(self) -> bool:
        """Whether the session outlives the browser, for ``PERMANENT_SESSION_LIFETIME``."""
        return bool(self.get("_permanent", False))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self["_permanent"] = bool(value)

    def regenerate(self, keep: bool = False) -> None:
        """Begin anew, so that nothing known before (an identifier, a planted value) is worth anything.

        Call it when somebody logs in or out, or gains rights::

            session.regenerate()
            session["user_id"] = user.id

        :param keep: keep the data; only what identifies the session changes.
        """
        ctx = current.get(None)
        if ctx is None:
            _begin_anew(self, keep)
        else:
            ctx.app.session_interface.regenerate_session(ctx.app, self, keep)


def _begin_anew(session: SessionMixin, keep: bool) -> None:
    if not keep:
        session.clear()
        session.new = True
    session.modified = True


def _mark_modified(session: Any) -> None:
    session.modified = True


class SecureCookieSession(CallbackDict[str, Any], SessionMixin):
    """A session whose data is in its signed cookie.

    :param initial: the data that came with the request.
    """

    modified = False
    accessed = False

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(initial, _mark_modified)


def _refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
    raise RuntimeError(
        "The session is unavailable because no secret key was set: it can be read, as empty, but not "
        "written. Set SECRET_KEY to a long random value: "
        'python -c "import secrets; print(secrets.token_hex())" makes one.'
    )


class NullSession(SecureCookieSession):
    """The session of an application without a secret key: empty, and a change is an error that says why."""

    __setitem__ = __delitem__ = clear = pop = popitem = update = setdefault = __ior__ = _refuse


class SessionInterface:
    """Opens and saves sessions. ``app.session_interface`` is an instance of a subclass.

    Subclasses define :meth:`open_session` and :meth:`save_session`; the other methods tell them the
    configuration.
    """

    #: What :meth:`make_null_session` makes, and :meth:`is_null_session` looks for.
    null_session_class: type[SessionMixin] = NullSession
    #: Whether the data is pickled; nothing here does that.
    pickle_based = False
    #: Whether a session that nobody looked at needs no opening and saving on a request without its cookie.
    #: False as soon as a subclass defines :meth:`open_session` or :meth:`save_session`, unless it says so.
    lazy: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = cls.__dict__
        if "lazy" not in own and ("open_session" in own or "save_session" in own):
            cls.lazy = False

    def make_null_session(self, app: Any) -> SessionMixin:
        """Make what stands in for a session where :meth:`open_session` returned ``None``."""
        return self.null_session_class()

    def is_null_session(self, obj: object) -> bool:
        """Say whether ``obj`` is such a stand-in, which is never saved."""
        return isinstance(obj, self.null_session_class)

    def get_cookie_name(self, app: Any) -> str:
        """Return the cookie's name: ``SESSION_COOKIE_NAME``."""
        return app.config["SESSION_COOKIE_NAME"]  # type: ignore[no-any-return]

    def get_cookie_domain(self, app: Any) -> str | None:
        """Return the domain that, with its subdomains, gets the cookie: ``SESSION_COOKIE_DOMAIN``.

        ``None`` means only the very host that set it.
        """
        return app.config["SESSION_COOKIE_DOMAIN"]  # type: ignore[no-any-return]

    def get_cookie_path(self, app: Any) -> str:
        """Return the path below which the cookie is sent: ``SESSION_COOKIE_PATH`` or ``APPLICATION_ROOT``."""
        return app.config["SESSION_COOKIE_PATH"] or app.config["APPLICATION_ROOT"]  # type: ignore[no-any-return]

    def get_cookie_httponly(self, app: Any) -> bool:
        """Say whether the cookie is hidden from scripts: ``SESSION_COOKIE_HTTPONLY``."""
        return app.config["SESSION_COOKIE_HTTPONLY"]  # type: ignore[no-any-return]

    def get_cookie_secure(self, app: Any) -> bool:
        """Say whether the cookie is sent by https only: ``SESSION_COOKIE_SECURE``.

        ``None`` there means: if the current request came by https.
        """
        value: bool | None = app.config["SESSION_COOKIE_SECURE"]
        return _came_by_https() if value is None else value

    def get_cookie_samesite(self, app: Any) -> str | None:
        """Return ``"Strict"``, ``"Lax"``, ``"None"``, or ``None`` for none: ``SESSION_COOKIE_SAMESITE``."""
        return app.config["SESSION_COOKIE_SAMESITE"]  # type: ignore[no-any-return]

    def get_cookie_partitioned(self, app: Any) -> bool:
        """Say whether the cookie is kept apart for each top-level site: ``SESSION_COOKIE_PARTITIONED``."""
        return app.config["SESSION_COOKIE_PARTITIONED"]  # type: ignore[no-any-return]

    def get_expiration_time(self, app: Any, session: SessionMixin) -> datetime | None:
        """Return when the cookie expires, in UTC; ``None`` if that is when the browser closes."""
        if session.permanent:
            return datetime.now(UTC) + app.permanent_session_lifetime  # type: ignore[no-any-return]
        return None

    def should_set_cookie(self, app: Any, session: SessionMixin) -> bool:
        """Say whether the answer has to carry the cookie.

        It has to if the session was modified, or is permanent and ``SESSION_REFRESH_EACH_REQUEST`` is on.
        """
        return session.modified or (session.permanent and app.config["SESSION_REFRESH_EACH_REQUEST"])

    def regenerate_session(self, app: Any, session: SessionMixin, keep: bool) -> None:
        """Do what :meth:`SessionMixin.regenerate` promises.

        An interface that gives sessions identifiers gives out a new one here, and forgets the old one.
        """
        _begin_anew(session, keep)

    def open_session(self, app: Any, request: Any) -> SessionMixin | None:
        """Return the session of a request, or ``None`` if there cannot be one, for want of a key for example.

        It must not fail because of anything the client sent: that gives a new session.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define open_session().")

    def save_session(self, app: Any, session: Any, response: Any) -> None:
        """Write a session to the response, at the end of its request."""
        raise NotImplementedError(f"{type(self).__name__} does not define save_session().")


class SecureCookieSessionInterface(SessionInterface):
    """Keeps the data in the cookie, signed: whoever has the cookie can read it, nobody can change it."""

    #: Keeps the signature apart from others made with the same key.
    salt = "cookie-session"
    #: The hash function in the signature's HMAC.
    digest_method = staticmethod(hashlib.sha1)
    #: How itsdangerous derives the signing key from the secret key and the salt.
    key_derivation = "hmac"
    #: Reads and writes the data.
    serializer: Any = session_json_serializer
    session_class: type[Any] = SecureCookieSession
    lazy = True

    def get_signing_serializer(self, app: Any) -> URLSafeTimedSerializer | None:
        """Return what signs and opens cookies, or ``None`` without a secret key."""
        return app.signing.serializer(  # type: ignore[no-any-return]
            self.salt, self.serializer, self.key_derivation, self.digest_method
        )

    def open_session(self, app: Any, request: Any) -> SessionMixin | None:
        """Return the session in the request's cookie; a new one if that is missing, not ours, or too old."""
        return self.open_token(app, _cookie_of(request, self.get_cookie_name(app)))

    def open_token(self, app: Any, token: str | None) -> SessionMixin | None:
        """Return the session in a cookie's value."""
        signer = self.get_signing_serializer(app)
        if signer is None:
            return None
        if token:
            try:
                data = signer.loads(token, max_age=int(app.permanent_session_lifetime.total_seconds()))
            except BadData:
                data = None
            if isinstance(data, dict):
                return self.session_class(data)  # type: ignore[no-any-return]
        session: SessionMixin = self.session_class()
        session.new = True
        return session

    def may_be_permanent(self, token: str) -> bool:
        """Say, without checking the signature, whether a cookie's session could be a permanent one."""
        own = getattr(self.get_signing_serializer, "__func__", None)
        if own is not SecureCookieSessionInterface.get_signing_serializer or token.startswith("."):
            return True
        if not isinstance(self.serializer, TaggedJSONSerializer):
            return True
        payload = token.partition(".")[0]
        try:
            return b"_permanent" in urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        except ValueError:
            return False

    def save_session(self, app: Any, session: Any, response: Any) -> None:
        """Set the cookie if it has to be set; delete it if the session has become empty."""
        write = self.should_set_cookie(app, session) if session else session.modified
        if session.accessed or write:
            _vary_by_cookie(response)
        if not write:
            return
        if not session:
            response.delete_cookie(self.get_cookie_name(app), **self._attributes(app))
            return
        signer = self.get_signing_serializer(app)
        if signer is None:
            raise RuntimeError("The session cannot be saved: the secret key was removed during the request.")
        self._set_cookie(app, session, response, str(signer.dumps(dict(session))))

    def _attributes(self, app: Any) -> dict[str, Any]:
        return {
            "domain": self.get_cookie_domain(app),
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "samesite": self.get_cookie_samesite(app),
            "httponly": self.get_cookie_httponly(app),
            "partitioned": self.get_cookie_partitioned(app),
        }

    def _set_cookie(self, app: Any, session: Any, response: Any, value: str) -> None:
        """Set the cookie; what is the same each time is put together once."""
        name, attributes = self.get_cookie_name(app), self._attributes(app)
        expires = self.get_expiration_time(app, session)
        if type(response).set_cookie is WerkzeugResponse.set_cookie:
            second = expires.replace(microsecond=0) if expires is not None else None
            kind = (name, second, *attributes.values())
            pattern = app.stash.get(_PATTERN)
            if pattern is None or pattern[0] != kind:
                made = dump_cookie(name, "VALUE", expires=second, **attributes)
                before, _, after = made.partition("=VALUE")
                pattern = app.stash[_PATTERN] = (kind, f"{before}=", after)
            _, before, after = pattern
            if len(before) + len(value) + len(after) <= response.max_cookie_size:
                # A signed value is URL-safe: no character of it needs quoting.
                response.headers.add("Set-Cookie", f"{before}{value}{after}")
                return
        response.set_cookie(name, value, expires=expires, **attributes)


def find_cookie(header: str | None, name: str) -> str | None:
    """Return the first cookie of that name in a ``Cookie`` header, without parsing the others.

    It is what Werkzeug's parser finds: RFC 6265, 5.4, with malformed pairs skipped.
    """
    if not header:
        return None
    if '"' in header or not header.isascii():
        return parse_cookie(header.encode("latin-1").decode(errors="replace")).get(name)
    if name not in header:
        return None
    for pair in header.split(";"):
        key, _, value = pair.partition("=")
        if key.strip(" \t") == name:
            value = value.strip(" \t")
            if " " not in value and "\t" not in value:
                return value
    return None


def _cookie_of(request: Any, name: str) -> str | None:
    if type(request).cookies is WerkzeugRequest.cookies and "cookies" not in request.__dict__:
        return find_cookie(request.environ.get("HTTP_COOKIE"), name)
    value: str | None = request.cookies.get(name)
    return value


def _vary_by_cookie(response: Any) -> None:
    """Tell caches that the answer depends on the cookie (RFC 9110, 12.5.5)."""
    headers = response.headers
    for name, _ in headers:
        if name.lower() == "vary":
            response.vary.add("Cookie")
            return
    headers.add("Vary", "Cookie")


def _came_by_https() -> bool:
    ctx: Any = current.get(None)
    if ctx is None or not ctx.has_request:
        return False
    scope = getattr(ctx, "scope", None)
    scheme: str = ctx.environ.get("wsgi.url_scheme", "http") if scope is None else scope.get("scheme", "http")
    return scheme in ("https", "wss")

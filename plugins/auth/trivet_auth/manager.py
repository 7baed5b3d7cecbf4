"""``LoginManager``: one realm of people, with Flask-Login's face."""

import hashlib
import re
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any, Generic, NoReturn, TypeVar, cast

from werkzeug.exceptions import Unauthorized

from trivet import current_context, flash, redirect, safe_redirect_target

from . import cookies, signals
from .current import proxy
from .driving import Driver
from .errors import AuthConfigError
from .identity import AnonymousUserMixin
from .resolving import AT, FORCED, FRESH, NAMES, REMEMBERED, SEEN_AS, STAMP, USER_ID, Challenge, session_name
from .sessions import begin_anew, method_of, opened_with, own
from .signals import send as send
from .state import NAME, Auth
from .urls import address_of, login_url, make_next_param
from .users import Users, stamp_of

F = TypeVar("F", bound=Callable[..., Any])
UserT = TypeVar("UserT")

XHTML = "application/xhtml+xml"
#: What realms can be called: their names are in those of cookies, and of records.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")


class LoginManager(Generic[UserT]):
    """The people of one realm, and what is done with those who are unknown.

    ::

        login_manager = LoginManager(app)
        login_manager.login_view = "login"

        @login_manager.user_loader
        def load_user(id):
            return User.get(id)

    Made with a type, it knows what its users are: ``LoginManager[User](app).current_user`` is a ``User``.

    :param app: the application; see :meth:`init_app`.
    :param add_context_processor: whether templates know ``current_user``.
    :param realm: the name of the realm; there is one of the name ``"default"``.
    :param blueprints: names of the blueprints whose views ask for this realm's people.
    :param users: the people, in place of loaders.
    """

    def __init__(
        self,
        app: Any = None,
        add_context_processor: bool = True,
        *,
        realm: str = "default",
        blueprints: Sequence[str] = (),
        users: Users | None = None,
    ) -> None:
        if _NAME.fullmatch(realm) is None:
            raise AuthConfigError(
                f"A realm cannot be called {realm!r}. Use up to 32 ASCII letters, digits, - and _, a letter first."
            )
        self.realm = realm
        self.blueprints = list(blueprints)
        self.users = users
        #: What makes the user who is nobody.
        self.anonymous_user: Callable[[], Any] = AnonymousUserMixin
        #: The endpoint, or the address, of the page to sign in on.
        self.login_view: str | None = None
        #: The same for the views of some blueprints.
        self.blueprint_login_views: dict[str | None, str | None] = {}
        self.login_message: str | None = "Please log in to access this page."
        self.login_message_category = "message"
        #: The endpoint of the page on which to confirm who one is.
        self.refresh_view: str | None = None
        self.needs_refresh_message: str | None = "Please reauthenticate to access this page."
        self.needs_refresh_message_category = "message"
        #: ``"basic"``: a session that comes from another browser or address is not fresh any more; ``"strong"``: it is
        #: over; ``None``: it is not looked at. Remembered browsers stay remembered.
        self.session_protection: str | None = "basic"
        #: Translates the messages.
        self.localize_callback: Callable[[str], Any] | None = None
        self.unauthorized_callback: Callable[[], Any] | None = None
        self.needs_refresh_callback: Callable[[], Any] | None = None
        self.id_attribute = "get_id"
        self._user_callback: Callable[..., Any] | None = None
        self._request_callback: Callable[..., Any] | None = None
        self._header_callback: Callable[..., Any] | None = None
        self._current_user = proxy(realm)
        self._context_processor = add_context_processor
        if app is not None:
            self.init_app(app, add_context_processor)

    def init_app(self, app: Any, add_context_processor: bool | None = None) -> None:
        """Give an application this realm.

        :raises AuthConfigError: it has another realm of that name.
        """
        if add_context_processor is not None:
            self._context_processor = add_context_processor
        enable(app)
        auth = Auth.of(app)
        other = auth.realms.get(self.realm)
        if other is not None and other is not self and not getattr(other, "is_stand_in", False):
            raise AuthConfigError(
                f"The application {app.name!r} has two LoginManagers for the realm {self.realm!r}. Give one of them "
                'another: LoginManager(app, realm="staff", blueprints=["admin"]).'
            )
        auth.realms[self.realm] = self
        if self.realm == "default":
            app.login_manager = self
        if self._context_processor and self.realm == "default":
            app.context_processor(lambda: {"current_user": proxy()})

    #: Whether the plugin made it, for want of one of the application's own.
    is_stand_in = False

    # -- loaders

    def user_loader(self, callback: F) -> F:
        """Load a user by its identifier, text as ``get_id()`` gave it; the function may be ``async``.

        It returns ``None`` for an identifier that nobody has.
        """
        self._user_callback = callback
        return callback

    def request_loader(self, callback: F) -> F:
        """Load a user by a request, where no session knows one; the function may be ``async``."""
        self._request_callback = callback
        return callback

    def header_loader(self, callback: F) -> F:
        """Load a user by the value of the ``Authorization`` header; :meth:`request_loader` sees more."""
        self._header_callback = callback
        return callback

    @property
    def user_callback(self) -> Callable[..., Any] | None:
        """The function that :meth:`user_loader` was given."""
        return self._user_callback

    @property
    def request_callback(self) -> Callable[..., Any] | None:
        """The function that :meth:`request_loader` was given."""
        return self._request_callback

    @property
    def can_load(self) -> bool:
        """Whether users can be loaded by their identifiers."""
        return self._user_callback is not None or self.users is not None

    @property
    def asks_requests(self) -> bool:
        """Whether users can be loaded by requests."""
        return self._request_callback is not None or self._header_callback is not None

    def load(self, id: str) -> Any:
        """Return the user with an identifier, or something to be awaited for it; ``None`` if nobody has it.

        :raises AuthConfigError: nobody can load users here.
        """
        if self._user_callback is not None:
            return self._user_callback(id)
        if self.users is not None:
            return self.users.get(id)
        raise AuthConfigError(
            f"Users of the realm {self.realm!r} cannot be loaded. Decorate a function with "
            '@login_manager.user_loader, or configure a model: [auth] model = "package.models:User".'
        )

    async def load_user(self, driver: Driver, id: str) -> Any:
        """Do the same, waiting. On an event loop a plain loader runs in a worker thread."""
        if self._user_callback is not None:
            return await _load(driver, self._user_callback, id)
        return await driver.call(self.load, id)

    async def load_by_request(self, ctx: Any, driver: Driver) -> Any:
        """Return the user whom a loader knows by the request, waiting in the same way."""
        user = None
        if self._request_callback is not None:
            user = await _load(driver, self._request_callback, ctx.request)
        if user is None and self._header_callback is not None:
            header = ctx.header(ctx.app.config.get("AUTH_HEADER_NAME", "Authorization"))
            if header:
                user = await _load(driver, self._header_callback, header)
        return user

    # -- the current user

    @property
    def current_user(self) -> UserT:
        """Who is asking, of this realm, as a proxy; the anonymous user if nobody is known."""
        return cast(UserT, self._current_user)

    def id_of(self, user: Any) -> str:
        """Return the identifier of a user.

        :raises ValueError: it has none.
        """
        id = getattr(user, self.id_attribute)()
        if id is None:
            raise ValueError(f"{type(user).__name__}.{self.id_attribute}() returned None: nobody cannot sign in.")
        return str(id)

    def enter(
        self,
        ctx: Any,
        user: Any,
        *,
        fresh: bool,
        keep: Sequence[str] = (),
        method: str = "",
        forced: bool = False,
        remembered: bool | None = None,
    ) -> None:
        """Begin a new session, and put a user into it. What was known in the old one is gone.

        What stays: the application's ``[auth] keep``, messages that this very request has flashed, whether the session
        is permanent, the page to go to that ``USE_SESSION_FOR_NEXT`` keeps there, and the people of other realms.

        :param keep: further names that stay.
        :param method: how the person has proved who it is, for lists of sessions; as before by default.
        :param forced: whether the account need not be active.
        :param remembered: whether this browser is remembered; ``None``: if it was, and this is the same user.
        """
        session, id = ctx.session, self.id_of(user)
        user_id, seen_as = self._name(USER_ID), self._name(SEEN_AS)
        method = method or method_of(session, self.realm, self._owner(user))
        if remembered is None:
            remembered = str(session.get(user_id)) == id and bool(session.get(self._name(REMEMBERED)))
        flashes = _flashed_now(ctx)
        self._begin_anew(ctx, (*keep, "_permanent", *_next_in(ctx)))
        if flashes:
            session["_flashes"] = flashes
        session.update({user_id: id, self._name(FRESH): fresh, seen_as: _seen_as(ctx), self._name(AT): time.time()})
        for name, value in ((STAMP, stamp_of(user)), (FORCED, forced), (REMEMBERED, remembered)):
            if value:
                session[self._name(name)] = value
        own(session, self.realm, self._owner(user), method)

    def confirm(self, ctx: Any, user: Any) -> None:
        """Have the session of somebody who is in it be fresh, with another identifier; all that is in it stays."""
        session = ctx.session
        session.regenerate(keep=True)
        session.update({self._name(FRESH): True, self._name(SEEN_AS): _seen_as(ctx), self._name(AT): time.time()})
        if stamp_of(user):
            session[self._name(STAMP)] = stamp_of(user)

    def leave(self, ctx: Any) -> None:
        """Begin a new session without this realm's user; what stays of the old one is as for :meth:`enter`.

        So do all messages for the next page.
        """
        if ctx.session:
            self._begin_anew(ctx, ("_flashes", "_permanent"))

    def _begin_anew(self, ctx: Any, names: Sequence[str]) -> None:
        auth = Auth.of(ctx.app)
        others = [realm for realm in auth.realms if realm != self.realm]
        theirs = [session_name(name, realm) for realm in others for name in NAMES]
        begin_anew(ctx.session, (*auth.options.keep, *names, *theirs), others)

    def _name(self, name: str) -> str:
        return session_name(name, self.realm)

    # -- protection of sessions

    def protection(self, app: Any) -> str | None:
        """Return what protects sessions: ``"basic"``, ``"strong"`` or nothing.

        :raises AuthConfigError: it is something else.
        """
        mode = app.config.get("SESSION_PROTECTION", self.session_protection) or None
        if mode not in ("basic", "strong", None):
            raise AuthConfigError(f"session_protection must be 'basic', 'strong' or None, not {mode!r}.")
        return cast(str | None, mode)

    def protects(self, ctx: Any, session: Any) -> bool:
        """Look whether a session comes from where it came from before; tell whether it may be used."""
        mode = self.protection(ctx.app)
        if mode is None:
            return True
        if session.get(self._name(SEEN_AS)) == _seen_as(ctx):
            return True
        over, fresh = mode == "strong" and not session.permanent, self._name(FRESH)
        if over or session.get(fresh):
            id = str(session.get(self._name(USER_ID)))
            Auth.of(ctx.app).event("session.moved", ctx, self.realm, id, over=over)
        if over:
            self.leave(ctx)
        elif session.get(fresh) is not False:
            session[fresh] = False
        send(ctx, signals.session_protected)
        return not over

    # -- remember-me

    def _cookie(self, ctx: Any) -> cookies.CookieAttributes:
        https = ctx.environ.get("wsgi.url_scheme") in ("https", "wss")
        return cookies.attributes(ctx.app.config, self.realm, https)

    def remember_cookie(self, ctx: Any) -> str | None:
        """Return the text of the cookie, whatever it is; ``None`` if there is none."""
        header = ctx.header("Cookie")
        name = self._cookie(ctx).name
        if header is None or name not in header:
            return None
        return ctx.request.cookies.get(name)  # type: ignore[no-any-return]

    def give_cookie(self, ctx: Any, text: str, expires: float) -> None:
        """Have the answer set the cookie."""
        Auth.of(ctx.app).later(ctx, lambda response: cookies.put(response, self._cookie(ctx), text, expires))

    def drop_cookie(self, ctx: Any) -> None:
        """Have the answer delete the cookie."""
        if not ctx.is_websocket:
            Auth.of(ctx.app).later(ctx, lambda response: cookies.drop(response, self._cookie(ctx)))

    def remember(self, ctx: Any, user: Any, duration: Any = None) -> None:
        """Have this browser remembered; what it was remembered by before ends."""
        auth, config = Auth.of(ctx.app), ctx.app.config
        if duration is not None:
            lifetime = cookies.seconds(duration, "duration")
        else:
            duration = config.get("REMEMBER_COOKIE_DURATION", auth.options.remember_lifetime)
            lifetime = cookies.seconds(duration, "REMEMBER_COOKIE_DURATION")
        owner, stamp, before = self._owner(user), stamp_of(user), self.remember_cookie(ctx)

        def job(response: Any) -> None:
            if before is not None:
                auth.remember.revoke(before)
            text = auth.remember.issue(owner, {"stamp": stamp}, lifetime=lifetime)
            cookies.put(response, self._cookie(ctx), text, time.time() + lifetime)

        auth.later(ctx, job)

    def forget_others(self, ctx: Any, user: Any) -> None:
        """Have this browser forgotten if it is remembered for somebody else, who would be back in the end."""
        auth, text, owner = Auth.of(ctx.app), self.remember_cookie(ctx), self._owner(user)

        def job(response: Any) -> None:
            if auth.remember.use(text, rotate=False).owner != owner:
                auth.remember.revoke(text)
                cookies.drop(response, self._cookie(ctx))

        if text is not None:
            auth.later(ctx, job)

    def forget(self, ctx: Any) -> None:
        """Have this browser forgotten."""
        auth, text = Auth.of(ctx.app), self.remember_cookie(ctx)

        def job(response: Any) -> None:
            auth.remember.revoke(text)
            cookies.drop(response, self._cookie(ctx))

        if text is not None:
            auth.later(ctx, job)

    def _owner(self, user: Any) -> str:
        return f"{self.realm}:{self.id_of(user)}"

    # -- those who are unknown

    def unauthorized_handler(self, callback: F) -> F:
        """Answer those who have not signed in, in place of :meth:`unauthorized`; the function may be ``async``.

        If it returns ``None`` the answer is 401: the view is not called.
        """
        self.unauthorized_callback = callback
        return callback

    def needs_refresh_handler(self, callback: F) -> F:
        """Answer those whose session is not fresh, in place of :meth:`needs_refresh`, in the same way."""
        self.needs_refresh_callback = callback
        return callback

    def unauthorized(self) -> Any:
        """Answer somebody who has not signed in: send them to :attr:`login_view`, or answer 401.

        Programs, which send JSON or an ``Authorization`` header or say that they want JSON, get the 401.
        """
        ctx: Any = current_context()
        send(ctx, signals.user_unauthorized)
        if self.unauthorized_callback is not None:
            return self.unauthorized_callback()
        view = self._view_for(ctx)
        if not view or _is_program(ctx):
            self._refuse()
        return self._send_to(ctx, view, self.login_message, self.login_message_category)

    def needs_refresh(self) -> Any:
        """Answer somebody whose session is not fresh: send them to :attr:`refresh_view`, or answer 401."""
        ctx: Any = current_context()
        send(ctx, signals.user_needs_refresh)
        if self.needs_refresh_callback is not None:
            return self.needs_refresh_callback()
        if not self.refresh_view or _is_program(ctx):
            self._refuse()
        return self._send_to(ctx, self.refresh_view, self.needs_refresh_message, self.needs_refresh_message_category)

    def _refuse(self) -> NoReturn:
        """Answer 401, and say that a token would do (RFC 9110, 11.6.1; RFC 6750, 3)."""
        raise Unauthorized(www_authenticate=Challenge(realm=self.realm))

    def _view_for(self, ctx: Any) -> str | None:
        views, scopes = self.blueprint_login_views, ctx.plan.scopes if ctx.plan is not None else ()
        for scope in scopes or (None,):
            if scope in views:
                return views[scope] or None  # an empty name: its views have no page, and answer 401
        return self.login_view

    def _send_to(self, ctx: Any, view: str, message: str | None, category: str) -> Any:
        if message:
            flash(self.localize_callback(message) if self.localize_callback is not None else message, category)
        if ctx.app.config.get("USE_SESSION_FOR_NEXT", False):
            address = address_of(view)
            ctx.session["next"] = make_next_param(address, ctx.request.url)
            return redirect(address)
        return redirect(login_url(view, next_url=ctx.request.url))


async def _load(driver: Driver, loader: Callable[..., Any], argument: Any) -> Any:
    """Call a loader; a plain one may block, so on an event loop it runs in a worker thread."""
    if iscoroutinefunction(loader):
        return await driver.call(loader, argument)
    found = await driver.block(loader, argument)
    return await driver.call(lambda: found)


def _flashed_now(ctx: Any) -> list[Any]:
    """Return the messages that this request has flashed, without those which were in the session before."""
    found = list(ctx.session.get("_flashes", ()))
    before = list(opened_with(ctx).get("_flashes", ())) if found else []
    return found[len(before) :] if found[: len(before)] == before else found


def _next_in(ctx: Any) -> tuple[str, ...]:
    """Return the name of the page to go to in the session, if that is kept there and leads nowhere else."""
    if not ctx.app.config.get("USE_SESSION_FOR_NEXT", False):
        return ()
    target = ctx.session.get("next")
    return ("next",) if isinstance(target, str) and safe_redirect_target(target, "") else ()


def _is_program(ctx: Any) -> bool:
    """Tell whether whoever asks cannot do anything with a page to sign in on."""
    if ctx.header("Authorization") is not None or ctx.request.is_json:
        return True
    accepted: dict[str, float] = dict(reversed(list(ctx.request.accept_mimetypes)))
    # What stands for anything is named by programs and browsers alike.
    return accepted.get("application/json", 0) > max(accepted.get(one, 0) for one in ("text/html", XHTML))


def _seen_as(ctx: Any) -> str:
    """Return a digest of where a request comes from, which says nothing by itself."""
    address, agent = ctx.environ.get("REMOTE_ADDR") or "", ctx.header("User-Agent") or ""
    return hashlib.sha512(f"{address}|{agent}".encode("utf-8", "replace")).hexdigest()[:32]


def enable(app: Any) -> None:
    """Enable the plugin unless configuration has done so.

    :raises AuthConfigError: setup is going on already.
    """
    found = app.plugins.found.get(NAME)
    if found is not None:
        if found.enabled:
            return
        del app.plugins.found[NAME]
    app.plugins.register(import_module(".plugin", __package__))

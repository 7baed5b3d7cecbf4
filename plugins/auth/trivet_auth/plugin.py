"""The plugin: the manifest, and what happens around a request."""

from collections.abc import Callable, Generator
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any

from werkzeug.exceptions import InternalServerError

from trivet import Plugin, hookimpl, specialised
from trivet.sessions import SecureCookieSessionInterface

from . import hooks
from .current import current_user
from .decorators import refuse_strangers, refuse_strangers_async
from .driving import OnLoop, Plain, run
from .errors import AuthConfigError
from .manager import LoginManager
from .options import Options
from .records import StoreError
from .resolving import bearer_of, look_ahead, read_identity
from .sessions import StoredSessions
from .state import NAME, Auth, do_jobs, has_jobs
from .stores.memory import MemoryStore
from .telling import is_waiting, tell_all

plugin = Plugin(
    name=NAME,
    summary="Who is asking, and may they: sign-in, sessions, tokens, permissions.",
    after=("db",),
    options=Options,
)


@hookimpl
def trivet_addhooks(manager: Any) -> None:
    """Bring the hooks of :mod:`trivet_auth.hooks`."""
    manager.add_hookspecs(hooks)


@hookimpl
def trivet_setup(app: Any, options: Options) -> None:
    """Put together what is configured; nothing is connected to."""
    auth = Auth.of(app)
    auth.check()
    app.provide("identity", read_identity)
    _make_realms(app, auth, options)
    if options.sessions == "server":
        if type(app.session_interface) is not SecureCookieSessionInterface:
            raise AuthConfigError(
                '[auth] sessions = "server" would replace the application\'s session_interface, '
                f"{type(app.session_interface).__name__}. Leave one of the two out."
            )
        app.session_interface = StoredSessions(auth.store, options.session_lifetime, options.session_idle)
    if auth.realm("default").is_stand_in:  # the application's own says by itself whether templates know the user
        app.context_processor(lambda: {"current_user": current_user})
    if options.flows:
        import_module(".flows", __package__).register(app, auth)
    if options.oauth:
        import_module(".oauth", __package__).register(app, auth)


def _make_realms(app: Any, auth: Auth, options: Options) -> None:
    """Make the realms that configuration names, and the default one."""
    for name, given in {"default": None, **options.realms}.items():
        model = (given.model if given is not None else "") or (options.model if name == "default" else "")
        realm = auth.realms.get(name)
        if realm is None:
            realm = auth.realms[name] = LoginManager(realm=name)
            realm.is_stand_in = True
            if name == "default":
                app.login_manager = realm
        if model and realm.users is None:
            realm.users = import_module(".models", __package__).users_of(app, model, f"[auth] model of {name!r}")
        if given is not None:
            realm.blueprints += [one for one in given.blueprints if one not in realm.blueprints]
            realm.login_view = given.login_view or realm.login_view


@hookimpl
def trivet_commands(app: Any) -> Any:
    """Bring ``trivet auth``."""
    from .command import make_command  # here, because serving does without the commands

    return make_command(app)


@hookimpl(optionalhook=True)  # it is a hook of trivet-db, which need not be there
def trivet_db_migrations(app: Any) -> Any:
    """Bring the branch of migrations that makes the plugin's own table."""
    return import_module(".models", __package__).make_migrations(app)


@hookimpl
def trivet_shutdown(app: Any) -> None:
    """Close what the store has open."""
    auth = app.extensions.get("trivet_auth")
    close = getattr(auth.__dict__.get("store"), "close", None) if auth is not None else None
    if close is not None:
        close()


@hookimpl
def trivet_describe(app: Any) -> list[str]:
    """Say where things are kept, what signs people in, and what should not stay so."""
    auth = Auth.of(app)
    options = auth.options
    lines = [f"store: {auth.store!r}", f"sessions: {options.sessions}"]
    lines += [f"realm {name!r}: {_people_of(realm)}" for name, realm in auth.realms.items()]
    lines += [f"tokens: begin with {options.token_prefix}_"]
    if auth.bearers is not None:
        lines.append(f"signed tokens: {auth.bearers!r}")
    if type(auth.store) is MemoryStore and not (app.debug or app.testing):
        lines.append('warning: [auth] store = "memory" is forgotten at each start, and no other process knows of it.')
    shortest, longest = options.password.min_length, options.password.max_length
    if shortest < 8:  # ASVS 5, 6.2.1
        lines.append(f"warning: [auth.password] min_length = {shortest} lets people choose passwords that are guessed.")
    if longest < 64:  # ASVS 5, 6.2.9
        lines.append(f"warning: [auth.password] max_length = {longest} refuses long ones; 64 characters are usual.")
    if app.config.get("REMEMBER_COOKIE_REFRESH_EACH_REQUEST"):
        lines.append("warning: REMEMBER_COOKIE_REFRESH_EACH_REQUEST does nothing: nobody is remembered for ever.")
    return lines


def _people_of(realm: LoginManager[Any]) -> str:
    if realm.users is not None:
        return repr(realm.users)
    return "a loader of the application's" if realm.user_callback is not None else "nothing loads its users"


# -- requests


@hookimpl(tryfirst=True)
@specialised("bind_before", by_route=True)
def trivet_before_request(ctx: Any) -> Any:
    """Find out who is asking, where that cannot wait; refuse strangers where everybody has to sign in."""
    before = bind_before(ctx.plan, ctx.app.loops.bridge)
    return before(ctx) if before is not None else None


def bind_before(route: Any, bridge: Any) -> Callable[[Any], Any] | None:
    """Return what happens before a route's view, in one flavour."""
    auth = Auth.of(route.app)
    if route.endpoint is None:  # it comes first, when all plugins have been set up
        auth.check_realms()
    guarded = auth.options.require_login and route.endpoint is not None and not _is_public(route)
    realm = auth.realm_of(route.scopes)
    always = guarded or _must_wait_for_requests(route.app, realm)
    if bridge is None:
        return _ahead_on_loop(realm, guarded, always)
    if _is_asynchronous(route.view):
        return _ahead_of_bridge(realm, guarded, always)
    return refuse_strangers if guarded else None


def _ahead_on_loop(realm: LoginManager[Any], guarded: bool, always: bool) -> Callable[[Any], Any]:
    """Return what finds out who is asking before an asynchronous view, in which plain code cannot wait for it."""

    async def find_out(ctx: Any) -> Any:
        if always or _shows_somebody(ctx, realm):
            await look_ahead(ctx, realm.realm, OnLoop(ctx.app))
        return await refuse_strangers_async(ctx) if guarded else None

    return find_out


def _ahead_of_bridge(realm: LoginManager[Any], guarded: bool, always: bool) -> Callable[[Any], Any]:
    """Do the same where such a view runs on the background loop, and this does not."""

    def find_out(ctx: Any) -> Any:
        if always or _shows_somebody(ctx, realm):
            run(look_ahead(ctx, realm.realm, Plain(ctx.app)))
        return refuse_strangers(ctx) if guarded else None

    return find_out


def _is_asynchronous(view: Any) -> bool:
    """Tell whether a view, or a method of a class-based one, is a coroutine function."""
    methods = vars(getattr(view, "view_class", object)).values()
    return any(iscoroutinefunction(one) for one in (view, getattr(view, "__call__", None), *methods))  # noqa: B004


def _must_wait_for_requests(app: Any, realm: LoginManager[Any]) -> bool:
    """Tell whether something asynchronous may know somebody by any request at all."""
    loaders = (realm.request_callback, realm._header_callback)
    known = app.chain("trivet_auth_authenticate", ("ctx", "realm"), None, False)
    return bool(known.is_async or any(iscoroutinefunction(one) for one in loaders))


def _shows_somebody(ctx: Any, realm: LoginManager[Any]) -> bool:
    """Tell whether a request has something by which we could know who it is: a cookie of ours, or a token."""
    if bearer_of(ctx.header("Authorization")) is not None:
        return True
    cookies = ctx.header("Cookie")
    if cookies is None:
        return False
    return ctx.app.session_interface.get_cookie_name(ctx.app) in cookies or realm.remember_cookie(ctx) is not None


def _is_public(route: Any) -> bool:
    view = route.view
    return bool(
        getattr(view, "trivet_auth_public", False)
        or getattr(getattr(view, "view_class", None), "trivet_auth_public", False)
        or route.endpoint.rpartition(".")[2] == "static"
        or route.automatic
    )


@hookimpl(trylast=True)
@specialised("bind_after", by_route=True)
def trivet_after_request(ctx: Any, response: Any) -> None:
    """Write to the store what the request has changed, where that must not block."""


def bind_after(route: Any, bridge: Any) -> Callable[[Any, Any], Any] | None:
    """Return what writes in a worker thread on the loop; in plain code the end of the request does it."""
    if bridge is not None:
        return None

    async def write(ctx: Any, response: Any) -> None:
        driver = OnLoop(ctx.app)
        if is_waiting(ctx):
            await tell_all(ctx)
        if has_jobs(ctx):
            await driver.block(do_jobs, ctx, response)
        interface = ctx.app.session_interface
        session = ctx.__dict__.get("session")
        if session is not None and isinstance(interface, StoredSessions):
            await driver.block(interface.write, session, ctx)

    return write


@hookimpl(wrapper=True)
def trivet_handle_error(ctx: Any, error: Exception) -> Generator[None, Any, Any]:
    """Turn a 500 that nobody has handled into a 503 if the store cannot be reached: others may try again."""
    answer = yield
    if not isinstance(answer, InternalServerError) or not isinstance(error, StoreError):
        return answer
    text = "Signing in is not possible at the moment. Please try again.\n"
    return ctx.app.response_class(text, status=503, headers={"Retry-After": "5"}, mimetype="text/plain")

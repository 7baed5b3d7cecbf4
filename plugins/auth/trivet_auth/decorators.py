"""Decorators of views: who may call them."""

from collections.abc import Callable
from functools import wraps
from inspect import isawaitable, iscoroutinefunction
from typing import Any, TypeVar, cast

from werkzeug.exceptions import Unauthorized

from trivet import current_context

from .identity import Identity
from .manager import LoginManager
from .resolving import Challenge, load_identity
from .state import NAME, Auth

F = TypeVar("F", bound=Callable[..., Any])
#: Returns ``None`` for those who may, else what answers the others, or something to be awaited for it.
Look = Callable[[Any, Identity], Callable[[], Any] | None]

#: Requests that ask what is allowed, which nobody has to sign in for.
EXEMPT_METHODS = frozenset({"OPTIONS"})


def _guard(view: F, look: Look) -> F:
    """Put a guard in front of a view, of either kind, or of a class-based one."""
    if isinstance(view, type):
        guarding = lambda function: _guard(function, look)  # noqa: E731
        cast(Any, view).decorators = [*getattr(view, "decorators", ()), guarding]
        return cast(F, view)
    guarded: Any = _guard_async(view, look) if iscoroutinefunction(view) else _guard_plain(view, look)
    guarded.requires_plugin = NAME
    return cast(F, guarded)


def _guard_async(view: Callable[..., Any], look: Look) -> Callable[..., Any]:
    @wraps(view)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        ctx: Any = current_context()
        if not _is_exempt(ctx):
            identity = await load_identity(ctx)
            refuse = look(ctx, identity)
            if refuse is not None:
                answer = refuse()
                return _given(identity, await answer if isawaitable(answer) else answer)
        return await view(*args, **kwargs)

    return guarded


def _guard_plain(view: Callable[..., Any], look: Look) -> Callable[..., Any]:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        ctx: Any = current_context()
        if not _is_exempt(ctx):
            refuse = look(ctx, ctx.identity)
            if refuse is not None:
                return _given(ctx.identity, ctx.app.settle(refuse()))
        return ctx.app.ensure_sync(view)(*args, **kwargs)

    return guarded


def _given(identity: Identity, answer: Any) -> Any:
    """Return what answers somebody who may not.

    :raises Unauthorized: the handler says nothing, which does not let them in.
    """
    if answer is None:
        raise Unauthorized(www_authenticate=Challenge(realm=identity.realm))
    return answer


def _is_exempt(ctx: Any) -> bool:
    return ctx.method in EXEMPT_METHODS or bool(ctx.app.config.get("LOGIN_DISABLED"))


def login_required(view: F) -> F:
    """Let only people call a view who have signed in; the realm's ``unauthorized()`` answers the others.

    Views are plain or asynchronous functions, or classes. ``OPTIONS`` is answered to everybody.

    ::

        @app.get("/account")
        @login_required
        def account(): ...
    """
    return _guard(view, _look_for_login)


def fresh_login_required(view: F) -> F:
    """Let only people call a view who have signed in in this session: a browser that was remembered is not enough.

    The realm's ``needs_refresh()`` answers those who have not.
    """
    return _guard(view, _look_for_fresh_login)


def _look_for_login(ctx: Any, identity: Identity) -> Callable[[], Any] | None:
    return None if _may(identity) else _realm(ctx, identity).unauthorized


def _look_for_fresh_login(ctx: Any, identity: Identity) -> Callable[[], Any] | None:
    if not _may(identity):
        return _realm(ctx, identity).unauthorized
    return None if identity.fresh else _realm(ctx, identity).needs_refresh


def _realm(ctx: Any, identity: Identity) -> LoginManager[Any]:
    return Auth.of(ctx.app).realm(identity.realm)  # type: ignore[no-any-return]


def _may(identity: Identity) -> bool:
    return bool(identity.user.is_authenticated)


def public(view: F) -> F:
    """Let everybody call a view, where ``[auth] require_login`` asks everybody to sign in.

    ::

        @app.get("/")
        @public
        def index(): ...
    """
    view.trivet_auth_public = True  # type: ignore[attr-defined]
    return view


def refuse_strangers(ctx: Any) -> Any:
    """Answer for a view that is not public, if nobody has signed in; in plain code."""
    refuse = None if _is_exempt(ctx) else _look_for_login(ctx, ctx.identity)
    return None if refuse is None else _given(ctx.identity, ctx.app.settle(refuse()))


async def refuse_strangers_async(ctx: Any) -> Any:
    """Do the same in asynchronous code."""
    if _is_exempt(ctx):
        return None
    identity = await load_identity(ctx)
    refuse = _look_for_login(ctx, identity)
    if refuse is None:
        return None
    answer = refuse()
    return _given(identity, await answer if isawaitable(answer) else answer)

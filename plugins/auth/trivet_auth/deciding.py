"""May they: what asks in views, blueprints and functions, decides, and refuses; what nothing grants is refused."""

from collections.abc import Callable, Iterable
from functools import wraps
from inspect import iscoroutine, iscoroutinefunction
from typing import Any, TypeVar, cast

from werkzeug.exceptions import Forbidden

from trivet import Blueprint, Trivet, abort, current_context, make_response

from .decorators import EXEMPT_METHODS
from .driving import Driver, OnLoop, Plain, run
from .errors import AuthConfigError
from .identity import Identity
from .permissions import (
    Decision,
    Rules,
    RuleT,
    check_name,
    decide_by_answers,
    decide_by_scopes,
    name_of_rule,
    note_unknown,
)
from .resolving import Challenge, load_identity
from .state import NAME, Auth

F = TypeVar("F", bound=Callable[..., Any])

#: The rules of an application by realm, among its extensions.
_RULES = "trivet_auth.rules"


# -- rules


def rules_of(app: Any, realm: str = "default") -> Rules:
    """Return the rules of an application for the people of one realm."""
    by_realm: dict[str, Rules] = app.extensions.setdefault(_RULES, {})
    return by_realm.setdefault(realm, Rules())


def rule(permission: str, part: Trivet | Blueprint, realm: str = "default") -> Callable[[RuleT], RuleT]:
    """Make a function a rule: it decides about single objects, for what is asked with an object.

    The function gets the user, never one who is nobody, and the object. It returns ``True`` to grant, ``False`` to
    refuse whatever roles say, and ``None`` to leave it to other rules and to roles. It may be ``async``.

    :param part: the application, or a blueprint, which passes it on to the application that it is registered on.
    :param realm: whose people the rule is about: the same identifier means somebody else in another realm.
    :raises ValueError: the permission's name cannot be one.

    ::

        @rule("tasks:write", app)
        def own_tasks_only(user, task):
            return task.owner_id == user.id
    """
    name = check_name(permission)

    def decorator(function: RuleT) -> RuleT:
        if isinstance(part, Blueprint):
            part.record(lambda state: rules_of(state.app, realm).add(name, function))
        else:
            rules_of(part, realm).add(name, function)
        return function

    return decorator


# -- deciding


class _InPlace:
    """The driver for plain code on an event loop, which cannot wait."""

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, which must not be a coroutine function."""
        found = function(*args)
        if hasattr(found, "__await__"):
            if hasattr(found, "close"):
                found.close()
            raise RuntimeError(
                "Something asynchronous takes part in this decision, and plain code on an event loop cannot wait for "
                "it. Await explain_async(...) or authorize_async(...), or put requires(...) on an asynchronous view."
            )
        return found

    async def block(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function."""
        return function(*args)


class _Waiting(Plain):
    """The driver for plain code, which may be called by a coroutine on the background loop, where it cannot wait."""

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, and wait for what it returns."""
        found = function(*args)
        try:
            return self._app.settle(found)
        finally:
            if iscoroutine(found):
                found.close()  # nothing is left to be done, unless it could not be waited for


def _driver(ctx: Any) -> Driver:
    return _InPlace() if ctx.on_loop else _Waiting(ctx.app)


async def _decide(ctx: Any, identity: Identity, permission: str, obj: object, driver: Driver) -> Decision:
    """Decide: what limits comes first, then what grants or refuses one thing, then roles."""
    check_name(permission)
    if ctx.app.config.get("LOGIN_DISABLED"):
        return Decision(True, ("LOGIN_DISABLED is set.",))
    if not _is_somebody(identity):
        return Decision(False, ("Nobody has signed in.",))
    limited = decide_by_scopes(permission, identity.scopes)
    if limited is not None:
        return limited
    decision = await _decide_by_hook(ctx, identity, permission, obj, driver)
    if decision is not None:
        return decision
    rules = rules_of(ctx.app, identity.realm)
    if obj is not None:
        answers = [(name_of_rule(one), await driver.call(one, identity.user, obj)) for one in rules.of(permission)]
        decision = decide_by_answers(answers)
        if decision is not None:
            return decision
    return _decide_by_roles(Auth.of(ctx.app), identity, permission, rules)


async def _decide_by_hook(
    ctx: Any, identity: Identity, permission: str, obj: object, driver: Driver
) -> Decision | None:
    names = ("ctx", "identity", "permission", "resource")
    call = ctx.app.chain("trivet_auth_authorize", names, None, isinstance(driver, Plain)).call
    answer = None if call is None else await driver.call(call, ctx, identity, permission, obj)
    if answer is None:
        return None
    if not isinstance(answer, bool):
        raise AuthConfigError(
            f"An implementation of trivet_auth_authorize returned {type(answer).__name__!r}: True, False or None "
            "is wanted."
        )
    return Decision(answer, (f"A plugin {'grants' if answer else 'refuses'} it (trivet_auth_authorize).",))


def _decide_by_roles(auth: Auth, identity: Identity, permission: str, rules: Rules) -> Decision:
    roles, user = auth.roles_of(identity.realm), identity.user
    decision = roles.decide(permission, _names(user, "roles"), _names(user, "permissions"))
    remark = None if decision else note_unknown(permission, roles.permissions | rules.permissions)
    return decision.after(remark) if remark is not None else decision


def _names(user: Any, attribute: str) -> list[str]:
    """Return the names in an attribute of a user: none, one as a text, or several."""
    found: Iterable[object] | None = getattr(user, attribute, None)
    names = [found] if isinstance(found, str) else list(found or ())
    for one in names:
        if not isinstance(one, str):
            raise AuthConfigError(
                f"{type(user).__name__}.{attribute} holds an object of the type {type(one).__name__!r}; names are "
                "wanted. Make it a property that returns them: [one.name for one in ...]."
            )
    return cast(list[str], names)


def _is_somebody(identity: Identity) -> bool:
    return bool(identity.user.is_authenticated)


# -- refusing


class _Denied(Forbidden):
    """The answer to somebody who may not: 403, and for a token what RFC 6750, 3.1, wants said."""

    challenge: Challenge | None = None

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """Return the headers of the page."""
        headers = super().get_headers(environ, scope)
        if self.challenge is not None:
            headers.append(("WWW-Authenticate", str(self.challenge)))
        return headers


async def _refusal(ctx: Any, identity: Identity, permissions: Iterable[str], obj: object, driver: Driver) -> Any:
    """Return ``None`` if somebody may all of it, else the answer to nobody.

    :raises HTTPException: somebody may not, or the realm raises the answer to nobody, or has none.
    """
    for permission in permissions:
        decision = await _decide(ctx, identity, permission, obj, driver)
        if ctx.app.debug:
            who = repr(identity.user.get_id()) if identity.known else "nobody"
            ctx.app.logger.info("auth: %s to %s: %s", permission, who, decision)
        if not decision:
            if not _is_somebody(identity):
                answer = await driver.call(Auth.of(ctx.app).realm(identity.realm).unauthorized)
                return answer if answer is not None else abort(401)
            raise _denied(ctx, identity, permission, decision)
    return None


def _denied(ctx: Any, identity: Identity, permission: str, decision: Decision) -> Forbidden:
    """Make the 403 and note it; the reasons are said in debug only."""
    facts = {"permission": permission, "method": identity.method}
    Auth.of(ctx.app).event("access.refused", ctx, identity.realm, identity.user, **facts)
    error = _Denied(f"{permission}: {decision}" if ctx.app.debug else None)
    if decide_by_scopes(permission, identity.scopes) is not None:
        error.challenge = Challenge(realm=identity.realm, error="insufficient_scope", scope=permission)
    return error


def _give(answer: Any) -> None:
    """Give the answer to nobody, if it is one, where there is no view to return it from."""
    if answer is not None:
        abort(make_response(answer))


class Requirement:
    """Permissions that a view, or all views of a blueprint, ask for; see :func:`requires`."""

    def __init__(self, permissions: tuple[str, ...]) -> None:
        self.permissions = permissions

    def __repr__(self) -> str:
        return f"requires({', '.join(map(repr, self.permissions))})"

    def __call__(self, view: F) -> F:
        """Put this in front of a view, plain or asynchronous, or of a class-based one."""
        if isinstance(view, type):
            cast(Any, view).decorators = [*getattr(view, "decorators", ()), self]
            return cast(F, view)
        guarded: Any = self._guard_async(view) if iscoroutinefunction(view) else self._guard_plain(view)
        guarded.requires_plugin = NAME
        return cast(F, guarded)

    def _guard_async(self, view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            ctx: Any = current_context()
            if ctx.method not in EXEMPT_METHODS:
                identity = await load_identity(ctx)
                answer = await _refusal(ctx, identity, self.permissions, None, OnLoop(ctx.app))
                if answer is not None:
                    return answer
            return await view(*args, **kwargs)

        return guarded

    def _guard_plain(self, view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            ctx: Any = current_context()
            answer = self._refusal(ctx)
            return answer if answer is not None else ctx.app.ensure_sync(view)(*args, **kwargs)

        return guarded

    def _refusal(self, ctx: Any) -> Any:
        if ctx.method in EXEMPT_METHODS:
            return None
        return run(_refusal(ctx, ctx.identity, self.permissions, None, _driver(ctx)))

    def check(self) -> None:
        """Refuse the request of the moment unless it may; for all views of a blueprint.

        ::

            admin.before_request(requires("site:manage").check)
        """
        _give(self._refusal(current_context()))


# -- the face


def requires(*permissions: str) -> Requirement:
    """Let only people call a view who have all of these permissions.

    Others get a 403. Nobody gets what :meth:`trivet_auth.LoginManager.unauthorized` says: the page to sign in on, or a
    401. ``OPTIONS`` is answered to everybody. Views are plain or asynchronous functions, or classes.

    :raises ValueError: a permission's name cannot be one.
    :raises TypeError: there is no permission.

    ::

        @app.delete("/tasks/<int:id>")
        @requires("tasks:write")
        def delete(id): ...
    """
    if not permissions or not all(isinstance(one, str) for one in permissions):
        raise TypeError(
            'requires() needs to know what: @requires("tasks:write"). For everybody there is @login_required.'
        )
    return Requirement(tuple(check_name(one) for one in permissions))


def explain(permission: str, obj: object = None) -> Decision:
    """Return whether who is asking may do something, and why. Keep the reasons from them: they name roles and scopes.

    In order, the first that knows decides:

    1. Nobody may do anything.
    2. A token may do nothing that is not in its scopes.
    3. The hook ``trivet_auth_authorize``.
    4. With an object, the rules of the permission, see :func:`rule`: one that refuses outweighs those that grant.
    5. The user's ``permissions``, and the ``roles`` as ``[auth.roles]`` declares them.

    :param obj: what it is to be done to.
    :raises ValueError: the permission's name cannot be one.
    :raises RuntimeError: something asynchronous takes part, and this is plain code on an event loop: see
        :func:`explain_async`.
    """
    ctx: Any = current_context()
    return run(_decide(ctx, ctx.identity, permission, obj, _driver(ctx)))


async def explain_async(permission: str, obj: object = None) -> Decision:
    """Do the same in asynchronous code, waiting for asynchronous rules.

    ::

        if await explain_async("tasks:write", task):
            ...
    """
    ctx: Any = current_context()
    return await _decide(ctx, await load_identity(ctx), permission, obj, OnLoop(ctx.app))


def can(permission: str, obj: object = None) -> bool:
    """Tell whether who is asking may do something; :func:`explain` says how that is found, and why.

    ::

        if can("tasks:write", task):
            ...
    """
    return explain(permission, obj).allowed


def authorize(permission: str, obj: object = None) -> None:
    """Go on only if who is asking may do something; :func:`explain` says how that is found.

    :param obj: what it is to be done to.
    :raises HTTPException: they may not: 403; or the page to sign in on, or 401, if nobody has signed in.

    ::

        task = find_task(id)
        authorize("tasks:write", task)
        task.done = True
    """
    ctx: Any = current_context()
    _give(run(_refusal(ctx, ctx.identity, (permission,), obj, _driver(ctx))))


async def authorize_async(permission: str, obj: object = None) -> None:
    """Do the same in asynchronous code, waiting for asynchronous rules.

    ::

        await authorize_async("tasks:write", task)
    """
    ctx: Any = current_context()
    _give(await _refusal(ctx, await load_identity(ctx), (permission,), obj, OnLoop(ctx.app)))

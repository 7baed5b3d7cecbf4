"""The plugin: the policy put around every answer, and asked before anything else looks at the request."""

from collections.abc import Generator
from typing import Any

from trivet import Plugin, StashKey, hookimpl

from .policy import (
    ORIGIN,
    PREFLIGHT_VARY,
    REQUEST_METHOD,
    Options,
    Pairs,
    Policy,
    PolicyError,
    compile_policy,
    merge_vary,
)

NAME = "cors"
#: Set in a context whose preflight has been answered.
ANSWERED = StashKey[bool]("cors.answered")

plugin = Plugin(
    name=NAME,
    summary="Cross-origin resource sharing: which other sites may read answers.",
    options=Options,
)


@hookimpl
def trivet_setup(app: Any, options: Options) -> None:
    """Compile the policy; what is wrong with it is said with the place where it was written."""
    try:
        policy = app.extensions[NAME] = compile_policy(options)
    except PolicyError as error:
        places = {one.name: one.origin for one in app.plugins.describe_options(NAME, app.config)}
        raise PolicyError(error.option, error.advice, places.get(error.option)) from None
    # Whoever may ask may also change something. "*" trusts nobody: it is for those who identify nobody.
    app.trusted_origins.update(policy.origins.exact - {"null"})
    app.trusted_origins.trust_if(policy.origins.match)


@hookimpl
def trivet_describe(app: Any) -> list[str]:
    """Say whom the policy lets in."""
    policy: Policy | None = app.extensions.get(NAME)
    if policy is None:
        return []
    return policy.describe()


@hookimpl(tryfirst=True, specname="trivet_handle_request")
def answer_first(ctx: Any) -> Any:
    """Answer preflights before anything else runs."""
    return _answer_preflight(ctx) if ctx.method == "OPTIONS" else None


@hookimpl(tryfirst=True, wrapper=True)
def trivet_handle_request(ctx: Any) -> Generator[None, Any, Any]:
    """Put the headers on whatever answer there is."""
    response = yield
    policy: Policy = ctx.app.extensions[NAME]
    if ctx.method == "OPTIONS" and ANSWERED in ctx.stash:
        return response
    if policy.varies:
        origin = ctx.header(ORIGIN)
        _share(response.headers, policy.answer(origin) if origin is not None else None)
        _vary(response.headers, ORIGIN)
    elif policy.everyone:
        _share(response.headers, policy.everyone)
    return response


def _share(headers: Any, pairs: Pairs | None) -> None:
    for name, value in pairs or ():
        headers[name] = value


def _vary(headers: Any, names: str) -> None:
    existing = headers.getlist("Vary")
    if not existing:
        headers.add("Vary", names)
    else:
        headers["Vary"] = merge_vary(", ".join(existing), names)


def _answer_preflight(ctx: Any) -> Any:
    """Answer a CORS-preflight request (Fetch, "HTTP requests"); None if it is none, or for no such path."""
    origin = ctx.header(ORIGIN)
    if origin is None or ctx.header(REQUEST_METHOD) is None:
        return None
    methods = _methods(ctx)
    if not methods:
        return None
    policy: Policy = ctx.app.extensions[NAME]
    pairs = policy.preflight(origin, methods)
    if pairs is None:
        response = _refusal(ctx, "This origin is not allowed to ask for this.")
    else:
        response = ctx.app.response_class(status=204)
        del response.headers["Content-Type"]
        _share(response.headers, pairs)
    _vary(response.headers, PREFLIGHT_VARY)
    ctx.stash[ANSWERED] = True
    return response


def _methods(ctx: Any) -> list[str]:
    """Return the methods that the path really has; none if it does not exist."""
    error = ctx.routing_error
    if ctx.rule is not None or error.code == 405:
        return list(ctx.app.allowed_methods(ctx))
    if error.code == 308:
        # A browser follows no redirect of a preflight, but one of the request that comes after it.
        return sorted(ctx.url_adapter.allowed_methods(f"{ctx.path}/"))
    return []


def _refusal(ctx: Any, text: str) -> Any:
    return ctx.app.response_class(f"{text}\n", status=403, mimetype="text/plain")

"""The plugin: each route's policy put around its answers, and asked before anything else looks at the request."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from trivet import ConfigError, Plugin, StashKey, hookimpl, specialised

from .attach import Options, Policies
from .origins import Origin, parse
from .policy import (
    MAX_AGE,
    ORIGIN,
    PREFLIGHT_VARY,
    REQUEST_METHOD,
    REQUEST_PRIVATE,
    STRANGERS,
    Fields,
    Policy,
    PolicyError,
)

NAME = "cors"
#: The answer to the preflight of a context, unless somebody puts another in its place.
ANSWERED = StashKey[Any]("cors.answered")
#: How many answers to preflights are remembered.
_REMEMBERED = 1024
_PRIVATE_GRANTED: Fields = (("Access-Control-Allow-Private-Network", "true"),)

plugin = Plugin(
    name=NAME,
    summary="Cross-origin resource sharing: which other sites may read answers.",
    before=("*",),  # outermost: every answer carries the headers, and preflights meet nobody else
    options=Options,
)


def enable(app: Any) -> None:
    """Enable the plugin unless configuration has done so, or has switched it off."""
    found = app.plugins.found.get(NAME)
    if app.sealing and NAME not in app.extensions and (found is None or not found.enabled):
        raise PolicyError("plugins", 'setup is going on already; add "cors" to the plugins in the configuration')
    if found is not None:
        if found.enabled or found.why_disabled.startswith("disabled by"):
            return
        del app.plugins.found[NAME]
    app.plugins.register(__import__(__name__, fromlist=["plugin"]))


@hookimpl
def trivet_setup(app: Any, options: Options) -> None:
    """Compile the policies; what is wrong with one is said with the place where it was written."""
    with _placed(app):
        policies = app.extensions[NAME] = Policies(app, options)
    # Whoever may ask may also change something. "*", and what comes to the same, trusts nobody: it is for those who
    # identify nobody.
    app.trusted_origins.trust_for(lambda ctx, origin: _trusts(policies.of_request(ctx), origin))


class PolicySetupError(PolicyError, ConfigError):
    """A policy that is wrong when setup ends; the message begins with its place."""


@contextmanager
def _placed(app: Any) -> Iterator[None]:
    """Say where an option was written, if that is known."""
    try:
        yield
    except PolicyError as error:
        place = error.place
        if place is None:
            option, dot, rest = error.option.partition(".")
            places = {one.name: one.origin for one in app.plugins.describe_options(NAME, app.config)}
            place = f"{places.get(option, option)}{dot}{rest}"
        raise PolicySetupError(error.option, error.advice, place) from None


def _lets_in(policy: Policy | None, origin: str) -> bool:
    return policy is not None and policy.origins.match(origin) is not None


def _trusts(policy: Policy | None, origin: str) -> bool:
    if policy is None or policy.origins.match(origin) is None:
        return False
    return not any(policy.origins.match(stranger) for stranger in STRANGERS)


@hookimpl
def trivet_describe(app: Any) -> list[str]:
    """Say whom the application's policy lets in, and how many routes have another."""
    policies: Policies | None = app.extensions.get(NAME)
    return policies.describe() if policies is not None else []


@hookimpl
def trivet_commands(app: Any) -> Any:
    """Bring ``trivet cors``."""
    from .command import make_command  # here, because serving does without it

    return make_command(app)


# -- what comes first


@hookimpl(tryfirst=True, specname="trivet_handle_request")
@specialised("bind_first", by_route=True)
def answer_first(ctx: Any) -> Any:
    """Answer preflights, and refuse handshakes of other origins' pages, before anything else runs."""
    first = bind_first(ctx.plan, None)
    return first(ctx) if first is not None else None


def bind_first(route: Any, bridge: Any) -> Callable[[Any], Any] | None:
    """Return what answers a route's requests first; nothing for routes that have no OPTIONS and are no socket."""
    policies: Policies | None = route.app.extensions.get(NAME)
    if policies is None:
        return None
    if route.endpoint is None:
        with _placed(route.app):
            policies.decide()  # here, because now every plugin has declared its routes
    if route.automatic or route.endpoint is None:
        return policies.once(_answering)
    rules = list(route.app.url_map.iter_rules(route.endpoint))
    if any(rule.websocket for rule in rules) and not route.app.plugins.found["csrf"].enabled:
        return policies.once(_guarding)
    if any(_answers_options(rule) for rule in rules):
        return policies.once(_answering)
    return None


def _answers_options(rule: Any) -> bool:
    """Tell whether requests with ``OPTIONS`` reach the view."""
    if rule.websocket or getattr(rule, "provide_automatic_options", False):
        return False
    return rule.methods is None or "OPTIONS" in rule.methods


def _answering(policies: Policies) -> Callable[[Any], Any]:
    remembered: dict[tuple[str, str, str], Fields] = {}
    return lambda ctx: _answer_preflight(policies, remembered, ctx)


def _guarding(policies: Policies) -> Callable[[Any], Any]:
    answer = policies.once(_answering)
    return lambda ctx: _refuse_handshake(policies, ctx) if ctx.rule.websocket else answer(ctx)


def _answer_preflight(policies: Policies, remembered: dict[tuple[str, str, str], Fields], ctx: Any) -> Any:
    """Answer a CORS-preflight request (Fetch, "HTTP requests"); None if it is none, or for no such path."""
    origin, method = ctx.header(ORIGIN), ctx.header(REQUEST_METHOD)
    if origin is None or method is None or ctx.method != "OPTIONS":
        return None
    if ctx.routing_error is not None and ctx.routing_error.code == 400:
        return None  # the request itself is malformed, or for a host that is not trusted
    path = ctx.path
    fields = remembered.get((origin, path, method))
    if fields is None:
        rules = policies.rules_for(ctx)
        policy = policies.of_preflight(ctx, rules, method)
        if policy is None or not policy.automatic:
            return None
        granted = _granted(policies, policy, rules, ctx)
        if granted is None:
            response = ctx.stash[ANSWERED] = _refusal(ctx, policy)
            return response
        fields = granted
        # Bounded, and by names that are written somewhere: nobody can push others out by asking for nonsense.
        if path in ctx.app.exact and method in rules and origin in policy.ready and not policy.private_network:
            if len(remembered) >= _REMEMBERED:
                remembered.clear()
            remembered[origin, path, method] = fields
    response = ctx.stash[ANSWERED] = ctx.app.response_class.prepared(204, fields)
    return response


def _granted(policies: Policies, policy: Policy, rules: Mapping[str, Any], ctx: Any) -> Fields | None:
    """Return the fields that grant what a preflight asks for; None is a refusal."""
    # Only methods that have the very same policy: a browser remembers leave for each of them.
    methods = [name for name, rule in rules.items() if policies.of_endpoint(rule.endpoint) == policy]
    fields = policy.preflight(ctx.header(ORIGIN), methods)
    if fields is None:
        return None
    if len(methods) < len(rules):
        # It remembers leave for header names whatever the method is (Fetch, "CORS-preflight cache").
        fields = tuple((name, "0" if name == MAX_AGE else value) for name, value in fields)
    private = policy.private_network and ctx.header(REQUEST_PRIVATE) == "true"
    return (*fields, *(_PRIVATE_GRANTED if private else ()), ("Vary", _vary(policy)))


def _vary(policy: Policy) -> str:
    return f"{PREFLIGHT_VARY}, {REQUEST_PRIVATE}" if policy.private_network else PREFLIGHT_VARY


def _refusal(ctx: Any, policy: Policy) -> Any:
    ctx.fields = (("Vary", _vary(policy)),)
    text = "This origin is not allowed to ask for this.\n"
    return ctx.app.response_class(text, status=403, mimetype="text/plain")


def _refuse_handshake(policies: Policies, ctx: Any) -> Any:
    """Refuse a WebSocket handshake of a page from elsewhere, which browsers send without asking, cookies and all.

    Where the core's cross-origin protection is on, it has done this already.
    """
    sent = ctx.header(ORIGIN)
    policy = policies.of_request(ctx)
    if sent is None or policy is None or policy.origins.everyone or _lets_in(policy, sent):
        return None
    origin = parse(sent)
    if origin is not None and _is_own(ctx, origin):
        return None
    text = "Cross-origin WebSocket handshake refused: this origin is not allowed here.\n"
    return ctx.app.response_class(text, status=403, mimetype="text/plain")


def _is_own(ctx: Any, origin: Origin) -> bool:
    """Compare an origin with the ``Host`` header; behind a proxy that ends TLS, https looks like http."""
    if origin.scheme not in ("http", "https") or parse(f"{origin.scheme}://{ctx.header('Host')}") != origin:
        return False
    return origin.scheme == "https" or ctx.environ.get("wsgi.url_scheme") not in ("https", "wss")


# -- what comes last


@hookimpl(tryfirst=True, wrapper=True)
@specialised("bind_last", by_route=True)
def trivet_handle_request(ctx: Any) -> Generator[None, Any, Any]:
    """Put the headers on whatever answer there is."""
    response = yield
    last = bind_last(ctx.plan, None)
    return last(response, ctx) if last is not None else response


def bind_last(route: Any, bridge: Any) -> Callable[[Any, Any], Any] | None:
    """Return what completes a route's answers; nothing where its policy never says anything."""
    policies: Policies | None = route.app.extensions.get(NAME)
    if policies is None:
        return None
    if route.endpoint is None:
        return policies.once(_sharing_by_request)
    with _placed(route.app):
        policy = policies.of_endpoint(route.endpoint)
    if policy is None:
        return None
    if route.automatic or not policy.automatic:
        return policies.once(_sharing_with_options, policy)
    return None if policy.silent else policies.once(_sharing, policy)


def _sharing_by_request(policies: Policies) -> Callable[[Any, Any], Any]:
    return lambda response, ctx: _share(policies, policies.of_request(ctx), response, ctx)


def _sharing_with_options(policies: Policies, policy: Policy) -> Callable[[Any, Any], Any]:
    return lambda response, ctx: _share(policies, policy, response, ctx)


def _sharing(policies: Policies, policy: Policy) -> Callable[[Any, Any], Any]:
    """Return the shortest way to complete an answer that is no preflight's."""
    ready = policy.ready.get

    def share(response: Any, ctx: Any) -> Any:
        # Not put on the response itself: a view may return one object to many origins.
        ctx.fields = ready(ctx.header("Origin")) or policy.answer(ctx.header("Origin"))
        return response

    return share


def _share(policies: Policies, policy: Policy | None, response: Any, ctx: Any) -> Any:
    """Complete an answer that may be a preflight's."""
    answered = ctx.stash.get(ANSWERED, None) if ctx.method == "OPTIONS" else None
    if answered is response and answered is not None:
        return response
    origin, method = ctx.header(ORIGIN), ctx.header(REQUEST_METHOD)
    if ctx.method == "OPTIONS" and origin is not None and method is not None:
        rules = policies.rules_for(ctx)
        asked = policies.of_preflight(ctx, rules, method) or policy
        if asked is not None and (answered is not None or not asked.automatic):
            granted = _granted(policies, asked, rules, ctx)
            refused = tuple(one for one in asked.answer(origin) if one[0] != "Vary")
            ctx.fields = granted if granted is not None else (*refused, ("Vary", _vary(asked)))
            return response
    if policy is not None:
        ctx.fields = policy.answer(origin)
    return response

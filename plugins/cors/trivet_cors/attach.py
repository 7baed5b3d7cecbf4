"""Which policy belongs to which route: decided once, for the rules that the router has, when setup ends."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
from werkzeug.routing.exceptions import RequestRedirect

from .familiar import translate
from .policy import KNOWN_METHODS, Policy, PolicyError, PolicyOptions, compile_policy, nearest_name

T = TypeVar("T")

POLICY_FIELDS = tuple(one.name for one in msgspec.structs.fields(PolicyOptions))
#: Under this name a view, a view class or a blueprint carries its policy.
ATTRIBUTE = "trivet_cors_policy"


class Written(NamedTuple):
    """A policy as it was written in code.

    :ivar name: of a policy in the configuration, or None.
    :ivar options: what it says beyond that one, or beyond the application's.
    :ivar place: ``file:line``.
    """

    name: str | None
    options: Mapping[str, Any]
    place: str


class Options(PolicyOptions, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The policy of the application, and who has another one. See also :class:`PolicyOptions`.

    :ivar policies: policies by name; each says only what it has different from the application's.
    :ivar blueprints: names of policies by the names of the blueprints that have them.
    :ivar routes: names of policies by the endpoints that have them.
    :ivar resources: policies by the paths that rules begin with, as ``"/api/*"``, or that they are; then other
        rules have none. A policy is a table of options, or origins alone.
    :ivar supports_credentials: what Flask-CORS calls ``credentials``.
    :ivar allow_private_network: what Flask-CORS calls ``private_network``.
    :ivar send_wildcard: Flask-CORS's; ``"*"`` is always sent as it is.
    :ivar vary_header: Flask-CORS's; ``Vary`` is always sent.
    :ivar intercept_exceptions: Flask-CORS's; errors always carry the headers.
    """

    policies: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    blueprints: dict[str, str] = msgspec.field(default_factory=dict)
    routes: dict[str, str] = msgspec.field(default_factory=dict)
    resources: str | tuple[Any, ...] | dict[Any, Any] | None = None
    supports_credentials: bool | None = None
    allow_private_network: bool | None = None
    send_wildcard: bool | None = None
    vary_header: bool | None = None
    intercept_exceptions: bool | None = None


class Policies:
    """The policies of one application.

    :ivar default: the application's own policy.
    :ivar plain: whether there is no other one.

    :raises PolicyError: a policy is wrong in itself; the message names the option.
    """

    def __init__(self, app: Any, options: Options) -> None:
        self._app = app
        self._options = options
        defaults = {one.name: one.default for one in msgspec.structs.fields(Options)}
        given = {name: getattr(options, name) for name in Options.__struct_fields__}
        # What is not written contradicts nothing.
        given = {name: value for name, value in given.items() if value is not defaults[name]}
        self._base = {name: value for name, value in translate(given).items() if name in POLICY_FIELDS}
        self.default: Policy = compile_policy(typed(self._base))
        self._named = {name: self._compile(f"policies.{name}", one) for name, one in options.policies.items()}
        self._resources = [
            (_Resource.read(path), self._compile(f"resources.{path}", _as_options(one)))
            for path, one in _as_table(options.resources).items()
        ]
        self._by_endpoint: dict[str, Policy | None] = {}
        self._written: dict[int, Policy] = {}
        self._kept: list[Written] = []
        self._made: dict[Any, Any] = {}
        self.attached: dict[str, Written] = app.extensions.setdefault("cors.blueprints", {})

    def once(self, make: Callable[..., T], *policy: Policy) -> T:
        """Return what ``make(policies, *policy)`` returns, made once: routes of one policy share it."""
        key = (make, *map(id, policy))
        if key not in self._made:
            self._made[key] = make(self, *policy)
        made: T = self._made[key]
        return made

    @property
    def plain(self) -> bool:
        """Tell whether every route has the application's own policy."""
        known = self._by_endpoint.values()
        return not self._resources and not self.attached and all(one is self.default for one in known)

    def _compile(self, option: str, own: Mapping[str, Any]) -> Policy:
        try:
            return compile_policy(typed({**self._base, **translate(own)}))
        except PolicyError as error:
            raise PolicyError(f"{option}.{error.option}", error.advice) from None

    def decide(self) -> None:
        """Decide for every route, anew where routes have changed since.

        :raises PolicyError: a policy contradicts itself, or a name is not there.
        """
        self._by_endpoint.clear()
        self._made.clear()
        self.check_names()
        for written in self.attached.values():
            self._read(written)
        for rule in self._app.url_map.iter_rules():
            self.of_endpoint(rule.endpoint)
            self._refuse_lost(rule.endpoint)

    def _refuse_lost(self, endpoint: str) -> None:
        """Refuse a policy at a method of a view class, where nobody looks for it."""
        kind = getattr(self._app.view_functions.get(endpoint), "view_class", None)
        for name in dir(kind) if kind is not None else ():
            lost = getattr(getattr(kind, name, None), ATTRIBUTE, None)
            if lost is not None:
                advice = f"a method, {name}(), has no policy of its own; put the decorator at the class"
                raise PolicyError("policy", advice, f"{lost.place}: policy")

    def check_names(self) -> None:
        """Check that every endpoint, blueprint and policy which the configuration names is there.

        :raises PolicyError: it is not; with the nearest name.
        """
        for option, there in (("blueprints", self._app.blueprints), ("routes", self._app.view_functions)):
            for name, policy in getattr(self._options, option).items():
                if name not in there:
                    kind = "endpoint" if option == "routes" else "blueprint"
                    raise PolicyError(option, f"there is no {kind} {name!r}{nearest_name(name, there)}")
                self._find(policy, option)

    def _find(self, name: str, option: str) -> Policy:
        if name not in self._named:
            raise PolicyError(
                option, f"there is no policy {name!r} in [cors.policies]{nearest_name(name, self._named)}"
            )
        return self._named[name]

    def of_endpoint(self, endpoint: str) -> Policy | None:
        """Return the policy of a route; None where there is none, as for rules outside of all ``resources``."""
        if endpoint not in self._by_endpoint:
            self._by_endpoint[endpoint] = self._decide(endpoint)
        return self._by_endpoint[endpoint]

    def _decide(self, endpoint: str) -> Policy | None:
        own = self._own(endpoint)
        if own is not None:
            return self._read(own)
        if endpoint in self._options.routes:
            return self._find(self._options.routes[endpoint], "routes")
        return self._of_blueprints(self._app.scopes_of(endpoint)) or self._of_rules(endpoint)

    def _own(self, endpoint: str) -> Written | None:
        """Return what is written at a view, or at the class it comes from."""
        view = self._app.view_functions.get(endpoint)
        return getattr(view, ATTRIBUTE, None) or getattr(getattr(view, "view_class", None), ATTRIBUTE, None)

    def whence(self, endpoint: str | None, policy: Policy | None = None) -> str:
        """Say in words where the policy of a route is written, or the one that a request without route has."""
        if endpoint is None:
            return "the application's" if policy is self.default else "that of the part its path belongs to"
        own = self._own(endpoint)
        if own is not None:
            return f"written at the view ({own.place})"
        if endpoint in self._options.routes:
            return f"{self._options.routes[endpoint]!r}, by the option routes"
        for name in self._app.scopes_of(endpoint):
            if name in self.attached:
                return f"written for the blueprint {name!r} ({self.attached[name].place})"
            if name in self._options.blueprints:
                return f"{self._options.blueprints[name]!r}, by the option blueprints"
        return "by the option resources" if self._resources else "the application's"

    def _read(self, own: Written) -> Policy:
        """Compile what a decorator says, once.

        :raises PolicyError: naming the place.
        """
        known = self._written.get(id(own))
        if known is not None:
            return known
        try:
            if own.name is not None:
                self._find(own.name, "policy")
            base = self._options.policies[own.name] if own.name is not None else {}
            policy = compile_policy(typed({**self._base, **translate(base), **translate(own.options)}))
            if not policy.varies and not policy.origins.everyone and "origins" not in own.options:
                raise PolicyError("origins", 'nobody is let in; write origins="*" for everybody, or list them')
        except PolicyError as error:
            raise PolicyError(error.option, error.advice, f"{own.place}: {error.option}") from None
        self._written[id(own)] = policy
        self._kept.append(own)  # so that no other has its id
        return policy

    def _of_blueprints(self, scopes: tuple[str, ...]) -> Policy | None:
        for name in scopes:
            if name in self.attached:
                return self._read(self.attached[name])
            if name in self._options.blueprints:
                return self._find(self._options.blueprints[name], "blueprints")
        return None

    def _of_rules(self, endpoint: str) -> Policy | None:
        if not self._resources:
            return self.default
        rules = list(self._app.url_map.iter_rules(endpoint))
        found = [self._of_text(rule.rule) for rule in rules]
        for rule, policy in zip(rules, found, strict=True):
            if policy is not found[0]:
                raise PolicyError(
                    "resources",
                    f"{rules[0].rule!r} and {rule.rule!r}, both of the endpoint {endpoint!r}, have different policies; "
                    "give the view one of its own with @cors(...)",
                )
        return found[0] if found else None

    def _of_text(self, text: str) -> Policy | None:
        fitting = [(resource.weight, policy) for resource, policy in self._resources if resource.matches(text)]
        return max(fitting, key=lambda one: one[0])[1] if fitting else None

    def of_request(self, ctx: Any) -> Policy | None:
        """Return the policy of a request: of its route, or where there is none, of whom its path belongs to."""
        if ctx.rule is not None:
            return self.of_endpoint(ctx.rule.endpoint)
        if self.plain:
            return self.default
        return self._of_lost(ctx)

    def of_preflight(self, ctx: Any, rules: Mapping[str, Any], method: str) -> Policy | None:
        """Return the policy of the route that the request would reach for which a preflight asks.

        :param rules: the rules of its path, by method; none: there is no such path, and no policy to answer with.
        """
        rule = rules.get(method) or ctx.rule or next(iter(rules.values()), None)
        return self.of_endpoint(rule.endpoint) if rule is not None else None

    def _of_lost(self, ctx: Any) -> Policy | None:
        if ctx.routing_error.code == 405 or isinstance(ctx.routing_error, RequestRedirect):
            rules = self.rules_for(ctx)
            policies = [self.of_endpoint(rule.endpoint) for rule in rules.values()]
            if policies and all(one == policies[0] for one in policies):
                return policies[0]
        owner = self._of_blueprints(self._app.error_scopes(ctx))
        if owner is not None:
            return owner
        return self._of_text(ctx.path) if self._resources else self.default

    def rules_for(self, ctx: Any) -> dict[str, Any]:
        """Return the rules of the path of a request, by method; of the one that routing redirects it to, if it does."""
        rules: dict[str, Any] = self._app.rules_for(ctx, ctx.path)
        if not rules and ctx.rule is not None and ctx.rule.methods is None:
            return dict.fromkeys(sorted(KNOWN_METHODS), ctx.rule)  # a rule for all methods there are
        if not rules and isinstance(ctx.routing_error, RequestRedirect):
            # A browser follows no redirect of a preflight, but one of the request that comes after it.
            path = unquote(urlsplit(ctx.routing_error.new_url).path)
            rules = self._app.rules_for(ctx, f"/{path.removeprefix(ctx.request.root_path).lstrip('/')}")
        return rules

    def describe(self) -> list[str]:
        """Return lines for people who check an installation."""
        others = sum(one is not self.default for one in self._by_endpoint.values())
        return [*self.default.describe(), *([f"routes with a policy of their own: {others}"] if others else [])]


class _Resource(NamedTuple):
    """A key of ``resources``; longer ones come before shorter ones, whole paths before beginnings."""

    weight: tuple[int, int]
    path: str | re.Pattern[str]

    @classmethod
    def read(cls, written: Any) -> "_Resource":
        if isinstance(written, re.Pattern):
            return cls((0, len(written.pattern)), written)
        if not isinstance(written, str):
            raise PolicyError("resources", f"{written!r} is no path; write it as in '/api/*'")
        start = written.removesuffix("*")
        if not re.fullmatch(r"(/[\w.~<>:@!,;=-]*)*", start) or (start != written and not start.endswith("/") and start):
            raise PolicyError(
                "resources",
                f"{written!r} is compared literally, but for one '/*' at its end; write it as in '/api/*', or give "
                "a regular expression for whole rules as re.compile(...), from code",
            )
        return cls((1, len(start)), start) if start != written else cls((2, len(start)), start)

    def matches(self, text: str) -> bool:
        if not isinstance(self.path, str):
            return self.path.fullmatch(text) is not None
        if self.weight[0] == 2:
            return text == self.path
        return text.startswith(self.path) or f"{text}/" == self.path


def check_written(options: Mapping[str, Any]) -> None:
    """Check what can be known of an application's options before its routes are.

    :raises PolicyError: for an unknown option, a value that does not fit or a contradiction.
    """
    for name in options:
        if name not in Options.__struct_fields__:
            raise PolicyError(name, f"there is no such option{nearest_name(name, Options.__struct_fields__)}")
    own = {
        name: value for name, value in options.items() if name not in ("blueprints", "routes", "policies", "resources")
    }
    compile_policy(typed(translate(own)))
    named = options.get("policies") or {}
    if not isinstance(named, Mapping) or not all(isinstance(one, Mapping) for one in named.values()):
        raise PolicyError("policies", 'write a table for each, as in {"public": {"origins": "*"}}')
    for written in named.values():
        compile_policy(typed(translate(written)))
    for path, written in _as_table(options.get("resources")).items():
        _Resource.read(path)
        compile_policy(typed(translate(_as_options(written))))


def _as_table(resources: Any) -> dict[Any, Any]:
    if resources is None or isinstance(resources, dict):
        return resources or {}
    if not isinstance(resources, (str, list, tuple)):
        raise PolicyError("resources", f"{resources!r} is no path; write it as in '/api/*', or a table of paths")
    return {path: {} for path in ((resources,) if isinstance(resources, str) else resources)}


def _as_options(written: Any) -> Mapping[str, Any]:
    return written if isinstance(written, Mapping) else {"origins": written}


def typed(options: Mapping[str, Any]) -> PolicyOptions:
    """Check the options of one policy by name and type.

    :raises PolicyError: for an option that does not exist or a value that does not fit.
    """
    for name, value in options.items():
        if name not in POLICY_FIELDS:
            raise PolicyError(name, f"there is no such option{nearest_name(name, POLICY_FIELDS)}")
        if name == "max_age" and isinstance(value, str):
            raise PolicyError(name, f"write a number of seconds or a timedelta (it is {value!r})")
        try:
            msgspec.convert({name: value}, PolicyOptions)
        except msgspec.ValidationError as error:
            raise PolicyError(name, f"{error} (it is {value!r})") from None
    return msgspec.convert(dict(options), PolicyOptions)

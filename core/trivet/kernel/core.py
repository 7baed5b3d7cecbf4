"""The kernel of an application: routes, hooks bound to them, and the two protocols."""

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from inspect import isawaitable
from typing import Any, Protocol, TypeVar, cast

from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    SecurityError,
)
from werkzeug.routing import Rule
from werkzeug.routing.exceptions import WebsocketMismatch

from .asgi import make_asgi
from .chains import Chain, compile_hook, is_coroutine_function, link
from .context import Context, RequestContext
from .environ import AsgiContext
from .errors import ConflictError, SealedError, SetupError, caller_place, place_of
from .http import HostCheck, UpgradeRequired, decode_path, is_length, lazy
from .lifecycle import Flow, Plan, call_view, raise_routing_error, respond
from .lifespan import Lifespan
from .registrar import Registrar
from .routing import Miss, RuleMap, Tables, Unsure
from .stash import Stash
from .wsgi import WsgiSide

C = TypeVar("C", bound=Context)

#: Methods that change nothing and that browsers send across origins without asking.
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))

#: A step of the lifecycle, its hook and that hook's arguments.
STEPS = (
    ("handle", "trivet_handle_request", ("ctx",)),
    ("before", "trivet_before_request", ("ctx",)),
    ("call", "trivet_call_view", ("ctx",)),
    ("respond", "trivet_make_response", ("ctx", "value")),
    ("recover", "trivet_handle_error", ("ctx", "error")),
    ("after", "trivet_after_request", ("ctx", "response")),
)


class Intake(Protocol):
    """Changes requests before anything else sees them, however the application is called."""

    def environ(self, environ: dict[str, Any]) -> None:
        """Change a WSGI environ in place."""

    def scope(self, scope: dict[str, Any]) -> dict[str, Any]:
        """Return an ASGI scope to be used instead."""


class Kernel(WsgiSide):
    """Routes requests and walks them through their lifecycle; everything else is a plugin's.

    :param name: the application's name, for messages and logs.
    :param hook: pluggy's relay, whose hook callers hold the implementations.
    :param config: the configuration mapping.
    """

    request_class: Any
    response_class: Any
    namespace_class: type[Any]
    url_rule_class: type[Rule] = Rule
    url_map_class: type[RuleMap] = RuleMap
    #: The threads for plain views under ASGI: ``run(function, *args)`` returns a future of the running loop.
    workers: Any
    #: The background loop, for coroutines in synchronous code: ``run``, ``wait``, ``bridge`` and ``iterate``.
    loops: Any
    #: The classes of contexts; an application extends them with what plugins :meth:`provide`.
    context_class: type[Context] = Context
    wsgi_context_class: type[RequestContext] = RequestContext
    asgi_context_class: type[AsgiContext] = AsgiContext
    socket_context_class: type[AsgiContext] = AsgiContext
    #: The coroutine function ``(ctx)`` that answers a request for which no plugin does.
    lifecycle: Callable[[Any], Any] = staticmethod(respond)
    #: The view of requests that no rule matches.
    unmatched: Callable[[Any], Any] = staticmethod(raise_routing_error)
    #: Functions ``(ctx)`` called for each routed request with a ``Cookie`` header; they must not raise.
    on_cookie: tuple[Callable[[Any], Any], ...] = ()
    #: Whether requests may stay on the event loop under ASGI.
    may_stay_on_loop = True
    #: Logs an exception that no response can tell of any more: ``report(ctx, error, what)``.
    report: Callable[[Any, BaseException, str], None]
    #: Views by endpoint.
    view_functions: dict[str, Callable[..., Any]]
    #: Whether a malformed ``Host`` or ``Content-Length`` is answered 400 before anything looks at it.
    checks_requests = True

    def __init__(self, name: str, hook: Any, config: Any, host_matching: bool = False) -> None:
        self.name = name
        self.hook = hook
        self.config = config
        self.url_map = self.url_map_class(host_matching=host_matching)
        self.subdomain_matching = False
        self.registrar = Registrar()
        self.stash = Stash()
        #: Functions ``(ctx)`` called when a context becomes active, and when it has ended.
        self.openers: list[Callable[[Any], Any]] = []
        self.leavers: list[Callable[[Any], Any]] = []
        #: Functions ``(ctx, error)`` called when any context ends.
        self.closers: list[Callable[[Any, BaseException | None], Any]] = []
        #: What looks at every request before anything else: see :class:`Intake`.
        self.intake: list[Intake] = []
        #: Attributes that plugins add to contexts.
        self.provided: dict[str, Callable[[Any], Any]] = {}
        self.check_host = HostCheck()
        self.good_hosts = self.check_host.good
        self.sealed = False
        #: Whether setup has ended and startup has run in this process.
        self.ready = False
        self.lifespan = Lifespan(self)
        self._setup_lock = threading.RLock()
        self.sealing = False
        self._sealed_at = ""
        self._setup_failure: Exception | None = None
        self._plans: dict[tuple[str, bool, bool], Plan] = {}
        self._chains: dict[Any, Chain] = {}
        self.tables: Tables | None = None
        self.exact: dict[str, dict[str, tuple[Rule, Any]]] = {}
        self.lost: Plan
        # Servers that look for a coroutine function before they choose a protocol (uvicorn, hypercorn, daphne)
        # look it up on the instance; a call goes to the class's method all the same.
        self.asgi = self.__dict__["__call__"] = make_asgi(self)
        os.register_at_fork(after_in_child=_forget_readiness(weakref.ref(self)))

    # -- the two protocols

    def __call__(self, environ: Any, start_response: Any = None, send: Any = None) -> Any:
        """Answer by the protocol the arguments tell: two are WSGI, three are ASGI, one is ASGI's old form."""
        if send is not None:
            return self.asgi(environ, start_response, send)
        if start_response is not None:
            return self.wsgi_app(environ, start_response)
        return lambda receive, send: self.asgi(environ, receive, send)

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer one request by WSGI: a name for servers that must not have to guess."""
        return self.wsgi_app(environ, start_response)

    # -- setup

    def check_open(self, what: str) -> None:
        """Raise unless setup is still going on.

        :raises SealedError: naming ``what`` was tried, and where.
        """
        if self.sealed and not self.sealing:
            raise SealedError(
                f"{what} at {caller_place('trivet')}: setup of {self.name!r} has ended ({self._sealed_at}), so this "
                "would not reach every worker. Do it before the first request is served or app.seal() is called."
            )

    def provide(self, name: str, compute: Callable[[Any], Any]) -> None:
        """Give every context an attribute ``name``, computed by ``compute(ctx)`` on first use."""
        if name in self.provided:
            raise ConflictError(
                f"ctx.{name} is provided twice: at {place_of(self.provided[name])} and at {place_of(compute)}."
            )
        self.provided[name] = compute
        attribute = {name: lazy(compute)}
        self.context_class = _extended(self.context_class, attribute)
        self.wsgi_context_class = _extended(self.wsgi_context_class, attribute)
        self.asgi_context_class = _extended(self.asgi_context_class, attribute)
        self.socket_context_class = _extended(self.socket_context_class, attribute)

    def seal(self) -> None:
        """End setup: bind every hook to every route. Later registrations raise. Calling it again does nothing."""
        self.seal_for(f"sealed at {caller_place('trivet')}")

    def seal_for(self, reason: str) -> None:
        """Do what :meth:`seal` does, and remember why, for the message of those who come too late."""
        with self._setup_lock:
            if self._setup_failure is not None:
                raise self._setup_failure  # done again, it would declare everything once more
            if not self.sealed and not self.sealing:
                self.sealing = True
                try:
                    self.finish_setup()
                    self.rebind()
                    self.sealed = True
                    self._sealed_at = reason
                except Exception as error:
                    self._setup_failure = error
                    raise
                finally:
                    self.sealing = False

    def finish_setup(self) -> None:
        """Do what is left of setup; subclasses put their part here."""

    def start(self) -> None:
        """Get ready for requests by WSGI: end setup, run startup once in this process."""
        self.seal_for("by the first request")
        self.lifespan.start()
        self.ready = True

    async def start_on_loop(self) -> None:
        """Get ready for requests by ASGI where the server has no lifespan."""
        self.seal_for("by the first request")
        await self.lifespan.start_on_loop()
        self.ready = True

    def rebind(self) -> None:
        """Compile all chains and routing tables anew: at the end of setup, and after a late registration."""
        self._plans = {}
        self._chains = {}
        self._binders: dict[str, list[Any]] = {}
        self._blocking: dict[tuple[str, ...], bool] = {}
        self.lost = self._make_plan(None, self.unmatched, takes_ctx=True, safe=not self._may_block(()))
        self.tables = None if self.subdomain_matching else self.url_map.compile(self.plan_for)
        self.exact = self.tables.exact if self.tables is not None else {}

    def scopes_of(self, endpoint: str | None) -> tuple[str, ...]:
        """Return the names of the blueprints an endpoint belongs to, innermost first."""
        if endpoint is None or "." not in endpoint:
            return ()
        parts = endpoint.split(".")[:-1]
        return tuple(".".join(parts[:size]) for size in range(len(parts), 0, -1))

    def plan_for(self, rule: Rule, method: str) -> Plan:
        """Return the plan for a matched rule and method, made on first use."""
        endpoint = rule.endpoint
        automatic = method == "OPTIONS" and getattr(rule, "provide_automatic_options", False)
        key = (endpoint, automatic, rule.websocket)
        plan = self._plans.get(key)
        if plan is None:
            if automatic:
                plan = self._make_plan(endpoint, self.answer_options, takes_ctx=True, safe=True, automatic=True)
            else:
                view = self.view_functions.get(endpoint) or _missing_view(rule)
                if rule.websocket:
                    plan = self._make_plan(endpoint, self.socket_view(view))
                else:
                    plan = self._make_plan(endpoint, view, safe=self._is_safe(endpoint))
            self._plans[key] = plan
        return plan

    def _is_safe(self, endpoint: str) -> bool:
        """Say whether the rules of an endpoint allow only methods that change nothing (RFC 9110, 9.2.1)."""
        rules = self.url_map.iter_rules(endpoint)
        return all(rule.methods is not None and SAFE_METHODS.issuperset(rule.methods) for rule in rules)

    def _make_plan(
        self,
        endpoint: str | None,
        view: Callable[..., Any],
        takes_ctx: bool = False,
        safe: bool = False,
        automatic: bool = False,
    ) -> Plan:
        """Bind every step of the lifecycle for one endpoint, in both flavours."""
        is_async = is_coroutine_function(view)
        plan = Plan(self, endpoint, view, self.scopes_of(endpoint), automatic)
        plan.sync = Flow(self.loops.bridge(view) if is_async else view, False)
        plan.loop = Flow(view, is_async)
        for step, hook, names in STEPS:
            for flow, bridged in ((plan.sync, True), (plan.loop, False)):
                chain = self.chain(hook, names, plan, bridged, safe)
                if step == "call":
                    chain = Chain(view, False) if takes_ctx else _without_default(chain)
                if step == "handle":
                    plan.finish = chain.finish
                    chain = chain if chain.call is not None else Chain(self.lifecycle, True)
                flow.bind(step, chain)
        plan.on_loop = self.may_stay_on_loop and (is_async or (takes_ctx and not self._may_block(plan.scopes)))
        return plan

    def chain(
        self,
        hook: str,
        names: tuple[str, ...],
        plan: Plan | None = None,
        bridged: bool = True,
        safe: bool = False,
    ) -> Chain:
        """Return the compiled chain of one hook for a route; routes of one line of blueprints share it if they can.

        :param names: the hook's arguments, in the order in which the chain takes them.
        :param bridged: whether the sync driver calls it.
        :param safe: whether only methods that change nothing get there.
        """
        bridge = self.loops.bridge if bridged else None
        scopes = plan.scopes if plan is not None else ()
        by_route = self._by_route(hook) if plan is not None else []
        bound = tuple([method(plan, bridge) for method in by_route])
        key = (hook, scopes, bound, bridged, safe)
        chain = self._chains.get(key)
        if chain is None:

            def bind(method: Any, by_its_route: bool) -> Any:
                return bound[by_route.index(method)] if by_its_route and plan is not None else method(scopes, bridge)

            collect, split = hook != "trivet_after_request", hook == "trivet_handle_request"
            chain = compile_hook(getattr(self.hook, hook), names, bridge, bind, safe, collect, split)
            self._chains[key] = chain
        return chain

    def _by_route(self, hook: str) -> list[Any]:
        """Return the functions that bind implementations of a hook to each route."""
        found = self._binders.get(hook)
        if found is None:
            impls = getattr(self.hook, hook).get_hookimpls()
            marks = [(impl.plugin, getattr(impl.function, "specialised_by", ("", False))) for impl in impls]
            found = [getattr(plugin, name) for plugin, (name, by_route) in marks if by_route]
            self._binders[hook] = found
        return found

    def _may_block(self, scopes: tuple[str, ...]) -> bool:
        """Say whether synchronous code of the application or a plugin runs where there is no view."""
        if scopes not in self._blocking:
            self._blocking[scopes] = self._finds_blocking(scopes)
        return self._blocking[scopes]

    def _finds_blocking(self, scopes: tuple[str, ...]) -> bool:
        for step, hook, names in STEPS:
            if step in ("before", "recover", "after"):
                for impl in getattr(self.hook, hook).get_hookimpls():
                    bound = link(impl, names, lambda special, by_route: special if by_route else special(scopes, None))
                    if bound is not None and not bound.is_async and not hasattr(impl.function, "never_blocks"):
                        return True
        return False

    # -- requests

    def admit(self, ctx: Any, path: str | None, method: str, host: str | None, length: str | None) -> None:
        """Route a request: give ``ctx`` its rule, values and plan, or the reason why there are none.

        :param path: the decoded path; ``None`` if ``ctx.environ`` has to be decoded first.
        """
        try:
            if self.checks_requests:
                if host is not None and host not in self.good_hosts and not self.check_host(host):
                    raise SecurityError("The Host header is malformed or names a host that is not trusted.")
                if length is not None and length != "" and not is_length(length):
                    raise BadRequest("The Content-Length header is not a number.")
            if path is None:
                path = decode_path(ctx.environ)
            by_method = self.exact.get(path)
            if by_method is not None and (end := by_method.get(method)) is not None:
                ctx.rule, ctx.plan = end
                return
            if self.tables is None:
                raise Unsure
            ctx.rule, ctx.view_args, ctx.plan = self.tables.match(path, method)
        except Unsure:
            self.route_by_map(ctx)
        except Miss as miss:
            ctx.plan = self.lost
            ctx.routing_error = MethodNotAllowed(sorted(miss.rules)) if miss.rules else NotFound()
        except HTTPException as error:
            ctx.plan = self.lost
            ctx.routing_error = error

    async def serve_websocket(self, scope: Any, receive: Any, send: Any) -> None:
        """Refuse a WebSocket connection: nobody is there who knows what to do with it."""
        await receive()
        await send({"type": "websocket.close", "code": 1000})

    def socket_view(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """Return what the lifecycle calls for a WebSocket view."""
        return view

    def route_by_map(self, ctx: Any, websocket: bool = False) -> None:
        """Route by Werkzeug's map: redirects, hosts, subdomains, defaults, WebSockets."""
        try:
            adapter = ctx.url_adapter
            if adapter is None:
                raise NotFound
            rule, values = adapter.match(return_rule=True, websocket=websocket)
        except WebsocketMismatch:
            ctx.plan, ctx.routing_error = self.lost, BadRequest() if websocket else UpgradeRequired()
        except HTTPException as error:
            ctx.plan, ctx.routing_error = self.lost, error
        else:
            ctx.rule, ctx.view_args = rule, values
            ctx.plan = self.plan_for(rule, ctx.method)
        ctx.tell_request()

    def answer_options(self, ctx: Any) -> Any:
        """Answer an ``OPTIONS`` request with the methods that the path allows (RFC 9110, 9.3.7)."""
        response = self.response_class()
        response.headers["Allow"] = ", ".join(sorted(self.rules_for(ctx, ctx.path)))
        return response

    def rules_for(self, ctx: Any, path: str) -> dict[str, Rule]:
        """Return the rules that a path matches, by method; empty if there is no such path.

        :param ctx: the context of a request, of whose host the path is.
        """
        try:
            if self.tables is not None:
                self.tables.match(path, "")
        except Miss as miss:
            return miss.rules
        except Unsure:
            pass
        found: dict[str, Rule] = {}
        try:
            adapter = ctx.url_adapter
        except HTTPException:
            return found  # of a host that cannot be
        if adapter is None:
            return found
        # Werkzeug names no methods for a path that lacks the slash of a rule which is not strict, though it matches.
        for method in adapter.allowed_methods(path) or adapter.allowed_methods(f"{path}/"):
            with suppress(HTTPException):
                found[method] = adapter.match(path, method, return_rule=True)[0]
        return found

    def create_url_adapter(self, request: Any) -> Any:
        """Make what builds and matches URLs for a request; ``None`` without one."""
        if request is None:
            return None
        subdomain, server_name = None, self.config.get("SERVER_NAME")
        if self.url_map.host_matching:
            server_name = None  # it would be taken for the host that was asked
        elif not self.subdomain_matching:
            subdomain = self.url_map.default_subdomain or ""
        elif server_name:
            own = server_name.lower().removesuffix(":443" if request.scheme in ("https", "wss") else ":80")
            if request.host.lower() != own and not request.host.lower().endswith(f".{own}"):
                subdomain = "<invalid>"  # what Werkzeug says too, with a warning for each such request
        return self.url_map.bind_to_environ(request.environ, server_name=server_name, subdomain=subdomain)

    def settle(self, value: Any) -> Any:
        """Return what a hook outside of requests returned, waiting for it if it is a coroutine."""
        return self.loops.wait(value) if isawaitable(value) else value

    def context_for(self, environ: dict[str, Any]) -> RequestContext:
        """Return a routed context for a WSGI environ, to be used in a ``with`` block."""
        self.seal_for("by the first request context")
        ctx = self.wsgi_context_class(self, environ)
        host, length = environ.get("HTTP_HOST"), environ.get("CONTENT_LENGTH")
        self.admit(ctx, None, environ["REQUEST_METHOD"], host, length)
        return ctx


def _extended(cls: type[C], attributes: dict[str, Any]) -> type[C]:
    """Return a subclass of the same name that has ``attributes`` too."""
    return cast(type[C], type(cls.__name__, (cls,), {"__module__": cls.__module__, **attributes}))


def _forget_readiness(reference: "weakref.ref[Kernel]") -> Callable[[], None]:
    """Make a forked child run startup for itself, though its parent had."""

    def forget() -> None:
        app = reference()
        if app is not None:
            app.ready = False

    return forget


def _without_default(chain: Chain) -> Chain:
    """Drop a chain that is only the kernel's own way to call a view, which the lifecycle does itself."""
    return Chain(None, False) if chain.call is call_view else chain


def _missing_view(rule: Rule) -> Callable[..., Any]:
    def missing(**values: Any) -> Any:
        raise SetupError(f"The endpoint {rule.endpoint!r} of the rule {rule.rule!r} has no view function.")

    return missing

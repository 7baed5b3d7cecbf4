"""Blueprints: parts of an application that are declared apart and registered later."""

import os
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar

from .kernel.errors import SetupError, caller_place
from .scaffold import Scaffold, endpoint_of, setupmethod

F = TypeVar("F", bound=Callable[..., Any])
_SENTINEL: Any = object()


class BlueprintNameError(SetupError, ValueError):
    """Two blueprints have the same name, or a blueprint's name is not usable."""


class BlueprintSetupState:
    """What a deferred function of a blueprint is given when the blueprint is registered.

    :ivar app: the application (or, for a nested blueprint's own registration, still the application).
    :ivar blueprint: the blueprint.
    :ivar options: the options of ``register_blueprint``.
    :ivar first_registration: whether the blueprint had not been registered with the application before.
    """

    def __init__(self, blueprint: "Blueprint", app: Any, options: Any, first_registration: bool) -> None:
        self.app = app
        self.blueprint = blueprint
        self.options = options
        self.first_registration = first_registration
        subdomain = options.get("subdomain")
        self.subdomain = blueprint.subdomain if subdomain is None else subdomain
        url_prefix = options.get("url_prefix")
        self.url_prefix = blueprint.url_prefix if url_prefix is None else url_prefix
        self.name = options.get("name", blueprint.name)
        self.name_prefix = options.get("name_prefix", "")
        self.url_defaults = {**blueprint.url_values_defaults, **dict(options.get("url_defaults") or ())}

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        **options: Any,
    ) -> None:
        """Add a rule to the application, with the blueprint's prefix, subdomain, defaults and name put to it."""
        if self.url_prefix is not None:
            rule = "/".join((self.url_prefix.rstrip("/"), rule.lstrip("/"))) if rule else self.url_prefix
        options.setdefault("subdomain", self.subdomain)
        if endpoint is None:
            endpoint = endpoint_of(view_func)
        defaults = {**self.url_defaults, **(options.pop("defaults", None) or {})}
        name = f"{self.name_prefix}.{self.name}.{endpoint}".lstrip(".")
        self.app.add_url_rule(rule, name, view_func, defaults=defaults, **options)


class Blueprint(Scaffold):
    """A part of an application that is declared apart and registered later, once or several times.

    :param name: the blueprint's name: the first part of its endpoints. No dots.
    :param url_prefix: put before its rules.
    :param subdomain: the subdomain its rules answer.
    :param url_defaults: values its rules get.
    :param cli_group: the name of the group its commands are put in; ``None`` puts them at the top.

    ::

        shop = Blueprint("shop", __name__, url_prefix="/shop")

        @shop.get("/")
        def index():
            return "Welcome"
    """

    _got_registered_once = False

    def __init__(
        self,
        name: str,
        import_name: str,
        static_folder: str | os.PathLike[str] | None = None,
        static_url_path: str | None = None,
        template_folder: str | os.PathLike[str] | None = None,
        url_prefix: str | None = None,
        subdomain: str | None = None,
        url_defaults: dict[str, Any] | None = None,
        root_path: str | None = None,
        cli_group: str | None = _SENTINEL,
    ) -> None:
        super().__init__(import_name, static_folder, static_url_path, template_folder, root_path)
        if not name:
            raise BlueprintNameError("A blueprint's name may not be empty.")
        if "." in name:
            raise BlueprintNameError(f"A blueprint's name may not contain a dot: {name!r}. Nest blueprints instead.")
        self.name = name
        #: Where it was declared: ``file:line``.
        self.place = caller_place("trivet")
        self.url_prefix = url_prefix
        self.subdomain = subdomain
        self.deferred_functions: list[Callable[[BlueprintSetupState], Any]] = []
        self.url_values_defaults = dict(url_defaults or {})
        self.cli_group = cli_group
        self._blueprints: list[tuple[Blueprint, dict[str, Any]]] = []

    def _check_setup_finished(self, name: str) -> None:
        if self._got_registered_once:
            raise AssertionError(
                f"The setup method {name!r} of the blueprint {self.name!r} was called after the blueprint had been "
                "registered, so it would not reach the application. Do all of a blueprint's setup before "
                "register_blueprint()."
            )

    @setupmethod
    def record(self, func: Callable[[BlueprintSetupState], Any]) -> None:
        """Call ``func(state)`` whenever the blueprint is registered."""
        self.deferred_functions.append(func)

    @setupmethod
    def record_once(self, func: Callable[[BlueprintSetupState], Any]) -> None:
        """Call ``func(state)`` when the blueprint is registered with an application for the first time."""

        def once(state: BlueprintSetupState) -> None:
            if state.first_registration:
                func(state)

        self.record(update_wrapper(once, func))

    def make_setup_state(
        self, app: Any, options: dict[str, Any], first_registration: bool = False
    ) -> BlueprintSetupState:
        """Make what deferred functions are given; a subclass may give them more."""
        return BlueprintSetupState(self, app, options, first_registration)

    @setupmethod
    def register_blueprint(self, blueprint: "Blueprint", **options: Any) -> None:
        """Nest another blueprint in this one; ``options`` as for the application's method.

        :raises BlueprintNameError: if it is this blueprint itself.
        """
        if blueprint is self:
            raise BlueprintNameError("A blueprint cannot be registered with itself.")
        self._blueprints.append((blueprint, options))

    def register(self, app: Any, options: dict[str, Any]) -> None:
        """Put everything that was declared into ``app``; called by the application's ``register_blueprint``.

        :raises BlueprintNameError: if another blueprint has the same full name.
        """
        name_prefix = options.get("name_prefix", "")
        self_name = options.get("name", self.name)
        name = f"{name_prefix}.{self_name}".lstrip(".")
        if name in app.blueprints:
            other = app.blueprints[name]
            what = "this blueprint" if other is self else "another blueprint"
            raise BlueprintNameError(
                f"The name {name!r} of the blueprint declared at {self.place} is taken by {what}, declared at "
                f"{other.place}. Give one of them another name, with name= when it is registered."
            )
        first_bp = not any(known is self for known in app.blueprints.values())
        first_name = name not in app.blueprints
        app.blueprints[name] = self
        self._got_registered_once = True
        state = self.make_setup_state(app, options, first_bp)
        prefix = (state.url_prefix or "").rstrip("/")
        if prefix and "<" not in prefix and state.subdomain is None:
            app.url_prefixes[name] = f"/{prefix.lstrip('/')}"
        if self.has_static_folder:
            state.add_url_rule(
                f"{self.static_url_path}/<path:filename>", view_func=self.send_static_file, endpoint="static"
            )
        if first_bp or first_name:
            self._merge_blueprint_funcs(app, name)
        for deferred in self.deferred_functions:
            deferred(state)
        self._register_cli(app, options, name)
        for child, child_options in self._blueprints:
            self._register_child(app, child, dict(child_options), state, name)

    def _register_cli(self, app: Any, options: dict[str, Any], name: str) -> None:
        if not self.cli.commands:
            return
        group = options.get("cli_group", self.cli_group)
        if group is None:
            app.cli.commands.update(self.cli.commands)
        else:
            self.cli.name = name if group is _SENTINEL else group
            app.cli.add_command(self.cli)

    def _register_child(
        self, app: Any, child: "Blueprint", options: dict[str, Any], state: BlueprintSetupState, name: str
    ) -> None:
        own = options["subdomain"] if options.get("subdomain") is not None else child.subdomain
        if own is None:
            options["subdomain"] = state.subdomain
        elif state.subdomain is not None:
            options["subdomain"] = f"{own}.{state.subdomain}"
        prefix = options["url_prefix"] if options.get("url_prefix") is not None else child.url_prefix
        if state.url_prefix is not None and prefix is not None:
            options["url_prefix"] = state.url_prefix.rstrip("/") + "/" + prefix.lstrip("/")
        else:
            options["url_prefix"] = prefix if prefix is not None else state.url_prefix
        options["name_prefix"] = name
        child.register(app, options)

    def _merge_blueprint_funcs(self, app: Any, name: str) -> None:
        def scope(key: str | None) -> str:
            return name if key is None else f"{name}.{key}"

        for key, by_code in self.error_handler_spec.items():
            for code, handlers in by_code.items():
                app.error_handler_spec[scope(key)][code].update(handlers)
        for endpoint, function in self.view_functions.items():
            app.view_functions[endpoint] = function
        for mine, theirs in (
            (self.before_request_funcs, app.before_request_funcs),
            (self.after_request_funcs, app.after_request_funcs),
            (self.teardown_request_funcs, app.teardown_request_funcs),
            (self.url_default_functions, app.url_default_functions),
            (self.url_value_preprocessors, app.url_value_preprocessors),
            (self.template_context_processors, app.template_context_processors),
        ):
            for key, functions in mine.items():
                theirs[scope(key)].extend(functions)

    @setupmethod
    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Declare a URL rule, to be added when the blueprint is registered.

        :raises ValueError: if the endpoint or the view's name contains a dot.
        """
        if endpoint and "." in endpoint:
            raise ValueError(f"An endpoint may not contain a dot: {endpoint!r}.")
        if view_func and hasattr(view_func, "__name__") and "." in view_func.__name__:
            raise ValueError(f"A view function's name may not contain a dot: {view_func.__name__!r}.")
        self.record(
            lambda state: state.add_url_rule(
                rule, endpoint, view_func, provide_automatic_options=provide_automatic_options, **options
            )
        )

    # -- for the whole application

    def _record_app(self, registry: str, f: F) -> F:
        self.record_once(lambda state: getattr(state.app, registry).setdefault(None, []).append(f))
        return f

    @setupmethod
    def before_app_request(self, f: F) -> F:
        """Like :meth:`before_request`, for every request of the application."""
        return self._record_app("before_request_funcs", f)

    @setupmethod
    def after_app_request(self, f: F) -> F:
        """Like :meth:`after_request`, for every request of the application."""
        return self._record_app("after_request_funcs", f)

    @setupmethod
    def teardown_app_request(self, f: F) -> F:
        """Like :meth:`teardown_request`, for every request of the application."""
        return self._record_app("teardown_request_funcs", f)

    @setupmethod
    def app_context_processor(self, f: F) -> F:
        """Like :meth:`context_processor`, for every template of the application."""
        return self._record_app("template_context_processors", f)

    @setupmethod
    def app_url_value_preprocessor(self, f: F) -> F:
        """Like :meth:`url_value_preprocessor`, for every request of the application."""
        return self._record_app("url_value_preprocessors", f)

    @setupmethod
    def app_url_defaults(self, f: F) -> F:
        """Like :meth:`url_defaults`, for every URL of the application."""
        return self._record_app("url_default_functions", f)

    @setupmethod
    def app_errorhandler(self, code: type[Exception] | int) -> Callable[[F], F]:
        """Like :meth:`errorhandler`, for every request of the application."""

        def decorator(function: F) -> F:
            self.record_once(lambda state: state.app.errorhandler(code)(function))
            return function

        return decorator

    def _app_template(self, method: str, f: Callable[..., Any], name: str | None) -> None:
        self.record_once(lambda state: getattr(state.app, method)(f, name))

    @setupmethod
    def add_app_template_filter(self, f: Callable[..., Any], name: str | None = None) -> None:
        """Give templates of the whole application a filter."""
        self._app_template("add_template_filter", f, name)

    @setupmethod
    def add_app_template_test(self, f: Callable[..., Any], name: str | None = None) -> None:
        """Give templates of the whole application a test."""
        self._app_template("add_template_test", f, name)

    @setupmethod
    def add_app_template_global(self, f: Callable[..., Any], name: str | None = None) -> None:
        """Give templates of the whole application a global name."""
        self._app_template("add_template_global", f, name)

    def _app_template_decorator(self, add: Callable[..., None], name: str | None) -> Callable[[F], F]:
        def decorator(f: F) -> F:
            add(f, name)
            return f

        return decorator

    def app_template_filter(self, name: str | None = None) -> Callable[[F], F]:
        """Decorator form of :meth:`add_app_template_filter`."""
        return self._app_template_decorator(self.add_app_template_filter, name)

    def app_template_test(self, name: str | None = None) -> Callable[[F], F]:
        """Decorator form of :meth:`add_app_template_test`."""
        return self._app_template_decorator(self.add_app_template_test, name)

    def app_template_global(self, name: str | None = None) -> Callable[[F], F]:
        """Decorator form of :meth:`add_app_template_global`."""
        return self._app_template_decorator(self.add_app_template_global, name)

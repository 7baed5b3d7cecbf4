"""Policies written in code: ``CORS(app, ...)`` for an application or a blueprint, ``@cors(...)`` for a view."""

import sys
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

from trivet import Blueprint, Trivet

from . import plugin
from .attach import ATTRIBUTE, Written, check_written, typed
from .familiar import translate
from .origins import Rule
from .policy import PolicyError, compile_policy

T = TypeVar("T")


class Arguments(TypedDict, total=False):
    """The options of a policy as arguments; see :class:`trivet_cors.PolicyOptions`; the last five are Flask-CORS's."""

    origins: Rule | Collection[Rule]
    methods: str | Collection[str]
    allow_headers: str | Collection[str]
    expose_headers: str | Collection[str]
    credentials: bool
    max_age: int | timedelta | None
    private_network: bool
    timing_origins: str | Collection[str]
    resource_policy: Literal["same-site", "same-origin", "cross-origin"] | None
    always_send: bool
    automatic_options: bool
    supports_credentials: bool
    allow_private_network: bool
    send_wildcard: bool
    vary_header: bool
    intercept_exceptions: bool


class AppArguments(Arguments, total=False):
    """What an application may say beyond one policy; see :class:`trivet_cors.Options`."""

    policies: Mapping[str, Mapping[str, Any]]
    blueprints: Mapping[str, str]
    routes: Mapping[str, str]
    resources: Any


class CORS:
    """Enable the plugin for an application or a blueprint, with these options.

    An application's are kept in ``app.config``, as ``CORS_ORIGINS`` and so on, so what the environment says still
    wins. A blueprint's routes get a policy of their own, which begins with the application's.

    :param app: an application or a blueprint; None: later, by :meth:`init_app`.
    :param options: as :class:`trivet_cors.Options` describes them.
    :raises PolicyError: at the call, for an unknown option, a value that does not fit or a contradiction.

    ::

        app = Trivet(__name__)
        CORS(app, origins=["https://app.example.com", re.compile(r"http://localhost(:[0-9]+)?")])
    """

    def __init__(self, app: Trivet | Blueprint | None = None, **options: Unpack[AppArguments]) -> None:
        self._options: dict[str, Any] = dict(options)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Trivet | Blueprint, **options: Unpack[AppArguments]) -> None:
        """Do what the constructor does, for an application that was not known then."""
        given = {name: _listed(value) for name, value in {**self._options, **options}.items()}
        if isinstance(app, Blueprint):
            _attach(app, Written(None, _checked(given), _place()))
            return
        app.check_open("CORS(app)")
        if plugin.NAME in app.extensions:
            raise PolicyError("plugins", "the plugin is set up already; call CORS(app) before setup, not within it")
        check_written(given)
        for name, value in given.items():
            key = f"CORS_{name.upper()}"
            if key in app.config:
                raise PolicyError(name, f"app.config[{key!r}] is set already; write the policy in one place")
            app.config[key] = value
        plugin.enable(app)


@overload
def cors(policy: str | None = None, /, **options: Unpack[Arguments]) -> Callable[[T], T]: ...
@overload
def cors(policy: T, /) -> T: ...
def cors(policy: Any = None, /, **options: Any) -> Any:
    """Give a view, a view class or a blueprint a policy of its own.

    What it does not say is as in the application's policy, or in the named one. The decorator may stand above or below
    ``@app.route``.

    :param policy: the name of a policy in ``[cors.policies]``.
    :param options: as :class:`trivet_cors.PolicyOptions` describes them.
    :raises PolicyError: at the call, for an unknown option, a value that does not fit or a contradiction; when setup
        ends, for a name that is not there.

    ::

        @app.get("/api/prices")
        @cors(origins="*")
        def prices(): ...

        @app.post("/api/orders")
        @cors("partners", max_age=60)
        def orders(): ...
    """
    if policy is not None and not isinstance(policy, str):
        return cors(**options)(policy)
    written = Written(policy, _checked(options), _place())

    def attach(target: Any) -> Any:
        if isinstance(target, Blueprint):
            _attach(target, written)
            return target
        if isinstance(target, Trivet):
            raise PolicyError("policy", "this is an application; write CORS(app, ...)", written.place)
        other = vars(target).get(ATTRIBUTE) if hasattr(target, "__dict__") else None
        if other is not None:
            raise PolicyError(
                "policy",
                f"there is one already, written at {other.place}; write one of them, or give another function to each "
                "endpoint",
                written.place,
            )
        try:
            setattr(target, ATTRIBUTE, written)
            target.requires_plugin = plugin.NAME
        except AttributeError:
            raise PolicyError("policy", f"{target!r} cannot carry one; give it to a function", written.place) from None
        return target

    return attach


#: The name that Flask-CORS has for :func:`cors`.
cross_origin = cors


def _place() -> str:
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _listed(value: Any) -> Any:
    """Return a collection as a tuple; the one rule that stands alone as a tuple of it."""
    if isinstance(value, (str, Mapping, bool, int, float, timedelta)) or value is None:
        return value
    return tuple(value) if isinstance(value, Collection) else (value,)


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of one policy, which are right in themselves."""
    given = {name: _listed(value) for name, value in translate(options).items()}
    compile_policy(typed(given))
    return given


def _attach(blueprint: Blueprint, written: Written) -> None:
    def attach(state: Any) -> None:
        name = f"{state.name_prefix}.{state.name}".lstrip(".")
        state.app.extensions.setdefault("cors.blueprints", {})[name] = written
        plugin.enable(state.app)

    blueprint.record(attach)

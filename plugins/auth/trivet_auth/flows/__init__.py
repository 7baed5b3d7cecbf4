"""The ready-made flows: pages, and the same as JSON, that sign people in and look after their accounts."""

import difflib
from collections.abc import Callable
from inspect import isclass
from typing import Any

from trivet import Blueprint

from ..errors import NO_KEY, AuthConfigError
from ..options import FLOWS as NAMES
from ..state import Auth
from .base import Flow
from .email import Email, EmailConfirm
from .forgot import Forgot, Reset
from .login import Login, LoginCode
from .logout import Logout
from .password import Password
from .registering import Register
from .sent import Refused, Sent
from .services import Services
from .serving import FlowCalls, view_of
from .sessions import Session, Sessions
from .tokens import Token, Tokens
from .totp import LoginSetup, Totp, TotpCodes, TotpDisable, TotpSetup
from .verify import Verify, VerifySend

__all__ = [
    "FLOWS",
    "NAME",
    "Email",
    "EmailConfirm",
    "Flow",
    "Forgot",
    "Login",
    "LoginCode",
    "LoginSetup",
    "Logout",
    "Password",
    "Refused",
    "Register",
    "Reset",
    "Sent",
    "Session",
    "Sessions",
    "Token",
    "Tokens",
    "Totp",
    "TotpCodes",
    "TotpDisable",
    "TotpSetup",
    "Verify",
    "VerifySend",
    "make_blueprint",
    "register",
]

#: The name of the blueprint.
NAME = "auth"
#: What each flow is made of.
FLOWS: dict[str, tuple[type[Flow], ...]] = {
    "login": (Login, LoginCode),
    "logout": (Logout,),
    "register": (Register,),
    "verify": (Verify, VerifySend),
    "forgot": (Forgot, Reset),
    "password": (Password,),
    "email": (Email, EmailConfirm),
    "totp": (Totp, TotpSetup, TotpDisable, TotpCodes, LoginSetup),
    "sessions": (Sessions, Session),
    "tokens": (Tokens, Token),
}


def register(app: Any, auth: Auth) -> None:
    """Give an application the flows that are switched on.

    :raises AuthConfigError: something that they need is not configured.
    """
    if not auth.options.flows:
        return
    for name in auth.options.flows:
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise AuthConfigError(f"[auth] flows names {name!r}, and there is no such flow.{hint} There are {NAMES}.")
    services = Services.of(app)
    _check(app, auth)
    services.check()
    app.register_blueprint(make_blueprint(auth), url_prefix=auth.options.prefix)
    app.plugins.pluggy.register(FlowCalls(), "auth.flows")
    realm = auth.realm_of((NAME,))
    auth.strict_realm = realm.realm if services.demands_second_factor else ""
    if "login" in auth.options.flows:
        realm.login_view = realm.login_view or f"{NAME}.login"
        realm.refresh_view = realm.refresh_view or f"{NAME}.login"


def _check(app: Any, auth: Auth) -> None:
    if not app.secret_key:
        raise AuthConfigError(f"The flows of [auth] need sessions, and {NO_KEY}")
    realm = auth.realm_of((NAME,))
    if realm.users is None and set(auth.options.flows) - {"logout", "sessions", "tokens"}:
        raise AuthConfigError(
            "The flows of [auth] have to find people by name and to keep what changes, and nothing says where they "
            'are. Configure a model, [auth] model = "package.models:User" with the plugin "db", or give the realm an '
            "object, LoginManager(app, users=People()), where People is a trivet_auth.Users of yours."
        )


def make_blueprint(auth: Auth) -> Blueprint:
    """Return the blueprint with the views of the flows that are switched on.

    What ``auth.flows`` has under the name of an endpoint takes its place: a subclass of its flow, or any view.
    """
    # Without a prefix it would be where the application has its own.
    static = "/static" if auth.options.prefix.strip("/") else "/auth-static"
    blueprint = Blueprint(
        NAME, "trivet_auth", template_folder="templates", static_folder="static", static_url_path=static
    )
    own = dict(auth.flows)
    for name in dict.fromkeys(auth.options.flows):
        for flow in FLOWS[name]:
            _add(blueprint, flow, own.pop(flow.name, flow))
    if own:
        known = [flow.name for name in auth.options.flows for flow in FLOWS[name]]
        raise AuthConfigError(
            f"auth.flows has {sorted(own)}, and no flow that is switched on has such a view. There are {known}."
        )
    return blueprint


def _add(blueprint: Blueprint, flow: type[Flow], given: type[Flow] | Callable[..., Any]) -> None:
    kind = given if isclass(given) and issubclass(given, Flow) else None
    methods = [one.upper() for one in ("get", "post", "delete") if hasattr(kind or flow, one)]
    view = view_of(kind) if kind is not None else given
    blueprint.add_url_rule(flow.rule, flow.name, view, methods=methods)

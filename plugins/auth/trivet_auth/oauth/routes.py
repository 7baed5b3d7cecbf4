"""The addresses of signing in by providers: a blueprint below ``[auth] prefix``."""

from typing import Any

from trivet import Blueprint

from ..errors import AuthConfigError
from ..flows import NAME as FLOWS
from ..flows.serving import FlowCalls, view_of
from ..state import Auth
from .pages import BLUEPRINT, PAGES
from .service import OAuth

#: The name by which the plugin manager knows what calls the flows.
CALLS = "auth.flows"


def register(app: Any, auth: Auth) -> None:
    """Add the blueprint to an application.

    :raises AuthConfigError: something in ``[auth.oauth]`` is missing or wrong.
    """
    oauth = OAuth.of(app)
    _check_people(auth)
    prefix = auth.options.prefix.rstrip("/") + "/oauth"
    blueprint = Blueprint(
        BLUEPRINT,
        "trivet_auth",
        url_prefix=prefix,
        template_folder="templates" if FLOWS not in app.blueprints else None,  # theirs are the same
        static_folder="static",
        static_url_path="/-/static",  # no provider has this name
    )
    for page in PAGES:
        methods = [name.upper() for name in ("get", "post") if name in vars(page)]
        blueprint.add_url_rule(page.rule, page.name, view_of(page), methods=methods)
    app.register_blueprint(blueprint)
    if not app.plugins.pluggy.has_plugin(CALLS):
        app.plugins.pluggy.register(FlowCalls(), CALLS)
    realm = auth.realm_of((BLUEPRINT,))
    realm.login_view = realm.login_view or f"{BLUEPRINT}.accounts"
    realm.refresh_view = realm.refresh_view or f"{BLUEPRINT}.accounts"
    app.context_processor(lambda: {"oauth_providers": list(oauth.providers.values())})


def _check_people(auth: Auth) -> None:
    """See to it that those can be found and made whom providers bring."""
    names = [name for name, one in auth.options.oauth.items() if one.register or one.link_by_email]
    if names and auth.realm_of((BLUEPRINT,)).users is None:
        raise AuthConfigError(
            f"[auth.oauth.{names[0]}] is to find or make accounts, and nothing says where they are kept. Configure a "
            'model, [auth] model = "package.models:User" with the plugin "db", or give the realm an object, '
            "LoginManager(app, users=People()), where People is a trivet_auth.Users of yours; or set register = false."
        )

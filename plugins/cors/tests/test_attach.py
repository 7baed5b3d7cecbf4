"""Each route's own policy: by decorator, by blueprint, by name in the configuration, by the rule's path."""

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from trivet import Blueprint, PluginError, SetupError, Trivet, abort
from trivet.views import MethodView
from trivet_cors import CORS, PolicyError, cors, cross_origin

APP = "https://app.example.com"
PARTNER = "https://partner.example"
STRANGER = "https://evil.example"

Serve = Callable[[Trivet, str, str, dict[str, str]], tuple[int, dict[str, str]]]


def bare(**options: Any) -> Trivet:
    return Trivet(__name__, config_file=False, **options)


def configured(folder: Path, text: str) -> Trivet:
    """Make an application with two views and a blueprint, under a configuration file."""
    (folder / "trivet.toml").write_text(f'plugins = ["cors"]\n{text}', encoding="utf-8")
    app = Trivet(__name__, config_file=folder / "trivet.toml")
    app.add_url_rule("/", "index", lambda: "index", methods=["GET", "POST"])
    app.add_url_rule("/open", "open", lambda: "open")
    part = Blueprint("part", __name__, url_prefix="/part")
    part.add_url_rule("/thing", "thing", lambda: "thing")
    app.register_blueprint(part)
    return app


def allowed(serve: Serve, app: Trivet, path: str, origin: str, method: str = "GET") -> bool:
    _, headers = serve(app, method, path, {"Origin": origin})
    return headers.get("access-control-allow-origin") in (origin, "*")


def offered(serve: Serve, app: Trivet, path: str, method: str, origin: str = APP) -> tuple[int, str | None]:
    """Return the status of a preflight and the methods it offers."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    status, headers = serve(app, "OPTIONS", path, asked)
    return status, headers.get("access-control-allow-methods")


# -- at a view


def test_a_view_has_a_policy_of_its_own(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP], credentials=True)

    @app.get("/mine")
    @cors(origins=[PARTNER])
    def mine() -> str:
        return "mine"

    app.add_url_rule("/common", "common", lambda: "common")
    assert allowed(serve, app, "/mine", PARTNER)
    assert not allowed(serve, app, "/mine", APP)
    assert allowed(serve, app, "/common", APP)
    assert not allowed(serve, app, "/common", PARTNER)


def test_a_views_policy_begins_with_the_applications(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP], credentials=True, expose_headers=["ETag"])

    @app.get("/mine")
    @cors(origins=[PARTNER])
    def mine() -> str:
        return "mine"

    _, headers = serve(app, "GET", "/mine", {"Origin": PARTNER})
    assert headers["access-control-allow-credentials"] == "true"
    assert headers["access-control-expose-headers"] == "ETag"


def test_the_decorator_may_stand_above_the_route(serve: Serve) -> None:
    app = bare()
    CORS(app)

    @cors(origins="*")
    @app.get("/open")
    def public() -> str:
        return "open"

    assert allowed(serve, app, "/open", STRANGER)


def test_another_decorator_that_keeps_the_functions_attributes_keeps_the_policy(serve: Serve) -> None:
    app = bare()
    CORS(app)

    def logged(view: Callable[[], str]) -> Callable[[], str]:
        @wraps(view)
        def inner() -> str:
            return view()

        return inner

    @app.get("/open")
    @logged
    @cors(origins="*")
    def public() -> str:
        return "open"

    assert allowed(serve, app, "/open", STRANGER)


def test_a_view_class_has_a_policy(serve: Serve) -> None:
    app = bare()
    CORS(app)

    @cors(origins=[APP])
    class Items(MethodView):
        def get(self) -> str:
            return "items"

        def delete(self) -> str:
            return "gone"

    app.add_url_rule("/items", view_func=Items.as_view("items"))
    assert allowed(serve, app, "/items", APP)
    assert offered(serve, app, "/items", "DELETE") == (204, "DELETE, GET, HEAD, OPTIONS")


def test_an_async_views_policy_holds_for_its_errors_too(serve: Serve) -> None:
    app = bare()
    CORS(app)

    @app.get("/broken")
    @cors(origins=[APP])
    async def broken() -> str:
        abort(429)

    status, headers = serve(app, "GET", "/broken", {"Origin": APP})
    assert (status, headers["access-control-allow-origin"], headers["vary"]) == (429, APP, "Origin")


def test_a_view_may_let_nobody_in(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])

    @app.get("/closed")
    @cors(origins=())
    def closed() -> str:
        return "closed"

    assert not allowed(serve, app, "/closed", APP)


def test_views_of_one_path_keep_their_policies_apart(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])
    app.add_url_rule("/item", "read", lambda: "read", methods=["GET"])
    app.add_url_rule("/item", "write", cors(origins=[PARTNER])(lambda: "write"), methods=["PUT"])
    assert offered(serve, app, "/item", "GET") == (204, "GET, HEAD, OPTIONS")
    assert offered(serve, app, "/item", "PUT") == (403, None)
    assert offered(serve, app, "/item", "PUT", PARTNER) == (204, "PUT")
    assert offered(serve, app, "/item", "GET", PARTNER) == (403, None)


def test_two_policies_that_say_the_same_are_offered_together(serve: Serve) -> None:
    app = bare()
    CORS(app)
    app.add_url_rule("/item", "read", cors(origins=[APP])(lambda: "read"), methods=["GET"])
    app.add_url_rule("/item", "write", cors(origins=[APP])(lambda: "write"), methods=["PUT"])
    assert offered(serve, app, "/item", "PUT")[1] in ("GET, HEAD, PUT", "GET, HEAD, OPTIONS, PUT")


def test_a_decorated_view_without_the_plugin_is_an_error() -> None:
    app = bare()
    app.add_url_rule("/", "index", cors(origins="*")(lambda: "index"))
    with pytest.raises(PluginError, match=r"'index' .*needs the plugin 'cors'"):
        app.seal()


def test_what_is_wrong_with_a_route_is_an_error_of_setup() -> None:
    app = bare()
    CORS(app, routes={"indx": "public"}, policies={"public": {"origins": "*"}})
    with pytest.raises(SetupError, match=r"app\.config\['CORS_ROUTES'\]: there is no endpoint 'indx'"):
        app.seal()


def test_a_policy_that_lets_nobody_in_by_accident_is_an_error() -> None:
    app = bare()
    CORS(app)
    app.add_url_rule("/", "index", cross_origin(lambda: "index"))
    with pytest.raises(PolicyError, match=r'test_attach\.py:\d+: origins: nobody is let in; write origins="\*"'):
        app.seal()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"origin": "*"}, "did you mean 'origins'"),
        ({"origins": "*", "credentials": True}, "list the origins"),
        ({"max_age": "soon"}, "max_age: write"),
        ({"resources": {}}, "there is no such option"),
    ],
)
def test_a_wrong_decorator_is_an_error_at_its_line(options: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        cors(**options)


def test_a_contradiction_with_the_application_names_the_decorator() -> None:
    app = bare()
    CORS(app, origins=[APP], credentials=True)
    app.add_url_rule("/", "index", cors(origins="*")(lambda: "index"))
    with pytest.raises(PolicyError, match=r"test_attach\.py:\d+: origins: .* credentials = false"):
        app.seal()


# -- at a blueprint


def blueprint(name: str = "part") -> Blueprint:
    part = Blueprint(name, __name__, url_prefix=f"/{name}")
    part.add_url_rule("/thing", "thing", lambda: "thing")
    return part


@pytest.mark.parametrize("attach", [lambda part: CORS(part, origins=[PARTNER]), cors(origins=[PARTNER])])
def test_a_blueprint_has_a_policy(serve: Serve, attach: Callable[[Blueprint], Any]) -> None:
    app = bare()
    CORS(app, origins=[APP])
    part = blueprint()
    attach(part)
    app.register_blueprint(part)
    assert allowed(serve, app, "/part/thing", PARTNER)
    assert not allowed(serve, app, "/part/thing", APP)


def test_a_blueprints_policy_enables_the_plugin(serve: Serve) -> None:
    app = bare()
    part = blueprint()
    CORS(part, origins=[PARTNER])
    app.register_blueprint(part)
    assert allowed(serve, app, "/part/thing", PARTNER)


@pytest.mark.parametrize(("path", "status"), [("/part/missing", 404), ("/part/thing", 405)])
def test_a_blueprints_policy_holds_where_no_view_answers(serve: Serve, path: str, status: int) -> None:
    app = bare()
    CORS(app, origins=[APP])
    part = blueprint()
    CORS(part, origins=[PARTNER])
    app.register_blueprint(part)
    found, headers = serve(app, "POST" if status == 405 else "GET", path, {"Origin": PARTNER, "Host": "localhost"})
    assert (found, headers["access-control-allow-origin"]) == (status, PARTNER)


def test_a_nested_blueprint_has_its_parents_policy_or_its_own(serve: Serve) -> None:
    app = bare()
    CORS(app)
    outer, plain, own = blueprint("outer"), blueprint("plain"), blueprint("own")
    CORS(outer, origins=[APP])
    CORS(own, origins=[PARTNER])
    outer.register_blueprint(plain)
    outer.register_blueprint(own)
    app.register_blueprint(outer)
    assert allowed(serve, app, "/outer/plain/thing", APP)
    assert allowed(serve, app, "/outer/own/thing", PARTNER)
    assert not allowed(serve, app, "/outer/own/thing", APP)


def test_a_blueprint_under_two_names_has_its_policy_under_both(serve: Serve) -> None:
    app = bare()
    part = blueprint()
    CORS(part, origins=[APP])
    app.register_blueprint(part)
    app.register_blueprint(part, name="again", url_prefix="/again")
    assert allowed(serve, app, "/part/thing", APP)
    assert allowed(serve, app, "/again/thing", APP)


# -- in the configuration

NAMED = f"""
[cors]
origins = ["{APP}"]
credentials = true
[cors.policies.public]
origins = "*"
credentials = false
[cors.policies.partners]
origins = ["{PARTNER}"]
"""


def test_configuration_gives_policies_to_routes_and_blueprints(serve: Serve, tmp_path: Path) -> None:
    app = configured(tmp_path, NAMED + '[cors.routes]\nopen = "public"\n[cors.blueprints]\npart = "partners"\n')
    assert allowed(serve, app, "/open", STRANGER)
    assert allowed(serve, app, "/part/thing", PARTNER)
    assert allowed(serve, app, "/", APP)
    assert not allowed(serve, app, "/", PARTNER)


def test_a_decorator_may_name_a_policy_and_change_it(serve: Serve, tmp_path: Path) -> None:
    app = configured(tmp_path, NAMED)
    app.add_url_rule("/partners", "partners", cors("partners", max_age=5)(lambda: "partners"))
    assert allowed(serve, app, "/partners", PARTNER)
    asked = {"Origin": PARTNER, "Access-Control-Request-Method": "GET"}
    assert serve(app, "OPTIONS", "/partners", asked)[1]["access-control-max-age"] == "5"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[cors.routes]\nopne = "public"', r"\[cors\] routes: there is no endpoint 'opne'; did you mean 'open'"),
        ('[cors.blueprints]\nprat = "public"', r"\[cors\] blueprints: .* did you mean 'part'"),
        ('[cors.routes]\nopen = "pubic"', r"\[cors\.policies\]; did you mean 'public'"),
        (
            '[cors.policies.odd]\norigin = "*"',
            r"policies\.odd\.origin: there is no such option; did you mean 'origins'",
        ),
        ('[cors.policies.odd]\norigins = "*"\ncredentials = true', r"trivet\.toml: \[cors\] policies\.odd\.origins: "),
    ],
)
def test_a_wrong_name_in_the_configuration_is_an_error_that_says_the_nearest(
    tmp_path: Path, text: str, says: str
) -> None:
    named = NAMED.replace("[cors]\norigins", "[cors]\norigins")
    app = configured(tmp_path, f"{named}{text}\n")
    with pytest.raises(Exception, match=says):
        app.seal()


def test_a_decorator_that_names_no_policy_is_an_error(tmp_path: Path) -> None:
    app = configured(tmp_path, NAMED)
    app.add_url_rule("/x", "x", cors("partner")(lambda: "x"))
    with pytest.raises(PolicyError, match=r"test_attach\.py:\d+: policy: .*did you mean 'partners'"):
        app.seal()


# -- by the rule's path


def with_resources(resources: Any, **options: Any) -> Trivet:
    app = bare()
    CORS(app, resources=resources, **options)
    for rule in ("/", "/api", "/api/items/<int:number>", "/apix", "/api/admin/users"):
        app.add_url_rule(rule, rule.strip("/").replace("/", "_") or "index", lambda **values: "x")
    return app


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/", None),
        ("/apix", None),
        ("/api", APP),
        ("/api/items/5", APP),
        ("/api/missing", APP),
        ("/api/admin/users", PARTNER),
        ("/API/items/5", None),
        ("/x/../api/items/5", None),
    ],
)
def test_resources_give_policies_to_rules_by_their_beginning(serve: Serve, path: str, origin: str | None) -> None:
    app = with_resources({"/api/*": {"origins": APP}, "/api/admin/*": {"origins": PARTNER}})
    assert [one for one in (APP, PARTNER) if allowed(serve, app, path, one)] == ([origin] if origin else [])


def test_one_resource_may_be_a_string_and_several_a_list(serve: Serve) -> None:
    assert allowed(serve, with_resources("/api/*", origins=APP), "/api/items/5", APP)
    app = with_resources(["/api", re.compile(r"/api/items/.*")], origins=APP)
    assert [path for path in ("/", "/api", "/api/items/5", "/apix") if allowed(serve, app, path, APP)] == [
        "/api",
        "/api/items/5",
    ]


def test_a_resource_may_be_nothing_but_origins(serve: Serve) -> None:
    assert allowed(serve, with_resources({"/*": APP}), "/apix", APP)


@pytest.mark.parametrize("path", [r"/api/.*", "/api*", "api/*", r"^/api", "/a?b", 5])
def test_a_resource_that_looks_like_a_pattern_is_an_error(path: Any) -> None:
    with pytest.raises(PolicyError, match=r"resources: .*write it as in '/api/\*'"):
        CORS(bare(), resources={path: {"origins": APP}} if isinstance(path, str) else [path])


def test_rules_of_one_view_under_different_resources_are_an_error() -> None:
    app = with_resources({"/api/*": {"origins": APP}})
    app.add_url_rule("/here", "twice", lambda: "x")
    app.add_url_rule("/api/there", "twice")
    with pytest.raises(PolicyError, match=r"'/here' and '/api/there', both of the endpoint 'twice'"):
        app.seal()


# -- whom the cross-origin protection trusts


def test_a_views_policy_says_whom_the_cross_origin_protection_trusts_there(serve: Serve) -> None:
    app = bare()
    CORS(app, origins=[APP])
    app.add_url_rule("/mine", "mine", cors(origins=[PARTNER])(lambda: "mine"), methods=["POST"])
    app.add_url_rule("/common", "common", lambda: "common", methods=["POST"])
    page = {"Sec-Fetch-Site": "cross-site"}
    found = {
        (path, origin): serve(app, "POST", path, {"Origin": origin, **page})[0]
        for path in ("/mine", "/common")
        for origin in (APP, PARTNER)
    }
    assert found == {("/mine", APP): 403, ("/mine", PARTNER): 200, ("/common", APP): 200, ("/common", PARTNER): 403}

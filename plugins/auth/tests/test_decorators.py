"""Who may call a view: decorators on views of every kind, refusals, and views for everybody."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.exceptions import HTTPException

from trivet import Blueprint, PluginError, Trivet, make_response, redirect
from trivet.views import MethodView, View
from trivet_auth import LoginManager, current_user, fresh_login_required, login_required, login_user, public

from .people_site import Make, Site, close_browser, every_kind_of_view, status, text

Refuse = Callable[[], Any]


def plain(answer: Any) -> Refuse:
    """Return a handler that answers so."""
    return lambda: answer


def asynchronous(answer: Any) -> Refuse:
    """Return an asynchronous handler that answers so."""

    async def handler() -> Any:
        await asyncio.sleep(0)
        return answer

    return handler


every_kind_of_handler = pytest.mark.parametrize("handler", [plain, asynchronous])


# -- refusals


@every_kind_of_view
@every_kind_of_handler
def test_a_handler_that_returns_nothing_does_not_let_anybody_in(
    make_app: Make, make_client: Make, views: str, handler: Callable[[Any], Refuse]
) -> None:
    site = Site(make_app, views)
    site.manager.unauthorized_handler(handler(None))
    site.manager.needs_refresh_handler(handler(None))
    client = make_client(site.app)
    for path in ("/inside", "/deep"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="default"')
    assert site.called == 0
    client.get("/remember/ada")
    close_browser(client)
    called = site.called
    assert status(client, "/deep") == 401
    assert site.called == called


@every_kind_of_view
@every_kind_of_handler
@pytest.mark.parametrize(
    ("answer", "expected"),
    [("no", (200, "no")), ("", (200, "")), (("no", 403), (403, "no")), ({"a": 1}, (200, '{"a":1}'))],
)
def test_what_a_handler_returns_answers(
    make_app: Make,
    make_client: Make,
    views: str,
    handler: Callable[[Any], Refuse],
    answer: Any,
    expected: tuple[int, str],
) -> None:
    site = Site(make_app, views)
    site.manager.unauthorized_handler(handler(answer))
    client = make_client(site.app)
    for path in ("/inside", "/deep"):
        found = client.get(path)
        assert (found.status_code, found.text.strip()) == expected
    assert site.called == 0


@every_kind_of_view
def test_a_handler_may_redirect_or_give_up(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views)
    client = make_client(site.app)
    site.manager.unauthorized_handler(lambda: redirect("/elsewhere"))
    assert client.get("/inside").headers["Location"] == "/elsewhere"

    @site.manager.unauthorized_handler
    def give_up() -> Any:
        raise HTTPException(response=make_response("hidden", 404))

    assert (status(client, "/inside"), text(client, "/inside")) == (404, "hidden")


@every_kind_of_view
def test_programs_are_told_401_and_browsers_where_to_sign_in(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views)
    site.manager.login_view = "/login"
    client = make_client(site.app)
    accepts = {
        "text/html,application/xhtml+xml,*/*;q=0.8": 302,
        "*/*": 302,
        "": 302,
        "application/json": 401,
        "application/json, text/plain, */*": 401,
        "application/json;q=0.5, text/html": 302,
        "application/json, text/html": 302,
        "application/json;q=0": 302,
        "not a type at all;;q=x": 302,
    }
    for accept, expected in accepts.items():
        answer = client.get("/inside", headers={"Accept": accept})
        assert answer.status_code == expected, accept
    answer = client.get("/inside", headers={"Accept": "application/json"})
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="default"'
    assert "Set-Cookie" not in answer.headers
    assert status(client, "/inside", headers={"Authorization": "Basic eDp5"}) == 401
    assert status(client, "/inside", json={"a": 1}) == 401


# -- views


@every_kind_of_view
def test_views_of_every_kind_are_guarded(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views)

    @login_required
    class Marked(MethodView):
        def get(self) -> str:
            return current_user.name  # type: ignore[no-any-return]

        async def post(self) -> str:
            return str(current_user.name)

    @fresh_login_required
    class Dispatched(View):
        init_every_request = False

        async def dispatch_request(self, id: int) -> str:  # type: ignore[override]
            return f"{id} of {current_user.name}"

    class Below(Marked):
        def put(self) -> str:
            return "put"

    site.app.add_url_rule("/marked", view_func=Marked.as_view("marked"))
    site.app.add_url_rule("/below", view_func=Below.as_view("below"))
    site.app.add_url_rule("/dispatched/<int:id>", view_func=Dispatched.as_view("dispatched"))
    client = make_client(site.app)
    wanted = [("/marked", "GET"), ("/marked", "POST"), ("/below", "PUT"), ("/dispatched/7", "GET")]
    assert [client.open(path, method=method).status_code for path, method in wanted] == [401] * 4
    client.get("/in/ada")
    assert [client.open(path, method=method).text for path, method in wanted] == ["ada", "ada", "put", "7 of ada"]


@every_kind_of_view
def test_a_guard_keeps_the_name_of_its_view(make_app: Make, views: str) -> None:
    def account(id: int) -> str:
        """Show an account."""
        return str(id)

    async def account_async(id: int) -> str:
        """Show an account."""
        return str(id)

    for decorator in (login_required, fresh_login_required):
        guarded: Any = decorator(account if views == "plain" else account_async)
        assert guarded.__name__.startswith("account")
        assert guarded.__doc__ == "Show an account."
        assert asyncio.iscoroutinefunction(guarded) == (views == "async")


def test_a_guarded_view_needs_the_plugin() -> None:
    app = Trivet("testapp", config_file=False)
    app.add_url_rule("/", view_func=login_required(lambda: "inside"), endpoint="inside")
    with pytest.raises(PluginError, match="auth"):
        app.seal()


@every_kind_of_view
def test_options_are_answered_to_everybody(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views, AUTH_REQUIRE_LOGIN=True)
    site.add("/own", lambda: "own", login_required, methods=["GET", "OPTIONS"])
    client = make_client(site.app)
    assert [client.open(path, method="OPTIONS").status_code for path in ("/inside", "/own", "/who")] == [200] * 3
    assert [client.open(path, method="HEAD").status_code for path in ("/inside", "/own", "/who")] == [401] * 3


@every_kind_of_view
def test_checks_can_be_switched_off_for_tests(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views, AUTH_REQUIRE_LOGIN=True, LOGIN_DISABLED=True)
    client = make_client(site.app)
    assert [text(client, path) for path in ("/inside", "/deep", "/who")] == ["inside", "deep", "nobody"]


# -- signing in for everything


def closed_site(make_app: Make, views: str) -> Site:
    """Return a site where everybody has to sign in, except for pages that are public."""
    site = Site(make_app, views, AUTH_REQUIRE_LOGIN=True)
    site.add("/open", lambda: "open", public)
    site.add("/login", lambda: "login", public)
    site.add("/open-in/<name>", lambda name: str(login_user(site.named(name))), public)

    @public
    class Everybody(MethodView):
        def get(self) -> str:
            return "everybody"

    site.app.add_url_rule("/everybody", view_func=Everybody.as_view("everybody"))
    part = Blueprint("part", "part")
    part.add_url_rule("/part", view_func=lambda: "part", endpoint="part")
    site.app.register_blueprint(part)
    return site


@every_kind_of_view
def test_everybody_has_to_sign_in_except_for_what_is_public(make_app: Make, make_client: Make, views: str) -> None:
    site = closed_site(make_app, views)
    client = make_client(site.app)
    assert [status(client, path) for path in ("/who", "/still", "/part", "/in/ada")] == [401] * 4
    assert site.called == 0
    assert [text(client, path) for path in ("/open", "/everybody")] == ["open", "everybody"]
    assert status(client, "/nowhere") == 404
    client.get("/open-in/ada")
    assert [text(client, path) for path in ("/who", "/still", "/part")] == ["ada", "still", "part"]


@every_kind_of_view
@every_kind_of_handler
def test_nobody_gets_in_where_the_handler_returns_nothing(
    make_app: Make, make_client: Make, views: str, handler: Callable[[Any], Refuse]
) -> None:
    site = closed_site(make_app, views)
    site.manager.unauthorized_handler(handler(None))
    client = make_client(site.app)
    assert [status(client, path) for path in ("/still", "/part")] == [401, 401]
    assert site.called == 0
    site.manager.unauthorized_handler(handler("no"))
    assert [text(client, path) for path in ("/still", "/part")] == ["no", "no"]
    assert site.called == 0


def test_the_page_to_sign_in_on_has_to_be_public(make_app: Make, make_client: Make) -> None:
    site = closed_site(make_app, "plain")
    site.manager.login_view = "/login"
    client = make_client(site.app)
    assert client.get("/still", follow_redirects=True).text == "login"


def test_a_realm_may_be_of_an_application_that_is_made_later(make_app: Make) -> None:
    manager: LoginManager[Any] = LoginManager()
    manager.user_loader(lambda id: None)
    for _ in range(2):
        app = make_app(config={"SECRET_KEY": "a key that only this test knows", "AUTH_STORE": "memory"})
        manager.init_app(app)
        app.add_url_rule("/", view_func=login_required(lambda: "inside"), endpoint="inside")
        assert app.test_client().get("/").status_code == 401
        assert app.login_manager is manager

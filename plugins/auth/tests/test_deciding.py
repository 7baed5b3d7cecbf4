"""May they: views, blueprints and functions that ask, on both protocols; and who is told why."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

from trivet import abort
from trivet_auth.deciding import can, requires

from .deciding_site import WAYS, Make, Site, add_async, add_blueprint, add_plain, enter

#: What a token is told that is not for this (RFC 6750, 3.1).
LIMITED = 'Bearer realm="default", error="insufficient_scope", scope="tasks:write"'
EVERY_WAY = pytest.mark.parametrize("add", WAYS)


@pytest.fixture
def site(make_app: Make) -> Site:
    return Site(make_app)


@pytest.fixture
def sign_in(make_client: Callable[..., Any]) -> Callable[..., Any]:
    return partial(enter, make_client)


# -- every way of asking


@EVERY_WAY
def test_who_has_the_permission_may(site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str]) -> None:
    path = add(site)
    answer = sign_in(site, "ada").get(path)
    assert (answer.status_code, answer.text) == (200, "written")


@EVERY_WAY
@pytest.mark.parametrize("name", ["bob", "eve"])
def test_who_does_not_have_it_may_not(
    site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str], name: str
) -> None:
    path = add(site)
    answer = sign_in(site, name).get(path)
    assert answer.status_code == 403
    assert "written" not in answer.text


@EVERY_WAY
def test_nobody_is_asked_to_sign_in(site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str]) -> None:
    path = add(site)
    assert sign_in(site).get(path).status_code == 401


@EVERY_WAY
def test_nobody_is_sent_to_the_page_to_sign_in_on(
    site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str]
) -> None:
    path = add(site)
    site.manager.login_view = "/signin"
    answer = sign_in(site).get(path)
    assert (answer.status_code, answer.location) == (302, f"/signin?next={path.replace('/', '%2F')}")


@EVERY_WAY
def test_an_answer_of_one_s_own_to_nobody_is_given(
    site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str]
) -> None:
    path = add(site)
    site.manager.unauthorized_handler(lambda: ("Who are you?", 418))
    answer = sign_in(site).get(path)
    assert (answer.status_code, answer.text) == (418, "Who are you?")


@EVERY_WAY
@pytest.mark.parametrize("name", ["", "ada", "eve"])
def test_the_answer_is_for_one_person_only(
    site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str], name: str
) -> None:
    path = add(site)
    answer = sign_in(site, name).get(path)
    assert "Cookie" in answer.vary
    assert answer.cache_control.private


@EVERY_WAY
def test_a_token_is_limited_to_its_scopes(site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str]) -> None:
    path, client = add(site), sign_in(site)
    assert client.get(path, headers=site.token(site.ada, ["tasks:write"])).text == "written"
    assert client.get(path, headers=site.token(site.ada, None)).text == "written"
    for scopes in (["tasks:read"], []):
        answer = client.get(path, headers=site.token(site.ada, scopes))
        assert answer.status_code == 403
        assert answer.headers["WWW-Authenticate"] == LIMITED


@EVERY_WAY
def test_a_scope_gives_a_token_nothing_that_its_owner_does_not_have(
    site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str]
) -> None:
    path = add(site)
    answer = sign_in(site).get(path, headers=site.token(site.bob, ["tasks:write"]))
    assert answer.status_code == 403
    assert "WWW-Authenticate" not in answer.headers


@EVERY_WAY
def test_who_is_locked_is_nobody(site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str]) -> None:
    path = add(site)
    client = sign_in(site, "ada")
    site.ada.locked = True
    assert client.get(path).status_code == 401


@pytest.mark.parametrize("add", [add_plain, add_async, add_blueprint])
def test_everybody_is_told_the_methods(site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str]) -> None:
    path = add(site)
    assert sign_in(site).options(path).status_code == 200


@EVERY_WAY
def test_a_handler_that_answers_nobody_with_nothing_lets_nobody_in(
    site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str]
) -> None:
    path = add(site)
    site.manager.unauthorized_handler(lambda: None)
    assert sign_in(site).get(path).status_code == 401


def test_an_asynchronous_answer_to_nobody_is_waited_for(site: Site, sign_in: Callable[..., Any]) -> None:
    async def answer() -> tuple[str, int]:
        return "Who are you?", 418

    site.manager.unauthorized_handler(answer)
    paths = [add_plain(site)]
    site.app.add_url_rule("/waiting", view_func=requires("tasks:write")(_waiting), endpoint="waiting")
    client = sign_in(site)
    assert [client.get(path).status_code for path in (*paths, "/waiting")] == [418, 418]


async def _waiting() -> str:
    return "written"


def test_all_of_several_permissions_are_needed(site: Site, sign_in: Callable[..., Any]) -> None:
    site.app.add_url_rule("/both", view_func=requires("tasks:read", "tasks:write")(lambda: "both"), endpoint="both")
    assert sign_in(site, "ada").get("/both").text == "both"
    assert sign_in(site, "bob").get("/both").status_code == 403


def test_arguments_reach_the_view(site: Site, sign_in: Callable[..., Any]) -> None:
    @site.app.get("/tasks/<int:id>")
    @requires("tasks:write")
    def one(id: int) -> str:
        return f"task {id}"

    assert sign_in(site, "ada").get("/tasks/7").text == "task 7"


def test_users_that_have_to_be_loaded_asynchronously_are(make_app: Make, sign_in: Callable[..., Any]) -> None:
    site = Site(make_app)

    async def load(id: str) -> Any:
        return site.users.get(id)

    site.manager.user_loader(load)
    path = add_async(site)
    assert sign_in(site, "ada").get(path).text == "written"
    assert sign_in(site, "bob").get(path).status_code == 403


def test_nothing_is_asked_where_login_is_disabled(make_app: Make, sign_in: Callable[..., Any]) -> None:
    site = Site(make_app, LOGIN_DISABLED=True)
    path = add_plain(site)
    assert sign_in(site).get(path).text == "written"


# -- mistakes


def test_a_requirement_of_nothing_is_refused() -> None:
    with pytest.raises(TypeError, match='@requires\\("tasks:write"\\)'):
        requires()
    with pytest.raises(TypeError, match='@requires\\("tasks:write"\\)'):
        requires(cast(str, add_plain))


def test_a_requirement_of_what_is_no_permission_is_refused() -> None:
    with pytest.raises(ValueError, match="'tasks' cannot be the name of a permission"):
        requires("tasks")


def test_asking_for_what_is_no_permission_is_refused(site: Site) -> None:
    with site.app.test_request_context(), pytest.raises(ValueError, match="'tasks' cannot be the name"):
        can("tasks")


def test_a_requirement_shows_what_it_asks_for() -> None:
    assert repr(requires("a:b", "c:d")) == "requires('a:b', 'c:d')"


# -- who is told why


@EVERY_WAY
def test_the_reasons_are_on_the_page_in_debug(
    make_app: Make, sign_in: Callable[..., Any], add: Callable[[Site], str]
) -> None:
    site = Site(make_app, DEBUG=True)
    path = add(site)
    page = sign_in(site, "bob").get(path)
    assert page.status_code == 403
    assert "tasks:write: None of the user&#39;s roles (&#39;reader&#39;) holds it. Refused." in page.text


@EVERY_WAY
def test_nothing_is_explained_outside_of_debug(
    site: Site, sign_in: Callable[..., Any], add: Callable[[Site], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = add(site)
    answer = sign_in(site, "bob").get(path)
    everything = answer.text + str(answer.headers) + caplog.text
    assert not any(one in everything for one in ("role", "reader", "tasks:write", "Refused"))


def test_the_reasons_are_logged_in_debug(
    make_app: Make, sign_in: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site = Site(make_app, DEBUG=True)
    path = add_plain(site)
    sign_in(site, "bob").get(path)
    sign_in(site, "ada").get(path)
    sign_in(site).get(path)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("auth: ")]
    assert lines == [
        "auth: tasks:write to '2': None of the user's roles ('reader') holds it. Refused.",
        "auth: tasks:write to '1': The role 'editor' holds 'tasks:write'. Allowed.",
        "auth: tasks:write to nobody: Nobody has signed in. Refused.",
    ]


def test_who_was_refused_what_is_an_event(site: Site, sign_in: Callable[..., Any]) -> None:
    path = add_plain(site)
    sign_in(site, "bob").get(path)
    sign_in(site).get(path, headers=site.token(site.ada, []))
    events = [one for one in site.policy.events if one.name == "access.refused"]
    assert [(one.user, one.facts) for one in events] == [
        ("2", {"permission": "tasks:write", "method": "session"}),
        ("1", {"permission": "tasks:write", "method": "token"}),
    ]


def test_asking_without_consequences_is_no_event(site: Site, sign_in: Callable[..., Any]) -> None:
    site.app.add_url_rule("/ask", view_func=lambda: str(can("tasks:write")), endpoint="ask")
    assert sign_in(site, "bob").get("/ask").text == "False"
    assert [one for one in site.policy.events if one.name == "access.refused"] == []


def test_an_error_page_of_one_s_own_is_used(site: Site, sign_in: Callable[..., Any]) -> None:
    path = add_plain(site)
    site.app.register_error_handler(403, lambda error: ("Members only.", 403))
    assert sign_in(site, "bob").get(path).text == "Members only."


def test_other_403s_are_left_alone(site: Site, sign_in: Callable[..., Any]) -> None:
    site.app.add_url_rule("/no", view_func=lambda: abort(403, "Go away."), endpoint="no")
    assert "Go away." in sign_in(site, "bob").get("/no").text

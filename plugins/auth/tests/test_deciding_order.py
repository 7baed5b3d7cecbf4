"""What is decided first: scopes, other plugins' policies, rules about objects, and then roles; realm by realm."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from trivet import Blueprint, hookimpl
from trivet_auth import AuthConfigError, Identity, LoginManager, MemoryUsers, login_user
from trivet_auth.deciding import authorize, can, explain, explain_async, requires, rule, rules_of

from .deciding_site import Make, Site, Task, enter


class AsyncPolicy:
    """A plugin whose policy has to wait."""

    name = "waiting"

    @hookimpl
    async def trivet_auth_authorize(self, permission: str) -> bool | None:
        """Grant one thing."""
        return True if permission == "slow:go" else None


class Robots:
    """A plugin that knows a robot by a header, as a user with limits."""

    name = "robots"
    user: Any = None

    @hookimpl
    def trivet_auth_authenticate(self, ctx: Any, realm: str) -> Any:
        """Know it."""
        known = ctx.header("X-Robot") is not None
        return Identity(self.user, realm, "robots", scopes=frozenset({"tasks:read"})) if known else None


@pytest.fixture
def site(make_app: Make) -> Site:
    return Site(make_app)


@pytest.fixture
def sign_in(make_client: Callable[..., Any]) -> Callable[..., Any]:
    return partial(enter, make_client)


# -- functions


def add_answers(site: Site) -> None:
    """Add views that tell what functions say about a task of somebody, with and without waiting."""

    @site.app.get("/plain/<permission>/<owner>")
    def plain(permission: str, owner: str) -> Any:
        task = Task(owner) if owner != "-" else None
        decision = explain(permission, task)
        assert can(permission, task) is decision.allowed
        return {"allowed": decision.allowed, "reasons": decision.reasons}

    @site.app.get("/async/<permission>/<owner>")
    async def waiting(permission: str, owner: str) -> Any:
        decision = await explain_async(permission, Task(owner) if owner != "-" else None)
        return {"allowed": decision.allowed, "reasons": decision.reasons}


BOTH_KINDS = pytest.mark.parametrize("kind", ["plain", "async"])


def said(client: Any, kind: str, permission: str, owner: str = "-", **more: Any) -> tuple[bool, str]:
    """Return what a view says."""
    answer = client.get(f"/{kind}/{permission}/{owner}", **more)
    assert answer.status_code == 200, answer.text
    return answer.json["allowed"], " ".join(answer.json["reasons"])


@BOTH_KINDS
@pytest.mark.parametrize(
    ("name", "permission", "allowed", "reason"),
    [
        ("ada", "tasks:write", True, "The role 'editor' holds 'tasks:write'."),
        ("ada", "tasks:read", True, "The role 'editor' holds 'tasks:read'."),
        ("bob", "tasks:write", False, "None of the user's roles ('reader') holds it."),
        ("eve", "tasks:read", False, "The user has no roles."),
        ("", "tasks:read", False, "Nobody has signed in."),
        ("bob", "tasks:wriet", False, "No role and no rule names 'tasks:wriet'. Did you mean 'tasks:write'?"),
    ],
)
def test_a_decision_gives_its_reason(
    site: Site, sign_in: Callable[..., Any], kind: str, name: str, permission: str, allowed: bool, reason: str
) -> None:
    add_answers(site)
    found = said(sign_in(site, name), kind, permission)
    assert found[0] is allowed
    assert reason in found[1]


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        ({"roles": []}, False),
        ({"roles": None}, False),
        ({"roles": ("editor",)}, True),
        ({"roles": "editor"}, True),
        ({"roles": {"gone", "editor"}}, True),
        ({"roles": ["gone"]}, False),
        ({"roles": ["admin"]}, True),
        ({"roles": ["*"]}, False),
        ({"permissions": ["tasks:write"]}, True),
        ({"permissions": "tasks:write"}, True),
        ({"permissions": ["*"]}, True),
        ({"permissions": ["tasks:*"]}, False),
        ({"permissions": None}, False),
    ],
)
def test_roles_and_permissions_are_read_from_the_user(
    site: Site, sign_in: Callable[..., Any], attributes: dict[str, Any], allowed: bool
) -> None:
    add_answers(site)
    site.eve.__dict__.update(attributes)
    assert said(sign_in(site, "eve"), "plain", "tasks:write")[0] is allowed


def test_roles_that_are_no_names_are_refused_with_what_to_do(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    site.eve.__dict__["roles"] = [object()]
    client = sign_in(site, "eve")
    with pytest.raises(AuthConfigError, match=r"MemoryUser\.roles holds an object of the type 'object'"):
        client.get("/plain/tasks:write/-")


def test_outside_of_a_request_there_is_nobody(site: Site) -> None:
    site.app.seal()
    with site.app.app_context():
        assert not can("tasks:read")


# -- rules


def own_tasks_only(user: Any, task: Task) -> bool:
    """Grant one's own tasks, and refuse the others."""
    return bool(task.owner == user.email)


def own_tasks_too(user: Any, task: Task) -> bool | None:
    """Grant one's own tasks, and leave the others to roles."""
    return True if task.owner == user.email else None


async def own_tasks_slowly(user: Any, task: Task) -> bool:
    """Do the same, having waited."""
    return own_tasks_only(user, task)


@BOTH_KINDS
def test_a_rule_decides_about_an_object_whatever_roles_say(site: Site, sign_in: Callable[..., Any], kind: str) -> None:
    add_answers(site)
    rule("tasks:write", site.app)(own_tasks_only)
    ada, eve = sign_in(site, "ada"), sign_in(site, "eve")
    assert said(eve, kind, "tasks:write", "eve")[0]
    assert not said(eve, kind, "tasks:write", "ada")[0]
    assert said(ada, kind, "tasks:write", "ada")[0]
    allowed, reason = said(ada, kind, "tasks:write", "eve")
    assert not allowed
    assert reason.endswith("own_tasks_only refuses it.")


def test_a_rule_is_not_asked_without_an_object_or_about_something_else(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    rule("tasks:write", site.app)(own_tasks_only)
    ada = sign_in(site, "ada")
    assert said(ada, "plain", "tasks:write", "-")[0]
    assert said(ada, "plain", "tasks:read", "eve")[0]


def test_a_rule_that_says_nothing_leaves_it_to_roles(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    rule("tasks:write", site.app)(own_tasks_too)
    assert said(sign_in(site, "ada"), "plain", "tasks:write", "eve")[0]
    assert said(sign_in(site, "eve"), "plain", "tasks:write", "eve")[0]
    assert not said(sign_in(site, "eve"), "plain", "tasks:write", "ada")[0]


def test_one_rule_that_refuses_outweighs_those_that_grant(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    rule("tasks:write", site.app)(own_tasks_too)
    rule("tasks:write", site.app)(lambda user, task: False)
    assert not said(sign_in(site, "ada"), "plain", "tasks:write", "ada")[0]


@BOTH_KINDS
def test_an_asynchronous_rule_is_waited_for(site: Site, sign_in: Callable[..., Any], kind: str) -> None:
    add_answers(site)
    rule("tasks:write", site.app)(own_tasks_slowly)
    eve = sign_in(site, "eve")
    assert said(eve, kind, "tasks:write", "eve")[0]
    assert not said(eve, kind, "tasks:write", "ada")[0]


@pytest.mark.parametrize("function", [can, explain, authorize])
def test_plain_functions_refuse_to_wait_on_an_event_loop(
    site: Site, sign_in: Callable[..., Any], function: Callable[..., Any]
) -> None:
    rule("tasks:write", site.app)(own_tasks_slowly)

    @site.app.get("/ask")
    async def ask() -> str:
        return str(function("tasks:write", Task("ada")))

    client = sign_in(site, "ada")
    with pytest.raises(RuntimeError, match=r"cannot wait for it\. Await explain_async|make the calling function async"):
        client.get("/ask")


def test_rules_are_not_asked_about_nobody(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    asked = []

    @rule("tasks:write", site.app)
    def everybody(user: Any, task: Task) -> bool:
        asked.append(user)
        return True

    assert not said(sign_in(site), "plain", "tasks:write", "ada")[0]
    assert asked == []


def test_a_rule_of_a_blueprint_is_one_of_its_application(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    tasks = Blueprint("tasks", __name__)
    rule("tasks:write", tasks)(own_tasks_only)
    assert not rules_of(site.app).of("tasks:write")
    site.app.register_blueprint(tasks)
    assert said(sign_in(site, "eve"), "plain", "tasks:write", "eve")[0]


def test_a_rule_is_one_of_one_application_only(make_app: Make) -> None:
    one, other = Site(make_app), Site(make_app)
    rule("tasks:write", one.app)(own_tasks_only)
    assert rules_of(one.app).of("tasks:write") == (own_tasks_only,)
    assert rules_of(other.app).of("tasks:write") == ()


def test_a_rule_that_fails_grants_nothing(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    rule("tasks:write", site.app)(lambda user, task: task.missing)
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert sign_in(site, "ada").get("/plain/tasks:write/ada").status_code == 500


def test_a_token_is_limited_to_its_scopes_before_rules_are_asked(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    rule("tasks:write", site.app)(own_tasks_only)
    headers = site.token(site.ada, ["tasks:read"])
    allowed, reason = said(sign_in(site), "plain", "tasks:write", "ada", headers=headers)
    assert not allowed
    assert reason == "The token is limited to 'tasks:read', and 'tasks:write' is not among that."


@pytest.mark.parametrize("owner", ["ada", "eve"])
def test_authorize_asks_rules_about_the_object(site: Site, sign_in: Callable[..., Any], owner: str) -> None:
    rule("tasks:write", site.app)(own_tasks_only)
    task = Task(owner)

    @site.app.get("/write")
    def write() -> str:
        authorize("tasks:write", task)
        return "written"

    assert sign_in(site, "ada").get("/write").status_code == (200 if owner == "ada" else 403)


# -- realms


def test_rules_and_roles_of_one_realm_are_not_those_of_another(make_app: Make, sign_in: Callable[..., Any]) -> None:
    site = Site(make_app, AUTH_REALMS={"staff": {"roles": {"editor": ["tasks:read"]}}})
    people = MemoryUsers()
    carl = people.create("carl", roles=["editor"])
    LoginManager(site.app, realm="staff", blueprints=["desk"], users=people)
    desk = Blueprint("desk", __name__, url_prefix="/desk")
    task = Task("carl")

    @site.app.get("/ask", endpoint="ask")
    @desk.get("/ask")
    def ask() -> Any:
        return {"role": can("tasks:write"), "rule": can("tasks:read", task)}

    @desk.post("/login")
    def login() -> str:
        return str(login_user(carl))

    site.app.register_blueprint(desk)
    rule("tasks:read", site.app)(lambda user, task: False)
    rule("tasks:read", site.app, realm="staff")(own_tasks_only)
    client = sign_in(site, "ada")
    assert client.post("/desk/login").text == "True"
    assert client.get("/ask").json == {"role": True, "rule": False}
    assert client.get("/desk/ask").json == {"role": False, "rule": True}


# -- other policies


@BOTH_KINDS
@pytest.mark.parametrize(("answer", "allowed"), [(True, True), (False, False), (None, False)])
def test_a_plugin_decides_before_roles_do(
    site: Site, sign_in: Callable[..., Any], kind: str, answer: bool | None, allowed: bool
) -> None:
    add_answers(site)
    site.policy.answers["tasks:write"] = answer
    assert said(sign_in(site, "bob"), kind, "tasks:write")[0] is allowed
    assert site.policy.asked[-1] == ("tasks:write", None)


def test_a_plugin_can_refuse_what_rules_and_roles_grant(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    rule("tasks:write", site.app)(own_tasks_only)
    site.policy.answers["tasks:write"] = False
    allowed, reason = said(sign_in(site, "ada"), "plain", "tasks:write", "ada")
    assert (allowed, reason) == (False, "A plugin refuses it (trivet_auth_authorize).")
    assert isinstance(site.policy.asked[-1][1], Task)


def test_what_a_plugin_grants_is_limited_by_scopes(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    site.policy.answers["tasks:write"] = True
    headers = site.token(site.ada, ["tasks:read"])
    assert not said(sign_in(site), "plain", "tasks:write", headers=headers)[0]
    assert site.policy.asked == []


def test_a_plugin_is_not_asked_about_nobody(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    site.policy.answers["tasks:write"] = True
    assert not said(sign_in(site), "plain", "tasks:write")[0]


def test_an_answer_that_is_none_is_refused(site: Site, sign_in: Callable[..., Any]) -> None:
    add_answers(site)
    site.policy.answers["tasks:write"] = "yes"
    client = sign_in(site, "ada")
    with pytest.raises(AuthConfigError, match="trivet_auth_authorize returned 'str'"):
        client.get("/plain/tasks:write/-")


@BOTH_KINDS
def test_an_asynchronous_policy_is_waited_for(make_app: Make, sign_in: Callable[..., Any], kind: str) -> None:
    site = Site(make_app, AsyncPolicy())
    add_answers(site)
    site.app.add_url_rule("/go", view_func=requires("slow:go")(_waiting), endpoint="go")
    eve = sign_in(site, "eve")
    assert said(eve, kind, "slow:go")[0]
    assert not said(eve, kind, "tasks:write")[0]
    assert eve.get("/go").text == "written"


def test_an_identity_that_a_plugin_knows_is_limited_by_its_scopes(make_app: Make, sign_in: Callable[..., Any]) -> None:
    robots = Robots()
    site = Site(make_app, robots)
    robots.user = site.ada
    add_answers(site)
    client = sign_in(site)
    assert said(client, "plain", "tasks:read", headers={"X-Robot": "1"})[0]
    assert not said(client, "plain", "tasks:write", headers={"X-Robot": "1"})[0]


async def _waiting() -> str:
    return "written"

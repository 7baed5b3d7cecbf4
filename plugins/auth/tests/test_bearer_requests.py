"""Tokens in requests: who is asking by them, what limits them, and how those are refused that are no good."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trivet import Blueprint, Trivet, current_context
from trivet_auth import LoginManager, MemoryUsers, accounts, can, current_user, login_required, login_user, requires
from trivet_auth.bearer import Bearers
from trivet_auth.opaque import make
from trivet_auth.state import Auth

from .bearer_tokens import AUDIENCE, ISSUER, OTHER_SECRET, SECRET, key_for

Make = Callable[..., Trivet]
MakeClient = Callable[..., Any]
JWT = {"algorithms": ["HS256"], "keys": [SECRET], "issuer": ISSUER, "audience": AUDIENCE}
ROLES = {"editor": ["tasks:read", "tasks:write"]}
#: The one answer to every token that is no good (RFC 6750, 3.1).
CHALLENGE = 'Bearer realm="default", error="invalid_token"'
#: The answer to one that is not for this.
LIMITED = 'Bearer realm="default", error="insufficient_scope", scope="tasks:write"'


class Site:
    """An application with customers and staff, both of whom have tokens, and views of both kinds of code."""

    def __init__(self, make_app: Make, **config: Any) -> None:
        settings = {
            "SECRET_KEY": "only in these tests",
            "AUTH_STORE": "memory",
            "AUTH_ROLES": ROLES,
            "AUTH_JWT": JWT,
            "AUTH_REALMS": {"staff": {"blueprints": ["admin"]}},
            **config,
        }
        self.app = app = make_app(plugins=["auth"], config=settings)
        self.users, self.staff = MemoryUsers(), MemoryUsers()
        self.manager: LoginManager[Any] = LoginManager(app, users=self.users)
        LoginManager(app, realm="staff", users=self.staff)
        self.auth = Auth.of(app)
        self.ada = self.users.create("ada", roles=["editor"])
        self.boss = self.staff.create("boss", roles=["editor"])
        _add_views(app, self.users)

    def token(self, owner: str = "default:1", scopes: Any = None, lifetime: float | None = 60) -> str:
        """Make a personal access token."""
        return self.auth.tokens.create(owner, "test", scopes, lifetime)[0]

    def signed(self, subject: str = "1", scopes: Any = None, **changes: Any) -> str:
        """Make a signed token, with another key, issuer and so on if it is wanted."""
        more = {"keys": [SECRET], "algorithms": ["HS256"], "issuer": ISSUER, "audience": AUDIENCE, **changes}
        return Bearers(**more).issue(subject, scopes)


def _add_views(app: Trivet, users: MemoryUsers) -> None:
    admin = Blueprint("admin", __name__, url_prefix="/admin")

    def who() -> str:
        ctx: Any = current_context()
        return f"{getattr(current_user, 'email', 'nobody')} by {ctx.identity.method or 'nothing'}"

    async def async_who() -> str:
        return who()

    for part in (app, admin):
        part.add_url_rule("/who", "who", who)
        part.add_url_rule("/async/who", "async_who", async_who)
    app.register_blueprint(admin)

    @app.post("/in")
    def enter() -> str:
        return str(login_user(users.get("1")))

    @app.route("/write", methods=["GET", "POST"])
    @requires("tasks:write")
    def write() -> str:
        return "written"

    @app.get("/async/write")
    @requires("tasks:write")
    async def async_write() -> str:
        return "written"

    @app.get("/inside")
    @login_required
    def inside() -> str:
        return f"read {can('tasks:read')}, write {can('tasks:write')}"

    @app.get("/free")
    def free() -> str:
        return "for everybody"


@pytest.fixture
def site(make_app: Make) -> Site:
    return Site(make_app)


def bearer(text: str, scheme: str = "Bearer") -> dict[str, str]:
    """Return the header that a token is sent in."""
    return {"Authorization": f"{scheme} {text}"}


BOTH = pytest.mark.parametrize("kind", ["", "/async"])


def assert_refused(answer: Any, realm: str = "default") -> None:
    """See to it that an answer is the one to a token that is no good, and says nothing more."""
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == CHALLENGE.replace("default", realm)
    assert "The bearer token is not valid." in answer.text
    assert "private" in answer.headers["Cache-Control"]
    assert {"Authorization", "Cookie"} <= {one.strip() for one in answer.headers["Vary"].split(",")}


# -- tokens that are good


@BOTH
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_personal_access_token_says_who_is_asking(
    site: Site, make_client: MakeClient, kind: str, scheme: str
) -> None:
    answer = make_client(site.app).get(f"{kind}/who", headers=bearer(site.token(), scheme))
    assert answer.text == "ada by token"


@BOTH
def test_a_signed_token_says_who_is_asking(site: Site, make_client: MakeClient, kind: str) -> None:
    assert make_client(site.app).get(f"{kind}/who", headers=bearer(site.signed())).text == "ada by jwt"


def test_a_token_by_a_key_that_was_replaced_is_good_as_long_as_that_key_is_there(
    make_app: Make, make_client: MakeClient
) -> None:
    site = Site(make_app, AUTH_JWT={**JWT, "keys": [OTHER_SECRET, SECRET]})
    assert make_client(site.app).get("/who", headers=bearer(site.signed())).text == "ada by jwt"


def test_a_token_signed_by_a_private_key_is_good(make_app: Make, make_client: MakeClient) -> None:
    key = key_for("ES256")
    site = Site(make_app, AUTH_JWT={**JWT, "algorithms": ["ES256"], "keys": [key]})
    text = site.signed(keys=[key], algorithms=["ES256"])
    assert make_client(site.app).get("/who", headers=bearer(text)).text == "ada by jwt"


def test_a_token_leaves_no_session_behind(site: Site, make_client: MakeClient) -> None:
    client = make_client(site.app)
    answer = client.get("/inside", headers=bearer(site.token()))
    assert "Set-Cookie" not in answer.headers
    assert client.get("/inside").status_code == 401


def test_a_token_and_not_the_session_says_who_is_asking(site: Site, make_client: MakeClient) -> None:
    eve = site.users.create("eve")
    client = make_client(site.app)
    client.post("/in")
    assert client.get("/who", headers=bearer(site.token(f"default:{eve.id}"))).text == "eve by token"
    assert client.get("/who").text == "ada by session"


def test_the_use_of_a_token_is_noted(site: Site, make_client: MakeClient) -> None:
    text = site.token()
    [before] = site.auth.tokens.list("default:1")
    make_client(site.app).get("/who", headers=bearer(text))
    [after] = site.auth.tokens.list("default:1")
    assert (before.used, after.used is not None) == (None, True)


# -- tokens that are no good


def wrong_tokens(site: Site) -> dict[str, str]:
    """Return tokens that are no good, by what is wrong with them."""
    good, signed = site.token(), site.signed()
    revoked = site.token()
    [info] = [one for one in site.auth.tokens.list("default:1") if one.id in revoked]
    site.auth.tokens.revoke("default:1", info.id)
    gone = site.token("default:99")
    expired = site.token(lifetime=1e-9)
    return {
        "unknown": make("trv").text,
        "truncated": good[:-1],
        "with a wrong check": good[:-1] + ("a" if good[-1] != "a" else "b"),
        "prolonged": f"{good}x",
        "revoked": revoked,
        "expired": expired,
        "of nobody": gone,
        "of another realm": site.token("staff:1"),
        "of another prefix": make("oth").text,
        "a prefix only": "trv_",
        "empty": "",
        "any text": "x",
        "oversized": "trv_" + "a" * 20_000,
        "oversized and signed": f"{signed}{'a' * 20_000}",
        "not ASCII": "trv_ä",
        "not UTF-8": "trv_\xff\xfe",
        "with a space": f"{good} x",
        "signed and truncated": signed[:-1],
        "signed and changed": signed.replace(".", ".e", 1),
        "signed with another key": site.signed(keys=[OTHER_SECRET]),
        "of another issuer": site.signed(issuer="https://evil.example"),
        "for somebody else": site.signed(audience="https://other.example"),
        "signed and expired": site.signed(clock=lambda: 1_000_000_000.0),
        "signed about nobody": site.signed("99"),
        "not signed": f"eyJhbGciOiJub25lIn0.{signed.split('.')[1]}.",
        "two dots": "..",
    }


WRONG = [
    *("unknown", "truncated", "with a wrong check", "prolonged", "revoked", "expired", "of nobody", "of another realm"),
    *("of another prefix", "a prefix only", "empty", "any text", "oversized", "oversized and signed", "not ASCII"),
    *("not UTF-8", "with a space", "signed and truncated", "signed and changed", "signed with another key"),
    *("of another issuer", "for somebody else", "signed and expired", "signed about nobody", "not signed", "two dots"),
]


def test_all_of_them_are_tried(site: Site) -> None:
    assert list(wrong_tokens(site)) == WRONG


@BOTH
@pytest.mark.parametrize("name", WRONG)
def test_a_token_that_is_no_good_is_401_with_a_challenge(
    site: Site, make_client: MakeClient, kind: str, name: str
) -> None:
    text = wrong_tokens(site)[name]
    assert_refused(make_client(site.app).get(f"{kind}/who", headers=bearer(text)))


@pytest.mark.parametrize("path", ["/write", "/async/write", "/inside"])
def test_it_is_401_wherever_somebody_is_needed(site: Site, make_client: MakeClient, path: str) -> None:
    assert_refused(make_client(site.app).get(path, headers=bearer("x")))


def test_a_session_does_not_help_who_sends_a_token_of_ours_that_is_no_good(site: Site, make_client: MakeClient) -> None:
    client = make_client(site.app)
    client.post("/in")
    assert_refused(client.get("/who", headers=bearer(make("trv").text)))
    assert_refused(client.get("/who", headers=bearer(site.signed(keys=[OTHER_SECRET]))))


def test_who_asks_for_what_is_for_everybody_is_not_looked_at(site: Site, make_client: MakeClient) -> None:
    assert make_client(site.app).get("/free", headers=bearer("x")).text == "for everybody"


@pytest.mark.parametrize("kind", ["token", "jwt"])
def test_a_token_of_somebody_who_is_locked_is_401(site: Site, make_client: MakeClient, kind: str) -> None:
    text = site.token() if kind == "token" else site.signed()
    client = make_client(site.app)
    assert client.get("/who", headers=bearer(text)).status_code == 200
    site.app.seal()
    site.users.save(site.ada, locked=True)
    assert_refused(client.get("/who", headers=bearer(text)))


def test_a_lock_ends_tokens_for_good(site: Site, make_client: MakeClient) -> None:
    text = site.token()
    site.app.seal()
    accounts.lock(site.auth, "default", site.ada)
    accounts.unlock(site.auth, "default", site.ada)
    assert_refused(make_client(site.app).get("/who", headers=bearer(text)))


def test_without_jwt_configured_a_signed_token_is_401(make_app: Make, make_client: MakeClient) -> None:
    site = Site(make_app, AUTH_JWT=None)
    assert_refused(make_client(site.app).get("/who", headers=bearer(site.signed())))


@pytest.mark.parametrize("header", ["Basic YWRhOng=", "Digest x", "x", "Bearerx y", "Negotiate"])
def test_another_scheme_is_nobody_s_and_no_error(site: Site, make_client: MakeClient, header: str) -> None:
    client = make_client(site.app)
    assert client.get("/who", headers={"Authorization": header}).text == "nobody by nothing"
    assert client.get("/inside", headers={"Authorization": header}).status_code == 401


TEXTS = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=200)


@given(text=TEXTS | TEXTS.map(lambda one: f"trv_{one}") | st.tuples(TEXTS, TEXTS, TEXTS).map(".".join))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_as_a_token_is_401_and_never_a_500(site: Site, text: str) -> None:
    client = site.app.test_client()
    assert client.get("/inside", headers=bearer(text)).status_code == 401
    assert client.get("/async/write", headers=bearer(text)).status_code == 401


# -- what tokens are limited to


@pytest.mark.parametrize("path", ["/write", "/async/write"])
@pytest.mark.parametrize("kind", ["token", "jwt"])
def test_scopes_limit_what_a_token_may(site: Site, make_client: MakeClient, kind: str, path: str) -> None:
    def ask(scopes: Any) -> Any:
        text = site.token(scopes=scopes) if kind == "token" else site.signed(scopes=scopes)
        return make_client(site.app).get(path, headers=bearer(text))

    assert ask(["tasks:write"]).text == "written"
    assert ask(["tasks:read", "tasks:write"]).text == "written"
    for scopes in (["tasks:read"], []):
        answer = ask(scopes)
        assert answer.status_code == 403
        assert answer.headers["WWW-Authenticate"] == LIMITED


def test_a_token_without_scopes_may_what_its_owner_may(site: Site, make_client: MakeClient) -> None:
    client = make_client(site.app)
    headers = bearer(site.token(scopes=None))
    assert client.get("/inside", headers=headers).text == "read True, write True"
    site.users.save(site.ada, roles=[])
    assert client.get("/inside", headers=headers).text == "read False, write False"


def test_scopes_grant_nothing(site: Site, make_client: MakeClient) -> None:
    eve = site.users.create("eve")
    answer = make_client(site.app).get("/write", headers=bearer(site.token(f"default:{eve.id}", ["tasks:write"])))
    assert answer.status_code == 403
    assert "WWW-Authenticate" not in answer.headers


# -- realms


@BOTH
def test_a_token_is_good_for_the_views_of_its_realm(site: Site, make_client: MakeClient, kind: str) -> None:
    client = make_client(site.app)
    assert client.get(f"/admin{kind}/who", headers=bearer(site.token("staff:1"))).text == "boss by token"
    assert_refused(client.get(f"/admin{kind}/who", headers=bearer(site.token("default:1"))), "staff")
    assert_refused(client.get(f"{kind}/who", headers=bearer(site.token("staff:1"))))


def test_signed_tokens_are_of_one_realm(make_app: Make, make_client: MakeClient) -> None:
    site = Site(make_app, AUTH_JWT={**JWT, "realm": "staff"})
    client = make_client(site.app)
    assert client.get("/admin/who", headers=bearer(site.signed())).text == "boss by jwt"
    assert_refused(client.get("/who", headers=bearer(site.signed())))


def test_a_session_and_a_token_are_used_side_by_side(site: Site, make_client: MakeClient) -> None:
    client = make_client(site.app)
    client.post("/in")
    assert client.get("/admin/who", headers=bearer(site.token("staff:1"))).text == "boss by token"
    assert client.get("/admin/who").text == "nobody by nothing"
    assert client.get("/who").text == "ada by session"


# -- requests that change something


def test_a_program_with_a_token_is_not_taken_for_another_site_s_page(site: Site, make_client: MakeClient) -> None:
    answer = make_client(site.app).post("/write", headers=bearer(site.token()))
    assert answer.text == "written"


def test_a_page_of_another_site_is_refused_whatever_it_sends(site: Site, make_client: MakeClient) -> None:
    headers = {**bearer(site.token()), "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert make_client(site.app).post("/write", headers=headers).status_code == 403

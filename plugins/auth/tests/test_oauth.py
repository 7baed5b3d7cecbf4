"""Signing in by a provider: the way there and back, on both protocols."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trivet import request, session
from trivet_auth.oauth.attempts import LIFETIME, MAX_COOKIES

from .provider import CLIENT, SECRET, Provider, query_of, serve, visit
from .provider_site import URL, Make, Site, begin, configured, plain, sign_in, who

Clients = Callable[..., Any]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serve(Provider()) as made:
        yield made


@pytest.fixture
def site(make_app: Make, provider: Provider) -> Site:
    return Site(make_app, {"main": configured(provider)})


# -- there and back


def test_somebody_new_gets_an_account_and_is_signed_in(site: Site, make_client: Clients) -> None:
    client = make_client(site.app)
    answer = sign_in(client)
    assert (answer.status_code, answer.location) == (303, "/")
    assert who(client) == "ada@example.com"
    [user] = site.users.all()
    assert user.verified_at is not None
    assert user.password_hash is None


def test_the_same_person_comes_back_to_the_same_account(site: Site, make_client: Clients) -> None:
    for _ in range(2):
        client = make_client(site.app)
        sign_in(client)
        assert who(client) == "ada@example.com"
    assert len(site.users.all()) == 1


def test_another_person_comes_to_another_account(site: Site, provider: Provider, make_client: Clients) -> None:
    sign_in(make_client(site.app))
    provider.person = {"sub": "another", "email": "bob@example.com", "email_verified": True}
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "bob@example.com"


def test_a_changed_address_leads_to_the_same_account(site: Site, provider: Provider, make_client: Clients) -> None:
    sign_in(make_client(site.app))
    provider.person["email"] = "ada@example.org"
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "ada@example.com"


def test_the_address_may_stand_in_the_userinfo_only(site: Site, provider: Provider, make_client: Clients) -> None:
    provider.email_in_token = False
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "ada@example.com"
    assert provider.asked[-1] == "/userinfo"


def test_the_provider_is_asked_no_more_than_needed(site: Site, provider: Provider, make_client: Clients) -> None:
    sign_in(make_client(site.app))
    provider.asked.clear()
    sign_in(make_client(site.app))
    assert provider.asked == ["/authorize", "/token"]


@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_keys_of_several_kinds_sign(site: Site, provider: Provider, make_client: Clients, kind: str) -> None:
    provider.rotate("k", kind)
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "ada@example.com"


def test_a_provider_may_want_the_secret_in_the_body(site: Site, provider: Provider, make_client: Clients) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "ada@example.com"


def test_a_provider_that_speaks_oauth_only_is_asked_for_userinfo(
    make_app: Make, provider: Provider, make_client: Clients
) -> None:
    site = Site(make_app, {"main": plain(provider, scope="openid email")})
    provider.person = {"id": 583231, "email": "ada@example.com", "email_verified": True}
    client = make_client(site.app)
    address = begin(client)
    assert query_of(address)["scope"] == "email"
    assert "nonce" not in query_of(address)
    client.get(visit(address))
    assert who(client) == "ada@example.com"
    assert provider.asked == ["/authorize", "/token", "/userinfo"]


# -- what is sent along


def test_the_request_says_all_that_standards_ask_for(site: Site, provider: Provider, make_client: Clients) -> None:
    address = begin(make_client(site.app))
    assert address.startswith(f"{provider.issuer}/authorize?")
    asked = query_of(address)
    assert len(asked.pop("state")) == len(asked.pop("nonce")) == len(asked.pop("code_challenge")) == 43
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": f"{URL}/auth/oauth/main/callback",
        "scope": "openid email",
        "code_challenge_method": "S256",
    }


def test_the_request_says_how_recently_one_has_to_have_signed_in(make_app: Make, provider: Provider) -> None:
    site = Site(make_app, {"main": configured(provider, max_age=0)})
    assert query_of(begin(site.app.test_client()))["max_age"] == "0"


def test_no_two_attempts_share_anything(site: Site, make_client: Clients) -> None:
    one, other = (query_of(begin(make_client(site.app))) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert one[name] != other[name]


def test_the_redirect_uri_does_not_follow_the_host_header(site: Site, make_client: Clients) -> None:
    answer = make_client(site.app).post("/auth/oauth/main", headers={"Host": "evil.example"})
    assert query_of(answer.location)["redirect_uri"] == f"{URL}/auth/oauth/main/callback"


def test_the_cookie_shows_nothing_and_is_short_lived(site: Site, make_client: Clients) -> None:
    answer = make_client(site.app).post("/auth/oauth/main")
    asked = query_of(answer.location)
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("trivet_oauth_")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={LIFETIME}"):
        assert part in cookie
    for name in ("state", "nonce", "code_challenge"):
        assert asked[name] not in cookie


def test_under_https_the_cookie_can_be_set_by_this_host_only(
    make_app: Make, provider: Provider, make_client: Clients
) -> None:
    site = Site(make_app, {"main": configured(provider)}, AUTH_URL="https://app.example.com")
    [cookie] = make_client(site.app).post("/auth/oauth/main").headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-trivet_oauth_")
    assert "; Secure" in cookie
    assert "Domain" not in cookie


def test_many_attempts_do_not_fill_the_browser(site: Site, make_client: Clients) -> None:
    client = make_client(site.app)
    answers = [client.post("/auth/oauth/main") for _ in range(MAX_COOKIES + 1)]
    assert len(answers[-1].headers.getlist("Set-Cookie")) == MAX_COOKIES + 1
    assert client.get(visit(answers[-1].location)).status_code == 303


def test_two_tabs_do_not_disturb_each_other(site: Site, make_client: Clients) -> None:
    client = make_client(site.app)
    first, second = begin(client, next="/first"), begin(client, next="/second")
    assert client.get(visit(first)).location == "/first"
    assert client.get(visit(second)).location == "/second"


# -- beginning


def test_get_shows_a_button_and_begins_nothing(site: Site, provider: Provider, make_client: Clients) -> None:
    answer = make_client(site.app).get("/auth/oauth/main?next=/tasks")
    assert answer.status_code == 200
    assert '<form method="post">' in answer.text
    assert 'value="/tasks"' in answer.text
    assert "Set-Cookie" not in answer.headers
    assert provider.asked == []


def test_a_page_of_another_site_cannot_begin(site: Site, make_client: Clients) -> None:
    answer = make_client(site.app).post("/auth/oauth/main", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_a_form_carries_a_token_where_that_is_configured(
    make_app: Make, provider: Provider, make_client: Clients
) -> None:
    site = Site(make_app, {"main": configured(provider)}, AUTH_CSRF_TOKENS=True)
    client = make_client(site.app)
    assert client.post("/auth/oauth/main").status_code == 403
    page = client.get("/auth/oauth/main").text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert client.post("/auth/oauth/main", data={"csrf_token": token}).status_code == 303


def test_programs_are_told_the_address(site: Site, provider: Provider, make_client: Clients) -> None:
    client = make_client(site.app)
    answer = client.post("/auth/oauth/main", json={"next": "/tasks"})
    assert answer.status_code == 200
    assert answer.json["url"].startswith(f"{provider.issuer}/authorize?")
    assert client.get(visit(answer.json["url"])).location == "/tasks"


@pytest.mark.parametrize("path", ["/auth/oauth/other", "/auth/oauth/other/callback", "/auth/oauth/Main"])
def test_a_provider_that_is_not_configured_is_404(site: Site, make_client: Clients, path: str) -> None:
    assert make_client(site.app).get(path).status_code == 404


def test_the_pages_work_where_everybody_has_to_sign_in(
    make_app: Make, provider: Provider, make_client: Clients
) -> None:
    site = Site(make_app, {"main": configured(provider)}, AUTH_REQUIRE_LOGIN=True)
    client = make_client(site.app)
    assert client.get("/who").location == "/auth/oauth?next=%2Fwho"
    sign_in(client)
    assert who(client) == "ada@example.com"


def test_the_page_to_sign_in_on_can_have_buttons(make_app: Make, provider: Provider, make_client: Clients) -> None:
    site = Site(make_app, {"main": configured(provider, label="The <Main> One")})
    source = '{% include "auth/oauth_buttons.html" %}'
    site.app.add_url_rule("/enter", view_func=lambda: site.app.jinja_env.from_string(source).render(_providers(site)))
    page = make_client(site.app).get("/enter").text
    assert 'action="/auth/oauth/main"' in page
    assert "Sign in with The &lt;Main&gt; One" in page


def _providers(site: Site) -> dict[str, Any]:
    names: dict[str, Any] = {}
    site.app.update_template_context(names)
    return names


# -- arriving


@pytest.mark.parametrize(
    ("wanted", "target"),
    [
        ("/tasks?page=2", "/tasks?page=2"),
        ("//evil.example", "/home"),
        ("https://evil.example/", "/home"),
        ("/\\evil.example", "/home"),
        ("/ok\r\nSet-Cookie: a=b", "/home"),
        ("/" + "x" * 2000, "/home"),
        ("", "/home"),
    ],
)
def test_one_goes_on_to_where_one_wanted_to_go_on_this_site(
    make_app: Make, provider: Provider, make_client: Clients, wanted: str, target: str
) -> None:
    site = Site(make_app, {"main": configured(provider)}, AUTH_AFTER_LOGIN="/home")
    assert sign_in(make_client(site.app), next=wanted).location == target


def test_the_session_begins_anew(site: Site, make_client: Clients) -> None:
    @site.app.post("/plant")
    def plant() -> str:
        session["planted"] = True
        return ""

    @site.app.get("/planted")
    def planted() -> str:
        return str("planted" in session)

    client = make_client(site.app)
    client.post("/plant")
    assert client.get("/planted").text == "True"
    sign_in(client)
    assert client.get("/planted").text == "False"


def test_who_is_signed_in_is_replaced(site: Site, make_client: Clients) -> None:
    site.users.create("bob@example.com")
    client = make_client(site.app)
    client.post("/enter/bob@example.com")
    sign_in(client)
    assert who(client) == "ada@example.com"


def test_a_browser_is_remembered_if_that_was_wished(site: Site, make_client: Clients) -> None:
    for fields, expected in (({}, False), ({"remember": "1"}, True)):
        answer = sign_in(make_client(site.app), **fields)
        assert any("remember_token=" in one for one in answer.headers.getlist("Set-Cookie")) is expected


def test_the_answer_is_kept_by_nobody(site: Site, make_client: Clients) -> None:
    answer = sign_in(make_client(site.app))
    assert answer.cache_control.no_store
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_browser_forgets_the_attempt(site: Site, make_client: Clients) -> None:
    answer = sign_in(make_client(site.app))
    [gone] = [one for one in answer.headers.getlist("Set-Cookie") if one.startswith("trivet_oauth_")]
    assert "Max-Age=0" in gone


def test_events_tell_what_happened_and_no_secret(site: Site, provider: Provider, make_client: Clients) -> None:
    codes: list[str] = []

    def note(params: dict[str, str]) -> dict[str, str]:
        codes.append(params["code"])
        return params

    provider.back = note
    client = make_client(site.app)
    address = begin(client)
    client.get(visit(address))
    names = [event.name for event in site.seen.events]
    assert names == ["account.created", "oauth.linked", "login"]
    assert site.seen.named("oauth.linked")[0].facts == {"provider": "main", "by": "register"}
    assert site.seen.named("login")[0].facts["method"] == "oauth:main"
    said = repr(site.seen.events)
    for secret in (SECRET, codes[0], query_of(address)["state"], query_of(address)["nonce"]):
        assert secret not in said


def test_the_challenge_is_the_digest_of_what_is_sent_later(
    site: Site, provider: Provider, make_client: Clients
) -> None:
    sent: list[str] = []

    @provider.app.before_request
    def look() -> None:
        if request.path == "/token":
            sent.append(request.form["code_verifier"])

    client = make_client(site.app)
    address = begin(client)
    client.get(visit(address))
    digest = urlsafe_b64encode(hashlib.sha256(sent[0].encode()).digest()).rstrip(b"=").decode()
    assert digest == query_of(address)["code_challenge"]

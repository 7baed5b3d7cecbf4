"""What others can send, plant or replay while somebody signs in by a provider: nobody gets in by it."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trivet_auth.oauth import attempts

from .provider import Provider, query_of, serve, visit
from .provider_site import Make, Site, begin, configured, plain, sign_in, who

Clients = Callable[..., Any]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serve(Provider()) as made:
        yield made


@pytest.fixture
def site(make_app: Make, provider: Provider) -> Site:
    return Site(make_app, {"main": configured(provider)})


def refused(site: Site, client: Any, answer: Any, status: int, reason: str) -> None:
    """See to it that nobody got in, that the answer says so, and that the next one who comes gets in."""
    assert (answer.status_code, site.reasons()[-1:]) == (status, [reason])
    assert "That did not work" in answer.text
    assert who(client) == "nobody"
    assert site.users.all() == []
    assert sign_in(client).status_code == 303
    assert who(client) == "ada@example.com"


# -- the state


def test_an_answer_that_nobody_asked_for_is_refused(site: Site, make_client: Clients) -> None:
    client = make_client(site.app)
    answer = client.get(f"/auth/oauth/main/callback?code=a&state={'s' * 43}")
    refused(site, client, answer, 400, "attempt")


def test_an_answer_that_another_browser_has_asked_for_is_refused(site: Site, make_client: Clients) -> None:
    attacker, client = make_client(site.app), make_client(site.app)
    answer = client.get(visit(begin(attacker)))
    refused(site, client, answer, 400, "attempt")


def test_an_answer_works_once(site: Site, make_client: Clients) -> None:
    client = make_client(site.app)
    first = client.post("/auth/oauth/main")
    back = visit(first.location)
    cookie = first.headers["Set-Cookie"].partition(";")[0]
    assert client.get(back).status_code == 303
    thief = make_client(site.app, use_cookies=False)
    answer = thief.get(back, headers={"Cookie": cookie})
    assert (answer.status_code, site.reasons()) == (400, ["attempt"])
    assert "Set-Cookie" not in answer.headers or "session" not in answer.headers["Set-Cookie"]


def test_a_failed_answer_cannot_be_tried_again(site: Site, provider: Provider, make_client: Clients) -> None:
    client = make_client(site.app)
    first = client.post("/auth/oauth/main")
    back, cookie = visit(first.location), first.headers["Set-Cookie"].partition(";")[0]
    provider.answers["/token"] = lambda: ("", 503)
    assert client.get(back).status_code == 503
    del provider.answers["/token"]
    client.set_cookie(*cookie.split("=", 1))
    refused(site, client, client.get(back), 400, "attempt")


def test_an_attempt_ends_after_its_time(site: Site, make_client: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client(site.app)
    back = visit(begin(client))
    monkeypatch.setattr(attempts, "LIFETIME", -1)
    answer = client.get(back)
    monkeypatch.undo()
    refused(site, client, answer, 400, "attempt")


@pytest.mark.parametrize("what", ["state", "code", "iss"])
def test_a_parameter_that_is_there_twice_is_refused(site: Site, make_client: Clients, what: str) -> None:
    client = make_client(site.app)
    back = visit(begin(client))
    answer = client.get(f"{back}&{urlencode({what: query_of(back)[what]})}")
    refused(site, client, answer, 400, "request")


@pytest.mark.parametrize("path", ["?code=a", "", "?state=", "?state=%ff%fe", f"?state={'x' * 4000}"])
def test_an_answer_without_a_state_of_ours_is_refused(site: Site, path: str) -> None:
    client = site.app.test_client()
    refused(site, client, client.get(f"/auth/oauth/main/callback{path}"), 400, "attempt")


def test_a_cookie_that_was_changed_is_worth_nothing(site: Site, make_client: Clients) -> None:
    first = make_client(site.app).post("/auth/oauth/main")
    back = visit(first.location)
    name, value = first.headers["Set-Cookie"].partition(";")[0].split("=", 1)
    thief = make_client(site.app, use_cookies=False)
    for text in (value[:-4] + "AAAA", value[:40], "", "ü", '"\\377"', value.swapcase(), "x" * 9000):
        header = f"{name}={text}".encode().decode("latin-1")
        answer = thief.get(back, headers={"Cookie": header})
        assert (answer.status_code, site.reasons()[-1]) == (400, "attempt")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.text(max_size=60), st.text(max_size=60), st.dictionaries(st.sampled_from(["iss", "error", "x"]), st.text()))
def test_whatever_is_sent_as_an_answer_is_a_400(site: Site, state: str, code: str, more: dict[str, str]) -> None:
    client = site.app.test_client()
    fields = {"state": state, "code": code, **more}
    encoded = urlencode(fields, errors="surrogatepass")
    assert client.get(f"/auth/oauth/main/callback?{encoded}").status_code == 400


# -- mix-up of providers (RFC 9207; RFC 9700, 4.4)


def test_an_answer_of_another_provider_is_refused(site: Site, provider: Provider, make_client: Clients) -> None:
    client = make_client(site.app)
    provider.back = lambda params: {**params, "iss": "https://honest.example"}
    answer = client.get(visit(begin(client)))
    provider.back = dict
    assert "/token" not in provider.asked
    refused(site, client, answer, 400, "request")


def test_a_provider_that_always_says_who_it_is_has_to(site: Site, provider: Provider, make_client: Clients) -> None:
    client = make_client(site.app)
    provider.back = lambda params: {name: value for name, value in params.items() if name != "iss"}
    answer = client.get(visit(begin(client)))
    provider.back = dict
    refused(site, client, answer, 400, "request")


def test_a_provider_that_never_says_who_it_is_need_not(
    make_app: Make, provider: Provider, make_client: Clients
) -> None:
    provider.metadata["authorization_response_iss_parameter_supported"] = False
    provider.back = lambda params: {name: value for name, value in params.items() if name != "iss"}
    client = make_client(Site(make_app, {"main": configured(provider)}).app)
    sign_in(client)
    assert who(client) == "ada@example.com"


def test_an_answer_for_one_provider_does_not_do_for_another(
    make_app: Make, provider: Provider, make_client: Clients
) -> None:
    with serve(Provider()) as evil:
        site = Site(make_app, {"main": configured(provider), "evil": configured(evil)})
        client = make_client(site.app)
        there = query_of(begin(client, "evil"))
        back = visit(begin(make_client(site.app)))
        code = query_of(back)["code"]
        sent = urlencode({"code": code, "state": there["state"], "iss": provider.issuer})
        assert [client.get(f"/auth/oauth/{name}/callback?{sent}").status_code for name in ("main", "evil")] == [
            400,
            400,
        ]
        assert site.reasons() == ["attempt", "request"]
        assert "/token" not in evil.asked
        assert who(client) == "nobody"


# -- codes and tokens of others


def test_a_stolen_code_does_not_fit_another_attempt(site: Site, make_client: Clients) -> None:
    victim, thief = make_client(site.app), make_client(site.app)
    stolen = query_of(visit(begin(victim)))["code"]
    own = query_of(visit(begin(thief)))
    answer = thief.get(f"/auth/oauth/main/callback?{urlencode({**own, 'code': stolen})}")
    refused(site, thief, answer, 400, "code")


def test_a_code_that_the_provider_does_not_know_is_refused(site: Site, make_client: Clients) -> None:
    client = make_client(site.app)
    own = query_of(visit(begin(client)))
    answer = client.get(f"/auth/oauth/main/callback?{urlencode({**own, 'code': 'made up'})}")
    refused(site, client, answer, 400, "code")


@pytest.mark.parametrize("code", ["", "ü", "a\r\nb", "x" * 5000, "\0"])
def test_what_cannot_be_a_code_is_not_sent_on(site: Site, provider: Provider, code: str) -> None:
    client = site.app.test_client()
    own = query_of(visit(begin(client)))
    answer = client.get(f"/auth/oauth/main/callback?{urlencode({**own, 'code': code})}")
    assert "/token" not in provider.asked
    refused(site, client, answer, 400, "request")


def test_the_nonce_of_another_attempt_is_refused(site: Site, provider: Provider, make_client: Clients) -> None:
    provider.claims = lambda claims: {**claims, "nonce": "n" * 43}
    client = make_client(site.app)
    answer = sign_in(client)
    provider.claims = dict
    refused(site, client, answer, 502, "provider")


# -- too many


def test_who_tries_too_often_has_to_wait(make_app: Make, provider: Provider, make_client: Clients) -> None:
    site = Site(make_app, {"main": configured(provider)}, AUTH_THROTTLE={"address": 2})
    client = make_client(site.app)

    def fail() -> Any:
        own = query_of(visit(begin(client)))
        return client.get(f"/auth/oauth/main/callback?{urlencode({**own, 'code': 'made up'})}")

    assert [fail().status_code for _ in range(2)] == [400, 400]
    answer = fail()
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert provider.asked.count("/token") == 2


def test_who_succeeds_need_not_wait(make_app: Make, provider: Provider, make_client: Clients) -> None:
    site = Site(make_app, {"main": configured(provider)}, AUTH_THROTTLE={"address": 2})
    for _ in range(4):
        assert sign_in(make_client(site.app)).status_code == 303


# -- userinfo


def test_userinfo_about_somebody_else_is_refused(site: Site, provider: Provider, make_client: Clients) -> None:
    provider.email_in_token = False
    provider.answers["/userinfo"] = lambda: {"sub": "another", "email": "bob@example.com", "email_verified": True}
    client = make_client(site.app)
    answer = sign_in(client)
    del provider.answers["/userinfo"]
    refused(site, client, answer, 502, "provider")


@pytest.mark.parametrize("person", [{}, {"sub": ""}, {"id": True}, {"id": None}, {"sub": ["a"]}, {"sub": "x" * 300}])
def test_userinfo_about_nobody_is_refused(make_app: Make, provider: Provider, person: dict[str, Any]) -> None:
    site = Site(make_app, {"main": plain(provider)})
    provider.person = {**person, "email": "ada@example.com", "email_verified": True}
    client = site.app.test_client()
    answer = sign_in(client)
    provider.person = {"sub": "1", "email": "ada@example.com", "email_verified": True}
    refused(site, client, answer, 502, "provider")


def test_the_subject_of_another_issuer_is_another_person(
    make_app: Make, provider: Provider, make_client: Clients
) -> None:
    first = Site(make_app, {"main": configured(provider)})
    sign_in(make_client(first.app))
    with serve(Provider()) as other:
        second = Site(make_app, {"main": configured(other)})
        second.auth.__dict__["store"], second.auth.realms["default"].users = first.auth.store, first.users
        client = make_client(second.app)
        assert sign_in(client).status_code == 403  # the address is taken, and there is no link
        assert who(client) == "nobody"


@pytest.mark.parametrize(("late", "expected"), [(30, 303), (300, 502)])
def test_clocks_may_differ_a_little_and_not_much(
    site: Site, provider: Provider, make_client: Clients, late: int, expected: int
) -> None:
    provider.claims = lambda claims: {**claims, "iat": time.time() + late, "exp": time.time() + 900}
    assert sign_in(make_client(site.app)).status_code == expected

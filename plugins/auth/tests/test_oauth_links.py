"""Connecting accounts of providers with one's own, listing and disconnecting them, but never the last one."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from trivet_auth import accounts as service
from trivet_auth import login_required, login_user
from trivet_auth.oauth import disconnect_all
from trivet_auth.oauth.errors import Refused
from trivet_auth.oauth.linking import Links
from trivet_auth.oauth.service import OAuth

from .provider import Provider, serve, visit
from .provider_site import Make, Site, configured, sign_in, who

Clients = Callable[..., Any]
PASSWORD = "violet kettles hum at noon"
BOB = "bob@example.com"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serve(Provider()) as made:
        yield made


@pytest.fixture
def site(make_app: Make, provider: Provider) -> Site:
    """A site with Bob, who has a password, and two providers that are the same."""
    made = Site(make_app, {"main": configured(provider), "other": configured(provider)})
    made.app.add_url_rule("/private", view_func=login_required(lambda: "here"), endpoint="private")
    made.app.seal()
    with made.app.app_context():
        service.create(made.auth, "default", BOB, PASSWORD)
    return made


@pytest.fixture
def bob(site: Site, make_client: Clients) -> Any:
    """Bob's browser; he has just signed in."""
    client = make_client(site.app)
    assert client.post(f"/enter/{BOB}").text == "True"
    return client


def link(client: Any, name: str = "main", **fields: str) -> Any:
    """Connect an account, and return the last answer."""
    answer = client.post(f"/auth/oauth/{name}/link", data=fields)
    assert answer.status_code == 303, answer.text
    return client.get(visit(answer.location))


def links(client: Any) -> list[dict[str, Any]]:
    """Return the connected accounts."""
    found: list[dict[str, Any]] = client.get("/auth/oauth", headers={"Accept": "application/json"}).json["links"]
    return found


# -- connecting


def test_an_account_is_connected_and_signs_in(site: Site, bob: Any, make_client: Clients) -> None:
    answer = link(bob)
    assert (answer.status_code, answer.location) == (303, "/auth/oauth")
    assert "Your account of Main is connected now." in bob.get("/auth/oauth").text
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == BOB
    assert site.seen.named("oauth.linked")[0].facts == {"provider": "main", "by": "user"}


def test_connecting_signs_nobody_in_or_out(site: Site, bob: Any) -> None:
    link(bob)
    assert who(bob) == BOB
    assert [event.name for event in site.seen.events].count("login") == 1


def test_one_goes_on_to_where_one_wanted_to_go(bob: Any) -> None:
    assert link(bob, next="/settings").location == "/settings"
    assert link(bob, next="//evil.example").location == "/auth/oauth"


def test_connected_accounts_are_listed(bob: Any) -> None:
    link(bob)
    [one] = links(bob)
    assert (one["provider"], one["label"], one["email"]) == ("main", "Main", "ada@example.com")
    assert one["linked_at"] == one["used_at"] > 0
    page = bob.get("/auth/oauth").text
    assert "Main: ada@example.com" in page
    assert "248289761001" not in page


def test_a_list_is_told_the_providers(bob: Any) -> None:
    found = bob.get("/auth/oauth", headers={"Accept": "application/json"}).json["providers"]
    assert [(one["name"], one["url"]) for one in found] == [
        ("main", "/auth/oauth/main"),
        ("other", "/auth/oauth/other"),
    ]


def test_an_account_of_somebody_else_is_not_taken_away(site: Site, bob: Any, make_client: Clients) -> None:
    sign_in(make_client(site.app))
    answer = link(bob)
    assert (answer.status_code, site.reasons()) == (409, ["taken"])
    assert links(bob) == []
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "ada@example.com"


def test_connecting_twice_changes_nothing(bob: Any) -> None:
    link(bob)
    link(bob)
    assert len(links(bob)) == 1


def test_who_has_signed_out_meanwhile_is_not_connected(site: Site, bob: Any) -> None:
    back = visit(bob.post("/auth/oauth/main/link").location)
    bob.delete_cookie("session")
    answer = bob.get(back)
    assert (answer.status_code, site.reasons()) == (403, ["person"])


def test_who_is_somebody_else_meanwhile_is_not_connected(site: Site, bob: Any) -> None:
    site.users.create("eve@example.com")
    back = visit(bob.post("/auth/oauth/main/link").location)
    bob.post("/enter/eve@example.com")
    assert bob.get(back).status_code == 403
    assert links(bob) == []


@pytest.mark.parametrize("path", ["/main/link", "/main/unlink"])
def test_nobody_can_connect_or_disconnect(site: Site, make_client: Clients, path: str) -> None:
    client = make_client(site.app)
    assert client.post(f"/auth/oauth{path}").location.startswith("/auth/oauth?next=")
    assert client.post(f"/auth/oauth{path}", json={}).status_code == 401


def test_nobody_is_shown_where_to_sign_in(site: Site, make_client: Clients) -> None:
    client = make_client(site.app)
    page = client.get("/auth/oauth?next=/tasks").text
    assert "Sign in with Main" in page
    assert 'value="/tasks"' in page
    assert "Connect" not in page
    assert links(client) == []


def test_who_has_to_sign_in_is_sent_there(site: Site, make_client: Clients) -> None:
    answer = make_client(site.app).get("/private", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.location) == (302, "/auth/oauth?next=%2Fprivate")


@pytest.mark.parametrize("path", ["/main/link", "/main/unlink"])
def test_a_page_of_another_site_cannot_connect_or_disconnect(bob: Any, path: str) -> None:
    link(bob)
    answer = bob.post(f"/auth/oauth{path}", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert len(links(bob)) == 1


@pytest.mark.parametrize("path", ["/main/link", "/main/unlink"])
def test_a_token_for_programs_cannot_connect_or_disconnect(site: Site, make_client: Clients, path: str) -> None:
    text = site.auth.tokens.create("default:1", "x", None, 60)[0]
    answer = make_client(site.app).post(f"/auth/oauth{path}", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 403


def test_a_token_for_programs_is_shown_no_connected_accounts(site: Site, bob: Any, make_client: Clients) -> None:
    link(bob)
    text = site.auth.tokens.create("default:1", "x", None, 60)[0]
    headers = {"Authorization": f"Bearer {text}", "Accept": "application/json"}
    assert make_client(site.app).get("/auth/oauth", headers=headers).json["links"] == []


def test_sentences_are_in_the_language_of_the_person(site: Site, bob: Any) -> None:
    german = {"Your account of {label} is connected now.": "Das Konto bei {label} ist jetzt verbunden."}
    site.auth.realm("default").localize_callback = lambda text: german.get(text, text)
    link(bob)
    assert "Das Konto bei Main ist jetzt verbunden." in bob.get("/auth/oauth").text


# -- proving who one is


def add_stale_view(site: Site) -> None:
    """Add a view that signs in as if a browser had been remembered."""

    @site.app.post("/stale/<login>")
    def stale(login: str) -> str:
        return str(login_user(site.users.find(login), fresh=False))


@pytest.fixture
def stale_site(make_app: Make, provider: Provider) -> Site:
    """The site, with that view."""
    made = Site(make_app, {"main": configured(provider)})
    add_stale_view(made)
    made.app.seal()
    with made.app.app_context():
        service.create(made.auth, "default", BOB, PASSWORD)
    return made


def test_connecting_needs_the_password_of_who_has_not_just_signed_in(stale_site: Site, make_client: Clients) -> None:
    client = make_client(stale_site.app)
    client.post(f"/stale/{BOB}")
    assert 'name="current_password"' in client.get("/auth/oauth").text
    assert client.post("/auth/oauth/main/link").status_code == 422
    wrong = client.post("/auth/oauth/main/link", data={"current_password": "wrong"})
    assert wrong.status_code == 422
    assert "This is not your password." in wrong.text
    assert link(client, current_password=PASSWORD).status_code == 303


def test_disconnecting_needs_it_too(stale_site: Site, make_client: Clients) -> None:
    first, client = make_client(stale_site.app), make_client(stale_site.app)
    first.post(f"/enter/{BOB}")
    link(first)
    client.post(f"/stale/{BOB}")
    assert client.post("/auth/oauth/main/unlink").status_code == 422
    assert len(links(client)) == 1
    assert client.post("/auth/oauth/main/unlink", data={"current_password": PASSWORD}).status_code == 303
    assert links(client) == []


@pytest.mark.parametrize("flows", [[], ["login"]])
def test_who_has_no_password_has_to_sign_in_again(
    make_app: Make, provider: Provider, make_client: Clients, flows: list[str]
) -> None:
    site = Site(make_app, {"main": configured(provider)}, AUTH_FLOWS=flows)
    add_stale_view(site)
    sign_in(make_client(site.app))
    client = make_client(site.app)
    client.post("/stale/ada@example.com")
    page = client.get("/auth/oauth").text
    assert "please sign in again" in page
    assert "Sign in with Main" in page
    assert "current_password" not in page
    for path in ("/main/link", "/main/unlink"):
        answer = client.post(f"/auth/oauth{path}")
        assert answer.status_code == 403
        assert "Please sign out, sign in again, and come back." in answer.text
    sign_in(client)
    assert link(client).status_code == 303


# -- disconnecting


def test_a_disconnected_account_signs_nobody_in(site: Site, bob: Any, make_client: Clients) -> None:
    link(bob)
    answer = bob.post("/auth/oauth/main/unlink")
    assert (answer.status_code, answer.location) == (303, "/auth/oauth")
    assert links(bob) == []
    assert site.seen.named("oauth.unlinked")[0].facts == {"provider": "main"}
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == "ada@example.com"


def test_disconnecting_ends_all_other_sessions(site: Site, bob: Any, make_client: Clients) -> None:
    link(bob)
    other = make_client(site.app)
    sign_in(other)
    assert who(other) == BOB
    bob.post("/auth/oauth/main/unlink")
    assert (who(other), who(bob)) == ("nobody", BOB)


def test_one_of_several_accounts_of_a_provider_is_named(bob: Any, provider: Provider) -> None:
    link(bob)
    provider.person["sub"] = "another"
    link(bob)
    first, second = links(bob)
    assert bob.post("/auth/oauth/main/unlink").status_code == 404
    assert bob.post("/auth/oauth/main/unlink", data={"id": second["id"]}).status_code == 303
    assert links(bob) == [first]


@pytest.mark.parametrize("id", ["", "unknown", "ü", "x" * 5000, "\0"])
def test_what_is_not_connected_cannot_be_disconnected(bob: Any, id: str) -> None:
    assert bob.post("/auth/oauth/main/unlink", data={"id": id}).status_code == 404


def test_what_is_no_name_of_a_link_disconnects_nothing(bob: Any) -> None:
    link(bob)
    assert bob.post("/auth/oauth/main/unlink", json={"id": 7}).status_code == 422
    assert len(links(bob)) == 1


def test_an_account_of_somebody_else_cannot_be_disconnected(site: Site, bob: Any, make_client: Clients) -> None:
    client = make_client(site.app)
    sign_in(client)
    [ada] = links(client)
    assert bob.post("/auth/oauth/main/unlink", data={"id": ada["id"]}).status_code == 404
    assert links(client) == [ada]


def test_the_last_way_to_sign_in_stays(site: Site, make_client: Clients) -> None:
    client = make_client(site.app)
    sign_in(client)
    answer = client.post("/auth/oauth/main/unlink")
    assert (answer.status_code, site.reasons()) == (409, ["last"])
    assert "your only way to sign in" in answer.text
    assert len(links(client)) == 1


def test_the_last_but_one_way_goes(site: Site, make_client: Clients) -> None:
    client = make_client(site.app)
    sign_in(client)
    link(client, "other")
    assert client.post("/auth/oauth/main/unlink").status_code == 303
    assert client.post("/auth/oauth/other/unlink").status_code == 409


def test_of_two_ways_that_are_removed_at_once_one_stays(site: Site) -> None:
    user, store = site.users.create("eve@example.com"), site.auth.store
    for _ in range(30):
        ids = [Links.id_of("default", name, "i", "s") for name in ("main", "other")]
        for id, name in zip(ids, ("main", "other"), strict=True):
            Links(store).add(id, "default:2", name, "")
        barrier = threading.Barrier(2)

        def remove(id: str, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            with suppress(Refused):
                OAuth.of(site.app).remove_way(user, "default:2", id)

        threads = [threading.Thread(target=remove, args=(id,)) for id in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert Links(store).of("default:2")


class Overtaken:
    """A store in which, when something is deleted, somebody else has deleted something just before."""

    def __init__(self, store: Any, other: str) -> None:
        self._store = store
        self._other = other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def delete(self, kind: str, key: str) -> bool:
        self._store.delete(kind, self._other)
        return bool(self._store.delete(kind, key))


def test_a_way_that_turns_out_to_be_the_last_one_comes_back(site: Site) -> None:
    user, store = site.users.create("eve@example.com"), site.auth.store
    main, other = (Links.id_of("default", name, "i", "s") for name in ("main", "other"))
    for id, name in ((main, "main"), (other, "other")):
        Links(store).add(id, "default:2", name, "")
    site.auth.__dict__["store"] = Overtaken(store, other)
    with pytest.raises(Refused, match="last"):
        OAuth.of(site.app).remove_way(user, "default:2", main)
    assert [one.id for one in Links(store).of("default:2")] == [main]


def test_links_of_providers_that_are_gone_are_no_way(site: Site) -> None:
    user, store = site.users.create("eve@example.com"), site.auth.store
    for name in ("main", "gone"):
        Links(store).add(Links.id_of("default", name, "i", "s"), "default:2", name, "")
    with pytest.raises(Refused, match="last"):
        OAuth.of(site.app).remove_way(user, "default:2", Links.id_of("default", "main", "i", "s"))


def test_all_links_of_somebody_can_be_removed(site: Site, bob: Any, make_client: Clients) -> None:
    link(bob)
    assert disconnect_all(site.auth, site.users.find(BOB)) == 1
    assert links(bob) == []


def test_forms_of_the_list_carry_what_they_need(bob: Any) -> None:
    link(bob)
    [one] = links(bob)
    page = bob.get("/auth/oauth").text
    assert re.search(r'action="/auth/oauth/main/unlink".*?value="' + one["id"] + '"', page, re.DOTALL)
    assert 'action="/auth/oauth/other/link"' in page

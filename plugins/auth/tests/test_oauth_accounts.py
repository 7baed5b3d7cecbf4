"""Whose account it is: linked by subject, by a verified address, or new; and connecting and disconnecting."""

from collections.abc import Callable, Iterator
from typing import Any

import pyotp
import pytest

from trivet_auth import MemoryUsers, totp
from trivet_auth import accounts as service
from trivet_auth.oauth.linking import KIND, Links
from trivet_auth.records import StoreError

from .provider import Provider, serve
from .provider_site import Make, Site, configured, sign_in, who

Clients = Callable[..., Any]
PASSWORD = "violet kettles hum at noon"
ADA = "ada@example.com"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serve(Provider()) as made:
        yield made


@pytest.fixture
def make_site(make_app: Make, provider: Provider) -> Callable[..., Site]:
    def make(more: dict[str, Any] | None = None, **config: Any) -> Site:
        return Site(make_app, {"main": configured(provider, **(more or {}))}, **config)

    return make


def create(site: Site, **fields: Any) -> Any:
    """Make Ada's account, with a password."""
    site.app.seal()
    with site.app.app_context():
        user = service.create(site.auth, "default", ADA, PASSWORD)
    user.__dict__.update(fields)
    return user


def turned_away(site: Site, answer: Any) -> str:
    """See to it that somebody is refused with the one answer that tells nothing of accounts; return the page."""
    assert (answer.status_code, site.reasons()[-1:]) == (403, ["account"])
    assert "You cannot sign in with this account of Main." in answer.text
    return str(answer.text)


# -- somebody new


def test_nobody_is_registered_where_that_is_off(make_site: Callable[..., Site], make_client: Clients) -> None:
    site = make_site({"register": False})
    client = make_client(site.app)
    turned_away(site, sign_in(client))
    assert site.users.all() == []


@pytest.mark.parametrize("verified", [False, None, "false", 1, "yes", ["true"]])
def test_somebody_new_needs_a_verified_address(
    make_site: Callable[..., Site], provider: Provider, verified: Any
) -> None:
    provider.person["email_verified"] = verified
    site = make_site()
    turned_away(site, sign_in(site.app.test_client()))
    assert site.users.all() == []


def test_some_providers_say_verified_as_text(
    make_site: Callable[..., Site], provider: Provider, make_client: Clients
) -> None:
    provider.person["email_verified"] = "true"
    assert sign_in(make_client(make_site().app)).status_code == 303


def test_an_unverified_address_will_do_where_nobody_verifies(
    make_site: Callable[..., Site], provider: Provider, make_client: Clients
) -> None:
    provider.person["email_verified"] = False
    site = make_site(AUTH_VERIFY=False)
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == ADA
    assert site.users.find(ADA).verified_at is None  # type: ignore[union-attr]


@pytest.mark.parametrize("email", [None, "", 7, "ada", "@", "ada@", "a\nb@example.com", "x" * 300 + "@example.com"])
def test_somebody_new_needs_an_address_that_can_be_one(
    make_site: Callable[..., Site], provider: Provider, email: Any
) -> None:
    provider.person["email"] = email
    site = make_site(AUTH_VERIFY=False)
    turned_away(site, sign_in(site.app.test_client()))


def test_an_address_that_is_only_written_alike_is_not_verified(
    make_site: Callable[..., Site], provider: Provider
) -> None:
    for email in ("ａda@example.com", "ada@example.com ", "ſda@example.com"):
        provider.person["email"] = email
        site = make_site({"link_by_email": True})
        create(site, verified_at=1.0)
        turned_away(site, sign_in(site.app.test_client()))


def test_a_taken_address_gets_the_same_answer_as_all_others(
    make_site: Callable[..., Site], make_client: Clients
) -> None:
    pages = set()
    for more, fields in (
        ({}, {}),
        ({"register": False}, {}),
        ({"link_by_email": True}, {"verified_at": 1.0, "locked": True}),
    ):
        site = make_site(more)
        create(site, **fields)
        pages.add(turned_away(site, sign_in(make_client(site.app))))
    assert len(pages) == 1


def test_who_is_turned_away_leaves_nothing_behind(make_site: Callable[..., Site], make_client: Clients) -> None:
    site = make_site()
    create(site)
    turned_away(site, sign_in(make_client(site.app)))
    assert site.auth.store.owned(KIND, "") == []


def test_a_locked_user_is_turned_away(make_site: Callable[..., Site], make_client: Clients) -> None:
    site = make_site()
    sign_in(make_client(site.app))
    site.users.find(ADA).locked = True  # type: ignore[union-attr]
    client = make_client(site.app)
    turned_away(site, sign_in(client))
    assert who(client) == "nobody"


def test_the_link_of_a_deleted_user_leads_nowhere(make_site: Callable[..., Site], make_client: Clients) -> None:
    site = make_site({"register": False})
    site.users.create(ADA)
    Links(store_of(site)).add(Links.id_of("default", "main", _issuer(site), "248289761001"), "default:99", "main", ADA)
    turned_away(site, sign_in(make_client(site.app)))
    assert site.auth.store.owned(KIND, "default:99") == []


def store_of(site: Site) -> Any:
    site.app.seal()
    return site.auth.store


def _issuer(site: Site) -> str:
    return site.auth.options.oauth["main"].issuer


# -- cut off in the middle


class Forgetful:
    """A store that fails to keep links as often as it is told."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.failures = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, kind: str, key: str, record: Any, **kwargs: Any) -> Any:
        if kind == KIND and record.owner and self.failures:
            self.failures -= 1
            raise StoreError("The store cannot be reached.")
        return self._store.put(kind, key, record, **kwargs)


@pytest.fixture
def broken_site(make_site: Callable[..., Site]) -> Site:
    """A site whose store fails when the first link is to be kept."""
    site = make_site()
    site.app.config["TESTING"] = site.app.testing = False
    site.app.seal()
    store = Forgetful(site.auth.store)
    store.failures = 1
    site.auth.__dict__["store"] = store
    return site


def test_an_account_whose_link_could_not_be_kept_is_taken_up_again(broken_site: Site, make_client: Clients) -> None:
    client = make_client(broken_site.app)
    assert sign_in(client).status_code == 503
    assert len(broken_site.users.all()) == 1
    assert sign_in(client).status_code == 303
    assert who(client) == ADA
    assert len(broken_site.users.all()) == 1


@pytest.mark.parametrize("change", [{"password_hash": "x"}, {"locked": True}])
def test_an_account_that_somebody_uses_is_not_taken_up(
    broken_site: Site, make_client: Clients, change: dict[str, Any]
) -> None:
    client = make_client(broken_site.app)
    assert sign_in(client).status_code == 503
    broken_site.users.find(ADA).__dict__.update(change)
    turned_away(broken_site, sign_in(client))


def test_an_account_that_was_cut_off_is_not_another_person_s(
    broken_site: Site, provider: Provider, make_client: Clients
) -> None:
    assert sign_in(make_client(broken_site.app)).status_code == 503
    provider.person["sub"] = "another"
    turned_away(broken_site, sign_in(make_client(broken_site.app)))


class Racing(MemoryUsers):
    """People of whom one comes twice at the same time."""

    def __init__(self, meanwhile: Callable[[Any], None]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def create(self, login: str, **fields: Any) -> Any:
        user = super().create(login, **fields)
        self.meanwhile(user)
        return super().create(login, **fields)


def test_who_comes_twice_at_once_gets_one_account(make_site: Callable[..., Site], make_client: Clients) -> None:
    site = make_site()

    def other_tab(user: Any) -> None:
        id = Links.id_of("default", "main", _issuer(site), "248289761001")
        Links(site.auth.store).add(id, f"default:{user.id}", "main", ADA)

    site.users = Racing(other_tab)
    site.auth.realm("default").users = site.users
    client = make_client(site.app)
    sign_in(client)
    assert who(client) == ADA
    assert len(site.users.all()) == 1


# -- by the address


@pytest.mark.parametrize(
    ("on", "here", "there", "expected"),
    [
        (True, 1.0, True, 303),
        (False, 1.0, True, 403),
        (True, None, True, 403),
        (True, 1.0, False, 403),
    ],
)
def test_an_account_with_the_same_address_is_linked_if_both_have_verified_it(
    make_site: Callable[..., Site],
    provider: Provider,
    make_client: Clients,
    on: bool,
    here: float | None,
    there: bool,
    expected: int,
) -> None:
    site = make_site({"link_by_email": on})
    create(site, verified_at=here)
    provider.person |= {"email": "Ada@Example.com", "email_verified": there}
    client = make_client(site.app)
    assert sign_in(client).status_code == expected
    assert who(client) == (ADA if expected == 303 else "nobody")
    assert [event.facts["by"] for event in site.seen.named("oauth.linked")] == (["email"] if expected == 303 else [])


def test_a_verified_address_of_the_provider_verifies_that_of_the_user(
    make_site: Callable[..., Site], provider: Provider, make_client: Clients
) -> None:
    site = make_site(AUTH_FLOWS=["login", "verify"])
    user = create(site)
    id = Links.id_of("default", "main", _issuer(site), "248289761001")
    Links(site.auth.store).add(id, f"default:{user.id}", "main", ADA)
    provider.person["email_verified"] = False
    turned_away(site, sign_in(make_client(site.app)))
    provider.person["email_verified"] = True
    assert sign_in(make_client(site.app)).status_code == 303
    assert user.verified_at is not None


# -- second factors


def test_who_has_a_second_factor_is_asked_for_it(make_site: Callable[..., Site], make_client: Clients) -> None:
    site = make_site(AUTH_FLOWS=["login"])
    sign_in(make_client(site.app))
    secret = totp.new_secret()
    site.users.find(ADA).totp_secret = site.auth.sealer.seal(secret, "totp:default:1")  # type: ignore[union-attr]
    client = make_client(site.app)
    answer = sign_in(client, next="/tasks")
    assert (answer.status_code, answer.location) == (303, "/auth/login/code")
    assert who(client) == "nobody"
    answer = client.post("/auth/login/code", data={"code": pyotp.TOTP(secret).now()})
    assert (answer.status_code, answer.location) == (303, "/tasks")
    assert who(client) == ADA
    assert site.seen.named("login")[-1].facts["method"] == "oauth:main+totp"


def test_a_second_factor_that_nobody_asks_for_is_not_passed_over(
    make_site: Callable[..., Site], make_client: Clients
) -> None:
    site = make_site()
    sign_in(make_client(site.app))
    site.users.find(ADA).totp_secret = "sealed"  # type: ignore[union-attr]
    client = make_client(site.app)
    turned_away(site, sign_in(client))
    assert who(client) == "nobody"

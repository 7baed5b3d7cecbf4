"""The tables below ``[auth]``, option by option: passwords, throttling, realms, signed tokens, providers, mail."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trivet import Blueprint, ConfigError, Trivet
from trivet_auth import AuthConfigError, LoginManager, MemoryUsers, can, current_user, login_required, login_user
from trivet_auth.bearer import Bearers
from trivet_auth.options import (
    JWTOptions,
    MailOptions,
    PasswordOptions,
    ProviderOptions,
    RealmOptions,
    ThrottleOptions,
)
from trivet_auth.state import Auth

from .bearer_tokens import AUDIENCE, ISSUER, OTHER_SECRET, SECRET, key_for
from .database_app import FAST, Member, User, empty_database, people_app
from .flow_fixtures import MakeSite
from .flow_site import ADA, BETTER, BOB

Make = Callable[..., Trivet]
MakeClient = Callable[..., Any]
BASIC = {"SECRET_KEY": "only in these tests", "AUTH_STORE": "memory"}
HERE = Path(__file__).parent


def auth_of(make_app: Make, **config: Any) -> Auth:
    """Return the state of an application, all set up."""
    app = make_app(plugins=["auth"], config={**BASIC, **config})
    app.seal()
    return Auth.of(app)


@pytest.mark.parametrize(
    ("table", "schema"),
    [("password", PasswordOptions), ("throttle", ThrottleOptions), ("realm", RealmOptions), ("jwt", JWTOptions)],
)
def test_every_option_of_a_table_has_a_test(table: str, schema: type[Any]) -> None:
    tests = [name for name in globals() if name.startswith("test_")]
    names = [f"test_{table}_{one.name}_" for one in msgspec.structs.fields(schema)]
    assert [name for name in names if not any(one.startswith(name) for one in tests)] == []


@pytest.mark.parametrize(("pattern", "schema"), [("test_oauth*.py", ProviderOptions), ("test_mail.py", MailOptions)])
def test_every_option_of_a_provider_and_of_mail_is_tested_with_them(pattern: str, schema: type[Any]) -> None:
    homes = [*HERE.glob(pattern), *HERE.glob("provider*.py"), *HERE.glob("flow_*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in homes)
    names = [one.name for one in msgspec.structs.fields(schema)]
    assert [name for name in names if f'"{name}"' not in text and f"{name}=" not in text] == []


# -- passwords


def problems(make_app: Make, password: str, **table: Any) -> list[str]:
    """Return what is wrong with a new password."""
    return auth_of(make_app, AUTH_PASSWORD=table).strength(password, ())


def test_password_min_length_is_the_fewest_characters(make_app: Make) -> None:
    assert problems(make_app, "q7!vX", min_length=6) == ["Use at least 6 characters."]
    assert problems(make_app, "q7!vXz", min_length=6) == []


def test_password_max_length_is_the_most_and_what_is_longer_never_fits(make_app: Make) -> None:
    auth = auth_of(make_app, AUTH_PASSWORD={**FAST, "max_length": 64})
    long = "q7!vXz" * 11
    assert auth.strength(long, ()) == ["Use at most 64 characters."]
    assert not auth.passwords.verify(auth.passwords.hash("q7!vXz"), long).ok
    with pytest.raises(ValueError, match="Use at most 64 characters"):
        auth.passwords.hash(long)


@pytest.mark.parametrize(("common", "count"), [(True, 1), (False, 0)])
def test_password_common_is_whether_the_most_common_ones_are_refused(make_app: Make, common: bool, count: int) -> None:
    assert len(problems(make_app, "princess1", common=common)) == count


@pytest.mark.parametrize(
    ("name", "value", "part"), [("time_cost", 2, "t=2"), ("memory_cost", 128, "m=128"), ("parallelism", 3, "p=3")]
)
def test_password_time_cost_and_the_others_are_argon2id_s(make_app: Make, name: str, value: int, part: str) -> None:
    hashed = auth_of(make_app, AUTH_PASSWORD={**FAST, name: value}).passwords.hash("q7!vXz")
    assert hashed.startswith("$argon2id$")
    assert part in hashed.split("$")[3].split(",")


def test_password_memory_cost_that_is_raised_outdates_what_is_stored(make_app: Make) -> None:
    stored = auth_of(make_app, AUTH_PASSWORD=FAST).passwords.hash("q7!vXz")
    assert auth_of(make_app, AUTH_PASSWORD={**FAST, "memory_cost": 128}).passwords.verify(stored, "q7!vXz") == (
        True,
        True,
    )


def test_password_parallelism_has_its_share_of_memory(make_app: Make) -> None:
    with pytest.raises(AuthConfigError, match=r"^\[auth\.password\]: .*memory_cost at least 8 times parallelism"):
        auth_of(make_app, AUTH_PASSWORD={"memory_cost": 31, "parallelism": 4})


# -- throttling


def statuses(site: Any, tries: int, email: str = ADA, address: str = "192.0.2.1") -> list[int]:
    """Try to sign in with a wrong password from an address, and return the statuses of the answers."""
    client = site.browser().client
    fields = {"email": email, "password": BETTER}
    where = {"REMOTE_ADDR": address}
    return [client.post("/auth/login", json=fields, environ_overrides=where).status_code for _ in range(tries)]


def test_throttle_account_is_for_one_account_from_one_address(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_THROTTLE={"account": 2}).open(ADA, BOB)
    assert statuses(site, 3) == [401, 401, 429]
    assert statuses(site, 1, email=BOB) == [401]
    assert statuses(site, 1, address="192.0.2.2") == [401]


def test_throttle_account_anywhere_is_for_one_account_from_all_addresses(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_THROTTLE={"account_anywhere": 3}).open(ADA, BOB)
    found = [statuses(site, 1, address=f"192.0.2.{number}") for number in range(1, 5)]
    assert found == [[401], [401], [401], [429]]
    assert statuses(site, 1, email=BOB) == [401]


def test_throttle_address_is_for_one_address_whatever_the_account(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_THROTTLE={"address": 3}).open(ADA)
    found = [statuses(site, 1, email=f"person{number}@example.com") for number in range(4)]
    assert found == [[401], [401], [401], [429]]
    assert statuses(site, 1, address="192.0.2.2") == [401]


def test_throttle_window_is_how_long_one_waits_at_most(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_THROTTLE={"account": 1, "window": 120}).open(ADA)
    assert site.browser().login(ADA, BETTER).status_code == 401
    assert 0 < int(site.browser().login(ADA, BETTER).headers["Retry-After"]) <= 120


def test_throttle_mails_is_how_many_one_address_gets_in_an_hour(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_THROTTLE={"mails": 2}).open(ADA)
    found = [site.browser().send("/auth/forgot", email=ADA).status_code for _ in range(3)]
    assert found[2] == 429
    assert len(site.seen.mails) == 2


def test_throttle_counts_under_names_that_only_this_application_makes(make_memory_site: MakeSite) -> None:
    one, other = (make_memory_site(SECRET_KEY=key).open(ADA) for key in ("one key", "another key"))
    other.auth.__dict__["store"] = one.auth.store
    for site in (one, other):
        statuses(site, 1)
    names = {key for key, _ in one.auth.store.owned("throttle", "")}
    assert len(names) == 6


# -- realms


def test_realm_blueprints_are_whose_views_ask_for_its_people(make_app: Make, make_client: MakeClient) -> None:
    app = make_app(plugins=["auth"], config={**BASIC, "AUTH_REALMS": {"staff": {"blueprints": ["admin"]}}})
    users, staff = MemoryUsers(), MemoryUsers()
    LoginManager(app, users=users)
    LoginManager(app, realm="staff", users=staff)
    users.create(ADA)
    staff.create("boss")
    admin, inner = Blueprint("admin", __name__, url_prefix="/admin"), Blueprint("inner", __name__, url_prefix="/inner")
    for part in (app, admin, inner):
        part.add_url_rule("/who", "who", lambda: getattr(current_user, "email", "nobody"))
        part.add_url_rule("/in", "in", lambda: str(login_user(staff.get("1"))), methods=["POST"])
    admin.register_blueprint(inner)
    app.register_blueprint(admin)
    client = make_client(app)
    client.post("/admin/in")
    assert [client.get(path).text for path in ("/who", "/admin/who", "/admin/inner/who")] == ["nobody", "boss", "boss"]


def test_realm_model_names_the_class_of_its_users(make_app: Make) -> None:
    with empty_database("sqlite") as url:
        app = people_app(make_app, url, AUTH_REALMS={"staff": {"model": f"{__package__}.database_app:Member"}})
        app.seal()
        found = Auth.of(app).realms
        assert (found["default"].users.model, found["staff"].users.model) == (User, Member)


def test_realm_login_view_is_where_its_strangers_are_sent(make_app: Make, make_client: MakeClient) -> None:
    realms = {"staff": {"blueprints": ["admin"], "login_view": "admin.enter"}, "default": {"login_view": "enter"}}
    app = make_app(plugins=["auth"], config={**BASIC, "AUTH_REALMS": realms})
    admin = Blueprint("admin", __name__, url_prefix="/admin")
    for part in (app, admin):
        part.add_url_rule("/inside", "inside", login_required(lambda: ""))
        part.add_url_rule("/enter", "enter", lambda: "")
    app.register_blueprint(admin)
    client = make_client(app)
    found = [client.get(path).location.partition("?")[0] for path in ("/inside", "/admin/inside")]
    assert found == ["/enter", "/admin/enter"]


@pytest.mark.parametrize(("own", "may"), [({"editor": ["tasks:write"]}, "True"), ({}, "False"), (None, "False")])
def test_realm_roles_are_in_place_of_the_others(
    make_app: Make, make_client: MakeClient, own: dict[str, list[str]] | None, may: str
) -> None:
    realms = {"staff": {"blueprints": ["admin"], "roles": own}}
    app = make_app(plugins=["auth"], config={**BASIC, "AUTH_ROLES": {"editor": ["tasks:read"]}, "AUTH_REALMS": realms})
    staff = MemoryUsers()
    LoginManager(app, realm="staff", users=staff)
    boss = staff.create("boss", roles=["editor"])
    admin = Blueprint("admin", __name__, url_prefix="/admin")
    admin.add_url_rule("/in", "in", lambda: f"{login_user(boss)} {can('tasks:write')}")
    app.register_blueprint(admin)
    assert make_client(app).get("/admin/in").text == f"True {may}"


@pytest.mark.parametrize("name", ["", "a:b", "a b", "1a", "ä", "a" * 33, "a=b", "a;b"])
def test_a_realm_and_a_provider_have_names_that_fit_into_cookies_and_addresses(make_app: Make, name: str) -> None:
    with pytest.raises(AuthConfigError, match=r"^\[auth\.realms\..*: a realm cannot have the name"):
        auth_of(make_app, AUTH_REALMS={name: {}})
    with pytest.raises(AuthConfigError, match=r"^\[auth\.oauth\..*: a provider cannot have the name"):
        auth_of(make_app, AUTH_OAUTH={name: {"client_id": "x"}})


# -- signed tokens

JWT: dict[str, Any] = {"algorithms": ["HS256"], "keys": [SECRET], "issuer": ISSUER, "audience": AUDIENCE}


def bearers(make_app: Make, **table: Any) -> Bearers:
    """Return what makes and checks signed tokens."""
    found = auth_of(make_app, AUTH_JWT={**JWT, **table}).bearers
    assert found is not None
    return found


def reason(checking: Bearers, making: Bearers) -> str:
    """Return why a token that one has made is refused by another; empty if it is not."""
    return checking.check(making.issue("7")).reason


def test_jwt_algorithms_are_the_only_ones_that_are_accepted(make_app: Make) -> None:
    long = SECRET + OTHER_SECRET
    strict = bearers(make_app, keys=[long], algorithms=["HS512"])
    assert reason(strict, bearers(make_app, keys=[long], algorithms=["HS512", "HS256"])) == ""
    assert reason(strict, bearers(make_app, keys=[long], algorithms=["HS256", "HS512"])) == "algorithm"


def test_jwt_keys_sign_by_the_first_and_verify_by_all(make_app: Make) -> None:
    rotated, old = bearers(make_app, keys=[OTHER_SECRET, SECRET]), bearers(make_app)
    assert reason(rotated, old) == ""
    assert reason(old, rotated) == "key"


def test_jwt_issuer_and_audience_have_to_be_right(make_app: Make) -> None:
    assert reason(bearers(make_app), bearers(make_app, issuer="https://evil.example")) == "issuer"
    assert reason(bearers(make_app), bearers(make_app, audience="https://other.example")) == "audience"


def test_jwt_audience_and_issuer_cannot_be_empty(make_app: Make) -> None:
    for name in ("issuer", "audience"):
        with pytest.raises(ConfigError, match=rf"Expected `str` of length >= 1 - at `\$\.{name}`"):
            bearers(make_app, **{name: ""})


def test_jwt_lifetime_and_leeway_are_seconds(make_app: Make) -> None:
    def at(seconds: float, **table: Any) -> str:
        checking = bearers(make_app, **table)
        text = checking.issue("7")
        checking._clock = lambda: time.time() + seconds
        return checking.check(text).reason

    assert at(650, lifetime=600, leeway=60) == ""
    assert at(670, lifetime=600, leeway=60) == "expired"
    assert at(610, lifetime=600, leeway=0) == "expired"


def test_jwt_leeway_may_be_0_and_not_less(make_app: Make) -> None:
    assert bearers(make_app, leeway=0).leeway == 0
    with pytest.raises(ConfigError, match=r"Expected `int` >= 0 - at `\$\.leeway`"):
        bearers(make_app, leeway=-1)


def test_jwt_types_are_those_that_a_token_may_have(make_app: Make) -> None:
    text = bearers(make_app).issue("7")
    assert [bearers(make_app, types=[one]).check(text).ok for one in ("at+jwt", "jwt")] == [True, False]
    with pytest.raises(ConfigError, match=r"length >= 1 - at `\$\.types`"):
        bearers(make_app, types=[])


def test_jwt_realm_has_to_be_one_that_is_there(make_app: Make) -> None:
    with pytest.raises(AuthConfigError, match=r"\[auth\.jwt\] realm is 'stuff', .* Did you mean 'staff'\?"):
        auth_of(make_app, AUTH_JWT={**JWT, "realm": "stuff"}, AUTH_REALMS={"staff": {}})
    auth_of(make_app, AUTH_JWT={**JWT, "realm": "staff"}, AUTH_REALMS={"staff": {}})


WEAK = [
    ({"keys": ["hush"]}, "key 1 is too weak"),
    ({"keys": [SECRET, "hush"]}, "key 2 is too weak"),
    ({"keys": [SECRET, SECRET]}, "Two of the keys are the same"),
    ({"algorithms": ["none"]}, "Bearer tokens cannot be signed by 'none'"),
    ({"algorithms": ["ES256"]}, "key 1 fits none of the algorithms ES256"),
    ({"keys": [key_for("ES256")]}, "key 1 fits none of the algorithms HS256"),
    ({"keys": ["-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----"]}, "looks like PEM, and cannot be read"),
]


@pytest.mark.parametrize(("table", "said"), WEAK)
def test_jwt_keys_that_are_weak_or_do_not_fit_stop_the_application_without_being_shown(
    make_app: Make, table: dict[str, Any], said: str
) -> None:
    with pytest.raises(AuthConfigError) as caught:
        bearers(make_app, **table)
    assert str(caught.value).startswith("[auth.jwt]: ")
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)
    assert SECRET not in str(caught.value)


# -- what cannot be

WRONG = [
    ("PASSWORD", {"min_length": 0}, "Expected `int` >= 1 - at `$.min_length`"),
    ("PASSWORD", {"max_length": 0}, "Expected `int` >= 1 - at `$.max_length`"),
    ("PASSWORD", {"time_cost": 0}, "Expected `int` >= 1 - at `$.time_cost`"),
    ("PASSWORD", {"parallelism": 256}, "Expected `int` <= 255 - at `$.parallelism`"),
    ("PASSWORD", {"min_length": 9, "max_length": 8}, "cannot have at least 9 and at most 8 characters"),
    ("PASSWORD", {"min_lenght": 9}, "unknown field `min_lenght`"),
    *[("THROTTLE", {name: 0}, f"Expected `int` >= 1 - at `$.{name}`") for name in ("account", "address", "window")],
    *[("THROTTLE", {name: 0}, f"Expected `int` >= 1 - at `$.{name}`") for name in ("account_anywhere", "mails")],
    ("JWT", {**JWT, "keys": []}, "Expected `array` of length >= 1 - at `$.keys`"),
    ("JWT", {**JWT, "algorithms": []}, "Expected `array` of length >= 1 - at `$.algorithms`"),
    ("JWT", {**JWT, "lifetime": 0}, "Expected `int` >= 1 - at `$.lifetime`"),
    ("JWT", {"keys": [SECRET]}, "missing required field `algorithms`"),
    ("OAUTH", {"one": {"client_id": ""}}, "Expected `str` of length >= 1"),
    ("MAIL", {"url": 25}, "Expected `Secret`, got `int`"),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG)
def test_a_value_that_cannot_be_is_an_error_that_names_the_option(
    make_app: Make, name: str, value: Any, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        auth_of(make_app, **{f"AUTH_{name}": value})
    assert said in str(caught.value)
    assert name.lower() in str(caught.value).lower()
    assert SECRET not in str(caught.value)

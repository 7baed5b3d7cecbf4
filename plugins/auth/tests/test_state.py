"""What the plugin keeps for one application: services by its keys, and work that waits for the end of a request."""

from collections.abc import Callable
from typing import Any

import pytest

from trivet import Blueprint, ConfigError, Trivet, current_context
from trivet_auth import AuthConfigError, LoginManager, MemoryUsers
from trivet_auth.records import StoreError
from trivet_auth.state import Auth
from trivet_auth.throttle import Bucket

Make = Callable[..., Trivet]
MakeClient = Callable[..., Any]
KEY, OLD = "the key of these tests", "the key that it had before"


def auth_of(make_app: Make, **config: Any) -> Auth:
    """Return the state of an application with people in memory."""
    app = make_app(plugins=["auth"], config={"SECRET_KEY": KEY, "AUTH_STORE": "memory", **config})
    LoginManager(app, users=MemoryUsers())
    return Auth.of(app)


# -- keys


def test_what_was_sealed_is_opened_after_the_key_was_replaced(make_app: Make) -> None:
    sealed = auth_of(make_app, SECRET_KEY=OLD).sealer.seal("a secret", "test")
    rotated = auth_of(make_app, SECRET_KEY_FALLBACKS=[OLD]).sealer
    assert rotated.open(sealed, "test") == "a secret"
    assert auth_of(make_app).sealer.open(sealed, "test") is None


def test_the_newest_key_seals(make_app: Make) -> None:
    sealed = auth_of(make_app, SECRET_KEY_FALLBACKS=[OLD]).sealer.seal("a secret", "test")
    assert auth_of(make_app).sealer.open(sealed, "test") == "a secret"


def test_a_single_text_in_place_of_a_list_of_keys_is_refused(make_app: Make) -> None:
    auth = auth_of(make_app, SECRET_KEY_FALLBACKS=OLD)
    with pytest.raises(ConfigError, match="SECRET_KEY_FALLBACKS must be a list of keys"):
        auth.sealer.seal("a secret", "test")


def test_without_a_key_nothing_is_sealed(make_app: Make) -> None:
    with pytest.raises(AuthConfigError, match="SECRET_KEY is not set"):
        auth_of(make_app, SECRET_KEY=None).sealer.seal("a secret", "test")


def test_without_a_key_nothing_is_counted(make_app: Make) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY of 'testapp' is not set"):
        auth_of(make_app, SECRET_KEY=None).throttle.reserve(Bucket("login", "192.0.2.7", 3, 60))


def test_what_is_counted_is_found_by_the_same_key_only(make_app: Make) -> None:
    bucket = Bucket("login", "192.0.2.7", 1, 60)
    one, same, other = auth_of(make_app), auth_of(make_app), auth_of(make_app, SECRET_KEY=OLD)
    for auth in (same, other):
        auth.__dict__["store"] = one.store
    one.throttle.failed(bucket)
    assert same.throttle.check(bucket) > 0
    assert other.throttle.check(bucket) == 0


# -- realms


def test_the_innermost_blueprint_says_which_realm_a_view_is_of(make_app: Make) -> None:
    auth = auth_of(
        make_app, AUTH_REALMS={"staff": {"blueprints": ["admin"]}, "owners": {"blueprints": ["admin.money"]}}
    )
    admin, money, mail = (Blueprint(name, __name__, url_prefix=f"/{name}") for name in ("admin", "money", "mail"))
    admin.register_blueprint(money)
    admin.register_blueprint(mail)
    auth.app.register_blueprint(admin)
    auth.app.seal()
    assert auth.realm_of(("admin.money", "admin")).realm == "owners"
    assert auth.realm_of(("admin.mail", "admin")).realm == "staff"
    assert auth.realm_of(("shop",)).realm == "default"
    assert auth.realm_of(()).realm == "default"


# -- work for the end of a request


def working(make_app: Make, *jobs: Callable[[Any], None]) -> Trivet:
    """Make an application with views, plain and asynchronous, that put work off."""
    app = auth_of(make_app, PROPAGATE_EXCEPTIONS=False).app

    def put_off() -> str:
        ctx: Any = current_context()
        for job in jobs:
            Auth.of(app).later(ctx, job)
        ctx.session["seen"] = True
        return "done"

    async def put_off_async() -> str:
        return put_off()

    app.add_url_rule("/plain", "plain", put_off)
    app.add_url_rule("/async", "async", put_off_async)
    return app  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", ["/plain", "/async"])
def test_work_is_done_in_its_order_with_the_answer(make_app: Make, make_client: MakeClient, path: str) -> None:
    done: list[Any] = []

    def first(response: Any) -> None:
        done.append("first")
        response.headers["X-First"] = "yes"

    app = working(make_app, first, lambda response: done.append(response.headers["X-First"]))
    answer = make_client(app).get(path)
    assert (answer.text, done) == ("done", ["first", "yes"])
    assert "session=" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/plain", "/async"])
def test_work_that_the_store_refuses_is_a_503(make_app: Make, make_client: MakeClient, path: str) -> None:
    def fail(response: Any) -> None:
        raise StoreError("The store cannot be reached.")

    answer = make_client(working(make_app, fail)).get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")

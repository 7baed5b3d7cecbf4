"""People in a database: the mixins, the rows behind them, and what is said of models that will not do."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from trivet import PluginError, Trivet, current_context
from trivet_auth import AuthConfigError, LoginManager, TakenError
from trivet_auth.database import DatabaseUsers, face_of
from trivet_auth.identity import UserMixin
from trivet_auth.models import UserModel
from trivet_auth.state import Auth
from trivet_db import SQLAlchemy
from trivet_db.state import State

from .database_app import SERVERS, Base, Member, Tag, User, db, empty_database, people_app, settings

Make = Callable[..., Trivet]


@pytest.fixture(params=SERVERS)
def app(request: pytest.FixtureRequest, make_app: Make) -> Iterator[Trivet]:
    """An application with people, on each kind of server in turn."""
    with empty_database(request.param) as url:
        yield people_app(make_app, url)


@pytest.fixture
def users(app: Trivet) -> Iterator[DatabaseUsers]:
    """Its people, in a context."""
    with app.app_context():
        yield DatabaseUsers(User)


@pytest.fixture
def small(make_app: Make) -> Iterator[Trivet]:
    """An application with people, on SQLite."""
    with empty_database("sqlite") as url:
        yield people_app(make_app, url)


# -- rows


def test_a_new_user_is_found_by_address_and_by_identifier(users: DatabaseUsers) -> None:
    ada = users.create("ada@example.com", name="Ada", roles=["editor"])
    db.session.remove()
    found = users.find("ada@example.com")
    assert (found.id, found.name, found.roles) == (ada.id, "Ada", ["editor"])
    assert users.get(found.get_id()) is found


def test_a_new_user_has_what_nobody_has_said(users: DatabaseUsers) -> None:
    ada = users.create("ada@example.com")
    assert (ada.password_hash, ada.roles, ada.permissions, ada.locked) == (None, [], [], False)
    assert (ada.verified_at, ada.generation, ada.totp_secret, ada.last_login_at) == (None, 0, None, None)
    assert ada.created_at > 1_700_000_000.5
    assert ada.is_active
    assert ada.is_authenticated


def test_two_users_cannot_have_one_address(users: DatabaseUsers) -> None:
    users.create("ada@example.com")
    with pytest.raises(TakenError):
        users.create("ada@example.com")
    assert len(users.all()) == 1


def test_a_user_cannot_take_over_another_one_s_address(users: DatabaseUsers) -> None:
    ada, bob = users.create("ada@example.com"), users.create("bob@example.com")
    with pytest.raises(TakenError):
        users.save(bob, email="ada@example.com")
    assert bob.email == "bob@example.com"
    users.save(ada, email="ada@example.com")


def test_who_registers_an_address_at_the_same_moment_is_refused_by_the_database(
    users: DatabaseUsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = DatabaseUsers._is_taken
    answers = iter([False])

    def late(self: Any, *args: Any) -> bool:
        return next(answers, None) is not False and looked(self, *args)

    bob = users.create("bob@example.com")
    users.create("ada@example.com")
    monkeypatch.setattr(DatabaseUsers, "_is_taken", late)
    with pytest.raises(TakenError):
        users.create("ada@example.com")
    answers = iter([False])
    with pytest.raises(TakenError):
        users.save(bob, email="ada@example.com")
    assert bob.email == "bob@example.com"


def test_addresses_that_a_collation_takes_for_the_same_are_not(users: DatabaseUsers) -> None:
    users.create("josé@example.com")
    assert users.find("jose@example.com") is None
    assert users.find("josé@example.com ") is None


def test_a_violation_of_something_else_is_not_said_to_be_a_taken_name(users: DatabaseUsers) -> None:
    logins = DatabaseUsers(Login)
    logins.create("ada@example.com", id="ada")
    db.session.remove()
    with pytest.raises(IntegrityError):
        logins.create("bob@example.com", id="ada")
    assert len(logins.all()) == 1


def test_what_is_saved_is_there_in_the_next_context(app: Trivet) -> None:
    users = DatabaseUsers(User)
    with app.app_context():
        users.save(users.create("ada@example.com"), name="Ada", verified_at=1_700_000_000.25, generation=3)
    with app.app_context():
        ada = users.find("ada@example.com")
        assert (ada.name, ada.verified_at, ada.generation) == ("Ada", 1_700_000_000.25, 3)


def test_changes_of_the_list_of_roles_itself_are_saved(app: Trivet) -> None:
    users = DatabaseUsers(User)
    with app.app_context():
        ada = users.create("ada@example.com")
        ada.roles.append("editor")
        db.session.commit()
    with app.app_context():
        assert users.find("ada@example.com").roles == ["editor"]


def test_a_user_of_another_session_is_saved_all_the_same(app: Trivet) -> None:
    users = DatabaseUsers(User)
    with app.app_context():
        ada = users.create("ada@example.com")
    with app.app_context():
        users.save(ada, name="Ada")
        assert ada.name == "Ada"
        assert users.find("ada@example.com").name == "Ada"


def test_saving_somebody_who_has_been_deleted_is_an_error_in_words(users: DatabaseUsers) -> None:
    ada = users.create("ada@example.com")
    with db.engine.begin() as connection:
        db.session.commit()
        connection.execute(sa.delete(User))
    with pytest.raises(LookupError, match=r"There is no User 1 any more\."):
        users.save(ada, name="Ada")


def test_a_field_that_no_column_has_is_refused_with_the_nearest_name(users: DatabaseUsers) -> None:
    with pytest.raises(AuthConfigError, match=r"'verifed_at'.* Did you mean 'verified_at'\?"):
        users.create("ada@example.com", verifed_at=1.0)


# -- identifiers


@pytest.mark.parametrize(
    "id",
    [
        "2",
        "0",
        "-1",
        "",
        "x",
        "1.0",
        "01",
        "+1",
        " 1",
        "1_0",
        "\u0661",
        "1\0",
        "\ud800",
        str(2**31),
        str(2**63),
        "9" * 99,
    ],
)
def test_an_identifier_that_nobody_has_is_nobody_whatever_it_is(users: DatabaseUsers, id: str) -> None:
    users.create("ada@example.com")
    assert users.get(id) is None
    assert users.get("1") is not None


@tried(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.one_of(st.text(), st.integers().map(str), st.uuids().map(str)))
def test_no_text_as_an_identifier_is_an_error(users: DatabaseUsers, id: str) -> None:
    assert users.get(id) is None
    assert DatabaseUsers(Member).get(id) is None


def test_people_may_have_uuids(app: Trivet) -> None:
    members = DatabaseUsers(Member)
    with app.app_context():
        ada = members.create("ada@example.com")
        id = ada.get_id()
        assert uuid.UUID(id) == ada.id
    with app.app_context():
        assert members.get(id).email == "ada@example.com"
        assert members.get(str(uuid.uuid4())) is None


class Login(UserMixin, Base):
    """People with a name as the key, and a table of another making."""

    __tablename__ = "login"

    id: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(80), unique=True)
    password_hash: Mapped[str | None] = mapped_column(sa.String(200))
    verified_at: Mapped[Any] = mapped_column(sa.DateTime, nullable=True)


def test_a_class_without_the_mixin_will_do(app: Trivet) -> None:
    logins = DatabaseUsers(Login)
    with app.app_context():
        logins.create("ada@example.com", id="ada", verified_at=1_700_000_000)
    with app.app_context():
        ada = logins.get("ada")
        assert ada is logins.find("ada@example.com")
        assert ada.verified_at.isoformat() == "2023-11-14T22:13:20"
        assert [logins.get(id) for id in ("ADA", "ada ", "x" * 99, "a\0")] == [None] * 4


# -- the mixins


def test_an_address_is_kept_in_its_normal_form() -> None:
    assert User(email="  \uff21da@Example.COM ").email == "ada@example.com"
    with pytest.raises(ValueError, match="cannot be a login name"):
        User(email="two\nlines")


def test_a_row_shows_its_key_and_nothing_else(small: Trivet) -> None:
    with small.app_context():
        ada = DatabaseUsers(User).create("ada@example.com", password_hash="secret")
        assert repr(ada) == "<User 1>"
        assert repr(User(email="bob@example.com")) == "<User not saved>"


def test_two_objects_are_equal_if_they_are_the_same_row(small: Trivet) -> None:
    with small.app_context():
        ada, bob = (DatabaseUsers(User).create(f"{name}@example.com") for name in ("ada", "bob"))
        member = DatabaseUsers(Member).create("ada@example.com")
        db.session.expunge(ada)
        again = DatabaseUsers(User).get("1")
        assert again is not ada
        assert again == ada
        assert ada != bob
        assert ada != member
        assert User() != User()


def test_who_is_locked_is_not_active() -> None:
    assert not User(locked=True).is_active
    assert not User(locked=True).is_authenticated


# -- in a request


def test_in_a_request_it_waits_where_it_is_on_an_event_loop(app: Trivet, make_client: Callable[..., Any]) -> None:
    users = DatabaseUsers(User)
    with app.app_context():
        users.create("ada@example.com", name="Ada")

    @app.get("/plain")
    def plain() -> list[Any]:
        return steps(users.get("1"), users.find("ada@example.com"), users.all())

    @app.get("/async")
    async def waiting() -> list[Any]:
        wait = maybe_await if current_context().on_loop else done
        return steps(await wait(users.get("1")), await wait(users.find("ada@example.com")), await wait(users.all()))

    def steps(got: Any, found: Any, everybody: Any) -> list[Any]:
        assert got is found
        return [got.name, len(everybody)]

    async def maybe_await(value: Any) -> Any:
        return await value

    async def done(value: Any) -> Any:
        return value

    client = make_client(app)
    assert client.get("/plain").json == ["Ada", 1]
    assert client.get("/async").json == ["Ada", 1]


def test_a_view_can_go_on_with_a_user_after_a_refusal(app: Trivet, make_client: Callable[..., Any]) -> None:
    users = DatabaseUsers(User)
    with app.app_context():
        users.create("bob@example.com")

    @app.post("/async")
    async def create() -> list[Any]:
        if not current_context().on_loop:
            return ["ada@example.com", "ada@example.com", 1]
        ada = await users.create("ada@example.com")
        with pytest.raises(TakenError):
            await users.save(ada, email="bob@example.com")
        before = ada.email
        await users.save(ada, generation=1)
        return [before, ada.email, ada.generation]

    assert make_client(app).post("/async").json == ["ada@example.com", "ada@example.com", 1]


def test_somebody_signs_in_and_is_known_by_a_row(app: Trivet, make_client: Callable[..., Any]) -> None:
    from trivet_auth import current_user, login_user

    with app.app_context():
        DatabaseUsers(User).create("ada@example.com", name="Ada")

    @app.post("/login")
    def login() -> str:
        return str(login_user(Auth.of(app).realm("default").users.find("ada@example.com")))

    @app.get("/plain")
    def plain() -> str:
        return str(current_user.name)

    @app.get("/async")
    async def waiting() -> str:
        return str(current_user.name)

    client = make_client(app)
    assert client.post("/login").text == "True"
    assert [client.get(path).text for path in ("/plain", "/async")] == ["Ada", "Ada"]


# -- whose session


def test_the_sessions_are_those_of_the_application_s_own_object(small: Trivet) -> None:
    assert face_of(User, State.of(small)) is db
    with small.app_context():
        ada = DatabaseUsers(User).create("ada@example.com")
        assert ada in db.session


def test_models_below_db_model_bring_their_object(make_app: Make) -> None:
    own = SQLAlchemy()

    class Person(UserModel, own.Model):  # type: ignore[name-defined,misc]
        pass

    with empty_database("sqlite") as url:
        app = make_app(plugins=["db"], config={"SQLALCHEMY_DATABASE_URI": url})
        own.init_app(app)
        with app.app_context():
            own.create_all()
            engine = own.engine
            ada = DatabaseUsers(Person).create("ada@example.com")
            assert ada in own.session
            assert repr(ada) == "<Person 1>"
        engine.dispose()


def test_a_base_without_an_object_gets_one(make_app: Make) -> None:
    class Lonely(DeclarativeBase):
        pass

    class Person(UserModel, Lonely):
        __tablename__ = "person"

    with empty_database("sqlite") as url:
        app = make_app(plugins=["db"], config={"SQLALCHEMY_DATABASE_URI": url})
        with app.app_context():
            users = DatabaseUsers(Person)
            users.db.create_all()
            engine = users.db.engine
            assert users.create("ada@example.com").id == 1
        engine.dispose()


# -- what will not do


def refused(make_app: Make, model: str, plugins: tuple[str, ...] = ("db", "auth"), **more: Any) -> str:
    """Return what is said of an application with a model."""
    app = make_app(plugins=plugins, config=settings("sqlite://", AUTH_MODEL=model, **more))
    if "db" in plugins:
        db.init_app(app)
    with pytest.raises((AuthConfigError, PluginError)) as caught:
        app.seal()
    return str(caught.value)


HERE = User.__module__


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("User", 'not the name of a class, such as "package.models:User"'),
        ("no such:thing", "not the name of a class"),
        ("no_such_module:User", "the module cannot be imported: No module named 'no_such_module'"),
        (f"{HERE}:Usr", "has no 'Usr'. Did you mean 'User'?"),
        (f"{HERE}:settings", "is not a mapped class"),
        (f"{HERE}:Base", "is not a mapped class"),
        (f"{HERE}:Tag", "the class Tag has no email, password_hash, get_id, is_active, is_authenticated."),
    ],
)
def test_a_name_that_means_no_model_is_refused_in_words(make_app: Make, model: str, said: str) -> None:
    message = refused(make_app, model)
    assert said in message
    assert "model" in message


def test_without_the_plugin_db_it_says_so(make_app: Make) -> None:
    assert 'needs the plugin "db"' in refused(make_app, f"{HERE}:User", ("auth",))


class Paired(UserMixin, Base):
    """People with a key of two columns."""

    __tablename__ = "paired"

    one: Mapped[int] = mapped_column(primary_key=True)
    two: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(80))
    password_hash: Mapped[str] = mapped_column(sa.String(200))


def test_a_key_of_several_columns_is_refused() -> None:
    with pytest.raises(AuthConfigError, match="primary key of several columns"):
        DatabaseUsers(Paired)


def test_what_a_flow_needs_is_missed_at_startup(make_app: Make) -> None:
    said = refused(make_app, f"{Login.__module__}:Login", AUTH_FLOWS=["totp"])
    assert "the class Login has no totp_secret." in said


def test_a_login_manager_may_be_given_the_people(make_app: Make) -> None:
    with empty_database("sqlite") as url:
        app = people_app(make_app, url, AUTH_MODEL="")
        LoginManager(app, users=DatabaseUsers(Member))
        with app.app_context():
            member = DatabaseUsers(Member).create("ada@example.com")
            assert Auth.of(app).realm("default").load(member.get_id()) is member


def test_a_tag_is_nobody() -> None:
    with pytest.raises(AuthConfigError, match="Tag has no email"):
        DatabaseUsers(Tag)

"""Several databases: each statement goes to that of its model or table, or where a hook says."""

# mypy: disable-error-code="misc, name-defined"

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import joinedload

from trivet import Trivet, hookimpl, request
from trivet_db import SQLAlchemy, UnknownBindError
from trivet_db.model import bind_key_of
from trivet_db.state import State

from .serving import Server

Make = Callable[..., Trivet]
Serve = Callable[[Trivet], Server]


class Shop:
    """Models on three databases, and a table."""

    def __init__(self) -> None:
        db = self.db = SQLAlchemy()

        class User(db.Model):
            id = db.Column(db.Integer, primary_key=True)
            name = db.Column(db.String(20))

        class Event(db.Model):
            __bind_key__ = "audit"
            id = db.Column(db.Integer, primary_key=True)
            what = db.Column(db.String(20))
            details = db.relationship("Detail", backref="event")

        class Detail(db.Model):
            __bind_key__ = "audit"
            id = db.Column(db.Integer, primary_key=True)
            event_id = db.Column(db.ForeignKey("event.id"))

        class Login(Event):
            id = db.Column(db.ForeignKey("event.id"), primary_key=True)
            place = db.Column(db.String(20))

        self.User, self.Event, self.Detail, self.Login = User, Event, Detail, Login
        self.notes: Any = db.Table("notes", sa.Column("text", sa.String(20)), bind_key="archive")


@pytest.fixture
def shop(make_app: Make, make_empty: Callable[[str], str]) -> Any:
    shop: Any = Shop()
    binds = {"audit": make_empty("sqlite"), "archive": make_empty("sqlite")}
    shop.app = make_app(SQLALCHEMY_DATABASE_URI="sqlite://", SQLALCHEMY_BINDS=binds)
    shop.db.init_app(shop.app)
    with shop.app.app_context():
        shop.db.create_all()
        yield shop


def tables(shop: Any, key: str | None) -> list[str]:
    return sorted(sa.inspect(shop.db.engines[key]).get_table_names())


# -- tables


def test_every_table_is_made_in_its_database(shop: Any) -> None:
    assert tables(shop, None) == ["user"]
    assert tables(shop, "audit") == ["detail", "event", "login"]
    assert tables(shop, "archive") == ["notes"]


def test_some_databases_can_be_chosen(shop: Any) -> None:
    shop.db.drop_all("audit")
    assert (tables(shop, None), tables(shop, "audit"), tables(shop, "archive")) == (["user"], [], ["notes"])
    shop.db.drop_all([None, "archive"])
    assert (tables(shop, None), tables(shop, "archive")) == ([], [])
    shop.db.create_all(None)
    shop.db.create_all(bind_key=["archive"])
    assert (tables(shop, None), tables(shop, "audit"), tables(shop, "archive")) == (["user"], [], ["notes"])


def test_metadata_of_every_configured_bind_is_there_from_the_start(make_app: Make) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI="sqlite://", SQLALCHEMY_BINDS={"audit": "sqlite://"})
    db = SQLAlchemy(app)
    assert list(db.metadatas) == [None, "audit"]
    table = sa.Table("event", db.metadatas["audit"], sa.Column("id", sa.Integer))
    with app.app_context():
        db.create_all()
        assert sa.inspect(db.engines["audit"]).get_table_names() == ["event"]
        db.session.execute(table.insert().values(id=1))
        assert db.session.scalar(sa.select(table.c.id)) == 1


def test_binds_of_the_option_have_metadata_when_setup_has_ended(make_app: Make, serve: Serve) -> None:
    app = make_app(DB_URL="sqlite://", DB_BINDS={"audit": "sqlite://"})
    db = SQLAlchemy(app)
    serve(app).ask("/")
    assert list(db.metadatas) == [None, "audit"]


def test_tables_that_are_there_can_be_read(shop: Any, make_app: Make) -> None:
    app = make_app(
        SQLALCHEMY_DATABASE_URI="sqlite://",
        SQLALCHEMY_BINDS={"audit": shop.db.engines["audit"].url.render_as_string(hide_password=False)},
    )
    db = SQLAlchemy(app)
    with app.app_context():
        db.reflect()
        assert sorted(db.metadatas["audit"].tables) == ["detail", "event", "login"]

        class Event(db.Model):
            __table__ = db.metadatas["audit"].tables["event"]

        db.session.add(Event(id=1, what="read"))
        db.session.commit()
    assert shop.db.session.get(shop.Event, 1).what == "read"


# -- statements


def test_each_model_is_written_to_and_read_from_its_database(shop: Any) -> None:
    db = shop.db
    db.session.add_all([shop.User(id=1, name="ada"), shop.Event(id=2, what="came"), shop.Login(id=3, place="here")])
    db.session.commit()
    assert db.session.scalars(db.select(shop.User.name)).all() == ["ada"]
    assert shop.Event.query.count() == 2
    assert db.session.get(shop.Login, 3).place == "here"
    with db.engines["audit"].connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM event")) == 2


@pytest.mark.parametrize(
    "statement",
    [
        lambda shop: sa.select(shop.Event),
        lambda shop: sa.select(shop.Event.id),
        lambda shop: sa.select(sa.func.count()).select_from(shop.Event),
        lambda shop: sa.select(sa.func.count()).select_from(sa.select(shop.Event).subquery()),
        lambda shop: sa.select(sa.select(shop.Event.id).cte().c.id),
        lambda shop: sa.select(sa.exists(sa.select(shop.Event.id))),
        lambda shop: sa.union(sa.select(shop.Event.id), sa.select(shop.Detail.id)),
        lambda shop: sa.select(orm.aliased(shop.Event)),
        lambda shop: sa.select(shop.Event).options(joinedload(shop.Event.details)),
        lambda shop: sa.select(shop.Event.__table__),
        lambda shop: sa.select(shop.Event.__table__.c.id).join(shop.Detail.__table__),
        lambda shop: sa.select(sa.func.max(shop.Event.__table__.c.id)),
        lambda shop: sa.insert(shop.Event).values(what="x"),
        lambda shop: sa.insert(shop.Event.__table__).values(what="x"),
        lambda shop: sa.update(shop.Event).values(what="x"),
        lambda shop: sa.update(shop.Event.__table__).values(what="x"),
        lambda shop: sa.delete(shop.Detail),
        lambda shop: sa.delete(shop.Detail.__table__),
        lambda shop: shop.notes.select(),
        lambda shop: sa.select(shop.notes.alias()),
        lambda shop: shop.notes.insert().values(text="x"),
    ],
)
def test_statements_of_every_kind_find_their_database(shop: Any, statement: Callable[[Any], Any]) -> None:
    shop.db.session.execute(statement(shop))


def test_text_goes_to_the_default_database_unless_it_is_told_another(shop: Any) -> None:
    db = shop.db
    names = db.text("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    assert db.session.scalars(names).all() == ["user"]
    assert db.session.scalars(names, bind_arguments={"bind": db.engines["archive"]}).all() == ["notes"]
    assert db.session.scalars(names, bind_arguments={"mapper": shop.Event}).all() == ["detail", "event", "login"]
    insert = db.text("INSERT INTO notes VALUES (:text)")
    db.session.execute(insert, {"text": "x"}, bind_arguments={"bind": db.get_engine("archive")})
    assert db.session.scalars(shop.notes.select()).all() == ["x"]


def test_a_session_answers_where_something_is(shop: Any) -> None:
    db = shop.db
    assert db.session.get_bind() is db.engine
    assert db.session.get_bind(shop.Event) is db.engines["audit"]
    assert db.session().get_bind(None, sa.select(shop.Event)) is db.engines["audit"]
    assert db.session().get_bind(bind=db.engine) is db.engine
    with pytest.raises(orm.exc.UnmappedClassError):
        db.session().get_bind(int)


def test_a_session_that_somebody_has_bound_stays_there(shop: Any) -> None:
    with shop.db.engines["archive"].connect() as connection:
        session = shop.db.session(bind=connection)
        assert session.scalars(sa.text("SELECT name FROM sqlite_master")).all() == ["notes"]
        assert session.get_bind(shop.Event) is connection


def test_pages_are_counted_in_the_right_database(shop: Any) -> None:
    shop.db.session.add_all(shop.Event(what=str(number)) for number in range(5))
    shop.db.session.commit()
    page = shop.db.paginate(shop.db.select(shop.Event), per_page=2)
    assert (page.total, page.pages) == (5, 3)
    assert shop.Event.query.paginate(per_page=2).total == 5
    assert len(shop.db.keyset(shop.db.select(shop.Event), shop.Event.id).items) == 5


def test_an_unknown_bind_is_an_error_and_the_session_stays_usable(shop: Any) -> None:
    table = shop.db.Table("lost", sa.Column("id", sa.Integer), bind_key="archiv")
    with pytest.raises(UnknownBindError, match="Did you mean 'archive'"):
        shop.db.session.execute(table.select())
    with pytest.raises(UnknownBindError, match="Did you mean 'audit'"):
        shop.db.engines["audi"]
    assert shop.db.session.scalar(sa.select(1)) == 1


def test_without_a_default_database_binds_work_and_the_rest_says_so(make_app: Make) -> None:
    shop = Shop()
    app = make_app(DB_BINDS={"audit": "sqlite://", "archive": "sqlite://"})
    shop.db.init_app(app)
    with app.app_context():
        shop.db.create_all(["audit", "archive"])
        assert shop.db.session.scalars(sa.select(shop.Event)).all() == []
        with pytest.raises(UnknownBindError, match="no default database"):
            shop.db.session.scalars(sa.select(shop.User))
        with pytest.raises(UnknownBindError, match="no default database"):
            shop.db.create_all()


def test_a_bind_key_of_a_table_alone_counts_too() -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer), info={"bind_key": "audit"})
    assert bind_key_of(None, table) == bind_key_of(None, sa.select(table)) == "audit"
    assert bind_key_of(None, None) is None
    assert bind_key_of(None, sa.func.now()) is None


# -- a hook chooses


class Replica:
    """Sends what only reads to a replica."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str | None, str | None]] = []

    @hookimpl
    def trivet_db_bind(self, ctx: Any, bind_key: str | None, mapper: Any, clause: Any) -> str | None:
        kind = None if clause is None else type(clause).__name__
        self.asked.append((bind_key, mapper and mapper.class_.__name__, kind))
        if bind_key is None and clause is not None and clause.is_select and ctx.has_request and ctx.method == "GET":
            return "replica"
        return None


def test_reads_go_to_a_replica_and_writes_to_the_primary(make_app: Make, serve: Serve) -> None:
    replica = Replica()
    app = make_app(plugins=["db", replica], DB_URL="sqlite:///primary.db", DB_BINDS={"replica": "sqlite:///replica.db"})
    shop = Shop()
    shop.db.init_app(app)
    with app.app_context():
        for key, name in ((None, "primary"), ("replica", "replica")):
            shop.db.metadata.create_all(shop.db.engines[key])
            with shop.db.engines[key].begin() as connection:
                connection.execute(sa.insert(shop.User.__table__).values(id=1, name=name))

    @app.route("/", methods=["GET", "POST"])
    def index() -> str:
        if request.method == "POST":
            shop.db.session.add(shop.User(name="new"))
            shop.db.session.commit()
        return ",".join(shop.db.session.scalars(sa.select(shop.User.name)))

    @app.get("/async")
    async def asynchronous() -> str:
        return ",".join(await shop.db.async_session.scalars(sa.select(shop.User.name)))

    server = serve(app)
    assert server.ask("/").text == "replica"
    assert server.ask("/async").text == "replica"
    assert server.ask("/", "POST").text == "primary,new"
    assert server.ask("/").text == "replica"
    assert replica.asked[0] == (None, "User", "Select")
    assert (None, "User", None) in replica.asked  # what the session flushes


def test_tenants_have_databases_of_their_own(make_app: Make, serve: Serve) -> None:
    class Tenants:
        @hookimpl
        def trivet_db_bind(self, ctx: Any, bind_key: str | None) -> str | None:
            return ctx.request.args["tenant"] if bind_key is None and ctx.has_request else None

    app = make_app(
        plugins=["db", Tenants()],
        DB_URL="sqlite:///common.db",
        DB_BINDS={"ada": "sqlite:///ada.db", "bob": "sqlite:///bob.db"},
    )
    shop = Shop()
    shop.db.init_app(app)

    @app.post("/")
    def add() -> str:
        shop.db.create_all(None)
        shop.db.session.add(shop.User(name=request.args["tenant"]))
        shop.db.session.commit()
        return "added"

    @app.get("/")
    def names() -> str:
        return ",".join(shop.db.session.scalars(sa.select(shop.User.name)))

    server = serve(app)
    for tenant in ("ada", "bob"):
        server.ask(f"/?tenant={tenant}", "POST")
    assert [server.ask(f"/?tenant={tenant}").text for tenant in ("ada", "bob")] == ["ada", "bob"]
    with app.app_context():
        assert sa.inspect(shop.db.engine).get_table_names() == []


def test_a_hook_that_names_an_unknown_bind_is_told(make_app: Make) -> None:
    class Wrong:
        @hookimpl
        def trivet_db_bind(self) -> str:
            return "nowhere"

    app = make_app(plugins=["db", Wrong()], DB_URL="sqlite://")
    db = SQLAlchemy(app)
    with app.app_context(), pytest.raises(UnknownBindError, match="no bind 'nowhere'"):
        db.session.execute(sa.select(1))


def test_nobody_is_asked_outside_of_a_context(make_app: Make) -> None:
    replica = Replica()
    app = make_app(plugins=["db", replica], DB_URL="sqlite://")
    state = State.of(app)
    assert state.choose(None, None, sa.select(1)) is state.engines[None]
    assert replica.asked == []

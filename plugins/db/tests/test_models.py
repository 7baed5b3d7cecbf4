"""Models: names of tables, metadata by bind key, bases of every kind, the query attribute, how they look."""

# mypy: disable-error-code="misc, name-defined"

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import orm
from sqlalchemy.orm import DeclarativeBase, DeclarativeBaseNoMeta, Mapped, MappedAsDataclass, mapped_column

from trivet import Trivet
from trivet_db import Query, SQLAlchemy, UnknownBindError
from trivet_db.model import BindMetaMixin, DefaultMeta, Metadatas, Model, NameMetaMixin, bind_key_of, snake_case

Make = Callable[..., Trivet]
Key = Annotated[int, mapped_column(primary_key=True)]

BASES: dict[str, Callable[[], Any]] = {
    "the default": lambda: Model,
    "a class of one's own": lambda: type("Own", (Model,), {}),
    "DeclarativeBase": lambda: type("Base", (DeclarativeBase,), {}),
    "DeclarativeBaseNoMeta": lambda: type("Base", (DeclarativeBaseNoMeta,), {}),
    "declarative_base()": lambda: orm.declarative_base(cls=Model, metaclass=DefaultMeta),
}


@pytest.fixture(params=BASES)
def db(request: pytest.FixtureRequest) -> SQLAlchemy:
    """A database object on each kind of base."""
    return SQLAlchemy(model_class=BASES[request.param]())


def name_of(model: Any) -> str:
    return str(model.__table__.name)


# -- names of tables


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Task", "task"),
        ("TaskList", "task_list"),
        ("HTTPRequestLog", "http_request_log"),
        ("OAuth2Token", "o_auth2_token"),
        ("S3Bucket", "s3_bucket"),
        ("AES", "aes"),
        ("_Private", "private"),
        ("already_snake", "already_snake"),
        ("X", "x"),
    ],
)
def test_a_class_name_becomes_a_tables(name: str, expected: str) -> None:
    assert snake_case(name) == expected


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,20}", fullmatch=True))
def test_a_tables_name_has_the_same_letters_and_is_small(name: str) -> None:
    made = snake_case(name)
    assert made.replace("_", "") == name.lower()
    assert snake_case(made) == made


def test_a_model_is_named_after_its_class(db: SQLAlchemy) -> None:
    class TaskList(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    assert name_of(TaskList) == "task_list"


def test_a_model_may_say_its_name_itself(db: SQLAlchemy) -> None:
    class Task(db.Model):
        __tablename__ = "jobs"
        id = db.Column(db.Integer, primary_key=True)

    assert name_of(Task) == "jobs"


def test_an_abstract_model_has_no_table_and_those_below_have_their_own(db: SQLAlchemy) -> None:
    class Stamped(db.Model):
        __abstract__ = True
        id = db.Column(db.Integer, primary_key=True)

    class Task(Stamped):
        pass

    class Note(Stamped):
        pass

    assert (name_of(Task), name_of(Note)) == ("task", "note")
    assert not hasattr(Stamped, "__table__")


def test_a_name_on_an_abstract_model_or_a_mixin_is_its_childrens(db: SQLAlchemy) -> None:
    class Abstract(db.Model):
        __abstract__ = True
        __tablename__ = "from_abstract"
        id = db.Column(db.Integer, primary_key=True)

    class Mixin:
        __tablename__ = "from_mixin"

    class One(Abstract):
        pass

    class Two(Mixin, db.Model):
        id = db.Column(db.Integer, primary_key=True)

    assert (name_of(One), name_of(Two)) == ("from_abstract", "from_mixin")


def test_a_declared_name_is_asked(db: SQLAlchemy) -> None:
    class Prefixed:
        @orm.declared_attr.directive
        def __tablename__(cls) -> str:
            return f"app_{cls.__name__.lower()}"  # type: ignore[attr-defined]

    class Task(Prefixed, db.Model):
        id = db.Column(db.Integer, primary_key=True)

    assert name_of(Task) == "app_task"


def test_a_child_with_a_key_of_its_own_has_a_table_of_its_own(db: SQLAlchemy) -> None:
    class Vehicle(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    class Bicycle(Vehicle):
        id = db.Column(db.ForeignKey("vehicle.id"), primary_key=True)

    assert name_of(Bicycle) == "bicycle"
    assert Bicycle.__table__ is not Vehicle.__table__


def test_a_child_without_a_key_shares_its_parents_table(db: SQLAlchemy) -> None:
    class Vehicle(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        kind = db.Column(db.String(20))
        __mapper_args__: ClassVar[dict[str, Any]] = {"polymorphic_on": kind, "polymorphic_identity": "vehicle"}

    class Bicycle(Vehicle):
        gears = db.Column(db.Integer)
        __mapper_args__: ClassVar[dict[str, Any]] = {"polymorphic_identity": "bicycle"}

    class Tandem(Bicycle):
        __mapper_args__: ClassVar[dict[str, Any]] = {"polymorphic_identity": "tandem"}

    assert Tandem.__table__ is Bicycle.__table__ is Vehicle.__table__
    assert "gears" in Vehicle.__table__.columns


def test_a_key_from_a_mixin_an_annotation_or_a_constraint_counts(db: SQLAlchemy) -> None:
    class Vehicle(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    class OwnKey:
        id: Mapped[int] = mapped_column(sa.ForeignKey("vehicle.id"), primary_key=True)

    class Bicycle(OwnKey, Vehicle):
        pass

    class Tandem(Vehicle):
        number = db.Column(db.ForeignKey("vehicle.id"))
        __table_args__ = (sa.PrimaryKeyConstraint("number"),)

    class Part(db.Model):
        id: Mapped[Key]

    assert [name_of(one) for one in (Bicycle, Tandem, Part)] == ["bicycle", "tandem", "part"]


def test_a_model_without_any_key_is_an_error_that_names_it(db: SQLAlchemy) -> None:
    with pytest.raises(sa.exc.ArgumentError, match="primary key"):

        class Task(db.Model):
            title = db.Column(db.String(20))


@pytest.mark.parametrize("base", [Model, type("Base", (DeclarativeBase,), {})], ids=["default", "typed"])
def test_names_can_be_left_to_the_models(base: Any) -> None:
    db = SQLAlchemy(model_class=base, disable_autonaming=True)
    with pytest.raises(sa.exc.InvalidRequestError, match="__tablename__"):

        class Task(db.Model):
            id = db.Column(db.Integer, primary_key=True)


def test_names_follow_a_metaclass_that_is_put_together() -> None:
    class Unnamed(BindMetaMixin, orm.DeclarativeMeta):
        pass

    class Named(NameMetaMixin, orm.DeclarativeMeta):
        pass

    plain = SQLAlchemy(model_class=orm.declarative_base(cls=Model, metaclass=Unnamed, name="Model"))
    with pytest.raises(sa.exc.InvalidRequestError, match="__tablename__"):
        type("Task", (plain.Model,), {"id": sa.Column(sa.Integer, primary_key=True)})
    named = SQLAlchemy(model_class=orm.declarative_base(cls=Model, metaclass=Named, name="Model"))
    assert name_of(type("Task", (named.Model,), {"id": sa.Column(sa.Integer, primary_key=True)})) == "task"


# -- metadata and bind keys


def test_a_bind_key_chooses_the_metadata(db: SQLAlchemy) -> None:
    class Task(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    class Event(db.Model):
        __bind_key__: str | None = "audit"
        id = db.Column(db.Integer, primary_key=True)

    class Detail(Event):
        id = db.Column(db.ForeignKey("event.id"), primary_key=True)

    class Plain(Event):
        __bind_key__ = None
        id = db.Column(db.Integer, primary_key=True)
        __mapper_args__: ClassVar[dict[str, Any]] = {"concrete": True}

    assert Task.metadata is Plain.metadata is db.metadata is db.metadatas[None]
    assert Event.metadata is Detail.metadata is db.metadatas["audit"] is not db.metadata
    assert [bind_key_of(sa.inspect(one), None) for one in (Task, Event, Plain)] == [None, "audit", None]


def test_a_bind_key_may_come_from_a_mixin_or_an_abstract_model(db: SQLAlchemy) -> None:
    class Audited:
        __bind_key__ = "audit"

    class Abstract(db.Model):
        __abstract__ = True
        __bind_key__ = "abstract"
        id = db.Column(db.Integer, primary_key=True)

    class Before(Audited, db.Model):
        id = db.Column(db.Integer, primary_key=True)

    class After(db.Model, Audited):
        id = db.Column(db.Integer, primary_key=True)

    class Below(Abstract):
        pass

    assert Before.metadata is After.metadata is db.metadatas["audit"]
    assert Below.metadata is db.metadatas["abstract"]


def test_metadata_or_a_table_of_its_own_is_stronger_than_a_bind_key(db: SQLAlchemy) -> None:
    other = sa.MetaData()
    table = db.Table("note", sa.Column("id", sa.Integer, primary_key=True), bind_key="notes")

    class Task(db.Model):
        __bind_key__ = "unused"
        metadata = other
        id = db.Column(db.Integer, primary_key=True)

    class Note(db.Model):
        __bind_key__ = "unused"
        __table__ = table

    assert Task.__table__.metadata is other
    assert bind_key_of(sa.inspect(Task), None) is None
    assert bind_key_of(sa.inspect(Note), None) == "notes"
    assert "unused" not in db.metadatas


def test_below_a_plain_base_a_bind_key_is_refused_instead_of_forgotten() -> None:
    class Base(DeclarativeBase):
        pass

    SQLAlchemy(model_class=Base)
    with pytest.raises(sa.exc.ArgumentError, match=r"'Event' has a __bind_key__.*db\.metadatas\['audit'\]"):

        class Event(Base):
            __tablename__ = "event"
            __bind_key__ = "audit"
            id: Mapped[int] = mapped_column(primary_key=True)


def test_another_base_is_made_known_under_its_bind_key(make_app: Make) -> None:
    db = SQLAlchemy()

    class AuditBase(DeclarativeBase):
        pass

    db.metadatas["audit"] = AuditBase.metadata

    class Event(AuditBase):
        __tablename__ = "event"
        id: Mapped[int] = mapped_column(primary_key=True)

    app = make_app(DB_URL="sqlite://", DB_BINDS={"audit": "sqlite://"})
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.session.add(Event(id=1))
        db.session.commit()
        assert sa.inspect(db.engines["audit"]).get_table_names() == ["event"]
        assert sa.inspect(db.engine).get_table_names() == []


def test_tables_choose_their_metadata_as_models_do(db: SQLAlchemy) -> None:
    other = sa.MetaData()
    one = db.Table("one", sa.Column("id", sa.Integer))
    two = db.Table("two", sa.Column("id", sa.Integer), bind_key="audit")
    three = db.Table("three", other, sa.Column("id", sa.Integer))
    assert [table.metadata for table in (one, two, three)] == [db.metadata, db.metadatas["audit"], other]
    assert isinstance(one, db.Table)
    assert issubclass(db.Table, sa.Table)


def test_naming_conventions_go_into_every_metadata() -> None:
    convention = {"pk": "pk_%(table_name)s"}
    db = SQLAlchemy(metadata=sa.MetaData(naming_convention=convention))

    class Event(db.Model):
        __bind_key__ = "audit"
        id = db.Column(db.Integer, primary_key=True)

    assert Event.__table__.primary_key.name == "pk_event"


def test_metadata_beside_a_base_that_has_its_own_is_ignored_with_a_warning() -> None:
    class Base(DeclarativeBase):
        pass

    with pytest.warns(DeprecationWarning, match="Base has metadata of its own"):
        db = SQLAlchemy(model_class=Base, metadata=sa.MetaData())
    assert db.metadata is Base.metadata


def test_metadata_is_a_mapping_by_bind_key() -> None:
    metadatas = Metadatas(sa.MetaData())
    metadatas.get_or_make("audit")
    assert list(metadatas) == [None, "audit"]
    assert len(metadatas) == 2
    assert metadatas["audit"].info == {"bind_key": "audit"}
    with pytest.raises(KeyError):
        metadatas["other"]


# -- bases


def test_models_may_inherit_from_the_typed_base_itself(make_app: Make) -> None:
    class Base(DeclarativeBase):
        pass

    db = SQLAlchemy(model_class=Base)

    class Task(Base):
        __tablename__ = "task"
        id: Mapped[int] = mapped_column(primary_key=True)

    class TaskList(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True)

    assert Task.metadata is TaskList.metadata
    assert issubclass(db.Model, Base)
    app = make_app(DB_URL="sqlite://")
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.session.add_all([Task(id=1), TaskList(id=2)])
        db.session.commit()
        assert db.session.scalar(sa.select(Task.id)) == 1
        assert TaskList.query.one().id == 2


@pytest.mark.parametrize(
    "bases", [(MappedAsDataclass, DeclarativeBase), (DeclarativeBase, MappedAsDataclass)], ids=["before", "after"]
)
def test_models_may_be_dataclasses(bases: tuple[Any, ...]) -> None:
    db = SQLAlchemy(model_class=type("Base", bases, {}))

    class Task(db.Model):
        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        title: Mapped[str] = mapped_column(default="none")

    assert Task("one").title == "one"
    assert Task().title == "none"
    assert [field.name for field in dataclasses.fields(Task)] == ["id", "title"]
    assert name_of(Task) == "task"


def test_what_the_base_has_all_models_have() -> None:
    class WithKey(Model):
        @orm.declared_attr
        def id(cls) -> Mapped[int]:
            return mapped_column(primary_key=True)

        def shout(self) -> str:
            return type(self).__name__.upper()

    db = SQLAlchemy(model_class=WithKey)

    class Task(db.Model):
        pass

    assert Task().shout() == "TASK"
    assert name_of(Task) == "task"


def test_a_cascading_key_of_the_base_joins_child_and_parent() -> None:
    class Base(DeclarativeBase):
        @orm.declared_attr.cascading  # type: ignore[arg-type]
        @classmethod
        def id(cls) -> Mapped[int]:
            for base in cls.__mro__[1:-1]:
                if getattr(base, "__table__", None) is not None:
                    return mapped_column(sa.ForeignKey(base.id), primary_key=True)  # type: ignore[attr-defined]
            return mapped_column(primary_key=True)

    db = SQLAlchemy(model_class=Base)

    class User(db.Model):
        name: Mapped[str]

    class Employee(User):
        title: Mapped[str]

    assert [name_of(one) for one in (User, Employee)] == ["user", "employee"]
    assert Employee.__table__.c.id.references(User.__table__.c.id)


# -- what they look like


def test_a_row_shows_its_key(make_app: Make, db: SQLAlchemy) -> None:
    class Task(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    class Pair(db.Model):
        left = db.Column(db.Integer, primary_key=True)
        right = db.Column(db.String(10), primary_key=True)

    app = make_app(SQLALCHEMY_DATABASE_URI="sqlite://")
    db.init_app(app)
    with app.app_context():
        db.create_all()
        task, pair = Task(), Pair(left=1, right="a")
        assert repr(task) == f"<Task (transient {id(task)})>"
        db.session.add_all([task, pair])
        assert repr(task) == f"<Task (pending {id(task)})>"
        db.session.flush()
        assert (repr(task), repr(pair)) == ("<Task 1>", "<Pair 1, a>")
        db.session.delete(task)
        db.session.commit()
        assert repr(task) == "<Task 1>"


# -- the query attribute


def test_a_query_has_the_class_that_was_asked_for(make_app: Make) -> None:
    class Loud(Query):
        def shout(self) -> str:
            return "all"

    class Louder(Loud):
        pass

    db = SQLAlchemy(query_class=Loud)

    class Task(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        owner_id = db.Column(db.ForeignKey("owner.id"))

    class Owner(db.Model):
        query_class = Louder
        id = db.Column(db.Integer, primary_key=True)
        tasks = db.relationship("Task", lazy="dynamic", backref=db.backref("owner", lazy="select"))

    app = make_app(SQLALCHEMY_DATABASE_URI="sqlite://")
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.session.add(Owner(id=1, tasks=[Task(id=7)]))
        db.session.commit()
        query: Any = db.session.query(Task)
        assert Task.query.shout() == query.shout() == "all"
        assert type(Owner.query) is Louder
        tasks = Owner.query.one().tasks
        assert isinstance(tasks, Loud)
        assert tasks.first_or_404() is Task.query.get_or_404(7)


def test_a_query_of_the_key_alone_refuses_criteria(make_app: Make) -> None:
    db = SQLAlchemy()

    class Task(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    app = make_app(SQLALCHEMY_DATABASE_URI="sqlite://")
    db.init_app(app)
    with app.app_context():
        db.create_all()
        with pytest.raises(sa.exc.InvalidRequestError, match="criteria"):
            Task.query.filter_by(id=3).get_or_404(4)


# -- names of SQLAlchemy


def test_the_names_of_sqlalchemy_are_at_hand() -> None:
    db = SQLAlchemy()
    assert db.Column is sa.Column
    assert db.select is sa.select
    assert db.event is sa.event
    assert db.Mapped is orm.Mapped
    assert db.joinedload is orm.joinedload
    with pytest.raises(AttributeError, match="'Colum'"):
        db.Colum  # noqa: B018
    assert not hasattr(db, "_private")


def test_a_model_of_an_unknown_bind_is_named_when_tables_are_made(make_app: Make) -> None:
    db = SQLAlchemy()

    class Event(db.Model):
        __bind_key__ = "audti"
        id = db.Column(db.Integer, primary_key=True)

    app = make_app(DB_URL="sqlite://", DB_BINDS={"audit": "sqlite://"})
    db.init_app(app)
    with app.app_context():
        with pytest.raises(UnknownBindError, match="Did you mean 'audit'"):
            db.create_all()
        with pytest.raises(sa.exc.UnboundExecutionError):
            Event.query.all()
        db.create_all(None)
        with pytest.raises(UnknownBindError):
            db.create_all("nothing")

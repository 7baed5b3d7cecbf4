"""Constraints that models leave without a name get one in revisions, so that these can be run both ways."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from trivet_db import SQLAlchemy
from trivet_db.migrating.naming import LONGEST, Names

from .migrating_project import Models, Project


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    return Project(tmp_path, database, plain)


def plain(db: SQLAlchemy) -> None:
    """Two tables, and nothing between them."""
    sa.Table("user", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "task",
        db.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.String(20)),
        sa.Column("owner_id", sa.Integer),
    )


def constrained(db: SQLAlchemy) -> None:
    """The same tables, with a unique column and a foreign key."""
    plain(db)
    task = db.metadata.tables["task"]
    task.append_constraint(sa.UniqueConstraint("code"))
    task.append_constraint(sa.ForeignKeyConstraint(["owner_id"], ["user.id"]))


def columns_added(db: SQLAlchemy) -> None:
    """The same two constraints on columns that are new."""
    sa.Table("user", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "task",
        db.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.String(20)),
        sa.Column("owner_id", sa.Integer),
        sa.Column("slug", sa.String(20), unique=True),
        sa.Column("reader_id", sa.ForeignKey("user.id")),
    )


def names(project: Project, table: str = "task") -> set[str | None]:
    """Return the names of a table's unique constraints and foreign keys."""

    def ask(connection: sa.Connection) -> set[str | None]:
        see = sa.inspect(connection)
        return {one["name"] for one in [*see.get_unique_constraints(table), *see.get_foreign_keys(table)]}

    found: set[str | None] = project.look().ask(ask)
    return found


def goes_both_ways(project: Project) -> None:
    """Look whether the last revision can be taken back and run again, and leaves nothing to do."""
    project.done("downgrade")
    project.done("upgrade")
    assert "agree" in project.done("check")
    assert "nothing to write" in project.done("migrate")


def test_constraints_added_to_a_table_are_named_after_it_and_can_be_taken_back(project: Project) -> None:
    project.migrate("Plain")
    project.migrate("Constrained", constrained)
    assert names(project) == {"uq_task_code", "fk_task_owner_id_user"}
    goes_both_ways(project)
    project.done("downgrade")
    assert names(project) == set()


def test_constraints_of_columns_added_to_a_table_are_named_too(project: Project) -> None:
    project.migrate("Plain")
    project.migrate("Columns", columns_added)
    assert names(project) == {"uq_task_slug", "fk_task_reader_id_user"}
    goes_both_ways(project)
    project.done("downgrade")
    assert project.look().columns("task") == ["id", "code", "owner_id"]


def test_constraints_of_a_new_table_are_named_so_that_they_can_be_removed_later(project: Project) -> None:
    project.migrate("Constrained", constrained)
    assert names(project) == {"uq_task_code", "fk_task_owner_id_user"}
    assert "agree" in project.done("check")
    project.migrate("Plain", plain)
    assert names(project) == set()
    goes_both_ways(project)
    project.done("downgrade")
    assert names(project) == {"uq_task_code", "fk_task_owner_id_user"}


def test_a_table_that_is_dropped_comes_back_with_the_names_it_had(project: Project) -> None:
    def only_users(db: SQLAlchemy) -> None:
        sa.Table("user", db.metadata, sa.Column("id", sa.Integer, primary_key=True))

    project.migrate("Constrained", constrained)
    project.migrate("Users", only_users)
    project.done("downgrade")
    assert names(project) == {"uq_task_code", "fk_task_owner_id_user"}


def test_a_foreign_key_that_is_changed_keeps_its_name(project: Project) -> None:
    def cascading(db: SQLAlchemy) -> None:
        plain(db)
        key = sa.ForeignKeyConstraint(["owner_id"], ["user.id"], ondelete="CASCADE")
        db.metadata.tables["task"].append_constraint(key)
        db.metadata.tables["task"].append_constraint(sa.UniqueConstraint("code"))

    project.migrate("Constrained", constrained)
    project.migrate("Cascading", cascading)
    assert names(project) == {"uq_task_code", "fk_task_owner_id_user"}
    goes_both_ways(project)


@pytest.mark.parametrize(
    ("written_by", "run_by"),
    [("sqlite", "postgresql"), ("sqlite", "mariadb"), ("postgresql", "mariadb"), ("mariadb", "postgresql")],
)
def test_a_revision_is_run_both_ways_by_a_database_that_has_not_written_it(
    tmp_path: Path, make_empty: Callable[[str], str], written_by: str, run_by: str
) -> None:
    writer = Project(tmp_path, make_empty(written_by), plain)
    writer.migrate("Plain")
    writer.migrate("Columns", columns_added)
    project = Project(tmp_path, make_empty(run_by), columns_added)
    project.done("upgrade")
    assert "agree" in project.done("check")
    project.done("downgrade", "base")
    assert project.look().tables == set()


def test_a_foreign_key_that_was_made_without_a_name_can_be_removed(tmp_path: Path, sqlite_database: str) -> None:
    project = Project(tmp_path, sqlite_database, plain)
    project.write(
        "old",
        "op.create_table('user', sa.Column('id', sa.Integer, primary_key=True)); op.create_table('task', "
        "sa.Column('id', sa.Integer, primary_key=True), sa.Column('code', sa.String(20)), "
        "sa.Column('owner_id', sa.Integer, sa.ForeignKey('user.id')))",
    )
    project.done("upgrade")
    assert names(project) == {None}
    project.migrate("Without")
    assert names(project) == set()
    goes_both_ways(project)
    project.done("downgrade")
    assert names(project) == {"fk_task_owner_id_user"}


def test_a_unique_constraint_without_a_name_that_no_model_has_is_said_to_stay(
    tmp_path: Path, sqlite_database: str
) -> None:
    project = Project(tmp_path, sqlite_database, plain)
    project.write(
        "old",
        "op.create_table('user', sa.Column('id', sa.Integer, primary_key=True)); op.create_table('task', "
        "sa.Column('id', sa.Integer, primary_key=True), sa.Column('code', sa.String(20), unique=True), "
        "sa.Column('owner_id', sa.Integer))",
    )
    project.done("upgrade")
    said = project.done("migrate")
    assert "task: UNIQUE (code) stays, since it has no name and no model has it" in said
    [line] = re.findall(r"write: (with .*)", said)
    project.write("by_hand", head_and_body(line), after="old")
    project.done("upgrade")
    assert names(project) == set()
    assert "stays" not in project.done("migrate")


def head_and_body(line: str) -> str:
    head, _, body = line.partition(") as batch: ")
    return f"{head}) as batch:\n        {body}"


class Declared(DeclarativeBase): ...


class Owner(Declared):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)


class Job(Declared):
    __tablename__ = "task"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str | None] = mapped_column(sa.String(20), unique=True)
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"))


def by_declared_base(db: SQLAlchemy) -> None:
    db.metadatas[None] = Declared.metadata


def by_familiar_models(db: Any) -> None:
    class User(db.Model):  # type: ignore[misc]
        id = db.Column(db.Integer, primary_key=True)

    class Task(db.Model):  # type: ignore[misc]
        id = db.Column(db.Integer, primary_key=True)
        code = db.Column(db.String(20), unique=True)
        owner_id = db.Column(db.Integer, db.ForeignKey("user.id"))


@pytest.mark.parametrize("models", [by_declared_base, by_familiar_models])
def test_it_is_so_for_every_way_in_which_models_are_written(project: Project, models: Models) -> None:
    project.migrate("Plain", plain)
    project.migrate("Models", models)
    assert names(project) == {"uq_task_code", "fk_task_owner_id_user"}
    goes_both_ways(project)


def test_the_models_themselves_stay_without_names(project: Project) -> None:
    project.models = by_declared_base
    project.migrate("Tasks")
    assert {one.name for one in Job.__table__.constraints} == {None}  # type: ignore[attr-defined]


def test_a_model_s_naming_convention_is_kept(project: Project) -> None:
    def conventional(models: Models) -> Models:
        def declare(db: SQLAlchemy) -> None:
            db.metadata.naming_convention = {"uq": "only_%(table_name)s", "ck": "ck_%(constraint_name)s"}
            models(db)

        return declare

    project.migrate("Plain", conventional(plain))
    project.migrate("Constrained", conventional(constrained))
    assert names(project) == {"only_task", "fk_task_owner_id_user"}
    goes_both_ways(project)


def test_names_that_the_models_give_are_kept(project: Project) -> None:
    def named(db: SQLAlchemy) -> None:
        plain(db)
        task = db.metadata.tables["task"]
        task.append_constraint(sa.UniqueConstraint("code", name="one_code"))
        task.append_constraint(sa.ForeignKeyConstraint(["owner_id"], ["user.id"], name="owned"))

    project.migrate("Plain")
    project.migrate("Named", named)
    assert names(project) == {"one_code", "owned"}
    goes_both_ways(project)


def test_conditions_are_named_and_survive_when_the_table_is_altered(project: Project) -> None:
    def conditions(db: SQLAlchemy) -> None:
        plain(db)
        task = db.metadata.tables["task"]
        task.append_constraint(sa.CheckConstraint("owner_id > 0"))
        task.append_constraint(sa.CheckConstraint(task.c.owner_id < 1000))

    def longer(db: SQLAlchemy) -> None:
        conditions(db)
        db.metadata.tables["task"].c.code.type = sa.String(40)

    project.migrate("Conditions", conditions)
    project.migrate("Longer", longer)
    found = project.look().ask(lambda connection: sa.inspect(connection).get_check_constraints("task"))
    first, second = sorted(one["name"] for one in found)
    assert re.fullmatch(r"ck_task_[0-9a-f]{8}", first)
    assert second == "ck_task_owner_id"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (sa.Boolean(create_constraint=True), 'sa.Boolean(create_constraint=True, name="ck_task_kind")'),
        (
            sa.Enum("red", "green", create_constraint=True, native_enum=False),
            'sa.Enum(..., create_constraint=True, name="ck_task_kind")',
        ),
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_a_type_whose_condition_has_no_name_is_refused_with_the_line_to_write(
    tmp_path: Path, sqlite_database: str, kind: sa.types.TypeEngine[Any], line: str, there: bool
) -> None:
    def kinds(db: SQLAlchemy) -> None:
        plain(db)
        db.metadata.tables["task"].append_column(sa.Column("kind", kind))

    project = Project(tmp_path, sqlite_database, plain)
    if there:
        project.migrate("Plain")
    project.models = kinds
    said = project.refused("migrate")
    assert "The type of the column task.kind makes a CHECK constraint without a name" in said
    assert line in said
    assert len(project.files()) == there


def test_tables_and_columns_with_long_names_get_names_that_every_database_takes(project: Project) -> None:
    long = "a_rather_long_name_of_a_table_or_a_column"

    def tables(db: SQLAlchemy) -> None:
        sa.Table("user", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
        sa.Table(long, db.metadata, sa.Column("id", sa.Integer, primary_key=True))

    def longer(db: SQLAlchemy) -> None:
        tables(db)
        table = db.metadata.tables[long]
        table.append_column(sa.Column(f"{long}_1", sa.ForeignKey("user.id"), unique=True))
        table.append_column(sa.Column(f"{long}_2", sa.ForeignKey("user.id"), unique=True))

    project.migrate("Short", tables)
    project.migrate("Long", longer)
    found = names(project, long)
    assert len(found) == 4
    assert all(re.fullmatch(r"(uq|fk)_a_rather_long\w+_[0-9a-f]{8}", str(one)) for one in found)
    goes_both_ways(project)


def test_two_constraints_that_would_have_one_name_get_two(project: Project) -> None:
    def doubtful(db: SQLAlchemy) -> None:
        sa.Table("a", db.metadata, sa.Column("b_c", sa.Integer, unique=True))
        sa.Table("a_b", db.metadata, sa.Column("c", sa.Integer, unique=True))

    project.migrate("Doubtful", doubtful)
    (one,), (other,) = names(project, "a"), names(project, "a_b")
    assert one != other
    assert str(one).startswith("uq_a_b_c_")
    assert str(other).startswith("uq_a_b_c_")


@given(table=st.text(min_size=1, max_size=70), column=st.text(min_size=1, max_size=70))
def test_a_name_is_never_too_long_and_always_the_same(table: str, column: str) -> None:
    def name() -> str | None:
        metadata = sa.MetaData()
        made = sa.Table(table, metadata, sa.Column(column, sa.Integer))
        constraint = sa.UniqueConstraint(made.c[column])
        made.append_constraint(constraint)
        return Names([metadata]).of(constraint)

    first = name()
    assert first is not None
    assert len(first.encode()) <= LONGEST
    assert first == name()

"""``trivet db``: what its commands print, in words and as JSON, and those around databases."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from trivet import hookimpl
from trivet_db import Migrations, SQLAlchemy
from trivet_db.client import client_for
from trivet_db.migrating.owned import tables_in

from .migrating_project import Look, Project, Shipping, revision_of, seeding, tasks, tasks_with_done


@pytest.fixture
def project(tmp_path: Path, sqlite_database: str) -> Project:
    return Project(tmp_path, sqlite_database)


ONE = "op.create_table('one', sa.Column('id', sa.Integer))"


def test_every_command_has_a_line_of_help(project: Project) -> None:
    from trivet_db.command import make_command

    command = make_command(project.app())
    assert set(command.commands) == {
        *("init", "revision", "migrate", "upgrade", "downgrade", "history", "heads", "current", "stamp", "check"),
        *("show", "merge", "edit", "shell", "create", "drop", "seed"),
    }
    for name, one in command.commands.items():
        assert one.get_short_help_str(), name
        assert one.help, name
        for parameter in one.params:
            assert parameter.param_type_name == "argument" or getattr(parameter, "help", None), (name, parameter.name)


def test_init_makes_the_folder_and_only_that(project: Project) -> None:
    assert project.done("init") == f"{project.folder}: made\n"
    assert list(project.folder.iterdir()) == []
    assert project.done("init") == f"{project.folder}: there already, with 0 revisions\n"


def test_init_makes_a_folder_for_a_bind_without_models(project: Project) -> None:
    project.binds = {"events": "sqlite://"}
    project.done("init", "--bind", "events")
    project.done("revision", "--bind", "events", "-m", "By hand")
    assert len(project.files("events")) == 1


def test_history_and_heads_are_listed(project: Project) -> None:
    project.write("first", ONE)
    project.write("second", "pass", after="first", depends_on=None)
    assert project.done("history").splitlines() == ["default  app  second (head)  second", "default  app  first  first"]
    assert project.done("heads") == "default  app  second (head)  second\n"
    assert json.loads(project.done("heads", "--json")) == [
        {
            "database": "default",
            "branch": "app",
            "revision": "second",
            "message": "second",
            "follows": ["first"],
            "depends_on": [],
            "head": True,
            "file": str(project.folder / "second.py"),
        }
    ]
    assert [one["revision"] for one in json.loads(project.done("history", "--json"))] == ["second", "first"]


def test_history_can_be_of_one_branch(project: Project, tmp_path: Path) -> None:
    project.write("first", ONE)
    project.write("items", "pass", folder=tmp_path / "shop", branch_labels=("shop",))
    project.plugins = [Shipping(Migrations("shop", tmp_path / "shop"))]
    assert project.done("history", "--branch", "shop") == "default  shop  items (head)  items\n"
    assert project.done("heads", "--branch", "app") == "default  app  first (head)  first\n"
    assert len(project.done("heads").splitlines()) == 2


def test_a_revision_is_shown_with_what_it_follows_and_its_file(project: Project) -> None:
    project.write("first", ONE)
    project.write("second", "pass", after="first")
    said = project.done("show", "second")
    assert said.splitlines() == [
        "default  app  second (head)  second",
        "  follows     first",
        f"  file        {project.folder}/second.py",
    ]
    assert project.done("show", "seco") == said
    assert "There is no revision 'third'" in project.refused("show", "third")


def test_a_revision_is_opened_in_the_editor(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr("click.edit", lambda filename: opened.append(filename))
    assert "no migrations yet" in project.refused("edit")
    project.write("first", ONE)
    project.write("second", "pass", after="first")
    project.done("edit")
    project.done("edit", "first")
    assert opened == [str(project.folder / "second.py"), str(project.folder / "first.py")]


def test_current_says_where_a_database_is_and_what_it_lacks(project: Project) -> None:
    project.write("first", ONE)
    project.write("second", "pass", after="first")
    assert project.done("current") == "default: no revision\ndefault: lacks first, second\n"
    project.done("upgrade", "first")
    assert project.done("current") == "default  app  first  first\ndefault: lacks second\n"
    assert "lacks second" in project.refused("current", "--check-heads")
    project.done("upgrade")
    assert project.done("current", "--check-heads") == "default  app  second (head)  second\n"
    assert json.loads(project.done("current", "--json"))[0]["revision"] == "second"


def test_looking_at_a_database_changes_nothing_in_it(project: Project) -> None:
    project.write("first", ONE)
    project.done("current")
    project.refused("check")
    assert project.look().ask(lambda connection: sa.inspect(connection).get_table_names()) == []


def test_check_prints_what_no_migration_covers(project: Project) -> None:
    project.migrate("Tasks")
    project.models = tasks_with_done
    assert project.refused("check") == ("default: no migration covers (trivet db migrate):\n  + column task.done\n")
    assert json.loads(project.refused("check", "--json")) == {
        "settled": False,
        "databases": {
            "default": {
                "current": [revision_of(project.files()[0])],
                "pending": [],
                "differences": ["+ column task.done"],
            }
        },
    }


def test_check_prints_what_a_database_lacks(project: Project) -> None:
    project.done("migrate", "-m", "Tasks")
    (first,) = map(revision_of, project.files())
    assert project.refused("check") == (
        f"default: not at the head of its migrations, it lacks (trivet db upgrade):\n  {first}  Tasks\n"
    )
    assert json.loads(project.refused("check", "--json"))["databases"]["default"]["pending"] == [first]


def test_every_sort_of_difference_is_said_in_words(project: Project) -> None:
    def before(db: SQLAlchemy) -> None:
        sa.Table("gone", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
        sa.Table("owner", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
        sa.Table(
            "thing",
            db.metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("old", sa.Integer, index=True),
            sa.Column("owner_id", sa.Integer),
        )

    def after(db: SQLAlchemy) -> None:
        sa.Table("owner", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
        sa.Table("new", db.metadata, sa.Column("id", sa.Integer, primary_key=True))
        sa.Table(
            "thing",
            db.metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("owner_id", sa.Integer, sa.ForeignKey("owner.id", name="fk_owner")),
            sa.UniqueConstraint("owner_id", name="uq_owner"),
        )

    project.migrate("Before", before)
    project.models = after
    assert sorted(line.strip() for line in project.refused("check").splitlines()[1:]) == [
        "+ constraint uq_owner of table thing (owner_id)",
        "+ foreign key fk_owner of table thing (owner_id)",
        "+ table new",
        "- column thing.old",
        "- index ix_thing_old of table thing (old)",
        "- table gone",
    ]


def test_migrate_without_any_model_says_how_they_are_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    app = project.app()
    app.extensions["trivet_db"].faces.clear()
    monkeypatch.setattr(project, "app", lambda: app)
    assert "There are no models. Name what holds them in the configuration" in project.refused("migrate")
    assert "There are no models." in project.refused("create")


def test_migrate_against_tables_that_are_there_already_says_so(project: Project) -> None:
    project.done("create")
    said = project.done("migrate")
    assert "nothing to write" in said
    assert "But no migration makes these tables." in said


def test_autogenerate_is_migrate(project: Project) -> None:
    project.done("revision", "--autogenerate", "-m", "Tasks")
    assert "'task'" in project.files()[0].read_text(encoding="utf-8")
    assert project.run("revision", "--autogenerate", "--splice").exit_code == 2


def test_a_revision_can_start_a_second_head_on_purpose(project: Project) -> None:
    project.write("first", ONE)
    project.write("second", "pass", after="first")
    assert "--splice" in project.refused("revision", "--head", "first", "--rev-id", "other")
    project.done("revision", "--head", "first", "--splice", "--rev-id", "other", "-m", "Other")
    project.done("merge", "other", "second", "--rev-id", "both")
    project.done("upgrade")
    assert project.look().versions == {"both"}


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        (Shipping(Migrations("shop", "/nowhere/at/all")), "there is no such folder"),
        (Shipping(Migrations("app", ".")), "a name that is taken"),
        (Shipping(Migrations("shop", ".", bind_key="evnts")), "There is no bind 'evnts'"),
        (Shipping("shop", name="shop"), "returned str from trivet_db_migrations"),  # type: ignore[arg-type]
    ],
)
def test_migrations_that_a_plugin_ships_wrongly_are_named(project: Project, plugin: Any, said: str) -> None:
    project.plugins = [plugin]
    output = project.refused("heads")
    assert said in output
    assert f"plugin {plugin.name!r}" in output


def test_models_of_a_bind_that_is_not_configured_are_an_error(project: Project) -> None:
    project.models = lambda db: db.Table("event", sa.Column("id", sa.Integer, primary_key=True), bind_key="events")
    assert "There is no bind 'events' in [db] binds." in project.refused("migrate")


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("op.create_table('one'); op.create_table(table_name='two')", {"one", "two"}),
        ("op.rename_table('old', 'new')", {"new"}),
        ("op.create_table('one', schema='s')", {"s.one"}),
        (
            "op.execute('CREATE TABLE IF NOT EXISTS `raw` (id INT)'); op.execute('create table s.\"raw\" (id INT)')",
            {"raw", "s.raw"},
        ),
        ("op.create_table(name); op.drop_table('gone')", set()),
        ("def (", set()),
    ],
)
def test_the_tables_that_a_revision_makes_are_told_from_its_source(source: str, names: set[str]) -> None:
    assert set(tables_in(source)) == names


# -- tables without migrations


def test_create_makes_tables_and_drop_asks_before_it_drops_them(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path, database, tasks_with_kinds)
    assert project.done("create") == "default: task made\n"
    assert project.done("create") == "default: nothing to make\n"
    refused = project.refused("drop", input="n\n")
    assert f"default ({sa.make_url(database).set(query={}).render_as_string()})" in refused
    assert project.look().tables == {"task"}
    assert project.done("drop", input="y\n").endswith("default: task dropped\n")
    project.done("create")
    assert project.done("drop", "--yes") == "default: task dropped\n"
    assert project.done("drop", "--yes") == "default: nothing to drop\n"


def tasks_with_kinds(db: SQLAlchemy) -> None:
    tasks(db)
    kind: sa.Column[str] = sa.Column("kind", sa.Enum("red", "green", name="kind"))
    db.metadata.tables["task"].append_column(kind)


def test_create_leaves_tables_to_migrations_where_there_are_some(project: Project) -> None:
    project.done("migrate")
    assert "come by migrations" in project.refused("create")
    assert project.done("create", "--force") == "default: task made\n"


def test_drop_forgets_migrations_so_that_they_can_be_run_again(tmp_path: Path, database: str) -> None:
    project = Project(tmp_path, database, tasks_with_kinds)
    project.write("items", f"{ONE}", folder=tmp_path / "shop")
    project.plugins = [Shipping(Migrations("shop", tmp_path / "shop"))]
    project.done("upgrade")
    project.migrate("Tasks")
    project.look().run("CREATE TABLE strange (id INTEGER)")
    assert project.done("drop", "--yes") == "default: alembic_version, one, task dropped\n"
    assert project.look().tables == {"strange"}
    project.done("upgrade")
    assert project.look().tables == {"one", "strange", "task"}


def test_tables_that_refer_to_each_other_are_dropped_in_their_order(tmp_path: Path, database: str) -> None:
    def models(db: SQLAlchemy) -> None:
        tasks(db)
        sa.Table(
            "note",
            db.metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("task_id", sa.ForeignKey("task.id")),
        )

    project = Project(tmp_path, database, models)
    project.migrate("Both")
    project.done("drop", "--yes")
    assert project.look().tables == set()


# -- rows to begin with


def test_seed_asks_every_plugin_in_a_context_of_its_own(project: Project) -> None:
    def fill() -> None:
        db.session.execute(db.metadatas[None].tables["task"].insert().values(title="Write"))
        db.session.commit()

    db: Any = None

    def models(face: SQLAlchemy) -> None:
        nonlocal db
        tasks(face)
        db = face

    project.models = models
    project.plugins = [seeding("first", fill), seeding("second", fill)]
    project.done("create")
    assert project.done("seed") == "first: done\nsecond: done\n"
    assert project.look().run("SELECT title FROM task") == [("Write",), ("Write",)]


def test_seed_may_be_asynchronous(project: Project) -> None:
    called = []

    @hookimpl
    async def trivet_db_seed(app: Any) -> None:
        called.append(app)

    plugin = seeding("later", lambda: None)
    plugin.trivet_db_seed = trivet_db_seed
    project.plugins = [plugin]
    assert project.done("seed") == "later: done\n"
    assert len(called) == 1


def test_seed_names_the_plugin_that_fails(project: Project) -> None:
    def fill() -> None:
        engine = sa.create_engine("sqlite://")
        try:
            with engine.connect() as connection:
                connection.execute(sa.text("SELECT * FROM nowhere"))
        finally:
            engine.dispose()

    project.plugins = [seeding("careless", fill)]
    assert "The plugin 'careless' could not fill its tables: OperationalError: no such table" in project.refused("seed")
    project.plugins = [seeding("worse", lambda: 1 / 0)]
    with pytest.raises(ZeroDivisionError) as raised:
        project.run("seed")
    assert raised.value.__notes__ == ["This was trivet_db_seed of the plugin 'worse'."]


def test_seed_without_any_such_plugin_says_so(project: Project) -> None:
    assert project.done("seed") == "Nothing to do: no plugin implements trivet_db_seed.\n"


# -- the prompt of the database's own program


@pytest.mark.parametrize(
    ("url", "programs", "arguments", "environment"),
    [
        (
            "postgresql+psycopg://me:secret@host:5433/db?sslmode=require&other=1",
            ("psql",),
            [],
            {
                "PGHOST": "host",
                "PGPORT": "5433",
                "PGUSER": "me",
                "PGDATABASE": "db",
                "PGSSLMODE": "require",
                "PGPASSWORD": "secret",
            },
        ),
        (
            "mysql+pymysql://me:secret@host:3307/db?charset=utf8mb4",
            ("mysql", "mariadb"),
            ["--host=host", "--port=3307", "--user=me", "--default-character-set=utf8mb4", "--database=db"],
            {"MYSQL_PWD": "secret"},
        ),
        (
            "mariadb://me@/db?unix_socket=/run/db",
            ("mariadb", "mysql"),
            ["--user=me", "--socket=/run/db", "--database=db"],
            {},
        ),
        ("sqlite:////var/app.db", ("sqlite3",), ["/var/app.db"], {}),
    ],
)
def test_a_client_gets_the_password_in_its_environment_only(
    url: str, programs: tuple[str, ...], arguments: list[str], environment: dict[str, str]
) -> None:
    assert client_for(sa.make_url(url)) == (programs, arguments, environment)


def test_shell_runs_the_database_s_own_program(
    tmp_path: Path, database: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path, database)
    project.migrate("Tasks")
    project.look().run("INSERT INTO task (id, title) VALUES (4711, 'Write')")
    asked = tmp_path / "asked.sql"
    asked.write_text("SELECT id FROM task;\n", encoding="utf-8")
    with asked.open() as file:
        keep = os.dup(0)
        os.dup2(file.fileno(), 0)
        try:
            project.done("shell")
        finally:
            os.dup2(keep, 0)
            os.close(keep)
    assert "4711" in capfd.readouterr().out


def test_shell_says_which_program_is_missing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "The program sqlite3 is not installed, or not in PATH." in project.refused("shell")


@pytest.mark.parametrize(
    ("url", "said"), [("sqlite://", "lives in the memory of a process"), ("oracle://x", "no client program for oracle")]
)
def test_a_database_without_a_client_is_said_to_have_none(url: str, said: str) -> None:
    from trivet_db import DatabaseConfigError

    with pytest.raises(DatabaseConfigError, match=said):
        client_for(sa.make_url(url))


# -- the whole of it, by the real command


APP = """
from trivet import Trivet, jsonify
from models import db

app = Trivet(__name__)
db.init_app(app)
"""
MODELS = """
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from trivet_db import SQLAlchemy


class Base(DeclarativeBase): ...


db = SQLAlchemy(model_class=Base)


class Task(Base):
    __tablename__ = "task"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80))
"""
SEED = """
from models import Task, db
from trivet import hookimpl


@hookimpl
def trivet_db_seed(app):
    db.session.add(Task(title="Write"))
    db.session.commit()
"""


def test_the_whole_of_it_by_the_real_command(tmp_path: Path, database: str) -> None:
    (tmp_path / "hello.py").write_text(APP, encoding="utf-8")
    (tmp_path / "models.py").write_text(MODELS, encoding="utf-8")
    (tmp_path / "seed.py").write_text(SEED, encoding="utf-8")
    (tmp_path / "trivet.toml").write_text(
        f'app = "hello:app"\nplugins = ["db", "./seed.py"]\n\n[db]\nurl = "{database}"\nmigrations = "db/revisions"\n',
        encoding="utf-8",
    )
    (tmp_path / "below").mkdir()

    def trivet(*args: str, code: int = 0) -> str:
        ran = subprocess.run(
            [sys.executable, "-m", "trivet", "db", *args],
            cwd=tmp_path / "below",
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        return ran.stdout + ran.stderr

    assert "Commands:" in trivet("--help")
    trivet("init")
    trivet("migrate", "-m", "Tasks")
    assert len(list((tmp_path / "db" / "revisions").glob("*.py"))) == 1
    assert "Tasks" in trivet("check", code=1)
    trivet("upgrade")
    trivet("check")
    assert trivet("seed") == "seed: done\n"
    assert Look(database).run("SELECT title FROM task") == [("Write",)]
    assert "Error: There is no bind 'deflaut'" in trivet("upgrade", "--bind", "deflaut", code=1)
    trivet("downgrade")
    assert Look(database).tables == set()


def test_an_asynchronous_driver_alone_will_do(
    tmp_path: Path, make_empty: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.util import find_spec

    url = sa.make_url(make_empty("postgresql")).set(drivername="postgresql+asyncpg")
    only = dict.fromkeys(("psycopg", "psycopg2"))
    monkeypatch.setattr("trivet_db.urls.find_spec", lambda name: None if name in only else find_spec(name))
    project = Project(tmp_path, url.render_as_string(hide_password=False))
    project.migrate("Tasks")
    project.migrate("Done", tasks_with_done)
    assert "agree" in project.done("check")
    project.done("downgrade", "base")

"""Migrations that fail, that meet each other, and databases that do not answer."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from trivet import Trivet
from trivet_db import SQLAlchemy
from trivet_db.command import make_command
from trivet_db.testing import rolled_back

from .migrating_project import Project, revision_of, tasks

ONE = "op.create_table('one', sa.Column('id', sa.Integer))"
TWICE = "op.create_table('two', sa.Column('id', sa.Integer)); op.execute('INSERT INTO nowhere VALUES (1)')"


@pytest.fixture
def project(tmp_path: Path, database: str) -> Project:
    return Project(tmp_path, database)


def test_a_revision_that_fails_leaves_the_database_as_it_was_where_that_can_be(project: Project) -> None:
    project.write("first", ONE)
    project.write("second", TWICE, after="first")
    said = project.refused("upgrade")
    assert f"Revision second of default ({shown(project)}) failed, {project.folder}/second.py:7: " in said
    assert "[SQL: INSERT INTO nowhere VALUES (1)]" in said
    assert "Traceback" not in said
    if "mysql" in str(project.url):
        assert "mysql cannot take back changes of tables" in said
        assert project.look().tables == {"one", "two"}
        assert project.look().versions == {"first"}
    else:
        assert "Everything was rolled back; the database is at no revision, as before." in said
        assert project.look().tables == set()
    assert "failed" in project.refused("upgrade")


def shown(project: Project) -> str:
    return sa.make_url(project.url or "").render_as_string().partition("?")[0]


def test_a_mistake_in_a_revision_is_said_with_its_line(project: Project) -> None:
    project.write("first", "undefined()")
    said = project.refused("upgrade")
    assert f"{project.folder}/first.py:7: NameError: name 'undefined' is not defined" in said
    assert "Traceback" not in said


def test_values_of_a_failing_statement_are_not_shown(project: Project) -> None:
    project.write("first", "op.get_bind().execute(sa.text('INSERT INTO nowhere VALUES (:v)'), {'v': 'confidential'})")
    assert "confidential" not in project.refused("upgrade")


def test_a_revision_that_cannot_be_taken_back_says_so(project: Project) -> None:
    project.write("first", ONE)
    path = project.folder / "first.py"
    path.write_text(path.read_text(encoding="utf-8").partition("def downgrade")[0], encoding="utf-8")
    project.done("upgrade")
    assert "Revision first of default" in (said := project.refused("downgrade"))
    assert "it has no function downgrade()" in said
    assert project.look().versions == {"first"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def upgrade(:", "broken.py:1 cannot be loaded: SyntaxError"),
        ("import nothing_like_this", "broken.py:1 cannot be loaded: ModuleNotFoundError"),
        ("revision = 'x'; down_revision = 'gone'", "The migrations of default do not fit together"),
        ("revision = 'first'; down_revision = None", "Revision first is present more than once"),
        ("revision = 'first'; down_revision = None", "/broken.py and in "),
        ("revision: str = 'first'; down_revision = None", "/first.py: give one of them another identifier"),
        ("print()", "Could not determine revision id from"),
    ],
)
def test_a_file_that_is_no_revision_is_named(tmp_path: Path, sqlite_database: str, text: str, said: str) -> None:
    project = Project(tmp_path, sqlite_database)
    project.write("first", ONE)
    (project.folder / "broken.py").write_text(text, encoding="utf-8")
    assert said in project.refused("upgrade")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://somebody:secret@127.0.0.1:9/db?password=secret",
        "mysql+pymysql://somebody:secret@127.0.0.1:9/db",
    ],
)
@pytest.mark.parametrize("command", ["upgrade", "migrate", "check", "current", "create", "stamp"])
def test_a_database_that_does_not_answer_is_an_error_without_its_password(
    tmp_path: Path, url: str, command: str
) -> None:
    said = Project(tmp_path, url).refused(command)
    assert said.startswith("Error: The database default (")
    assert "cannot be reached" in said
    assert "secret" not in said


def test_a_file_that_cannot_be_made_is_an_error_with_its_folder(tmp_path: Path) -> None:
    said = Project(tmp_path, "sqlite:////dev/null/app.db").refused("upgrade")
    assert said.startswith("Error: ")
    assert "/dev/null" in said


def test_what_alembic_says_of_its_own_start_is_in_nobody_s_log(tmp_path: Path, sqlite_database: str) -> None:
    (tmp_path / "app.py").write_text(TALKATIVE, encoding="utf-8")
    (tmp_path / "trivet.toml").write_text(
        f'app = "app:app"\nplugins = ["db"]\n[db]\nurl = "{sqlite_database}"\n', encoding="utf-8"
    )
    for args, marks in {("--help",): "", ("hello",): "False", ("db", "check"): "root talks"}.items():
        ran = subprocess.run(
            [sys.executable, "-m", "trivet", *args], cwd=tmp_path, capture_output=True, text=True, timeout=50
        )
        assert ran.returncode == 0, ran.stderr
        assert marks in ran.stdout + ran.stderr
        assert "plugin alembic" not in ran.stderr


TALKATIVE = """
import logging, sys
import click
from trivet import Trivet
from trivet_db import SQLAlchemy
logging.basicConfig(level=logging.INFO)
logging.getLogger().info("root talks")
app = Trivet(__name__)
db = SQLAlchemy(app)
@app.cli.command()
def hello():
    click.echo("alembic" in sys.modules)
"""


def test_loggers_are_left_as_they_are(project: Project) -> None:
    logger, root = logging.getLogger("somebody's"), logging.getLogger()
    before = (list(root.handlers), root.level, logging.getLogger("alembic").level, list(logger.handlers))
    project.migrate("Tasks")
    assert not logger.disabled
    assert (list(root.handlers), root.level, logging.getLogger("alembic").level, list(logger.handlers)) == before


SCRIPT = """
import sys
from pathlib import Path
from typing import Any
from {package} import Project
print(Project(Path({path!r}), {url!r}).done("upgrade"), end="")
"""


def test_of_processes_that_upgrade_at_once_one_does_it_and_the_others_wait(project: Project) -> None:
    project.write("first", f"{ONE}; import time; time.sleep(1); op.execute('INSERT INTO one VALUES (1)')")
    outputs = together(project, 4)
    assert sorted(one.splitlines()[-1] for one in outputs) == [
        *["default: nothing to do"] * 3,
        "default: upgrade first first",
    ]
    assert project.look().run("SELECT count(*) FROM one") == [(1,)]


def together(project: Project, count: int) -> list[str]:
    """Upgrade in several processes at once, and return what they print."""
    folder = Path(__file__).parent
    script = SCRIPT.format(package="migrating_project", path=str(project.path), url=project.url)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]
    outputs = []
    for process in started:
        output, errors = process.communicate(timeout=50)
        assert process.returncode == 0, errors
        outputs.append(output)
    return outputs


def test_an_index_can_be_made_concurrently_while_another_process_waits(
    tmp_path: Path, postgresql_database: str
) -> None:
    project = Project(tmp_path, postgresql_database)
    project.write("first", ONE)
    project.write("second", CONCURRENTLY, after="first")
    assert sorted(one.splitlines()[-1] for one in together(project, 2)) == [
        "default: nothing to do",
        "default: upgrade second second",
    ]
    assert project.look().ask(lambda connection: sa.inspect(connection).get_indexes("one"))


CONCURRENTLY = """
    import time
    time.sleep(1)
    with op.get_context().autocommit_block():
        op.create_index('ix_one', 'one', ['id'], postgresql_concurrently=True)
"""


def test_what_a_revision_has_committed_by_itself_stays_and_is_said(tmp_path: Path, postgresql_database: str) -> None:
    project = Project(tmp_path, postgresql_database)
    project.write("first", ONE)
    project.write("second", CONCURRENTLY + "\n    op.execute('nonsense')", after="first")
    said = project.refused("upgrade")
    assert "The database is at first now: what revisions have committed by themselves has stayed." in said


def test_an_upgrade_waits_for_whoever_writes_to_an_sqlite_file(tmp_path: Path, sqlite_database: str) -> None:
    project = Project(tmp_path, sqlite_database)
    project.write("first", ONE)
    engine = sa.create_engine(sqlite_database, connect_args={"check_same_thread": False})
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        threading.Timer(6, connection.connection.driver_connection.rollback).start()  # type: ignore[union-attr]
        begun = time.monotonic()
        assert "waiting for another process" in project.done("upgrade")
        assert time.monotonic() - begun > 5
    engine.dispose()


HOLDING = """
import sys
import sqlalchemy as sa
with sa.create_engine({url!r}).connect() as connection:
    connection.exec_driver_sql({lock!r})
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(project: Project) -> Iterator[Callable[[], None]]:
    """Let another process hold what a migration locks, until the function that this gives is called."""
    place = f"{sa.make_url(project.url or '').database} alembic_version"
    locks = {
        "sqlite": "BEGIN IMMEDIATE",
        "postgresql": f"SELECT pg_advisory_lock({crc32(b'trivet-db alembic_version')})",
        "mysql": f"SELECT get_lock('trivet-db {crc32(place.encode()):08x}', 5)",
    }
    lock = locks[sa.make_url(project.url or "").get_backend_name()]
    script = HOLDING.format(url=project.url, lock=lock)
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"

    def let_go() -> None:
        process.communicate(timeout=20)

    yield let_go
    let_go()


@pytest.mark.parametrize("command", ["upgrade", "downgrade", "stamp"])
def test_another_process_that_goes_on_migrating_is_waited_for_only_so_long(
    project: Project, hold: Callable[[], None], command: str
) -> None:
    project.write("first", ONE)
    project.settings = {"DB_MIGRATION_WAIT": 0.3}
    said = project.refused(command)
    if "sqlite" not in str(project.url):  # SQLite waits by itself first, for longer than that
        assert "default: waiting for another process that is migrating it" in said
    assert f"Another process has been migrating the database default ({shown(project)})" in said
    assert "for the 0.3 seconds that this one waits" in said
    assert "The option migration_wait in [db]" in said
    hold()
    project.done("upgrade")
    assert project.look().tables == {"one"}


def test_with_no_seconds_to_wait_nothing_is_waited_for(project: Project, hold: Callable[[], None]) -> None:
    project.write("first", ONE)
    project.settings = {"DB_MIGRATION_WAIT": 0}
    said = project.refused("upgrade")
    assert "waiting for" not in said
    assert "for the 0 seconds" in said


def test_what_an_sqlite_connection_waits_by_itself_stays_as_it_was(tmp_path: Path, sqlite_database: str) -> None:
    project = Project(tmp_path, sqlite_database)
    project.write(
        "first", "op.execute(f'CREATE TABLE t{op.get_bind().exec_driver_sql(\"PRAGMA busy_timeout\").scalar()} (x)')"
    )
    project.done("upgrade")
    assert project.look().tables == {"t5000"}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_in_a_test_s_transaction_migrations_are_rolled_back_with_it(
    tmp_path: Path, make_empty: Callable[[str], str], kind: str
) -> None:
    project = Project(tmp_path, make_empty(kind))
    project.write("first", ONE)
    app = project.app()
    app.seal()
    with rolled_back(app):
        assert CliRunner().invoke(make_command(app), ["upgrade"]).output == "default: upgrade first first\n"
        assert CliRunner().invoke(make_command(app), ["upgrade"]).output == "default: nothing to do\n"
    app.extensions["trivet_db"].engines.dispose()
    assert project.look().tables == set()


# -- SQLite's tables are altered by making them anew


def enforcing(db: SQLAlchemy) -> None:
    tasks(db)
    sa.Table(
        "note",
        db.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("task_id", sa.ForeignKey("task.id", ondelete="CASCADE"), nullable=False),
    )


class Enforcing(Project):
    """A project whose SQLite database enforces foreign keys."""

    def app(self) -> Trivet:
        app = super().app()
        sa.event.listen(app.extensions["trivet_db"].engines[None], "connect", enforce)
        return app


def enforce(connection: Any, record: object) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
    connection.execute("PRAGMA foreign_keys = ON")


def fill(project: Project) -> None:
    """Make the tables, and a note of a task."""
    project.migrate("Notes", enforcing)
    project.look().run("INSERT INTO task (id, title) VALUES (1, 'Write')")
    project.look().run("INSERT INTO note (id, task_id) VALUES (1, 1)")


@pytest.fixture
def notes(tmp_path: Path, sqlite_database: str) -> Project:
    project = Enforcing(tmp_path, sqlite_database)
    fill(project)
    return project


def longer(db: SQLAlchemy) -> None:
    enforcing(db)
    db.metadata.tables["task"].c.title.type = sa.String(200)


def test_altering_a_table_keeps_the_rows_that_refer_to_it(notes: Project) -> None:
    notes.migrate("Longer", longer)
    assert notes.look().run("SELECT id, task_id FROM note") == [(1, 1)]


def test_a_revision_that_leaves_references_to_nothing_is_undone(notes: Project) -> None:
    (first,) = map(revision_of, notes.files())
    notes.write("careless", "op.execute('DELETE FROM task')", after=first)
    said = notes.refused("upgrade")
    assert "Revision careless of default" in said
    assert "after it, 1 rows refer to rows that do not exist: first row 1 of note, to task" in said
    assert notes.look().run("SELECT id FROM task") == [(1,)]


@pytest.mark.parametrize("arguments", [{"isolation_level": None}, {"autocommit": False}])
def test_an_application_that_begins_transactions_by_itself_is_not_disturbed(
    tmp_path: Path, sqlite_database: str, arguments: dict[str, Any]
) -> None:
    if "autocommit" in arguments and sys.version_info < (3, 12):
        pytest.skip("the driver has no such argument before Python 3.12")

    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    class Beginning(Project):
        def app(self) -> Trivet:
            app = super().app()
            engine = app.extensions["trivet_db"].engines[None]
            sa.event.listen(engine, "connect", enforce)
            if "autocommit" not in arguments:
                sa.event.listen(engine, "begin", begin)
            return app

    project = Beginning(tmp_path, sqlite_database)
    project.settings = {"SQLALCHEMY_ENGINE_OPTIONS": {"connect_args": arguments}}
    fill(project)
    project.migrate("Longer", longer)
    assert project.look().run("SELECT id, task_id FROM note") == [(1, 1)]
    project.write("third", TWICE, after=revision_of(project.files()[-1]))
    assert "Everything was rolled back" in project.refused("upgrade")


def test_a_database_in_memory_is_migrated_for_the_process_that_has_it(tmp_path: Path) -> None:
    project = Project(tmp_path, "sqlite://")
    project.write("first", ONE)
    app = project.app()
    command = make_command(app)
    assert CliRunner().invoke(command, ["upgrade"]).output == "default: upgrade first first\n"
    assert CliRunner().invoke(command, ["upgrade"]).output == "default: nothing to do\n"
    app.extensions["trivet_db"].engines.dispose()


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_connection_that_is_cut_in_the_middle_is_an_error_like_others(
    tmp_path: Path, make_empty: Callable[[str], str], kind: str
) -> None:
    project = Project(tmp_path, make_empty(kind))
    cut = "SELECT pg_terminate_backend(pg_backend_pid())" if kind == "postgresql" else "KILL CONNECTION_ID()"
    project.write("first", f"op.execute('{cut}')")
    said = project.refused("upgrade")
    assert "Revision first of default" in said
    assert "The database is at no revision" in said or "as before" in said
    project.write("first", ONE)
    project.done("upgrade")


def test_a_connection_is_given_back_as_it_was(notes: Project) -> None:
    app = notes.app()
    engine = app.extensions["trivet_db"].engines[None]
    assert CliRunner().invoke(make_command(app), ["upgrade"]).exit_code == 0
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.connection.driver_connection.isolation_level == ""
    engine.dispose()

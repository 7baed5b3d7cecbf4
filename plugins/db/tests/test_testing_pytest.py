"""The test kit inside pytest and unittest: what its fixtures do in a user's own tests, run as users run them."""

import ast
import subprocess
import sys
import unittest
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest
import sqlalchemy as sa

import trivet_db
import trivet_db.testing
from trivet_db.testing import rolled_back

from .kit_app import Kit, on_loop

MakeKit = Callable[..., Kit]

APP = """
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column
from trivet import Trivet, request
from trivet_db import SQLAlchemy

db = SQLAlchemy()

class Task(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(50), unique=True)

def create_app(url):
    app = Trivet("todo", config_file=False)
    app.config.update(TESTING=True, SQLALCHEMY_DATABASE_URI=url)
    db.init_app(app)

    @app.post("/tasks")
    def add():
        db.session.add(Task(title=request.args["title"]))
        db.session.commit()
        return "done"

    @app.get("/tasks")
    async def show():
        return list(await db.async_session.scalars(sa.select(Task.title)))

    return app

@pytest.fixture(scope="session")
def app():
    app = create_app({url!r})
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.engines.dispose()
    app.loops.stop()
"""

#: Every test adds the same unique row, and finds nothing but that: whichever comes first.
TESTS = """
import asyncio
import threading
import pytest
import sqlalchemy as sa
from conftest import Task, db

pytestmark = pytest.mark.usefixtures("db_transaction")

@pytest.mark.parametrize("turn", range(3))
def test_by_requests(app, turn):
    client = app.test_client()
    client.post("/tasks?title=one")
    assert client.get("/tasks").json == ["one"]

@pytest.mark.parametrize("turn", range(3))
def test_by_session(app, turn):
    with app.app_context():
        db.session.add(Task(title="one"))
        db.session.commit()
        db.session.add(Task(title="two"))
        db.session.flush()
        db.session.rollback()
        assert [task.title for task in Task.query] == ["one"]

@pytest.mark.parametrize("turn", range(3))
def test_on_a_loop(app, turn):
    async def main():
        with app.app_context():
            db.async_session.add(Task(title="one"))
            await db.async_session.commit()
            return list(await db.async_session.scalars(sa.select(Task.title)))

    assert asyncio.run(main()) == ["one"]

def test_in_a_thread(app):
    def work():
        with app.app_context():
            db.session.add(Task(title="one"))
            db.session.commit()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    with app.app_context():
        assert Task.query.count() == 1
"""

OPTIONS = ("-q", "-rP", "-W", "error", "-p", "no:cacheprovider", "-p", "no:flask", "-p", "no:dash")

#: Runs pytest on files by name, in a process of its own; returns what it printed.
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*options: str, **files: str) -> str:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(dedent(text))
        command = [sys.executable, "-m", "pytest", *OPTIONS, *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60).stdout

    return run


# -- the fixture db_transaction


@pytest.mark.parametrize(("driver", "order"), [("plain", "forwards"), ("async", "backwards")])
def test_tests_do_not_see_one_another_whatever_their_order(run: Run, database: str, driver: str, order: str) -> None:
    conftest = APP.replace("{url!r}", repr(on_loop(database) if driver == "async" else database))
    if order == "backwards":
        conftest += "def pytest_collection_modifyitems(items):\n    items.reverse()\n"
    assert "\n10 passed in " in run(conftest=conftest, test_all=TESTS)
    engine = sa.create_engine(database)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM task")) == 0
    engine.dispose()


def test_a_context_that_is_active_through_all_tests_starts_anew_in_each(run: Run, sqlite_database: str) -> None:
    conftest = APP.replace("{url!r}", repr(sqlite_database)).replace("    yield app", "        yield app", 1)
    printed = run(
        conftest=conftest,
        test_one="""
        import pytest
        from conftest import Task, db

        @pytest.mark.parametrize("turn", range(3))
        def test_one(app, db_transaction, turn):
            assert Task.query.all() == []
            db.session.add(Task(title="one"))
            db.session.commit()
            assert Task.query.one().title == "one"
        """,
    )
    assert "\n3 passed in " in printed


def test_without_a_fixture_named_app_pytest_says_what_to_write(run: Run) -> None:
    printed = run(
        test_none="def test_one(db_transaction): ...",
        test_wrong="""
        import pytest

        @pytest.fixture
        def app():
            return "mine"

        def test_one(db_transaction): ...
        """,
        test_broken="""
        import pytest

        @pytest.fixture
        def app(missing): ...

        def test_one(db_transaction): ...
        """,
    )
    assert "\n3 errors in " in printed
    assert "needs a fixture named 'app'" in printed
    assert "needs an application, not 'mine'" in printed
    assert "fixture 'missing' not found" in printed


# -- the fixture make_database


def test_databases_that_a_test_has_made_are_dropped_after_it(run: Run, database: str) -> None:
    printed = run(
        test_one=f"""
        import sqlalchemy as sa

        def test_one(make_database):
            urls = [make_database({database!r}, name="shop") for _ in range(2)]
            assert len(set(urls)) == 2
            for url in urls:
                assert "shop_main_" in url
                engine = sa.create_engine(url)
                with engine.begin() as connection:
                    connection.execute(sa.text("CREATE TABLE one (id INTEGER)"))
                engine.dispose()
            print("made", *urls)
        """
    )
    assert "\n1 passed in " in printed
    made = next(line.split()[1:] for line in printed.splitlines() if line.startswith("made "))
    for url in made:
        engine = sa.create_engine(url)
        with pytest.raises(sa.exc.OperationalError):
            engine.connect()
        engine.dispose()


# -- without fixtures


def test_unittest_enters_the_transaction_in_its_setup(sqlite_database: str, make_kit: MakeKit) -> None:
    kit = make_kit(sqlite_database)

    class Tasks(unittest.TestCase):
        def setUp(self) -> None:
            self.enterContext(rolled_back(kit.app))

        def test_one(self) -> None:
            kit.add("one")
            assert kit.titles() == {"one"}

        test_two = test_one

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Tasks).run(result)
    assert result.testsRun == 2
    assert result.wasSuccessful()


def test_a_run_of_pytest_that_does_not_use_the_kit_does_not_load_it() -> None:
    script = (
        "import sys, trivet_db.testing.fixtures\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & {'trivet', 'sqlalchemy', 'asyncio'}))"
    )
    ran = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


@pytest.mark.parametrize("package", [trivet_db, trivet_db.testing])
def test_every_public_name_has_a_home_that_type_checkers_know(package: ModuleType) -> None:
    assert sorted(package._HOMES) == sorted(package.__all__)
    assert set(package.__all__) <= set(dir(package))
    for name in package.__all__:
        getattr(package, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        package.nothing  # noqa: B018
    stub = ast.parse(Path(str(package.__file__)).with_suffix(".pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    assert {alias.name: node.module for node in imports for alias in node.names} == package._HOMES

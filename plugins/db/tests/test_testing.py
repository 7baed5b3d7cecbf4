"""The transaction around a test: what is visible in it, to whom, and that nothing of it stays."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from trivet_db.testing import OuterTransactionError, rolled_back

from .kit_app import Kit, on_loop


@pytest.fixture(params=["plain driver", "async driver"])
def kit(request: pytest.FixtureRequest, database: str, make_kit: Callable[..., Kit]) -> Kit:
    """A kit on each kind of database, with the driver for plain and with the one for asynchronous code."""
    return make_kit(database if request.param == "plain driver" else on_loop(database))


# -- what is visible, and gone afterwards


def test_what_views_commit_is_there_in_the_test_and_gone_afterwards(kit: Kit) -> None:
    client = kit.app.test_client()
    for _ in range(2):
        with rolled_back(kit.app):
            client.post("/plain?title=one")
            client.post("/async?title=two")
            assert client.get("/plain").json == client.get("/async").json == ["one", "two"]
            assert kit.titles() == {"one", "two"}
        assert kit.titles() == set()


def test_it_is_the_same_over_asgi(kit: Kit) -> None:
    async def visit() -> list[Any]:
        transport = httpx.ASGITransport(app=kit.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.post("/plain?title=one")
            await client.post("/async?title=two")
            return [(await client.get(path)).json() for path in ("/plain", "/async")]

    with rolled_back(kit.app):
        assert asyncio.run(visit()) == [["one", "two"]] * 2
    assert kit.titles() == set()


def test_several_event_loops_use_it_one_after_another(kit: Kit) -> None:
    async def add(title: str) -> set[str]:
        with kit.app.app_context():
            kit.db.async_session.add(kit.Task(title=title))
            await kit.db.async_session.commit()
            return set(await kit.db.async_session.scalars(sa.select(kit.Task.title)))

    with rolled_back(kit.app):
        asyncio.run(add("one"))
        assert asyncio.run(add("two")) == kit.titles() == {"one", "two"}
    assert kit.titles() == set()


def test_what_was_there_before_stays(kit: Kit) -> None:
    kit.add("old")
    with rolled_back(kit.app), kit.app.app_context():
        kit.db.session.execute(sa.delete(kit.Task))
        kit.db.session.commit()
        assert kit.titles() == set()
    assert kit.titles() == {"old"}


def test_engines_that_are_used_without_a_session_take_part(kit: Kit) -> None:
    insert = sa.insert(kit.Task)

    async def add_on_loop() -> None:
        with kit.app.app_context():
            engine = kit.db.async_engine()
        async with engine.begin() as connection:
            await connection.execute(insert.values(title="four"))

    with rolled_back(kit.app):
        with kit.app.app_context():
            engine = kit.db.engine
        with engine.begin() as connection:
            connection.execute(insert.values(title="one"))
        with engine.connect() as connection:
            connection.execute(insert.values(title="never"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(insert.values(title="two"))
        raw = engine.raw_connection()
        raw.cursor().execute("INSERT INTO task (title) VALUES ('three')")
        raw.commit()
        raw.close()
        asyncio.run(add_on_loop())
        assert kit.titles() == {"one", "two", "three", "four"}
    assert kit.titles() == set()


def test_an_engine_that_somebody_keeps_takes_part(database: str, make_kit: Callable[..., Kit]) -> None:
    kit = make_kit(database)
    with kit.app.app_context():
        engine = kit.db.engine
    with rolled_back(kit.app), engine.begin() as connection:
        connection.execute(sa.insert(kit.Task).values(title="one"))
    with engine.begin() as connection:
        assert connection.scalars(sa.select(kit.Task.title)).all() == []


def test_rows_can_be_streamed_while_others_write(kit: Kit) -> None:
    titles = sa.select(kit.Task.title).order_by(kit.Task.title)

    async def stream() -> list[str]:
        with kit.app.app_context():
            async with kit.db.async_engine().connect() as connection:
                return [row.title async for row in await connection.stream(titles)]

    with rolled_back(kit.app), kit.app.app_context():
        kit.add(*(f"{number:03}" for number in range(100)))
        seen = []
        for title in kit.db.session.scalars(titles.execution_options(yield_per=10)):
            seen.append(title)
            if title == "050":
                kit.add("more")
        assert len(seen) >= 100
        assert len(asyncio.run(stream())) == 101


# -- what is rolled back


def test_a_rollback_undoes_what_was_not_committed(kit: Kit) -> None:
    with rolled_back(kit.app), kit.app.app_context():
        session = kit.db.session
        session.add(kit.Task(title="kept"))
        session.commit()
        session.add(kit.Task(title="undone"))
        session.flush()
        session.rollback()
        assert kit.titles() == {"kept"}


def test_a_context_that_ends_without_a_commit_undoes_nothing_of_the_others(kit: Kit) -> None:
    with rolled_back(kit.app):
        with kit.app.app_context():
            assert kit.db.session.scalars(sa.select(kit.Task.title)).all() == []
            kit.app.test_client().post("/plain?title=one")
        assert kit.titles() == {"one"}


def test_a_failed_statement_leaves_the_session_usable_after_a_rollback(kit: Kit) -> None:
    with rolled_back(kit.app), kit.app.app_context():
        kit.add("one")
        kit.db.session.add(kit.Task(title="one"))
        with pytest.raises(sa.exc.IntegrityError):
            kit.db.session.commit()
        kit.db.session.rollback()
        with pytest.raises(sa.exc.DBAPIError):
            kit.db.session.execute(sa.text("SELECT nothing FROM nowhere"))
        kit.db.session.rollback()
        kit.db.session.add(kit.Task(title="two"))
        kit.db.session.commit()
        assert kit.titles() == {"one", "two"}


def test_a_failed_statement_of_one_session_does_not_hinder_another(kit: Kit) -> None:
    with rolled_back(kit.app), kit.app.app_context():
        for statement in ("SELECT nothing FROM nowhere", "INSERT INTO nowhere VALUES (1)"):
            with pytest.raises(sa.exc.DBAPIError):
                kit.db.session.execute(sa.text(statement))
            kit.add(statement)
            kit.db.session.rollback()
        assert len(kit.titles()) == 2


def test_a_session_whose_statement_failed_has_to_roll_back_as_postgresql_wants_it(
    postgresql_database: str, make_kit: Callable[..., Kit]
) -> None:
    kit = make_kit(postgresql_database)
    with rolled_back(kit.app), kit.app.app_context():
        session = kit.db.session
        session.add(kit.Task(title="undone"))
        session.flush()
        with pytest.raises(sa.exc.DBAPIError):
            session.execute(sa.text("SELECT nothing"))
        with pytest.raises(sa.exc.InternalError, match="aborted"):
            session.execute(sa.text("SELECT 1"))
        kit.add("one")
        with pytest.raises(OuterTransactionError, match="Roll back here too"):
            session.execute(sa.text("SELECT 1"))
        session.rollback()
        assert session.scalar(sa.text("SELECT 1")) == 1
        assert kit.titles() == {"one"}


def test_savepoints_of_sessions_inside_one_another_are_not_confused(kit: Kit) -> None:
    with rolled_back(kit.app), kit.app.app_context():
        outer = kit.db.session()
        outer.add(kit.Task(title="outer"))
        with outer.begin_nested() as nested:
            outer.add(kit.Task(title="undone"))
            outer.flush()
            with kit.app.app_context(), kit.db.session.begin_nested():
                kit.db.session.add(kit.Task(title="undone, too"))
            nested.rollback()
        outer.commit()
        assert kit.titles() == {"outer"}


def test_a_commit_that_a_rollback_around_it_has_undone_is_not_passed_over(kit: Kit) -> None:
    with rolled_back(kit.app), kit.app.app_context():
        kit.db.session.add(kit.Task(title="outer"))
        kit.db.session.flush()
        kit.add("inner")
        assert "inner" in kit.titles()
        kit.db.session.rollback()
        with pytest.raises(OuterTransactionError, match=r"committed was undone.*throwaway_database"):
            kit.titles()
    assert kit.titles() == set()


def test_a_commit_before_the_one_around_it_commits_is_kept(kit: Kit) -> None:
    with rolled_back(kit.app), kit.app.app_context():
        for number in range(2):
            kit.db.session.add(kit.Task(title=f"outer {number}"))
            kit.db.session.flush()
            kit.add(f"inner {number}")
            kit.db.session.commit()
        kit.db.session.add(kit.Task(title="undone"))
        kit.db.session.flush()
        kit.db.session.rollback()
        assert kit.titles() == {"outer 0", "inner 0", "outer 1", "inner 1"}


def test_a_rollback_that_undoes_what_the_one_around_it_has_written_meanwhile_says_so(kit: Kit) -> None:
    with rolled_back(kit.app), kit.app.app_context():
        outer = kit.db.session()
        outer.add(kit.Task(title="before"))
        outer.flush()
        with kit.app.app_context():
            kit.db.session.add(kit.Task(title="inner"))
            kit.db.session.flush()
            outer.add(kit.Task(title="meanwhile"))
            outer.flush()
            kit.db.session.rollback()
        with pytest.raises(OuterTransactionError, match="rolled back by another one"):
            outer.commit()


def test_a_transaction_that_another_one_around_it_has_undone_says_so(kit: Kit) -> None:
    with rolled_back(kit.app), kit.app.app_context():
        outer = kit.db.session()
        outer.add(kit.Task(title="outer"))
        outer.flush()
        with kit.app.app_context():
            inner = kit.db.session()
            inner.add(kit.Task(title="inner"))
            inner.flush()
            outer.rollback()
            with pytest.raises(OuterTransactionError, match="rolled back by another one"):
                inner.commit()
            inner.rollback()
            inner.add(kit.Task(title="again"))
            inner.commit()
        assert kit.titles() == {"again"}


def test_what_the_garbage_collector_finds_is_rolled_back(kit: Kit) -> None:
    with rolled_back(kit.app):
        with kit.app.app_context():
            session = sa.orm.Session(kit.db.engine)
        session.add(kit.Task(title="forgotten"))
        session.flush()
        del session
        gc.collect()
        assert kit.titles() == set()


# -- threads and tasks


def test_threads_see_the_same_and_write_one_after_another(kit: Kit) -> None:
    def work(number: int) -> None:
        with kit.app.app_context():
            assert "old" in kit.titles()
            kit.db.session.add(kit.Task(title=str(number)))
            kit.db.session.flush()
            kit.db.session.scalars(sa.select(kit.Task.title)).all()
            if number % 2:
                kit.db.session.rollback()
            else:
                kit.db.session.commit()

    with rolled_back(kit.app):
        kit.add("old")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(40)))
        assert kit.titles() == {"old", *map(str, range(0, 40, 2))}
    assert kit.titles() == set()


def test_tasks_on_an_event_loop_write_one_after_another(kit: Kit) -> None:
    async def work(number: int) -> None:
        with kit.app.app_context():
            session = kit.db.async_session
            session.add(kit.Task(title=str(number)))
            await session.flush()
            await asyncio.sleep(0.001)
            await (session.rollback() if number % 2 else session.commit())

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(20)))

    with rolled_back(kit.app):
        asyncio.run(main())
        assert kit.titles() == set(map(str, range(0, 20, 2)))


def test_a_view_that_runs_elsewhere_does_not_wait_for_the_test_that_calls_it(kit: Kit) -> None:
    with rolled_back(kit.app), kit.app.app_context():
        kit.db.session.add(kit.Task(title="open"))
        kit.db.session.flush()
        started = time.monotonic()
        kit.app.test_client().post("/async?title=one")
        assert time.monotonic() - started < 1
        kit.db.session.commit()
        assert kit.titles() == {"open", "one"}


def test_a_thread_that_goes_on_after_the_test_is_told_so(kit: Kit) -> None:
    over = threading.Event()
    raised: list[BaseException] = []

    def work() -> None:
        with kit.app.app_context():
            kit.db.session.add(kit.Task(title="one"))
            kit.db.session.flush()
            over.wait(10)
            try:
                kit.db.session.commit()
            except OuterTransactionError as error:
                raised.append(error)

    with rolled_back(kit.app):
        thread = threading.Thread(target=work)
        thread.start()
        while not kit.titles():
            pass
    over.set()
    thread.join()
    assert "has ended" in str(raised[0])
    assert kit.titles() == set()

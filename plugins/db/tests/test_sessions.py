"""Sessions: one for each context, closed at its end on every path, and the unit of work."""

# mypy: disable-error-code="misc, name-defined"

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.horizontal_shard import ShardedSession

from trivet import (
    Blueprint,
    Response,
    Trivet,
    abort,
    after_response,
    copy_current_request_context,
    current_app,
    redirect,
    stream_with_context,
)
from trivet_db import AsyncSession, Session, SQLAlchemy
from trivet_db.state import State
from trivet_db.track_modifications import before_models_committed, models_committed

from .serving import AsgiServer, Server, dispose

Make = Callable[..., Trivet]
Serve = Callable[[Trivet], Server]


def add_model(db: SQLAlchemy) -> Any:
    class Task(db.Model):
        id = db.Column(db.Integer, primary_key=True)
        title = db.Column(db.String(50), unique=True)

    return Task


class Todo:
    """An application with one model, which counts what is open."""

    def __init__(self, app: Trivet, **options: Any) -> None:
        self.app = app
        self.db = SQLAlchemy(app, **options)
        self.Task = add_model(self.db)
        with app.app_context():
            self.db.create_all()

    def open(self) -> int:
        """Count the connections that are in use."""
        pools: list[Any] = [engine.pool for _, engine in State.of(self.app).engines.made()]
        return sum(pool.checkedout() for pool in pools)

    def titles(self) -> list[str]:
        with self.app.app_context():
            return list(self.db.session.scalars(sa.select(self.Task.title).order_by(self.Task.id)))


@pytest.fixture
def todo(make_app: Make, sqlite_database: str) -> Todo:
    return Todo(make_app(SQLALCHEMY_DATABASE_URI=sqlite_database))


# -- one for each context


def test_outside_of_a_context_there_is_none(todo: Todo) -> None:
    for use in (todo.db.session, lambda: todo.db.session.execute(sa.select(1)), lambda: todo.db.engine):
        with pytest.raises(RuntimeError, match="context"):
            use()
    with pytest.raises(RuntimeError, match="context"):
        todo.Task.query.all()


def test_a_context_has_one_and_another_one_has_another(todo: Todo) -> None:
    with todo.app.app_context():
        first = todo.db.session()
        assert isinstance(first, Session)
        assert todo.db.session() is first
        assert todo.db.session.registry.has()
        with todo.app.app_context():
            inner = todo.db.session()
            assert inner is not first
        assert todo.db.session() is first
    with todo.app.app_context():
        assert todo.db.session() is not first


def test_an_inner_context_does_not_end_the_outer_ones_transaction(todo: Todo) -> None:
    with todo.app.app_context():
        todo.db.session.add(todo.Task(title="outer"))
        with todo.app.app_context():
            assert todo.db.session.scalars(sa.select(todo.Task)).all() == []
        todo.db.session.commit()
    assert todo.titles() == ["outer"]


def test_the_context_of_another_application_has_its_own(make_app: Make, todo: Todo) -> None:
    other = make_app(SQLALCHEMY_DATABASE_URI="sqlite://")
    todo.db.init_app(other)
    with todo.app.app_context():
        first = todo.db.session()
        with other.app_context():
            assert todo.db.session() is not first
            assert todo.db.session.get_bind() is State.of(other).engines[None]


def test_it_is_made_at_its_first_use_and_closed_at_the_end(todo: Todo) -> None:
    with todo.app.app_context():
        assert not todo.db.session.registry.has()
        task = todo.Task(title="one")
        todo.db.session.add(task)
        todo.db.session.flush()
        assert todo.open() == 1
    assert todo.open() == 0
    assert sa.inspect(task).detached or sa.inspect(task).transient
    assert todo.titles() == []


def test_one_that_was_removed_is_followed_by_a_new_one(todo: Todo) -> None:
    with todo.app.app_context():
        first = todo.db.session()
        todo.db.session.execute(sa.select(1))
        todo.db.session.remove()
        assert todo.open() == 0
        assert todo.db.session() is not first
    with todo.app.app_context() as ctx:
        for _ in range(100):
            todo.db.session.execute(sa.select(1))
            todo.db.session.remove()
        assert len(ctx._deferred or ()) == 1


def test_one_may_be_made_with_arguments_before_the_first_use(todo: Todo) -> None:
    with todo.app.app_context():
        assert not todo.db.session(autoflush=False).autoflush
        with pytest.raises(sa.exc.InvalidRequestError, match="already present"):
            todo.db.session(autoflush=True)


def test_sessions_do_not_live_on_in_memory(todo: Todo) -> None:
    with todo.app.app_context():
        reference = weakref.ref(todo.db.session())
        todo.db.session.execute(sa.select(1))
    gc.collect()
    assert reference() is None


# -- options


def test_session_options_are_the_sessions(make_app: Make) -> None:
    todo = Todo(make_app(SQLALCHEMY_DATABASE_URI="sqlite://"), session_options={"autoflush": False, "info": {"a": 1}})
    with todo.app.app_context():
        assert not todo.db.session.autoflush
        assert todo.db.session().info == {"a": 1}
        todo.db.session.remove()
        todo.db.session.configure(autoflush=True)
        assert todo.db.session.autoflush


def test_a_class_of_ones_own_gets_the_database(make_app: Make, serve: Serve) -> None:
    class Own(Session):
        def __init__(self, db: Any, **options: Any) -> None:
            super().__init__(db, **options)
            self.marked = True

        def get_bind(self, mapper: Any = None, clause: Any = None, bind: Any = None, **kwargs: Any) -> Any:
            return super().get_bind(mapper, clause, bind, **kwargs)

    todo = Todo(make_app(SQLALCHEMY_DATABASE_URI="sqlite:///app.db"), session_options={"class_": Own})

    @todo.app.get("/")
    async def index() -> str:
        inner: Any = todo.db.async_session().sync_session
        await todo.db.async_session.execute(sa.select(1))
        return str(inner.marked and todo.db.session().marked)  # type: ignore[attr-defined]

    assert serve(todo.app).ask("/").text == "True"


def test_a_session_may_choose_among_shards(make_app: Make) -> None:
    choose_by_key: Any = lambda mapper, key, **_: ["odd" if key[0] % 2 else "even"]  # noqa: E731

    class Sharded(ShardedSession, Session):
        def __init__(self, db: Any, **options: Any) -> None:
            super().__init__(
                db=db,
                shards={"even": db.engines["even"], "odd": db.engines["odd"]},
                shard_chooser=lambda mapper, instance, clause=None: "odd" if instance.id % 2 else "even",
                identity_chooser=choose_by_key,
                execute_chooser=lambda context: ["even", "odd"],
                **options,
            )

    app = make_app(DB_URL="sqlite://", DB_BINDS={"even": "sqlite://", "odd": "sqlite://"})
    db = SQLAlchemy(app, session_options={"class_": Sharded})
    task = add_model(db)
    with app.app_context():
        for engine in db.engines.values():
            db.metadata.create_all(engine)
        db.session.add_all([task(id=number, title=str(number)) for number in range(4)])
        db.session.commit()
        assert sorted(db.session.scalars(sa.select(task.id))) == [0, 1, 2, 3]
        with db.engines["odd"].connect() as connection:
            assert connection.scalars(sa.text("SELECT id FROM task ORDER BY id")).all() == [1, 3]


def test_a_scope_tells_apart_several_sessions_of_one_context(make_app: Make) -> None:
    current = "a"
    todo = Todo(make_app(SQLALCHEMY_DATABASE_URI="sqlite://"), session_options={"scopefunc": lambda: current})
    with todo.app.app_context():
        first = todo.db.session()
        current = "b"
        second = todo.db.session()
        assert second is not first
        current = "a"
        assert todo.db.session() is first
        todo.db.session.remove()
        assert not todo.db.session.registry.has()
    current = "b"
    with todo.app.app_context():
        assert todo.db.session() is not second


def test_events_are_listened_for_on_all_sessions(todo: Todo) -> None:
    seen: list[str] = []
    sa.event.listen(todo.db.session, "after_commit", lambda session: seen.append("committed"))
    with todo.app.app_context():
        todo.db.session.add(todo.Task(title="one"))
        todo.db.session.commit()
    assert seen == ["committed"]


# -- requests


def views(todo: Todo) -> None:
    app, db, task = todo.app, todo.db, todo.Task

    @app.get("/plain/<title>")
    def plain(title: str) -> str:
        db.session.add(task(title=title))
        db.session.commit()
        return str(db.session.scalar(sa.select(sa.func.count(task.id))))

    @app.get("/async/<title>")
    async def asynchronous(title: str) -> str:
        db.async_session.add(task(title=title))
        await db.async_session.commit()
        return str(await db.async_session.scalar(sa.select(sa.func.count(task.id))))

    @app.get("/plain-in-async/<title>")
    async def plain_in_async(title: str) -> str:
        return plain(title)

    @app.get("/uncommitted")
    def uncommitted() -> str:
        db.session.add(task(title="lost"))
        db.session.flush()
        return "text"

    @app.get("/uncommitted-async")
    async def uncommitted_async() -> str:
        db.async_session.add(task(title="lost"))
        await db.async_session.flush()
        return "text"

    @app.get("/fails")
    def fails() -> str:
        uncommitted()
        raise ValueError("failed")

    @app.get("/fails-async")
    async def fails_async() -> str:
        await uncommitted_async()
        raise ValueError("failed")

    @app.get("/missing")
    def missing() -> str:
        uncommitted()
        abort(404)


@pytest.mark.parametrize("kind", ["plain", "async", "plain-in-async"])
def test_views_of_every_kind_write_and_read(todo: Todo, serve: Serve, kind: str) -> None:
    views(todo)
    server = serve(todo.app)
    assert [server.ask(f"/{kind}/{title}").text for title in "abc"] == ["1", "2", "3"]
    assert todo.open() == 0
    assert todo.titles() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/uncommitted", 200),
        ("/uncommitted-async", 200),
        ("/fails", 500),
        ("/fails-async", 500),
        ("/missing", 404),
        ("/nowhere", 404),
    ],
)
def test_what_is_not_committed_is_rolled_back_and_the_connection_given_back(
    todo: Todo, serve: Serve, path: str, status: int
) -> None:
    views(todo)
    server = serve(todo.app)
    for _ in range(3):
        assert server.ask(path).status == status
        assert todo.open() == 0
    assert todo.titles() == []
    assert server.ask("/plain/next").status == 200


def test_hooks_and_views_of_one_request_share_a_session(todo: Todo, serve: Serve) -> None:
    seen: list[Any] = []
    todo.app.before_request(lambda: seen.append(todo.db.session()))

    @todo.app.after_request
    def look(response: Response) -> Response:
        seen.append(todo.db.session())
        return response

    @todo.app.get("/")
    def index() -> str:
        seen.append(todo.db.session())
        return "text"

    assert serve(todo.app).ask("/").status == 200
    assert seen[0] is seen[1] is seen[2]


def test_an_integrity_error_is_a_500_and_the_next_request_is_healthy(todo: Todo, serve: Serve) -> None:
    views(todo)
    server = serve(todo.app)
    for kind in ("plain", "async"):
        assert server.ask(f"/{kind}/{kind}").status == 200
        assert server.ask(f"/{kind}/{kind}").status == 500
        assert todo.open() == 0
        assert server.ask(f"/{kind}/{kind} 2").status == 200


def test_a_handler_of_an_integrity_error_may_use_the_session_after_a_rollback(todo: Todo, serve: Serve) -> None:
    views(todo)

    @todo.app.errorhandler(sa.exc.IntegrityError)
    def taken(error: Exception) -> tuple[str, int]:
        todo.db.session.rollback()
        return str(todo.db.session.scalar(sa.select(sa.func.count(todo.Task.id)))), 409

    server = serve(todo.app)
    server.ask("/plain/one")
    answer = server.ask("/plain/one")
    assert (answer.status, answer.text) == (409, "1")


# -- the end


def test_teardown_functions_may_still_use_the_session(todo: Todo, serve: Serve) -> None:
    blueprint = Blueprint("part", __name__)
    seen: list[Any] = []

    @blueprint.get("/")
    def index() -> str:
        seen.append(todo.db.session())
        todo.db.session.add(todo.Task(title="committed at the end"))
        return "text"

    @blueprint.teardown_request
    def commit(error: BaseException | None) -> None:
        seen.append(todo.db.session())
        todo.db.session.commit()

    @todo.app.teardown_appcontext
    def look(error: BaseException | None) -> None:
        seen.append(todo.db.session())
        todo.db.session.scalars(sa.select(todo.Task)).all()

    todo.app.register_blueprint(blueprint)
    assert serve(todo.app).ask("/").status == 200
    assert seen[0] is seen[1] is seen[2]
    assert todo.open() == 0
    assert todo.titles() == ["committed at the end"]


def test_asynchronous_teardown_functions_too(todo: Todo, serve: Serve) -> None:
    @todo.app.get("/")
    async def index() -> str:
        todo.db.async_session.add(todo.Task(title="committed at the end"))
        return "text"

    @todo.app.teardown_request
    async def commit(error: BaseException | None) -> None:
        await todo.db.async_session.commit()

    assert serve(todo.app).ask("/").status == 200
    assert todo.open() == 0
    assert todo.titles() == ["committed at the end"]


@pytest.mark.parametrize("when", ["teardown", "deferred"])
def test_a_session_that_is_first_used_at_the_end_is_closed_too(todo: Todo, serve: Serve, when: str) -> None:
    def use(*_: Any) -> None:
        todo.db.session.execute(sa.select(1))

    if when == "teardown":
        todo.app.teardown_request(use)

    @todo.app.get("/")
    def index() -> str:
        import trivet

        if when == "deferred":
            trivet.current_context().defer(use)
        return "text"

    assert serve(todo.app).ask("/").status == 200
    assert todo.open() == 0


def test_a_failing_teardown_function_does_not_keep_the_connection(todo: Todo, serve: Serve) -> None:
    views(todo)

    @todo.app.teardown_request
    def fail(error: BaseException | None) -> None:
        raise RuntimeError("teardown")

    server = serve(todo.app)
    for path in ("/plain/one", "/async/two", "/fails"):
        server.ask(path)
        assert todo.open() == 0


def test_one_session_that_cannot_be_closed_does_not_keep_another_open(
    make_app: Make, serve: Serve, sqlite_database: str
) -> None:
    class Failing(Session):
        def close(self) -> None:
            super().close()
            raise RuntimeError("close")

    app = make_app(SQLALCHEMY_DATABASE_URI=sqlite_database)
    todo = Todo(app, session_options={"class_": Failing})

    @todo.app.get("/")
    async def index() -> str:
        todo.db.session.execute(sa.select(1))
        await todo.db.async_session.execute(sa.select(1))
        return "text"

    assert serve(todo.app).ask("/").status == 200
    assert todo.open() == 0


def test_work_after_the_response_has_a_session_of_its_own(todo: Todo, serve: Serve) -> None:
    def work() -> None:
        todo.db.session.add(todo.Task(title="later"))
        todo.db.session.commit()

    @todo.app.get("/")
    def index() -> str:
        todo.db.session.execute(sa.select(1))
        after_response(work)
        return "text"

    assert serve(todo.app).ask("/").status == 200
    assert todo.titles() == ["later"]
    assert todo.open() == 0


# -- streamed bodies


def streams(todo: Todo) -> None:
    db, task = todo.db, todo.Task

    def rows() -> Iterator[str]:
        for title in db.session.scalars(sa.select(task.title).order_by(task.id).execution_options(yield_per=2)):
            assert todo.open() == 1
            yield title

    async def rows_async() -> AsyncIterator[str]:
        statement = sa.select(task.title).order_by(task.id).execution_options(yield_per=2)
        async for title in await db.async_session.stream_scalars(statement):
            yield title

    def fails() -> Iterator[str]:
        yield from rows()
        raise ValueError("in the body")

    @todo.app.get("/")
    def plain() -> Response:
        db.session.execute(sa.select(1))
        return Response(rows())

    @todo.app.get("/context")
    def context() -> Response:
        return Response(stream_with_context(rows()))

    @todo.app.get("/async")
    async def asynchronous() -> Response:
        return Response(rows_async())

    @todo.app.get("/fails")
    def failing() -> Response:
        return Response(fails())

    with todo.app.app_context():
        db.session.add_all([task(title=letter) for letter in "abcdef"])
        db.session.commit()


@pytest.mark.parametrize("path", ["/", "/context", "/async"])
def test_a_streamed_body_keeps_the_session_until_it_ends(todo: Todo, serve: Serve, path: str) -> None:
    streams(todo)
    server = serve(todo.app)
    assert server.ask(path).text == "abcdef"
    assert todo.open() == 0


@pytest.mark.parametrize("path", ["/", "/context", "/async"])
def test_a_client_that_goes_in_the_middle_ends_it(todo: Todo, serve: Serve, path: str) -> None:
    streams(todo)
    server = serve(todo.app)
    for pieces in (1, 2, 3):
        server.ask(path, pieces=pieces)
        assert todo.open() == 0


def test_an_exception_in_the_body_ends_it(todo: Todo, serve: Serve) -> None:
    streams(todo)
    server = serve(todo.app)
    with pytest.raises(ValueError, match="in the body"):
        server.ask("/fails")
    assert todo.open() == 0
    assert server.ask("/").text == "abcdef"


def test_a_body_that_nobody_reads_ends_it(todo: Todo, serve: Serve) -> None:
    streams(todo)
    assert serve(todo.app).ask("/", "HEAD").body == b""
    assert todo.open() == 0


# -- threads and tasks


def test_threads_with_contexts_of_their_own_have_sessions_of_their_own(todo: Todo) -> None:
    found: list[Any] = []

    def work() -> None:
        with todo.app.app_context():
            todo.db.session.execute(sa.select(1))
            found.append(todo.db.session())

    with todo.app.app_context():
        found.append(todo.db.session())
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(map(id, found))) == 5
    assert todo.open() == 0


def test_a_function_that_carries_the_request_into_a_thread_can_use_the_database(todo: Todo, serve: Serve) -> None:
    found: list[str] = []

    @todo.app.get("/")
    def index() -> str:
        @copy_current_request_context
        def work() -> None:
            with current_app.app_context():  # a session of its own: one is not for several threads at a time
                todo.db.session.add(todo.Task(title="from the thread"))
                todo.db.session.commit()
                found.extend(todo.db.session.scalars(sa.select(todo.Task.title)))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return str(todo.db.session.scalar(sa.select(sa.func.count(todo.Task.id))))

    assert serve(todo.app).ask("/").text == "1"
    assert found == ["from the thread"]
    assert todo.open() == 0


def test_tasks_side_by_side_have_sessions_of_their_own(todo: Todo, serve: Serve) -> None:
    async def count() -> Any:
        async with todo.db.async_session.session_factory() as session:
            return await session.scalar(sa.select(sa.func.count(todo.Task.id)))

    @todo.app.get("/")
    async def index() -> list[Any]:
        return await asyncio.gather(*[count() for _ in range(5)])

    assert serve(todo.app).ask("/").json == [0] * 5
    assert todo.open() == 0


def test_a_context_that_a_coroutine_leaves_plainly_is_closed_soon(todo: Todo, serve: Serve) -> None:
    @todo.app.get("/")
    async def index() -> str:
        with todo.app.app_context():
            await todo.db.async_session.execute(sa.select(1))
        for _ in range(100):
            if todo.open() == 0:
                break
            await asyncio.sleep(0.01)
        return str(todo.open())

    assert serve(todo.app).ask("/").text == "0"


# -- asynchronous sessions


def test_an_asynchronous_session_has_the_same_lifetime(todo: Todo, serve: Serve) -> None:
    seen: list[Any] = []

    @todo.app.get("/")
    async def index() -> str:
        assert not todo.db.async_session.registry.has()
        first = todo.db.async_session()
        assert isinstance(first, AsyncSession)
        assert todo.db.async_session() is first
        await todo.db.async_session.execute(sa.select(1))
        seen.append(todo.open())
        await todo.db.async_session.remove()
        seen.append(todo.open())
        assert todo.db.async_session() is not first
        return "text"

    assert serve(todo.app).ask("/").text == "text"
    assert seen == [1, 0]


def test_its_rows_or_a_404(todo: Todo, serve: Serve) -> None:
    session, task = todo.db.async_session, todo.Task
    statements = {"one": sa.select(task).where(task.title == "one"), "none": sa.select(task).where(task.id == 99)}

    @todo.app.get("/get/<int:ident>")
    async def get(ident: int) -> str:
        found = await session.get_or_404(task, ident, description="no such task")
        return str(found.title)

    @todo.app.get("/first/<name>")
    async def first(name: str) -> str:
        return str((await session.first_or_404(statements[name])).title)

    @todo.app.get("/one/<name>")
    async def one(name: str) -> str:
        return str((await session.one_or_404(statements[name], description="not one")).title)

    with todo.app.app_context():
        todo.db.session.add(task(id=1, title="one"))
        todo.db.session.commit()
    server = serve(todo.app)
    assert [server.ask(path).text for path in ("/get/1", "/first/one", "/one/one")] == ["one"] * 3
    assert [server.ask(path).status for path in ("/get/2", "/first/none", "/one/none")] == [404] * 3
    assert "no such task" in server.ask("/get/2").text
    assert "not one" in server.ask("/one/none").text


def test_a_cancelled_request_gives_its_connection_back(todo: Todo) -> None:
    started: list[int] = []
    flushed = asyncio.Event()

    @todo.app.get("/")
    async def index() -> str:
        todo.db.async_session.add(todo.Task(title="lost"))
        await todo.db.async_session.flush()
        started.append(todo.open())
        flushed.set()
        await asyncio.sleep(10)
        return "text"

    server = AsgiServer(todo.app)

    async def cancel() -> None:
        task = asyncio.ensure_future(server.talk("/"))
        await flushed.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # impatient servers do it twice
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
        assert todo.open() == 0
        started.clear()
        await server.talk("/", patience=0.1)  # the client goes
        assert started == [1]
        await asyncio.sleep(0.05)
        assert todo.open() == 0

    server.run(cancel)
    assert todo.titles() == []
    server.close()


# -- the unit of work


@pytest.fixture
def unit(make_app: Make, sqlite_database: str) -> Todo:
    """An application that commits what succeeds."""
    todo = Todo(make_app(SQLALCHEMY_DATABASE_URI=sqlite_database, DB_COMMIT="on-success"))
    app, db, task = todo.app, todo.db, todo.Task

    @app.get("/plain/<int:status>/<title>")
    def plain(status: int, title: str) -> tuple[str, int]:
        db.session.add(task(title=title))
        return "text", status

    @app.get("/async/<int:status>/<title>")
    async def asynchronous(status: int, title: str) -> tuple[str, int]:
        db.async_session.add(task(title=title))
        return "text", status

    @app.get("/raise/<kind>/<title>")
    def fails(kind: str, title: str) -> str:
        db.session.add(task(title=title))
        db.session.flush()
        if kind == "handled":
            raise KeyError("handled")
        if kind == "redirect":
            abort(redirect("/"))
        if kind == "abort":
            abort(404)
        raise ValueError("failed")

    @app.errorhandler(KeyError)
    def handle(error: KeyError) -> str:
        return "handled"

    return todo


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("status", [200, 201, 302, 399])
def test_what_succeeds_is_committed(unit: Todo, serve: Serve, kind: str, status: int) -> None:
    assert serve(unit.app).ask(f"/{kind}/{status}/one").status == status
    assert unit.titles() == ["one"]
    assert unit.open() == 0


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("status", [400, 404, 409, 500, 503])
def test_what_fails_is_rolled_back(unit: Todo, serve: Serve, kind: str, status: int) -> None:
    server = serve(unit.app)
    assert server.ask(f"/{kind}/{status}/one").status == status
    assert unit.titles() == []
    assert server.ask(f"/{kind}/200/two").status == 200
    assert unit.titles() == ["two"]


@pytest.mark.parametrize(
    ("kind", "status", "kept"),
    [("abort", 404, []), ("failed", 500, []), ("handled", 200, []), ("redirect", 302, ["one"])],
)
def test_an_exception_rolls_back_unless_it_is_an_answer_that_succeeds(
    unit: Todo, serve: Serve, kind: str, status: int, kept: list[str]
) -> None:
    assert serve(unit.app).ask(f"/raise/{kind}/one").status == status
    assert unit.titles() == kept
    assert unit.open() == 0


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_commit_that_fails_is_a_500_and_rolled_back(unit: Todo, serve: Serve, kind: str) -> None:
    server = serve(unit.app)
    assert server.ask(f"/{kind}/200/one").status == 200
    assert server.ask(f"/{kind}/200/one").status == 500
    assert unit.titles() == ["one"]
    assert unit.open() == 0
    assert server.ask(f"/{kind}/200/two").status == 200


def test_what_after_functions_write_is_committed_too(unit: Todo, serve: Serve) -> None:
    @unit.app.after_request
    def write(response: Response) -> Response:
        unit.db.session.add(unit.Task(title="after"))
        return response

    assert serve(unit.app).ask("/plain/200/one").status == 200
    assert unit.titles() == ["one", "after"]


def test_an_answer_may_still_be_failed_by_an_after_function(unit: Todo, serve: Serve) -> None:
    @unit.app.after_request
    def fail(response: Response) -> Response:
        response.status_code = 422
        return response

    assert serve(unit.app).ask("/plain/200/one").status == 422
    assert unit.titles() == []


def test_a_request_without_a_session_makes_none(unit: Todo, serve: Serve) -> None:
    unit.app.add_url_rule("/", "index", lambda: str(unit.db.session.registry.has()))
    assert serve(unit.app).ask("/").text == "False"


def test_configuration_is_enough_for_a_unit_of_work(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "trivet.toml").write_text(
        'plugins = ["db"]\n[db]\nurl = "sqlite:///app.db"\ncommit = "on-success"\n', encoding="utf-8"
    )
    app = Trivet(__name__, config_file=tmp_path / "trivet.toml", instance_path=str(tmp_path / "instance"))
    db = SQLAlchemy()  # nobody calls init_app()
    task = add_model(db)

    @app.get("/")
    def index() -> str:
        db.session.add(task(title="one"))
        return "text"

    with app.app_context():
        db.create_all()
    assert serve(app).ask("/").status == 200
    with app.app_context():
        assert db.session.scalars(sa.select(task.title)).all() == ["one"]
    dispose(app)


def test_without_the_option_nothing_is_committed(todo: Todo, serve: Serve) -> None:
    @todo.app.get("/")
    def index() -> str:
        todo.db.session.add(todo.Task(title="one"))
        return "text"

    assert serve(todo.app).ask("/").status == 200
    assert todo.titles() == []


# -- signals about changes


def test_changes_are_told_before_and_after_a_commit(make_app: Make) -> None:
    todo = Todo(make_app(SQLALCHEMY_DATABASE_URI="sqlite://", SQLALCHEMY_TRACK_MODIFICATIONS=True))
    told: list[tuple[str, list[tuple[str, str]]]] = []

    def hear(when: str) -> Callable[..., None]:
        def heard(sender: Any, changes: list[tuple[Any, str]]) -> None:
            assert sender is todo.app
            told.append((when, [(model.said, operation) for model, operation in changes]))

        return heard

    with (
        before_models_committed.connected_to(hear("before"), todo.app),
        models_committed.connected_to(hear("after"), todo.app),
        todo.app.app_context(),
    ):
        task = todo.Task(title="one")
        task.said = "task"
        todo.db.session.add(task)
        todo.db.session.flush()
        todo.db.session.commit()
        task.title = "two"
        todo.db.session.rollback()
        todo.db.session.commit()
        task.title = "three"
        todo.db.session.commit()
        todo.db.session.delete(task)
        todo.db.session.commit()
    assert told == [
        (when, [("task", operation)]) for operation in ("insert", "update", "delete") for when in ("before", "after")
    ]


def test_sessions_that_nobody_asked_about_tell_nothing(todo: Todo) -> None:
    told: list[Any] = []
    with models_committed.connected_to(lambda sender, changes: told.append(changes)), todo.app.app_context():
        todo.db.session.add(todo.Task(title="one"))
        todo.db.session.commit()
    assert told == []

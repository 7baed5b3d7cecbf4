"""One connection in one transaction, used by many: each has a branch of it, whose transaction is a savepoint."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

from .drivers import Driver, pause
from .sql import Effect, effect_of, split_script, with_mark

#: How many seconds a thread or task that wants to write waits for another one's transaction to end; anew for each
#: transaction that ends meanwhile, as there may be many on a machine that is slow.
PATIENCE = 2.0

_OUTER = "trivet_test"
_GUARD = "trivet_guard"
#: Branches that were opened in this thread or task, or in one that it was started from.
_ancestors: "ContextVar[tuple[Branch, ...]]" = ContextVar("trivet_db_branches", default=())


class OuterTransactionError(RuntimeError):
    """Something that cannot be done, or has gone wrong, inside the transaction around a test."""


class Trunk:
    """A connection in a transaction that is rolled back in the end.

    A branch that only reads leaves no trace: nothing that others do meanwhile is undone with it. Before its first
    write a branch sets a savepoint; that is released when the branch commits, and rolled back to when it rolls back.
    Statements run one after another, and so do transactions that write, unless one was begun inside another.

    :param connection: the driver's connection, or what SQLAlchemy makes of an asynchronous one.
    :param dialect: ``postgresql``, ``mysql``, ``mariadb`` or ``sqlite``.
    :param driver: where the connection's functions run.
    :param commits_at_once: whether branches are in autocommit mode.
    """

    def __init__(self, connection: Any, dialect: str, driver: Driver, commits_at_once: bool = False) -> None:
        self.connection = connection
        self._driver = driver
        self._commits_at_once = commits_at_once
        self._is_mysql = dialect in ("mysql", "mariadb")
        self._is_sqlite = dialect == "sqlite"
        #: Whether after an error nothing works any more until a savepoint is rolled back to.
        self._is_strict = dialect == "postgresql"
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._is_busy = False
        self._is_over = False
        self._is_guarded = False
        self._is_untrue = False
        self._ended = 0  # how many transactions have
        self._open: list[Branch] = []  # those that have written, in the order of their savepoints
        self._failed: Branch | None = None
        self._abandoned: list[Branch] = []
        self._begin()

    # -- the transaction itself

    def _begin(self) -> None:
        if self._is_mysql or self._is_sqlite:
            try:
                self._run("BEGIN")
            except Exception as error:
                if "within a transaction" not in str(error):  # SQLite's driver may have begun one by itself
                    raise
        self._run(f"SAVEPOINT {_OUTER}")

    def end(self) -> None:
        """Roll back everything.

        :raises OuterTransactionError: something has ended the transaction before.
        """
        with self._busy():
            self._is_over = True
            _ancestors.set(tuple(one for one in _ancestors.get() if one.trunk is not self))
            try:
                self._run(f"ROLLBACK TO SAVEPOINT {_OUTER}")
                self._roll_back_all()
            except Exception as error:
                with suppress(Exception):
                    self._roll_back_all()
                raise OuterTransactionError(
                    "The transaction around the test was ended by something inside the test, a COMMIT in a procedure "
                    f"or a lost connection: what was written before may have stayed. ({error})"
                ) from error

    def _roll_back_all(self) -> None:
        self._driver.call(self.connection.rollback)
        if self._is_sqlite and getattr(self.connection, "autocommit", None) is True:
            self._run("ROLLBACK")  # then the driver's own rollback does nothing

    def branch(self) -> "Branch":
        """Return a new branch."""
        return Branch(self, next(self._numbers), self._commits_at_once)

    # -- what branches do

    def cursor(self, branch: "Branch", *args: Any, **kwargs: Any) -> Any:
        """Return a cursor of the driver."""
        if self._is_mysql:  # a cursor that streams would keep others from using the connection
            return self.call_for(branch, self.connection.cursor)
        return self.call_for(branch, self.connection.cursor, *args, **kwargs)

    def execute(self, branch: "Branch", function: Callable[..., Any], statement: Any, *rest: Any) -> Any:
        """Run a statement of a branch by a cursor's function."""
        text = statement if isinstance(statement, str) else str(statement)
        effect = effect_of(text)
        with self._turn(branch, effect):
            self._check(branch)
            if effect is Effect.COMMITS:
                return self._commit(branch)
            if effect is Effect.ROLLS_BACK:
                return self._undo(branch)
            if effect is Effect.BEGINS:
                return None
            is_first = branch not in self._open
            self._prepare(branch, effect)
            renamed = with_mark(text, branch.savepoint + "_") if effect is Effect.MARKS else statement
            return self._attempt(branch, is_first, function, renamed, *rest)

    @contextmanager
    def _turn(self, branch: "Branch", effect: Effect) -> Iterator[None]:
        """Wait until a branch may run a statement, and hold the lock meanwhile."""
        can_wait = pause(0) and effect is not Effect.READS
        deadline, ended = time.monotonic() + PATIENCE, self._ended
        while True:
            if self._ended != ended:
                deadline, ended = time.monotonic() + PATIENCE, self._ended
            with self._settled():
                if not can_wait or not self._has_strangers(branch) or time.monotonic() > deadline:
                    yield
                    return
            can_wait = pause(0.002)

    def _has_strangers(self, branch: "Branch") -> bool:
        """Tell whether another thread or task, from which this one was not started, is in a transaction."""
        return branch not in self._open and any(other not in _ancestors.get() for other in self._open)

    def _prepare(self, branch: "Branch", effect: Effect) -> None:
        if effect is Effect.DEFINES and self._is_mysql:
            raise OuterTransactionError(
                "MySQL and MariaDB commit before a statement that defines something, so that the transaction around "
                "the test would end here. Create tables before it begins, or give this test a database of its own: "
                "trivet_db.testing.throwaway_database()."
            )
        if self._failed is not None and self._failed is not branch:
            failed = self._failed
            self._undo(failed)
            failed.is_lost = True
        if self._failed is None:
            self._mark(branch, effect)

    def _mark(self, branch: "Branch", effect: Effect) -> None:
        """See to it that there is a savepoint to return to."""
        if branch in self._open:
            self._is_guarded = False
            for younger in self._open[self._open.index(branch) + 1 :]:
                younger.inside.add(branch)
        elif effect is not Effect.READS:
            self._run(f"SAVEPOINT {branch.savepoint}")
            self._open.append(branch)
            self._is_guarded = False
            _ancestors.set((*(one for one in _ancestors.get() if one in one.trunk._open), branch))
        elif self._is_strict and not self._is_guarded:
            self._run(f"SAVEPOINT {_GUARD}")
            self._is_guarded = True

    def _attempt(self, branch: "Branch", is_first: bool, function: Callable[..., Any], *args: Any) -> Any:
        try:
            result = self.call_for(branch, function, *args)
        except BaseException:
            if branch.commits_at_once or (is_first and not self._is_strict):
                self._undo(branch)  # nothing has been written that a later rollback would have to undo
            raise
        if self._failed is branch:  # it has rolled back to a savepoint of its own
            self._failed = None
        if branch.commits_at_once:
            self._commit(branch)
        return result

    def call_for(self, branch: "Branch", function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of the driver for a branch; note whether it leaves the connection unusable."""
        with self._busy():
            try:
                return self._driver.call(function, *args, **kwargs)
            except BaseException:
                if self._is_strict and not self._works():
                    self._failed = branch
                raise

    def _works(self) -> bool:
        try:
            self._run("SELECT 1")
        except Exception:
            return False
        return True

    def commit(self, branch: "Branch") -> None:
        """Keep what a branch has written, until the end."""
        with self._settled():
            self._check(branch)
            self._commit(branch)

    def _commit(self, branch: "Branch") -> None:
        if self._failed is branch:
            self._undo(branch)  # as the server would
        elif branch in self._open:
            if self._open[-1] is branch:
                self._run(f"RELEASE SAVEPOINT {branch.savepoint}")
                self._is_guarded = False
            older = self._open.index(branch)
            self._open.remove(branch)  # otherwise it is released with the one that surrounds it
            self._ended += 1
            for at, other in enumerate(self._open):
                if at < older or branch in other.inside:
                    other.holds_commit = True
            branch.begin_anew()

    def roll_back(self, branch: "Branch") -> None:
        """Undo what a branch has written since it committed; nothing if everything is over."""
        if self._driver.is_here():
            self._abandoned.append(branch)  # the garbage collector runs in the driver's own thread
            return
        with self._lock:
            if self._is_busy:
                self._abandoned.append(branch)  # or in the middle of another statement
                return
            with self._settled():
                branch.is_lost = False
                if not self._is_over:
                    self._undo(branch)

    def _undo(self, branch: "Branch") -> None:
        if branch in self._open:
            at = self._open.index(branch)
            self._is_untrue |= branch.holds_commit
            for other in {*self._open[at + 1 :], *branch.inside.intersection(self._open)}:
                other.is_lost = True
            del self._open[at:]
            self._ended += 1
            branch.begin_anew()
            self._run(f"ROLLBACK TO SAVEPOINT {branch.savepoint}")
            self._run(f"RELEASE SAVEPOINT {branch.savepoint}")
            self._failed, self._is_guarded = None, False
        elif self._failed is branch:
            self._run(f"ROLLBACK TO SAVEPOINT {_GUARD}")
            self._failed = None

    # -- the ground

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Hold the lock, with what was left behind rolled back."""
        with self._busy():
            while self._abandoned and not self._is_over:
                self._undo(self._abandoned.pop())
            yield

    @contextmanager
    def _busy(self) -> Iterator[None]:
        with self._lock:
            was_busy, self._is_busy = self._is_busy, True
            try:
                yield
            finally:
                self._is_busy = was_busy

    def _check(self, branch: "Branch") -> None:
        if self._is_over:
            raise OuterTransactionError(
                "This connection belongs to the transaction around a test, and that has ended. Close sessions and "
                "connections in the test that opens them, and join its threads."
            )
        if self._is_untrue:
            raise OuterTransactionError(
                "What one transaction has committed was undone, because another one, begun before it, was rolled back "
                "or closed without a commit: in the transaction around a test both share a connection, so that the "
                "test would go on with rows missing that a real database keeps. Commit or end the outer session "
                "before the inner one commits, or give this test a database of its own: "
                "trivet_db.testing.throwaway_database()."
            )
        if branch.is_lost:
            raise OuterTransactionError(
                "This transaction was rolled back by another one: in the transaction around a test all of them share "
                "a connection, and the other had begun to write before, or went on after a statement here had failed. "
                "Roll back here too."
            )

    def _run(self, statement: str) -> None:
        def run() -> None:
            cursor = self.connection.cursor()
            try:
                cursor.execute(statement)
            finally:
                cursor.close()

        self._driver.call(run)


class Branch:
    """Stands in for a connection of the driver; whatever it lacks is the connection's own.

    :ivar savepoint: the name of its savepoint.
    :ivar commits_at_once: whether every statement is a transaction of its own.
    :ivar is_lost: whether its transaction was rolled back by another one.
    :ivar inside: older branches that have written behind its savepoint, so that its rollback undoes that too.
    :ivar holds_commit: whether another branch has committed what its rollback would undo.
    """

    def __init__(self, trunk: Trunk, number: int, commits_at_once: bool) -> None:
        self.trunk = trunk
        self.savepoint = f"trivet_{number}"
        self.commits_at_once = commits_at_once
        self.is_lost = False
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the transaction that has ended."""
        self.inside: set[Branch] = set()
        self.holds_commit = False

    def cursor(self, *args: Any, **kwargs: Any) -> "Cursor":
        """Return a cursor; the arguments are the driver's."""
        return Cursor(self, self.trunk.cursor(self, *args, **kwargs))

    def execute(self, *args: Any) -> "Cursor":
        """Run a statement by a new cursor, as sqlite3 and psycopg do."""
        cursor = self.cursor()
        cursor.execute(*args)
        return cursor

    def executescript(self, script: str) -> "Cursor":
        """Run statements by a new cursor, as sqlite3 does, but without a commit before them."""
        return self.cursor().executescript(script)

    def commit(self) -> None:
        """Release the savepoint."""
        self.trunk.commit(self)

    def rollback(self) -> None:
        """Roll back to the savepoint."""
        self.trunk.roll_back(self)

    def close(self) -> None:
        """Roll back; the connection stays as it is."""
        self.trunk.roll_back(self)

    terminate = close

    def __getattr__(self, name: str) -> Any:
        return _bound(self, getattr(self.trunk.connection, name))


class Cursor:
    """A cursor of a branch; whatever it lacks is the driver's own."""

    def __init__(self, branch: Branch, real: Any) -> None:
        self._branch = branch
        self._real = real

    def execute(self, statement: Any, *rest: Any) -> Any:
        """Run a statement."""
        return self._own(self._branch.trunk.execute(self._branch, self._real.execute, statement, *rest))

    def executemany(self, statement: Any, *rest: Any) -> Any:
        """Run a statement once for each set of values."""
        return self._own(self._branch.trunk.execute(self._branch, self._real.executemany, statement, *rest))

    def executescript(self, script: str) -> "Cursor":
        """Run the statements of an SQLite script, without the commit that sqlite3 does before them."""
        for statement in split_script(script):
            self.execute(statement)
        return self

    def _own(self, result: Any) -> Any:
        return self if result is self._real else result

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def __enter__(self) -> "Cursor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def _async_soft_close(self) -> None:
        """Do what SQLAlchemy asks asynchronous cursors for: nothing, as no rows are left on the way."""

    def __getattr__(self, name: str) -> Any:
        return _bound(self._branch, getattr(self._real, name))


def _bound(branch: Branch, value: Any) -> Any:
    """Return an attribute of the driver's; a function is called as the trunk calls them."""
    return value if not callable(value) or isinstance(value, type) else partial(branch.trunk.call_for, branch, value)

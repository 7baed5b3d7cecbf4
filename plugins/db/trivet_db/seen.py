"""What is seen of statements: those that are slow, those that one request repeats, and all of them on demand."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from types import FrameType
from typing import Any

import sqlalchemy as sa

from trivet import StashKey, current_context, has_app_context

_logger = logging.getLogger("trivet.db")
_RECORDED = StashKey["list[QueryInfo]"]("db.recorded")
_COUNTED = StashKey["dict[str, int]"]("db.counted")
#: Whose code is not the application's own.
_OTHERS = frozenset(("asyncio", "greenlet", "sqlalchemy", "trivet", "trivet_db"))


@dataclass(frozen=True, slots=True)
class QueryInfo:
    """One statement that was run.

    :ivar statement: the SQL text, without values.
    :ivar parameters: the values: a list with those of each time, as it may be run for many rows at once.
    :ivar start_time: when it began, by :func:`time.perf_counter`, in seconds.
    :ivar end_time: when it ended.
    :ivar location: ``file:line (function)`` of the application's code that ran it.
    """

    statement: str | None
    parameters: Any
    start_time: float
    end_time: float
    location: str

    @property
    def duration(self) -> float:
        """How long it took, in seconds."""
        return self.end_time - self.start_time


def get_recorded_queries() -> list[QueryInfo]:
    """Return the statements that the active context has run, if the option ``record_queries`` is on."""
    return current_context().stash.get(_RECORDED, [])


class Watch:
    """Watches the statements of one application.

    :param slow: seconds from which on a statement is logged; None: never.
    :param repeated: how often one request may run a statement before that is logged; None: as often as it likes.
    :param record: whether statements are kept for :func:`get_recorded_queries`.
    """

    def __init__(self, slow: float | None, repeated: int | None, record: bool) -> None:
        self._slow = slow
        self._repeated = repeated
        self._record = record

    def listen(self, engine: sa.Engine) -> None:
        """Watch an engine; if there is nothing to watch for it costs nothing.

        It is done by the dialect's events, which come where a driver is called and nowhere else. With events of its
        own an engine would look for listeners at a dozen places of each statement.
        """
        if self._slow is None and self._repeated is None and not self._record:
            return
        for name in ("do_execute", "do_executemany", "do_execute_no_params"):
            sa.event.listen(engine, name, self._timing(getattr(engine.dialect, name)))

    def _timing(self, run: Callable[..., None]) -> Callable[..., bool]:
        slow, others, clock = self._slow, self._record or self._repeated is not None, time.perf_counter
        limit = inf if slow is None else slow

        def timed(cursor: Any, statement: str, *rest: Any) -> bool:
            started = clock()
            run(cursor, statement, *rest)
            ended = clock()
            if ended - started >= limit:
                taken = ended - started
                _logger.warning("Slow statement, %.3f s, %s, from %s: %s", taken, _where(), _location(), statement)
            if others and has_app_context():
                self._note(current_context(), statement, rest[-1], started, ended)
            return True  # it is done

        return timed

    def _note(self, ctx: Any, statement: str, context: Any, started: float, ended: float) -> None:
        if self._record:
            recorded = ctx.stash.get(_RECORDED)
            if recorded is None:
                recorded = ctx.stash[_RECORDED] = []
            recorded.append(QueryInfo(statement, context.parameters, started, ended, _location()))
        if self._repeated is not None and ctx.has_request and not (context.isinsert or context.isupdate):
            self._count(ctx.stash, statement)

    def _count(self, stash: Any, statement: str) -> None:
        counted = stash.get(_COUNTED)
        if counted is None:
            counted = stash[_COUNTED] = {}
        times = counted[statement] = counted.get(statement, 0) + 1
        if times == self._repeated:
            _logger.warning(
                "One statement was run %d times, %s, last from %s. If it reads in a loop, load it at once with "
                "selectinload() or joinedload(): %s",
                times,
                _where(),
                _location(),
                statement,
            )


def _where() -> str:
    """Say which request the active context is of."""
    if not has_app_context():
        return "outside of any context"
    ctx = current_context()
    if not ctx.has_request:
        return "outside of a request"
    return f"in {ctx.endpoint!r}" if ctx.endpoint else "in a request that no route matches"


def _location() -> str:
    """Return where the application's own code is in the stack."""
    for frame in _frames():
        if frame.f_globals.get("__name__", "").partition(".")[0] not in _OTHERS:
            return f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"
    return "<unknown>"


def _frames() -> Iterator[FrameType]:
    """Yield the frames of the stack, inner ones first.

    The drivers of asynchronous sessions run in a greenlet, whose stack ends where the session was called.
    """
    frame: FrameType | None = sys._getframe(1)
    greenlet = sys.modules.get("greenlet")
    inner = greenlet.getcurrent() if greenlet is not None else None
    while frame is not None:
        yield frame
        frame = frame.f_back
        if frame is None and inner is not None and inner.parent is not None:
            inner = inner.parent
            frame = inner.gr_frame

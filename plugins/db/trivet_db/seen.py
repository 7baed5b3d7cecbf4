"""What is seen of statements: those that are slow, those that one request repeats, and all of them on demand."""

import logging
import sys
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from trivet import StashKey, current_context, has_app_context

_logger = logging.getLogger("trivet.db")
_RECORDED = StashKey["list[QueryInfo]"]("db.recorded")
_COUNTED = StashKey["dict[str, int]"]("db.counted")


@dataclass(frozen=True, slots=True)
class QueryInfo:
    """One statement that was run.

    :ivar statement: the SQL text, without values.
    :ivar parameters: the values.
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
        """Watch an engine; nothing is done, and costs nothing, if there is nothing to watch for."""
        if self._slow is None and self._repeated is None and not self._record:
            return
        sa.event.listen(engine, "before_cursor_execute", _start)
        sa.event.listen(engine, "after_cursor_execute", self._end)

    def _end(self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        now = time.perf_counter()
        started = context._trivet_started
        if self._slow is not None and now - started >= self._slow:
            _logger.warning("Slow statement, %.3f s, %s: %s", now - started, _where(), statement)
        if not has_app_context() or not (self._record or self._repeated):
            return
        stash = current_context().stash
        if self._record:
            recorded = stash.get(_RECORDED)
            if recorded is None:
                recorded = stash[_RECORDED] = []
            recorded.append(QueryInfo(statement, parameters, started, now, _location()))
        if self._repeated is not None:
            self._count(stash, statement)

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


def _start(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    context._trivet_started = time.perf_counter()


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
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_globals.get("__name__", "").partition(".")[0]
        if name not in ("sqlalchemy", "trivet_db", "trivet"):
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"

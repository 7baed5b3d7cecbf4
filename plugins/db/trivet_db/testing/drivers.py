"""Where the functions of a database driver run: in place, or on an event loop that belongs to one connection."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.util import await_only, greenlet_spawn


class Driver(Protocol):
    """Runs functions of a driver."""

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function, and return what it returns."""

    def is_here(self) -> bool:
        """Tell whether this very thread runs the driver's functions, so that it cannot wait for one."""

    def close(self) -> None:
        """End what was started."""


class InPlace:
    """A driver whose functions wait in the thread that calls them."""

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function."""
        return function(*args, **kwargs)

    def is_here(self) -> bool:
        """Tell that every thread can wait."""
        return False

    def close(self) -> None:
        """Do nothing: nothing was started."""


class OnLoop:
    """An asynchronous driver on a loop of its own, in a thread of its own.

    So one connection serves synchronous code in any thread and asynchronous code on any loop, and can be closed when
    the loops of a test are gone.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="trivet-db-testing", daemon=True)
        self._thread.start()

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of SQLAlchemy's face of the driver on the loop, and wait for what it returns."""
        return asyncio.run_coroutine_threadsafe(greenlet_spawn(function, *args, **kwargs), self._loop).result()

    def is_here(self) -> bool:
        """Tell whether this is the loop's own thread."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """Stop the loop."""
        asyncio.run_coroutine_threadsafe(self._loop.shutdown_asyncgens(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def pause(seconds: float) -> bool:
    """Let others go on: the event loop's other tasks, or other threads.

    Synchronous code on an event loop cannot. Asynchronous code can, inside SQLAlchemy, which expects that a driver
    waits at least once for each statement.

    :return: whether anybody could go on.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if seconds:
            time.sleep(seconds)
        return True
    if "greenlet" not in sys.modules:
        return False
    try:
        await_only(asyncio.sleep(seconds))
    except MissingGreenlet:
        return False
    return True

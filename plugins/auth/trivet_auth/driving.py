"""Drivers for what may have to wait: in plain code, and on an event loop."""

import contextvars
from collections.abc import Callable, Coroutine
from inspect import isawaitable
from typing import Any, NoReturn, Protocol, TypeVar

from trivet import current_context, has_app_context

T = TypeVar("T")


class Driver(Protocol):
    """How a coroutine of this package does what may have to wait.

    The coroutines are written once. With :class:`Plain` they run to their end without suspending, see :func:`run`;
    with :class:`OnLoop` they are awaited.
    """

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function that returns at once, or is a coroutine function, and return its result."""

    async def block(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function that blocks: on an event loop in a worker thread."""


class Plain:
    """In plain code: coroutines are run on the background loop.

    :param app: the application.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call it, and wait for what it returns.

        :raises RuntimeError: it is asynchronous, and an event loop runs in this thread, which it would stop for ever.
        """
        found = function(*args)
        if not isawaitable(found):
            return found
        if _a_loop_runs_here():
            _cannot_wait(found)
        return self._app.settle(found)

    async def block(self, function: Callable[..., T], *args: Any) -> T:
        """Call it."""
        return function(*args)


class OnLoop:
    """On an event loop: coroutines are awaited, and what blocks goes to a worker thread."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call it in place, and await what it returns."""
        found = function(*args)
        return await found if isawaitable(found) else found

    async def block(self, function: Callable[..., T], *args: Any) -> T:
        """Call it in a worker thread, with the context variables of here."""
        if has_app_context() and current_context().on_loop:
            return await self._app.workers.run(contextvars.copy_context().run, function, *args)  # type: ignore[no-any-return]
        # On the background loop. The workers may all be waiting for what goes on here.
        from asyncio import to_thread  # not at the top: an application under WSGI does without asyncio

        return await to_thread(function, *args)


class InPlace:
    """In plain code on an event loop, which cannot wait: whatever blocks does so here."""

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call it.

        :raises RuntimeError: it is asynchronous.
        """
        found = function(*args)
        return _cannot_wait(found) if isawaitable(found) else found

    async def block(self, function: Callable[..., T], *args: Any) -> T:
        """Call it."""
        return function(*args)


def _a_loop_runs_here() -> bool:
    from asyncio import _get_running_loop  # not at the top: an application under WSGI does without asyncio

    return _get_running_loop() is not None


def _cannot_wait(found: Any) -> NoReturn:
    close = getattr(found, "close", None)
    if close is not None:
        close()
    raise RuntimeError(
        "Who is asking has to be found out asynchronously, and plain code on an event loop cannot wait for that. Ask "
        "first: await trivet_auth.load_identity(). A view with @login_required does."
    )


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that was given a :class:`Plain` driver."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("The coroutine was suspended in plain code: it did not go through its driver.")


def driver_for(ctx: Any) -> Driver:
    """Return the driver for coroutines that run in a context: under WSGI asynchronous views run on a loop too."""
    return OnLoop(ctx.app) if ctx.on_loop or _a_loop_runs_here() else Plain(ctx.app)

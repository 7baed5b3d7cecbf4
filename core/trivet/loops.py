"""One background event loop per process, on which synchronous code runs coroutines."""

import contextvars
import os
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

# asyncio is imported where it is needed: it takes a tenth of `import trivet`, and an application without
# asynchronous views never does under WSGI.


class BackgroundLoop:
    """An event loop in a daemon thread, started on first use and again after a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: Any = None
        self._pid = 0
        self._finalizer: weakref.finalize[Any, Any] | None = None

    def loop(self) -> Any:
        """Return the running :class:`asyncio.AbstractEventLoop` of this process."""
        if self._loop is None or self._pid != os.getpid() or self._loop.is_closed():
            with self._lock:
                if self._loop is None or self._pid != os.getpid() or self._loop.is_closed():
                    self._loop = self._start()
                    self._pid = os.getpid()
        return self._loop

    def _start(self) -> Any:
        import asyncio

        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_serve, args=(loop,), name="trivet-loop", daemon=True)
        thread.start()
        self._finalizer = weakref.finalize(self, _stop, loop, os.getpid(), thread)
        return loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run ``coroutine`` on the loop and wait for its result; context variables go there and come back.

        :raises RuntimeError: if called from the background loop itself, which would wait for ever.
        """
        loop = self.loop()
        if threading.get_ident() == getattr(loop, "_thread_id", None):
            coroutine.close()
            raise RuntimeError(
                "A synchronous function on the background loop tried to wait for a coroutine on the same loop; "
                "make the calling function async."
            )
        from concurrent.futures import Future

        context = contextvars.copy_context()
        done: Future[T] = Future()
        loop.call_soon_threadsafe(self._begin, loop, coroutine, context, done)
        try:
            return done.result()
        finally:
            for variable, value in context.items():
                if variable.get(_ABSENT) is not value:
                    variable.set(value)
            del done  # an exception in it leads back here by its traceback

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Wait for anything that can be awaited, as :meth:`run` does for a coroutine."""
        return self.run(_await(awaitable))

    async def settle(self, awaitable: Awaitable[T]) -> T:
        """Do what :meth:`wait` does, for coroutines that the sync driver runs: it never suspends."""
        return self.wait(awaitable)

    @staticmethod
    def _begin(
        loop: Any,
        coroutine: Coroutine[Any, Any, T],
        context: contextvars.Context,
        done: Any,
    ) -> None:
        from concurrent.futures import CancelledError  # unlike asyncio's an Exception: nobody cancels the caller

        task = loop.create_task(_contained(coroutine), context=context)

        def finish(ended: Any) -> None:
            if ended.cancelled():
                done.set_exception(CancelledError())
            elif (error := ended.exception()) is not None:
                done.set_exception(error)
            else:
                result, error = ended.result()
                if error is not None:
                    done.set_exception(error)
                else:
                    done.set_result(result)

        task.add_done_callback(finish)

    def bridge(self, function: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
        """Turn a coroutine function into a function that runs it on the loop and waits."""

        def waiting(*args: Any, **kwargs: Any) -> T:
            return self.run(function(*args, **kwargs))

        waiting.__wrapped__ = function  # type: ignore[attr-defined]
        return waiting

    def iterate(self, source: AsyncIterator[T]) -> Iterator[T]:
        """Turn an asynchronous iterator into a plain one; closing it closes the source."""
        try:
            while True:
                try:
                    item = self.wait(anext(source))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                self.run(close())

    def stop(self) -> None:
        """Stop the loop and wait for what it runs to end; a later call starts a new one."""
        with self._lock:
            loop, self._loop = self._loop, None
            finalizer, self._finalizer = self._finalizer, None
        if loop is not None and finalizer is not None:
            finalizer()


_ABSENT: Any = object()


def _serve(loop: Any) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _stop(loop: Any, pid: int, thread: threading.Thread) -> None:
    """Stop a loop of this process and wait until its thread has closed it; a parent's loop is its own affair."""
    if pid == os.getpid() and not loop.is_closed():
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join(timeout=5)


async def _contained(coroutine: Coroutine[Any, Any, T]) -> tuple[T | None, BaseException | None]:
    """Keep what would end the loop, and with it everybody's waiting, from the task: it is raised where one waits."""
    try:
        return await coroutine, None
    except (SystemExit, KeyboardInterrupt) as error:
        return None, error


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable

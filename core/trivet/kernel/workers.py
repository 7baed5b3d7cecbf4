"""The threads in which synchronous views run under ASGI."""

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

#: A function, its arguments, the future of its result, and that future's event loop.
Job = tuple[Callable[..., Any], tuple[Any, ...], Any, Any]


def _make_future() -> Callable[[], Any]:
    """Return what makes the future of a job.

    Cancelling whoever waits for it waits for the thread first, which cannot be stopped. So nothing that follows,
    such as closing what the job is using, runs beside it.
    """
    import asyncio  # not at the top: an application under WSGI does without it

    class JobFuture(asyncio.Future[Any]):
        def cancel(self, msg: Any = None) -> bool:
            return False

    return JobFuture


class Workers:
    """A pool of daemon threads that hand results back to the event loop they were asked from.

    Leaner than an executor: one queue, and one wake-up of the loop for all results that are ready.

    :param limit: the largest number of threads; further jobs wait their turn.
    """

    def __init__(self, limit: int = 40) -> None:
        self.limit = limit
        self._threads = self._pid = 0

    def _begin(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = 0
        #: One token for each idle thread that no job has claimed; appending and popping are atomic.
        self._idle: deque[None] = deque()
        self._future = _make_future()
        self._pid = os.getpid()

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call ``function(*args)`` in a thread; return an :class:`asyncio.Future` of the running loop."""
        if self._pid != os.getpid():
            self._begin()  # threads do not survive a fork
        future = self._future()
        loop = future.get_loop()
        try:
            self._idle.pop()
        except IndexError:
            if self._threads < self.limit:
                self._start()
        self._jobs.put((function, args, future, loop))
        return future

    def _start(self) -> None:
        self._threads += 1  # only the event loop's thread comes here
        threading.Thread(target=self._work, name=f"trivet-worker-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        get = self._jobs.get
        while True:
            job = get()
            if job is None:
                return
            function, args, future, loop = job
            try:
                result, error = function(*args), None
            except BaseException as raised:
                if isinstance(raised, StopIteration):
                    raised = RuntimeError("A function in a worker thread raised StopIteration.")
                result, error = None, raised
            # Free from here on: the loop may hand out the next job before this thread has come round.
            self._idle.append(None)
            with suppress(RuntimeError):  # if the loop was closed meanwhile, nobody waits any more
                loop.call_soon_threadsafe(_settle, future, result, error)
            del job, function, args, future, loop, result, error

    def stop(self) -> None:
        """Let every thread end after its job."""
        for _ in range(self._threads):
            self._jobs.put(None)
        self._threads = 0


def _settle(future: Any, result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)

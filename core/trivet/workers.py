"""The threads in which synchronous views run under ASGI.

Jobs go there, and their results come back, through pipes. A thread that waits in a system call holds no lock that the
waking one still has, which is why a hop takes half of what it takes through a queue or an executor.
"""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: A function, its arguments, the future of its result, and who brings that to its event loop.
Job = tuple[Callable[..., Any], tuple[Any, ...], Any, "_Mailbox"]


class _End:
    """One end of a pipe, closed when nobody holds it any more."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.fd)


def _pipe() -> tuple[_End, _End]:
    reader, writer = os.pipe()
    return _End(reader), _End(writer)


class _Mailbox:
    """Brings results from the threads to one event loop."""

    def __init__(self, loop: Any) -> None:
        import asyncio  # not at the top: an application under WSGI does without it

        class JobFuture(asyncio.Future[Any]):
            """Cancelling whoever waits for it waits for the thread first, which cannot be stopped.

            So nothing that follows, such as closing what the job is using, runs beside it.
            """

            def cancel(self, msg: Any = None) -> bool:
                return False

        self.make_future = JobFuture
        self._loop = loop
        self._ended: deque[tuple[Any, Any, BaseException | None]] = deque()
        self._reader, self._writer = _pipe()
        os.set_blocking(self._reader.fd, False)
        try:
            loop.add_reader(self._reader.fd, _read, weakref.ref(self))  # weakly: see __del__
        except NotImplementedError:  # Windows' own event loop waits for no pipe
            self._wake = self._wake_plainly  # type: ignore[method-assign]

    def __del__(self) -> None:
        """Leave the loop, where it goes on: nobody asks these threads any more."""
        if not self._loop.is_closed():
            with suppress(RuntimeError):  # closed just now
                self._loop.call_soon_threadsafe(_leave, self._loop, self._reader)

    def tell(self, future: Any, result: Any, error: BaseException | None) -> None:
        """Bring one result to the loop: called in a thread. If the loop was closed meanwhile, nobody waits any more."""
        self._ended.append((future, result, error))
        self._wake()

    def _wake(self) -> None:
        os.write(self._writer.fd, b"\0")

    def _wake_plainly(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle)

    def _read(self) -> None:
        os.read(self._reader.fd, 4096)
        self._settle()

    def _settle(self) -> None:
        while self._ended:
            future, result, error = self._ended.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            elif isinstance(error, StopIteration):
                future.set_exception(RuntimeError("A function in a worker thread raised StopIteration."))
            else:
                future.set_exception(error)


def _read(reference: "weakref.ref[_Mailbox]") -> None:
    mailbox = reference()
    if mailbox is not None:
        mailbox._read()


def _leave(loop: Any, reader: _End) -> None:
    """Stop waiting for a pipe, whose end is open until then."""
    with suppress(NotImplementedError):
        loop.remove_reader(reader.fd)


class Workers:
    """A pool of daemon threads that hand results back to the event loop they were asked from.

    :param limit: the largest number of threads; further jobs wait their turn.
    """

    def __init__(self, limit: int = 40) -> None:
        self.limit = limit
        self._threads = self._pid = 0
        self._new_lock()
        # Whoever held it when the process forked is not there to let go of it.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_calling(weakref.WeakMethod(self._new_lock)))

    def _new_lock(self) -> None:
        #: Held while the pipe or a mailbox is made: several loops, each in a thread of its own, may be first at once.
        self._lock = threading.Lock()

    def _begin(self) -> None:
        self._jobs: deque[Job] = deque()
        #: For each job there is a byte in the pipe.
        self._reader, self._writer = _pipe()
        self._threads = 0
        #: One token for each idle thread that no job has claimed; appending and popping are atomic.
        self._idle: deque[None] = deque()
        self._mailboxes: dict[Any, _Mailbox] = {}
        self._pid = os.getpid()

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call ``function(*args)`` in a thread; return an :class:`asyncio.Future` of the running loop."""
        from asyncio import get_running_loop

        if self._pid != os.getpid():  # threads do not survive a fork
            with self._lock:
                if self._pid != os.getpid():
                    self._begin()
        loop = get_running_loop()
        mailbox = self._mailboxes.get(loop) or self._open_mailbox(loop)
        future = mailbox.make_future()
        try:
            self._idle.pop()
        except IndexError:
            if self._threads < self.limit:
                self._start()
        self._jobs.append((function, args, future, mailbox))
        os.write(self._writer.fd, b"\0")
        return future

    def _open_mailbox(self, loop: Any) -> _Mailbox:
        with self._lock:
            self._mailboxes = {old: mailbox for old, mailbox in self._mailboxes.items() if not old.is_closed()}
            found = self._mailboxes[loop] = _Mailbox(loop)
        return found

    def _start(self) -> None:
        self._threads += 1  # with several loops there may be one more for each
        arguments = (self._reader, self._jobs, self._idle)
        threading.Thread(target=_work, args=arguments, name=f"trivet-worker-{self._threads}", daemon=True).start()

    def stop(self) -> None:
        """Let every thread end after its job; a later call starts new ones."""
        self._pid = 0
        self._reader = self._writer = None  # type: ignore[assignment] # the threads come to the end of the pipe


def _calling(method: "weakref.WeakMethod[Callable[[], None]]") -> Callable[[], None]:
    """Return what calls a method of an object that may be gone by then."""

    def call() -> None:
        found = method()
        if found is not None:
            found()

    return call


def _work(reader: _End, jobs: "deque[Job]", idle: "deque[None]") -> None:
    """Do jobs until the other end of the pipe is closed: when the workers are stopped, or nobody has them any more."""
    while os.read(reader.fd, 1):
        function, args, future, mailbox = jobs.popleft()
        result, error = None, None
        try:
            result = function(*args)
        except BaseException as raised:
            error = raised
        # Free from here on: the loop may hand out the next job before this thread has come round.
        idle.append(None)
        mailbox.tell(future, result, error)
        del function, args, future, mailbox, result, error

"""The threads of synchronous views under ASGI: results, errors, limits, several loops, forks, nothing left open."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from trivet.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.stop()


def worker_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("trivet-worker-")}


def raising(error: BaseException) -> None:
    raise error


def test_a_function_runs_in_a_thread_with_its_arguments(workers: Workers) -> None:
    async def go() -> tuple[tuple[Any, ...], int]:
        found: tuple[tuple[Any, ...], int] = await workers.run(lambda *args: (args, threading.get_ident()), "one", 2)
        return found

    arguments, thread = asyncio.run(go())
    assert arguments == ("one", 2)
    assert thread != threading.get_ident()


@pytest.mark.parametrize("error", [ValueError("wrong"), SystemExit(3), KeyboardInterrupt()])
def test_what_a_function_raises_is_raised_where_it_is_awaited(workers: Workers, error: BaseException) -> None:
    async def go() -> BaseException | None:
        future = workers.run(raising, error)
        await asyncio.wait([future])
        found: BaseException | None = future.exception()
        return found

    assert asyncio.run(go()) is error


def test_a_stop_iteration_becomes_a_runtime_error(workers: Workers) -> None:
    async def go() -> None:
        await workers.run(next, iter([]))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(go())


def test_a_thread_survives_what_a_function_raises(workers: Workers) -> None:
    workers.limit = 1

    async def go() -> str:
        with pytest.raises(ValueError, match="wrong"):
            await workers.run(raising, ValueError("wrong"))
        found: str = await workers.run(lambda: "text")
        return found

    assert asyncio.run(go()) == "text"


def test_one_job_after_the_other_needs_one_thread(workers: Workers) -> None:
    async def go() -> set[int]:
        return {await workers.run(threading.get_ident) for _ in range(20)}

    assert len(asyncio.run(go())) == 1


def test_jobs_that_come_together_run_together(workers: Workers) -> None:
    barrier = threading.Barrier(5, timeout=10)

    async def go() -> None:
        await asyncio.gather(*(workers.run(barrier.wait) for _ in range(5)))

    asyncio.run(go())


def test_more_jobs_than_threads_wait_their_turn(workers: Workers) -> None:
    workers.limit = 3

    async def go() -> list[int]:
        return list(await asyncio.gather(*(workers.run(lambda number=number: number) for number in range(100))))

    before = worker_threads()
    assert asyncio.run(go()) == list(range(100))
    assert len(worker_threads() - before) <= 3


def test_who_is_cancelled_waits_for_the_thread_first(workers: Workers) -> None:
    begun, go_on, events = threading.Event(), threading.Event(), []

    def job() -> None:
        begun.set()
        go_on.wait(10)
        events.append("job")

    async def wait() -> None:
        try:
            await workers.run(job)
        finally:
            events.append("cancelled")

    async def go() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    assert events == ["job", "cancelled"]


def test_one_loop_after_the_other_is_served(workers: Workers) -> None:
    async def go() -> int:
        found: int = await workers.run(lambda: 1)
        return found

    assert [asyncio.run(go()) for _ in range(5)] == [1] * 5


def test_a_result_for_a_loop_that_was_closed_meanwhile_harms_nobody(workers: Workers) -> None:
    go_on = threading.Event()
    workers.limit = 1

    async def leave() -> None:
        workers.run(go_on.wait, 10)

    async def stay() -> str:
        found: str = await workers.run(lambda: "text")
        return found

    asyncio.run(leave())
    go_on.set()
    assert asyncio.run(stay()) == "text"


def test_workers_that_were_stopped_start_again(workers: Workers) -> None:
    async def go() -> str:
        found: str = await workers.run(lambda: "text")
        return found

    assert asyncio.run(go()) == "text"
    workers.stop()
    assert asyncio.run(go()) == "text"


def use_and_drop() -> set[threading.Thread]:
    """Use workers until nobody has them any more; return their threads."""
    before = worker_threads()

    async def go() -> None:
        workers = Workers()
        await asyncio.gather(*(workers.run(lambda: None) for _ in range(4)))

    asyncio.run(go())
    return worker_threads() - before


def test_threads_end_when_nobody_has_the_workers_any_more() -> None:
    threads = use_and_drop()
    gc.collect()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system does not list open files")
def test_nothing_is_left_open_when_nobody_has_the_workers_any_more() -> None:
    def use() -> int:
        for thread in use_and_drop():
            thread.join(10)
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    before = use()
    assert [use() for _ in range(3)] == [before] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    program = """
        import asyncio, os
        from trivet.workers import Workers

        workers = Workers()

        async def go():
            return await workers.run(os.getpid)

        assert asyncio.run(go()) == os.getpid()
        child = os.fork()
        assert asyncio.run(go()) == os.getpid()
        if child:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """
    # From 3.12 on Python warns about any fork of a process with threads; here nothing of them is used by the child.
    quiet = ["-W", "ignore:This process:DeprecationWarning"]
    command = [sys.executable, *quiet, "-c", textwrap.dedent(program)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_a_job_returned_is_not_kept_by_its_thread(workers: Workers) -> None:
    class Large:
        pass

    async def go() -> bool:
        import weakref

        found: Any = await workers.run(Large)
        reference = weakref.ref(found)
        del found
        await workers.run(gc.collect)
        return reference() is None

    assert asyncio.run(go())


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads that take turns as often as the interpreter allows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_loops_that_begin_at_once_all_get_their_results(workers: Workers) -> None:
    """Each opens a mailbox, and none may lose that of another."""
    count, found = 16, []

    async def ask(number: int) -> int:
        got: int = await workers.run(lambda: number)
        return got

    for _ in range(30):
        start = threading.Barrier(count)

        def loop(number: int, start: threading.Barrier = start) -> None:
            start.wait()
            found.append(asyncio.run(asyncio.wait_for(ask(number), 20)))

        threads = [threading.Thread(target=loop, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == sorted(list(range(count)) * 30)

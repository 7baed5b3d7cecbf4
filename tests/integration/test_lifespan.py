"""Serving begins and ends: hooks of each serving process, a request in flight, nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .servers import PATIENT, TWO_WORKERS, Ended, Running, wait_until


def test_startup_runs_once_in_the_process_that_serves(served: Running) -> None:
    process = served.ask("GET", "/sync").json()["process"]
    assert served.processes_noted("startup") == [str(process)]


@pytest.mark.parametrize("ended", PATIENT, indirect=True)
def test_a_request_in_flight_is_finished_before_the_server_ends(ended: Ended) -> None:
    assert ended.in_flight == "finished"


def test_shutdown_runs_once_in_the_process_that_served(ended: Ended) -> None:
    assert [line for line in ended.notes if line.startswith("shutdown ")] == [f"shutdown {ended.process}"]


@pytest.mark.parametrize("ended", PATIENT, indirect=True)
def test_shutdown_runs_after_the_request_in_flight(ended: Ended) -> None:
    last = [line.split()[0] for line in ended.notes if line.startswith(("teardown ", "shutdown "))]
    assert last == ["teardown", "shutdown"]


def test_no_process_is_left(ended: Ended) -> None:
    assert not ended.survivors


def test_every_worker_starts_up_and_shuts_down_once(tmp_path: Path, need_module: Callable[[str], str]) -> None:
    need_module(TWO_WORKERS.needs)
    running = Running(TWO_WORKERS, tmp_path, behind_proxy=False)
    try:
        running.start()
        wait_until(lambda: len(running.processes_noted("startup")) >= 2, "a second startup", running.notes)
    finally:
        running.stop()
    started = running.processes_noted("startup")
    assert len(set(started)) == 2
    assert sorted(running.processes_noted("shutdown")) == sorted(started)
    assert not running.survivors

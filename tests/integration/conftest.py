"""Fixtures: fleets of real servers, started once and only as far as the chosen tests need them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .browser import browser, visitor
from .nginx import Nginx
from .servers import FORBIDDEN_IN_LOGS, NAMES, SERVERS, VARIANTS, Ended, Fleet, Running, end

__all__ = ["browser", "visitor"]  # fixtures, which the tests find here

Factory = pytest.TempPathFactory

REPORT_CHARACTERS = 6000
BY_NAME = {server.name: server for server in (*SERVERS, *VARIANTS)}
_logs = pytest.StashKey[list[tuple[Path, int]]]()


def started(
    request: pytest.FixtureRequest,
    factory: Factory,
    fixture: str,
    behind_proxy: bool = False,
) -> Iterator[Fleet]:
    """Keep a fleet of the servers that the chosen tests ask for through a fixture."""
    callspecs = (getattr(item, "callspec", None) for item in request.session.items)
    names = {spec.params[fixture] for spec in callspecs if spec is not None and fixture in spec.params}
    fleet = Fleet(factory.mktemp(fixture), [BY_NAME[name] for name in sorted(names)], behind_proxy)
    yield fleet
    fleet.stop()


@pytest.fixture
def watch(request: pytest.FixtureRequest) -> Iterator[Callable[[Running], Running]]:
    """Hand a running server over; note its log for the report; fail if it printed what it never should."""
    watched: list[tuple[Running, int]] = []

    def begin(running: Running) -> Running:
        before = running.log.stat().st_size
        request.node.stash.setdefault(_logs, []).append((running.log, before))
        watched.append((running, before))
        return running

    yield begin
    for running, before in watched:
        printed = running.log.read_bytes()[before:].decode(errors="replace")
        found = [phrase for phrase in FORBIDDEN_IN_LOGS if phrase in printed]
        assert not found, f"{running.server.name} printed {found}:\n{printed[-REPORT_CHARACTERS:]}"


def watched(request: pytest.FixtureRequest, fleet: Fleet) -> Running:
    """Return the running server that a test is parametrised with, under watch."""
    server = BY_NAME[request.param]
    request.getfixturevalue("need_program" if server.is_program else "need_module")(server.needs)
    running: Running = request.getfixturevalue("watch")(fleet.get(server.name))
    return running


@pytest.fixture(scope="session")
def fleet(request: pytest.FixtureRequest, tmp_path_factory: Factory) -> Iterator[Fleet]:
    """Servers that the client reaches directly."""
    yield from started(request, tmp_path_factory, "served")


@pytest.fixture(scope="session")
def proxied_fleet(request: pytest.FixtureRequest, tmp_path_factory: Factory) -> Iterator[Fleet]:
    """Servers of an application that trusts the one proxy in front of it."""
    yield from started(request, tmp_path_factory, "proxied", behind_proxy=True)


@pytest.fixture(scope="session")
def ending_fleet(request: pytest.FixtureRequest, tmp_path_factory: Factory) -> Iterator[Fleet]:
    """Servers that are told to stop while tests still look at them."""
    yield from started(request, tmp_path_factory, "ended")


@pytest.fixture(scope="session")
def nginx(proxied_fleet: Fleet, tmp_path_factory: Factory) -> Iterator[Nginx]:
    """nginx before the proxied servers, each under the path prefix of its name."""
    upstreams = {running.server.name: running.port for running in proxied_fleet.start()}
    nginx = Nginx(tmp_path_factory.mktemp("nginx"), upstreams)
    nginx.start()
    yield nginx
    nginx.stop()


@pytest.fixture(params=NAMES)
def served(request: pytest.FixtureRequest, fleet: Fleet) -> Running:
    """Each server in turn, reached directly."""
    return watched(request, fleet)


@pytest.fixture(params=NAMES)
def proxied(request: pytest.FixtureRequest, proxied_fleet: Fleet) -> Running:
    """Each server in turn behind nginx, under the path prefix of its name."""
    request.getfixturevalue("need_program")("nginx")
    return watched(request, proxied_fleet)


@pytest.fixture(scope="session")
def all_ended(ending_fleet: Fleet) -> dict[str, Ended]:
    """All servers of their fleet, told to stop side by side."""
    runnings = ending_fleet.start()
    with ThreadPoolExecutor(max(1, len(runnings))) as pool:
        ended = pool.map(end, runnings)
        return {running.server.name: each for running, each in zip(runnings, ended, strict=True)}


@pytest.fixture(params=NAMES)
def ended(request: pytest.FixtureRequest, ending_fleet: Fleet, all_ended: dict[str, Ended]) -> Ended:
    """Each server in turn, after it was told to stop."""
    return all_ended[watched(request, ending_fleet).server.name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the server printed during a test that failed."""
    report = yield
    if report.failed:
        for log, before in item.stash.get(_logs, []):
            printed = log.read_bytes()[before:].decode(errors="replace")[-REPORT_CHARACTERS:]
            report.sections.append((f"log of {log.parent.name}", printed))
    return report

"""Measure every contender side by side and say which goals are met: the command of this folder."""

import argparse
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that this file runs as it is, and the workers find what it finds

from benchmarks.counting import count_instructions  # noqa: E402
from benchmarks.goals import BUILD, EXTRA_FIGURES, GOALS, IMPORT, INSTRUCTIONS, Figure, needed  # noqa: E402
from benchmarks.report import Results, print_report  # noqa: E402
from benchmarks.workloads import CONTENDERS, WORKLOADS  # noqa: E402

TURN_SECONDS = 0.3
ANSWER_SECONDS = 300
#: What an import costs, in CPU milliseconds of a fresh process.
TIME_IMPORT = "import time; begin = time.process_time(); import {}; print((time.process_time() - begin) * 1e3)"


class Failed(Exception):
    """A process that could not do what it was told; the message says why."""


class Process:
    """A worker with one application, in a process of its own."""

    def __init__(self, contender: str, part: str, size: int, cpu: int | None, log: Any) -> None:
        options = {"contender": contender, "part": part, "size": size, "cpu": cpu}
        command = [sys.executable, "-m", "benchmarks.worker", json.dumps(options)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        try:
            self.offered = bool(self.read()["offered"])
        except Failed:
            self.close()
            raise

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], ANSWER_SECONDS)[0]:
            self.process.kill()
            raise Failed(f"no answer in {ANSWER_SECONDS} seconds")
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the process ended with status {self.process.wait()}")
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            raise Failed(told["error"])
        return told

    def tell(self, **command: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(command).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"the process ended with status {self.process.wait()}") from None
        return self.read()

    def close(self) -> None:
        """End the process: it ends by itself when its input does."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def environment() -> dict[str, str]:
    """Return an environment in which hashes, and so the order in memory, are the same in every process."""
    return {**os.environ, "PYTHONHASHSEED": "0"}


class Cell:
    """One contender at one workload: verified, and as many requests as fill a turn."""

    def __init__(self, process: Process, workload: str, requests: int) -> None:
        self.process, self.workload = process, workload
        self.count = 20
        once = self.turn()
        self.count = max(20, min(requests, int(TURN_SECONDS * 1e6 / max(once, 1))))

    def turn(self) -> float:
        told = self.process.tell(do="time", name=self.workload, count=self.count)
        return float(told["us"])


class Bench:
    """Starts the processes, verifies every answer, and times the cells round by round."""

    def __init__(self, options: argparse.Namespace, log: Any) -> None:
        self.options, self.log = options, log
        self.results = Results()
        self.cells: dict[Figure, Cell] = {}

    def wanted(self) -> list[Figure]:
        every = [(contender, workload) for workload in self.options.workloads for contender in self.options.contenders]
        return [figure for figure in every if not self.options.quick or figure in needed(GOALS)]

    @contextmanager
    def processes(self) -> Iterator[None]:
        """Start what is wanted, a process for each application, and end it all."""
        started: dict[tuple[str, str, int], Process | None] = {}
        with ExitStack() as stack:
            for contender, name in self.wanted():
                workload = WORKLOADS[name]
                key = (contender, workload.part, workload.size)
                if key not in started:
                    started[key] = self.start(key, name)
                    if (process := started[key]) is not None:
                        stack.callback(process.close)
                if (process := started[key]) is not None:
                    self.prepare((contender, name), process)
            running = sum(one is not None for one in started.values())
            say(f"{len(self.cells)} workloads verified, in {running} processes")
            yield

    def start(self, key: tuple[str, str, int], name: str) -> Process | None:
        contender, part, size = key
        try:
            process = Process(contender, part, size, self.options.cpu, self.log)
        except Failed as failure:
            self.results.fail((contender, name), f"did not start: {failure}")
            return None
        if process.offered:
            return process
        process.close()
        return None

    def prepare(self, figure: Figure, process: Process) -> None:
        contender, name = figure
        try:
            told = process.tell(do="verify", name=name)
            if name == "routes5000":
                self.results.add((contender, BUILD), told["spent"])
            if not told["length"]:
                self.results.note(figure, "sends no Content-Length: less work here, more for the server")
            self.cells[figure] = Cell(process, name, self.options.requests)
        except Failed as failure:
            self.results.fail(figure, str(failure))

    def measure(self) -> None:
        """Time every cell once a round; who comes first changes from round to round."""
        for number in range(self.options.rounds):
            for name in self.options.workloads:
                for figure in rotated([figure for figure in self.cells if figure[1] == name], number):
                    try:
                        self.results.add(figure, self.cells[figure].turn())
                    except Failed as failure:
                        self.results.fail(figure, str(failure))
                        del self.cells[figure]
            say(f"round {number + 1} of {self.options.rounds}")

    def measure_imports(self) -> None:
        """Time imports in fresh processes; the first one of each only writes its bytecode."""
        figures = [(contender, IMPORT) for contender in self.options.contenders]
        figures = [figure for figure in figures if not self.options.quick or figure in needed(GOALS)]
        for number in range(self.options.imports + 1):
            for figure in rotated(figures, number):
                command = [sys.executable, "-c", TIME_IMPORT.format(CONTENDERS[figure[0]].package)]
                done = subprocess.run(command, env=environment(), capture_output=True, text=True)
                if done.returncode:
                    if number == 0:
                        self.results.fail(figure, done.stderr.strip().rpartition("\n")[2])
                elif number:
                    self.results.add(figure, float(done.stdout))

    def count(self) -> None:
        """Count the instructions of ``/json`` under WSGI."""
        for contender in self.options.contenders:
            figure = (contender, INSTRUCTIONS)
            if CONTENDERS[contender].protocol != "wsgi" or (self.options.quick and figure not in needed(GOALS)):
                continue
            say(f"counting the instructions of {contender}")
            try:
                self.results.add(figure, count_instructions(contender, "json", ROOT))
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                self.results.fail(figure, str(error))


def rotated(figures: list[Figure], number: int) -> list[Figure]:
    start = number % len(figures) if figures else 0
    return figures[start:] + figures[:start]


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def some_of(known: Iterable[str]) -> Any:
    """Return a reader of lists such as "flask,trivet" that refuses what is not known."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"there is no {name!r}; there are {', '.join(known)}")
        return names

    return read


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, and only what the goals compare")
    parser.add_argument("--rounds", type=int, help="turns of each workload (15; quick: 4)")
    parser.add_argument("--requests", type=int, default=2000, help="requests of a turn, fewer where they are slow")
    parser.add_argument("--imports", type=int, help="fresh processes that time an import (10; quick: 5; 0: none)")
    parser.add_argument("--contenders", type=some_of(CONTENDERS), default=list(CONTENDERS), metavar="A,B")
    parser.add_argument("--workloads", type=some_of(WORKLOADS), default=list(WORKLOADS), metavar="A,B")
    parser.add_argument("--count", action="store_true", help="count instructions of /json too (needs valgrind; slow)")
    parser.add_argument("--cpu", type=int, default=last_cpu(), help="the core that applications run on (the last one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure of every round there")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write what applications print there")
    options = parser.parse_args()
    options.rounds = (4 if options.quick else 15) if options.rounds is None else options.rounds
    options.imports = (5 if options.quick else 10) if options.imports is None else options.imports
    return options


def last_cpu() -> int | None:
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def save(results: Results, path: Path | None) -> None:
    """Write every figure of every round, if a file was asked for."""
    if path is not None:
        figures = [{"contender": who, "figure": what, "values": found} for (who, what), found in results.values.items()]
        path.write_text(json.dumps({"figures": figures, "failures": results.failures}, indent=1), encoding="utf-8")


def main() -> int:
    options = parse()
    with open(options.log or os.devnull, "w", encoding="utf-8") as log:
        bench = Bench(options, log)
        with bench.processes():
            bench.measure()
        save(bench.results, options.json)  # a run takes long: what stops it later must not cost what is measured
        bench.measure_imports()
        save(bench.results, options.json)
        if options.count:
            bench.count()
            save(bench.results, options.json)
    print_report(bench.results, list(CONTENDERS), [*WORKLOADS, *EXTRA_FIGURES])
    return 1 if bench.results.failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""A process with one application of one contender: makes it, verifies its answers, times it when told to."""

import gc
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from .clients import Client, WSGIClient, client_for, verify
from .workloads import CONTENDERS, WORKLOADS, Answer, Workload, WrongAnswer

Told = dict[str, Any]


def make_app(contender: str, part: str, size: int) -> Any:
    """Return the application; None if the contender does not have this part."""
    one = CONTENDERS[contender]
    return importlib.import_module(f"benchmarks.apps.{one.app}").make_app(part, size, one.style)


@dataclass
class Timed:
    """A workload whose answer is right."""

    workload: Workload
    cookie: str
    answer: Answer


class Worker:
    """Answers commands about one application."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ready: dict[str, Timed] = {}

    def verify(self, name: str) -> Told:
        """Check the answer; say whether it has a length, and the CPU seconds of this process until now."""
        cookie, answer = verify(self.client, WORKLOADS[name])
        spent = time.process_time()
        self.ready[name] = Timed(WORKLOADS[name], cookie, answer)
        return {"length": answer.header("content-length") != "", "spent": spent}

    def time(self, name: str, count: int) -> Told:
        """Return CPU microseconds per request, after a short warm-up.

        :raises WrongAnswer: if statuses or sizes differ from those of the verified answer.
        """
        timed = self.ready[name]
        self.client.time(timed.workload, timed.cookie, max(10, count // 20))
        turn = self.client.time(timed.workload, timed.cookie, count)
        if turn.statuses != {timed.answer.status} or turn.size != count * len(timed.answer.body):
            raise WrongAnswer(f"while timed: statuses {turn.statuses}, {turn.size / count:.1f} bytes an answer")
        return {"us": turn.seconds / count * 1e6}


def serve(worker: Worker, commands: TextIO, say: Callable[[Told], None]) -> None:
    """Do what the lines of ``commands`` say, one answer each."""
    known: dict[str, Callable[..., Told]] = {"verify": worker.verify, "time": worker.time}
    for line in commands:
        told = json.loads(line)
        try:
            say(known[told.pop("do")](**told))
        except Exception as error:
            traceback.print_exc()
            say({"error": f"{type(error).__name__}: {error}"})


def count(client: Client, name: str, requests: int, empty: bool) -> None:
    """Ask so often and end, for a tool that counts instructions; ``empty``: an application that does nothing."""
    cookie, _ = verify(client, WORKLOADS[name])
    if empty:
        client = WSGIClient(nothing)
    gc.disable()
    client.time(WORKLOADS[name], cookie, requests)


def nothing(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [])
    return []


def main() -> None:
    options = json.loads(sys.argv[1])
    if options["cpu"] is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options["cpu"]})
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what an application prints is not an answer to the driver

    def say(told: Told) -> None:
        print(json.dumps(told), file=output, flush=True)

    try:
        app = make_app(options["contender"], options["part"], options["size"])
        client = client_for(app, CONTENDERS[options["contender"]].protocol)
        if app is not None:
            client.open()
    except Exception as error:
        traceback.print_exc()
        return say({"error": f"{type(error).__name__}: {error}"})
    if app is None:
        return say({"offered": False})
    if "count" in options:
        return count(client, options["workload"], options["count"], options["empty"])
    say({"offered": True})
    serve(Worker(client), sys.stdin, say)
    return client.close()


if __name__ == "__main__":
    main()

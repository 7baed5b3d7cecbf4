"""Instructions per request, by callgrind: slow, and nearly the same on every run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from .workloads import WORKLOADS

FEW, MANY = 50, 250
TOOL = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]


def count_instructions(contender: str, workload: str, root: Path) -> float:
    """Return the instructions of one request under WSGI, without those that the client spends on asking.

    Two runs of different length are subtracted, so that start and setup drop out.

    :raises OSError: if there is no valgrind.
    :raises subprocess.CalledProcessError: if the application failed under it.
    """
    return per_request(contender, workload, False, root) - per_request(contender, workload, True, root)


def per_request(contender: str, workload: str, empty: bool, root: Path) -> float:
    few, many = (total(contender, workload, count, empty, root) for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def total(contender: str, workload: str, count: int, empty: bool, root: Path) -> int:
    one = WORKLOADS[workload]
    options = {"contender": contender, "part": one.part, "size": one.size, "cpu": None}
    options |= {"workload": workload, "count": count, "empty": empty}
    command = [*TOOL, sys.executable, "-m", "benchmarks.worker", json.dumps(options)]
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise ValueError(f"callgrind gave no total: {done.stderr[-200:]}")
    return int(found[1])

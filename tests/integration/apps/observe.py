"""A local plugin that writes down when serving begins and ends, and in which process."""

import os
from pathlib import Path

from trivet import Trivet, hookimpl


def note(event: str) -> None:
    """Write down an event with the number of the process."""
    with Path(os.environ["SERVED_NOTES"]).open("a") as file:
        file.write(f"{event} {os.getpid()}\n")


@hookimpl
def trivet_startup(app: Trivet) -> None:
    """Note that a process begins to serve."""
    note("startup")


@hookimpl
def trivet_shutdown(app: Trivet) -> None:
    """Note that a process ends serving."""
    note("shutdown")

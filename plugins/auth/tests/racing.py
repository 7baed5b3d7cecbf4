"""What tests of many at once share: a store in which somebody else is faster, and processes that begin together."""

import subprocess
import sys
from collections.abc import Callable

from trivet_auth.records import Record
from trivet_auth.stores.memory import MemoryStore


class Raced(MemoryStore):
    """A store where somebody else is faster: what a test says happens just before the next write.

    :ivar rival: what the other one does, once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rival: Callable[[], object] | None = None

    def put(self, kind: str, key: str, record: Record, *, expect: int | None = None) -> bool:
        rival, self.rival = self.rival, None
        if rival is not None:
            rival()
        return super().put(kind, key, record, expect=expect)


class Refusing(MemoryStore):
    """A store where somebody else is faster all the time.

    :ivar asked: how often a record that is there was to be written.
    """

    def __init__(self, takes_new: bool = True) -> None:
        super().__init__()
        self.takes_new = takes_new
        self.asked = 0

    def put(self, kind: str, key: str, record: Record, *, expect: int | None = None) -> bool:
        if expect == 0 and self.takes_new:
            return super().put(kind, key, record, expect=expect)
        self.asked += 1
        return False


def in_processes(code: str, count: int, *arguments: str) -> list[str]:
    """Run some code in several processes, which begin together when all have printed ``ready``; return what follows."""
    command = [sys.executable, "-c", code, *arguments]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    for one in started:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in started:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    return [one.communicate(timeout=50)[0] for one in started]

"""Throttling: tries that fail, succeed or are lost, in any order."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trivet_auth.stores.memory import MemoryStore
from trivet_auth.throttle import Bucket, Throttle

from .store_homes import Clock

WINDOW = 900.0
ACCOUNT = Bucket("login.account", "ada@example.com", 3, WINDOW)
ADDRESS = Bucket("login.address", "192.0.2.7", 5, WINDOW)


class Sequences(RuleBasedStateMachine):
    """Tries that fail, succeed or are lost, in any order, compared with a list of all that count."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.throttle = Throttle(MemoryStore(), self.clock)
        self.counted: list[float] = []
        self.reserved: list[float] = []

    def alive(self) -> list[float]:
        return sorted(at for at in self.counted + self.reserved if self.clock.now < at + WINDOW)

    def expected(self) -> float:
        alive = self.alive()
        return alive[len(alive) - ACCOUNT.limit] + WINDOW - self.clock.now if len(alive) >= ACCOUNT.limit else 0.0

    @rule()
    def reserve(self) -> None:
        expected = self.expected()
        assert self.throttle.reserve(ACCOUNT) == expected
        if not expected:
            self.reserved.append(self.clock.now)

    def newest(self) -> float | None:
        waiting = [at for at in self.reserved if self.clock.now < at + WINDOW]
        self.reserved = waiting[:-1]
        return waiting[-1] if waiting else None

    @precondition(lambda self: self.reserved)
    @rule()
    def fail(self) -> None:
        at = self.newest()
        self.throttle.failed(ACCOUNT)
        self.counted.append(self.clock.now if at is None else at)

    @precondition(lambda self: self.reserved)
    @rule()
    def succeed(self) -> None:
        self.newest()
        self.throttle.succeeded(ACCOUNT)

    @rule()
    def fail_without_a_reservation(self) -> None:
        if not self.reserved:
            self.throttle.failed(ACCOUNT)
            self.counted.append(self.clock.now)

    @rule(seconds=st.sampled_from([0.5, 1.0, WINDOW / 2, WINDOW - 1, WINDOW, WINDOW * 3]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def wait_as_told(self) -> None:
        self.clock.now += self.throttle.check(ACCOUNT)
        assert self.throttle.check(ACCOUNT) == 0

    @invariant()
    def the_wait_is_that_of_the_list(self) -> None:
        assert self.throttle.check(ACCOUNT) == self.expected()


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(st.integers(1, 250), st.lists(st.integers(0, 400), min_size=1, max_size=300))
@settings(deadline=None, max_examples=40)
def test_no_window_ever_has_more_tries_than_the_limit(limit: int, pauses: list[int]) -> None:
    clock, bucket = Clock(), Bucket("login", "key", limit, WINDOW)
    throttle, let_through = Throttle(MemoryStore(), clock), list[float]()
    for pause in pauses:
        clock.now += pause
        if not throttle.reserve(bucket):
            let_through.append(clock.now)
    for at in let_through:
        assert sum(at <= one < at + WINDOW for one in let_through) <= limit

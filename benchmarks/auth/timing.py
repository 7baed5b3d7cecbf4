"""Time refused sign-ins of several kinds, and say whether the time tells them apart.

The kinds take turns, in another order in every round, so that nothing the machine does meanwhile falls on one of them.
Each is compared with the wrong password of a usual account: the medians, the chance that a try of the kind takes longer
than one of the usual account (0.5 if the time tells nothing), and p of a Mann-Whitney test, two-sided, with Holm's
correction for several comparisons. "usual again" is the same as the usual account and shows what chance does. "outdated
hash" is meant to differ: only a stored hash of today's parameters takes today's time.

The exit status is 1 if a kind that must not differ does: p is below 0.01, and its chance more than 0.1 away from 0.5.
"""

import argparse
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from werkzeug.security import generate_password_hash

from trivet_auth.passwords import Passwords

USUAL = "wrong password"
#: The kind whose time tells, as is documented.
DIFFERS = "outdated hash"
SIGNIFICANT = 0.01
#: How far from 0.5 a chance may be.
TOLERATED = 0.1

Job = Callable[[], object]


@dataclass
class Comparison:
    """A kind and the usual account.

    :ivar median: of the kind, in seconds.
    :ivar chance: that a try of the kind takes longer than one of the usual account.
    :ivar p: how probable a chance as far from 0.5 is if the kinds do not differ.
    """

    name: str
    median: float
    chance: float
    p: float

    @property
    def is_telling(self) -> bool:
        return self.p < SIGNIFICANT and abs(self.chance - 0.5) > TOLERATED


def jobs(passwords: Passwords) -> dict[str, Job]:
    """Return what is timed, by its name; every one is refused."""
    usual, locked = passwords.hash("a good password"), passwords.hash("another good password")
    outdated = generate_password_hash("a good password", "scrypt")

    def of_locked() -> bool:
        # as a sign-in does it: the password is verified first, and the lock looked at after that
        return not passwords.verify(locked, "another good password").ok

    return {
        USUAL: lambda: passwords.verify(usual, "a wrong password"),
        "usual again": lambda: passwords.verify(usual, "a wrong password"),
        "unknown user": lambda: passwords.verify(None, "a wrong password"),
        "locked user": of_locked,
        "unreadable hash": lambda: passwords.verify("!", "a wrong password"),
        "oversized password": lambda: passwords.verify(usual, "x" * 100_000),
        "oversized, unknown": lambda: passwords.verify(None, "x" * 100_000),
        DIFFERS: lambda: passwords.verify(outdated, "a wrong password"),
    }


def measure(kinds: Mapping[str, Job], rounds: int, seed: int) -> dict[str, list[float]]:
    """Time every kind once in each round, and return the seconds."""
    order, taken = random.Random(seed), {name: list[float]() for name in kinds}
    for number in range(rounds + 1):
        for name in order.sample(list(kinds), len(kinds)):
            began = time.perf_counter()
            kinds[name]()
            if number:  # the first round only warms up
                taken[name].append(time.perf_counter() - began)
    return taken


def mann_whitney(ones: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Return the chance that one of the first is greater than one of the others, and p of the test.

    The normal approximation with a correction for ties and for continuity, which does from 20 values on.
    """
    n, m = len(ones), len(others)
    ranks, ties = _ranks([*ones, *others])
    u = sum(ranks[:n]) - n * (n + 1) / 2
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    z = max(abs(u - n * m / 2) - 0.5, 0) / math.sqrt(variance) if variance else 0.0
    return u / (n * m), math.erfc(z / math.sqrt(2))


def _ranks(values: Sequence[float]) -> tuple[list[float], int]:
    """Return the rank of each value, those of equal ones being their mean, and the sum of t³ - t over the ties."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, ties, at = [0.0] * len(values), 0, 0
    while at < len(order):
        end = at
        while end < len(order) and values[order[end]] == values[order[at]]:
            end += 1
        for place in order[at:end]:
            ranks[place] = (at + 1 + end) / 2
        ties += (end - at) ** 3 - (end - at)
        at = end
    return ranks, ties


def holm(ps: Sequence[float]) -> list[float]:
    """Correct the p of several comparisons, so that one by chance among them all is as rare as one."""
    corrected, least = [1.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        least = corrected[at] = min(1.0, max(least, ps[at] * (len(ps) - rank)))
    return corrected


def compare(taken: Mapping[str, Sequence[float]]) -> list[Comparison]:
    """Compare every kind with the usual account."""
    names = [name for name in taken if name != USUAL]
    found = [mann_whitney(taken[name], taken[USUAL]) for name in names]
    ps = holm([p for _, p in found])
    return [
        Comparison(name, statistics.median(taken[name]), chance, p)
        for name, (chance, _), p in zip(names, found, ps, strict=True)
    ]


def report(taken: Mapping[str, Sequence[float]], compared: Sequence[Comparison]) -> None:
    usual = statistics.median(taken[USUAL])
    print(f"{len(taken[USUAL])} tries of each kind")
    print(f"{'':20}  median ms  differs by  chance         p")
    print(f"{USUAL:20}  {usual * 1e3:9.3f}")
    for one in compared:
        line = f"{one.name:20}  {one.median * 1e3:9.3f}  {(one.median / usual - 1) * 100:+9.2f}%  {one.chance:6.3f}"
        print(f"{line}  {one.p:8.2g}{'  tells' if one.is_telling else ''}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="tries of each kind (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the order in which they take turns")
    parser.add_argument("--time-cost", type=int, default=3)
    parser.add_argument("--memory-cost", type=int, default=65_536, metavar="KIB")
    parser.add_argument("--parallelism", type=int, default=4)
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.rounds < 20:
        sys.exit("The test needs at least 20 rounds.")
    passwords = Passwords(options.time_cost, options.memory_cost, options.parallelism)
    taken = measure(jobs(passwords), options.rounds, options.seed)
    compared = compare(taken)
    report(taken, compared)
    telling = [one.name for one in compared if one.is_telling and one.name != DIFFERS]
    print(f"\nThe time tells: {', '.join(telling)}." if telling else "\nThe time tells nothing that it must not.")
    return int(bool(telling))


if __name__ == "__main__":
    sys.exit(main())

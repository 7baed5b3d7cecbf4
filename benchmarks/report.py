"""The figures of a run, as tables and as goals met or missed."""

import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from .goals import EXTRA_FIGURES, GOALS, Figure, Goal
from .workloads import CONTENDERS

BASE = "flask"


@dataclass
class Results:
    """What was measured: the value of every round, and what went wrong."""

    values: dict[Figure, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, figure: Figure, value: float) -> None:
        self.values.setdefault(figure, []).append(value)

    def fail(self, figure: Figure, why: str) -> None:
        """Keep what went wrong, and nothing of the figure: what may be wrong is not shown."""
        self.values.pop(figure, None)
        self.failures.append(f"{figure[0]} {figure[1]}: {why}")

    def note(self, figure: Figure, text: str) -> None:
        self.notes.append(f"{figure[0]} {figure[1]}: {text}")

    def best(self, figure: Figure) -> float | None:
        """Return the least of the rounds: what others on the machine cost is least in it."""
        return min(self.values[figure]) if figure in self.values else None

    def median(self, figure: Figure) -> float | None:
        return statistics.median(self.values[figure]) if figure in self.values else None

    def ratio(self, figure: Figure, base: Figure) -> float | None:
        found, of = self.best(figure), self.best(base)
        return None if found is None or not of else found / of


@dataclass(frozen=True)
class Verdict:
    """A goal and the value that was reached; ``None`` if it was not measured."""

    goal: Goal
    value: float | None

    @property
    def word(self) -> str:
        if self.value is None:
            return "not measured"
        met = self.value < self.goal.limit if self.goal.below else self.value <= self.goal.limit
        return "met" if met else f"MISSED by {self.value / self.goal.limit - 1:.0%}"


def judge(goals: Sequence[Goal], results: Results) -> list[Verdict]:
    """Return each goal with what was reached: a ratio of best rounds, or the best round itself."""
    return [
        Verdict(goal, results.best(goal.figure) if goal.against is None else results.ratio(goal.figure, goal.against))
        for goal in goals
    ]


def number(value: float | None) -> str:
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return aligned columns, the first ``left`` of them to the left."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = []
    for row in [head, *rows]:
        pairs = list(zip(row, widths, strict=True))
        cells = [cell.ljust(width) for cell, width in pairs[:left]] + [
            cell.rjust(width) for cell, width in pairs[left:]
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def print_report(results: Results, contenders: Sequence[str], figures: Sequence[str]) -> None:
    """Print the tables of each protocol, the goals, and what went wrong."""
    for protocol in ("wsgi", "asgi"):
        rows = [
            name
            for name in contenders
            if CONTENDERS[name].protocol == protocol and any(who == name for who, _ in results.values)
        ]
        columns = [name for name in figures if any((row, name) in results.values for row in rows)]
        if rows and columns:
            print_tables(protocol.upper(), results, rows, columns)
    print_goals(judge(GOALS, results))
    for title, lines in (("Notes", results.notes), ("Not measured, because the answer failed", results.failures)):
        if lines:
            print(f"\n{title}\n" + "\n".join(f"  {line}" for line in lines))
    print(f"\nPython {platform.python_version()}, {platform.system()} {platform.machine()}")


def print_tables(title: str, results: Results, rows: Sequence[str], columns: Sequence[str]) -> None:
    units = ", ".join(f"{name} in {unit}" for name, unit in EXTRA_FIGURES.items() if name in columns and name != unit)
    unit = f"CPU µs per request{f'; {units}' if units else ''}"
    for what, value in (("best round", results.best), ("median", results.median)):
        cells = [[row, *(number(value((row, name))) for name in columns)] for row in rows]
        print(f"\n{title}, {what} ({unit})\n{table([what, *columns], cells)}")
    cells = [[row, *(number(results.ratio((row, name), (BASE, name))) for name in columns)] for row in rows]
    if any(cell != "-" for row in cells for cell in row[1:]):
        print(f"\n{title}, share of {BASE} on WSGI (best round by best round)\n{table(['share', *columns], cells)}")


def print_goals(verdicts: Sequence[Verdict]) -> None:
    rows = []
    for verdict in verdicts:
        goal = verdict.goal
        sign = "<" if goal.below else "≤"
        base = f" × {goal.against[0]} {goal.against[1]}" if goal.against else f" {EXTRA_FIGURES[goal.figure[1]]}"
        limit = f"{goal.limit:,g}" if goal.against is None else f"{goal.limit:.2f}"
        rows.append([" ".join(goal.figure), f"{sign} {limit}{base}", number(verdict.value), verdict.word])
    print(f"\nGoals\n{table(['figure', 'limit', 'reached', ''], rows, left=2)}")
    words = [verdict.word for verdict in verdicts]
    met, unknown = words.count("met"), words.count("not measured")
    print(f"{met} of {len(words)} met, {len(words) - met - unknown} missed, {unknown} not measured")

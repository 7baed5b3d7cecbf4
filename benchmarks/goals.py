"""What Trivet has to reach, as data: a figure of one contender against one of another, or a limit by itself."""

from collections.abc import Iterable
from dataclasses import dataclass

#: Figures beside the microseconds of each workload, with their units.
BUILD = "build5000"
IMPORT = "import"
INSTRUCTIONS = "instructions"
EXTRA_FIGURES = {BUILD: "s", IMPORT: "ms", INSTRUCTIONS: "instructions"}

Figure = tuple[str, str]


@dataclass(frozen=True)
class Goal:
    """A figure (contender, workload) is at most ``limit`` times another one, or at most ``limit`` units.

    :ivar below: the figure has to be less than the limit, not just at most.
    """

    figure: Figure
    limit: float
    against: Figure | None = None
    below: bool = False


def against(base: str, contender: str, limits: dict[str, float]) -> list[Goal]:
    """Return a goal per workload, each against the same workload of the contender ``base``."""
    return [Goal((contender, workload), limit, (base, workload)) for workload, limit in limits.items()]


def within(contender: str, limits: dict[Figure, float]) -> list[Goal]:
    """Return goals that hold a workload of a contender against another workload of its own."""
    return [Goal((contender, figure), limit, (contender, base)) for (figure, base), limit in limits.items()]


GOALS = [
    *against("falcon", "trivet", {"plaintext": 0.8, "json": 0.8}),
    *against("falcon", "trivet", {"users": 1.0, "echo": 1.0, "missing": 1.0, "form": 1.3}),
    *against("flask", "trivet", {"template": 0.56, "session": 0.30}),
    *within("trivet", {("json_sess", "json"): 1.05, ("hooks10", "hooks0"): 1.25, ("routes5000", "routes50"): 1.2}),
    # "costs nothing measurable": within what two runs of one application differ by
    *within("trivet", {("plugins20", "plugins0"): 1.03}),
    Goal(("trivet", BUILD), 3.0, below=True),
    Goal(("trivet", INSTRUCTIONS), 66_000),
    *against("falcon-asgi", "trivet-asgi", {"json": 0.85, "users": 1.0, "echo": 1.0}),
    *against("quart", "trivet-asgi-sync", {"json": 0.25, "users": 0.25, "echo": 0.25}),
    Goal(("trivet", IMPORT), 1.0, ("flask", IMPORT), below=True),
]


def needed(goals: Iterable[Goal]) -> set[Figure]:
    """Return the figures that the goals compare, the workload behind a build time among them."""
    found = {figure for goal in goals for figure in (goal.figure, goal.against) if figure is not None}
    return found | {(contender, "routes5000") for contender, name in found if name == BUILD}

"""The benchmarks: what they would time answers rightly, and their goals speak of what there is."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent))  # where `benchmarks` is, whoever starts the tests

from benchmarks.clients import Client, client_for, verify
from benchmarks.goals import BUILD, EXTRA_FIGURES, GOALS, Figure, Goal, needed
from benchmarks.report import Results, judge
from benchmarks.worker import Worker, make_app
from benchmarks.workloads import CONTENDERS, WORKLOADS, Answer, WrongAnswer

OURS = [name for name, contender in CONTENDERS.items() if contender.app == "trivet"]

MakeClient = Callable[[str, str], Client]


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Return a maker of clients of the application behind a workload; the applications end with the test."""
    opened: list[tuple[Client, Any]] = []

    def make(contender: str, workload: str) -> Client:
        one = WORKLOADS[workload]
        app = make_app(contender, one.part, one.size)
        client = client_for(app, CONTENDERS[contender].protocol)
        client.open()
        opened.append((client, app))
        return client

    yield make
    for client, app in opened:
        client.close()
        app.lifespan.stop()
        app.loops.stop()
        app.workers.stop()


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("contender", OURS)
def test_trivet_gives_the_answer_that_is_timed(contender: str, workload: str, make_client: MakeClient) -> None:
    _, answer = verify(make_client(contender, workload), WORKLOADS[workload])
    assert answer.header("content-length") == str(len(answer.body))


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, [("content-type", "text/plain")], b"something else"),
        Answer(500, [("content-type", "text/html")], b"an error"),
    ],
    ids=["other text", "error"],
)
def test_a_wrong_answer_is_refused(workload: str, answer: Answer) -> None:
    with pytest.raises(WrongAnswer):
        WORKLOADS[workload].check(answer)


@pytest.mark.parametrize("body", [b'{"id": "42", "slug": "on-speed", "page": 3}', b'{"id": 42, "slug": "on-speed"}'])
def test_json_of_other_types_or_with_less_in_it_is_refused(body: bytes) -> None:
    with pytest.raises(WrongAnswer, match="the JSON is not"):
        WORKLOADS["users"].check(Answer(200, [("content-type", "application/json")], body))


def test_a_wrong_length_is_refused() -> None:
    headers = [("content-type", "text/plain"), ("content-length", "12")]
    with pytest.raises(WrongAnswer, match="length"):
        WORKLOADS["plaintext"].check(Answer(200, headers, b"Hello, World!"))


@pytest.mark.parametrize("contender", OURS)
def test_an_answer_that_changes_while_it_is_timed_is_refused(contender: str, make_client: MakeClient) -> None:
    worker = Worker(make_client(contender, "json"))
    worker.verify("json")
    assert worker.time("json", 5)["us"] > 0
    worker.ready["json"].workload = WORKLOADS["missing"]
    with pytest.raises(WrongAnswer, match="while timed"):
        worker.time("json", 5)


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: " ".join(goal.figure))
def test_a_goal_names_contenders_and_figures_that_exist(goal: Goal) -> None:
    for contender, name in filter(None, [goal.figure, goal.against]):
        assert contender in CONTENDERS
        assert name in WORKLOADS or name in EXTRA_FIGURES


def test_a_quick_run_measures_what_the_goals_compare() -> None:
    goals = [Goal(("trivet", "json"), 0.8, ("falcon", "json")), Goal(("trivet", BUILD), 3)]
    found = {("trivet", "json"), ("falcon", "json"), ("trivet", "routes5000")}
    assert needed(goals) == found | {("trivet", BUILD)}


@pytest.mark.parametrize(
    ("goal", "values", "word"),
    [
        (Goal(("a", "x"), 0.5, ("b", "x")), {("a", "x"): [4.0, 2.0], ("b", "x"): [4.0, 9.0]}, "met"),
        (Goal(("a", "x"), 0.5, ("b", "x")), {("a", "x"): [3.0], ("b", "x"): [4.0]}, "MISSED by 50%"),
        (Goal(("a", "x"), 0.5, ("b", "x")), {("a", "x"): [3.0]}, "not measured"),
        (Goal(("a", "x"), 3.0), {("a", "x"): [3.0]}, "met"),
        (Goal(("a", "x"), 3.0, below=True), {("a", "x"): [3.0]}, "MISSED by 0%"),
    ],
    ids=["at the limit", "over it", "no peer", "absolute", "has to be less"],
)
def test_a_goal_is_judged_by_best_rounds(goal: Goal, values: dict[Figure, list[float]], word: str) -> None:
    (verdict,) = judge([goal], Results(values=values))
    assert verdict.word == word


def test_the_command_measures_and_prints_what_was_reached(root: Path) -> None:
    options = ["--contenders", "trivet,trivet-asgi", "--workloads", "json,json_sess"]
    sizes = ["--rounds", "2", "--requests", "20", "--imports", "1"]
    command = [sys.executable, str(root / "benchmarks" / "run.py"), *options, *sizes]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WSGI, best round" in done.stdout
    assert "ASGI, best round" in done.stdout
    (reached,) = [line for line in done.stdout.splitlines() if line.startswith("trivet json_sess ")]
    assert "not measured" not in reached

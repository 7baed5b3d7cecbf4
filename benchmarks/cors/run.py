"""Serve the CORS table with Trivet and its peers, and say who answers which case as the standards want.

The table is plugins/cors/tests/vectors.json. Only what the standards demand is compared. "cannot say" counts policies
that a peer has no options for, "Vary alone" those failed cases in which nothing but Vary is wrong. The exit status is 1
if Trivet fails a case.
"""

import argparse
import importlib
import importlib.metadata
import json
import logging
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))  # so that this file runs as it is

from benchmarks.cors.facts import FACTS, found  # noqa: E402
from benchmarks.cors.saying import STYLE, CannotSay  # noqa: E402
from plugins.cors.tests.table import TABLE, complaints, sent_headers  # noqa: E402

PEERS = ("trivet", "flask", "starlette", "django", "falcon")


@dataclass
class Outcome:
    """How one peer did.

    :ivar failed: what was wrong, by the name of the case.
    :ivar unsaid: what the peer has no option for, by the name of the case.
    """

    name: str
    title: str
    passed: int = 0
    failed: dict[str, list[str]] = field(default_factory=dict)
    unsaid: dict[str, str] = field(default_factory=dict)

    @property
    def vary_alone(self) -> int:
        return sum(all(line.startswith(("vary ", "no vary")) for line in wrong) for wrong in self.failed.values())


def load(name: str) -> Any:
    """Import a peer; None if what it needs is not installed."""
    try:
        return importlib.import_module(f"benchmarks.cors.peers.{name}")
    except ImportError as error:
        print(f"{name}: skipped, {error}")
        return None


def title(peer: Any) -> str:
    versions = [importlib.metadata.version(one) for one in peer.DISTRIBUTIONS]
    return f"{peer.TITLE} ({', '.join(versions)})"


def compare(name: str, peer: Any, cases: Iterable[Mapping[str, Any]], folder: str) -> Outcome:
    """Serve every case with a peer."""
    outcome = Outcome(name, title(peer))
    made: dict[str, Any] = {}
    for case in cases:
        try:
            wrong = _answer(peer, case, folder, made)
        except CannotSay as missing:
            outcome.unsaid[case["name"]] = str(missing)
            continue
        if wrong:
            outcome.failed[case["name"]] = wrong
        else:
            outcome.passed += 1
    return outcome


def _answer(peer: Any, case: Mapping[str, Any], folder: str, made: dict[str, Any]) -> list[str]:
    """Return what is wrong with a peer's answer; nothing if it is right.

    :raises CannotSay: the peer has no option for the policy, or its preflights do not know the application.
    """
    needs = case.get("needs")
    if needs is not None and needs not in peer.KNOWS:
        raise CannotSay(f"preflights by {needs}")
    key = json.dumps(case["policy"], sort_keys=True)
    asked = case["request"]
    try:
        if key not in made:
            made[key] = peer.make(case["policy"], folder)
        body, encoding = b"x" * asked.get("body_bytes", 0), asked.get("encoding", "utf-8")
        status, headers = made[key](asked["method"], asked["path"], sent_headers(case), body=body, encoding=encoding)
    except CannotSay:
        raise
    except Exception as error:  # of the peer: an answer that never came
        return [f"raises {type(error).__name__}: {str(error)[:60]}"]
    return complaints(case, status, headers)


def report(outcomes: Sequence[Outcome], cases: Sequence[Mapping[str, Any]]) -> None:
    width = max(len(one.title) for one in outcomes)
    print(f"\n{f'{len(cases)} cases':{width}}  passed  failed  (Vary alone)  cannot say")
    for one in outcomes:
        failed = f"{len(one.failed):6}  {f'({one.vary_alone})':>12}"
        print(f"{one.title:{width}}  {one.passed:6}  {failed}  {len(one.unsaid):10}")


def report_facts(peers: Mapping[str, Any], folder: str) -> None:
    for question in FACTS:
        print(f"\n{question}")
        for name, peer in peers.items():
            print(f"  {name:10} {found(peer, question, folder)}")


def report_cases(outcomes: Sequence[Outcome], cases: Iterable[Mapping[str, Any]]) -> None:
    for case in cases:
        failing = [one for one in outcomes if case["name"] in one.failed]
        if failing:
            print(f"\n{case['name']} ({case['follows']})")
        for one in failing:
            print(f"  {one.name:10} {'; '.join(one.failed[case['name']])[:160]}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=",".join(PEERS), help="which ones, between commas (default: %(default)s)")
    parser.add_argument("--case", default="", help="only the cases whose name contains this")
    parser.add_argument("--brief", action="store_true", help="without the list of failing cases")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    logging.disable(logging.CRITICAL)  # of /broken
    names = options.peers.split(",")
    unknown = sorted(set(names) - set(PEERS))
    if unknown:
        sys.exit(f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    cases = [case for case in TABLE["cases"] if options.case in case["name"]]
    peers = {name: peer for name in names if (peer := load(name)) is not None}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "static").mkdir()
        Path(folder, "static", "app.css").write_text(STYLE, encoding="utf-8")
        static = str(Path(folder, "static"))
        outcomes = [compare(name, peer, cases, static) for name, peer in peers.items()]
        if not outcomes:
            return 1
        report(outcomes, cases)
        report_facts(peers, static)
    if not options.brief:
        report_cases(outcomes, cases)
    return int(any(one.name == "trivet" and one.failed for one in outcomes))


if __name__ == "__main__":
    sys.exit(main())

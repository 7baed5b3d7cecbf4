"""Every public name that Flask documents is here, and every call that it documents can be made here."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from trivet_flask.flask import Flask
from trivet_flask.flask.cli import CertParamType

from .differential.names import MODULES
from .snippets import output

Parameter = tuple[str, str, bool]
HERE = Path(__file__).parent

#: Attributes that objects have here, and classes have on Flask.
OF_OBJECTS = (".Flask.name", ".App.name", ".CertParamType.name", ".RequestContext.session")
#: Calls that cannot be made by the same names. An application is called by ASGI servers too, with other arguments; the
#: others are called by click, json and the decorator syntax, which give no names.
EXPLAINED = (".Flask.__call__", ".FlaskGroup.get_command", ".DefaultJSONProvider.default", ".setupmethod")

DOCUMENTED = [f"{module}.{name}" for module, names in MODULES.items() for name in names.split()]


@cache
def told(by: str) -> dict[str, list[Parameter] | None]:
    """Return the names and what they take, as Flask or Trivet tells them."""
    found = json.loads(output("-m", "differential.names", by, folder=HERE))
    return {name: value and [tuple(one) for one in value] for name, value in found.items()}


def complaints(theirs: list[Parameter], ours: list[Parameter]) -> list[str]:
    """Return what of the calls that one signature allows the other one does not."""
    kinds = {kind for _, kind, _ in ours}
    by_keyword = {name for name, kind, _ in ours if kind in ("POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY")}
    places = sum(kind.startswith("POSITIONAL") for _, kind, _ in ours)
    found = []
    for place, (name, kind, default) in enumerate(theirs):
        if kind in ("VAR_POSITIONAL", "VAR_KEYWORD"):
            found += [] if kind in kinds else [f"takes no {kind} {name}"]
            continue
        if kind != "POSITIONAL_ONLY" and name not in by_keyword and "VAR_KEYWORD" not in kinds and name != "self":
            found.append(f"{name} cannot be given by name")
        if kind != "KEYWORD_ONLY" and place >= places and "VAR_POSITIONAL" not in kinds:
            found.append(f"{name} cannot be given by place")
        if default and (name, True) not in {(mine, there) for mine, _, there in ours} and name in by_keyword:
            found.append(f"{name} has to be given")
    given = {name for name, _, _ in theirs}
    for place, (name, kind, default) in enumerate(ours):
        if not default and not kind.startswith("VAR") and name not in given and place >= len(theirs):
            found.append(f"{name} has to be given, which Flask does not know")
    return found


@pytest.fixture
def theirs(need_flask: Callable[[], None]) -> dict[str, list[Parameter] | None]:
    """What Flask itself tells."""
    need_flask()
    return told("flask")


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_name_is_here(name: str) -> None:
    module, _, last = name.rpartition(".")
    assert hasattr(import_module(f"trivet_flask.{module}"), last)


def test_every_member_of_a_documented_class_is_here(theirs: dict[str, list[Parameter] | None]) -> None:
    missing = set(theirs) - set(told("trivet"))
    assert sorted(name for name in missing if not name.endswith(OF_OBJECTS)) == []


def test_the_attributes_of_objects_are_there() -> None:
    app = Flask("named")
    with app.test_request_context() as ctx:
        session: Any = getattr(ctx, "session", None)
        assert (app.name, dict(session), CertParamType().name) == ("named", {}, "path")


def test_every_call_that_is_documented_can_be_made(theirs: dict[str, list[Parameter] | None]) -> None:
    ours = told("trivet")
    found = {}
    for name, parameters in theirs.items():
        mine = ours.get(name)
        if parameters is not None and mine is not None and not name.endswith(EXPLAINED):
            found[name] = complaints(parameters, mine)
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("theirs", "ours", "wrong"),
    [
        ("a, b=1", "a, b=2", False),
        ("a, b=1", "a, *rest, **named", False),
        ("a, b=1", "a, c=1", True),
        ("a, b=1", "a, b", True),
        ("a, *, b", "a, b", False),
        ("a, b", "a, *, b", True),
        ("a, **named", "a", True),
        ("a", "a, b", True),
        ("a", "a, b=1", False),
    ],
)
def test_a_call_that_cannot_be_made_is_noticed(theirs: str, ours: str, wrong: bool) -> None:
    from .differential.names import parameters

    made = [parameters(eval(f"lambda {text}: None")) for text in (theirs, ours)]
    assert bool(complaints(*made)) is wrong

"""The list about OWASP ASVS 5.0.0 is complete, its tests are there; and what no other test proves."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trivet import Trivet
from trivet_auth import (
    Auth,
    LoginManager,
    MemoryUsers,
    accounts,
    current_user,
    fresh_login_required,
    login_user,
    requires,
)

from .pages import DOCS, ROOT

PAGE = DOCS / "explanation" / "asvs.md"
TESTS = ROOT / "plugins" / "auth" / "tests"
PACKAGE = ROOT / "plugins" / "auth" / "trivet_auth"
GOOD = "violet kettles hum at noon"
ANSWERS = ("Met", "Met with", "Partly", "Not met", "Yours", "No such thing")

#: The paragraphs of the standard by section: the level of each, in order.
LEVELS = {
    "3.3": "12223",
    "6.1": "122",
    "6.2": "111111112222",
    "6.3": "11223333",
    "6.4": "112233",
    "6.5": "22222333",
    "6.6": "2223",
    "6.7": "33",
    "6.8": "2222",
    "7.1": "222",
    "7.2": "1111",
    "7.3": "22",
    "7.4": "11222",
    "7.5": "223",
    "7.6": "22",
    "8.1": "1233",
    "8.2": "1123",
    "8.3": "133",
    "8.4": "23",
    "9.1": "111",
    "9.2": "1222",
    "10.1": "22",
    "10.2": "223",
    "10.3": "22223",
    "10.4": "1111122222233333",
    "10.5": "22222",
    "10.6": "22",
    "10.7": "222",
}
_ENTRY = re.compile(
    r"^\*\*(?P<from>\d+\.\d+\.\d+)(?: to (?P<to>\d+\.\d+\.\d+))?\*\* \((?P<levels>L[123](?: to L[123])?)\) "
    r"(?P<asked>.+)\n: (?P<answer>\*\*(?P<status>[A-Z][a-z ]+)\.?\*\*.*\n(?:(?:  .*)?\n)*)",
    re.MULTILINE,
)
ENTRIES = list(_ENTRY.finditer(PAGE.read_text(encoding="utf-8") + "\n"))


def paragraphs() -> Iterator[tuple[str, str]]:
    """Yield every paragraph of the standard with its level."""
    for section, levels in LEVELS.items():
        for number, level in enumerate(levels, 1):
            yield f"{section}.{number}", level


def covered(entry: re.Match[str]) -> list[str]:
    """Return the paragraphs that an entry is about."""
    section, _, first = entry["from"].rpartition(".")
    last = (entry["to"] or entry["from"]).rpartition(".")[2]
    return [f"{section}.{number}" for number in range(int(first), int(last) + 1)]


# -- the list


def test_every_paragraph_stands_in_the_list_once_and_in_order() -> None:
    found = [one for entry in ENTRIES for one in covered(entry)]
    chapters = ("6", "7", "8", "3", "9", "10")
    wanted = sorted((one for one, _ in paragraphs()), key=lambda one: chapters.index(one.partition(".")[0]))
    assert found == wanted


def test_every_paragraph_has_its_level() -> None:
    levels = dict(paragraphs())
    for entry in ENTRIES:
        of_these = sorted({levels[one] for one in covered(entry)})
        said = f"L{of_these[0]}" if len(of_these) == 1 else f"L{of_these[0]} to L{of_these[-1]}"
        assert entry["levels"] == said, entry["from"]


def test_every_paragraph_has_an_answer_and_a_test_or_a_reason() -> None:
    for entry in ENTRIES:
        assert entry["status"] in ANSWERS, entry["from"]
        reason = entry["answer"].partition("Tests:")[0].removeprefix(f"**{entry['status']}").strip(" *.\n")
        assert "::" in entry["answer"] or reason or entry["status"] == "No such thing", entry["from"]


def named_tests() -> Iterator[tuple[str, str]]:
    """Yield the file and the name of every test that the list names."""
    yield from re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))


def test_every_test_that_the_list_names_is_there() -> None:
    missing = []
    for file, name in sorted(set(named_tests())):
        path = ROOT / file if "/" in file else TESTS / file
        there = path.is_file() and name in {
            one.name
            for one in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        if not there:
            missing.append(f"{file}::{name}")
    assert missing == []


def test_tests_are_named_where_tests_are_said_and_nowhere_else() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(".py::") == len(list(named_tests())) > 100


# -- proofs for which there is no better place


@pytest.fixture
def make() -> Iterator[Callable[..., Trivet]]:
    """Make applications with people in memory, among them Ada, who is an editor."""
    made: list[Trivet] = []

    def make(**config: Any) -> Trivet:
        app = Trivet("docs", plugins=["auth"], config_file=False)
        quick = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}
        app.config.update(SECRET_KEY="only here", AUTH_STORE="memory", AUTH_PASSWORD=quick, TESTING=True)
        app.config.update(AUTH_ROLES={"editor": ["tasks:write"]}, **config)
        LoginManager(app, users=MemoryUsers())
        add_views(app)
        made.append(app)
        with app.app_context():
            accounts.create(Auth.of(app), "default", "ada@example.com", GOOD, roles=["editor"])
        return app

    yield make
    for app in made:
        app.lifespan.stop()


def add_views(app: Trivet) -> None:
    """Add views that sign in, and say who is asking."""
    app.add_url_rule("/", "index", lambda: getattr(current_user, "email", "nobody"))
    app.add_url_rule("/write", "write", requires("tasks:write")(lambda: "written"))
    app.add_url_rule("/fresh", "fresh", fresh_login_required(lambda: "fresh"))

    @app.post("/enter")
    def enter() -> str:
        login_user(ada(app), remember=True)
        return "in"


def ada(app: Trivet) -> Any:
    """Return Ada."""
    return accounts.find(Auth.of(app), "default", "ada@example.com")


def signed_in(app: Trivet) -> Any:
    """Return a browser in which Ada has signed in, and which does not remember her."""
    client = app.test_client()
    client.post("/enter")
    client.delete_cookie("remember_token")
    return client


@pytest.mark.parametrize("by", ["session", "token"])
def test_a_role_that_was_taken_away_counts_in_the_next_request(make: Any, by: str) -> None:
    app = make()
    client, header = signed_in(app), {}
    if by == "token":
        text, _ = Auth.of(app).tokens.create("default:1", "script", None, None)
        client, header = app.test_client(), {"Authorization": f"Bearer {text}"}
    assert client.get("/write", headers=header).status_code == 200
    with app.app_context():
        accounts.set_roles(Auth.of(app), "default", ada(app), [])
    assert client.get("/write", headers=header).status_code == 403


def test_there_is_no_account_that_nobody_has_made() -> None:
    app = Trivet("docs", plugins=["auth"], config_file=False)
    app.config.update(SECRET_KEY="only here", AUTH_STORE="memory", AUTH_FLOWS=["login", "logout"])
    LoginManager(app, users=MemoryUsers())
    app.seal()
    assert Auth.of(app).realm("default").users.all() == []


def test_a_token_is_never_fresh(make: Any) -> None:
    app = make()
    text, _ = Auth.of(app).tokens.create("default:1", "script", None, None)
    header = {"Authorization": f"Bearer {text}"}
    assert app.test_client().get("/", headers=header).text == "ada@example.com"
    assert app.test_client().get("/fresh", headers=header).status_code == 401


def fields(text: str) -> Iterator[str]:
    """Yield the inputs for passwords in a template, and the calls of the macro that writes them."""
    for one in re.findall(r"<input[^>]*>|form\.(?:password|field)\([^)]*\)", text):
        if "password" in one:
            yield one


def test_fields_for_passwords_are_masked_and_leave_managers_and_the_clipboard_alone() -> None:
    templates = {path: path.read_text(encoding="utf-8") for path in (PACKAGE / "templates").rglob("*.html")}
    [macro] = re.findall(r"macro password\(.*?endmacro", templates[PACKAGE / "templates/auth/form.html"], re.DOTALL)
    assert 'type="password"' in macro
    assert 'autocomplete="current-password"' in macro
    found = [one for text in templates.values() for one in fields(text)]
    assert len(found) >= 6
    for one in found:
        assert one.startswith("form.password(") or ('type="password"' in one and "autocomplete=" in one), one
    for text in templates.values():
        assert not re.search(r'<script|\bon\w+="|autocomplete="off"[^>]*type="password"', text)


def test_nothing_is_drawn_from_a_generator_that_can_be_foretold() -> None:
    imported = {
        name.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert "secrets" in imported
    assert imported.isdisjoint({"random", "uuid1", "uuid4"})

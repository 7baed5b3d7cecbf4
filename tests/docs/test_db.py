"""What the reference of ``trivet-db`` says is what the plugin does: nothing is missing, nothing is stale."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any, Literal, get_args, get_type_hints

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import trivet_db
from trivet import PluginError, Secret, Trivet, hookimpl
from trivet_db import DatabaseConfigError, Migrations, Options, SQLAlchemy, hooks, testing, urls
from trivet_db.command import make_command
from trivet_db.options import FAMILIAR, Positive
from trivet_db.state import State
from trivet_db.testing import fixtures

from .pages import DOCS, ROOT, code_in, sections, table
from .test_reference import flags

REFERENCE = DOCS / "reference" / "db.md"
PACKAGE = ROOT / "plugins" / "db" / "trivet_db"
HOOKS = {name: function for name, function in vars(hooks).items() if name.startswith("trivet_db_")}

#: What the page calls the types of options.
KINDS: dict[Any, str] = {
    Secret | None: "secret string or nothing",
    dict[str, str | dict[str, Any]]: "table of strings and tables",
    dict[str, Any]: "table",
    bool: "boolean",
    bool | Literal["debug"]: 'boolean or `"debug"`',
    Literal["never", "on-success"]: '`"never"` or `"on-success"`',
    float | None: "number from 0 or nothing",
    int: "number from 1",
    int | None: "number from 1 or nothing",
    tuple[str, ...] | str: "string or list of strings",
    str: "string",
}


def rows(title: str, level: int = 2) -> list[list[str]]:
    """Return the rows of the tables of a section of the reference."""
    return list(table(sections(REFERENCE, level)[title]))


OPTIONS = [row for row in rows("Options") if len(row) == 4]
WRONG = rows("What is configured wrongly", 3)
MISUSED = rows("What is used wrongly", 3)
COMMANDS = [title.split()[2] for title in sections(REFERENCE, 3) if re.fullmatch(r"trivet db \w+", title)]


def bare(**config: Any) -> Trivet:
    """Return an application that reads no configuration file."""
    app = Trivet("docs", plugins=["db"], config_file=False)
    app.config.update(config)
    return app


@pytest.fixture
def closing() -> Iterator[Callable[[Trivet], Trivet]]:
    """Close what an application has opened when the test ends."""
    apps: list[Trivet] = []

    def note(app: Trivet) -> Trivet:
        apps.append(app)
        return app

    yield note
    for app in apps:
        app.lifespan.stop()
        app.extensions["trivet_db"].engines.dispose()


# -- names


def test_every_public_name_of_the_plugin_stands_on_the_page_and_no_other() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    said = re.findall(r"^\.\. (?:auto|py:)\w+:: trivet_db\.(\w+)(?:\(.*\))?$", text, re.MULTILINE)
    assert len(said) == len(set(said))
    assert set(said) == set(trivet_db.__all__)


def test_every_name_for_tests_stands_on_the_page_and_no_other() -> None:
    said = re.findall(r"^\.\. auto\w+:: trivet_db\.testing\.(\w+)$", REFERENCE.read_text("utf-8"), re.MULTILINE)
    assert sorted(said) == sorted(testing.__all__)
    marked = {name for name, one in vars(fixtures).items() if type(one).__name__ == "FixtureFunctionDefinition"}
    assert {code_in(row[0]) for row in rows("In tests")} == marked


def test_every_public_name_of_the_main_object_stands_on_the_page() -> None:
    [listed] = re.findall(r"autoclass:: trivet_db\.SQLAlchemy\n   :members: ((?:.+\n)+)", REFERENCE.read_text("utf-8"))
    said = set(re.findall(r"\w+", listed)) | {"metadatas"}
    internal = {"Query", "engine_options", "add_models_to_shell", "state"}
    assert {name for name in {*vars(SQLAlchemy), *vars(SQLAlchemy())} if not name.startswith("_")} - internal == said


# -- options


def test_every_option_stands_in_the_table_in_order_and_no_other() -> None:
    assert [code_in(row[0]) for row in OPTIONS] == list(Options.__struct_fields__)


def test_every_default_is_the_one_that_an_option_has() -> None:
    made = Options()
    for row in OPTIONS:
        assert ast.literal_eval(code_in(row[2])) == getattr(made, code_in(row[0]))


def test_every_type_is_the_one_that_an_option_has() -> None:
    assert get_args(Positive)[1].gt == 0
    hints = get_type_hints(Options)
    for row in OPTIONS:
        assert row[1] == KINDS[hints[code_in(row[0])]]


def test_every_familiar_name_stands_beside_the_option_that_it_means() -> None:
    said = {code_in(row[0]): code_in(row[1]) for row in rows("Options") if row[0].startswith("`SQLALCHEMY_")}
    assert said == FAMILIAR


@pytest.mark.parametrize("url", ["sqlite://", "postgresql://host/shop", "mysql://host/shop", "mariadb://host/shop"])
def test_the_arguments_that_are_set_by_themselves_are_those_of_the_page(url: str) -> None:
    memory, others, mysql = [row[1] for row in rows("Options") if not row[0].startswith("`")]
    engine = State.of(bare(DB_URL=url)).engines[None]
    assert ("StaticPool" in memory and isinstance(engine.pool, sa.StaticPool)) is (url == "sqlite://")
    assert ("pool_pre_ping" in others and engine.pool._pre_ping) is (url != "sqlite://")
    assert ("7200" in mysql and engine.pool._recycle == 7200) is url.startswith("m")
    assert ("utf8mb4" in mysql and engine.url.query.get("charset") == "utf8mb4") is url.startswith("m")


# -- hooks


def test_every_hook_has_a_section_in_the_order_of_the_contract() -> None:
    assert [title for title in sections(REFERENCE, 3) if title.startswith("trivet_db_")] == list(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_section_of_a_hook_says_its_signature_whose_result_counts_and_an_example(hook: str) -> None:
    section = sections(REFERENCE, 3)[hook]
    parameters = ", ".join(inspect.signature(HOOKS[hook]).parameters)
    assert section.lstrip().startswith(f"`{hook}({parameters})`\n")
    [kind] = re.findall(r"^:Kind: (?:request; )?(.*)$", section, re.MULTILINE)
    assert kind == ("first result" if HOOKS[hook].trivet_spec["firstresult"] else "every implementation")
    assert re.search(rf"^@hookimpl\ndef {hook}\(", section, re.MULTILINE)


class Base(DeclarativeBase):
    """The base of the models that the examples of the contract speak of."""


class Role(Base):
    """What an application begins with."""

    __tablename__ = "role"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def example(hook: str, **names: Any) -> Any:
    """Run the example of a hook's docstring; return a plugin that has what it defines."""
    _, mark, code = (inspect.getdoc(HOOKS[hook]) or "").partition("::\n")
    assert mark, f"{hook} has no example"
    scope: dict[str, Any] = {"hookimpl": hookimpl, "__file__": __file__, **names}
    exec(compile(dedent(code), hook, "exec"), scope)
    return SimpleNamespace(name="example", **{hook: scope[hook]})


def with_plugin(plugin: Any, **config: Any) -> Trivet:
    app = bare(DB_URL="sqlite://", **config)
    app.plugins.register(plugin)
    return app


def test_the_example_of_the_hook_for_binds_reads_from_the_replica(closing: Callable[[Trivet], Trivet]) -> None:
    db = SQLAlchemy(model_class=Base)
    app = closing(with_plugin(example("trivet_db_bind"), DB_BINDS={"replica": "sqlite://"}))
    db.init_app(app)
    with app.app_context():
        assert db.session.get_bind(clause=sa.select(Role)) is db.engines["replica"]
        assert db.session.get_bind(clause=sa.delete(Role)) is db.engine


def test_the_example_of_the_hook_for_engines_enforces_foreign_keys(closing: Callable[[Trivet], Trivet]) -> None:
    db = SQLAlchemy()
    app = closing(with_plugin(example("trivet_db_engine")))
    db.init_app(app)
    with app.app_context():
        assert db.session.scalar(sa.text("PRAGMA foreign_keys")) == 1


def test_the_example_of_the_hook_for_migrations_brings_a_branch() -> None:
    app = with_plugin(example("trivet_db_migrations", Base=Base))
    [[brought]] = [app.hook.trivet_db_migrations(app=app)]
    assert brought == Migrations("shop", Path(__file__).parent / "migrations", Base.metadata, None)


def test_the_example_of_the_hook_for_first_rows_fills_a_table_once(closing: Callable[[Trivet], Trivet]) -> None:
    db = SQLAlchemy(model_class=Base)
    app = closing(with_plugin(example("trivet_db_seed", db=db, Role=Role)))
    db.init_app(app)
    with app.app_context():
        db.create_all()
        for _ in range(2):
            app.hook.trivet_db_seed(app=app)
        assert [role.name for role in db.session.scalars(sa.select(Role))] == ["admin"]


# -- errors


def error_classes() -> dict[str, type[BaseException]]:
    """Return every exception class that a module of the plugin defines, by name."""
    found: dict[str, type[BaseException]] = {}
    for module in pkgutil.walk_packages(trivet_db.__path__, "trivet_db."):
        if module.name.startswith("trivet_db.environment"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == module.name:
                found[name] = value
    return found


def test_every_error_stands_in_the_table_with_its_base() -> None:
    said = {code_in(row[0]): code_in(row[1]) for row in table(sections(REFERENCE)["Errors"].partition("###")[0])}
    assert said == {name: one.__bases__[0].__name__ for name, one in error_classes().items()}


def failure(act: Callable[[], object]) -> DatabaseConfigError:
    """Return the error that something raises, also where the failed plugin is named first."""
    with pytest.raises((DatabaseConfigError, PluginError)) as caught:
        act()
    error = caught.value if isinstance(caught.value, DatabaseConfigError) else caught.value.__cause__
    assert isinstance(error, DatabaseConfigError)
    return error


def misconfigured(code: str) -> DatabaseConfigError:
    """Return the error for what a row shows, beside a database that is right unless it says another one."""
    given: dict[str, Any] = eval(f"dict({code})")
    options = {name if name.isupper() else f"DB_{name.upper()}": value for name, value in given.items()}
    app = bare(**{"DB_URL": "sqlite:///app.db", **options})

    def use() -> None:
        app.seal()
        with app.app_context():
            app.extensions["trivet_db"].engines[None].connect()

    return failure(use)


@pytest.fixture
def no_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it seem that no driver is installed but SQLite's."""
    monkeypatch.setattr(urls, "find_spec", lambda name: name in ("sqlite3", "greenlet") or None)


@pytest.mark.usefixtures("no_drivers")
@pytest.mark.parametrize("row", WRONG, ids=[row[1] for row in WRONG])
def test_what_is_configured_wrongly_raises_what_the_page_says(row: list[str]) -> None:
    error = misconfigured(code_in(row[1]))
    assert type(error).__name__ == code_in(row[0])
    assert row[2] in str(error)


def used(act: Callable[[SQLAlchemy], object], enabled: bool = True, **config: Any) -> DatabaseConfigError:
    """Return the error for what is done in an application with one bind."""
    db = SQLAlchemy()
    app = bare(**{"DB_BINDS": {"archive": "sqlite://"}, **config}) if enabled else Trivet("docs", config_file=False)
    if enabled:
        db.init_app(app)
    with app.app_context():
        return failure(lambda: act(db))


async def open_session(db: SQLAlchemy) -> None:
    await db.async_session.connection()


USES: dict[str, Callable[[], DatabaseConfigError]] = {
    "a bind key is in no configuration": lambda: used(lambda db: db.get_engine("archiv")),
    "the default database is used, and only binds are configured": lambda: used(lambda db: db.engine),
    "tables are to be made for a bind key that no model has": lambda: used(
        lambda db: db.create_all("archiv"), DB_BINDS={"archiv": "sqlite://"}
    ),
    "an asynchronous session is used, and greenlet is not installed": lambda: used(
        lambda db: asyncio.run(open_session(db)), DB_URL="sqlite://"
    ),
    "a database is used in an application that does not enable the plugin": lambda: used(
        lambda db: db.engine, enabled=False
    ),
}


@pytest.fixture
def no_greenlet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it seem that greenlet is not installed."""
    monkeypatch.setattr(urls, "find_spec", lambda name: None if name == "greenlet" else True)


def test_there_is_a_case_for_each_wrong_use() -> None:
    assert [row[1] for row in MISUSED] == list(USES)


@pytest.mark.usefixtures("no_greenlet")
@pytest.mark.parametrize("row", MISUSED, ids=[row[1] for row in MISUSED])
def test_what_is_used_wrongly_raises_what_the_page_says(row: list[str]) -> None:
    error = USES[row[1]]()
    assert type(error).__name__ == code_in(row[0])
    assert row[2] in str(error)


def texts_of_errors() -> Iterator[str]:
    """Yield of every configuration error in the plugin's core the longest text that stands in the code."""
    for name in ("engines", "extension", "options", "state", "urls"):
        for node in ast.walk(ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in error_classes():
                texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                yield max((one for one in texts if isinstance(one, str)), key=len, default="").strip(":. ")


@pytest.mark.usefixtures("no_drivers")
def test_every_error_of_a_configuration_stands_in_the_tables() -> None:
    said = [row[2] for row in (*WRONG, *MISUSED)]
    raised = [str(misconfigured(code_in(row[1]))) for row in WRONG]
    raised += [str(USES[row[1]]()) for row in MISUSED if "greenlet" not in row[1]]
    assert [text for text in texts_of_errors() if not any(text in one for one in (*raised, *said))] == []


# -- commands

GROUP = make_command(Trivet("docs", plugins=["db"], config_file=False))


def test_every_command_has_a_section_and_no_section_is_stale() -> None:
    assert sorted(COMMANDS) == sorted(GROUP.commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_table_of_a_command_lists_its_options(command: str) -> None:
    said = {flag for row in rows(f"trivet db {command}", 3) for flag in re.findall(r"`(-[\w-]+)`", row[0])}
    assert said == flags(GROUP.commands[command]) - {"-h", "--help"}

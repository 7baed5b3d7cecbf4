"""The reference pages say what the code says: nothing is missing, nothing is stale."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import click
import pytest
from blinker import Signal
from click.testing import CliRunner

import trivet
from trivet import Trivet, hookimpl, hookspec, hookspecs, render_template_string, session
from trivet.builtin.assembly import DEFAULT_CONFIG
from trivet.cli import cli
from trivet.plugins.project import TOP_KEYS

from .pages import DOCS, ROOT, blocks, code_in, sections, table
from .protocols import PROTOCOLS

REFERENCE = DOCS / "reference"
HOOKS = {name: function for name, function in vars(hookspecs).items() if name.startswith("trivet_")}
HOOK_SECTIONS = sections(REFERENCE / "hooks.md")

#: Exceptions that never reach a user: they end inside of Trivet.
INTERNAL = {"Disconnected", "LoadError", "Miss", "TooSlow", "Unsure"}


# -- hooks.md


def test_every_hook_has_a_section_in_the_order_of_the_contract() -> None:
    assert list(HOOK_SECTIONS) == list(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_section_begins_with_the_exact_signature(hook: str) -> None:
    parameters = ", ".join(inspect.signature(HOOKS[hook]).parameters)
    assert HOOK_SECTIONS[hook].lstrip().startswith(f"`{hook}({parameters})`\n")


@pytest.mark.parametrize("hook", HOOKS)
def test_the_section_says_whose_result_counts(hook: str) -> None:
    [kind] = re.findall(r"^:Kind: [^;]*; (.*)$", HOOK_SECTIONS[hook], re.MULTILINE)
    wanted = "first result" if HOOKS[hook].trivet_spec["firstresult"] else "every implementation"
    assert kind.startswith(wanted)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_section_has_an_example_that_implements_the_hook(hook: str) -> None:
    assert re.search(rf"^@hookimpl.*\n(?:async )?def {hook}\(", HOOK_SECTIONS[hook], re.MULTILINE)


# -- the examples in the contract's docstrings


def example(hook: str) -> Any:
    """Run the example of a hook's docstring; return a plugin that has what it defines."""
    text = inspect.getdoc(HOOKS[hook]) or ""
    _, mark, code = text.partition("::\n")
    assert mark, f"{hook} has no example"
    scope: dict[str, Any] = {"hookimpl": hookimpl, "hookspec": hookspec}
    exec(compile(dedent(code), hook, "exec"), scope)
    return SimpleNamespace(name="example", **{hook: scope[hook]})


def app_with(*plugins: Any) -> Trivet:
    """Return an application of its own, with a view."""
    app = Trivet("docs", plugins=plugins, config_file=False)
    app.config["SECRET_KEY"] = "a key for tests alone"
    app.add_url_rule("/", "index", lambda: "here")
    return app


def adds_hooks(plugin: Any) -> None:
    app = app_with(plugin)
    placed: list[Any] = []

    @hookimpl
    def shop_order_placed(order: Any) -> None:
        placed.append(order)

    app.plugins.register(SimpleNamespace(name="listener", shop_order_placed=shop_order_placed))
    app.hook.shop_order_placed(order=7)
    assert placed == [7]


def sets_up(plugin: Any) -> None:
    assert app_with(plugin).test_client().get("/ping").text == "pong"


def commands(plugin: Any) -> None:
    [command] = app_with(plugin).hook.trivet_commands(app=SimpleNamespace(name="docs"))
    assert CliRunner().invoke(command).output == "Hello from docs\n"


def shell(plugin: Any) -> None:
    assert "routes" in app_with(plugin).make_shell_context()


def startup(plugin: Any) -> None:
    app = app_with(plugin)
    app.test_client().get("/")
    assert app.extensions["started"] is True


def shutdown(plugin: Any) -> None:
    app = app_with(plugin)
    app.test_client().get("/")
    app.extensions["started"] = True
    app.lifespan.stop()
    assert "started" not in app.extensions


def handles_request(plugin: Any) -> None:
    assert app_with(plugin).test_client().get("/missing").headers["X-Served-By"] == "docs"


def before(plugin: Any) -> None:
    client = app_with(plugin).test_client()
    assert client.get("/").text == "here"
    assert client.get("/", headers={"X-Maintenance": "on"}).status_code == 503


def calls_view(plugin: Any) -> None:
    app = app_with(plugin)
    app.add_url_rule("/entered", "entered", lambda: str(trivet.g.entered))
    assert app.test_client().get("/entered").text == "True"


def makes_response(plugin: Any) -> None:
    app = app_with(plugin)
    app.add_url_rule("/complex", "complex", lambda: 1 + 2j)
    assert app.test_client().get("/complex").text == "1.0 + 2.0i"


def handles_error(plugin: Any) -> None:
    app = app_with(plugin)

    @app.get("/slow")
    def slow() -> str:
        raise TimeoutError

    assert app.test_client().get("/slow").status_code == 504


def after(plugin: Any) -> None:
    assert app_with(plugin).test_client().get("/missing").headers["X-Handled-By"] == "docs"


def describes(plugin: Any) -> None:
    app = app_with(plugin)
    lines = app.hook.trivet_describe(app=app)
    assert [f"{len(app.view_functions)} views"] in lines


def adds_names(plugin: Any) -> None:
    app = app_with(plugin)
    app.add_url_rule("/site", "site", lambda: render_template_string("{{ site }}"))
    assert app.test_client().get("/site").text == "docs"


def provides_json(plugin: Any) -> None:
    assert app_with(plugin).json.dumps({"b": 1, "a": 2}) == '{"b": 1, "a": 2}'


def remember() -> str:
    session["seen"] = True
    return "seen"


def opens_session(plugin: Any) -> None:
    app = app_with(plugin)
    app.add_url_rule("/look", "look", lambda: str(session.get("seen")))
    app.add_url_rule("/remember", "remember", remember)
    client = app.test_client()
    client.get("/remember")
    assert client.get("/look").text == "True"
    assert client.get("/look", headers={"X-No-Session": "1"}).text == "None"


def saves_session(plugin: Any) -> None:
    app = app_with(plugin)
    app.add_url_rule("/remember", "remember", remember)
    client = app.test_client()
    assert "Set-Cookie" not in client.get("/remember", headers={"X-No-Session": "1"}).headers
    assert "Set-Cookie" in client.get("/remember").headers


EFFECTS: dict[str, Callable[[Any], None]] = {
    "trivet_addhooks": adds_hooks,
    "trivet_setup": sets_up,
    "trivet_commands": commands,
    "trivet_shell_context": shell,
    "trivet_startup": startup,
    "trivet_shutdown": shutdown,
    "trivet_handle_request": handles_request,
    "trivet_before_request": before,
    "trivet_call_view": calls_view,
    "trivet_make_response": makes_response,
    "trivet_handle_error": handles_error,
    "trivet_after_request": after,
    "trivet_describe": describes,
    "trivet_template_context": adds_names,
    "trivet_json_provider": provides_json,
    "trivet_open_session": opens_session,
    "trivet_save_session": saves_session,
}


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_in_the_docstring_does_what_it_says(hook: str) -> None:
    EFFECTS[hook](example(hook))


ASYNC = """
async def trivet_setup(app): seen.append(1)
async def trivet_shell_context(app): seen.append(1); return {}
async def trivet_startup(app): seen.append(1)
async def trivet_shutdown(app): seen.append(1)
async def trivet_handle_request(ctx): seen.append(1)
async def trivet_before_request(ctx): seen.append(1)
async def trivet_call_view(ctx): seen.append(1); return "called"
async def trivet_make_response(ctx, value): seen.append(1)
async def trivet_handle_error(ctx, error): seen.append(1)
async def trivet_after_request(ctx, response): seen.append(1)
async def trivet_save_session(ctx, session, response): seen.append(1)
"""
ASYNC_HOOKS = re.findall(r"def (\w+)", ASYNC)


def test_every_hook_may_be_async_but_those_of_which_the_page_says_otherwise() -> None:
    plain = {hook for hook in HOOKS if "; plain functions only" in HOOK_SECTIONS[hook]}
    by_the_command = {"trivet_commands", "trivet_describe"}  # which has tests of its own
    assert {*HOOKS} - {*ASYNC_HOOKS} == plain | by_the_command


@pytest.mark.parametrize("view", ["plain", "async"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("hook", ASYNC_HOOKS)
def test_an_async_implementation_is_awaited(hook: str, protocol: str, view: str) -> None:
    seen: list[int] = []
    scope: dict[str, Any] = {"seen": seen}
    exec(ASYNC, scope)
    app = app_with(SimpleNamespace(name="example", **{hook: hookimpl(scope[hook])}))

    def work() -> Any:
        session["seen"] = True
        return {"text": render_template_string("text")}

    async def async_work() -> Any:
        return work()

    app.add_url_rule("/job", "job", work if view == "plain" else async_work)
    PROTOCOLS[protocol](app, "GET", "/job")
    PROTOCOLS[protocol](app, "GET", "/missing")
    app.make_shell_context()
    app.lifespan.stop()
    assert seen


# -- configuration.md


def configuration(section: str) -> list[list[str]]:
    """Return the rows of the tables of one section."""
    return list(table(sections(REFERENCE / "configuration.md")[section]))


def test_every_setting_stands_in_the_table_in_order_and_no_other() -> None:
    assert [code_in(row[0]) for row in configuration("Settings of the application")] == sorted(DEFAULT_CONFIG)


def test_every_default_is_the_one_that_an_application_begins_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIVET_DEBUG", raising=False)
    config = Trivet("docs", config_file=False).config
    said = {
        code_in(row[0]): eval(code_in(row[1]), {"timedelta": timedelta})
        for row in configuration("Settings of the application")
    }
    assert said == {key: config[key] for key in DEFAULT_CONFIG}


def test_every_key_of_the_file_stands_in_the_table() -> None:
    assert [code_in(row[0]) for row in configuration("The file")] == list(TOP_KEYS)


def variables_in_the_code() -> set[str]:
    """Return every name of an environment variable of Trivet's own that stands in its code."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "core" / "trivet").rglob("*.py")]
    return {name for text in texts for name in re.findall(r"""["'](TRIVET(?:_[A-Z]+)+)["']""", text)}


def test_every_environment_variable_stands_in_the_table() -> None:
    said = {code_in(row[0]) for row in configuration("Environment variables")}
    assert said - {"TRIVET_<PLUGIN>_<OPTION>"} == variables_in_the_code()
    assert "TRIVET_<PLUGIN>_<OPTION>" in said


@pytest.mark.parametrize("strongest", ["file", "app.config", "environment"])
def test_the_stronger_place_of_an_option_wins(strongest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trivet.toml").write_text('plugins = ["cors"]\n[cors]\nmax_age = 1\n', encoding="utf-8")
    app = Trivet("docs", root_path=str(tmp_path))
    if strongest != "file":
        app.config["CORS_MAX_AGE"] = 2
    if strongest == "environment":
        monkeypatch.setenv("TRIVET_CORS_MAX_AGE", "3")
    wanted = {"file": 1, "app.config": 2, "environment": 3}
    assert app.plugins.options("cors", app.config).max_age == wanted[strongest]


# -- errors.md


def error_classes() -> dict[str, type[BaseException]]:
    """Return every exception class that a module of Trivet defines, by name."""
    found: dict[str, type[BaseException]] = {}
    for module in pkgutil.walk_packages(trivet.__path__, "trivet."):
        if module.name in ("trivet.__main__", "trivet.testing.pytest_plugin"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and issubclass(value, BaseException) and value.__module__ == module.name:
                found[name] = value
    return found


def test_every_error_has_a_section_and_no_section_is_stale() -> None:
    said = {title for title in sections(REFERENCE / "errors.md") if re.fullmatch(r"[A-Z]\w+", title)}
    assert said == set(error_classes()) - INTERNAL


def test_the_tree_of_errors_is_that_of_the_classes() -> None:
    tree = sections(REFERENCE / "errors.md")["TrivetError"]
    classes = error_classes()
    parents: list[str] = []
    for line in re.findall(r"^    (\S.*|[│├└ ].*)$", tree, re.MULTILINE):
        found = re.match(r"(?P<depth>[│├└─ ]*)(?P<name>\w+)(?: +also an? (?P<other>\w+))?", line)
        assert found is not None
        depth = len(found["depth"]) // 4
        parents[depth:] = [found["name"]]
        bases = [base.__name__ for base in classes[found["name"]].__bases__]
        assert bases[0] == (parents[depth - 1] if depth else "Exception")
        assert found["other"] == (bases[1] if len(bases) > 1 else None)
    known = {name for name, cls in classes.items() if issubclass(cls, trivet.TrivetError)}
    assert known == set(re.findall(r"\b\w*(?:Error|AppNotFound)\b", tree.replace("also", ""))) - {
        "AssertionError",
        "RuntimeError",
        "ValueError",
    }


# -- cli.md


def flags(command: click.Command) -> set[str]:
    """Return the options that the help of a command shows."""
    shown = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return {flag for one in shown for flag in (*one.opts, *one.secondary_opts)}


def flags_in(section: str) -> set[str]:
    """Return the options that the table of a section lists."""
    rows = table(sections(REFERENCE / "cli.md")[section])
    return {flag for row in rows for flag in re.findall(r"`(-[\w-]+)`", row[0])}


def test_every_command_has_a_section_and_no_section_is_stale() -> None:
    said = [title.removeprefix("trivet ") for title in sections(REFERENCE / "cli.md") if title.startswith("trivet ")]
    assert sorted(said) == sorted(cli.commands)
    listed = CliRunner().invoke(cli, ["--help"], env={"TRIVET_APP": "no_such_module"}).output
    assert sorted(said) == re.findall(r"^  (\w+)  +\S", listed.partition("Commands:")[2], re.MULTILINE)


@pytest.mark.parametrize("command", cli.commands)
def test_the_table_of_a_command_lists_its_options(command: str) -> None:
    assert flags_in(f"trivet {command}") == flags(cli.commands[command])


def test_the_options_of_every_command_are_listed() -> None:
    assert flags_in("Options of every command") == flags(cli)


@pytest.mark.parametrize("command", cli.commands)
def test_the_defaults_in_the_table_are_those_of_the_command(command: str) -> None:
    defaults = {flag: one.default for one in cli.commands[command].params for flag in one.opts}
    for row in table(sections(REFERENCE / "cli.md")[f"trivet {command}"]):
        if said := re.fullmatch(r"`(.+)`", row[1]):
            assert said[1] == str(defaults[code_in(row[0])])


def test_the_commands_that_pages_type_exist() -> None:
    app = Trivet("docs", plugins=["auth", "cors", "db"], config_file=False)
    known = {*cli.commands, *(command.name for command in app.hook.trivet_commands(app=app))}
    for page in DOCS.rglob("*.md"):
        for block in blocks(page, "console"):
            for name in re.findall(r"^\$ trivet (\w+)", block.text, re.MULTILINE):
                assert name in known, f"{block.title}: there is no command {name!r}"


# -- api.md


def test_every_public_name_stands_on_the_page_and_no_other() -> None:
    text = (REFERENCE / "api.md").read_text(encoding="utf-8")
    said = re.findall(r"^\.\. (?:auto|py:)\w+:: trivet\.(\w+)(?:\(.*\))?$", text, re.MULTILINE)
    assert len(said) == len(set(said))
    assert set(said) == set(trivet.__all__)


def test_every_signal_stands_in_the_table() -> None:
    said = {code_in(row[0]) for row in table(sections(REFERENCE / "api.md")["Signals"])}
    assert said == {name for name in trivet.__all__ if isinstance(vars(trivet)[name], Signal)}

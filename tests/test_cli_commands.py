"""What the commands that look into an application show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trivet import hookspecs

from .cli_folder import SHOP, Folder

ROUTES = (
    SHOP
    + """

    @app.route("/basket", methods=["GET", "POST"], endpoint="basket")
    async def show_basket():
        return "basket"


    @app.websocket("/ticker")
    async def ticker(ws):
        pass
"""
)

PLUGIN = """
    import msgspec

    from trivet import Plugin, Secret, hookimpl


    class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        url: str = ""
        limit: int = 5
        token: Secret = Secret("")
        keys: list[Secret] = []


    plugin = Plugin(name="stock", summary="Keeps the stock.", options=Options)


    @hookimpl
    def trivet_setup(app, options):
        @app.get("/stock")
        def stock():
            return str(options.limit)


    @hookimpl(wrapper=True)
    def trivet_handle_request(ctx):
        return (yield)


    @hookimpl
    def trivet_describe(app):
        return ["three shelves", "warning: one shelf is empty", "error: the door is open"]


    @hookimpl
    def trivet_shell_context(app):
        return {"shelves": 3}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder with an application that has routes of every kind, and one plugin."""
    toml = 'app = "shop:app"\nplugins = ["./stock.py"]\ndisable = ["csrf"]\n'
    return Folder(tmp_path, monkeypatch).write({"shop.py": ROUTES, "stock.py": PLUGIN, "trivet.toml": toml})


def rows(output: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in output.splitlines()]


def as_json(folder: Folder, *args: str) -> Any:
    return json.loads(folder.run(*args, "--json").stdout)


# -- routes


def test_routes_are_shown_with_method_rule_and_place(folder: Folder) -> None:
    shown = rows(folder.run("routes").stdout)
    assert shown[0] == ["Endpoint", "Methods", "Rule", "View", "Declared", "By"]
    assert ["basket", "GET, POST", "/basket", "async", "shop.py:12"] in shown
    assert ["item", "GET", "/items/<int:number>", "shop.py:7"] in shown
    assert ["stock", "GET", "/stock", "stock.py:19", "stock"] in shown


def test_routes_say_which_are_websockets(folder: Folder) -> None:
    found = {one["endpoint"]: one for one in as_json(folder, "routes")}
    assert (found["ticker"]["websocket"], found["basket"]["websocket"]) == (True, False)
    assert found["basket"]["methods"] == ["GET", "HEAD", "OPTIONS", "POST"]


@pytest.mark.parametrize(("column", "first"), [("endpoint", "basket"), ("rule", "basket"), ("methods", "ticker")])
def test_routes_are_sorted_as_asked(folder: Folder, column: str, first: str) -> None:
    assert as_json(folder, "routes", "--sort", column)[0]["endpoint"] == first


def test_routes_can_be_sorted_as_they_are_tried(folder: Folder) -> None:
    found = [one["endpoint"] for one in as_json(folder, "routes", "--sort", "match")]
    assert sorted(found) == sorted(one["endpoint"] for one in as_json(folder, "routes"))


# -- plugins


def test_plugins_are_shown_in_their_order(folder: Folder) -> None:
    found = as_json(folder, "plugins")
    enabled = [one for one in found if one["enabled"]]
    assert [one["order"] for one in enabled] == list(range(1, len(enabled) + 1))
    assert enabled[0]["name"] == "stock"
    assert enabled[0]["hooks"] == [
        "trivet_describe",
        "trivet_handle_request",
        "trivet_setup",
        "trivet_shell_context",
    ]
    assert (enabled[0]["source"], enabled[0]["declared"]) == ("file", "trivet.toml: plugins")


def test_of_a_plugin_that_is_not_enabled_the_reason_is_shown(folder: Folder) -> None:
    found = {one["name"]: one for one in as_json(folder, "plugins")}
    assert (found["csrf"]["enabled"], found["csrf"]["order"]) == (False, None)
    assert found["csrf"]["why_disabled"] == "disabled by trivet.toml: disable"
    assert "disabled by trivet.toml: disable" in folder.run("plugins").stdout
    assert "csrf" not in folder.run("plugins", "--enabled").stdout


def test_what_is_wrong_with_a_plugin_stands_in_the_list(folder: Folder) -> None:
    folder.write({"stock.py": "1 / 0"})
    one = next(one for one in as_json(folder, "plugins") if one["name"] == "stock")
    assert (one["enabled"], one["why_disabled"]) == (False, "faulty")
    assert "ZeroDivisionError" in one["problem"]


# -- hooks


def test_hooks_are_shown_in_the_order_of_the_contract(folder: Folder) -> None:
    shown = [one["name"] for one in as_json(folder, "hooks")]
    assert shown == [name for name in vars(hookspecs) if name.startswith("trivet_")]


def test_of_a_hook_the_implementations_are_shown_in_the_order_of_their_calls(folder: Folder) -> None:
    found = {one["name"]: one for one in as_json(folder, "hooks")}
    called = found["trivet_handle_request"]["implementations"]
    assert called[0] == {"plugin": "stock", "place": "stock.py:24", "marks": ["wrapper"]}
    assert called[-1]["plugin"] == "kernel"
    assert found["trivet_handle_request"]["summary"] == "Answer the whole request."


@pytest.mark.parametrize("name", ["trivet_after_request", "after_request"])
def test_one_hook_is_explained(folder: Folder, name: str) -> None:
    shown = folder.run("hooks", name).stdout
    assert shown.startswith("trivet_after_request(ctx, response)\n")
    assert "Change a finished response: headers, cookies." in shown
    assert "callbacks" in shown


def test_an_unknown_hook_is_told_with_the_nearest(folder: Folder) -> None:
    result = folder.run("hooks", "trivet_aftr_request")
    assert result.exit_code == 2
    assert "There is no hook 'trivet_aftr_request'. Did you mean 'trivet_after_request'?" in result.stderr


def test_hooks_of_plugins_come_last(folder: Folder) -> None:
    folder.write(
        {
            "stock.py": """
                from types import SimpleNamespace
                from trivet import hookimpl, hookspec

                @hookimpl
                def trivet_addhooks(manager):
                    @hookspec
                    def stock_sold(item):
                        '''Called after something was sold.'''

                    manager.add_hookspecs(SimpleNamespace(stock_sold=stock_sold))
            """
        }
    )
    last = as_json(folder, "hooks")[-1]
    assert (last["name"], last["arguments"], last["summary"]) == (
        "stock_sold",
        ["item"],
        "Called after something was sold.",
    )


# -- config


def test_settings_are_shown_with_their_origin(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write({"trivet.toml": 'app = "shop:app"\nplugins = ["./stock.py"]\n[config]\nMAX_FORM_PARTS = 7\n'})
    folder.write({"shop.py": ROUTES + "\n    app.config['STOCK_URL'] = 'here'\n    app.config['OWN'] = 1\n"})
    monkeypatch.setenv("TRIVET_STOCK_LIMIT", "9")
    found = {one["name"]: (one["value"], one["origin"]) for one in as_json(folder, "config")}
    assert found["MAX_FORM_PARTS"] == (7, f"{folder.path / 'trivet.toml'}: [config] MAX_FORM_PARTS")
    assert found["OWN"] == (1, "code of the application")
    assert found["[stock] url"] == ("here", "app.config['STOCK_URL']")
    assert found["[stock] limit"] == (9, "environment variable TRIVET_STOCK_LIMIT")
    assert found["[stock] token"] == ("", "default")
    assert found["TESTING"] == (False, "default")


def test_no_secret_is_shown(folder: Folder) -> None:
    folder.write(
        {
            "trivet.toml": """
                app = "shop:app"
                plugins = ["./stock.py"]

                [config]
                SECRET_KEY = "hush-1"
                SECRET_KEY_FALLBACKS = ["hush-2"]
                MAIL_PASSWORD = "hush-3"
                SENTRY = {token = "hush-4", endpoints = ["https://user:hush-5@example.com"]}
                PINS = 1

                [stock]
                url = "postgresql://shop:hush-6@db.example.com/shop?sslpassword=hush-7"
                token = "hush-8"
                keys = ["hush-9"]
            """
        }
    )
    for args in ([], ["--json"]):
        result = folder.run("config", *args)
        assert result.exit_code == 0
        assert "hush" not in result.output
        assert "postgresql://shop:…@db.example.com/shop?sslpassword=…" in result.output


def test_only_what_was_changed_is_shown_if_asked(folder: Folder) -> None:
    found = as_json(folder, "config", "--changed")
    assert [one["name"] for one in found] == []
    folder.write({"trivet.toml": 'app = "shop:app"\n[config]\nTESTING = true'})
    assert [one["name"] for one in as_json(folder, "config", "--changed")] == ["TESTING"]


def test_one_setting_or_plugin_is_shown_if_named(folder: Folder) -> None:
    assert [one["name"] for one in as_json(folder, "config", "testing")] == ["TESTING"]
    assert {one["plugin"] for one in as_json(folder, "config", "stock")} == {"stock"}
    assert "Did you mean 'TESTING'?" in folder.run("config", "TESTNG").stderr


def test_a_plugin_without_options_to_show_is_told_from_a_misspelt_one(folder: Folder) -> None:
    assert "No options of the plugin 'json' can be shown: it has none." in folder.run("config", "json").stderr
    assert "No options of the plugin 'cors' can be shown: it is not enabled." in folder.run("config", "cors").stderr


def test_the_options_of_a_plugin_that_cannot_be_set_up_are_shown_too(folder: Folder) -> None:
    folder.write(
        {"stock.py": PLUGIN.replace('        @app.get("/stock")', '        1 / 0\n\n        @app.get("/stock")')}
    )
    result = folder.run("config", "stock")
    assert "Problem: " in result.stderr
    assert "[stock] url" in result.stdout


# -- shell


def test_the_shell_has_the_names_of_application_and_plugins_in_its_context(folder: Folder) -> None:
    folder.write({"shop.py": ROUTES + "\n    app.shell_context_processor(lambda: {'basket': []})\n"})
    code = "from trivet import current_app; print(current_app.name, shelves, basket, app.name)"
    assert folder.run("shell", "-c", code).output == "shop 3 [] shop\n"


def test_the_shell_reads_what_is_typed(folder: Folder) -> None:
    result = folder.run("shell", input="print(shelves * 2)\n")
    assert "6" in result.output
    assert "Application: shop" in result.output


# -- doctor


def test_the_doctor_tells_what_plugins_say_of_themselves(folder: Folder) -> None:
    found = {(one["level"], one["message"]) for one in as_json(folder, "doctor") if one["about"] == "stock"}
    assert found == {("ok", "three shelves"), ("warning", "one shelf is empty"), ("error", "the door is open")}
    assert folder.run("doctor").exit_code == 0
    assert folder.run("doctor", "--strict").exit_code == 1


@pytest.mark.parametrize(
    ("line", "about", "message"),
    [
        ("pass", "sessions", "SECRET_KEY is not set"),
        ("app.secret_key = 'changeme'", "SECRET_KEY", "stands in tutorials"),
        ("app.debug = True", "DEBUG", "on ("),
        ("app.testing = True", "TESTING", "on, so exceptions"),
        ("app.wsgi_app = lambda environ, start: []", "wsgi_app", "which ASGI servers go around"),
        ("app.cli.command('run')(lambda: None)", "commands", "'run' is claimed twice: by Trivet itself"),
    ],
)
def test_the_doctor_finds(folder: Folder, line: str, about: str, message: str) -> None:
    folder.write({"shop.py": f"{ROUTES}\n    {line}\n"})
    found = [one for one in as_json(folder, "doctor") if one["about"] == about]
    assert any(message in one["message"] and one["level"] != "ok" for one in found), found


def test_the_doctor_shows_the_traceback_of_an_application_that_fails(folder: Folder) -> None:
    folder.write({"shop.py": "1 / 0"})
    shown = folder.run("doctor").output
    assert f'File "{folder.path}/shop.py", line 1, in <module>' in shown
    assert "ZeroDivisionError" in shown


def test_a_description_that_fails_is_an_error_of_its_plugin(folder: Folder) -> None:
    folder.write({"stock.py": "from trivet import hookimpl\n@hookimpl\ndef trivet_describe(app):\n    1 / 0\n"})
    found = [one for one in as_json(folder, "doctor") if one["about"] == "stock"]
    assert [one["level"] for one in found] == ["error"]
    assert "trivet_describe (stock.py:2) failed: ZeroDivisionError" in found[0]["message"]


def test_hooks_that_commands_ask_may_be_coroutines(folder: Folder) -> None:
    source = "@hookimpl\nasync def trivet_describe(app):\n    return ['awaited']\n"
    folder.write({"stock.py": f"from trivet import hookimpl\n{source}"})
    assert "stock: awaited" in folder.run("doctor").output

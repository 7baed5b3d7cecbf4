"""The group of commands: what the application and plugins add, and how it is called."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from trivet import Trivet, hookimpl
from trivet.cli import TrivetGroup, cli

from .cli_folder import SHOP, Folder

COMMANDS = (
    SHOP
    + """
    import click
    from trivet import Blueprint, current_app


    @app.cli.command("restock")
    @click.argument("number", type=int)
    def restock(number):
        "Fill the shelves."
        click.echo(f"{current_app.name} has {number}")


    shelves = Blueprint("shelves", __name__)


    @shelves.cli.command("count")
    def count():
        click.echo("three")


    app.register_blueprint(shelves)
"""
)

PLUGIN = """
    import click

    from trivet import current_app, hookimpl


    @hookimpl
    def trivet_commands(app):
        @click.group()
        def stock():
            "Look after the stock."

        @stock.command()
        def level():
            click.echo(f"of {current_app.name}")

        @click.command()
        def greet():
            "Say hello."
            click.echo(f"Hello from {app.name}")

        return [stock, greet]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder with an application and a plugin that both have commands."""
    toml = 'app = "shop:app"\nplugins = ["./stock.py"]\n'
    return Folder(tmp_path, monkeypatch).write({"shop.py": COMMANDS, "stock.py": PLUGIN, "trivet.toml": toml})


@pytest.mark.parametrize(
    ("args", "output"),
    [
        (["restock", "5"], "shop has 5\n"),
        (["shelves", "count"], "three\n"),
        (["greet"], "Hello from shop\n"),
        (["stock", "level"], "of shop\n"),
    ],
)
def test_commands_of_application_blueprint_and_plugin_run_in_its_context(
    folder: Folder, args: list[str], output: str
) -> None:
    result = folder.run(*args)
    assert (result.output, result.exit_code) == (output, 0)


def test_help_lists_them_under_their_owners(folder: Folder) -> None:
    shown = folder.run("--help").output
    own, of_app, of_plugin = (
        shown.index(f"{title}:")
        for title in ("Commands", "Commands of the application", "Commands of the plugin stock")
    )
    assert own < shown.index("doctor ") < of_app < shown.index("restock") < of_plugin < shown.index("greet")
    assert "Fill the shelves." in shown
    assert "Problems" not in shown


@pytest.mark.parametrize(("name", "near"), [("rotes", "routes"), ("restok", "restock"), ("greeet", "greet")])
def test_an_unknown_command_is_told_with_the_nearest(folder: Folder, name: str, near: str) -> None:
    result = folder.run(name)
    assert result.exit_code == 2
    assert f"There is no command {name!r}. Did you mean {near!r}?" in result.stderr


def test_an_unknown_command_of_an_application_that_fails_is_told_with_the_reason(folder: Folder) -> None:
    folder.write({"shop.py": "1 / 0"})
    result = folder.run("rutes")
    assert result.exit_code == 1
    assert "has no command 'rutes'. Did you mean 'routes'?" in result.stderr
    assert "ZeroDivisionError" in result.stderr


def test_two_plugins_with_one_command_are_named_with_their_places(folder: Folder) -> None:
    folder.write({"other.py": PLUGIN, "trivet.toml": 'app = "shop:app"\nplugins = ["./stock.py", "./other.py"]'})
    shown = folder.run("doctor").output
    places = r"by plugin 'stock' \(stock\.py:\d+\) and by plugin 'other' \(other\.py:\d+\)"
    assert re.search(rf"The command 'greet' is claimed twice: {places}", shown)
    assert folder.run("greet").output == "Hello from shop\n"


def test_the_application_may_override_a_plugins_command(folder: Folder) -> None:
    folder.write({"shop.py": COMMANDS + "\n    app.cli.command('greet')(lambda: click.echo('mine'))\n"})
    assert folder.run("greet").output == "mine\n"
    assert "claimed twice" not in folder.run("doctor").output


def test_nobody_may_take_the_name_of_one_of_trivets_own_commands(folder: Folder) -> None:
    folder.write({"shop.py": COMMANDS + "\n    app.cli.command('routes')(lambda: click.echo('mine'))\n"})
    assert "mine" not in folder.run("routes").output
    shown = folder.run("--help").output
    assert "The command 'routes' is claimed twice: by Trivet itself" in shown
    assert "by the application (shop.py:" in shown


def test_what_is_no_command_is_refused_with_its_place(folder: Folder) -> None:
    folder.write({"stock.py": "from trivet import hookimpl\n@hookimpl\ndef trivet_commands(app):\n    return 5\n"})
    assert "stock.py:2 returned int instead of a click command" in folder.run("doctor").output


def test_a_plugin_sees_the_routes_of_all_others_when_it_makes_its_commands(folder: Folder) -> None:
    folder.write(
        {
            "stock.py": """
                import click
                from trivet import hookimpl

                @hookimpl
                def trivet_setup(app):
                    app.add_url_rule("/stock", "stock", lambda: "")

                @hookimpl
                def trivet_commands(app):
                    known = app.view_functions
                    return click.Command("seen", callback=lambda: click.echo("stock" in known))
            """
        }
    )
    assert folder.run("seen").output == "True\n"


def test_the_versions_are_shown_without_an_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = Folder(tmp_path, monkeypatch).run("--version")
    assert result.output.startswith("Trivet ")
    assert "Werkzeug" in result.output


def test_commands_are_completed_without_an_error_of_a_broken_application(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_WORDS", "trivet re")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("_TRIVET_COMPLETE", "bash_complete")
    assert "plain,restock" in folder.run().output
    folder.write({"shop.py": "1 / 0"})
    assert "Traceback" not in folder.run().output


# -- without a folder


def test_the_command_runs_for_an_application_that_a_test_has() -> None:
    app = Trivet("tested", config_file=False)
    app.add_url_rule("/", "index", lambda: "text")
    result = app.test_cli_runner().invoke(cli, ["routes"])
    assert "index" in result.output


def test_a_runner_runs_the_applications_own_commands() -> None:
    app = Trivet("tested", config_file=False)

    @app.cli.command("hello")
    def hello() -> None:
        click.echo("Hello")

    assert app.test_cli_runner().invoke(args=["hello"]).output == "Hello\n"
    assert app.test_cli_runner().invoke(cli, ["hello"]).output == "Hello\n"


def test_an_application_may_have_a_script_of_its_own() -> None:
    made: list[Trivet] = []

    class Greeting:
        name = "greeting"

        @hookimpl
        def trivet_commands(self, app: Trivet) -> click.Command:
            return click.Command("greet", callback=lambda: click.echo(f"Hello from {app.name}"))

    def create_app() -> Trivet:
        made.append(Trivet("scripted", config_file=False, plugins=[Greeting()]))
        return made[-1]

    @click.group(cls=TrivetGroup, create_app=create_app)
    def manage() -> None:
        """Manage it."""

    runner = CliRunner()
    assert runner.invoke(manage, ["greet"]).output == "Hello from scripted\n"
    assert "static" in runner.invoke(manage, ["routes"]).output
    assert len(made) == 2  # once for each run

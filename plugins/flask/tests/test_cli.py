"""The ``flask`` command, as another process runs it in a folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

Done = subprocess.CompletedProcess[str]

SHOP = """
    import click
    from flask import Blueprint, Flask, current_app

    app = Flask(__name__)


    @app.get("/items/<int:number>")
    def item(number):
        return f"item {number}"


    @app.post("/fail")
    @app.get("/fail")
    def fail():
        return 1 / 0


    @app.cli.command("restock")
    @click.argument("number", type=int)
    def restock(number):
        "Fill the shelves."
        click.echo(f"{current_app.name} has {number}, debug {current_app.debug}")


    shelves = Blueprint("shelves", __name__)


    @shelves.cli.command("count")
    def count():
        click.echo(f"three in {current_app.name}")


    app.register_blueprint(shelves)
"""

FACTORY = """
    import os

    from flask import Flask


    def create_app(name="plain", *, mode="none"):
        app = Flask(f"{name}_{mode}")
        app.config["GREETING"] = os.environ.get("GREETING", "none")
        app.cli.command("greet")(lambda: print(app.name, app.config["GREETING"]))
        return app
"""


class Folder:
    """A folder in which the command is run, with nothing in the environment that changes what it does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "WERKZEUG_", "TRIVET_"))
        }
        self.environment.update(NO_COLOR="1", COLUMNS="200", PYTHONUNBUFFERED="1", PYTHONDONTWRITEBYTECODE="1")

    def write(self, files: dict[str, str]) -> Folder:
        """Write files, by their names."""
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return self

    def arguments(self, args: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "trivet_flask", *args]

    def run(self, *args: str, stdin: str = "", **environment: str) -> Done:
        """Run the command to its end."""
        return subprocess.run(
            self.arguments(args),
            cwd=self.path,
            env={**self.environment, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    def output(self, *args: str, **environment: str) -> str:
        """Run the command, which must succeed, and return what it prints."""
        done = self.run(*args, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def serving(self, *args: str, **environment: str) -> Iterator[str]:
        """Run a server in the block; the value is its address. What it said is in ``server.log``."""
        log = self.path / "server.log"
        with open(log, "w", encoding="utf-8") as file:
            server = subprocess.Popen(
                self.arguments(args),
                cwd=self.path,
                env={**self.environment, **environment},
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            wait_for(lambda: "Press CTRL+C" in log.read_text("utf-8") or server.poll() is not None)
            yield re.findall(r"http://127\.0\.0\.1:\d+", log.read_text("utf-8"))[0]
        finally:
            os.killpg(server.pid, 15)  # the reloader's child too
            server.wait(30)


def wait_for(look: Callable[[], bool]) -> None:
    """Wait until something is so, half a minute at most."""
    end = time.monotonic() + 30
    while not look():
        assert time.monotonic() < end, "what was waited for has not come"
        time.sleep(0.05)


def fetch(url: str) -> str:
    """Return the body of the answer, whatever its status."""
    try:
        with urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())
    except HTTPError as error:
        with error:
            return error.read().decode()


def fetch_meanwhile(url: str) -> str:
    """Return the body of the answer, or nothing while the server starts anew and drops the connection."""
    try:
        return fetch(url)
    except (OSError, HTTPException):
        return ""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder, below one that is empty too."""
    (tmp_path / "project").mkdir()
    return Folder(tmp_path / "project")


@pytest.fixture
def shop(folder: Folder) -> Folder:
    """A folder with an application in ``shop.py``."""
    return folder.write({"shop.py": SHOP})


# -- finding the application


@pytest.mark.parametrize(
    "target",
    ["shop", "shop.py", "shop:app", "./shop.py:app", "shop: app "],
)
def test_the_application_is_found_by_module_or_file_with_or_without_its_name(shop: Folder, target: str) -> None:
    assert "/items/<int:number>" in shop.output("--app", target, "routes")


@pytest.mark.parametrize("name", ["app.py", "wsgi.py", "app/__init__.py"])
def test_without_a_name_it_is_looked_for_under_the_usual_ones(folder: Folder, name: str) -> None:
    folder.write({name: SHOP})
    assert "/items/<int:number>" in folder.output("routes")


def test_the_environment_may_name_it_and_the_option_comes_before_that(shop: Folder) -> None:
    shop.write({"other.py": "from flask import Flask\nthing = Flask('other')\n"})
    assert "/items" in shop.output("routes", FLASK_APP="shop")
    assert "/items" not in shop.output("-A", "other", "routes", FLASK_APP="shop")


def test_a_file_in_a_package_is_imported_as_part_of_it(folder: Folder) -> None:
    folder.write(
        {
            "src/store/__init__.py": "",
            "src/store/names.py": "NAME = 'nested'",
            "src/store/web.py": "from flask import Flask\nfrom .names import NAME\napp = Flask(NAME)\n",
        }
    )
    assert "static" in folder.output("--app", "src/store/web.py", "routes")


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("made", "plain_none"),
        ("made:create_app", "plain_none"),
        ("made:create_app('big')", "big_none"),
        ("made:create_app('big', mode='test', )", "big_test"),
    ],
)
def test_a_factory_is_called_with_its_literal_arguments(folder: Folder, target: str, name: str) -> None:
    folder.write({"made.py": FACTORY})
    assert folder.output("--app", target, "greet") == f"{name} none\n"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere", "There is no module 'nowhere' to import."),
        ("shop:nothing", "The module 'shop' has no attribute 'nothing'."),
        ("shop:item", "cannot be called like that"),
        ("shop:click", "'shop:click' gives no Flask application"),
        ("shop:current_app", "'shop:current_app' gives no Flask application, but a value of the type"),
        ("shop:app.cli", "must be a plain name"),
        ("shop:Flask(name)", "must be literals"),
        ("shop:Flask(**{})", "must be literals"),
        ("shop:app(", "neither the name of an application nor the call of a factory"),
        ("two", "has several Flask applications: one, another. Say which one is meant, such as 'two:one'."),
        ("none", "There is no Flask application or factory in the module 'none'."),
    ],
)
def test_what_leads_to_no_application_is_told_with_the_reason(shop: Folder, target: str, message: str) -> None:
    shop.write({"two.py": "from flask import Flask\none, another = Flask('a'), Flask('b')\n", "none.py": ""})
    done = shop.run("--app", target, "routes")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_without_any_application_the_ways_to_name_one_are_told(folder: Folder) -> None:
    done = folder.run("routes")
    assert done.returncode == 2
    assert all(way in done.stderr for way in ("flask --app", "FLASK_APP", "wsgi.py", "app.py"))


def test_a_module_that_misses_another_one_is_shown_with_its_own_frames_alone(folder: Folder) -> None:
    folder.write({"shop.py": "import not_there\n"})
    done = folder.run("--app", "shop", "routes")
    assert done.returncode == 2
    assert "Importing 'shop' has failed" in done.stderr
    assert "No module named 'not_there'" in done.stderr
    assert re.findall(r'File "(.+)"', done.stderr) == [str(folder.path / "shop.py")]


def test_an_application_that_fails_is_shown_with_its_traceback(folder: Folder) -> None:
    folder.write({"shop.py": "def load():\n    return 1 / 0\n\nload()\n"})
    done = folder.run("--app", "shop", "routes")
    assert done.returncode == 1
    assert 'shop.py", line 2, in load' in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_a_type_error_inside_a_factory_is_not_taken_for_wrong_arguments(folder: Folder) -> None:
    folder.write({"shop.py": "def create_app():\n    return len(5)\n"})
    done = folder.run("--app", "shop", "routes")
    assert done.stderr.endswith("TypeError: object of type 'int' has no len()\n")


# -- commands


def test_commands_of_application_and_blueprint_run_in_its_context(shop: Folder) -> None:
    assert shop.output("--app", "shop", "restock", "5") == "shop has 5, debug False\n"
    assert shop.output("--app", "shop", "shelves", "count") == "three in shop\n"


@pytest.mark.parametrize("args", [[], ["--help"]])
def test_help_lists_the_commands_of_the_application_however_it_is_named(shop: Folder, args: list[str]) -> None:
    done = shop.run(*args, FLASK_APP="shop")
    shown = done.stdout + done.stderr
    assert re.search(r"restock +Fill the shelves\.", shown)
    assert all(name in shown for name in ("Usage: flask", "routes", "run", "shell", "shelves"))
    assert "Error" not in shown


def test_help_may_stand_before_the_name_of_the_application(shop: Folder) -> None:
    assert "restock" in shop.output("--no-debug", "--help", "--app", "shop")


def test_help_of_an_application_that_fails_tells_that_and_lists_the_rest(folder: Folder) -> None:
    folder.write({"shop.py": "1 / 0"})
    done = folder.run("--app", "shop", "--help")
    assert done.returncode == 0
    assert "ZeroDivisionError" in done.stderr
    assert re.findall(r'File "(.+)"', done.stderr) == [str(folder.path / "shop.py")]
    assert "routes" in done.stdout


def test_an_unknown_command_without_an_application_is_told_with_both_reasons(folder: Folder) -> None:
    done = folder.run("restock")
    assert done.returncode == 2
    assert "No Flask application was found." in done.stderr
    assert "No such command 'restock'" in done.stderr


@pytest.mark.parametrize(("options", "debug"), [(["--debug"], True), (["--no-debug"], False), ([], True)])
def test_debug_mode_is_set_before_the_application_is_made(shop: Folder, options: list[str], debug: bool) -> None:
    shop.write({"shop.py": f"{textwrap.dedent(SHOP)}\nprint('early', app.debug)\n"})
    shown = shop.output("--app", "shop", *options, "restock", "1", FLASK_DEBUG="1")
    assert shown == f"early {debug}\nshop has 1, debug {debug}\n"


def test_completion_lists_commands_and_stays_silent_about_a_broken_application(shop: Folder) -> None:
    asked = {"_FLASK_COMPLETE": "bash_complete", "COMP_WORDS": "flask re", "COMP_CWORD": "1"}
    assert "plain,restock" in shop.run(FLASK_APP="shop", **asked).stdout
    shop.write({"shop.py": "1 / 0"})
    done = shop.run("routes", FLASK_APP="shop", **asked)
    assert "Traceback" not in done.stderr


def test_the_versions_are_shown_without_an_application(folder: Folder) -> None:
    shown = folder.output("--version")
    assert re.search(r"^Python 3\.\d+\.\d+.*^Flask 3\.\d.*^Werkzeug 3\.\d.*^Trivet ", shown, re.S | re.M)


# -- commands of extensions


def installed(folder: Folder, entries: str) -> dict[str, str]:
    """Install a distribution with such entry points, and a command in ``extra_commands``; return the environment."""
    folder.write(
        {
            "lib/extra-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n",
            "lib/extra-1.0.dist-info/entry_points.txt": f"[flask.commands]\n{entries}\n",
            "lib/extra_commands.py": """
                import click
                from flask import current_app
                from flask.cli import with_appcontext

                text = "not a command"

                @click.command()
                @with_appcontext
                def greet():
                    "Say hello."
                    click.echo(f"Hello from {current_app.name}")
            """,
        }
    )
    path = os.pathsep.join(filter(None, [str(folder.path / "lib"), folder.environment.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, "FLASK_APP": "shop"}


def test_extensions_bring_commands_by_entry_point(shop: Folder) -> None:
    environment = installed(shop, "hello = extra_commands:greet")
    assert shop.output("hello", **environment) == "Hello from shop\n"
    assert re.search(r"hello +Say hello\.", shop.output("--help", **environment))


def test_an_extension_may_replace_a_command_of_flasks_own(shop: Folder) -> None:
    assert shop.output("shell", **installed(shop, "shell = extra_commands:greet")) == "Hello from shop\n"


def test_a_broken_command_of_an_extension_is_reported_and_the_others_go_on(shop: Folder) -> None:
    entries = "hello = extra_commands:greet\nbad = extra_missing:command\nodd = extra_commands:text"
    environment = installed(shop, entries)
    done = shop.run("--help", **environment)
    assert done.returncode == 0
    assert "'bad' of the distribution 'extra' could not be loaded from 'extra_missing:command'" in done.stderr
    assert "No module named 'extra_missing'" in done.stderr
    assert "extra_commands:text is not a click command, but of type str." in done.stderr
    assert "hello" in done.stdout
    assert "restock" in done.stdout


def test_a_broken_command_of_an_extension_does_not_disturb_another_one(shop: Folder) -> None:
    environment = installed(shop, "hello = extra_commands:greet\nbad = extra_missing:command")
    assert shop.run("hello", **environment).stderr == ""
    done = shop.run("bad", **environment)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "No such command 'bad'" in done.stderr


# -- dotenv files

needs_dotenv = pytest.mark.skipif(find_spec("dotenv") is None, reason="python-dotenv is not installed")


@needs_dotenv
def test_dotenv_files_are_loaded_the_environment_first_then_the_given_file_then_env_then_flaskenv(
    folder: Folder,
) -> None:
    folder.write({"made.py": FACTORY, "../.flaskenv": "FLASK_APP=made\nGREETING=flaskenv\n"})
    assert folder.output("greet") == "plain_none flaskenv\n"
    folder.write({".env": "GREETING=dotenv\n"})
    assert folder.output("greet") == "plain_none dotenv\n"
    folder.write({"mine": "GREETING=mine\n"})
    assert folder.output("-e", "mine", "greet") == "plain_none mine\n"
    assert folder.output("greet", FLASK_ENV_FILE="mine") == "plain_none mine\n"
    assert folder.output("-e", "mine", "greet", GREETING="set") == "plain_none set\n"


@needs_dotenv
def test_flask_skip_dotenv_leaves_them_out_but_not_the_one_that_is_asked_for(folder: Folder) -> None:
    folder.write({"app.py": FACTORY, ".env": "GREETING=dotenv\n", "mine": "FLASK_APP=app:create_app('mine')\n"})
    assert folder.output("greet", FLASK_SKIP_DOTENV="1") == "plain_none none\n"
    assert folder.output("-e", "mine", "greet", FLASK_SKIP_DOTENV="1") == "mine_none none\n"


def test_without_python_dotenv_there_is_a_tip_and_a_given_file_is_an_error(folder: Folder) -> None:
    folder.write({"app.py": FACTORY, ".env": "GREETING=dotenv\n", "block/dotenv.py": "raise ImportError\n"})
    path = os.pathsep.join(filter(None, [str(folder.path / "block"), folder.environment.get("PYTHONPATH")]))
    done = folder.run("greet", PYTHONPATH=path)
    assert done.stdout == "plain_none none\n"
    assert "pip install python-dotenv" in done.stderr
    assert folder.run("-e", ".env", "greet", PYTHONPATH=path).returncode == 2


# -- routes and shell


def test_routes_are_sorted_and_shown_with_their_methods(shop: Folder) -> None:
    lines = shop.output("--app", "shop", "routes").splitlines()
    assert [re.split("  +", line) for line in lines] == [
        ["Endpoint", "Methods", "Rule"],
        ["-" * 8, "-" * 7, "-" * 23],
        ["fail", "GET", "/fail"],
        ["fail", "POST", "/fail"],
        ["item", "GET", "/items/<int:number>"],
        ["static", "GET", "/static/<path:filename>"],
    ]
    assert "HEAD, OPTIONS" in shop.output("--app", "shop", "routes", "--all-methods")
    by_match = shop.output("--app", "shop", "routes", "-s", "match").splitlines()[2:]
    assert by_match[0].startswith("static")


def test_the_shell_has_the_names_of_the_application(shop: Folder) -> None:
    shop.write({"start.py": "started = 'yes'\n"})
    done = shop.run(
        "--app", "shop", "shell", stdin="print('name:', app.name, started)\n", PYTHONSTARTUP=str(shop.path / "start.py")
    )
    assert "name: shop yes" in done.stdout
    assert re.search(r"^App: shop$", done.stderr, re.M)


# -- the development server


def test_run_serves_the_application(shop: Folder) -> None:
    with shop.serving("--app", "shop", "run", "--port", "0") as address:
        assert fetch(f"{address}/items/5") == "item 5"
        assert "Debugger" not in fetch(f"{address}/fail")
    log = (shop.path / "server.log").read_text("utf-8")
    assert " * Serving Flask app 'shop'\n * Debug mode: off\n" in log


def test_options_of_commands_may_stand_in_the_environment(shop: Folder) -> None:
    environment = {"FLASK_APP": "shop", "FLASK_RUN_PORT": "0", "FLASK_DEBUG": "1", "FLASK_RUN_RELOAD": "0"}
    with shop.serving("run", **environment) as address:
        assert "Werkzeug Debugger" in fetch(f"{address}/fail")


def test_after_a_change_that_breaks_it_the_server_tells_why_until_it_is_repaired(shop: Folder) -> None:
    with shop.serving("--app", "shop", "run", "--debug", "--port", "0") as address:
        assert fetch(f"{address}/items/5") == "item 5"
        for source, sign in (("app = = 5", "SyntaxError"), (SHOP.replace("item {", "thing {"), "thing 5")):
            shop.write({"shop.py": source})
            wait_for(lambda sign=sign: sign in fetch_meanwhile(f"{address}/items/5"))  # type: ignore[misc]


def test_an_application_that_is_broken_from_the_start_ends_the_server(folder: Folder) -> None:
    folder.write({"shop.py": "app = = 5"})
    done = folder.run("--app", "shop", "run", "--debug", "--port", "0")
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--cert", "missing.pem"], "'missing.pem' does not exist"),
        (["--cert", "shop.py"], "needs its key"),
        (["--key", "shop.py"], "belongs to --cert, which is missing"),
        (["--cert", "tls:context", "--key", "shop.py"], "leave --key out"),
    ],
)
def test_a_certificate_and_its_key_belong_together(shop: Folder, args: list[str], message: str) -> None:
    shop.write({"tls.py": "import ssl\ncontext = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"})
    done = shop.run("--app", "shop", "run", *args, PYTHONPATH=str(shop.path))
    assert done.returncode == 2
    assert message in done.stderr


# -- other ways to it


def test_a_call_of_run_in_the_module_does_not_block_the_command(shop: Folder) -> None:
    shop.write({"shop.py": f"{textwrap.dedent(SHOP)}\napp.run()\n"})
    done = shop.run("--app", "shop", "restock", "1")
    assert done.stdout.endswith("shop has 1, debug False\n")
    assert "Ignoring a call to 'app.run()'" in done.stdout


def test_a_module_is_run_with_trivet_in_flasks_place(shop: Folder) -> None:
    assert "/items/<int:number>" in shop.output("-m", "flask", "--app", "shop", "routes")


def test_a_script_of_an_applications_own_runs_with_its_factory(folder: Folder) -> None:
    folder.write(
        {
            "manage.py": """
                import click
                from flask import Flask, current_app
                from flask.cli import FlaskGroup, pass_script_info


                def create_app():
                    return Flask("managed")


                @click.group(cls=FlaskGroup, create_app=create_app)
                def manage():
                    "Manage it."


                @manage.command()
                def inside():
                    click.echo(f"inside {current_app.name}")


                @manage.command(with_appcontext=False)
                @pass_script_info
                def outside(info):
                    click.echo(f"outside {bool(current_app)}, then {info.load_app().name}")


                manage()
            """
        }
    )
    assert folder.output("manage.py", "inside") == "inside managed\n"
    assert folder.output("manage.py", "outside") == "outside False, then managed\n"
    assert "static" in folder.output("manage.py", "routes")
    assert "Manage it." in folder.output("manage.py", "--help")


def test_a_command_is_tested_without_the_group(folder: Folder) -> None:
    folder.write(
        {
            "script.py": """
                import click
                from flask import Flask
                from flask.cli import FlaskGroup, ScriptInfo

                app = Flask("tested")

                @app.cli.command()
                def hello():
                    click.echo("Hello")

                runner = app.test_cli_runner()
                print(runner.invoke(args=["hello"]).output, end="")
                print(runner.invoke(hello).output, end="")
                print(runner.invoke(FlaskGroup(), ["hello"]).output, end="")
                print(runner.invoke(hello, obj=ScriptInfo(create_app=lambda: app)).output, end="")
            """
        }
    )
    assert folder.output("script.py") == "Hello\n" * 4

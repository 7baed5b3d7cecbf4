"""Every way to have ``flask`` mean Trivet: the call, the module that starts programs, the list of plugins."""

from __future__ import annotations

import os
import site
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import trivet
import trivet_flask

from .snippets import output, printed, run

SUBMODULES = [
    "app",
    "blueprints",
    "cli",
    "config",
    "ctx",
    "debughelpers",
    "globals",
    "helpers",
    "json",
    "json.provider",
    "json.tag",
    "logging",
    "sansio",
    "sansio.app",
    "sansio.blueprints",
    "sansio.scaffold",
    "sessions",
    "signals",
    "templating",
    "testing",
    "typing",
    "views",
    "wrappers",
]

SHOP = """
    import flask
    from flask import Flask

    app = Flask(__name__)

    @app.get("/items/<int:number>")
    def item(number):
        return f"item {number} of {Flask.__module__}"

    if __name__ == "__main__":
        print(flask.Flask.__module__, __name__, __import__("sys").argv[1:])
"""


@pytest.fixture
def flask_itself(need_flask: Callable[[], None]) -> None:
    """Ask for Flask itself beside Trivet."""
    need_flask()


@pytest.fixture(scope="session")
def without_flask(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a value of PYTHONPATH with which a Python started with ``-S`` has all that is here but Flask."""
    folder = tmp_path_factory.mktemp("packages")
    for packages in site.getsitepackages():
        for path in Path(packages).iterdir():
            if not path.name.lower().startswith("flask") and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    ours = {str(Path(str(module.__file__)).parents[1]) for module in (trivet, trivet_flask)}
    return os.pathsep.join([*sorted(ours), str(folder)])


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with an application for Flask."""
    (tmp_path / ".git").mkdir()  # here the search for a configuration file ends
    (tmp_path / "shop.py").write_text(textwrap.dedent(SHOP), encoding="utf-8")
    return tmp_path


# -- the call


def test_flask_and_all_its_submodules_are_ours(tmp_path: Path) -> None:
    told = printed(
        f"""
        import importlib, sys
        import trivet_flask
        trivet_flask.install()
        import flask
        names = ["flask", *(f"flask.{{name}}" for name in {SUBMODULES!r})]
        for name in names:
            module = importlib.import_module(name)
            assert module is sys.modules[name], name
            assert module is importlib.import_module("trivet_flask." + name), name
            assert "trivet_flask" in module.__file__, module.__file__
            parent, _, last = name.rpartition(".")
            assert not parent or getattr(sys.modules[parent], last) is module, name
        from flask.json import provider
        import flask.sansio.app
        assert flask.Flask is flask.app.Flask and issubclass(flask.Flask, flask.sansio.app.App)
        print(len(names))
        """,
        folder=tmp_path,
    )
    assert int(told) == 1 + len(SUBMODULES)


def test_to_import_flask_is_enough_for_the_submodules_that_it_uses(tmp_path: Path) -> None:
    told = printed(
        """
        import trivet_flask
        trivet_flask.install()
        import flask
        names = "app blueprints cli config ctx globals helpers json logging sansio sessions signals templating typing"
        missing = [name for name in (*names.split(), "wrappers") if not hasattr(flask, name)]
        missing += [f"json.{name}" for name in ("provider", "tag") if not hasattr(flask.json, name)]
        print(missing)
        """,
        folder=tmp_path,
    )
    assert told == "[]"


def test_a_module_that_flask_has_not_is_missing(tmp_path: Path) -> None:
    code = "import trivet_flask; trivet_flask.install(); import flask.sqlalchemy"
    done = run("-c", code, folder=tmp_path)
    assert "ModuleNotFoundError: No module named 'flask.sqlalchemy'" in done.stderr


def test_to_install_it_twice_is_harmless(tmp_path: Path) -> None:
    told = printed(
        """
        import sys
        import trivet_flask
        trivet_flask.install()
        finders = list(sys.meta_path)
        trivet_flask.install()
        import flask
        trivet_flask.install()
        print(sys.meta_path == finders, flask.Flask.__module__)
        """,
        folder=tmp_path,
    )
    assert told == "True trivet_flask.flask.app"


def test_after_flask_itself_it_is_refused_and_the_file_is_named(tmp_path: Path, flask_itself: None) -> None:
    told = printed(
        """
        import flask
        import trivet_flask
        try:
            trivet_flask.install()
        except trivet_flask.AlreadyImported as error:
            print(flask.__file__ in str(error), isinstance(error, ImportError), flask.Flask.__module__)
        """,
        folder=tmp_path,
    )
    assert told == "True True flask.app"


def test_whoever_asks_for_the_version_of_flask_gets_one_where_it_is_installed(
    tmp_path: Path, flask_itself: None
) -> None:
    code = "import importlib.metadata as m; print(m.version('flask'), m.version('Flask'))"
    itself = output("-c", code, folder=tmp_path)
    assert output("-c", f"import trivet_flask; trivet_flask.install(); {code}", folder=tmp_path) == itself


def test_whoever_asks_for_the_version_of_flask_gets_one_where_it_is_not(tmp_path: Path, without_flask: str) -> None:
    code = """if True:
        import importlib.metadata as metadata
        try:
            metadata.version("flask")
        except metadata.PackageNotFoundError:
            print("none")
        import trivet_flask
        trivet_flask.install()
        print(metadata.version("flask"), metadata.version("Flask"), metadata.distribution("flask").metadata["Name"])
        from flask import Flask
        print(Flask(__name__).test_client().get("/").status_code)
    """
    told = output("-S", "-c", code, folder=tmp_path, PYTHONPATH=without_flask)
    assert told.splitlines() == ["none", "3.1.3 3.1.3 Flask", "404"]


# -- the module that starts programs


def test_a_script_runs_with_its_arguments(shop: Path) -> None:
    told = output("-m", "trivet_flask", "shop.py", "--some", "argument", folder=shop)
    assert told == "trivet_flask.flask.app __main__ ['--some', 'argument']"


def test_a_script_finds_the_modules_beside_it(shop: Path) -> None:
    (shop / "inner").mkdir()
    (shop / "inner" / "beside.py").write_text("name = 'beside'\n")
    (shop / "inner" / "script.py").write_text("import beside\nprint(beside.name, __file__)\n")
    assert output("-m", "trivet_flask", "inner/script.py", folder=shop) == "beside inner/script.py"


def test_a_module_runs_with_its_arguments(shop: Path) -> None:
    told = output("-m", "trivet_flask", "-m", "shop", "--some", "argument", folder=shop)
    assert told == "trivet_flask.flask.app __main__ ['--some', 'argument']"


def test_the_flask_command_runs(shop: Path) -> None:
    told = output("-m", "trivet_flask", "--app", "shop", "routes", folder=shop)
    assert "/items/<int:number>" in told


def test_without_a_command_it_tells_its_ways(shop: Path) -> None:
    told = output("-m", "trivet_flask", folder=shop)
    assert "python -m trivet_flask -m MODULE" in told


def test_it_needs_no_flask(shop: Path, without_flask: str) -> None:
    told = output("-S", "-m", "trivet_flask", "--app", "shop", "routes", folder=shop, PYTHONPATH=without_flask)
    assert "/items/<int:number>" in told


# -- the list of plugins


@pytest.fixture
def project(shop: Path) -> Path:
    """The application, and a project that enables the plugin."""
    (shop / "trivet.toml").write_text('app = "shop:app"\nplugins = ["flask"]\n', encoding="utf-8")
    return shop


def test_the_trivet_command_lists_the_routes_of_an_application_for_flask(project: Path) -> None:
    assert "/items/<int:number>" in output("-m", "trivet", "routes", folder=project)


def test_the_trivet_command_does_so_without_flask(project: Path, without_flask: str) -> None:
    told = output("-S", "-m", "trivet", "routes", folder=project, PYTHONPATH=without_flask)
    assert "/items/<int:number>" in told


def test_the_trivet_command_shows_the_plugin_enabled(project: Path) -> None:
    [line] = [line for line in output("-m", "trivet", "plugins", folder=project).splitlines() if "trivet-flask" in line]
    assert " yes " in line


def test_the_first_application_in_a_process_enables_it(project: Path) -> None:
    code = """if True:
        from trivet import Trivet
        Trivet("any").seal()
        import shop
        print(shop.app.test_client().get("/items/3").text)
    """
    assert output("-c", code, folder=project) == "item 3 of trivet_flask.flask.app"


def test_flask_is_still_flask_where_nobody_asked(tmp_path: Path, flask_itself: None) -> None:
    assert printed("import trivet_flask, flask; print(flask.Flask.__module__)", folder=tmp_path) == "flask.app"


def test_this_process_has_not_been_changed() -> None:
    assert not any(type(finder).__module__ == "trivet_flask.alias" for finder in sys.meta_path)

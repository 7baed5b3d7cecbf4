"""Which application a command is about, and what is said if there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .cli_folder import SHOP, Folder

FACTORIES = """
    from trivet import Trivet


    def create_app(name="plain", *, suffix=""):
        return Trivet(__name__ + "_" + name + suffix)


    def needs(something):
        return Trivet(__name__)


    class Holder:
        app = Trivet("held")


    number = 5
"""
NAME = ("shell", "-c", "print(app.name)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder with a module that has an application, one that has factories, and a package."""
    files = {"shop.py": SHOP, "made.py": FACTORIES, "pack/__init__.py": "", "pack/inner.py": SHOP}
    return Folder(tmp_path, monkeypatch).write(files)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("shop:app", "shop"),
        ("shop", "shop"),
        ("shop.py", "shop"),
        ("./shop.py:app", "shop"),
        ("pack.inner:app", "pack.inner"),
        ("pack/inner.py", "pack.inner"),
        ("made:create_app", "made_plain"),
        ("made", "made_plain"),
        ("made:create_app()", "made_plain"),
        ("made:create_app('test')", "made_test"),
        ("made:create_app('test', suffix='_x')", "made_test_x"),
        ("made:Holder.app", "held"),
    ],
)
def test_an_application_is_found_where_the_option_says(folder: Folder, target: str, name: str) -> None:
    result = folder.run("--app", target, *NAME)
    assert result.output == f"{name}\n"
    assert result.exit_code == 0


def test_the_option_may_stand_after_the_command(folder: Folder) -> None:
    assert folder.run("shell", "--app", "shop", "-c", "print(app.name)").output == "shop\n"


def test_the_option_beats_the_environment_which_beats_the_file(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write({"trivet.toml": 'app = "shop:app"'})
    assert folder.run(*NAME).output == "shop\n"
    monkeypatch.setenv("TRIVET_APP", "made:create_app")
    assert folder.run(*NAME).output == "made_plain\n"
    assert folder.run("-A", "pack.inner", *NAME).output == "pack.inner\n"


@pytest.mark.parametrize("name", ["wsgi.py", "app.py"])
def test_usual_files_are_found_without_being_named(folder: Folder, name: str) -> None:
    folder.write({name: SHOP})
    assert folder.run(*NAME).output == f"{name.removesuffix('.py')}\n"


def test_the_nearest_configuration_file_above_says_where_the_application_is(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write({"pyproject.toml": '[tool.trivet]\napp = "shop:app"', "docs/page.md": ""})
    monkeypatch.chdir(folder.path / "docs")
    assert folder.run(*NAME).output == "shop\n"


def test_the_configuration_file_may_be_named(folder: Folder) -> None:
    folder.write({"other.toml": 'app = "shop:app"\n[config]\nMAX_COOKIE_SIZE = 7'})
    result = folder.run("--config", "other.toml", "shell", "-c", "print(app.config['MAX_COOKIE_SIZE'])")
    assert result.output == "7\n"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("shopp:app", "there is no module 'shopp'"),
        ("shopp:app", "Did you mean 'shop'?"),
        ("pack.outer", "there is no module 'pack.outer'"),
        ("nowhere/file.py", "There is no file 'nowhere/file.py'"),
        ("shop:ap", "has no 'ap'. Did you mean 'app'?"),
        ("made:number", "that is of type int, not an application"),
        ("made:Holder", "that is a class, not an application"),
        ("made:needs", "the factory needs(something) cannot be called like that: missing a required argument"),
        ("made:create_app(open('x'))", "is neither a name nor a call with literal arguments"),
        ("made:create_app(", "is neither a name nor a call with literal arguments"),
        ("made:number + 1", "is neither a name nor a call with literal arguments"),
    ],
)
def test_a_wrong_target_is_told_in_one_line_with_its_source(folder: Folder, target: str, message: str) -> None:
    result = folder.run("--app", target, "routes")
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.exit_code == 1


def test_who_named_a_wrong_target_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write({"trivet.toml": 'app = "shopp"'})
    assert "'shopp' (trivet.toml: app)" in folder.run("routes").stderr
    monkeypatch.setenv("TRIVET_APP", "shoppp")
    assert "'shoppp' (environment variable TRIVET_APP)" in folder.run("routes").stderr


def test_several_applications_have_to_be_told_apart(folder: Folder) -> None:
    folder.write({"two.py": "from trivet import Trivet\none = Trivet('one')\ntwo = Trivet('two')\n"})
    result = folder.run("--app", "two", "routes")
    assert "several applications: one, two. Name one of them." in result.stderr


def test_without_any_target_a_likely_file_is_proposed(folder: Folder) -> None:
    result = folder.run("routes")
    assert result.exit_code == 1
    assert "No application was named. Use --app module:name" in result.stderr
    assert "It may be in made.py" in result.stderr


def test_the_import_path_and_the_environment_are_as_before(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write({".env": "SHOP_NAME=corner", "trivet.toml": 'app = "shop:app"'})
    before = list(sys.path)
    result = folder.run("--debug", "shell", "-c", "import os; print(os.environ['SHOP_NAME'], app.debug)")
    assert result.output == "corner True\n"
    assert sys.path == before
    assert folder.run("shell", "-c", "import os; print(app.debug)").output == "False\n"


def test_files_of_variables_have_a_rank(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write({"trivet.toml": 'app = "shop:app"', ".trivetenv": "A=1\nB=1\nC=1\nD=1", ".env": "A=2\nB=2\nC=2"})
    folder.write({"special.env": "A=3\nB=3"})
    monkeypatch.setenv("A", "4")
    code = "import os; print(*[os.environ[name] for name in 'ABCD'])"
    assert folder.run("--env-file", "special.env", "shell", "-c", code).output == "4 3 2 1\n"


def test_the_application_may_be_named_by_a_file_of_variables(folder: Folder) -> None:
    folder.write({".env": "TRIVET_APP=shop:app"})
    assert folder.run(*NAME).output == "shop\n"

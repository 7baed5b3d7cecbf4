"""What is faulty is shown as it is, and the commands that look into it go on working."""

from __future__ import annotations

from pathlib import Path

import pytest

from trivet.cli import loader

from .cli_folder import SHOP, Folder

LOOKING = (("--help",), ("plugins",), ("plugins", "--json"), ("hooks",), ("config",), ("doctor",))
USING = (("routes",), ("shell", "-c", "pass"), ("serve",), ("run",))

APPLICATIONS = {
    "raises": ("from helper import fail\nfail()", "ZeroDivisionError"),
    "misses a module": ("import not_there", "No module named 'not_there'"),
    "is no Python": ("def broken(:\n", "SyntaxError"),
    "ends the process": ("import sys\nsys.exit(3)", "sys.exit(3)"),
    "asks for a plugin that is not there": ("from trivet import Trivet\napp = Trivet('x', plugins=['corz'])", "corz"),
}

HOOK = "from trivet import hookimpl\n\n@hookimpl\n"
PLUGINS = {
    "raises at import": ("1 / 0", "could not be imported: ZeroDivisionError"),
    "fails in setup": (f"{HOOK}def trivet_setup(app):\n    1 / 0\n", "failed in trivet_setup: ZeroDivisionError"),
    "misspells a hook": (f"{HOOK}def trivet_after_reqest(response): ...\n", "Did you mean 'trivet_after_request'?"),
    "wants a wrong argument": (f"{HOOK}def trivet_after_request(answer): ...\n", "answer"),
    "fails in commands": (f"{HOOK}def trivet_commands(app):\n    1 / 0\n", "failed in trivet_commands"),
    "has no file": (None, "the plugin file './bad.py' does not exist"),
    "is older than its name": ("from trivet import Plugin\nplugin = Plugin(name='good')\n", "calls itself 'good'"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A folder with an application and its configuration."""
    return Folder(tmp_path, monkeypatch).write({"shop.py": SHOP, "trivet.toml": 'app = "shop:app"'})


def with_plugin(folder: Folder, source: str | None) -> Folder:
    folder.write({"trivet.toml": 'app = "shop:app"\nplugins = ["./bad.py"]'})
    return folder.write({"bad.py": source}) if source is not None else folder


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
@pytest.mark.parametrize("fault", APPLICATIONS)
def test_commands_that_look_work_though_the_application_is_faulty(
    folder: Folder, fault: str, command: tuple[str, ...]
) -> None:
    source, message = APPLICATIONS[fault]
    folder.write({"shop.py": source, "helper.py": "def fail():\n    1 / 0\n"})
    result = folder.run(*command)
    assert result.exit_code == 0, result.output
    assert result.exception is None
    assert message in result.output


@pytest.mark.parametrize("command", USING, ids=" ".join)
@pytest.mark.parametrize("fault", APPLICATIONS)
def test_commands_that_use_it_tell_why_they_cannot(folder: Folder, fault: str, command: tuple[str, ...]) -> None:
    source, message = APPLICATIONS[fault]
    folder.write({"shop.py": source, "helper.py": "def fail():\n    1 / 0\n"})
    result = folder.run(*command)
    assert result.exit_code == 1
    assert message in result.stderr


def test_the_traceback_is_that_of_the_application_alone(folder: Folder) -> None:
    folder.write({"shop.py": "from helper import fail\nfail()", "helper.py": "def fail():\n    1 / 0\n"})
    shown = folder.run("routes").stderr
    places = [line.strip().split(", in ")[0] for line in shown.splitlines() if line.strip().startswith("File ")]
    assert places == [f'File "{folder.path}/shop.py", line 2', f'File "{folder.path}/helper.py", line 2']
    assert "The application 'shop:app' (trivet.toml: app) could not be loaded." in shown


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
@pytest.mark.parametrize("fault", PLUGINS)
def test_commands_that_look_work_though_a_plugin_is_faulty(
    folder: Folder, fault: str, command: tuple[str, ...]
) -> None:
    source, message = PLUGINS[fault]
    result = with_plugin(folder, source).run(*command)
    assert result.exit_code == 0, result.output
    if fault != "fails in commands" or command[0] in ("--help", "doctor"):
        assert message in result.output


@pytest.mark.parametrize("fault", [fault for fault in PLUGINS if fault != "fails in commands"])
def test_commands_that_use_it_refuse_a_faulty_plugin(folder: Folder, fault: str) -> None:
    source, message = PLUGINS[fault]
    result = with_plugin(folder, source).run("routes")
    assert result.exit_code == 1
    assert message in result.stderr


def test_a_command_that_a_plugin_failed_to_make_is_told_with_the_traceback(folder: Folder) -> None:
    with_plugin(folder, f"{HOOK}def trivet_commands(app):\n    1 / 0\n")
    result = folder.run("greet")
    assert result.exit_code == 1
    assert "'bad'" in result.stderr
    assert f'File "{folder.path}/bad.py", line 5, in trivet_commands' in result.stderr


def test_of_a_faulty_plugin_the_cause_is_shown_with_its_place(folder: Folder) -> None:
    shown = with_plugin(folder, "\n\n1 / 0").run("routes").stderr
    assert f'File "{folder.path}/bad.py", line 3' in shown
    assert "ZeroDivisionError: division by zero" in shown
    assert "site-packages/click" not in shown
    assert "trivet/plugins/manager.py" not in shown


def test_a_faulty_plugin_takes_no_part(folder: Folder) -> None:
    describes = "@hookimpl\ndef trivet_describe(app):\n    return ['still here']\n"
    assert "still here" in with_plugin(folder, f"from trivet import hookimpl\n{describes}").run("doctor").output
    result = with_plugin(folder, f"{HOOK}def trivet_setup(app):\n    1 / 0\n\n{describes}").run("doctor")
    assert "still here" not in result.output


def test_help_does_not_wait_for_a_plugin_that_hangs(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "PATIENCE", 0.2)
    with_plugin(folder, "import time\ntry:\n    time.sleep(60)\nexcept Exception:\n    pass\n")
    result = folder.run("--help")
    assert result.exit_code == 0
    assert "bad.py:3" in result.output
    assert "routes" in result.output


def test_a_configuration_file_that_is_wrong_is_named(folder: Folder) -> None:
    folder.write({"trivet.toml": "plugins = ["})
    assert "trivet.toml: not valid TOML" in folder.run("routes").stderr
    for command in LOOKING:
        result = folder.run(*command)
        assert (result.exit_code, "not valid TOML" in result.output) == (0, True), result.output


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_commands_that_look_work_without_any_application(folder: Folder, command: tuple[str, ...]) -> None:
    (folder.path / "trivet.toml").unlink()
    assert folder.run(*command).exit_code == 0


def test_strict_doctor_fails_on_what_is_wrong_and_not_on_what_is_right(folder: Folder) -> None:
    assert folder.run("doctor", "--strict").exit_code == 1  # there is no SECRET_KEY
    folder.write({"trivet.toml": f'app = "shop:app"\n[config]\nSECRET_KEY = "{"k1" * 20}"'})
    assert folder.run("doctor", "--strict").exit_code == 0, folder.run("doctor").output

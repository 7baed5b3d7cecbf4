"""What the command makes of plugins that are broken in unusual ways, and of a setup that is tried again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trivet import PluginError, Trivet, hookimpl

from .asking import by_wsgi
from .cli_folder import SHOP, Folder

CONFIG = 'app = "shop:app"\nplugins = ["./faulty.py"]\n'
LOOKING = [("--help",), ("plugins",), ("plugins", "--json"), ("doctor",), ("hooks",), ("config",)]
ENDING = ["raise SystemExit(3)\n", "raise KeyboardInterrupt\n", "import sys\nsys.exit('enough')\n"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path, monkeypatch).write({"shop.py": SHOP, "trivet.toml": CONFIG})


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
@pytest.mark.parametrize("source", ENDING[:1] + ENDING[2:], ids=["SystemExit", "sys.exit"])
def test_commands_that_look_work_though_a_plugin_ends_the_process(
    folder: Folder, command: tuple[str, ...], source: str
) -> None:
    result = folder.write({"faulty.py": source}).run(*command)
    assert (result.exit_code, bool(result.output)) == (0, True)


def test_a_plugin_that_ends_the_process_is_named(folder: Folder) -> None:
    result = folder.write({"faulty.py": ENDING[0]}).run("plugins", "--json")
    (found,) = [one for one in json.loads(result.stdout) if one["name"] == "faulty"]
    assert "SystemExit" in found["problem"]


@pytest.mark.parametrize("command", [("plugins",), ("hooks",), ("config",), ("doctor",)], ids=" ".join)
def test_a_configuration_file_that_cannot_be_read_is_told_by_every_command(
    folder: Folder, command: tuple[str, ...]
) -> None:
    result = folder.write({"trivet.toml": 'app = "shop:app\n'}).run(*command)
    assert "not valid TOML" in result.output


@pytest.mark.parametrize("command", [("plugins",), ("hooks",), ("config",), ("doctor",)], ids=" ".join)
def test_an_application_that_cannot_be_imported_is_told_by_every_command(
    folder: Folder, command: tuple[str, ...]
) -> None:
    folder.write({"trivet.toml": 'app = "shop:app"\n', "shop.py": "1 / 0\n"})
    assert "ZeroDivisionError" in folder.run(*command).output


def test_an_argument_that_a_hook_does_not_have_is_told_with_the_nearest_and_the_place(folder: Folder) -> None:
    source = "from trivet import hookimpl\n\n\n@hookimpl\ndef trivet_after_request(ctx, respones):\n    pass\n"
    output = folder.write({"faulty.py": source}).run("plugins").output
    assert "'response'" in output
    assert "faulty.py:4" in output


def test_a_setting_that_is_nearly_one_of_trivets_is_told_by_the_doctor(folder: Folder) -> None:
    folder.write({"trivet.toml": 'app = "shop:app"\n[config]\nSESSION_COOKIE_SECUR = true\nOWN_SETTING = 1\n'})
    output = folder.run("doctor").output
    assert "SESSION_COOKIE_SECURE" in output
    assert "OWN_SETTING" not in output


def test_a_setup_that_failed_and_is_tried_again_declares_nothing_twice() -> None:
    calls: list[str] = []
    attempts: list[int] = []

    class Plugin:
        @hookimpl
        def trivet_setup(self, app: Trivet) -> None:
            app.before_request(lambda: calls.append("before"))
            attempts.append(1)
            if len(attempts) == 1:
                raise ConnectionError("no database")

    app = Trivet("retried", config_file=False)
    app.plugins.register(Plugin(), "flaky")
    app.add_url_rule("/", "view", lambda: "text")
    with pytest.raises(PluginError, match="no database"):
        by_wsgi(app)
    try:
        by_wsgi(app)
    except PluginError:
        return  # that the first failure stays is as good
    assert calls == ["before"]

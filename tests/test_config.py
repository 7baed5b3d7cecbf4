"""The configuration that users fill: from files, objects and the environment."""

from __future__ import annotations

import json
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet import Config, Trivet


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(tmp_path)


class Settings:
    KEY = "from the class"
    lower = "left out"
    Mixed = "left out"


class MoreSettings(Settings):
    OTHER = 1

    @property
    def COMPUTED(self) -> str:
        return f"{self.KEY}, computed"


def test_objects_give_their_names_in_capital_letters(config: Config) -> None:
    config.from_object(Settings)
    assert dict(config) == {"KEY": "from the class"}


def test_objects_give_inherited_names_and_properties_of_instances(config: Config) -> None:
    config.from_object(MoreSettings())
    assert dict(config) == {"KEY": "from the class", "OTHER": 1, "COMPUTED": "from the class, computed"}


def test_an_object_may_be_named_by_a_string(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings_named_here.py").write_text("KEY = 1\nclass Inner:\n    KEY = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    config.from_object("settings_named_here")
    assert config["KEY"] == 1
    config.from_object("settings_named_here.Inner")
    assert config["KEY"] == 2
    with pytest.raises(ImportError):
        config.from_object("settings_named_nowhere")


def test_a_python_file_gives_its_names_in_capital_letters(config: Config, tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("import os\nKEY = os.path.basename(__file__)\nlower = 1\n")
    assert config.from_pyfile("settings.py") is True
    assert dict(config) == {"KEY": "settings.py"}
    assert config.places["KEY"] == str(tmp_path / "settings.py")


def test_an_error_in_a_python_file_shows_its_line(config: Config, tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("KEY = 1\nOTHER = 1 / 0\n")
    with pytest.raises(ZeroDivisionError) as raised:
        config.from_pyfile("settings.py")
    last = raised.traceback[-1]
    assert (str(last.path), last.lineno) == (str(tmp_path / "settings.py"), 1)


def load_python(config: Config, silent: bool) -> bool:
    return config.from_pyfile("missing", silent=silent)


def load_json(config: Config, silent: bool) -> bool:
    return config.from_file("missing", json.load, silent=silent)


@pytest.mark.parametrize("load", [load_python, load_json])
def test_a_missing_file_is_named_unless_it_may_be_missing(config: Config, tmp_path: Path, load: Any) -> None:
    with pytest.raises(FileNotFoundError, match="Unable to load configuration file") as raised:
        load(config, silent=False)
    assert raised.value.filename == str(tmp_path / "missing")
    assert load(config, silent=True) is False
    (tmp_path / "missing").mkdir()
    assert load(config, silent=True) is False


def test_data_files_give_their_keys_in_capital_letters(config: Config, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"KEY": "é", "lower": 1}', encoding="utf-8")
    (tmp_path / "settings.toml").write_text('OTHER = 2\nlower = 1\n[TABLE]\ninner = "x"\n')
    assert config.from_file("settings.json", json.load) is True
    assert config.from_file("settings.toml", tomllib.load, text=False) is True
    assert dict(config) == {"KEY": "é", "OTHER": 2, "TABLE": {"inner": "x"}}
    assert config.places == {
        "KEY": str(tmp_path / "settings.json"),
        "OTHER": str(tmp_path / "settings.toml"),
        "TABLE": str(tmp_path / "settings.toml"),
    }


def test_mappings_and_keywords_give_their_keys_in_capital_letters(config: Config) -> None:
    assert config.from_mapping({"KEY": 1, "lower": 1}, OTHER=2, small=2) is True
    assert config.from_mapping(THIRD=3) is True
    assert dict(config) == {"KEY": 1, "OTHER": 2, "THIRD": 3}


def test_a_variable_names_the_file_to_load(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.py").write_text("KEY = 1\n")
    monkeypatch.setenv("SHOP_SETTINGS", str(tmp_path / "settings.py"))
    assert config.from_envvar("SHOP_SETTINGS") is True
    assert config["KEY"] == 1


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_named_unless_it_may_be_missing(
    config: Config, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("SHOP_SETTINGS", raising=False)
    if value is not None:
        monkeypatch.setenv("SHOP_SETTINGS", value)
    with pytest.raises(RuntimeError, match="'SHOP_SETTINGS' is not set"):
        config.from_envvar("SHOP_SETTINGS")
    assert config.from_envvar("SHOP_SETTINGS", silent=True) is False


def test_a_variable_that_names_a_missing_file_raises_unless_it_may(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SETTINGS", str(tmp_path / "missing.py"))
    with pytest.raises(FileNotFoundError):
        config.from_envvar("SHOP_SETTINGS")
    assert config.from_envvar("SHOP_SETTINGS", silent=True) is False


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"SHOP_A": "1"}, {"A": 1}),
        ({"SHOP_A": "true"}, {"A": True}),
        ({"SHOP_A": "[1, null]"}, {"A": [1, None]}),
        ({"SHOP_A": '{"b": 2}'}, {"A": {"b": 2}}),
        ({"SHOP_A": "a text"}, {"A": "a text"}),
        ({"SHOP_A": "True"}, {"A": "True"}),
        ({"SHOP_A": ""}, {"A": ""}),
        ({"SHOPPING": "1", "OTHER_A": "1"}, {}),
        ({"SHOP_A__b": "1", "SHOP_A__c": "2"}, {"A": {"b": 1, "c": 2}}),
        ({"SHOP_A__b__c": "1"}, {"A": {"b": {"c": 1}}}),
        ({"SHOP_A": '{"b": 1}', "SHOP_A__c": "2"}, {"A": {"b": 1, "c": 2}}),
    ],
)
def test_variables_with_a_prefix_are_read_as_json_where_that_works(
    config: Config, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], found: dict[str, Any]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert config.from_prefixed_env("SHOP") is True
    assert dict(config) == found


def test_variables_may_be_read_by_another_function(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_A", "1")
    config.from_prefixed_env("SHOP", loads=lambda text: f"<{text}>")
    assert config["A"] == "<1>"
    assert config.places["A"] == "environment variable SHOP_A"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, {"type": "fs", "path": "/"}),
        ({"lowercase": False}, {"TYPE": "fs", "PATH": "/"}),
        ({"trim_namespace": False}, {"store_type": "fs", "store_path": "/"}),
    ],
)
def test_keys_of_one_namespace_may_be_taken_out(config: Config, options: Any, found: dict[str, Any]) -> None:
    config.from_mapping(STORE_TYPE="fs", STORE_PATH="/", OTHER=1)
    assert config.get_namespace("STORE_", **options) == found


@given(st.dictionaries(st.sampled_from(["SECRET_KEY", "PASSWORD"]), st.text("xyz", min_size=3), min_size=1))
def test_values_are_not_shown(values: dict[str, str]) -> None:
    config = Config("/")
    config.update(values)
    assert not any(value in repr(config) for value in values.values())


def make_app(**options: Any) -> Trivet:
    return Trivet("configured", config_file=False, **options)


def test_attributes_of_the_application_stand_for_keys() -> None:
    app = make_app()
    app.testing = True
    app.secret_key = "key"
    app.permanent_session_lifetime = timedelta(hours=1)
    assert (app.config["TESTING"], app.config["SECRET_KEY"]) == (True, "key")
    app.config["PERMANENT_SESSION_LIFETIME"] = 60
    app.config["TESTING"] = False
    assert (app.testing, app.permanent_session_lifetime) == (False, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("value", "debug"), [("1", True), ("true", True), ("0", False), ("false", False), ("no", False), ("", False)]
)
def test_debug_mode_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, value: str, debug: bool) -> None:
    monkeypatch.setenv("TRIVET_DEBUG", value)
    assert make_app().debug is debug


def test_two_applications_share_no_configuration() -> None:
    one, two = make_app(), make_app()
    one.config["KEY"] = 1
    assert "KEY" not in two.config
    assert "KEY" not in Trivet.default_config


def test_configuration_files_may_lie_in_the_instance_folder(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("KEY = 'instance'\n")
    app = make_app(instance_path=str(tmp_path), instance_relative_config=True)
    app.config.from_pyfile("settings.py")
    assert app.config["KEY"] == "instance"
    with app.open_instance_resource("settings.py", "r") as file:
        assert file.read() == "KEY = 'instance'\n"


def test_the_instance_folder_must_be_absolute() -> None:
    with pytest.raises(ValueError, match="absolute"):
        make_app(instance_path="instance")


def test_the_project_file_fills_the_configuration_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "trivet.toml").write_text('[config]\nSECRET_KEY = "from the file"\nTESTING = true\n')
    app = Trivet("configured", root_path=str(tmp_path))
    assert (app.secret_key, app.testing) == ("from the file", True)
    assert str(tmp_path / "trivet.toml") in app.config.places["SECRET_KEY"]

"""Options and Flask-SQLAlchemy's settings: how engines are to be made, and what is said of wrong ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from trivet import ConfigError, Trivet
from trivet_db import DatabaseConfigError, Options, SQLAlchemy, UnknownBindError
from trivet_db.options import EngineSettings, engines_of, merge_familiar, unknown_bind
from trivet_db.state import State

Make = Callable[..., Trivet]


def settings(config: dict[str, Any], *, below: Any = None, **options: Any) -> dict[str | None, EngineSettings]:
    merged = merge_familiar(Options(**options), config)
    return engines_of(merged, merged.places, below or {})


def url_of(found: EngineSettings) -> str:
    return str(found.url)


# -- where a database comes from


def test_the_option_or_the_familiar_setting_names_the_default_database() -> None:
    for found in (
        settings({}, url="sqlite:///a.db"),
        settings({"SQLALCHEMY_DATABASE_URI": "sqlite:///a.db"}),
        settings({"SQLALCHEMY_DATABASE_URI": make_url("sqlite:///a.db")}),
        settings({"SQLALCHEMY_ENGINE_OPTIONS": {"url": "sqlite:///a.db"}}),
        settings({"SQLALCHEMY_BINDS": {None: "sqlite:///a.db"}}),
    ):
        assert list(found) == [None]
        assert url_of(found[None]) == "sqlite:///a.db"


def test_both_names_may_say_the_same_but_not_something_else() -> None:
    settings({"SQLALCHEMY_DATABASE_URI": "sqlite:///a.db"}, url="sqlite:///a.db")
    with pytest.raises(DatabaseConfigError, match="both say what to use") as caught:
        settings({"SQLALCHEMY_DATABASE_URI": "sqlite://u:s3cret@h/b.db"}, url="sqlite://u:other@h/a.db")
    assert "s3cret" not in str(caught.value)
    assert "other" not in str(caught.value)


def test_binds_are_urls_or_tables() -> None:
    found = settings(
        {},
        url="sqlite://",
        binds={"a": "sqlite:///a.db", "b": {"url": "sqlite:///b.db", "pool_size": 2}},
        engine={"pool_size": 9, "pool_timeout": 3},
    )
    assert list(found) == [None, "a", "b"]
    assert found["a"].arguments == {"pool_size": 9, "pool_timeout": 3}
    assert found["b"].arguments == {"pool_size": 2, "pool_timeout": 3}


def test_only_binds_will_do() -> None:
    assert list(settings({}, binds={"a": "sqlite://"})) == ["a"]


def test_no_database_at_all_is_an_error_that_says_what_to_write() -> None:
    with pytest.raises(DatabaseConfigError, match=r"set \[db\] url.*SQLALCHEMY_DATABASE_URI"):
        settings({})


@pytest.mark.parametrize("bind", [{"pool_size": 3}, 7, None])
def test_a_bind_without_a_url_is_named(bind: Any) -> None:
    with pytest.raises(DatabaseConfigError, match=r"SQLALCHEMY_BINDS'\], 'audit': a bind is a URL, or a table"):
        settings({"SQLALCHEMY_BINDS": {"audit": bind}})


@pytest.mark.parametrize("name", ["SQLALCHEMY_BINDS", "SQLALCHEMY_ENGINE_OPTIONS"])
def test_a_familiar_setting_of_the_wrong_kind_is_named(name: str) -> None:
    with pytest.raises(DatabaseConfigError, match=rf"{name}'\]: a table is wanted, not a list"):
        settings({"SQLALCHEMY_DATABASE_URI": "sqlite://", name: ["sqlite://"]})


# -- which argument counts


def test_engine_options_have_the_documented_precedence() -> None:
    found = settings(
        {
            "SQLALCHEMY_DATABASE_URI": "sqlite:///uri.db",
            "SQLALCHEMY_BINDS": {
                None: {"url": "sqlite:///bind.db", "pool_size": 3, "pool_timeout": 3},
                "audit": {"url": "sqlite:///audit.db", "pool_size": 4},
            },
            "SQLALCHEMY_ENGINE_OPTIONS": {"url": "sqlite:///options.db", "pool_size": 5},
            "SQLALCHEMY_ECHO": True,
        },
        below={"pool_size": 1, "pool_timeout": 1, "pool_recycle": 1, "echo_pool": False},
    )
    assert url_of(found[None]) == "sqlite:///uri.db"
    assert found[None].arguments == {
        "echo": True,
        "echo_pool": False,
        "pool_size": 5,
        "pool_timeout": 3,
        "pool_recycle": 1,
    }
    assert found["audit"].arguments == {
        "echo": True,
        "echo_pool": False,
        "pool_size": 4,
        "pool_timeout": 1,
        "pool_recycle": 1,
    }


def test_familiar_engine_options_are_the_default_engines_alone() -> None:
    found = settings({"SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": 5}}, url="sqlite://", binds={"a": "sqlite://"})
    assert found[None].arguments == {"pool_size": 5}
    assert found["a"].arguments == {}


def test_a_place_says_where_a_url_was_written() -> None:
    found = settings({"SQLALCHEMY_DATABASE_URI": "sqlite://", "SQLALCHEMY_BINDS": {"a": "sqlite://"}})
    assert found[None].place == "app.config['SQLALCHEMY_DATABASE_URI']"
    assert found["a"].place == "app.config['SQLALCHEMY_BINDS'], 'a'"


# -- unknown binds


def test_an_unknown_bind_is_told_with_the_nearest_one() -> None:
    known = {None: 0, "audit": 0, "archive": 0}
    assert "Did you mean 'audit'?" in str(unknown_bind("audti", known))
    assert "There are: audit, archive." in str(unknown_bind("xyz", known))
    assert "no default database" in str(unknown_bind(None, {"audit": 0}))
    assert isinstance(unknown_bind("x", {}), UnknownBindError)
    assert isinstance(unknown_bind("x", {}), KeyError)


# -- in an application


def test_options_come_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "trivet.toml").write_text(
        'plugins = ["db"]\n[db]\nurl = "sqlite:///app.db"\nmax_per_page = 7\n'
        '[db.binds]\naudit = "sqlite:///audit.db"\n[db.engine]\npool_size = 2\n',
        encoding="utf-8",
    )
    state = State.of(Trivet(__name__, config_file=tmp_path / "trivet.toml"))
    assert list(state.engines) == [None, "audit"]
    assert state.pager.max_per_page == 7
    assert state.engines.settings[None].place == "trivet.toml: [db] url"
    assert state.engines.settings["audit"].arguments == {"hide_parameters": True, "pool_size": 2}


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("DB_COMMIT", "always", "DB_COMMIT"),
        ("DB_PER_PAGE", 0, "DB_PER_PAGE"),
        ("DB_SLOW", -1, "DB_SLOW"),
        ("DB_UR", "sqlite://", "Did you mean DB_URL"),
    ],
)
def test_a_wrong_option_is_named(make_app: Make, option: str, value: Any, said: str) -> None:
    app = make_app(**{"DB_URL": "sqlite://", option: value})
    SQLAlchemy(app)
    with pytest.raises(ConfigError, match=said):
        app.test_client().get("/")


def test_a_wrong_url_stops_the_start_and_names_its_place(make_app: Make) -> None:
    app = make_app(SQLALCHEMY_DATABASE_URI="postgresq://ada:s3cret@host/db")
    SQLAlchemy(app)
    with pytest.raises(ConfigError, match=r"SQLALCHEMY_DATABASE_URI.*Did you mean 'postgresql'") as caught:
        app.test_client().get("/")
    assert "s3cret" not in str(caught.value)


def test_without_the_plugin_a_database_says_how_to_enable_it(make_app: Make) -> None:
    db = SQLAlchemy()
    with make_app().app_context(), pytest.raises(DatabaseConfigError, match=r'plugins = \["db"\].*init_app'):
        db.session.connection()

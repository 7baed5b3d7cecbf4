"""Finding, checking, sorting and loading plugins, and what is said when something is wrong with one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet import ConfigError, ConflictError, Plugin, PluginError, Secret, Trivet, hookimpl
from trivet.plugins import Found, lenient
from trivet.plugins.order import sort

Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Write a configuration file and plugin files; return the configuration's path."""
    monkeypatch.delenv("TRIVET_PLUGINS", raising=False)
    monkeypatch.delenv("TRIVET_DISABLE", raising=False)

    def write(toml: str, name: str = "trivet.toml", **files: str) -> Path:
        for stem, source in files.items():
            (tmp_path / f"{stem}.py").write_text(source, encoding="utf-8")
        path = tmp_path / name
        path.write_text(toml, encoding="utf-8")
        return path

    return write


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a distribution with one plugin: what a wheel leaves behind."""

    def install(name: str, source: str, requires: str = "trivet>=0.1", version: str = "1.2") -> None:
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        (site / f"{name}_module.py").write_text(source, encoding="utf-8")
        info = site / f"trivet_{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: trivet-{name}\nVersion: {version}\nRequires-Dist: {requires}\n"
        )
        (info / "entry_points.txt").write_text(f"[trivet.plugins]\n{name} = {name}_module\n")
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, f"{name}_module", raising=False)

    return install


MANIFEST = """
from trivet import Plugin, hookimpl
plugin = Plugin(name="{name}", summary="A test.")

@hookimpl
def trivet_after_request(response):
    response.headers["X-{name}"] = "yes"
"""


def make(path: Path | bool = False, **options: Any) -> Trivet:
    return Trivet("plugged", config_file=path, **options)


def names(app: Trivet) -> list[str]:
    return [one.name for one in app.plugins.enabled if one.source != "built-in"]


def test_an_installed_plugin_is_not_enabled_and_not_imported(project: Project, installed: Any) -> None:
    installed("idle", "raise RuntimeError('imported')")
    app = make(project(""))
    app.plugins.discover()
    assert names(app) == []
    assert app.plugins.found["idle"].why_disabled == "not in the list of plugins"
    assert "idle_module" not in sys.modules


@pytest.mark.parametrize("file", ["trivet.toml", "pyproject.toml"])
def test_a_plugin_is_enabled_by_the_projects_file(project: Project, installed: Any, file: str) -> None:
    installed("echo", MANIFEST.format(name="echo"))
    table = "[tool.trivet]\n" if file == "pyproject.toml" else ""
    app = make(project(f'{table}plugins = ["echo"]', file))
    app.add_url_rule("/", "view", lambda: "text")
    assert app.test_client().get("/").headers["X-echo"] == "yes"
    assert (app.plugins.found["echo"].distribution, app.plugins.found["echo"].version) == ("trivet-echo", "1.2")


def test_a_plugin_is_enabled_by_argument_and_by_environment(installed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed("one", MANIFEST.format(name="one"))
    installed("two", MANIFEST.format(name="two"))
    monkeypatch.setenv("TRIVET_PLUGINS", "two")
    assert names(make(plugins=["one"])) == ["one", "two"]


def test_a_local_file_is_a_plugin(project: Project) -> None:
    path = project(
        'plugins = ["./audit.py"]',
        audit="from trivet import hookimpl\n@hookimpl\ndef trivet_after_request(ctx, response):\n"
        "    response.headers['X-Handled-By'] = ctx.app.name\n",
    )
    app = make(path)
    assert app.test_client().get("/").headers["X-Handled-By"] == "plugged"


def test_a_built_in_feature_is_switched_off_like_a_plugin(project: Project) -> None:
    app = make(project('disable = ["csrf"]'))
    app.add_url_rule("/", "view", lambda: "text", methods=["POST"])
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert app.test_client().post("/", headers=headers).status_code == 200
    assert make().test_client().post("/", headers=headers).status_code in (403, 404)


def test_safe_mode_leaves_out_all_but_the_built_in_plugins(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIVET_DISABLE", "*")
    path = project('plugins = ["./broken.py"]', broken="raise RuntimeError")
    assert names(make(path)) == []


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('plugins = ["corz"]', r"trivet\.toml: plugins: there is no plugin 'corz'.*Did you mean 'cors'\?.*pip install"),
        ('disable = ["csfr"]', r"trivet\.toml: disable: there is no plugin 'csfr'\. Did you mean 'csrf'\?"),
        ('disable = ["kernel"]', "cannot be disabled"),
        ('plugins = ["./nowhere.py"]', r"the plugin file './nowhere\.py' does not exist"),
        ('plugins = ["cors", "cors"]', "the plugin 'cors' is listed twice"),
        ('plugin = "cors"', r"unknown key 'plugin'\. Did you mean 'plugins'\?"),
        ('plugins = "cors"', "plugins must be a list of strings"),
        ("[corss]\norigins = []", r"\[corss\] is neither a key of Trivet nor.*Did you mean 'cors'\?"),
        ("[config]\nsecret_key = 'x'", "SECRET_KEY"),
        ("plugins = [", r"trivet\.toml: not valid TOML"),
    ],
)
def test_what_the_file_gets_wrong_is_said_with_the_right_name(project: Project, toml: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(project(toml))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", r"'bad' \(.*bad\.py\) could not be imported: ZeroDivisionError"),
        (
            "from trivet import hookimpl\n@hookimpl\ndef trivet_before_reqest(ctx): ...",
            r"implements the hook 'trivet_before_reqest' \(.*bad\.py:\d+\).*Did you mean 'trivet_before_request'\?",
        ),
        (
            "from trivet import hookimpl\n@hookimpl\ndef trivet_cors_allow(ctx): ...",
            r"'trivet_cors_allow'.*The plugin 'cors' may bring it, and is not enabled: list it too",
        ),
        ("def trivet_setup(app): ...", r"defines trivet_setup without @hookimpl \(.*bad\.py:1\)"),
        ("from trivet import hookimpl\n@hookimpl\ndef trivet_setup(application): ...", "(?s)'bad'.*application"),
        (
            "from trivet import Plugin\nplugin = Plugin(name='bad', requires=['csfr'])",
            "requires 'csfr', which is not",
        ),
    ],
)
def test_a_faulty_plugin_is_named_with_the_cause(project: Project, source: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        make(project('plugins = ["./bad.py"]', bad=source))


def test_a_faulty_setup_is_named_and_leaves_the_application_unsealed(project: Project) -> None:
    path = project(
        'plugins = ["./bad.py"]', bad="from trivet import hookimpl\n@hookimpl\ndef trivet_setup(app):\n    1 / 0\n"
    )
    app = make(path)
    with pytest.raises(PluginError, match=r"'bad'.*failed in trivet_setup: ZeroDivisionError"):
        app.seal()
    assert not app.sealed


def test_faulty_plugins_are_only_noted_where_that_is_asked_for(project: Project) -> None:
    path = project('plugins = ["./bad.py", "corz", "./good.py"]', bad="1 / 0", good="")
    token = lenient.set(True)
    try:
        app = make(path)
    finally:
        lenient.reset(token)
    assert names(app) == ["good"]
    assert len(app.plugins.problems) == 2


def test_a_plugin_for_another_version_is_refused_before_it_is_imported(installed: Any) -> None:
    installed("old", "raise RuntimeError('imported')", requires="trivet<0.1")
    with pytest.raises(PluginError, match=r"'old' \(trivet-old 1\.2\) requires trivet<0\.1, and this is trivet"):
        make(plugins=["old"])
    assert "old_module" not in sys.modules


def test_a_distribution_without_a_manifest_is_refused(installed: Any) -> None:
    installed("bare", "")
    with pytest.raises(PluginError, match=r"'bare'.*has no manifest"):
        make(plugins=["bare"])


def test_two_distributions_with_one_name_are_both_named(installed: Any, tmp_path: Path) -> None:
    installed("twin", MANIFEST.format(name="twin"))
    info = tmp_path / "site" / "other_twin-3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-twin\nVersion: 3.0\n")
    (info / "entry_points.txt").write_text("[trivet.plugins]\ntwin = other_twin\n")
    with pytest.raises(PluginError, match=r"(?s)trivet-twin 1\.2.*other-twin 3\.0|other-twin 3\.0.*trivet-twin 1\.2"):
        make(plugins=["twin"])


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of the plugin in these tests."""

    origins: list[str] = []
    limit: int = 5
    token: Secret = Secret("")


def with_options(**hooks: Any) -> Any:
    return SimpleNamespace(plugin=Plugin(name="sample", options=Options), **hooks)


def options_of(app: Trivet) -> Options:
    found: Options = app.plugins.options("sample", app.config)
    return found


def test_options_come_from_file_config_and_environment_in_rising_order(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project('[sample]\norigins = ["file"]\nlimit = 1\ntoken = "file"')
    token = lenient.set(True)
    app = make(path, plugins=[with_options()])
    lenient.reset(token)
    app.config["SAMPLE_LIMIT"] = 2
    monkeypatch.setenv("TRIVET_SAMPLE_ORIGINS", "a, b")
    assert options_of(app) == Options(origins=["a", "b"], limit=2, token=Secret("file"))
    listed = {one.name: one for one in app.plugins.describe_options("sample", app.config)}
    assert listed["origins"].origin == "environment variable TRIVET_SAMPLE_ORIGINS"
    assert listed["limit"].origin.startswith("app.config")
    assert (listed["token"].value, listed["token"].origin) == ("…", "trivet.toml: [sample] token")
    assert "file" not in repr(options_of(app).token)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"SAMPLE_LIMT": 2}, r"has no option 'limt'\. Did you mean '?SAMPLE_LIMIT'?\?"),
        ({"SAMPLE_LIMIT": "many"}, r"app\.config.*SAMPLE_LIMIT.*: Expected `int`.*'many'"),
        ({"SAMPLE_TOKEN": 5}, r"app\.config.*SAMPLE_TOKEN.*: Expected `Secret`, got `int`\."),
    ],
)
def test_a_wrong_option_is_said_with_its_place(config: dict[str, Any], message: str) -> None:
    app = make(plugins=[with_options()])
    app.config.update(config)
    with pytest.raises(ConfigError, match=message):
        app.seal()


def test_two_plugins_that_claim_one_endpoint_are_both_named() -> None:
    def claiming(name: str) -> Any:
        @hookimpl
        def trivet_setup(app: Any) -> None:
            app.add_url_rule(f"/{name}", "shared", lambda: name)

        return SimpleNamespace(plugin=Plugin(name=name), trivet_setup=trivet_setup)

    app = make(plugins=[claiming("one"), claiming("two")])
    with pytest.raises((ConflictError, PluginError), match=r"'shared' is claimed twice: by plugin 'one' \(.*\) and"):
        app.seal()


def test_the_application_may_override_what_a_plugin_declares() -> None:
    @hookimpl
    def trivet_setup(app: Any) -> None:
        app.add_url_rule("/", "index", lambda: "plugin")

    app = make(plugins=[SimpleNamespace(plugin=Plugin(name="declares"), trivet_setup=trivet_setup)])
    app.add_url_rule("/", "index", lambda: "application")
    assert app.test_client().get("/").text == "application"


def test_a_view_function_for_an_endpoint_that_another_has_is_refused_with_both_places() -> None:
    app = make()
    app.add_url_rule("/one", "same", lambda: "one")
    with pytest.raises(ConflictError, match=r"'same' is claimed twice: by the application \(.*:\d+\) and by the appl"):
        app.add_url_rule("/two", "same", lambda: "two")


wishes = st.dictionaries(
    st.sampled_from("abcdef"),
    st.tuples(*[st.lists(st.sampled_from("abcdefg"), max_size=2) for _ in range(2)]),
    max_size=6,
)


@given(wishes)
def test_the_order_meets_every_wish_or_names_a_circle(wished: dict[str, tuple[list[str], list[str]]]) -> None:
    found = [
        Found(name, "object", name, dict, manifest=Plugin(name=name, before=tuple(before), after=tuple(after)))
        for name, (before, after) in wished.items()
    ]
    try:
        ordered = [one.name for one in sort(found)]
    except PluginError as error:
        if "goes in a circle" in str(error):
            return
        raise
    assert sorted(ordered) == sorted(wished)
    for name, (before, after) in wished.items():
        assert all(ordered.index(name) < ordered.index(other) for other in before if other in wished and other != name)
        assert all(ordered.index(name) > ordered.index(other) for other in after if other in wished and other != name)


def test_without_wishes_the_order_is_the_configured_one() -> None:
    found = [Found(name, "object", name, dict, manifest=Plugin(name=name)) for name in "cab"]
    assert [one.name for one in sort(found)] == ["c", "a", "b"]


def test_the_first_plugin_is_set_up_first_and_called_first() -> None:
    log: list[str] = []

    def noting(name: str) -> Any:
        @hookimpl
        def trivet_setup(app: Any) -> None:
            log.append(f"setup {name}")

        @hookimpl
        def trivet_before_request(ctx: Any) -> None:
            log.append(f"before {name}")

        return SimpleNamespace(
            plugin=Plugin(name=name), trivet_setup=trivet_setup, trivet_before_request=trivet_before_request
        )

    app = make(plugins=[noting("one"), noting("two")])
    app.test_client().get("/")
    assert log == ["setup one", "setup two", "before one", "before two"]


def test_a_plugin_may_bring_hooks_of_its_own() -> None:
    from trivet import hookspec

    class Host:
        plugin = Plugin(name="host")

        @hookimpl
        def trivet_addhooks(self, manager: Any) -> None:
            @hookspec
            def host_greeting(name: str) -> None:
                """Return a greeting."""

            manager.add_hookspecs(SimpleNamespace(host_greeting=host_greeting))

    class Guest:
        plugin = Plugin(name="guest", requires=("host",))

        @hookimpl
        def host_greeting(self, name: str) -> str:
            return f"Hello, {name}"

    app = make(plugins=[Host(), Guest()])
    assert app.hook.host_greeting(name="Ada") == ["Hello, Ada"]

"""Plugins that stand in each other's way, that are faulty, or that bring unusual parts: what becomes of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet import ConfigError, Plugin, PluginError, Secret, Trivet, hookimpl, request
from trivet.plugins import Found, lenient
from trivet.plugins.order import sort
from trivet.views import View

Install = Callable[..., None]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing outside decide which plugins are enabled."""
    for name in ("TRIVET_PLUGINS", "TRIVET_DISABLE", "TRIVET_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def leniently() -> Iterator[None]:
    """Note faults instead of raising them."""
    token = lenient.set(True)
    yield
    lenient.reset(token)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a distribution with plugins into a folder of the import path, as an installer leaves it there."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def put(dist: str, plugins: dict[str, str], *requires: str) -> None:
        info = site / f"{dist.replace('-', '_')}-2.0.dist-info"
        info.mkdir()
        lines = [f"Requires-Dist: {one}" for one in requires]
        head = ["Metadata-Version: 2.1", f"Name: {dist}", "Version: 2.0", *lines, ""]
        (info / "METADATA").write_text("\n".join(head), encoding="utf-8")
        names = [f"{name} = {dist.replace('-', '_')}_{name}" for name in plugins]
        (info / "entry_points.txt").write_text("\n".join(["[trivet.plugins]", *names, ""]), encoding="utf-8")
        for name, source in plugins.items():
            module = f"{dist.replace('-', '_')}_{name}"
            (site / f"{module}.py").write_text(source, encoding="utf-8")
            monkeypatch.delitem(sys.modules, module, raising=False)

    return put


def manifest(name: str) -> str:
    return f"from trivet import Plugin\nplugin = Plugin(name={name!r})\n"


def make(*plugins: Any, config: Path | bool = False) -> Trivet:
    return Trivet("plugged", config_file=config, plugins=plugins)


def plug(plugin: str, **parts: Any) -> Any:
    settings = {key: parts.pop(key) for key in ("requires", "before", "after", "options") if key in parts}
    return SimpleNamespace(plugin=Plugin(name=plugin, **settings), **parts)


def own(app: Trivet) -> list[str]:
    return [one.name for one in app.plugins.enabled if one.source != "built-in"]


# -- discovery


def test_two_distributions_with_one_name_harm_nobody_who_does_not_ask_for_it(install: Install) -> None:
    install("first", {"twin": manifest("twin"), "single": manifest("single")})
    install("second", {"twin": manifest("twin")})
    assert own(make("single")) == ["single"]
    with pytest.raises(PluginError, match=r"Two installed distributions offer a plugin named 'twin'.*Uninstall one"):
        make("twin")


def test_a_distribution_with_a_built_in_plugins_name_harms_nobody(install: Install) -> None:
    install("thief", {"sessions": "raise RuntimeError", "single": manifest("single")})
    app = make("single", "sessions")
    assert own(app) == ["single"]
    assert app.plugins.found["sessions"].source == "built-in"
    assert app.plugins.found["sessions"].enabled


def test_what_is_wrong_among_the_installed_is_noted_where_faults_are_noted(install: Install, leniently: None) -> None:
    install("thief", {"sessions": "raise RuntimeError"})
    assert make().plugins.problems == [
        "The plugin 'sessions' (thief 2.0) has the name of a built-in plugin, so it cannot be used."
    ]


@pytest.mark.parametrize(
    ("requires", "fits"),
    [
        (["trivet>=0.1,<1"], True),
        (["trivet>=99"], False),
        (["trivet>=0.1", "trivet!=0.1.0,>=0.1.1"], False),
        (["trivet>=99; extra == 'future'"], True),
        (["trivet>=99; python_version < '3'"], True),
        (["Trivet[serve]>=99"], False),
        (["trivet-db>=99"], True),
        (["not a requirement at all ???"], True),
    ],
)
def test_a_plugin_fits_or_not_by_what_its_distribution_requires(
    install: Install, requires: list[str], fits: bool
) -> None:
    install("fitting", {"fitting": manifest("fitting")}, *requires)
    if fits:
        assert own(make("fitting")) == ["fitting"]
    else:
        with pytest.raises(PluginError, match=r"'fitting' \(fitting 2\.0\) requires trivet.*, and this is trivet 0"):
            make("fitting")
        assert "fitting_fitting" not in sys.modules


def test_a_plugin_calls_itself_what_its_distribution_calls_it(install: Install) -> None:
    install("wrong", {"right": manifest("left")})
    with pytest.raises(PluginError, match=r"'right' \(wrong 2\.0\) calls itself 'left' in its manifest"):
        make("right")


def test_a_plugin_that_misses_a_module_is_named_with_the_module(install: Install) -> None:
    install("lacking", {"lacking": "import not_there_at_all"})
    with pytest.raises(PluginError, match=r"'lacking' \(lacking 2\.0\) could not be imported: ModuleNot.*not_there"):
        make("lacking")


def test_a_plugin_may_have_imported_proxies() -> None:
    class Module:
        plugin = Plugin(name="proxied")
        request = request

        @hookimpl
        def trivet_after_request(self, response: Any) -> None:
            response.headers["X-Path"] = request.path

    assert make(Module()).test_client().get("/some").headers["X-Path"] == "/some"


# -- order


def test_a_circle_is_told_with_everybodys_wish() -> None:
    plugins = [plug("one", after=["two"]), plug("two", requires=["three"]), plug("three", after=["one"])]
    with pytest.raises(PluginError, match="goes in a circle") as caught:
        make(*plugins)
    for wish in ("'one' comes after 'two'", "'two' requires 'three'", "'three' comes after 'one'"):
        assert wish in str(caught.value)


names = st.sampled_from("abcdef")


@given(st.permutations("abcdef"), st.lists(st.tuples(names, names, st.sampled_from(["before", "after", "requires"]))))
def test_an_order_is_found_wherever_there_is_one(hidden: list[str], wishes: list[tuple[str, str, str]]) -> None:
    """All wishes are made to fit one hidden order, so that there is no circle."""
    place = {name: index for index, name in enumerate(hidden)}
    wanted: dict[str, dict[str, list[str]]] = {name: {"before": [], "after": [], "requires": []} for name in "abcdef"}
    for one, other, kind in wishes:
        first, second = sorted((one, other), key=place.__getitem__)
        if first == second:
            continue
        if kind == "before":
            wanted[first]["before"].append(second)
        else:
            wanted[second][kind].append(first)
    found = [Found(name, "object", name, dict, manifest=plug(name, **wanted[name]).plugin) for name in "abcdef"]
    ordered = [one.name for one in sort(found)]
    assert sorted(ordered) == list("abcdef")
    for name, kinds in wanted.items():
        assert all(ordered.index(name) < ordered.index(other) for other in kinds["before"])
        assert all(ordered.index(name) > ordered.index(other) for other in kinds["after"] + kinds["requires"])


@pytest.mark.parametrize(
    ("disable", "message"),
    [
        ("", r"'shop' \(.*\) requires 'stock', which is not installed\..*pip install trivet-stock"),
        ("csrf", r"'shop' \(.*\) requires 'csrf', which is not enabled \(disabled by trivet\.toml: disable\)"),
    ],
)
def test_a_requirement_that_is_not_met_is_told_with_what_to_do(tmp_path: Path, disable: str, message: str) -> None:
    path = tmp_path / "trivet.toml"
    path.write_text(f"disable = {[disable] if disable else []}".replace("'", '"'), encoding="utf-8")
    with pytest.raises(PluginError, match=message):
        make(plug("shop", requires=[disable or "stock"]), config=path)


# -- faults that are only noted


def test_what_requires_a_faulty_plugin_is_left_out_with_it(leniently: None, install: Install) -> None:
    install("bad", {"bad": "1 / 0"})
    app = make("bad", plug("middle", requires=["bad"]), plug("top", requires=["middle"]), plug("other"))
    assert own(app) == ["other"]
    assert [problem.split()[2] for problem in app.plugins.problems] == ["'bad'", "'middle'", "'top'"]
    assert "which is not enabled (faulty). Repair that one first." in app.plugins.problems[1]


def test_no_hook_of_a_faulty_plugin_is_called(leniently: None) -> None:
    @hookimpl
    def trivet_after_request(response: Any) -> None:
        response.headers["X-Faulty"] = "called"

    @hookimpl
    def trivet_setup() -> None:
        raise ValueError("not today")

    @hookimpl
    def trivet_misspelt() -> None: ...

    for fault in ({"trivet_setup": trivet_setup}, {"trivet_misspelt": trivet_misspelt}):
        app = make(plug("faulty", trivet_after_request=trivet_after_request, **fault))
        assert "X-Faulty" not in app.test_client().get("/").headers
        assert (app.plugins.found["faulty"].enabled, app.plugins.found["faulty"].why_disabled) == (False, "faulty")
        assert len(app.plugins.problems) == 1


def test_a_plugin_that_cannot_be_registered_leaves_nothing_behind() -> None:
    @hookimpl
    def trivet_after_request(answer: Any) -> None: ...

    app = make()
    before = [one.plugin_name for one in app.hook.trivet_after_request.get_hookimpls()]
    with pytest.raises(PluginError, match=r"(?s)'late'.*answer"):
        app.plugins.register(plug("late", trivet_after_request=trivet_after_request))
    assert [one.plugin_name for one in app.hook.trivet_after_request.get_hookimpls()] == before
    assert "late" not in app.plugins.found


# -- hooks of setup


def test_setup_may_be_a_coroutine() -> None:
    seen: list[str] = []

    @hookimpl
    async def trivet_setup(app: Trivet) -> None:
        seen.append(app.name)

    make(plug("patient", trivet_setup=trivet_setup)).seal()
    assert seen == ["plugged"]


def test_bringing_hooks_may_need_no_manager() -> None:
    seen: list[str] = []

    @hookimpl
    def trivet_addhooks() -> None:
        seen.append("asked")

    make(plug("modest", trivet_addhooks=trivet_addhooks))
    assert seen == ["asked"]


# -- options


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One option of every kind."""

    url: str = ""
    limit: int | None = None
    ratio: float = 0.5
    on: bool = False
    mode: Literal["slow", "fast"] = "slow"
    origins: list[str] | Literal["*"] = "*"
    numbers: tuple[int, ...] = ()
    table: dict[str, int] = {}
    token: Secret | None = None
    keys: list[Secret] = []
    pin: Secret | None = None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("url", "[not json", "[not json"),
        ("url", "", ""),
        ("limit", "5", 5),
        ("limit", "", None),
        ("ratio", "1e-3", 0.001),
        ("on", "true", True),
        ("on", "0", False),
        ("mode", "fast", "fast"),
        ("origins", "https://a, https://b", ["https://a", "https://b"]),
        ("origins", '["https://a"]', ["https://a"]),
        ("numbers", "1, 2,3", (1, 2, 3)),
        ("numbers", "", ()),
        ("table", '{"a": 1}', {"a": 1}),
        ("token", "hush", "hush"),
        ("keys", "hush,hush2", ["hush", "hush2"]),
    ],
)
def test_the_environment_gives_options_of_every_kind(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: Any
) -> None:
    monkeypatch.setenv(f"TRIVET_SHOP_{name.upper()}", text)
    app = make(plug("shop", options=Options))
    assert getattr(app.plugins.options("shop", app.config), name) == value
    listed = {one.name: one for one in app.plugins.describe_options("shop", app.config)}
    assert listed[name].origin == f"environment variable TRIVET_SHOP_{name.upper()}"
    assert "hush" not in str(listed[name].value)


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("TRIVET_SHOP_LIMT", "5", r"environment variable TRIVET_SHOP_LIMT: .*Did you mean TRIVET_SHOP_LIMIT\?"),
        ("TRIVET_SHOP_LIMIT", "many", r"environment variable TRIVET_SHOP_LIMIT: Expected `int.*'many'"),
        ("TRIVET_SHOP_MODE", "fats", "environment variable TRIVET_SHOP_MODE: Invalid enum value 'fats'"),
        ("TRIVET_SHOP_NUMBERS", "1,b", "environment variable TRIVET_SHOP_NUMBERS: Expected `int`, got `str`"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, text: str, message: str) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigError, match=message):
        make(plug("shop", options=Options)).seal()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN", ["hush"]),
        ("PIN", ["hush"]),
        ("KEYS", "hush"),
        ("KEYS", [["hush"]]),
        ("LIMIT", "postgresql://me:hush@db"),
    ],
)
def test_a_secret_of_the_wrong_kind_is_refused_without_being_shown(name: str, value: Any) -> None:
    app = make(plug("shop", options=Options))
    app.config[f"SHOP_{name}"] = value
    with pytest.raises(ConfigError) as caught:
        app.seal()
    assert "hush" not in str(caught.value)


class Other(msgspec.Struct, frozen=True, kw_only=True):
    """An option whose setting has the same name as one of :class:`Long`."""

    list_size: int = 1


class Long(msgspec.Struct, frozen=True, kw_only=True):
    """See :class:`Other`."""

    size: int = 1


def test_two_options_that_mean_one_setting_are_both_named() -> None:
    app = make(plug("shop", options=Other), plug("shop-list", options=Long))
    with pytest.raises(PluginError, match=r"(?s)option 'SHOP_LIST_SIZE' is claimed twice.*'shop'.*'shop-list'"):
        app.seal()


def test_a_setting_of_a_plugin_with_a_longer_name_is_no_misspelt_option(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sizes(msgspec.Struct, frozen=True, kw_only=True):
        list_sizes: int = 1

    app = make(plug("shop", options=Sizes), plug("shop-list", options=Long))
    app.config["SHOP_LIST_SIZE"] = 5
    monkeypatch.setenv("TRIVET_SHOP_LIST_SIZE", "6")
    app.seal()
    assert app.plugins.options("shop-list", app.config).size == 6


def test_a_table_for_a_plugin_without_options_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trivet.toml"
    path.write_text("[csrf]\nstrict = true\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\[csrf\]: the plugin 'csrf' .* has no options"):
        make(config=path).seal()


# -- views that need a plugin


def needing(app: Trivet) -> Trivet:
    def index() -> str:
        return "index"

    index.requires_plugin = "guard"  # type: ignore[attr-defined]
    app.add_url_rule("/", view_func=index)
    return app


def test_a_view_that_needs_a_plugin_which_is_not_enabled_is_an_error_that_names_both(install: Install) -> None:
    install("trivet-guard", {"guard": manifest("guard")})
    with pytest.raises(
        PluginError, match=r"view of 'index' \(.*test_plugins\.py:\d+\) needs the plugin 'guard'.*\['guard'\]"
    ):
        needing(make()).seal()


def test_a_view_that_needs_a_plugin_gets_it(install: Install) -> None:
    install("trivet-guard", {"guard": manifest("guard")})
    needing(make("guard")).seal()


def test_a_view_does_without_a_plugin_that_configuration_has_switched_off(install: Install, tmp_path: Path) -> None:
    install("trivet-guard", {"guard": manifest("guard")})
    (tmp_path / "trivet.toml").write_text('disable = ["guard"]', encoding="utf-8")
    needing(make(config=tmp_path / "trivet.toml")).seal()


def test_a_view_class_that_needs_a_plugin_is_looked_at_too(install: Install) -> None:
    install("trivet-guard", {"guard": manifest("guard")})

    class Index(View):
        requires_plugin = "guard"

        def dispatch_request(self) -> str:
            return "index"

    app = make()
    app.add_url_rule("/", view_func=Index.as_view("index"))
    with pytest.raises(PluginError, match="needs the plugin 'guard'"):
        app.seal()

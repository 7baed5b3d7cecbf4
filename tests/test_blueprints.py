"""Blueprints: declared apart, registered later, once or several times, nested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trivet import Blueprint, BlueprintNameError, Trivet, abort, g, render_template_string, request, url_for

from .asking import Ask, by_asgi, by_wsgi


@pytest.fixture(params=[by_wsgi, by_asgi], ids=["wsgi", "asgi"])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@pytest.fixture
def app() -> Iterator[Trivet]:
    made = Trivet("printed", config_file=False)
    yield made
    made.lifespan.stop()
    made.loops.stop()
    made.workers.stop()


@pytest.mark.parametrize(
    ("prefix", "rule", "path"),
    [
        (None, "/page", "/page"),
        ("/shop", "/page", "/shop/page"),
        ("/shop/", "/page", "/shop/page"),
        ("/shop", "/", "/shop/"),
        ("/shop", "", "/shop"),
        ("/<lang>", "/page", "/en/page"),
    ],
)
def test_a_prefix_is_put_before_the_rules(app: Trivet, ask: Ask, prefix: str | None, rule: str, path: str) -> None:
    part = Blueprint("part", __name__, url_prefix=prefix)
    part.add_url_rule(rule, "view", lambda **values: f"{request.endpoint} {values.get('lang', '')}".strip())
    app.register_blueprint(part)
    assert ask(app, path).text.startswith("part.view")


def test_the_prefix_of_the_registration_wins(app: Trivet) -> None:
    part = Blueprint("part", __name__, url_prefix="/declared")
    part.add_url_rule("/", "view", lambda: "text")
    app.register_blueprint(part, url_prefix="/registered")
    assert by_wsgi(app, "/registered/").text == "text"
    assert by_wsgi(app, "/declared/").status == 404


def test_nested_blueprints_put_prefixes_and_names_together(app: Trivet, ask: Ask) -> None:
    outer = Blueprint("outer", __name__, url_prefix="/outer")
    middle = Blueprint("middle", __name__, url_prefix="/middle")
    inner = Blueprint("inner", __name__)

    @inner.get("/page")
    def page() -> list[Any]:
        return [request.endpoint, request.blueprint, request.blueprints, url_for(".page"), url_for("outer.home")]

    outer.add_url_rule("/", "home", lambda: "home")
    middle.register_blueprint(inner, url_prefix="/inner")
    outer.register_blueprint(middle)
    app.register_blueprint(outer)
    app.json.compact = True  # type: ignore[attr-defined]
    assert ask(app, "/outer/middle/inner/page").text == (
        '["outer.middle.inner.page","outer.middle.inner",["outer.middle.inner","outer.middle","outer"],'
        '"/outer/middle/inner/page","/outer/"]\n'
    )


def test_a_blueprint_may_be_registered_several_times_under_other_names(app: Trivet) -> None:
    part = Blueprint("part", __name__)
    calls: list[str | None] = []
    part.before_request(lambda: calls.append(request.blueprint))
    part.add_url_rule("/", "view", lambda: url_for(".view"))
    app.register_blueprint(part, url_prefix="/one")
    app.register_blueprint(part, url_prefix="/two", name="again")
    assert (by_wsgi(app, "/one/").text, by_wsgi(app, "/two/").text) == ("/one/", "/two/")
    assert calls == ["part", "again"]


def test_functions_for_the_whole_application_are_put_there_once(app: Trivet) -> None:
    part = Blueprint("part", __name__)
    calls: list[str] = []
    part.before_app_request(lambda: calls.append("before"))

    @part.after_app_request
    def after(response: Any) -> Any:
        calls.append("after")
        return response

    part.teardown_app_request(lambda error: calls.append("teardown"))
    part.app_errorhandler(404)(lambda error: ("nowhere", 404))
    app.register_blueprint(part, url_prefix="/one")
    app.register_blueprint(part, url_prefix="/two", name="again")
    assert by_wsgi(app, "/elsewhere").text == "nowhere"
    assert calls == ["before", "after", "teardown"]


def test_a_blueprints_own_functions_leave_other_requests_alone(app: Trivet, ask: Ask) -> None:
    part = Blueprint("part", __name__, url_prefix="/part")
    calls: list[str] = []
    part.before_request(lambda: calls.append("before"))
    part.teardown_request(lambda error: calls.append("teardown"))
    part.add_url_rule("/", "view", lambda: "part")
    app.add_url_rule("/", "view", lambda: "app")
    app.register_blueprint(part)
    assert ask(app, "/").text == "app"
    assert calls == []
    assert ask(app, "/part/").text == "part"
    assert calls == ["before", "teardown"]


def test_the_nearest_error_handler_is_called(app: Trivet, ask: Ask) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    outer.add_url_rule("/outer", "view", lambda: abort(403))
    inner.add_url_rule("/inner", "view", lambda: abort(403))
    inner.add_url_rule("/inner409", "other", lambda: abort(409))
    app.register_error_handler(403, lambda error: "app")
    outer.register_error_handler(403, lambda error: "outer")
    outer.register_error_handler(409, lambda error: "outer 409")
    inner.register_error_handler(403, lambda error: "inner")
    app.add_url_rule("/app", "view", lambda: abort(403))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    assert [ask(app, f"/{where}").text for where in ("app", "outer", "inner", "inner409")] == [
        "app",
        "outer",
        "inner",
        "outer 409",
    ]


def test_values_of_the_url_may_be_taken_and_given_by_functions(app: Trivet, ask: Ask) -> None:
    part = Blueprint("part", __name__, url_prefix="/<lang>")

    @part.url_value_preprocessor
    def take(endpoint: str | None, values: dict[str, Any] | None) -> None:
        assert values is not None
        setattr(g, "lang", values.pop("lang"))  # noqa: B010

    @part.url_defaults
    def give(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("lang", g.lang)

    part.add_url_rule("/<int:number>", "page", lambda number: f"{g.lang} {number} {url_for('.page', number=2)}")
    app.register_blueprint(part)
    assert ask(app, "/en/1").text == "en 1 /en/2"


def test_defaults_of_blueprint_registration_and_rule_are_put_together(app: Trivet) -> None:
    part = Blueprint("part", __name__, url_defaults={"a": 1, "b": 1, "c": 1})
    part.add_url_rule("/", "view", lambda **values: str(sorted(values.items())), defaults={"c": 3})
    app.register_blueprint(part, url_defaults={"b": 2})
    assert by_wsgi(app, "/").text == "[('a', 1), ('b', 2), ('c', 3)]"


def test_subdomains_of_nested_blueprints_are_put_together() -> None:
    app = Trivet("printed", config_file=False, subdomain_matching=True)
    app.config["SERVER_NAME"] = "shop.example"
    outer, inner = Blueprint("outer", __name__, subdomain="api"), Blueprint("inner", __name__, subdomain="v1")
    outer.add_url_rule("/", "view", lambda: "outer")
    inner.add_url_rule("/", "view", lambda: "inner")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    client = app.test_client()
    assert client.get("/", base_url="http://api.shop.example").text == "outer"
    assert client.get("/", base_url="http://v1.api.shop.example").text == "inner"
    assert client.get("/", base_url="http://shop.example").status_code == 404


def test_static_files_and_templates_of_a_blueprint_are_found(app: Trivet, tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "style.css").write_text("css")
    part = Blueprint("part", __name__, static_folder="static", url_prefix="/part", root_path=str(tmp_path))
    part.add_url_rule("/", "view", lambda: url_for(".static", filename="style.css"))
    app.register_blueprint(part)
    assert by_wsgi(app, "/part/").text == "/part/static/style.css"
    assert by_wsgi(app, "/part/static/style.css").body == b"css"


def test_template_helpers_for_the_whole_application_reach_every_template(app: Trivet) -> None:
    part = Blueprint("part", __name__)
    part.app_template_filter("shout")(lambda text: text.upper() + "!")
    part.app_template_test("long")(lambda text: len(text) > 3)
    part.app_template_global("two")(lambda: 2)
    part.app_context_processor(lambda: {"name": "ada"})
    app.register_blueprint(part)
    source = "{{ name|shout }} {{ name is long }} {{ two() }}"
    app.add_url_rule("/", "view", lambda: render_template_string(source))
    assert by_wsgi(app).text == "ADA! False 2"


def test_an_endpoint_declared_without_a_view_may_get_one(app: Trivet) -> None:
    part = Blueprint("part", __name__)
    part.add_url_rule("/", endpoint="later")
    part.endpoint("part.later")(lambda: "text")
    app.register_blueprint(part)
    assert by_wsgi(app).text == "text"


def test_deferred_functions_are_given_the_registration(app: Trivet) -> None:
    part = Blueprint("part", __name__)
    every: list[Any] = []
    once: list[Any] = []
    part.record(every.append)
    part.record_once(once.append)
    app.register_blueprint(part, url_prefix="/one")
    app.register_blueprint(part, url_prefix="/two", name="again")
    assert [(state.app, state.url_prefix, state.first_registration) for state in every] == [
        (app, "/one", True),
        (app, "/two", False),
    ]
    assert once == every[:1]


@pytest.mark.parametrize(
    ("options", "name"), [({}, "part"), ({"cli_group": "tools"}, "tools"), ({"cli_group": None}, "")]
)
def test_commands_of_a_blueprint_stand_in_their_group(app: Trivet, options: Any, name: str) -> None:
    part = Blueprint("part", __name__, **options)
    part.cli.command("hello")(lambda: print("hello"))
    app.register_blueprint(part)
    result = app.test_cli_runner().invoke(args=[name, "hello"] if name else ["hello"])
    assert result.output == "hello\n"


def test_websocket_routes_may_be_declared_on_a_blueprint(app: Trivet) -> None:
    part = Blueprint("part", __name__, url_prefix="/part")

    @part.websocket("/socket")
    async def socket() -> None:
        pass

    app.register_blueprint(part)
    assert by_wsgi(app, "/part/socket").status == 426


def test_two_blueprints_of_one_name_are_refused_with_what_to_do(app: Trivet) -> None:
    app.register_blueprint(Blueprint("part", __name__))
    with pytest.raises(BlueprintNameError, match=r"'part' .*is taken by another blueprint.*name="):
        app.register_blueprint(Blueprint("part", __name__))


def test_one_blueprint_twice_under_one_name_is_refused(app: Trivet) -> None:
    part = Blueprint("part", __name__)
    app.register_blueprint(part)
    with pytest.raises(BlueprintNameError, match=r"'part' .*is taken by this blueprint"):
        app.register_blueprint(part, url_prefix="/two")


def test_a_blueprint_within_itself_is_refused() -> None:
    part = Blueprint("part", __name__)
    with pytest.raises(BlueprintNameError, match="itself"):
        part.register_blueprint(part)


@pytest.mark.parametrize("name", ["", "a.b"])
def test_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(BlueprintNameError):
        Blueprint(name, __name__)


def test_dots_in_endpoints_are_refused() -> None:
    part = Blueprint("part", __name__)
    with pytest.raises(ValueError, match=r"a\.b"):
        part.add_url_rule("/", "a.b", lambda: "text")


def test_a_registered_blueprint_takes_nothing_more(app: Trivet) -> None:
    part = Blueprint("part", __name__)
    app.register_blueprint(part)
    with pytest.raises(AssertionError, match=r"'add_url_rule'.*'part'"):
        part.add_url_rule("/", "late", lambda: "late")


def test_views_of_two_blueprints_may_have_one_name(app: Trivet) -> None:
    for name in ("one", "two"):
        part = Blueprint(name, __name__, url_prefix=f"/{name}")
        part.add_url_rule("/", "view", lambda name=name: name, defaults=None)
        app.register_blueprint(part)
    assert (by_wsgi(app, "/one/").text, by_wsgi(app, "/two/").text) == ("one", "two")

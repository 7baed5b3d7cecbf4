"""Templates: which one is found, what it knows, how it is escaped, streamed and reloaded."""

import asyncio
import datetime
import logging
import os
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet.app import Trivet
from trivet.blueprints import Blueprint
from trivet.builtin.jinja import Environment
from trivet.builtin.templating import (
    Templating,
    render_template,
    render_template_string,
    stream_template,
    stream_template_string,
)
from trivet.hookspecs import hookimpl
from trivet.kernel.context import current
from trivet.kernel.errors import OutsideContextError

Fetch = Callable[..., httpx.Response]


def make_app(folder: Path, **options: Any) -> Trivet:
    return Trivet("shop", root_path=str(folder), static_folder=None, config_file=False, **options)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def part(folder: Path, name: str) -> Blueprint:
    return Blueprint(name, __name__, root_path=str(folder / name), template_folder="templates")


def active() -> Any:
    return current.get()


def templating(app: Any) -> Templating:
    plugin: Templating = app.templating
    return plugin


def render(name: Any, /, **values: Any) -> str:
    return render_template(active(), name, **values)


def render_string(source: str, /, **values: Any) -> str:
    return render_template_string(active(), source, **values)


@pytest.fixture
def app(tmp_path: Path) -> Trivet:
    return make_app(tmp_path)


@pytest.fixture(params=["wsgi", "asgi"])
def fetch(request: pytest.FixtureRequest) -> Fetch:
    """Send one GET request to an application, by either protocol."""

    def by_wsgi(app: Trivet, path: str, **headers: str) -> httpx.Response:
        transport = httpx.WSGITransport(app=app.wsgi)
        with httpx.Client(transport=transport, base_url="http://localhost") as client:
            return client.get(path, headers=headers)

    def by_asgi(app: Trivet, path: str, **headers: str) -> httpx.Response:
        async def run() -> httpx.Response:
            asgi: Any = app.asgi
            transport = httpx.ASGITransport(app=asgi)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(run())

    return by_wsgi if request.param == "wsgi" else by_asgi


# -- escaping


@pytest.mark.parametrize("suffix", ["html", "htm", "xml", "xhtml", "svg"])
def test_markup_files_are_escaped(app: Trivet, tmp_path: Path, suffix: str) -> None:
    write(tmp_path, f"templates/page.{suffix}", "{{ text }}")
    with app.app_context():
        assert render(f"page.{suffix}", text="<b>") == "&lt;b&gt;"


@pytest.mark.parametrize("name", ["mail.txt", "page.html.txt", "html", "data.json"])
def test_other_files_are_not_escaped(app: Trivet, tmp_path: Path, name: str) -> None:
    write(tmp_path, f"templates/{name}", "{{ text }}")
    with app.app_context():
        assert render(name, text="<b>") == "<b>"


def test_templates_given_as_strings_are_escaped(app: Trivet) -> None:
    with app.app_context():
        assert render_string("{{ text }}", text="<b>") == "&lt;b&gt;"


def test_a_template_can_opt_out_of_escaping(app: Trivet) -> None:
    with app.app_context():
        source = "{% autoescape false %}{{ text }}{% endautoescape %}{{ text|safe }}{{ text }}"
        assert render_string(source, text="<b>") == "<b><b>&lt;b&gt;"


def test_an_application_may_decide_what_is_escaped(tmp_path: Path) -> None:
    class Shop(Trivet):
        def select_jinja_autoescape(self, filename: str | None) -> bool:
            return filename == "mail.txt"

    app = Shop("shop", root_path=str(tmp_path), static_folder=None, config_file=False)
    write(tmp_path, "templates/mail.txt", "{{ text }}")
    with app.app_context():
        assert render("mail.txt", text="<b>") == "&lt;b&gt;"
        assert render_string("{{ text }}", text="<b>") == "<b>"


# -- which template is found


def test_the_applications_template_hides_that_of_a_blueprint(app: Trivet, tmp_path: Path) -> None:
    app.register_blueprint(part(tmp_path, "blog"))
    write(tmp_path, "templates/page.html", "application")
    write(tmp_path, "blog/templates/page.html", "blog")
    with app.app_context():
        assert render("page.html") == "application"


def test_the_blueprint_registered_first_is_asked_first(app: Trivet, tmp_path: Path) -> None:
    for name in ("wiki", "blog"):
        write(tmp_path, f"{name}/templates/page.html", name)
        app.register_blueprint(part(tmp_path, name))
    with app.app_context():
        assert render("page.html") == "wiki"


def test_a_blueprint_without_templates_is_passed_over(app: Trivet, tmp_path: Path) -> None:
    app.register_blueprint(Blueprint("plain", __name__))
    app.register_blueprint(part(tmp_path, "blog"))
    write(tmp_path, "blog/templates/page.html", "blog")
    with app.app_context():
        assert render("page.html") == "blog"


def test_the_first_existing_name_of_a_list_is_taken(app: Trivet, tmp_path: Path) -> None:
    write(tmp_path, "templates/default.html", "default")
    with app.app_context():
        assert render(["special.html", "default.html"]) == "default"


def test_a_template_object_is_rendered_as_it_is(app: Trivet) -> None:
    with app.app_context():
        assert render(app.jinja_env.from_string("Hello {{ name }}"), name="Ada") == "Hello Ada"


def test_a_missing_template_is_named_with_the_nearest_name(app: Trivet, tmp_path: Path) -> None:
    write(tmp_path, "templates/table.html", "")
    with app.app_context(), pytest.raises(jinja2.TemplateNotFound) as caught:
        render("tabel.html")
    assert caught.value.name == "tabel.html"
    assert str(caught.value).startswith("tabel.html: ")
    assert "Did you mean 'table.html'?" in str(caught.value)


def test_a_list_of_missing_templates_names_them_all(app: Trivet) -> None:
    with app.app_context(), pytest.raises(jinja2.TemplatesNotFound) as caught:
        render(["one.html", "two.html"])
    assert caught.value.templates == ["one.html", "two.html"]


@pytest.mark.parametrize("name", ["../secret.txt", "a/../../secret.txt", ".."])
def test_a_name_cannot_lead_out_of_the_template_folder(app: Trivet, tmp_path: Path, name: str) -> None:
    write(tmp_path, "templates/a/page.html", "")
    write(tmp_path, "secret.txt", "secret")
    with app.app_context(), pytest.raises(jinja2.TemplateNotFound):
        render(name)


def test_an_included_template_may_be_missing_if_the_template_says_so(app: Trivet) -> None:
    with app.app_context():
        assert render_string("a{% include 'none.html' ignore missing %}b") == "ab"


def test_all_templates_are_listed_once(app: Trivet, tmp_path: Path) -> None:
    app.register_blueprint(part(tmp_path, "blog"))
    write(tmp_path, "templates/page.html", "")
    write(tmp_path, "blog/templates/page.html", "")
    write(tmp_path, "blog/templates/blog/post.html", "")
    assert app.jinja_env.list_templates() == ["blog/post.html", "page.html"]


def test_a_loader_that_cannot_list_its_templates_is_still_asked(app: Trivet) -> None:
    app.jinja_loader = jinja2.FunctionLoader(lambda name: "made" if name == "page.html" else None)
    with app.app_context():
        assert render("page.html") == "made"
        with pytest.raises(jinja2.TemplateNotFound, match=r"^pgae\.html: "):
            render("pgae.html")


def test_the_namespaces_of_a_blueprint_are_told(app: Trivet, tmp_path: Path) -> None:
    write(tmp_path, "blog/templates/blog/post.html", "")
    write(tmp_path, "blog/templates/blog/list.html", "")
    write(tmp_path, "blog/templates/base.html", "")
    assert templating(app).claims(part(tmp_path, "blog")) == {"blog", "base.html"}
    assert templating(app).claims(Blueprint("plain", __name__)) == frozenset()


def test_the_search_for_a_missing_template_is_explained(
    app: Trivet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blog = part(tmp_path, "blog")
    (tmp_path / "blog/templates").mkdir(parents=True)

    @blog.get("/")
    def index() -> str:
        with pytest.raises(jinja2.TemplateNotFound):
            render("none.html")
        return "done"

    app.register_blueprint(blog)
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True
    with caplog.at_level(logging.INFO, "shop"):
        assert app.test_client().get("/").text == "done"
    (text,) = [record.getMessage() for record in caplog.records if record.name == "shop"]
    assert "Locating template 'none.html'" in text
    assert "1: trying loader of application 'shop'" in text
    assert f"2: trying loader of blueprint 'blog' ({__name__})" in text
    assert str(tmp_path / "blog" / "templates") in text
    assert text.count("-> no match") == 2
    assert "Error: the template could not be found" in text
    assert "endpoint that belongs to the blueprint 'blog'" in text


def test_the_explanation_warns_of_a_hidden_template(
    app: Trivet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app.register_blueprint(part(tmp_path, "blog"))
    found = write(tmp_path, "templates/page.html", "application")
    write(tmp_path, "blog/templates/page.html", "blog")
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True
    with caplog.at_level(logging.INFO, "shop"), app.app_context():
        assert render("page.html") == "application"
    assert f"-> found ({str(found)!r})" in caplog.text
    assert "Warning: several loaders have this template" in caplog.text


# -- what templates know


def test_templates_know_the_standard_names(app: Trivet, fetch: Fetch) -> None:
    app.secret_key = "k" * 32
    app.config["GREETING"] = "Hi"

    @app.get("/hello")
    def hello() -> str:
        ctx = active()
        ctx.g.user, ctx.session["seen"] = "Ada", 3
        return render_string(
            "{{ config.GREETING }} {{ g.user }} {{ session.seen }} {{ request.args.q }} {{ url_for('hello') }}"
        )

    assert fetch(app, "/hello?q=1").text == "Hi Ada 3 1 /hello"


def test_imported_templates_know_the_standard_names(app: Trivet, tmp_path: Path, fetch: Fetch) -> None:
    write(tmp_path, "templates/macros.html", "{% macro where() %}{{ request.path }} {{ g.user }}{% endmacro %}")

    @app.get("/there")
    def there() -> str:
        active().g.user = "Ada"
        return render_string("{% from 'macros.html' import where %}{{ where() }}")

    assert fetch(app, "/there").text == "/there Ada"


def test_a_template_can_ask_whether_there_is_a_request(app: Trivet, fetch: Fetch) -> None:
    source = "{{ 'yes' if request else 'no' }}"

    @app.get("/")
    def index() -> str:
        return render_string(source)

    assert fetch(app, "/").text == "yes"
    with app.app_context():
        assert render_string(source) == "no"


def test_a_template_has_g_even_without_a_request(app: Trivet) -> None:
    with app.app_context() as ctx:
        ctx.g.user = "Ada"
        assert render_string("{{ g.user }}") == "Ada"


@pytest.mark.parametrize("source", ["{{ request.path }}", "{{ session.x }}", "{{ get_flashed_messages() }}"])
def test_what_belongs_to_a_request_cannot_be_used_outside_of_one(app: Trivet, source: str) -> None:
    with app.app_context(), pytest.raises(OutsideContextError, match="outside of a request"):
        render_string(source)


def test_the_values_of_a_rendering_win_over_every_other_name(app: Trivet) -> None:
    app.context_processor(lambda: {"name": "processor"})
    with app.test_request_context():
        assert render_string("{{ name }} {{ request }} {{ g }}", name=1, request=2, g=3) == "1 2 3"


def test_any_name_can_be_given_a_value(app: Trivet) -> None:
    with app.app_context():
        assert render_string("{{ ctx }} {{ source }} {{ self_ }}", ctx=1, source=2, self_=3) == "1 2 3"


def test_processors_of_the_application_and_of_the_current_blueprint_add_names(app: Trivet, fetch: Fetch) -> None:
    blog, wiki = Blueprint("blog", __name__), Blueprint("wiki", __name__)
    source = "{{ site }} {{ place }} {{ blog }} {{ wiki }}"
    app.context_processor(lambda: {"site": "site", "place": "application"})
    blog.context_processor(lambda: {"blog": "blog", "place": "blog"})
    wiki.context_processor(lambda: {"wiki": "wiki", "place": "wiki"})

    @blog.get("/blog")
    @app.get("/")
    def view() -> str:
        return render_string(source)

    app.register_blueprint(blog)
    app.register_blueprint(wiki)
    assert fetch(app, "/").text == "site application  "
    assert fetch(app, "/blog").text == "site blog blog "


def test_the_innermost_blueprints_processor_wins(app: Trivet) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    outer.context_processor(lambda: {"place": "outer", "outer": 1})
    inner.context_processor(lambda: {"place": "inner"})

    @inner.get("/")
    def view() -> str:
        return render_string("{{ place }} {{ outer }}")

    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    assert app.test_client().get("/").text == "inner 1"


def test_a_processor_may_be_a_coroutine_function(app: Trivet, fetch: Fetch) -> None:
    @app.context_processor
    async def names() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"path": active().request.path}

    @app.get("/here")
    def view() -> str:
        return render_string("{{ path }}")

    assert fetch(app, "/here").text == "/here"


def test_plugins_add_names_and_processors_win_over_them(tmp_path: Path, fetch: Fetch) -> None:
    @hookimpl
    def trivet_template_context(ctx: Any) -> dict[str, Any]:
        return {"path": ctx.path, "place": "plugin"}

    plugin = SimpleNamespace(name="names", trivet_template_context=trivet_template_context)
    app = make_app(tmp_path, plugins=[plugin])
    app.context_processor(lambda: {"place": "application"})

    @app.get("/here")
    def view() -> str:
        return render_string("{{ path }} {{ place }}")

    assert fetch(app, "/here").text == "/here application"


def test_the_plugin_that_is_asked_first_wins(tmp_path: Path) -> None:
    def plugin(name: str, first: bool = False) -> SimpleNamespace:
        def trivet_template_context() -> dict[str, Any]:
            return {"place": name}

        return SimpleNamespace(name=name, trivet_template_context=hookimpl(trivet_template_context, tryfirst=first))

    app = make_app(tmp_path, plugins=[plugin("first", first=True), plugin("second"), plugin("third")])
    app.seal()
    with app.app_context():
        assert render_string("{{ place }}") == "first"


def test_the_template_context_hook_may_be_a_coroutine_function(tmp_path: Path, fetch: Fetch) -> None:
    @hookimpl
    async def trivet_template_context(ctx: Any) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"path": ctx.path}

    app = make_app(tmp_path, plugins=[SimpleNamespace(name="names", trivet_template_context=trivet_template_context)])

    @app.get("/here")
    def view() -> str:
        return render_string("{{ path }}")

    assert fetch(app, "/here").text == "/here"


def test_filters_tests_and_globals_can_be_added(app: Trivet) -> None:
    app.template_filter("twice")(lambda text: text * 2)
    app.template_test("short")(lambda text: len(text) < 3)
    app.template_global("answer")(lambda: 42)
    with app.app_context():
        source = "{{ 'ab'|twice }} {{ 'ab' is short }} {{ answer() }}"
        assert render_string(source) == "abab True 42"


def test_a_global_added_after_a_template_was_loaded_is_known_to_it(app: Trivet, tmp_path: Path) -> None:
    write(tmp_path, "templates/page.html", "{{ late }}")
    with app.app_context():
        assert render("page.html") == ""
        app.jinja_env.globals["late"] = "known"
        assert render("page.html") == "known"


def test_globals_of_one_template_win_over_those_of_all(app: Trivet, tmp_path: Path) -> None:
    write(tmp_path, "templates/page.html", "{{ place }}")
    app.jinja_env.globals["place"] = "all"
    own = app.jinja_env.get_template("page.html", globals={"place": "one"})
    with app.app_context():
        assert render(own) == "one"
        assert render_string("{{ place }}") == "all"


def test_a_template_that_leaves_the_session_alone_does_not_open_it(app: Trivet, fetch: Fetch) -> None:
    app.secret_key = "k" * 32
    templating(app).before_render.append(lambda template, context: None)

    @app.get("/plain")
    def plain() -> str:
        return render_string("plain")

    @app.get("/personal")
    def personal() -> str:
        return render_string("{{ session.name }}")

    assert "Vary" not in fetch(app, "/plain", Cookie="session=x").headers
    assert fetch(app, "/personal", Cookie="session=x").headers["Vary"] == "Cookie"


def test_values_are_written_as_the_applications_json(app: Trivet) -> None:
    values = {"day": datetime.date(2026, 1, 2), "price": Decimal("1.50"), "text": "</script>"}
    with app.app_context():
        text = render_string("{{ values|tojson }}", values=values)
    assert text == ('{"day": "Fri, 02 Jan 2026 00:00:00 GMT", "price": "1.50", "text": "\\u003c/script\\u003e"}')


def test_a_later_json_provider_is_used_by_templates(app: Trivet) -> None:
    class Loud(app.json_provider_class):  # type: ignore[misc, name-defined]
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return super().dumps(obj, **kwargs).upper()  # type: ignore[no-any-return]

    with app.app_context():
        assert render_string("{{ text|tojson }}", text="a") == '"a"'
        app.json = Loud(app)
        assert render_string("{{ text|tojson }}", text="a") == '"A"'


# -- what is faster than Jinja's own must mean the same

plain_environment = jinja2.Environment()


class Record(dict[str, Any]):
    """A dict that has attributes besides."""

    name = "attribute"


@given(
    st.dictionaries(st.sampled_from(["items", "name", "get", "__class__", "x"]), st.integers()),
    st.sampled_from(["items", "name", "get", "__class__", "x", "missing"]),
    st.sampled_from((dict, Record)),
)
def test_dots_mean_what_they_mean_in_jinja(values: dict[str, int], name: str, kind: Any) -> None:
    environment = Environment(SimpleNamespace(), loader=None)
    obj = kind(values)
    ours, theirs = environment.getattr(obj, name), plain_environment.getattr(obj, name)
    if isinstance(theirs, jinja2.Undefined):
        assert isinstance(ours, jinja2.Undefined)
        assert ours._undefined_message == theirs._undefined_message
    else:
        assert ours == theirs


@pytest.mark.parametrize(
    "source",
    [
        "{{ a }}{{ b }}{{ c }}",
        "{% set a = 5 %}{{ a }}{{ self.x() }}{% block x scoped %}{{ b }}{% endblock %}",
        "{% macro m(a) %}{{ a }}{{ b }}{% endmacro %}{{ m(c) }}",
        "{% for a in range(2) %}{{ loop.index }}{{ a }}{% endfor %}{{ a }}",
        "{% include inner %}{% import inner as i %}{{ i.v }}{% import inner as j with context %}{{ j.v }}",
    ],
)
def test_contexts_mean_what_they_mean_in_jinja(source: str) -> None:
    outputs = []
    for kind in (Environment, lambda _, **options: jinja2.Environment(**options)):
        loader = jinja2.DictLoader({"inner": "{% set v = a ~ b ~ c %}{{ v }}"})
        environment: Any = kind(SimpleNamespace(), loader=loader)
        environment.globals.update(a="env-a", b="env-b")
        template = environment.from_string(source, globals={"b": "own-b"})
        outputs.append([template.render(c="c", inner="inner"), template.render(a="a", c="c", inner="inner")])
    assert outputs[0] == outputs[1]


def test_equal_strings_are_compiled_once(app: Trivet) -> None:
    compile_string = templating(app).compile
    assert compile_string("{{ a }}") is compile_string("{{ a }}")
    assert compile_string("{{ a }}") is not compile_string("{{ b }}")


def test_strings_are_compiled_anew_for_another_environment(app: Trivet) -> None:
    with app.app_context():
        assert render_string("[[ a ]]{{ a }}", a=1) == "[[ a ]]1"
        app.jinja_env = Environment(app, variable_start_string="[[", variable_end_string="]]")
        assert render_string("[[ a ]]{{ a }}", a=1) == "1{{ a }}"


# -- the environment


def test_options_and_class_of_the_environment_are_the_applications(tmp_path: Path) -> None:
    class Own(Environment):
        pass

    class Shop(Trivet):
        jinja_environment = Own

    app = Shop("shop", root_path=str(tmp_path), static_folder=None, config_file=False)
    app.jinja_options = {"trim_blocks": True, "autoescape": False}
    with app.app_context():
        assert render_string("{% if true %}\n{{ a }}{% endif %}", a="<") == "<"
    assert type(app.jinja_env) is Own


def test_the_global_loader_can_be_replaced(tmp_path: Path) -> None:
    class Shop(Trivet):
        def create_global_jinja_loader(self) -> Any:
            return jinja2.DictLoader({"page.html": "from a dict"})

    app = Shop("shop", root_path=str(tmp_path), static_folder=None, config_file=False)
    with app.app_context():
        assert render("page.html") == "from a dict"


@pytest.mark.parametrize(
    ("setting", "debug", "reloads"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_changed_templates_are_loaded_anew_if_configured_or_in_debug_mode(
    app: Trivet, tmp_path: Path, setting: bool | None, debug: bool, reloads: bool
) -> None:
    app.config["TEMPLATES_AUTO_RELOAD"] = setting
    app.debug = debug
    path = write(tmp_path, "templates/page.html", "old")
    with app.app_context():
        assert render("page.html") == "old"
        path.write_text("new", encoding="utf-8")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        assert render("page.html") == ("new" if reloads else "old")


# -- receivers


def test_receivers_see_template_and_values_before_and_after(app: Trivet) -> None:
    seen: list[Any] = []

    def before(template: Any, context: dict[str, Any]) -> None:
        seen.append(("before", template.name, context["name"], "request" in context))
        context["name"] = "changed"

    templating(app).before_render.append(before)
    templating(app).after_render.append(lambda template, context: seen.append(("after", context["name"])))
    with app.test_request_context():
        assert render_string("{{ name }}", name="given") == "changed"
    assert seen == [("before", None, "given", True), ("after", "changed")]


def test_processors_run_once_even_with_receivers(app: Trivet) -> None:
    runs: list[int] = []

    @app.context_processor
    def count() -> dict[str, Any]:
        runs.append(1)
        return {}

    templating(app).before_render.append(lambda template, context: None)
    with app.app_context():
        render_string("x")
    assert runs == [1]


# -- streaming


def test_a_streamed_template_uses_the_request_while_it_is_sent(app: Trivet, tmp_path: Path, fetch: Fetch) -> None:
    write(
        tmp_path,
        "templates/list.html",
        "{% for n in numbers %}{{ n }}{{ request.args.end }}{{ g.mark }}{% endfor %}",
    )

    @app.get("/")
    def view() -> Iterator[str]:
        ctx = active()
        ctx.g.mark = "!"
        return stream_template(ctx, "list.html", numbers=range(3))

    assert fetch(app, "/?end=%2C").text == "0,!1,!2,!"


def test_a_streamed_string_is_escaped(app: Trivet) -> None:
    with app.app_context() as ctx:
        assert "".join(stream_template_string(ctx, "{{ text }}", text="<")) == "&lt;"


def test_pieces_are_made_one_at_a_time(app: Trivet) -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(3):
            made.append(number)
            yield number

    with app.app_context() as ctx:
        pieces = stream_template_string(ctx, "{% for n in numbers %}{{ n }};{% endfor %}", numbers=numbers())
        assert next(pieces) == "0"
        assert made == [0]


def test_a_stream_is_made_in_its_own_context(app: Trivet) -> None:
    with app.test_request_context("/own") as ctx:
        pieces = stream_template_string(ctx, "{{ request.path }} {{ request.path }}")
        with app.test_request_context("/other"):
            assert "".join(pieces) == "/own /own"
            assert active().path == "/other"


def test_receivers_hear_of_a_stream_at_its_ends(app: Trivet) -> None:
    heard: list[str] = []
    templating(app).before_render.append(lambda template, context: heard.append("before"))
    templating(app).after_render.append(lambda template, context: heard.append("after"))
    with app.app_context() as ctx:
        pieces = stream_template_string(ctx, "{{ 1 }}{{ name }}", name="x")
        assert heard == ["before"]
        list(pieces)
    assert heard == ["before", "after"]


def test_a_missing_template_is_told_before_the_stream_begins(app: Trivet) -> None:
    with app.app_context() as ctx, pytest.raises(jinja2.TemplateNotFound):
        stream_template(ctx, "none.html")

"""The routing tables and Werkzeug's map give the same answers, whatever the rules and the path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Rule
from werkzeug.routing.exceptions import RequestRedirect, WebsocketMismatch

from trivet import Trivet
from trivet.kernel.routing import Miss, RuleMap, Unsure

SEGMENTS = ("a", "b", "ab", "files", "1")
VARIABLES = (
    "<{x}>",
    "<int:{x}>",
    "<int(min=5):{x}>",
    "<int(fixed_digits=2):{x}>",
    "<float:{x}>",
    "<uuid:{x}>",
    "<any(a, b):{x}>",
    "<string(length=2):{x}>",
    "<path:{x}>",
    "<{x}>-<{y}>",
    "<{x}>.html",
    "pre<int:{x}>",
)
TEXTS = (
    "",
    "a",
    "b",
    "ab",
    "files",
    "1",
    "12",
    "7",
    "1.5",
    "x-y",
    "x.html",
    "pre3",
    "ä",
    "١",
    "12345678-1234-5678-1234-567812345678",
)
METHODS = (None, ["GET"], ["POST"], ["GET", "POST"])


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw the arguments of a few rules that come in each other's way."""
    made = []
    for number in range(draw(st.integers(1, 6))):
        parts = []
        for position in range(draw(st.integers(0, 3))):
            part = draw(st.sampled_from(SEGMENTS) | st.sampled_from(VARIABLES))
            parts.append(part.replace("{x}", f"x{position}").replace("{y}", f"y{position}"))
        text = "/" + "/".join(parts) + draw(st.sampled_from(("", "/")) if parts else st.just(""))
        options: dict[str, Any] = {
            "endpoint": f"e{draw(st.integers(0, number))}",
            "methods": draw(st.sampled_from(METHODS)),
        }
        options["strict_slashes"] = draw(st.sampled_from((None, None, True, False)))
        options["websocket"] = draw(st.sampled_from((False, False, False, True)))
        if options["websocket"]:
            options["methods"] = None
        if draw(st.integers(0, 9)) == 0:
            options["defaults"] = {"x0": "a"} if "<x0>" not in text else None
        if draw(st.integers(0, 9)) == 0:
            options["redirect_to"] = "/elsewhere"
        made.append({"string": text, **options})
    return made


paths = st.builds(
    lambda texts, slash: "/" + "/".join(texts) + slash,
    st.lists(st.sampled_from(TEXTS), max_size=4),
    st.sampled_from(("", "/")),
)


def build(specs: list[dict[str, Any]]) -> RuleMap:
    """Make a map of the rules that Werkzeug accepts."""
    url_map = RuleMap()
    for spec in specs:
        try:
            url_map.add(Rule(**spec))
        except (ValueError, TypeError):
            continue
    return url_map


def ask_map(url_map: RuleMap, path: str, method: str) -> Any:
    """Return what Werkzeug alone answers."""
    try:
        rule, values = url_map.bind("example.com").match(path, method, return_rule=True)
    except RequestRedirect as redirect:
        return "redirect", redirect.new_url
    except MethodNotAllowed as error:
        return "methods", sorted(error.valid_methods or ())
    except WebsocketMismatch:
        return ("websocket",)
    except NotFound:
        return ("missing",)
    return "match", url_map.in_order.index(rule), dict(values), [type(value) for value in values.values()]


def ask_tables(url_map: RuleMap, path: str, method: str) -> Any:
    """Return what the tables answer; ``None`` where they leave it to the map."""
    tables = url_map.compile(lambda rule, method: (rule, method))
    assert tables is not None
    found = tables.exact.get(path, {}).get(method)
    if found is not None:
        assert found[1] == (found[0], method)
        return "match", url_map.in_order.index(found[0]), {}, []
    try:
        rule, values, target = tables.match(path, method)
    except Unsure:
        return None
    except Miss as miss:
        return ("methods", sorted(miss.rules)) if miss.rules else ("missing",)
    assert target == (rule, method)
    return "match", url_map.in_order.index(rule), values, [type(value) for value in values.values()]


@settings(max_examples=1500, deadline=None)
@given(specs=rules(), path=paths, method=st.sampled_from(("GET", "POST", "HEAD", "PUT")))
def test_where_the_tables_are_sure_they_answer_what_werkzeug_answers(
    specs: list[dict[str, Any]], path: str, method: str
) -> None:
    url_map = build(specs)
    answer = ask_tables(url_map, path, method)
    if answer is not None:
        assert answer == ask_map(url_map, path, method)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("/", "/"),
        ("/users", "/users"),
        ("/users/<int:x>", "/users/42"),
        ("/users/<x>/posts/<y>", "/users/7/posts/hello"),
        ("/files/<path:x>", "/files/a/b.txt"),
        ("/<uuid:x>", "/12345678-1234-5678-1234-567812345678"),
        ("/<x>.html", "/a.html"),
    ],
)
def test_common_rules_are_answered_from_the_tables(rule: str, path: str) -> None:
    url_map = build([{"string": rule, "endpoint": "e", "methods": ["GET"]}])
    assert ask_tables(url_map, path, "GET") is not None
    assert ask_tables(url_map, path, "GET") == ask_map(url_map, path, "GET")


@pytest.mark.parametrize("path", ["/nowhere", "/users/x", "/users/1/2", "/users"])
def test_paths_that_do_not_exist_are_answered_from_the_tables(path: str) -> None:
    url_map = build([{"string": "/users/<int:x>", "endpoint": "e", "methods": ["GET"]}])
    assert ask_tables(url_map, path, "GET") == ("missing",)


def answer(app: Trivet, path: str, method: str = "GET", **options: Any) -> Any:
    return app.test_client().open(path, method=method, **options)


def make_app(**options: Any) -> Trivet:
    return Trivet("routed", config_file=False, **options)


def test_a_missing_slash_is_redirected_with_the_query() -> None:
    app = make_app()
    app.add_url_rule("/a/", "a", lambda: "a")
    response = answer(app, "/a?q=1")
    assert (response.status_code, response.location) == (308, "http://localhost/a/?q=1")


def test_doubled_slashes_are_redirected() -> None:
    app = make_app()
    app.add_url_rule("/a/b", "a", lambda: "a")
    assert answer(app, "/a//b").location == "http://localhost/a/b"


def test_defaults_are_given_to_the_view_and_redirect_to_the_short_form() -> None:
    app = make_app()
    view = lambda page: f"page {page}"  # noqa: E731
    app.add_url_rule("/pages/", "pages", view, defaults={"page": 1})
    app.add_url_rule("/pages/<int:page>", "pages", view)
    assert answer(app, "/pages/").text == "page 1"
    assert answer(app, "/pages/2").text == "page 2"
    assert answer(app, "/pages/1").location == "http://localhost/pages/"


def test_a_wrong_method_is_answered_405_with_the_methods_that_are_allowed() -> None:
    app = make_app()
    app.add_url_rule("/a", "read", lambda: "read", methods=["GET"])
    app.add_url_rule("/a", "write", lambda: "written", methods=["PUT"])
    response = answer(app, "/a", "DELETE")
    assert response.status_code == 405
    assert response.allow.as_set(preserve_casing=True) == {"GET", "HEAD", "OPTIONS", "PUT"}


def test_head_is_answered_by_the_view_of_get_without_a_body() -> None:
    app = make_app()
    app.add_url_rule("/a", "a", lambda: "text")
    response = answer(app, "/a", "HEAD")
    assert (response.status_code, response.data, response.content_length) == (200, b"", 4)


def test_options_is_answered_with_the_methods_of_the_path() -> None:
    app = make_app()
    app.add_url_rule("/a/<x>", "a", lambda x: x, methods=["GET", "POST"])
    response = answer(app, "/a/1", "OPTIONS")
    assert response.status_code == 200
    assert response.allow.as_set(preserve_casing=True) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_view_may_answer_options_itself() -> None:
    app = make_app()
    app.add_url_rule("/a", "a", lambda: "mine", methods=["OPTIONS"])
    assert answer(app, "/a", "OPTIONS").text == "mine"


def test_hosts_choose_the_view_where_hosts_are_matched() -> None:
    app = make_app(host_matching=True, static_folder=None)
    app.add_url_rule("/", "one", lambda: "one", host="one.example")
    app.add_url_rule("/", "other", lambda name: name, host="<name>.example")
    assert answer(app, "/", base_url="http://one.example").text == "one"
    assert answer(app, "/", base_url="http://two.example").text == "two"


def test_subdomains_choose_the_view_where_they_are_matched() -> None:
    app = make_app(subdomain_matching=True)
    app.config["SERVER_NAME"] = "shop.example"
    app.add_url_rule("/", "main", lambda: "main")
    app.add_url_rule("/", "user", lambda name: name, subdomain="<name>")
    assert answer(app, "/", base_url="http://shop.example").text == "main"
    assert answer(app, "/", base_url="http://ada.shop.example").text == "ada"


def test_a_converter_of_ones_own_is_asked() -> None:
    from werkzeug.routing import BaseConverter

    class Reversed(BaseConverter):
        def to_python(self, value: str) -> str:
            return value[::-1]

        def to_url(self, value: str) -> str:
            return value[::-1]

    app = make_app()
    app.url_map.converters["reversed"] = Reversed
    app.add_url_rule("/<reversed:word>", "word", lambda word: word)
    assert answer(app, "/abc").text == "cba"
    with app.test_request_context():
        assert app.url_for("word", word="cba") == "/abc"


def test_a_rule_added_to_the_map_itself_is_found() -> None:
    app = make_app()
    app.url_map.add(Rule("/late/<int:x>", endpoint="late"))
    app.view_functions["late"] = lambda x: str(x + 1)
    assert answer(app, "/late/1").text == "2"


def test_a_rule_without_a_view_says_so() -> None:
    app = make_app()
    app.testing = True
    app.url_map.add(Rule("/bare", endpoint="bare"))
    with pytest.raises(Exception, match=r"'bare'.*has no view function"):
        answer(app, "/bare")


def test_a_path_outside_ascii_reaches_the_view_decoded() -> None:
    app = make_app()
    app.add_url_rule("/straße/<name>", "street", lambda name: name)
    assert answer(app, "/straße/größe").text == "größe"


def test_errors_of_routing_are_http_errors() -> None:
    app = make_app()
    with app.test_request_context("/nowhere") as ctx:
        assert isinstance(ctx.routing_error, HTTPException)
        assert ctx.request.routing_exception is ctx.routing_error

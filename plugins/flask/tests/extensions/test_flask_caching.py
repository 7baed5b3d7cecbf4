"""Flask-Caching: views, fragments and functions that are computed once."""

import pytest
from flask import Flask, render_template_string, request
from flask_caching import Cache


@pytest.fixture
def app():
    app = Flask(__name__)
    app.config["CACHE_TYPE"] = "SimpleCache"
    cache = Cache(app)
    app.calls = []

    @app.get("/view/<int:number>")
    @cache.cached(timeout=60)
    def view(number):
        app.calls.append(number)
        return f"view {number}", 200, {"X-Kept": "yes"}

    @app.get("/search")
    @cache.cached(query_string=True)
    def search():
        app.calls.append(request.args["q"])
        return request.args["q"]

    @app.get("/new")
    @cache.cached(unless=lambda: "fresh" in request.args)
    def new():
        app.calls.append("new")
        return "new"

    @cache.memoize()
    def add(a, b):
        app.calls.append((a, b))
        return a + b

    @app.get("/add")
    def sums():
        return str(add(1, 2))

    @app.post("/forget")
    def forget():
        cache.delete_memoized(add)
        return ""

    @app.get("/fragment")
    def fragment():
        return render_template_string("{% cache 60, 'name' %}{{ tell() }}{% endcache %}", tell=lambda: len(app.calls))

    return app


def test_a_view_is_called_once_for_each_path(app):
    client = app.test_client()
    answers = [client.get(f"/view/{number}") for number in (1, 1, 2)]
    assert [answer.text for answer in answers] == ["view 1", "view 1", "view 2"]
    assert answers[1].headers["X-Kept"] == "yes"
    assert app.calls == [1, 2]


def test_the_order_of_the_query_does_not_matter(app):
    client = app.test_client()
    for query in ("q=a&z=1", "z=1&q=a", "q=b"):
        client.get(f"/search?{query}")
    assert app.calls == ["a", "b"]


def test_a_request_can_ask_for_a_fresh_answer(app):
    client = app.test_client()
    for query in ("", "", "?fresh"):
        client.get(f"/new{query}")
    assert app.calls == ["new", "new"]


def test_a_function_is_computed_once_until_it_is_forgotten(app):
    client = app.test_client()
    assert [client.get("/add").text for _ in range(2)] == ["3", "3"]
    client.post("/forget")
    client.get("/add")
    assert app.calls == [(1, 2), (1, 2)]


def test_a_part_of_a_template_is_rendered_once(app):
    client = app.test_client()
    assert client.get("/fragment").text == "0"
    app.calls.append("something")
    assert client.get("/fragment").text == "0"

"""Dash: the page, the layout, a callback, a page of many, and an application it is put into."""

import pytest
from dash import Dash, Input, Output, State, ctx, dcc, html, no_update
from flask import Flask, request, session


def make(server):
    app = Dash(__name__, server=server, url_base_pathname="/board/")
    app.layout = html.Div([dcc.Input(id="name", value="ada"), html.Button("go", id="go"), html.Div(id="out")])

    @app.callback(Output("out", "children"), Input("go", "n_clicks"), State("name", "value"))
    def greet(clicks, name):
        if not clicks:
            return no_update
        session["greeted"] = name
        return f"hello {name}, {ctx.triggered_id} by {request.method}"

    return app


@pytest.fixture
def server():
    server = Flask(__name__)
    server.secret_key = "for the tests"
    server.get("/", endpoint="front")(lambda: "front page")
    server.get("/greeted", endpoint="greeted")(lambda: session.get("greeted", "nobody"))
    make(server)
    return server


def call(client, clicks):
    body = {
        "output": "out.children",
        "outputs": {"id": "out", "property": "children"},
        "inputs": [{"id": "go", "property": "n_clicks", "value": clicks}],
        "state": [{"id": "name", "property": "value", "value": "grace"}],
        "changedPropIds": ["go.n_clicks"],
    }
    return client.post("/board/_dash-update-component", json=body)


def test_the_page_and_its_scripts_are_served(server):
    client = server.test_client()
    page = client.get("/board/")
    assert "_dash-config" in page.text
    script = page.text.split('<script src="')[1].split('"')[0]
    assert client.get(script).status_code == 200
    assert client.get("/board/any/path").status_code == 200


def test_the_layout_is_json(server):
    layout = server.test_client().get("/board/_dash-layout").json
    assert [part["type"] for part in layout["props"]["children"]] == ["Input", "Button", "Div"]
    dependencies = server.test_client().get("/board/_dash-dependencies").json
    assert dependencies[0]["output"] == "out.children"


def test_a_callback_answers(server):
    client = server.test_client()
    answer = call(client, 1)
    assert answer.json["response"] == {"out": {"children": "hello grace, go by POST"}}
    assert client.get("/greeted").text == "grace"


def test_a_callback_may_change_nothing(server):
    client = server.test_client()
    assert call(client, None).json["response"] == {}
    assert client.get("/greeted").text == "nobody"


def test_the_application_around_it_is_left_alone(server):
    client = server.test_client()
    assert client.get("/").text == "front page"
    assert client.get("/other").status_code == 404


def test_it_makes_an_application_of_its_own():
    app = Dash("board")
    app.layout = html.H1("alone")
    client = app.server.test_client()
    assert client.get("/_dash-layout").json["props"]["children"] == "alone"


def test_it_can_be_attached_later():
    server = Flask(__name__)
    app = Dash("board", server=False)
    app.layout = html.H1("late")
    app.init_app(server)
    assert server.test_client().get("/_dash-layout").json["props"]["children"] == "late"

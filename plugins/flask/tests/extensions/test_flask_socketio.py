"""Flask-SocketIO: events there and back, rooms, the session, errors, and the path itself."""

import pytest
from flask import Flask, request, session
from flask_socketio import Namespace, SocketIO, emit, join_room, leave_room, send


@pytest.fixture
def socketio():
    return SocketIO(async_mode="threading")


@pytest.fixture
def app(socketio):
    app = Flask(__name__)
    app.secret_key = "for the tests"
    socketio.init_app(app)

    @app.get("/login")
    def login():
        session["name"] = "ada"
        return "in"

    @socketio.on("connect")
    def connect(auth=None):
        if request.args.get("refuse"):
            return False
        emit("welcome", {"name": session.get("name"), "path": request.path})
        return None

    @socketio.on("sum")
    def add(numbers):
        return sum(numbers)

    @socketio.on("enter")
    def enter(room):
        join_room(room)
        emit("entered", request.sid, to=room)

    @socketio.on("leave")
    def leave(room):
        leave_room(room)

    @socketio.on("remember")
    def remember(value):
        session["value"] = value

    @socketio.on("recall")
    def recall():
        emit("value", session.get("value"))

    @socketio.on("message")
    def message(text):
        send(text.upper(), broadcast=True)

    @socketio.on("fail")
    def fail():
        raise ZeroDivisionError

    @socketio.on_error()
    def failed(error):
        emit("failed", type(error).__name__)

    class Chat(Namespace):
        def on_say(self, text):
            emit("said", f"{request.event['message']}: {text}")

    socketio.on_namespace(Chat("/chat"))
    return app


def received(client, namespace=None):
    return [(one["name"], one["args"]) for one in client.get_received(namespace)]


def test_an_event_is_answered(app, socketio):
    client = socketio.test_client(app)
    assert received(client) == [("welcome", [{"name": None, "path": "/socket.io"}])]
    assert client.emit("sum", [1, 2, 3], callback=True) == 6


def test_a_connection_can_be_refused(app, socketio):
    assert not socketio.test_client(app, query_string="?refuse=1").is_connected()


def test_the_session_of_the_page_is_there_and_what_is_added_stays(app, socketio):
    http = app.test_client()
    http.get("/login")
    client = socketio.test_client(app, flask_test_client=http)
    assert received(client)[0][1][0]["name"] == "ada"
    client.emit("remember", 5)
    client.emit("recall")
    assert received(client) == [("value", [5])]


def test_a_room_hears_what_is_said_in_it(app, socketio):
    first, second = socketio.test_client(app), socketio.test_client(app)
    first.get_received(), second.get_received()
    first.emit("enter", "hall")
    second.emit("enter", "hall")
    assert [name for name, _ in received(first)] == ["entered", "entered"]
    first.emit("leave", "hall")
    socketio.emit("news", 1, to="hall")
    assert received(first) == []
    assert ("news", [1]) in received(second)


def test_a_message_reaches_everybody(app, socketio):
    first, second = socketio.test_client(app), socketio.test_client(app)
    second.get_received()
    first.send("hello")
    assert received(second) == [("message", "HELLO")]


def test_an_error_has_its_handler(app, socketio):
    client = socketio.test_client(app)
    client.get_received()
    client.emit("fail")
    assert received(client) == [("failed", ["ZeroDivisionError"])]


def test_a_namespace_can_be_a_class(app, socketio):
    client = socketio.test_client(app, namespace="/chat")
    client.emit("say", "hi", namespace="/chat")
    assert received(client, "/chat") == [("said", ["say: hi"])]


def test_its_path_is_answered_and_the_others_are_the_applications(app):
    client = app.test_client()
    opened = client.get("/socket.io/?EIO=4&transport=polling")
    assert opened.status_code == 200
    assert opened.text.startswith('0{"sid"')
    assert client.get("/login").text == "in"
    assert client.get("/nothing").status_code == 404


def test_events_have_their_session_inside_of_a_context_too(app, socketio):
    client = socketio.test_client(app)
    client.get_received()
    with app.app_context():
        client.emit("remember", 5)
        client.emit("recall")
    assert received(client) == [("value", [5])]

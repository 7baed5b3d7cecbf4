"""The fixture that runs a test by both protocols."""

from collections.abc import Callable
from typing import Any

from trivet import Trivet, request, session


def make() -> Trivet:
    app = Trivet("app")
    app.secret_key = "a key for tests, and long enough"

    @app.post("/echo/<name>")
    def echo(name: str) -> dict[str, Any]:
        session["seen"] = session.get("seen", 0) + 1
        return {
            "name": name,
            "body": request.get_json(),
            "query": request.args.getlist("q"),
            "asgi": "asgi.scope" in request.environ,
            "seen": session["seen"],
            "address": request.remote_addr,
        }

    @app.get("/raise")
    async def fail() -> str:
        raise LookupError("in the view")

    return app


def test_a_test_runs_by_the_protocol_that_the_client_names(make_client: Callable[..., Any]) -> None:
    client = make_client(make())
    answer = client.post("/echo/J%C3%BCrgen%20%2B?q=1&q=a%20b", json={"a": [1]})
    assert answer.json == {
        "name": "Jürgen +",
        "body": {"a": [1]},
        "query": ["1", "a b"],
        "asgi": client.protocol == "asgi",
        "seen": 1,
        "address": "127.0.0.1",
    }


def test_cookies_are_kept_and_the_session_can_be_looked_into(make_client: Callable[..., Any]) -> None:
    client = make_client(make())
    client.post("/echo/a", json=1)
    assert client.post("/echo/a", json=1).json["seen"] == 2
    with client.session_transaction() as data:
        assert data["seen"] == 2


def test_an_exception_of_a_view_is_a_500_or_reaches_the_test(make_client: Callable[..., Any]) -> None:
    app = make()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert make_client(app).get("/raise").status_code == 500

"""Responses whose header fields are made beforehand: sent as they are, and like any other as soon as one looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trivet import Response, Trivet

from .asking import Answer, by_asgi, by_wsgi

Ask = Callable[..., Answer]
FIELDS = (("Access", "granted"), ("Vary", "Origin"))


@pytest.fixture(params=[by_wsgi, by_asgi])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask by either protocol."""
    return request.param  # type: ignore[no-any-return]


def answering(make: Callable[[type[Response]], Any], cls: type[Response] | None = None) -> Trivet:
    app = Trivet(__name__, config_file=False)
    if cls is not None:
        app.response_class = cls
    app.add_url_rule("/", "index", lambda: make(app.response_class))
    return app


class Careful(Response):
    """A class that writes its headers itself."""

    def get_wsgi_headers(self, environ: Any) -> Any:
        headers = super().get_wsgi_headers(environ)
        headers["X-Careful"] = "yes"
        return headers


def lower(answer: Answer) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers}


def test_a_prepared_answer_has_its_fields_and_no_others(ask: Ask) -> None:
    answer = ask(answering(lambda cls: cls.prepared(204, FIELDS)))
    assert (answer.status, answer.body, lower(answer)) == (204, b"", {"access": "granted", "vary": "Origin"})


def test_a_prepared_answer_can_be_looked_at_and_changed(ask: Ask) -> None:
    def make(cls: type[Response]) -> Response:
        response = cls.prepared(204, FIELDS)
        assert response.headers["Vary"] == "Origin"
        response.headers["Access"] = "denied"
        return response

    assert lower(ask(answering(make)))["access"] == "denied"


def test_a_prepared_answer_that_gets_a_body_is_sent_with_it(ask: Ask) -> None:
    def make(cls: type[Response]) -> Response:
        response = cls.prepared(204, FIELDS)
        response.status_code = 200
        response.data = b"body"
        return response

    answer = ask(answering(make))
    assert (answer.status, answer.body, lower(answer)["content-length"]) == (200, b"body", "4")


def test_a_class_that_writes_its_headers_itself_is_asked_for_them(ask: Ask) -> None:
    answer = ask(answering(lambda cls: cls.prepared(204, FIELDS), Careful))
    assert (lower(answer)["x-careful"], lower(answer)["access"]) == ("yes", "granted")
    assert "content-type" not in lower(answer)


def test_fields_are_filled_in_as_long_as_nobody_has_looked_at_the_headers(ask: Ask) -> None:
    def make(cls: type[Response]) -> Response:
        response = cls("text", mimetype="text/plain")
        assert response.prefill(FIELDS)
        assert not response.prefill(FIELDS)
        return response

    answer = ask(answering(make))
    assert answer.text == "text"
    assert [name.lower() for name, _ in answer.headers] == ["content-type", "content-length", "access", "vary"]


def test_fields_that_were_filled_in_are_headers_like_others() -> None:
    response = Response("text")
    assert response.prefill(FIELDS)
    assert response.headers["Access"] == "granted"
    assert response.vary.to_header() == "Origin"


@pytest.mark.parametrize("made", [Response("text", headers={"A": "b"}), Response(status=204), Response(iter("ab"))])
def test_other_responses_are_not_filled_in(made: Response) -> None:
    assert not made.prefill(FIELDS)


def test_fields_of_one_answer_do_not_reach_another() -> None:
    assert Response("text").prefill(FIELDS)
    assert "Access" not in Response("text").headers

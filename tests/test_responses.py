"""Responses whose header fields are made beforehand: sent as they are, and like any other as soon as one looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet import Response, Trivet, hookimpl, specialised
from trivet.kernel.http import put_fields

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
    def make(cls: type[Response]) -> Any:
        response = cls.prepared(204, FIELDS)
        assert response.headers["Vary"] == "Origin"
        response.headers["Access"] = "denied"
        return response

    assert lower(ask(answering(make)))["access"] == "denied"


def test_a_prepared_answer_that_gets_a_body_is_sent_with_it(ask: Ask) -> None:
    def make(cls: type[Response]) -> Any:
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


class Stamp:
    """A plugin that adds header fields to every answer."""

    name = "stamp"

    @hookimpl(wrapper=True)
    @specialised("bind", by_route=True)
    def trivet_handle_request(self, ctx: Any) -> Any:
        response = yield
        ctx.fields = FIELDS
        return response

    def bind(self, route: Any, bridge: Any) -> Any:
        def stamp(response: Any, ctx: Any) -> Any:
            ctx.fields = FIELDS
            return response

        return None if route.endpoint == "plain" else stamp


ONE = Response("one and the same")


def stamped(view: Any) -> Trivet:
    app = Trivet(__name__, config_file=False, plugins=[Stamp()])
    app.add_url_rule("/", "index", view)
    app.add_url_rule("/plain", "plain", lambda: ONE)
    return app


class Calling(Response):
    """A class that answers by itself."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return super().__call__(environ, start_response)


@pytest.mark.parametrize(
    "make",
    [
        lambda: "text",
        lambda: ("text", {"X-Own": "yes"}),
        lambda: Response(status=304),
        lambda: iter(["pieces", "of", "text"]),
        lambda: Careful("careful"),
        lambda: Calling("calling"),
        lambda: ("text", {"Access": "own"}),
        lambda: 1 / 0,
    ],
)
def test_fields_of_the_context_stand_on_every_kind_of_answer(ask: Ask, make: Any) -> None:
    answer = ask(stamped(make))
    assert [value for name, value in answer.headers if name.lower() == "access"] == ["granted"]


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        ("Cookie", "Cookie, Origin"),
        ("Cookie,Accept", "Cookie, Accept, Origin"),
        ("origin", "origin"),
        ("Cookie, ORIGIN", "Cookie, ORIGIN"),
        ("*", "*"),
        ("X-Origin", "X-Origin, Origin"),
    ],
)
def test_vary_is_added_to(ask: Ask, own: str, sent: str) -> None:
    answer = ask(stamped(lambda: ("text", {"Vary": own})))
    assert [value for name, value in answer.headers if name.lower() == "vary"] == [sent]


names = st.from_regex(r"[A-Za-z][A-Za-z-]{0,8}", fullmatch=True)


@given(st.lists(names, max_size=4), st.lists(names, min_size=1, max_size=4, unique_by=str.lower))
def test_a_merged_vary_holds_every_name_and_merging_again_changes_nothing(before: list[str], added: list[str]) -> None:
    fields = (("Vary", ", ".join(added)),)
    merged = put_fields([("Vary", name) for name in before], fields)
    assert [name for name, _ in merged] == ["Vary"]
    assert {name.lower() for name in [*before, *added]} == {name.lower() for name in merged[0][1].split(", ")}
    assert put_fields(merged, fields) == merged


def test_fields_do_not_stick_to_a_response_that_is_returned_again(ask: Ask) -> None:
    app = stamped(lambda: ONE)
    assert lower(ask(app, "/"))["access"] == "granted"
    assert "access" not in lower(ask(app, "/plain"))
    assert lower(ask(app, "/"))["access"] == "granted"

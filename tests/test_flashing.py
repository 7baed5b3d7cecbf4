"""Flashing: messages kept for the request that shows them."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from trivet.app import Trivet
from trivet.builtin.flashing import flash, get_flashed_messages
from trivet.builtin.templating import render_template_string
from trivet.kernel.context import current


@pytest.fixture
def app(tmp_path: Path) -> Trivet:
    made = Trivet("shop", root_path=str(tmp_path), static_folder=None, config_file=False)
    made.secret_key = "k" * 32

    @made.get("/say/<text>")
    def say(text: str) -> str:
        flash(current.get(), text)
        return "said"

    @made.get("/show")
    def show() -> Any:
        return {"messages": get_flashed_messages(current.get())}

    return made


@pytest.fixture
def client(app: Trivet) -> httpx.Client:
    return httpx.Client(transport=httpx.WSGITransport(app=app.wsgi), base_url="http://localhost")


def request_context(app: Any) -> Any:
    return app.test_request_context()


def test_messages_wait_for_the_request_that_shows_them(client: httpx.Client) -> None:
    client.get("/say/one")
    client.get("/say/two")
    assert client.get("/show").json() == {"messages": ["one", "two"]}
    assert client.get("/show").json() == {"messages": []}


async def show_by_asgi(app: Trivet, cookies: Any) -> list[str]:
    asgi: Any = app.asgi
    transport = httpx.ASGITransport(app=asgi)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", cookies=cookies) as client:
        messages: list[str] = (await client.get("/show")).json()["messages"]
        return messages


def test_a_message_flashed_by_one_protocol_is_shown_by_the_other(app: Trivet, client: httpx.Client) -> None:
    client.get("/say/hello")
    assert asyncio.run(show_by_asgi(app, client.cookies)) == ["hello"]


def test_a_request_may_show_its_own_messages(app: Trivet) -> None:
    with request_context(app) as ctx:
        flash(ctx, "now")
        assert get_flashed_messages(ctx) == ["now"]


def test_every_look_during_a_request_gives_the_same(app: Trivet) -> None:
    with request_context(app) as ctx:
        flash(ctx, "one", "error")
        assert get_flashed_messages(ctx) == ["one"]
        assert get_flashed_messages(ctx, with_categories=True) == [("error", "one")]
        assert "_flashes" not in ctx.session


def test_a_message_after_a_look_waits_for_the_next_request(app: Trivet) -> None:
    with request_context(app) as ctx:
        assert get_flashed_messages(ctx) == []
        flash(ctx, "late")
        assert get_flashed_messages(ctx) == []
        assert ctx.session["_flashes"] == [("message", "late")]


@pytest.mark.parametrize(
    ("wanted", "messages"),
    [
        ((), ["one", "two", "three"]),
        (["error"], ["two"]),
        (("error", "message"), ["one", "two"]),
        (["none"], []),
    ],
)
def test_messages_are_filtered_by_category(app: Trivet, wanted: Any, messages: list[str]) -> None:
    with request_context(app) as ctx:
        for text, category in (("one", "message"), ("two", "error"), ("three", "info")):
            flash(ctx, text, category)
        assert get_flashed_messages(ctx, category_filter=wanted) == messages


def test_templates_show_messages_escaped(app: Trivet) -> None:
    with request_context(app) as ctx:
        flash(ctx, "<b>", "error")
        source = (
            "{% for category, text in get_flashed_messages(with_categories=true) %}"
            "{{ category }}: {{ text }}{% endfor %}"
        )
        assert render_template_string(ctx, source) == "error: &lt;b&gt;"


def test_flashing_without_a_secret_key_says_what_is_missing(app: Trivet) -> None:
    app.secret_key = None
    with request_context(app) as ctx, pytest.raises(RuntimeError, match="SECRET_KEY"):
        flash(ctx, "one")


def test_looking_without_a_secret_key_finds_nothing(app: Trivet) -> None:
    app.secret_key = None
    with request_context(app) as ctx:
        assert get_flashed_messages(ctx) == []

"""Answers that depend on who is asking: no shared cache keeps them, on whatever path they were made."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from trivet import Response, Trivet, abort, hookimpl, make_response, redirect, render_template_string
from trivet import stream_with_context as streamed
from trivet_auth import (
    LoginManager,
    MemoryUsers,
    can,
    current_user,
    fresh_login_required,
    login_required,
    login_user,
    logout_user,
    requires,
)

Make = Callable[..., Trivet]
MakeClient = Callable[..., Any]


def who() -> str:
    """Read who is asking."""
    return getattr(current_user, "email", "nobody")


def add_plain(app: Trivet) -> None:
    """Views that read it, each in its own way."""
    app.add_url_rule("/read", view_func=lambda: who(), endpoint="read")
    app.add_url_rule("/asked", view_func=lambda: str(can("tasks:read")), endpoint="asked")
    app.add_url_rule("/template", view_func=lambda: render_template_string("{{ current_user.email }}"), endpoint="t")
    app.add_url_rule("/guarded", view_func=login_required(lambda: "inside"), endpoint="guarded")
    app.add_url_rule("/fresh", view_func=fresh_login_required(lambda: "inside"), endpoint="fresh")
    app.add_url_rule("/allowed", view_func=requires("tasks:write")(lambda: "inside"), endpoint="allowed")

    @app.get("/sent")
    def sent() -> Any:
        return redirect(f"/{who()}")

    @app.get("/missing")
    def missing() -> Any:
        abort(404, who())

    @app.get("/broken")
    def broken() -> Any:
        raise LookupError(who())

    @app.get("/handled")
    def handled() -> Any:
        raise ValueError

    @app.get("/made")
    def made() -> Any:
        return make_response(who(), 418)

    @app.get("/empty")
    def empty() -> Any:
        return (who() and "", 204)


def add_streams(app: Trivet) -> None:
    """Views whose bodies are made piece by piece."""

    @app.get("/stream")
    def stream() -> Any:
        def pieces(name: str) -> Iterator[str]:
            yield "for "
            yield name

        return Response(streamed(pieces(who())))

    @app.get("/async/stream")
    async def async_stream() -> Any:
        name = who()

        async def pieces() -> AsyncIterator[str]:
            yield "for "
            yield name

        return Response(pieces())


def add_async(app: Trivet) -> None:
    """Asynchronous views that read it."""

    @app.get("/async/read")
    async def async_read() -> str:
        return who()

    @app.get("/async/guarded")
    @login_required
    async def async_guarded() -> str:
        return "inside"

    @app.get("/async/allowed")
    @requires("tasks:write")
    async def async_allowed() -> str:
        return "inside"

    @app.get("/async/missing")
    async def async_missing() -> Any:
        abort(404, who())

    @app.get("/async/broken")
    async def async_broken() -> Any:
        raise LookupError(who())


READING = [
    *("/read", "/asked", "/template", "/guarded", "/fresh", "/allowed", "/sent", "/missing", "/broken", "/handled"),
    *("/made", "/empty", "/stream", "/async/stream", "/async/read", "/async/guarded", "/async/allowed"),
    *("/async/missing", "/async/broken"),
]


@pytest.fixture
def app(make_app: Make) -> Trivet:
    """An application with views that read who is asking, and some that do not."""
    config = {"SECRET_KEY": "only in these tests", "AUTH_STORE": "memory", "PROPAGATE_EXCEPTIONS": False}
    app = make_app(plugins=["auth"], config=config)
    users = MemoryUsers()
    LoginManager(app, users=users)
    users.create("ada")
    for add in (add_plain, add_streams, add_async):
        add(app)
    app.register_error_handler(ValueError, lambda error: (f"sorry, {who()}", 409))
    app.add_url_rule("/in", "in", lambda: str(login_user(users.get("1"))), methods=["POST"])
    app.add_url_rule("/out", "out", lambda: str(logout_user()), methods=["POST"])
    app.add_url_rule("/free", "free", lambda: "for everybody")
    return app


def assert_private(answer: Any, *more: str) -> None:
    """See to it that an answer is for one person only."""
    control = {one.strip() for one in answer.headers["Cache-Control"].split(",")}
    assert "private" in control
    assert not {one for one in control if one == "public" or one.startswith("s-maxage")}
    assert {one.strip() for one in answer.headers["Vary"].split(",")} >= {"Cookie", *more}


# -- every path


@pytest.mark.parametrize("path", READING)
@pytest.mark.parametrize("known", [False, True])
def test_an_answer_for_which_it_was_read_is_private(
    app: Trivet, make_client: MakeClient, path: str, known: bool
) -> None:
    client = make_client(app)
    if known:
        client.post("/in")
    assert_private(client.get(path))


@pytest.mark.parametrize("path", READING)
def test_with_a_token_it_depends_on_that_too(app: Trivet, make_client: MakeClient, path: str) -> None:
    assert_private(make_client(app).get(path, headers={"Authorization": "Bearer x"}), "Authorization")


@pytest.mark.parametrize("path", ["/in", "/out"])
def test_the_answers_to_signing_in_and_out_are_private(app: Trivet, make_client: MakeClient, path: str) -> None:
    assert_private(make_client(app).post(path))


def test_an_answer_for_which_it_was_not_read_is_for_everybody(app: Trivet, make_client: MakeClient) -> None:
    answer = make_client(app).get("/free")
    assert "Cache-Control" not in answer.headers
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("path", ["/nowhere", "/read/", "/read"])
def test_a_page_that_is_not_there_is_private_if_a_callback_has_read_it(
    app: Trivet, make_client: MakeClient, path: str
) -> None:
    app.before_request(lambda: None if who() else "")
    assert_private(make_client(app).get(path))


def test_what_is_read_after_the_view_counts_too(app: Trivet, make_client: MakeClient) -> None:
    class Stamping:
        name = "stamping"

        @hookimpl
        def trivet_after_request(self, response: Any) -> None:
            response.headers["X-For"] = who()

    app.plugins.register(Stamping())
    answer = make_client(app).get("/free")
    assert answer.headers["X-For"] == "nobody"
    assert_private(answer)


def test_what_a_template_context_reads_counts_too(app: Trivet, make_client: MakeClient) -> None:
    app.context_processor(lambda: {"greeting": who()})
    app.add_url_rule("/page", "page", lambda: render_template_string("{{ greeting }}"))
    assert_private(make_client(app).get("/page"))


# -- what the view has said itself


def add_cached(app: Trivet, value: str, vary: str = "") -> None:
    """Add a view that says how it may be cached, and reads who is asking."""

    @app.get("/cached")
    def cached() -> Any:
        answer = make_response(who())
        answer.headers["Cache-Control"] = value
        if vary:
            answer.headers["Vary"] = vary
        return answer


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("public, max-age=60", {"private", "max-age=60"}),
        ("s-maxage=60", {"private"}),
        ("max-age=60", {"private", "max-age=60"}),
        ("private, max-age=60", {"private", "max-age=60"}),
        ("no-store", {"no-store"}),
        ("no-cache", {"no-cache", "private"}),
    ],
)
def test_what_a_view_says_about_caching_stays_if_it_keeps_others_out(
    app: Trivet, make_client: MakeClient, value: str, expected: set[str]
) -> None:
    add_cached(app, value)
    answer = make_client(app).get("/cached")
    assert {one.strip() for one in answer.headers["Cache-Control"].split(",")} == expected


@pytest.mark.parametrize(("vary", "expected"), [("Accept", "Accept, Cookie"), ("cookie", "cookie"), ("*", "*, Cookie")])
def test_what_a_view_says_that_it_varies_by_stays(
    app: Trivet, make_client: MakeClient, vary: str, expected: str
) -> None:
    add_cached(app, "max-age=60", vary)
    assert make_client(app).get("/cached").headers["Vary"] == expected


def test_an_answer_that_is_given_to_many_is_private_to_those_who_were_asked_about(
    app: Trivet, make_client: MakeClient
) -> None:
    shared = Response("one for all")

    @app.get("/shared")
    def share() -> Any:
        who()
        return shared

    client = make_client(app)
    client.post("/in")
    for _ in range(2):
        answer = client.get("/shared")
        assert_private(answer)
        assert answer.headers["Vary"].count("Cookie") == 1
        assert "Set-Cookie" not in answer.headers

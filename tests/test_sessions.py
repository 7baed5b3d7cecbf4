"""Sessions: opened when looked at, saved when changed, and never trusted without their signature."""

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup
from werkzeug.sansio.http import parse_cookie

from trivet import OutsideContextError, Trivet, hookimpl, request, session, websocket
from trivet.builtin.session_interface import (
    NullSession,
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionInterface,
    SessionMixin,
    find_cookie,
)

KEY = "a long key for the tests only"

#: Made by Flask 3.1.3 with the key below.
RECORDED_KEY = "a key for the recorded cookie"
RECORDED_SHORT = "eyJ1c2VyX2lkIjo3fQ.awQL8A.q0rSMGTb3ZMx-WLAznZ8JwY2JtQ"
RECORDED_LONG = (
    ".eJx9TrEKAjEU-5WSuUitVqWo4KIgCA5uchSP61A4q9QrCqX_7mtvcPMNgZeEJAktdAIjxO682iBzdJUhxD44zoRkx5tnUsgFEzMt5loodjhd"
    "ivVerYRYt9tC-EJ01j6hrwk2VH2gZzpRTc4NWYYfR8_7Ae5j3xclVoUQ4v-pUhVfNhhHM5ccn3GyG6ONKeFUl7_jKDoZ.awQL8A.PBUF8rsZshq"
    "mHN9FiPwAksHC_Qo"
)


def make_app(key: str | None = KEY, **config: Any) -> Trivet:
    app = Trivet("shop", static_folder=None, config_file=False)
    app.config.update(SECRET_KEY=key, **config)

    @app.get("/untouched")
    def untouched() -> str:
        return "nothing"

    @app.get("/get")
    def get() -> dict[str, Any]:
        return dict(session)

    @app.get("/set/<name>/<value>")
    def set_value(name: str, value: str) -> str:
        session[name] = value
        return "set"

    @app.get("/permanent")
    def permanent() -> str:
        session.permanent = True
        session["kept"] = True
        return "set"

    @app.get("/clear")
    def clear() -> str:
        session.clear()
        return "cleared"

    return app


def client_of(app: Trivet) -> Any:
    return app.test_client()


def cookie_of(response: Any, name: str = "session") -> Any:
    """Return the one cookie of that name that a response sets, with its attributes."""
    found = SimpleCookie()
    lines = [line for line in response.headers.getlist("Set-Cookie") if line.startswith(f"{name}=")]
    assert len(lines) == 1, response.headers
    found.load(lines[0])
    return found[name]


def ask_by_asgi(app: Trivet, path: str, cookie: str | None = None, base: str = "http://localhost") -> httpx.Response:
    asgi: Any = app.asgi

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=asgi), base_url=base) as client:
            return await client.get(path, headers={} if cookie is None else {"Cookie": cookie})

    return asyncio.run(ask())


# -- reading and writing


def test_what_one_request_stores_the_next_one_reads() -> None:
    client = make_app().test_client()
    client.get("/set/user/7")
    assert client.get("/get").json == {"user": "7"}


def test_both_protocols_read_each_others_cookie() -> None:
    app = make_app()
    by_wsgi = cookie_of(app.test_client().get("/set/user/7")).value
    answer = ask_by_asgi(app, "/set/name/Ann", f"session={by_wsgi}")
    by_asgi = answer.headers["Set-Cookie"].partition(";")[0]
    assert answer.headers["Vary"] == "Cookie"
    assert app.test_client(use_cookies=False).get("/get", headers={"Cookie": by_asgi}).json == {
        "user": "7",
        "name": "Ann",
    }


def test_an_async_view_stores_too() -> None:
    app = make_app()

    @app.get("/later")
    async def later() -> str:
        await asyncio.sleep(0)
        session["late"] = True
        return "set"

    answer = ask_by_asgi(app, "/later")
    assert ask_by_asgi(app, "/get", answer.headers["Set-Cookie"].partition(";")[0]).json() == {"late": True}


def test_types_that_json_lacks_survive() -> None:
    app = make_app()
    data = {
        "t": (1, ("two",)),
        "b": b"\xff",
        "m": Markup("<b>"),
        "u": UUID(int=5),
        "d": datetime(2026, 1, 2, tzinfo=UTC),
    }

    @app.get("/store")
    def store() -> str:
        session.update(data)
        return "set"

    @app.get("/compare")
    def compare() -> list[bool]:
        return [dict(session) == data, isinstance(session["m"], Markup)]

    client = app.test_client()
    client.get("/store")
    assert client.get("/compare").json == [True, True]


def test_a_change_inside_a_value_is_saved_if_modified_is_set() -> None:
    app = make_app()

    @app.get("/start")
    def start() -> str:
        session["cart"] = []
        return "set"

    @app.get("/silently")
    def silently() -> str:
        session["cart"].append(1)
        return "lost"

    @app.get("/loudly")
    def loudly() -> str:
        session["cart"].append(2)
        session.modified = True
        return "kept"

    client = app.test_client()
    client.get("/start")
    assert client.get("/silently").headers.get("Set-Cookie") is None
    client.get("/loudly")
    assert client.get("/get").json == {"cart": [2]}


def test_what_an_after_function_stores_is_saved() -> None:
    app = make_app()

    @app.after_request
    def remember(response: Any) -> Any:
        session["path"] = request.path
        return response

    client = app.test_client()
    client.get("/untouched")
    assert client.get("/get").json == {"path": "/untouched"}


def test_a_session_is_saved_with_the_answer_to_an_error() -> None:
    app = make_app()

    @app.errorhandler(404)
    def missing(error: Exception) -> tuple[str, int]:
        session["missed"] = session.get("missed", 0) + 1
        return "nowhere", 404

    client = app.test_client()
    client.get("/nowhere")
    client.get("/nowhere")
    assert client.get("/get").json == {"missed": 2}


def test_a_value_that_cannot_be_stored_is_an_error_of_the_application_and_others_go_on() -> None:
    app = make_app(PROPAGATE_EXCEPTIONS=False)

    @app.get("/broken")
    def broken() -> str:
        session["set"] = {1, 2}
        return "never"

    client = app.test_client()
    assert client.get("/broken").status_code == 500
    assert client.get("/set/a/b").status_code == 200


def test_the_session_of_a_preserved_request_can_be_looked_at() -> None:
    with client_of(make_app()) as client:
        client.get("/set/user/7")
        assert session["user"] == "7"


def test_a_session_transaction_reads_and_writes() -> None:
    client = client_of(make_app())
    with client.session_transaction() as opened:
        opened["user"] = (7,)
    with client.session_transaction() as opened:
        assert opened["user"] == (7,)


def test_without_a_request_there_is_no_session() -> None:
    app = make_app()
    with app.app_context() as ctx, pytest.raises(OutsideContextError, match="belongs to a request"):
        ctx.session  # type: ignore[attr-defined]  # noqa: B018


# -- what is not looked at


class Counting(SecureCookieSessionInterface):
    """Notes each opening."""

    def __init__(self, opened: list[str]) -> None:
        self.opened = opened

    def open_token(self, app: Any, token: str | None) -> SessionMixin | None:
        self.opened.append("opened")
        return super().open_token(app, token)


def test_a_session_nobody_looks_at_is_not_opened() -> None:
    app = make_app()
    opened: list[str] = []
    app.session_interface = Counting(opened)
    client = app.test_client()
    client.get("/set/user/7")
    assert opened == ["opened"]
    answer = client.get("/untouched")
    assert opened == ["opened"]
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("config", [{}, {"SESSION_REFRESH_EACH_REQUEST": False}])
def test_a_permanent_session_is_refreshed_by_requests_that_do_not_look_at_it(config: dict[str, Any]) -> None:
    app = make_app(**config)
    first = cookie_of(app.test_client().get("/permanent")).value
    for answer in (
        app.test_client(use_cookies=False).get("/untouched", headers={"Cookie": f"a=b; session={first}"}),
        ask_by_asgi(app, "/untouched", f"a=b; session={first}"),
        app.test_client(use_cookies=False).get("/nowhere", headers={"Cookie": f"session={first}"}),
    ):
        if config:
            assert "Set-Cookie" not in answer.headers
            assert "Vary" not in answer.headers
        else:
            assert "Expires=" in answer.headers["Set-Cookie"]
            assert answer.headers["Vary"] == "Cookie"


def test_a_changed_permanent_cookie_is_not_refreshed() -> None:
    app = make_app()
    first = cookie_of(app.test_client().get("/permanent")).value
    answer = app.test_client(use_cookies=False).get("/untouched", headers={"Cookie": f"session={first}x"})
    assert "Set-Cookie" not in answer.headers


def test_a_large_permanent_session_is_refreshed_although_its_cookie_is_compressed() -> None:
    app = make_app()

    @app.get("/large")
    def large() -> str:
        session.permanent = True
        session["text"] = "a" * 500
        return "set"

    client = app.test_client()
    assert cookie_of(client.get("/large")).value.startswith(".")
    assert "Set-Cookie" in client.get("/untouched").headers


# -- Vary


LOOKS: dict[str, Callable[[], Any]] = {
    "get": lambda: session.get("a"),
    "item": lambda: session["a"],
    "in": lambda: "a" in session,
    "len": lambda: len(session),
    "bool": lambda: bool(session),
    "iter": lambda: list(session),
    "keys": lambda: list(session.keys()),
    "values": lambda: list(session.values()),
    "items": lambda: list(session.items()),
    "equal": lambda: session == {},
    "repr": lambda: repr(session),
    "copy": lambda: dict(session),
    "modified": lambda: session.modified,
    "permanent": lambda: session.permanent,
    "new": lambda: session.new,
    "setdefault": lambda: session.setdefault("a", 1),
    "pop": lambda: session.pop("a", None),
    "write": lambda: session.update(b=1),
    "clear": lambda: session.clear(),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("asgi", [False, True])
def test_every_way_to_look_at_a_session_varies_the_answer_by_cookie(look: str, asgi: bool) -> None:
    app = make_app()

    @app.get("/look")
    def view() -> str:
        LOOKS[look]()
        return "looked"

    cookie = "session=" + cookie_of(app.test_client().get("/set/a/b")).value
    if asgi:
        assert ask_by_asgi(app, "/look", cookie).headers.get_list("Vary") == ["Cookie"]
    else:
        answer = app.test_client(use_cookies=False).get("/look", headers={"Cookie": cookie})
        assert answer.headers.getlist("Vary") == ["Cookie"]


@pytest.mark.parametrize(
    ("had", "becomes"),
    [("Accept", {"accept", "cookie"}), ("Accept, Cookie", {"accept", "cookie"}), ("cookie", {"cookie"})],
)
def test_vary_is_merged_with_what_the_view_said(had: str, becomes: set[str]) -> None:
    app = make_app()

    @app.get("/vary")
    def vary() -> Any:
        return session.get("a", "none"), {"Vary": had}

    answer = app.test_client().get("/vary")
    assert {name.lower() for name in answer.vary} == becomes
    assert len(answer.headers.getlist("Vary")) == 1


# -- the cookie


def test_the_cookie_is_safe_by_default() -> None:
    cookie = cookie_of(make_app().test_client().get("/set/a/b"))
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert (cookie["secure"], cookie["domain"], cookie["expires"]) == ("", "", "")


@pytest.mark.parametrize("asgi", [False, True])
def test_the_cookie_is_secure_exactly_where_the_request_came_by_https(asgi: bool) -> None:
    app = make_app()
    for scheme in ("https", "http", "https"):
        if asgi:
            line = ask_by_asgi(app, "/set/a/b", base=f"{scheme}://localhost").headers["Set-Cookie"]
        else:
            line = app.test_client().get("/set/a/b", base_url=f"{scheme}://localhost").headers["Set-Cookie"]
        assert ("; Secure" in line) == (scheme == "https")


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ({"SESSION_COOKIE_SECURE": True}, "; Secure"),
        ({"SESSION_COOKIE_SAMESITE": "Strict"}, "; SameSite=Strict"),
        ({"SESSION_COOKIE_DOMAIN": "example.com"}, "; Domain=example.com"),
        ({"SESSION_COOKIE_PATH": "/app"}, "; Path=/app"),
        ({"APPLICATION_ROOT": "/root"}, "; Path=/root"),
        ({"SESSION_COOKIE_PARTITIONED": True}, "; Partitioned"),
        ({"SESSION_COOKIE_NAME": "sid"}, "sid="),
    ],
)
def test_the_configuration_shapes_the_cookie(config: dict[str, Any], part: str) -> None:
    app = make_app(**config)
    stored = SecureCookieSession()
    stored["a"] = 1
    response = app.response_class()
    with app.test_request_context():
        app.session_interface.save_session(app, stored, response)
    assert part in response.headers["Set-Cookie"]


def test_without_httponly_and_samesite_the_cookie_says_nothing_of_them() -> None:
    app = make_app(SESSION_COOKIE_HTTPONLY=False, SESSION_COOKIE_SAMESITE=None)
    line = app.test_client().get("/set/a/b").headers["Set-Cookie"]
    assert "HttpOnly" not in line
    assert "SameSite" not in line


def test_a_permanent_session_expires_after_its_lifetime() -> None:
    app = make_app(PERMANENT_SESSION_LIFETIME=3600)
    cookie = cookie_of(app.test_client().get("/permanent"))
    left = parsedate_to_datetime(cookie["expires"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)


def test_each_permanent_cookie_expires_its_lifetime_after_its_own_request(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    times = iter([datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 2, tzinfo=UTC)])
    monkeypatch.setattr(SecureCookieSessionInterface, "get_expiration_time", lambda *args: next(times))
    seen = [cookie_of(app.test_client().get("/permanent"))["expires"] for _ in range(2)]
    assert seen == ["Tue, 01 Jan 2030 00:00:00 GMT", "Wed, 02 Jan 2030 00:00:00 GMT"]


def test_an_emptied_session_deletes_its_cookie_where_it_was_set() -> None:
    app = make_app(SESSION_COOKIE_DOMAIN="localhost.localdomain", SESSION_COOKIE_PATH="/")
    first = cookie_of(app.test_client().get("/set/a/b")).value
    answer = app.test_client(use_cookies=False).get("/clear", headers={"Cookie": f"session={first}"})
    cookie = cookie_of(answer)
    assert (cookie.value, cookie["max-age"], cookie["domain"]) == ("", "0", "localhost.localdomain")
    assert answer.headers["Vary"] == "Cookie"


def test_an_empty_session_that_nobody_changed_sets_no_cookie() -> None:
    assert "Set-Cookie" not in make_app().test_client().get("/get").headers


def test_a_cookie_that_is_too_large_is_warned_of_and_still_set() -> None:
    app = make_app(MAX_COOKIE_SIZE=200)
    with pytest.warns(UserWarning, match="'session' cookie is too large"):
        answer = app.test_client().get("/set/a/" + "".join(map(str, range(200))))
    assert "Set-Cookie" in answer.headers


def test_a_response_class_with_a_set_cookie_of_its_own_is_asked() -> None:
    app = make_app()
    asked = []

    class Own(app.response_class):  # type: ignore[misc, name-defined]
        def set_cookie(self, key: str, *args: Any, **kwargs: Any) -> None:
            asked.append(key)
            super().set_cookie(key, *args, **kwargs)

    app.response_class = Own
    assert "Set-Cookie" in app.test_client().get("/set/a/b").headers
    assert asked == ["session"]


@given(
    st.lists(
        st.one_of(
            st.text('session=ab; \t"\\,.\xe9', max_size=12),
            st.tuples(st.sampled_from(["session", "sessions", "a"]), st.text('ab=" ;\\', max_size=6)).map("=".join),
        ),
        max_size=5,
    ).map(";".join)
)
def test_the_cookie_is_found_that_parsing_all_of_them_finds(header: str) -> None:
    decoded = header.encode("latin-1").decode(errors="replace")
    assert find_cookie(header, "session") == parse_cookie(decoded).get("session")


# -- trust


def test_a_changed_cookie_is_a_new_session() -> None:
    app = make_app()
    value = cookie_of(app.test_client().get("/set/user/7")).value
    for changed in (value[:-3] + "aaa", "x" + value, value.replace(".", "", 1), "", ".", "..", "a.b.c", "é"):
        answer = app.test_client(use_cookies=False).get("/get", headers={"Cookie": f"session={changed}"})
        assert answer.json == {}


def test_a_cookie_of_another_key_is_a_new_session() -> None:
    value = cookie_of(make_app("another key, just as long").test_client().get("/set/user/7")).value
    answer = make_app().test_client(use_cookies=False).get("/get", headers={"Cookie": f"session={value}"})
    assert answer.json == {}


def test_a_token_for_another_purpose_is_no_session() -> None:
    app = make_app()
    token = app.signing.dumps("auth.reset", {"user": 1})
    assert app.test_client(use_cookies=False).get("/get", headers={"Cookie": f"session={token}"}).json == {}


@pytest.mark.parametrize("payload", [b"[1]", b"no json", b'{" b":"?"}', b"\xff"])
def test_a_signed_cookie_that_holds_no_session_is_a_new_one(payload: bytes) -> None:
    app = make_app()
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    token = signer.make_signer().sign(urlsafe_b64encode(payload).rstrip(b"=")).decode()
    answer = app.test_client(use_cookies=False).get("/get", headers={"Cookie": f"session={token}"})
    assert (answer.status_code, answer.json) == (200, {})


def test_a_session_older_than_its_lifetime_is_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_app(PERMANENT_SESSION_LIFETIME=60).test_client()
    client.get("/set/user/7")
    assert client.get("/get").json == {"user": "7"}
    later = time.time() + 62
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert client.get("/get").json == {}


def test_keys_are_rotated_without_ending_sessions() -> None:
    value = cookie_of(make_app("old key, long enough").test_client().get("/set/user/7")).value
    app = make_app("new key, long enough", SECRET_KEY_FALLBACKS=["oldest", "old key, long enough"])
    answer = app.test_client(use_cookies=False).get("/set/a/b", headers={"Cookie": f"session={value}"})
    renewed = cookie_of(answer).value
    fresh = make_app("new key, long enough").test_client(use_cookies=False)
    assert fresh.get("/get", headers={"Cookie": f"session={renewed}"}).json == {"user": "7", "a": "b"}
    assert fresh.get("/get", headers={"Cookie": f"session={value}"}).json == {}


def test_without_a_key_a_session_is_empty_and_says_why_it_cannot_be_changed() -> None:
    app = make_app(None, TESTING=True)
    client = app.test_client()
    answer = client.get("/get")
    assert answer.json == {}
    assert "Vary" not in answer.headers
    with pytest.raises(RuntimeError, match=r"session is unavailable because no secret key was set.*SECRET_KEY"):
        client.get("/set/a/b")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(a=1),
        lambda s: s.setdefault("a", 1),
        lambda s: s.pop("a", None),
        lambda s: s.popitem(),
        lambda s: s.clear(),
        lambda s: s.__delitem__("a"),
        lambda s: s.__ior__({"a": 1}),
        lambda s: setattr(s, "permanent", True),
        lambda s: s.regenerate(),
    ],
)
def test_no_change_of_a_session_without_a_key_is_silent(change: Callable[[Any], Any]) -> None:
    with pytest.raises(RuntimeError, match="session is unavailable"):
        change(NullSession())


def test_a_cookie_that_flask_signed_opens() -> None:
    app = make_app(RECORDED_KEY, PERMANENT_SESSION_LIFETIME=timedelta(days=36500))
    interface: Any = SecureCookieSessionInterface()
    assert interface.open_token(app, RECORDED_SHORT) == {"user_id": 7}
    assert interface.open_token(app, RECORDED_LONG) == {
        "user_id": 7,
        "t": (1, "two", None),
        "b": b"\x00\xff",
        "m": Markup("<b>"),
        "u": UUID(int=5),
        "d": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "x": {" t": [1]},
        "n": {"deep": [{"er": (1.5,)}]},
    }


def test_flask_and_trivet_open_each_others_cookies(need_module: Callable[[str], str]) -> None:
    flask: Any = __import__(need_module("flask"))
    if not flask.Flask.__module__.startswith("flask."):
        pytest.skip("the name flask stands for Trivet here")
    theirs = flask.Flask("shop")
    theirs.secret_key = KEY
    data = {"t": (1, b"\xff"), "m": Markup("<b>"), "x": {" t": "y" * 200}, "_permanent": True}
    with theirs.app_context():
        their_signer = theirs.session_interface.get_signing_serializer(theirs)
        our_signer = SecureCookieSessionInterface().get_signing_serializer(make_app())
        assert our_signer is not None
        assert our_signer.loads(their_signer.dumps(data)) == data
        assert their_signer.loads(our_signer.dumps(data)) == data


# -- session objects


def test_a_session_knows_whether_it_is_new_modified_and_permanent() -> None:
    app = make_app()
    interface = app.session_interface
    with app.test_request_context() as ctx:
        opened = interface.open_session(app, ctx.request)
        assert opened is not None
        assert (opened.new, opened.modified, opened.accessed, opened.permanent) == (True, False, False, False)
        opened.permanent = True
        assert (opened.modified, opened.permanent, opened["_permanent"]) == (True, True, True)
    value = cookie_of(app.test_client().get("/set/a/b")).value
    with app.test_request_context(headers={"Cookie": f"session={value}"}) as ctx:
        opened = interface.open_session(app, ctx.request)
        assert opened is not None
        assert (opened.new, opened.modified) == (False, False)


def test_regenerating_drops_what_was_planted_before() -> None:
    app = make_app()

    @app.get("/login")
    def login() -> str:
        session.regenerate()
        session["user"] = 7
        return "in"

    @app.get("/promote")
    def promote() -> str:
        session.regenerate(keep=True)
        return "up"

    client = app.test_client()
    client.get("/set/planted/yes")
    client.get("/login")
    assert client.get("/get").json == {"user": 7}
    assert "Set-Cookie" in client.get("/promote").headers
    assert client.get("/get").json == {"user": 7}


def test_regenerating_outside_of_a_request_works_on_the_object_alone() -> None:
    loose = SecureCookieSession({"a": 1})
    loose.regenerate()
    assert (dict(loose), loose.modified, loose.new) == ({}, True, True)


# -- other interfaces


class Stored(dict[str, Any], SessionMixin):
    """A session that lives in a dictionary of the interface below."""

    def __init__(self, sid: str, data: dict[str, Any]) -> None:
        super().__init__(data)
        self.sid = sid


class StoreInterface(SessionInterface):
    """Keeps data in memory, by an identifier from a header."""

    def __init__(self) -> None:
        self.store: dict[str, dict[str, Any]] = {}
        self.made = 0
        self.saved: list[str] = []

    def open_session(self, app: Any, request: Any) -> Any:
        sid = request.headers.get("X-Session")
        return Stored(sid, self.store.get(sid, {})) if sid else None

    def save_session(self, app: Any, session: Any, response: Any) -> None:
        self.store[session.sid] = dict(session)
        self.saved.append(session.sid)
        response.headers["X-Session"] = session.sid

    def regenerate_session(self, app: Any, session: Any, keep: bool) -> None:
        super().regenerate_session(app, session, keep)
        self.store.pop(session.sid, None)
        self.made += 1
        session.sid = f"made-{self.made}"


def test_an_interface_of_ones_own_keeps_sessions_elsewhere() -> None:
    app = make_app(None)
    interface = app.session_interface = StoreInterface()
    client = app.test_client()
    client.get("/set/user/7", headers={"X-Session": "s1"})
    assert interface.store == {"s1": {"user": "7"}}
    assert client.get("/get", headers={"X-Session": "s1"}).json == {"user": "7"}


def test_an_interface_of_ones_own_is_asked_at_every_request() -> None:
    app = make_app(None)
    interface = app.session_interface = StoreInterface()
    app.test_client().get("/untouched", headers={"X-Session": "s1"})
    app.test_client().get("/untouched")
    assert ask_by_asgi(app, "/untouched").status_code == 200
    assert interface.saved == ["s1"]


def test_an_interface_without_a_session_gives_one_that_cannot_be_changed() -> None:
    app = make_app(None, TESTING=True)
    app.session_interface = StoreInterface()
    assert app.test_client().get("/get").json == {}
    with pytest.raises(RuntimeError, match="session is unavailable"):
        app.test_client().get("/set/a/b")


def test_an_interface_with_identifiers_gives_out_a_new_one_when_a_session_is_regenerated() -> None:
    app = make_app(None)
    interface = app.session_interface = StoreInterface()

    @app.get("/login")
    def login() -> str:
        session.regenerate()
        session["user"] = 7
        return "in"

    app.test_client().get("/set/planted/yes", headers={"X-Session": "s1"})
    answer = app.test_client().get("/login", headers={"X-Session": "s1"})
    assert answer.headers["X-Session"] == "made-1"
    assert interface.store == {"made-1": {"user": 7}}


def test_an_interface_is_lazy_until_it_opens_or_saves_in_its_own_way() -> None:
    class Renamed(SecureCookieSessionInterface):
        salt = "other"

    class Own(SecureCookieSessionInterface):
        def open_session(self, app: Any, request: Any) -> SessionMixin | None:
            return super().open_session(app, request)

    class OwnButLazy(Own):
        lazy = True

        def save_session(self, app: Any, session: Any, response: Any) -> None: ...

    assert [kind.lazy for kind in (SessionInterface, Renamed, Own, OwnButLazy)] == [False, True, False, True]


def test_an_interface_that_defines_nothing_says_so() -> None:
    interface = SessionInterface()
    with pytest.raises(NotImplementedError, match="SessionInterface does not define open_session"):
        interface.open_session(None, None)
    with pytest.raises(NotImplementedError, match="SessionInterface does not define save_session"):
        interface.save_session(None, None, None)


def test_a_cookie_name_may_depend_on_the_request() -> None:
    app = make_app()

    class ByTenant(SecureCookieSessionInterface):
        def get_cookie_name(self, app: Any) -> str:
            return f"session_{request.args['tenant']}"

    app.session_interface = ByTenant()
    client = app.test_client()
    client.get("/set/a/1?tenant=one")
    client.get("/set/a/2?tenant=two")
    assert client.get("/get?tenant=one").json == {"a": "1"}
    assert client.get("/get?tenant=two").json == {"a": "2"}


# -- hooks


class HookPlugin:
    """Keeps the sessions of requests with a certain header in a dictionary; leaves others to the interface."""

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}

    @hookimpl
    async def trivet_open_session(self, ctx: Any) -> Any:
        await asyncio.sleep(0)
        name = ctx.header("X-Robot")
        return SecureCookieSession(self.stored.get(name, {})) if name else None

    @hookimpl
    def trivet_save_session(self, ctx: Any, session: Any) -> Any:
        name = ctx.header("X-Robot")
        if name:
            self.stored[name] = dict(session)
            return True
        return None


@pytest.fixture
def robots() -> tuple[Trivet, HookPlugin]:
    plugin = HookPlugin()
    app = make_app()
    app.plugins.pluggy.register(plugin, "robots")
    return app, plugin


def test_a_plugin_may_open_and_save_sessions(robots: tuple[Trivet, HookPlugin]) -> None:
    app, plugin = robots
    client = app.test_client()
    assert "Set-Cookie" not in client.get("/set/a/b", headers={"X-Robot": "r2"}).headers
    assert plugin.stored == {"r2": {"a": "b"}}
    assert client.get("/get", headers={"X-Robot": "r2"}).json == {"a": "b"}


def test_what_a_plugin_leaves_alone_goes_to_the_interface(robots: tuple[Trivet, HookPlugin]) -> None:
    app, plugin = robots
    client = app.test_client()
    client.get("/set/a/b")
    assert client.get("/get").json == {"a": "b"}
    assert plugin.stored == {}


# -- WebSockets


def test_a_websocket_view_reads_the_session() -> None:
    app = make_app()
    sent: list[Any] = []

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send(session["user"])
        session["user"] = "somebody else"

    value = cookie_of(app.test_client().get("/set/user/7")).value
    scope = {
        "type": "websocket",
        "path": "/ws",
        "raw_path": b"/ws",
        "query_string": b"",
        "scheme": "ws",
        "headers": [(b"host", b"localhost"), (b"cookie", f"session={value}".encode())],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app.asgi(scope, receive, send))
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert sent[1]["text"] == "7"


# -- what the doctor says


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is shorter than 16"),
        ({"SECRET_KEY": KEY, "SESSION_COOKIE_SAMESITE": "None"}, "SameSite=None"),
    ],
)
def test_the_doctor_warns_of_what_does_not_work_or_is_not_safe(config: dict[str, Any], line: str) -> None:
    app = make_app()
    app.config.update(config)
    lines = [line for found in app.hook.trivet_describe(app=app) for line in found]
    assert any(one.startswith("warning:") and line in one for one in lines)


def test_the_doctor_has_nothing_to_say_of_good_settings() -> None:
    lines = [line for found in make_app().hook.trivet_describe(app=make_app()) for line in found]
    assert not any("SECRET_KEY" in line or "SameSite" in line for line in lines)

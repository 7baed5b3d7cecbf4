"""Whatever is sent as a cookie or a credential: never a 500, and never somebody signed in."""

import asyncio
import base64
import gzip
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from trivet.sessions import session_json_serializer
from trivet.testing import make_app as new_app

from .people_site import Make, Site, cookie, said_of_cookies

PATHS = ("/who", "/inside", "/deep", "/out", "/confirm", "/how", "/names")
NOBODY = {"/who": "nobody", "/out": "True", "/confirm": "done", "/how": "fresh=False remembered=False", "/names": ""}
JWT = {
    "algorithms": ["HS256"],
    "keys": ["a key that is long enough for HS256, and known to this test only"],
    "issuer": "https://id.example",
    "audience": "https://api.example",
}


@lru_cache
def site_of(views: str, sessions: str) -> Site:
    """Return a site for all examples."""
    site = Site(new_app, views, AUTH_SESSIONS=sessions, AUTH_JWT=JWT, TESTING=False)
    site.manager.login_view = "/login"
    site.manager.header_loader(site.people.get)
    site.app.seal()
    return site


def by_wsgi(app: Any, path: str, headers: list[tuple[str, str]]) -> tuple[int, list[tuple[str, str]], str]:
    """Ask by WSGI, with header values as servers hand them on: bytes as Latin-1."""
    named = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers}
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.input": None,
        "wsgi.errors": None,
        **named,
    }
    started: list[Any] = []
    body = b"".join(app(environ, lambda status, given, _=None: started.append((status, given))))
    return int(started[0][0][:3]), started[0][1], body.decode()


def by_asgi(app: Any, path: str, headers: list[tuple[str, str]]) -> tuple[int, list[tuple[str, str]], str]:
    """Ask by ASGI."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), *((name.encode(), value.encode("latin-1")) for name, value in headers)],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 5000),
    }

    async def receive() -> dict[str, Any]:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app.asgi(scope, receive, send))
    given = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent[0]["headers"]]
    return sent[0]["status"], given, b"".join(one.get("body", b"") for one in sent[1:]).decode()


WAYS = {"wsgi": by_wsgi, "asgi": by_asgi}
everywhere = pytest.mark.parametrize(
    ("way", "views", "sessions"),
    [
        ("wsgi", "plain", "cookie"),
        ("wsgi", "async", "server"),
        ("asgi", "async", "server"),
        ("asgi", "plain", "cookie"),
    ],
)


def check(way: str, views: str, sessions: str, headers: list[tuple[str, str]]) -> None:
    """Ask for every page, and see to it that it is nobody's."""
    app = site_of(views, sessions).app
    has_bearer = any(value.partition(" ")[0].lower() == "bearer" for name, value in headers if name == "authorization")
    has_credential = any(name == "authorization" for name, _ in headers)
    for path in PATHS:
        status, given, body = WAYS[way](app, path, headers)
        if path in ("/inside", "/deep"):
            assert status == (401 if has_credential else 302), (path, status, body)
        elif has_bearer and path != "/names":  # where nobody asks who it is
            assert status == 401, (path, status, body)
        else:
            assert (status, body) == (200, NOBODY[path]), path
        for name, value in given:
            assert value.isprintable(), (name, value)


# -- whatever there is

_bytes = st.binary(max_size=60).map(lambda one: one.decode("latin-1"))
_values = st.one_of(
    _bytes,
    st.text(st.characters(max_codepoint=255), max_size=60),
    st.from_regex(r"\A[A-Za-z0-9_.=|-]{0,80}\Z"),
    st.from_regex(r"\Arm[ft]_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}\.rm[ft]_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}\Z"),
    st.from_regex(r"\Atrv_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}\Z"),
    st.from_regex(r"\A[A-Za-z0-9_-]{1,30}\.[A-Za-z0-9_-]{1,30}\.[A-Za-z0-9_-]{1,30}\Z"),
)
_schemes = st.sampled_from(["Bearer ", "bearer  ", "BEARER ", "Basic ", "Digest ", "Token ", "Negotiate ", ""])
_names = st.sampled_from(["session", "remember_token", "remember_token_staff", "sess", "", "remember_token;", "$Path"])


@everywhere
@settings(max_examples=30, deadline=None)
@given(
    pairs=st.lists(st.tuples(_names, _values), max_size=4),
    quoted=st.booleans(),
    by=st.sampled_from(["; ", ";", ",", " "]),
)
def test_whatever_the_cookies_are_it_is_nobody(
    way: str, views: str, sessions: str, pairs: list[tuple[str, str]], quoted: bool, by: str
) -> None:
    text = by.join(f'{name}="{value}"' if quoted else f"{name}={value}" for name, value in pairs)
    check(way, views, sessions, [("cookie", text)])


@everywhere
@settings(max_examples=30, deadline=None)
@given(text=st.one_of(_values, st.tuples(_schemes, _values).map("".join)))
def test_whatever_the_credential_is_it_is_nobody(way: str, views: str, sessions: str, text: str) -> None:
    check(way, views, sessions, [("authorization", f"x {text}" if text in ("1", "2") else text)])


@everywhere
@settings(max_examples=25, deadline=None)
@given(agent=_values, accept=_values, forwarded=_values)
def test_whatever_else_a_browser_says_it_is_nobody(
    way: str, views: str, sessions: str, agent: str, accept: str, forwarded: str
) -> None:
    app = site_of(views, sessions).app
    headers = [("user-agent", agent), ("accept", accept), ("x-forwarded-for", forwarded)]
    for path in (*PATHS, "/in/ada", "/remember/ada"):
        assert WAYS[way](app, path, headers)[0] in (200, 302, 401), path


# -- what is known to break things

LONG = "A" * 100_000
BROKEN = {
    "too long": LONG,
    "not UTF-8": "\xff\xfe\x80",
    "NUL": "a\x00b",
    "a broken surrogate": "\xed\xa0\x80",
    "quotes": '"\\"\\\\',
    "octal escapes": '"\\377\\000\\012"',
    "an empty text": "",
    "semicolons": ";;;;=;=;",
    "a line break": "a\r\nSet-Cookie: x=y",
    "compressed nonsense": "." + base64.urlsafe_b64encode(gzip.compress(b"x")).decode(),
    "a bomb": "." + base64.urlsafe_b64encode(gzip.compress(b"0" * 10_000_000)).decode(),
    "what Flask-Login sends": "1|" + "0" * 128,
    "deep JSON": base64.urlsafe_b64encode(b"[" * 5000).decode(),
    "only dots": "." * 3000,
    "a number": "1" * 300,
}


@everywhere
@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_others_breaks_nothing(way: str, views: str, sessions: str, name: str) -> None:
    value = BROKEN[name]
    for cookie_name in ("session", "remember_token"):
        check(way, views, sessions, [("cookie", f"{cookie_name}={value}")])
    check(way, views, sessions, [("cookie", value)])
    for scheme in ("Bearer ", "Basic ", "Bearer trv_", "Bearer a.b."):
        check(way, views, sessions, [("authorization", scheme + value)])


@everywhere
def test_two_cookies_of_one_name_are_no_way_in(way: str, views: str, sessions: str) -> None:
    text = "; ".join(f"{name}={value}" for name in ("session", "remember_token") for value in ("a", "b", "", "c"))
    check(way, views, sessions, [("cookie", text)])


# -- sessions that others have signed


def forged(key: str, data: Any, salt: str = "cookie-session") -> str:
    """Sign a session's cookie."""
    options = {"key_derivation": "hmac"}
    return str(URLSafeTimedSerializer(key, salt, session_json_serializer, signer_kwargs=options).dumps(data))


@pytest.mark.parametrize("way", WAYS)
def test_a_session_that_another_key_has_signed_is_nobodys(way: str) -> None:
    data = {"_user_id": "1", "_fresh": True}
    for value in (forged("another key", data), forged("a key that only this test knows", data, "another salt")):
        check(way, "plain", "cookie", [("cookie", f"session={value}")])
    right = forged("a key that only this test knows", data)
    found = WAYS[way](site_of("plain", "cookie").app, "/who", [("cookie", f"session={right}")])
    assert found[2] == "ada", "the test can forge"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "data",
    [
        {"_user_id": None},
        {"_user_id": "9"},
        {"_user_id": ""},
        {"_user_id": [1]},
        {"_user_id": {"a": 1}},
        {"_user_id": "1", "_auth_at": "yesterday"},
        {"_user_id": "1", "_auth_at": None, "_auth_stamp": 7},
        {"_user_id": "1", "_auth_at": float("inf")},
        {"_user_id": "1", "_auth_at": float("nan")},
        {"_user_id": "1", "_auth_at": 0, "_auth_stamp": None},
        {"_user_id.staff": "1", "_fresh.staff": True},
        {"_auth_forced": True, "_fresh": True, "_auth_remembered": True},
    ],
)
def test_a_session_whose_facts_are_no_facts_is_nobodys(way: str, data: dict[str, Any]) -> None:
    value = forged("a key that only this test knows", {"_fresh": True, **data})
    for path in ("/who", "/inside"):
        status, _, body = WAYS[way](site_of("plain", "cookie").app, path, [("cookie", f"session={value}")])
        assert (status, body) in ((200, "nobody"), (302, body)), body


def test_the_cookie_of_one_application_is_nothing_in_another(make_app: Make, make_client: Make) -> None:
    one = Site(make_app)
    other = Site(make_app, SECRET_KEY="another key that only this test knows")
    client = make_client(one.app)
    client.get("/remember/ada")
    stranger = other.app.test_client()
    for name in ("session", "remember_token"):
        stranger.set_cookie(name, cookie(client, name) or "")
    assert stranger.get("/who").text == "nobody"


# -- what is sent back


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_credential_is_sent_back(way: str) -> None:
    secret = "5ecr3t5ecr3t5ecr3t"
    app = site_of("plain", "cookie").app
    for headers in (
        [("cookie", f"session={secret}; remember_token={secret}")],
        [("authorization", f"Bearer trv_{secret}")],
        [("authorization", f"Bearer {secret}.{secret}.{secret}")],
        [("authorization", f"Basic {secret}")],
    ):
        for path in PATHS:
            _, given, body = WAYS[way](app, path, headers)
            assert secret not in body
            assert not any(secret in value for _, value in given)


def test_a_page_of_another_site_cannot_sign_anybody_in_or_out(make_app: Make, make_client: Make) -> None:
    site = Site(make_app)
    site.add("/post-out", lambda: "out", methods=["POST"])
    client = make_client(site.app)
    client.get("/in/ada")
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        answer = client.post("/post-out", headers=headers)
        assert answer.status_code == 403
        assert not said_of_cookies(answer)
    assert client.get("/who").text == "ada"


def test_a_wrong_content_type_is_no_way_in(make_app: Make, make_client: Make) -> None:
    site = Site(make_app)
    site.add("/post", lambda: "in", methods=["POST"])
    site.add("/guarded", lambda: "in", methods=["POST"])
    site.app.view_functions["/guarded"] = site.app.view_functions["/inside"]
    client = make_client(site.app)
    for kind in (
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "\xff",
        "",
    ):
        answer = client.post("/guarded", data=b"\xff\x00{", content_type=kind)
        assert answer.status_code == 401, kind

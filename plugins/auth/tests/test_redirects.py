"""Where strangers are sent, and where they go afterwards: on this site, whatever was sent."""

import string
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet import redirect, request, safe_redirect_target, session
from trivet.testing import make_app as new_app
from trivet_auth import login_url, login_user, make_next_param

from .people_site import Make, Site, ask_at_once, every_kind_of_view, text

HERE = "http://localhost"

#: What leads, or could be taken by browsers to lead, somewhere else (URL standard, 4.4; OWASP, Unvalidated Redirects).
AWAY = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "http://localhost@evil.example",
    "http://localhost:80@evil.example",
    "http://localhost.evil.example",
    "http://evil.example#localhost",
    "http://evil.example\\@localhost",
    "http://localhost\\.evil.example",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "//evil。example",
    "／／evil.example",
    "/%09//evil.example\x00",
    " //evil.example",
    " https://evil.example",
    "http://[::1",
    "http://[evil]",
    "evil.example",
    "//",
    "/\\",
    "\x00/x",
]


def follows(site: Site) -> Any:
    """Add the page to sign in on, as the documentation writes it, and return a client."""

    def login() -> Any:
        login_user(site.ada)
        return redirect(safe_redirect_target(request.args.get("next"), "/home"))

    site.add("/login", login)
    site.manager.login_view = "/login"
    return site.app.test_client()


@pytest.mark.parametrize("target", AWAY)
def test_nobody_is_sent_away_after_signing_in(make_app: Make, target: str) -> None:
    client = follows(Site(make_app))
    answer = client.get("/login", query_string={"next": target})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/home")


@every_kind_of_view
@pytest.mark.parametrize(
    "path", ["/inside", "/inside?page=2&q=a%20b", "/inside?next=//evil.example", "/inside?q=%0d%0a"]
)
def test_one_comes_back_to_where_one_was(make_app: Make, make_client: Make, views: str, path: str) -> None:
    site = Site(make_app, views)
    follows(site)
    client = make_client(site.app)
    answer = client.get(client.get(path).headers["Location"])
    assert answer.status_code == 302
    assert client.get(answer.headers["Location"]).text == "inside"
    assert urljoin(HERE, answer.headers["Location"]).startswith(f"{HERE}/inside")


@pytest.mark.parametrize("path", ["//evil.example", "///evil.example/x", "/\\evil.example", "/\\/evil.example"])
def test_a_path_that_looks_like_a_host_is_none(make_app: Make, make_client: Make, path: str) -> None:
    site = Site(make_app)
    site.manager.login_view = "/login"
    site.app.register_error_handler(404, lambda error: site.manager.unauthorized())
    client = make_client(site.app)
    for by_session in (True, False):
        site.app.config["USE_SESSION_FOR_NEXT"] = by_session
        answer = client.get("/", environ_overrides={"PATH_INFO": path, "RAW_URI": path, "REQUEST_URI": path})
        assert answer.status_code == 302
        with client.session_transaction() as found:
            target = found.pop("next", "") or parse_qs(urlsplit(answer.headers["Location"]).query)["next"][0]
        assert urlsplit(urljoin(HERE, target)).netloc == "localhost", target
        assert safe_redirect_target_of(site, target) == target


def safe_redirect_target_of(site: Site, target: str) -> str:
    """Return what the helper makes of a target."""
    with site.app.test_request_context():
        return safe_redirect_target(target, "refused")


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_a_next_page_in_the_session_that_leads_away_does_not_survive_signing_in(
    make_app: Make, make_client: Make, target: str
) -> None:
    site = Site(make_app, USE_SESSION_FOR_NEXT=True)
    site.add("/next", lambda: repr(session.get("next")))
    client = make_client(site.app)
    for value, expected in ((target, "None"), ("/good?x=1", "'/good?x=1'"), (7, "None")):
        with client.session_transaction() as found:
            found["next"] = value
        client.get("/in/ada")
        assert text(client, "/next") == expected


@every_kind_of_view
def test_no_header_is_made_of_what_was_asked_for(make_app: Make, make_client: Make, views: str) -> None:
    site = Site(make_app, views)
    site.manager.login_view = "/login"
    client = make_client(site.app)
    for query in ("%0d%0aSet-Cookie:%20x=y", "a=%0aX-Evil:%201", "%00", "%E2%80%A8", "%ff", "<script>"):
        answer = client.get(f"/inside?{query}")
        location = answer.headers["Location"]
        assert answer.status_code == 302
        assert location.isascii()
        assert location.isprintable()
        assert " " not in location
        assert "X-Evil" not in answer.headers
        assert [line.partition("=")[0] for line in answer.headers.getlist("Set-Cookie")] == ["session"]


def test_a_host_that_was_sent_is_not_where_strangers_are_sent(make_app: Make, make_client: Make) -> None:
    site = Site(make_app)
    site.manager.login_view = "login_page"
    site.app.add_url_rule("/login", view_func=lambda: "login", endpoint="login_page")
    client = make_client(site.app)
    for host in ("evil.example", "localhost:80", "evil.example:8080"):
        answer = client.get("/inside", base_url=f"http://{host}")
        assert answer.headers["Location"] == "/login?next=%2Finside"
    site.app.config["FORCE_HOST_FOR_REDIRECTS"] = "good.example"
    assert client.get("/inside").headers["Location"] == "//good.example/login?next=%2Finside"


@pytest.mark.parametrize("host", ["evil.example\\", "a b", "[::1", "evil.example/x", "x@y", "\xe4"])
def test_a_host_that_is_none_is_400(make_app: Make, host: str) -> None:
    site = Site(make_app, "async")
    site.manager.login_view = "/login"
    client = site.app.test_client()
    assert client.get("/inside", environ_overrides={"HTTP_HOST": host}).status_code == 400


_paths = st.text(st.sampled_from("/\\.:@?#%ab\t\n\r \x00ü" + string.punctuation), max_size=12)


@given(path=_paths, query=_paths)
def test_the_part_of_an_address_that_is_said_stays_on_this_site(path: str, query: str) -> None:
    try:
        said = make_next_param("/login", f"{HERE}/{path}?{query}")
    except ValueError:
        return  # no address
    cleaned = said.translate({ord(one): None for one in "\t\r\n"}).replace("\\", "/")
    assert not cleaned.startswith("//"), said
    assert urlsplit(urljoin(HERE, cleaned)).netloc in ("localhost", "")


@lru_cache
def an_app() -> Any:
    """Return an application for all examples."""
    return new_app(plugins=["auth"], config={"SECRET_KEY": "a key that only this test knows", "AUTH_STORE": "memory"})


@given(target=st.text(max_size=20))
def test_whatever_comes_next_is_a_part_of_the_query(target: str) -> None:
    with an_app().test_request_context():
        try:
            found = urlsplit(login_url("/login?a=1", target))
        except ValueError:
            return  # no address
    assert (found.scheme, found.netloc, found.path, found.fragment) == ("", "", "/login", "")
    assert set(parse_qs(found.query, keep_blank_values=True)) == {"a", "next"}


def test_an_address_of_ten_thousand_characters_is_no_error(make_app: Make) -> None:
    site = Site(make_app, "async")
    site.manager.login_view = "/login"
    [answer] = ask_at_once(site.app, ("/inside?q=" + "x" * 10_000, {}))
    assert answer.status == 302

"""A real browser is the judge of the CORS protocol: it enforces what servers only announce.

Every test looks from both sides: at what a script could read, and at what the server was asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from .browser import Browser, Page, Pages, Refused, Visitor
from .client import HOST, token
from .servers import Fleet, Running, Server, gunicorn, uvicorn

STREAM = """async url => {
    window.reader = (await fetch(url)).body.pipeThrough(new TextDecoderStream()).getReader();
    return (await window.reader.read()).value;
}"""
REST_OF_STREAM = """async () => {
    let text = "", piece;
    while (!(piece = await window.reader.read()).done) text += piece.value;
    return text;
}"""
SOCKET = """url => new Promise(resolve => {
    const socket = new WebSocket(url);
    socket.onmessage = event => resolve(event.data);
    socket.onerror = () => resolve("an error");
})"""
PICTURE = """url => new Promise(resolve => {
    const picture = new Image();
    picture.onload = picture.onerror = () => resolve();
    picture.src = url;
})"""
FORM = """url => {
    const form = document.createElement("form");
    Object.assign(form, {method: "post", action: url});
    document.body.append(form);
    form.submit();
}"""
NOT_LISTED = "No 'Access-Control-Allow-Origin' header"
JSON = {"Content-Type": "application/json"}


class Api:
    """A served application, and what it was asked."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.token = token()

    def url(self, path: str, scheme: str = "http") -> str:
        """Return an absolute address with a token, by which the story is told apart from those of other tests."""
        return f"{scheme}://{HOST}:{self.running.port}{path}?token={self.token}"

    def story(self) -> list[str]:
        """Return what this test's requests were, what they changed and what the answers were, in order."""
        lines = [line.rpartition(" ") for line in self.running.notes.read_text().splitlines()]
        return [event for event, _, token in lines if token == self.token]


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    """The pages of a port that policies list."""
    pages = Pages()
    yield pages
    pages.close()


@pytest.fixture(scope="module")
def strange_pages() -> Iterator[Pages]:
    """The pages of a port that no policy lists."""
    pages = Pages()
    yield pages
    pages.close()


def policies(pages: Pages) -> dict[str, dict[str, Any]]:
    """Return three policies that together use every option."""
    near, far = pages.origin(), pages.origin("localhost")
    return {
        "with-credentials": {
            "origins": [near, far],
            "allow_headers": ["Content-Type", "X-Token"],
            "expose_headers": ["X-Shown"],
            "credentials": True,
            "max_age": 600,
        },
        "without-credentials": {
            "origins": [near, "null", f"http://*.localhost:{pages.port}"],
            "methods": ["GET", "HEAD", "POST", "PUT"],
            "allow_headers": ["Content-Type", "Authorization"],
            "max_age": 0,
        },
        "everyone": {"origins": "*", "allow_headers": "*", "expose_headers": "*"},
    }


def servers(policy: str, options: Mapping[str, Any]) -> list[Server]:
    """Return how the application is served under a policy."""
    environ = {"SERVED_CORS": json.dumps(options)}
    threads = ("--worker-class", "gthread", "--threads", "8")
    return [
        Server(
            f"gunicorn-{policy}",
            "wsgi",
            "gunicorn",
            lambda port: gunicorn(port, *threads, target="shared:wsgi"),
            environ=environ,
        ),
        Server(
            f"uvicorn-{policy}", "asgi", "uvicorn", lambda port: uvicorn(port, target="shared:asgi"), environ=environ
        ),
    ]


@pytest.fixture(scope="module")
def shared_fleet(pages: Pages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The application over WSGI and over ASGI, under each policy."""
    wanted = [server for policy, options in policies(pages).items() for server in servers(policy, options)]
    fleet = Fleet(tmp_path_factory.mktemp("shared"), wanted)
    yield fleet
    fleet.stop()


@pytest.fixture(params=["gunicorn", "uvicorn"])
def server(request: pytest.FixtureRequest) -> str:
    """One server for WSGI, one for ASGI."""
    name: str = request.getfixturevalue("need_module")(request.param)
    return name


Watch = Callable[[Running], Running]


@pytest.fixture
def api(server: str, shared_fleet: Fleet, watch: Watch) -> Api:
    """Lets pages of one port in, under two names of the machine, with credentials."""
    return Api(watch(shared_fleet.get(f"{server}-with-credentials")))


@pytest.fixture
def api_without_credentials(server: str, shared_fleet: Fleet, watch: Watch) -> Api:
    """Lets pages of one port in, under its address and subdomains, and those of no origin."""
    return Api(watch(shared_fleet.get(f"{server}-without-credentials")))


@pytest.fixture
def api_for_everyone(server: str, shared_fleet: Fleet, watch: Watch) -> Api:
    """Lets everybody in, without credentials."""
    return Api(watch(shared_fleet.get(f"{server}-everyone")))


@pytest.fixture(scope="module")
def somebody(browser: Browser) -> Iterator[Visitor]:
    """The one visitor of these tests, because tabs are dear; what caches keep for a test is under its token."""
    somebody = Visitor(browser)
    yield somebody
    somebody.close()


@pytest.fixture(autouse=True)
def no_cookies(somebody: Visitor) -> None:
    """Nobody brings cookies along from another test."""
    somebody.forget_cookies()


@pytest.fixture(scope="module")
def page(somebody: Visitor, pages: Pages) -> Page:
    """A page that is listed everywhere; of the application's site, though not of its origin."""
    return somebody.open(pages.origin())


@pytest.fixture(scope="module")
def page_of_another_site(somebody: Visitor, pages: Pages) -> Page:
    """A page that is listed with credentials, of another site than the application."""
    return somebody.open(pages.origin("localhost"))


@pytest.fixture(scope="module")
def stranger(somebody: Visitor, strange_pages: Pages) -> Page:
    """A page that no policy lists; of the application's site, so that cookies go along."""
    return somebody.open(strange_pages.origin())


# --- who may read ---


def test_a_page_of_a_listed_origin_reads_an_answer(api: Api, page: Page) -> None:
    answer = page.fetch(api.url("/read-only"))
    assert (answer.status, answer.type, answer.text) == (200, "cors", "read")
    assert api.story() == ["asked GET", "answered 200"]


def test_a_page_of_an_unlisted_origin_reads_nothing(api: Api, stranger: Page) -> None:
    with pytest.raises(Refused, match=NOT_LISTED):
        stranger.fetch(api.url("/read-only"))
    assert api.story() == ["asked GET", "answered 200"]


def test_the_same_machine_under_a_name_that_is_not_listed_reads_nothing(
    api_without_credentials: Api, page_of_another_site: Page
) -> None:
    with pytest.raises(Refused, match=NOT_LISTED):
        page_of_another_site.fetch(api_without_credentials.url("/read-only"))


@pytest.mark.parametrize("host", ["app.localhost", "a.b.localhost"])
def test_pages_of_subdomains_read_an_answer_where_the_domain_is_listed_with_a_star(
    api_without_credentials: Api, somebody: Visitor, pages: Pages, host: str
) -> None:
    page = somebody.open(pages.origin(host))
    assert page.fetch(api_without_credentials.url("/read-only")).text == "read"
    assert page.fetch(api_without_credentials.url("/things"), method="PUT", body="{}", headers=JSON).status == 200


def test_a_subdomain_on_another_port_reads_nothing(
    api_without_credentials: Api, somebody: Visitor, strange_pages: Pages
) -> None:
    page = somebody.open(strange_pages.origin("app.localhost"))
    with pytest.raises(Refused, match=NOT_LISTED):
        page.fetch(api_without_credentials.url("/read-only"))


def test_a_sandboxed_frame_reads_nothing_though_the_page_around_it_may(api: Api, page: Page) -> None:
    with pytest.raises(Refused, match=NOT_LISTED):
        page.sandboxed().fetch(api.url("/read-only"))
    assert api.story() == ["asked GET", "answered 200"]


def test_a_sandboxed_frame_reads_an_answer_where_null_is_listed(api_without_credentials: Api, stranger: Page) -> None:
    frame = stranger.sandboxed()
    assert frame.run("() => self.origin") == "null"
    assert frame.fetch(api_without_credentials.url("/read-only")).text == "read"


def test_everybody_reads_an_answer_where_a_star_is_listed(api_for_everyone: Api, stranger: Page) -> None:
    assert stranger.fetch(api_for_everyone.url("/read-only")).text == "read"
    assert stranger.sandboxed().fetch(api_for_everyone.url("/read-only")).text == "read"


# --- credentials ---


@pytest.fixture
def with_cookies(api: Api, page: Page) -> None:
    """Somebody who has the application's cookies, on whatever port it is: cookies know no ports."""
    page.fetch(api.url("/cookies/set"), credentials="include")


@pytest.mark.usefixtures("with_cookies")
def test_a_request_with_credentials_carries_the_cookies(api: Api, page: Page) -> None:
    answer = page.fetch(api.url("/cookies"), credentials="include")
    assert answer.json() == {"near": "1", "far": "1"}


@pytest.mark.usefixtures("with_cookies")
def test_a_request_without_credentials_carries_none(api: Api, page: Page) -> None:
    assert page.fetch(api.url("/cookies")).json() == {}


@pytest.mark.usefixtures("with_cookies")
def test_from_another_site_only_the_cookies_come_along_that_are_for_every_site(
    api: Api, page_of_another_site: Page
) -> None:
    answer = page_of_another_site.fetch(api.url("/cookies"), credentials="include")
    assert answer.json() == {"far": "1"}


def test_an_answer_to_a_page_of_another_site_may_set_a_cookie_for_every_site(
    api: Api, page_of_another_site: Page
) -> None:
    page_of_another_site.fetch(api.url("/cookies/set"), credentials="include")
    assert page_of_another_site.fetch(api.url("/cookies"), credentials="include").json() == {"far": "1"}


def test_a_preflighted_request_with_credentials_is_let_through(api: Api, page: Page) -> None:
    answer = page.fetch(api.url("/things"), method="PUT", body="{}", headers=JSON, credentials="include")
    assert answer.json()["method"] == "PUT"


@pytest.mark.usefixtures("with_cookies")
def test_without_leave_for_credentials_a_request_that_has_them_is_not_readable(
    api_without_credentials: Api, page: Page
) -> None:
    with pytest.raises(Refused, match="Allow-Credentials"):
        page.fetch(api_without_credentials.url("/cookies"), credentials="include")
    assert page.fetch(api_without_credentials.url("/cookies")).json() == {}


@pytest.mark.usefixtures("with_cookies")
def test_a_star_is_not_enough_for_credentials(api_for_everyone: Api, page: Page) -> None:
    with pytest.raises(Refused, match="must not be the wildcard"):
        page.fetch(api_for_everyone.url("/cookies"), credentials="include")


@pytest.mark.usefixtures("with_cookies")
def test_an_unlisted_page_cannot_read_what_cookies_protect(api: Api, stranger: Page) -> None:
    with pytest.raises(Refused, match=NOT_LISTED):
        stranger.fetch(api.url("/cookies"), credentials="include")


# --- preflights ---


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_json_and_a_listed_header_go_through_with_every_method_of_the_path(api: Api, page: Page, method: str) -> None:
    headers = {**JSON, "x-token": "secret"}
    answer = page.fetch(api.url("/things"), method=method, headers=headers, body='{"name": "Ada"}')
    assert answer.json() == {"method": method, "json": {"name": "Ada"}, "X-Token": "secret", "Authorization": None}
    assert api.story() == ["asked OPTIONS", "answered 204", f"asked {method}", "changed", "answered 200"]


def test_a_header_that_is_not_listed_never_leaves_the_browser(api: Api, page: Page) -> None:
    with pytest.raises(Refused, match="header field x-other is not allowed"):
        page.fetch(api.url("/things"), method="PUT", headers={"X-Other": "1"})
    assert api.story() == ["asked OPTIONS", "answered 204"]


def test_a_method_that_the_path_does_not_have_never_leaves_the_browser(api: Api, page: Page) -> None:
    with pytest.raises(Refused, match="Method DELETE is not allowed"):
        page.fetch(api.url("/read-only"), method="DELETE")
    assert api.story() == ["asked OPTIONS", "answered 204"]


def test_a_method_that_the_policy_leaves_out_never_leaves_the_browser(api_without_credentials: Api, page: Page) -> None:
    url = api_without_credentials.url("/things")
    with pytest.raises(Refused, match="Method DELETE is not allowed"):
        page.fetch(url, method="DELETE")
    assert api_without_credentials.story() == ["asked OPTIONS", "answered 204"]
    assert page.fetch(url, method="PUT", headers=JSON, body="{}").status == 200


def test_a_request_of_an_unlisted_page_never_leaves_the_browser(api: Api, stranger: Page) -> None:
    with pytest.raises(Refused, match=f"preflight.*{NOT_LISTED}"):
        stranger.fetch(api.url("/things"), method="PUT", headers=JSON, body="{}")
    assert api.story() == ["asked OPTIONS", "answered 403"]


def test_a_request_for_a_path_that_is_not_there_never_leaves_the_browser(api: Api, page: Page) -> None:
    with pytest.raises(Refused, match="preflight"):
        page.fetch(api.url("/nowhere"), method="PUT")
    assert api.story() == ["asked OPTIONS", "answered 404"]


def test_a_star_covers_other_headers(api_for_everyone: Api, stranger: Page) -> None:
    # The standard makes an exception for Authorization, which Chromium only warns about so far.
    answer = stranger.fetch(api_for_everyone.url("/things"), headers={"X-Token": "secret"})
    assert answer.json()["X-Token"] == "secret"


def test_authorization_goes_through_where_it_is_listed(api_without_credentials: Api, page: Page) -> None:
    answer = page.fetch(api_without_credentials.url("/things"), headers={"Authorization": "Bearer secret"})
    assert answer.json()["Authorization"] == "Bearer secret"


def test_within_its_age_one_preflight_serves_several_requests(api: Api, page: Page) -> None:
    for _ in range(2):
        page.fetch(api.url("/things"), method="PUT", headers=JSON, body="{}")
    # Leave for one method is leave for all that the answer named.
    page.fetch(api.url("/things"), method="DELETE", headers={"X-Token": "secret"})
    asked = [event for event in api.story() if event.startswith("asked")]
    assert asked == ["asked OPTIONS", "asked PUT", "asked PUT", "asked DELETE"]


def test_with_an_age_of_nothing_every_request_has_its_preflight(api_without_credentials: Api, page: Page) -> None:
    for _ in range(2):
        page.fetch(api_without_credentials.url("/things"), method="PUT", headers=JSON, body="{}")
    asked = [event for event in api_without_credentials.story() if event.startswith("asked")]
    assert asked == ["asked OPTIONS", "asked PUT"] * 2


# --- answers ---


def test_exposed_headers_are_readable_and_others_are_not(api: Api, page: Page) -> None:
    headers = page.fetch(api.url("/headers")).headers
    assert headers["x-shown"] == "shown"
    assert "content-type" in headers
    assert "x-hidden" not in headers


def test_a_star_exposes_every_header(api_for_everyone: Api, stranger: Page) -> None:
    headers = stranger.fetch(api_for_everyone.url("/headers")).headers
    assert (headers["x-shown"], headers["x-hidden"]) == ("shown", "hidden")


@pytest.mark.parametrize(
    ("path", "init", "status"),
    [
        ("/nowhere", {}, 404),
        ("/read-only", {"method": "POST", "body": "text"}, 405),
        ("/body", {"method": "POST", "body": "x" * 1025}, 413),
        ("/busy", {}, 429),
        ("/boom", {}, 500),
    ],
)
def test_a_page_can_read_why_it_failed(api: Api, page: Page, path: str, init: dict[str, Any], status: int) -> None:
    answer = page.fetch(api.url(path), **init)
    assert answer.status == status
    assert answer.text
    assert api.story()[-1] == f"answered {status}"


def test_a_redirect_is_followed(api: Api, page: Page) -> None:
    answer = page.fetch(api.url("/moved"))
    assert (answer.redirected, answer.json()["method"]) == (True, "GET")
    assert api.story() == ["asked GET", "answered 302", "asked GET", "answered 200"]


def test_a_preflighted_request_to_a_path_without_its_slash_arrives(api: Api, page: Page) -> None:
    answer = page.fetch(api.url("/slash"), method="PUT", headers=JSON, body="{}")
    assert (answer.redirected, answer.text) == (True, "slash")
    asked = [event for event in api.story() if event.startswith("asked")]
    assert asked == ["asked OPTIONS", "asked PUT"] * 2


def test_a_stored_answer_is_revalidated_and_stays_readable(api: Api, page: Page) -> None:
    answers = [page.fetch(api.url("/tagged")) for _ in range(2)]
    assert [(answer.status, answer.text) for answer in answers] == [(200, "tagged")] * 2
    assert api.story() == ["asked GET", "answered 200", "asked GET", "answered 304"]


def test_a_stored_answer_is_not_asked_for_again(api: Api, page: Page) -> None:
    assert [page.fetch(api.url("/kept")).text for _ in range(2)] == ["kept"] * 2
    assert api.story() == ["asked GET", "answered 200"]


def test_what_a_listed_page_put_into_the_cache_does_not_let_an_unlisted_one_in(
    api: Api, stranger: Page, page: Page
) -> None:
    assert page.fetch(api.url("/kept")).text == "kept"
    with pytest.raises(Refused, match=NOT_LISTED):
        stranger.fetch(api.url("/kept"))
    assert api.story() == ["asked GET", "answered 200"] * 2


def test_what_an_image_put_into_the_cache_does_not_keep_a_script_out(api: Api, page: Page) -> None:
    page.run(PICTURE, api.url("/kept"))
    assert page.fetch(api.url("/kept")).text == "kept"
    assert api.story() == ["asked GET", "answered 200"] * 2


def test_a_streamed_body_is_read_as_it_comes(api: Api, page: Page) -> None:
    first = page.run(STREAM, api.url("/stream"))
    api.running.note("seen", api.token)
    assert (first, page.run(REST_OF_STREAM)) == ("one ", "two")


def test_a_static_file_is_readable(api: Api, page: Page) -> None:
    assert "greeting" in page.fetch(api.url("/files/greeting.js")).text


def test_a_static_module_can_be_imported_by_listed_pages_only(api: Api, page: Page, stranger: Page) -> None:
    load = "url => import(url).then(module => module.greeting, error => error.name)"
    assert page.run(load, api.url("/files/greeting.js")) == "Hello, module"
    assert stranger.run(load, api.url("/files/greeting.js")) == "TypeError"


# --- what pages of other origins may change ---


def test_a_simple_post_of_a_listed_page_changes_something_and_is_readable(api: Api, page: Page) -> None:
    assert page.fetch(api.url("/things"), method="POST", body="text").json()["method"] == "POST"
    assert api.story() == ["asked POST", "changed", "answered 200"]


def test_a_simple_post_of_an_unlisted_page_changes_nothing(api: Api, stranger: Page) -> None:
    with pytest.raises(Refused, match=NOT_LISTED):
        stranger.fetch(api.url("/things"), method="POST", body="text", credentials="include")
    assert api.story() == ["asked POST", "answered 403"]


def test_a_post_that_does_not_ask_for_an_answer_changes_nothing_either(api: Api, stranger: Page) -> None:
    answer = stranger.fetch(api.url("/things"), method="POST", body="text", mode="no-cors", credentials="include")
    assert (answer.status, answer.type, answer.text) == (0, "opaque", "")
    assert api.story() == ["asked POST", "answered 403"]


def test_a_post_of_a_sandboxed_frame_changes_nothing(api: Api, page: Page) -> None:
    with pytest.raises(Refused, match=NOT_LISTED):
        page.sandboxed().fetch(api.url("/things"), method="POST", body="text")
    assert api.story() == ["asked POST", "answered 403"]


def test_a_form_of_an_unlisted_page_changes_nothing(api: Api, somebody: Visitor, strange_pages: Pages) -> None:
    assert somebody.open(strange_pages.origin()).leave(FORM, api.url("/things")) == 403
    assert api.story() == ["asked POST", "answered 403"]


def test_a_form_of_a_listed_page_changes_something(api: Api, somebody: Visitor, pages: Pages) -> None:
    assert somebody.open(pages.origin()).leave(FORM, api.url("/things")) == 200
    assert api.story() == ["asked POST", "changed", "answered 200"]


# --- WebSockets ---

over_asgi = pytest.mark.parametrize("server", ["uvicorn"], indirect=True)


@over_asgi
@pytest.mark.usefixtures("with_cookies")
def test_a_listed_page_opens_a_websocket_and_its_cookies_go_along(api: Api, page: Page) -> None:
    assert page.run(SOCKET, api.url("/socket", "ws")) == "far,near"
    assert api.story()[-3:] == ["asked socket", "changed", "answered 101"]


@over_asgi
@pytest.mark.usefixtures("with_cookies")
def test_an_unlisted_page_opens_no_websocket(api: Api, stranger: Page) -> None:
    assert stranger.run(SOCKET, api.url("/socket", "ws")) == "an error"
    assert api.story()[-2:] == ["asked socket", "answered 403"]


@over_asgi
def test_a_sandboxed_frame_opens_no_websocket(api: Api, page: Page) -> None:
    assert page.sandboxed().run(SOCKET, api.url("/socket", "ws")) == "an error"
    assert api.story() == ["asked socket", "answered 403"]

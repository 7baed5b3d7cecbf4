"""Request and response: lazily built, and in all they say what Werkzeug's own are."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from trivet import Request, Response, Trivet, request
from trivet.kernel.scope import Source

ATTRIBUTES = (
    "method", "scheme", "server", "root_path", "path", "full_path", "url", "base_url", "host", "host_url", "url_root",
    "query_string", "args", "remote_addr", "content_type", "content_length", "mimetype", "is_json", "is_secure",
    "cookies", "accept_mimetypes", "script_root", "access_route", "user_agent", "range", "if_modified_since",
)  # fmt: skip
queries = st.text("ab=&%+;é41/ ", max_size=20) | st.text(max_size=8)


def environ_for(query: str, **options: Any) -> dict[str, Any]:
    environ = EnvironBuilder("/a/ä", **options).get_environ()
    environ["QUERY_STRING"] = query.encode("utf-8", "surrogatepass").decode("latin-1")
    return environ


def look(found: Any, name: str) -> Any:
    value = getattr(found, name)
    return repr(value.to_dict(flat=False)) if hasattr(value, "to_dict") else repr(value)


@pytest.mark.parametrize("name", ATTRIBUTES)
@given(query=queries)
def test_a_request_says_what_werkzeugs_says(name: str, query: str) -> None:
    options = {
        "headers": {"Cookie": "a=1; b=2", "Accept": "text/html"},
        "environ_overrides": {"REMOTE_ADDR": "10.0.0.1"},
    }
    environ = environ_for(query, **options)
    assert look(Request(environ), name) == look(WerkzeugRequest(dict(environ)), name)


@given(body=queries)
def test_a_form_says_what_werkzeugs_says(body: str) -> None:
    data = body.encode("utf-8", "replace")
    options = {"method": "POST", "content_type": "application/x-www-form-urlencoded"}
    ours = Request(environ_for("", input_stream=io.BytesIO(data), content_length=len(data), **options))
    theirs = WerkzeugRequest(environ_for("", input_stream=io.BytesIO(data), content_length=len(data), **options))
    assert ours.form.to_dict(flat=False) == theirs.form.to_dict(flat=False)


@given(query=st.binary(max_size=12).filter(lambda text: b"#" not in text))
def test_a_request_means_the_same_read_from_a_scope_or_from_its_environ(query: bytes) -> None:
    scope: dict[str, Any] = {
        "method": "POST", "scheme": "https", "path": "/ä", "root_path": "", "query_string": query,
        "headers": [(b"host", b"shop.example"), (b"content-type", b"text/plain"), (b"x-a", b"1"), (b"x-a", b"2")],
    }  # fmt: skip
    lazy = Request.__new__(Request)
    lazy.source = Source(scope, dict(scope["headers"]), "/ä", io.BytesIO(b"body"), 4)
    eager = Request(lazy.source.environ())
    assert lazy.get_data() == b"body"
    for name in ("args", "path", "url", "method", "content_type", "headers"):
        assert look(lazy, name) == look(eager, name)


def written(response: Any) -> Any:
    body, status, headers = response.get_wsgi_response(EnvironBuilder().get_environ())
    return status, sorted(headers), b"".join(body)


touches = st.lists(
    st.sampled_from(
        [
            lambda r: r.headers.add("X-A", "1"),
            lambda r: r.set_cookie("c", "1"),
            lambda r: r.set_data("other"),
            lambda r: setattr(r, "status_code", 201),
            lambda r: setattr(r, "status_code", 204),
            lambda r: setattr(r, "status", "299 ODD"),
            lambda r: setattr(r, "mimetype", "text/plain"),
            lambda r: r.get_data(),
            lambda r: r.content_length,
            lambda r: setattr(r, "response", ["a", b"b"]),
            lambda r: r.call_on_close(lambda: None),
            lambda r: r.vary.add("Cookie"),
        ]
    ),
    max_size=4,
)


@given(
    body=st.sampled_from([None, "text", b"bytes", "", ["a", "b"]]),
    status=st.sampled_from([None, 200, 204, 404, "418 TEAPOT", 599]),
    mimetype=st.sampled_from([None, "text/plain", "application/json", "image/png"]),
    changes=touches,
)
def test_a_light_response_is_sent_like_werkzeugs_whatever_is_done_to_it(
    body: Any, status: Any, mimetype: Any, changes: list[Any]
) -> None:
    class Html(WerkzeugResponse):
        default_mimetype = "text/html"

    ours, theirs = Response(body, status, mimetype=mimetype), Html(body, status, mimetype=mimetype)
    for change in changes:
        change(ours)
        change(theirs)
    assert written(ours) == written(theirs)
    app = Trivet("sends", config_file=False)
    app.add_url_rule("/", "view", lambda: ours)
    answer = app.test_client().get("/")
    assert (answer.status, sorted(answer.headers), answer.data) == written(theirs)


def test_a_response_that_became_another_is_that_other() -> None:
    first, second = Response("first"), Response("second", 404)
    first.become(second)
    second.headers["X-Late"] = "yes"
    assert (first.get_data(), first.status_code, first.headers["X-Late"]) == (b"second", 404, "yes")


def test_a_subclass_that_writes_its_own_headers_is_heeded() -> None:
    class Signed(Response):
        def get_wsgi_headers(self, environ: Any) -> Any:
            headers = super().get_wsgi_headers(environ)
            headers["X-Signed"] = "yes"
            return headers

    app = Trivet("signs", config_file=False)
    app.response_class = Signed
    app.add_url_rule("/", "view", lambda: "text")
    assert app.test_client().get("/").headers["X-Signed"] == "yes"


def test_a_header_value_with_a_line_end_is_refused() -> None:
    app = Trivet("splits", config_file=False)
    app.testing = True
    app.add_url_rule("/", "view", lambda: ("text", {"Content-Type": "text/plain\r\nX-Evil: 1"}))
    with pytest.raises(ValueError, match="newline"):
        app.test_client().get("/")


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": b"x" * 11}, 413),
        ({"data": b"x" * 10}, 200),
        ({"data": {"a": "x" * 20}}, 413),
        ({"data": b"a=\xff", "content_type": "application/x-www-form-urlencoded"}, 400),
        ({"data": b"a", "content_type": "multipart/form-data"}, 400),
        ({"data": b"a", "content_type": "multipart/form-data; boundary=b"}, 400),
        ({"environ_overrides": {"CONTENT_LENGTH": "ten"}}, 400),
        ({"environ_overrides": {"CONTENT_LENGTH": "-1"}}, 400),
        ({"environ_overrides": {"HTTP_HOST": "a b"}}, 400),
        ({"environ_overrides": {"PATH_INFO": "/\xff"}}, 400),
    ],
)
def test_a_malformed_request_is_the_clients_fault(options: dict[str, Any], status: int) -> None:
    app = Trivet("guards", config_file=False)
    app.config["MAX_CONTENT_LENGTH"] = 10

    @app.post("/")
    def view() -> str:
        return f"{request.form} {request.get_data()!r}"

    client = app.test_client()
    assert client.post("/", **options).status_code == status
    assert client.post("/", data=b"ok").status_code == 200


def test_a_view_may_raise_the_limit_for_itself() -> None:
    app = Trivet("large", config_file=False)
    app.config["MAX_CONTENT_LENGTH"] = 10

    @app.post("/")
    def view() -> str:
        request.max_content_length = 100
        return str(len(request.get_data()))

    assert app.test_client().post("/", data=b"x" * 50).text == "50"


def test_a_missing_form_field_is_the_clients_fault() -> None:
    app = Trivet("field", config_file=False)
    app.add_url_rule("/", "view", lambda: request.form["missing"], methods=["POST"])
    assert app.test_client().post("/", data={"a": "1"}).status_code == 400


def test_the_body_can_be_read_in_every_order() -> None:
    environ = EnvironBuilder(method="POST", data={"a": "1"}).get_environ()
    found = Request(environ)
    assert found.get_data() == b"a=1"
    assert found.form["a"] == "1"
    assert found.stream.read() == b""

"""Files: the static folders, and files sent by views."""

import asyncio
import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from werkzeug.exceptions import NotFound

from trivet.app import Trivet
from trivet.blueprints import Blueprint
from trivet.builtin.json import Response
from trivet.builtin.static import CHUNK_BYTES, send_file, send_from_directory
from trivet.kernel.context import current

Fetch = Callable[..., httpx.Response]
TEXT = "body { color: red }"


def make_app(folder: Path, **options: Any) -> Trivet:
    return Trivet("shop", root_path=str(folder), config_file=False, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a static folder, and a file beside it that must not be served."""
    (tmp_path / "static" / "sub").mkdir(parents=True)
    (tmp_path / "static" / "site.css").write_text(TEXT, encoding="utf-8")
    (tmp_path / "static" / "sub" / "a b.txt").write_text("spaced", encoding="utf-8")
    (tmp_path / "static-secret.txt").write_text("classified", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("classified", encoding="utf-8")
    return tmp_path


@pytest.fixture
def app(folder: Path) -> Trivet:
    return make_app(folder)


@pytest.fixture(params=["wsgi", "asgi"])
def fetch(request: pytest.FixtureRequest) -> Fetch:
    """Send one request to an application, by either protocol."""

    def by_wsgi(app: Trivet, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        transport = httpx.WSGITransport(app=app.wsgi)
        with httpx.Client(transport=transport, base_url="http://localhost") as client:
            return client.request(method, path, headers=headers)

    def by_asgi(app: Trivet, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def run() -> httpx.Response:
            asgi: Any = app.asgi
            transport = httpx.ASGITransport(app=asgi)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(run())

    return by_wsgi if request.param == "wsgi" else by_asgi


# -- static folders


def test_a_file_of_the_static_folder_is_served(app: Trivet, fetch: Fetch) -> None:
    answer = fetch(app, "/static/site.css")
    assert answer.status_code == 200
    assert answer.text == TEXT
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["Content-Length"] == str(len(TEXT))
    assert answer.headers["ETag"]
    assert answer.headers["Last-Modified"]


def test_names_with_spaces_and_folders_are_served(app: Trivet, fetch: Fetch) -> None:
    assert fetch(app, "/static/sub/a%20b.txt").text == "spaced"


def test_head_gets_the_headers_alone(app: Trivet, fetch: Fetch) -> None:
    answer = fetch(app, "/static/site.css", "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(TEXT))


def test_other_methods_are_refused(app: Trivet, fetch: Fetch) -> None:
    assert fetch(app, "/static/site.css", "DELETE").status_code == 405


@pytest.mark.parametrize("path", ["none.css", "", "sub", "sub/", "a%00b", "x" * 5000])
def test_what_is_no_file_is_not_found(app: Trivet, fetch: Fetch, path: str) -> None:
    assert fetch(app, f"/static/{path}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "%2e%2e%2fsecret.txt",
        "sub/%2e%2e/%2e%2e/secret.txt",
        "sub%2f..%2f..%2fsecret.txt",
        "..%5csecret.txt",
        "%2e%2e/static-secret.txt",
        "{root}/secret.txt",
        "%2f{root}/secret.txt",
    ],
)
def test_nothing_outside_of_the_static_folder_is_served(app: Trivet, folder: Path, fetch: Fetch, path: str) -> None:
    answer = fetch(app, "/static/" + path.replace("{root}", str(folder)))
    assert "classified" not in answer.text
    assert answer.status_code in (308, 404)


def test_the_url_of_a_static_file_can_be_built(app: Trivet) -> None:
    with app.test_request_context():
        assert app.url_for("static", filename="site.css") == "/static/site.css"


def test_folder_and_url_can_be_chosen(folder: Path, fetch: Fetch) -> None:
    app = make_app(folder, static_folder="static/sub", static_url_path="/files/")
    assert fetch(app, "/files/a%20b.txt").text == "spaced"
    assert fetch(app, "/static/site.css").status_code == 404


def test_an_application_without_static_folder_has_no_static_endpoint(folder: Path) -> None:
    app = make_app(folder, static_folder=None)
    assert "static" not in app.view_functions
    assert [rule.endpoint for rule in app.url_map.iter_rules()] == []


def test_a_static_host_serves_the_files_where_rules_name_hosts(folder: Path) -> None:
    app = make_app(folder, static_host="files.example", host_matching=True)
    client = app.test_client()
    with client.get("/static/site.css", base_url="http://files.example") as answer:
        assert answer.status_code == 200
    assert client.get("/static/site.css", base_url="http://www.example").status_code == 404


@pytest.mark.parametrize("options", [{"static_host": "files.example"}, {"host_matching": True}])
def test_static_host_and_host_matching_go_together(folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="static_host= if host_matching=True"):
        make_app(folder, **options)


def test_a_blueprint_serves_its_own_static_folder(app: Trivet, folder: Path, fetch: Fetch) -> None:
    blog = Blueprint("blog", __name__, static_folder="sub", root_path=str(folder / "static"))
    app.register_blueprint(blog, url_prefix="/blog")
    assert fetch(app, "/blog/sub/a%20b.txt").text == "spaced"
    assert fetch(app, "/blog/sub/%2e%2e/site.css").status_code == 404
    with app.test_request_context():
        assert app.url_for("blog.static", filename="a.txt") == "/blog/sub/a.txt"


def test_an_overridden_send_static_file_is_used(folder: Path, fetch: Fetch) -> None:
    class Shop(Trivet):
        def send_static_file(self, filename: str) -> Any:
            return f"instead of {filename}"

    app = Shop("shop", root_path=str(folder), config_file=False)
    assert fetch(app, "/static/site.css").text == "instead of site.css"


# -- conditional requests (RFC 9110, 13 and 14)


def test_a_known_etag_is_answered_304(app: Trivet, fetch: Fetch) -> None:
    etag = fetch(app, "/static/site.css").headers["ETag"]
    answer = fetch(app, "/static/site.css", **{"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == etag


def test_a_changed_file_has_another_etag(app: Trivet, folder: Path, fetch: Fetch) -> None:
    before = fetch(app, "/static/site.css").headers["ETag"]
    os.utime(folder / "static" / "site.css", (1_000_000_000, 1_000_000_000))
    assert fetch(app, "/static/site.css", **{"If-None-Match": before}).status_code == 200


def test_an_unchanged_file_is_answered_304(app: Trivet, fetch: Fetch) -> None:
    since = fetch(app, "/static/site.css").headers["Last-Modified"]
    assert fetch(app, "/static/site.css", **{"If-Modified-Since": since}).status_code == 304
    longer_ago = "Sat, 01 Jan 2000 00:00:00 GMT"
    assert fetch(app, "/static/site.css", **{"If-Modified-Since": longer_ago}).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "part", "where"),
    [
        ("bytes=0-3", TEXT[:4], "bytes 0-3"),
        ("bytes=5-", TEXT[5:], f"bytes 5-{len(TEXT) - 1}"),
        ("bytes=-3", TEXT[-3:], f"bytes {len(TEXT) - 3}-{len(TEXT) - 1}"),
    ],
)
def test_a_range_is_answered_with_its_part(app: Trivet, fetch: Fetch, wanted: str, part: str, where: str) -> None:
    answer = fetch(app, "/static/site.css", Range=wanted)
    assert (answer.status_code, answer.text) == (206, part)
    assert answer.headers["Content-Range"] == f"{where}/{len(TEXT)}"
    assert answer.headers["Content-Length"] == str(len(part))


def test_a_range_beyond_the_end_is_refused(app: Trivet, fetch: Fetch) -> None:
    answer = fetch(app, "/static/site.css", Range="bytes=100-200")
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(TEXT)}"


def test_a_range_of_a_changed_file_gets_the_whole(app: Trivet, fetch: Fetch) -> None:
    answer = fetch(app, "/static/site.css", **{"Range": "bytes=0-3", "If-Range": '"other"'})
    assert (answer.status_code, answer.text) == (200, TEXT)


# -- how long files may be kept


def test_browsers_ask_each_time_unless_told_otherwise(app: Trivet, fetch: Fetch) -> None:
    assert fetch(app, "/static/site.css").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("age", [3600, timedelta(hours=1)])
def test_the_configured_age_is_sent(app: Trivet, fetch: Fetch, age: int | timedelta) -> None:
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = age
    assert fetch(app, "/static/site.css").headers["Cache-Control"] == "public, max-age=3600"


def test_application_and_blueprint_may_decide_for_each_file(folder: Path, fetch: Fetch) -> None:
    class Shop(Trivet):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 10 if filename == "site.css" else None

    class Part(Blueprint):
        def get_send_file_max_age(self, filename: str | None) -> int | None:
            return 20

    app = Shop("shop", root_path=str(folder), config_file=False)
    app.register_blueprint(Part("part", __name__, static_folder="static", root_path=str(folder)), url_prefix="/p")
    assert fetch(app, "/static/site.css").headers["Cache-Control"] == "public, max-age=10"
    assert fetch(app, "/static/sub/a%20b.txt").headers["Cache-Control"] == "no-cache"
    assert fetch(app, "/p/static/site.css").headers["Cache-Control"] == "public, max-age=20"


# -- files sent by views


def test_a_path_is_relative_to_the_applications_folder(app: Trivet, fetch: Fetch) -> None:
    @app.get("/file")
    def view() -> Any:
        return send_file(current.get(), "static/site.css")

    assert fetch(app, "/file").text == TEXT


def test_the_configured_age_holds_for_files_of_views_too(app: Trivet, fetch: Fetch) -> None:
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 60

    @app.get("/file")
    def view() -> Any:
        return send_file(current.get(), "static/site.css")

    assert fetch(app, "/file").headers["Cache-Control"] == "public, max-age=60"


def test_a_coroutine_view_may_send_a_file(app: Trivet, fetch: Fetch) -> None:
    @app.get("/file")
    async def view() -> Any:
        return send_file(current.get(), Path(app.root_path) / "static" / "site.css", max_age=5)

    answer = fetch(app, "/file", Range="bytes=0-3")
    assert (answer.status_code, answer.text) == (206, TEXT[:4])
    assert answer.headers["Cache-Control"] == "public, max-age=5"


def test_a_large_file_arrives_whole_and_is_closed(app: Trivet, folder: Path, fetch: Fetch) -> None:
    data = os.urandom(3 * CHUNK_BYTES + 17)
    opened: list[io.BytesIO] = []

    @app.get("/file")
    def view() -> Any:
        opened.append(io.BytesIO(data))
        return send_file(current.get(), opened[0], mimetype="application/octet-stream")

    assert fetch(app, "/file").content == data
    assert opened[0].closed


def test_a_file_is_closed_when_only_its_headers_are_wanted(app: Trivet, fetch: Fetch) -> None:
    opened: list[io.BytesIO] = []

    @app.get("/file")
    def view() -> Any:
        opened.append(io.BytesIO(b"data"))
        return send_file(current.get(), opened[-1], mimetype="text/plain", etag="known")

    assert fetch(app, "/file", "HEAD").content == b""
    assert fetch(app, "/file", **{"If-None-Match": '"known"'}).status_code == 304
    assert [file.closed for file in opened] == [True, True]


def test_an_attachment_has_a_name_in_any_script(app: Trivet, fetch: Fetch) -> None:
    @app.get("/file")
    def view() -> Any:
        return send_file(current.get(), "static/site.css", as_attachment=True, download_name="Größe.css")

    header = fetch(app, "/file").headers["Content-Disposition"]
    assert header.startswith("attachment;")
    assert "filename*=UTF-8''Gr%C3%B6%C3%9Fe.css" in header


def test_a_content_type_that_cannot_be_guessed_must_be_given(app: Trivet) -> None:
    with app.test_request_context() as ctx, pytest.raises(TypeError, match="mimetype"):
        send_file(ctx, io.BytesIO(b"data"))


def test_a_file_opened_in_text_mode_is_refused(app: Trivet) -> None:
    with app.test_request_context() as ctx, pytest.raises(ValueError, match="binary"):
        send_file(ctx, io.StringIO("text"), mimetype="text/plain")  # type: ignore[arg-type]


def test_the_front_server_may_send_the_file_itself(app: Trivet, folder: Path, fetch: Fetch) -> None:
    app.config["USE_X_SENDFILE"] = True
    answer = fetch(app, "/static/site.css")
    assert answer.headers["X-Sendfile"] == str(folder / "static" / "site.css")
    assert answer.content == b""


def test_files_are_sent_in_the_applications_response_class(app: Trivet) -> None:
    class Own(Response):
        pass

    app.response_class = Own
    with app.test_request_context() as ctx:
        answer = send_file(ctx, "static/site.css")
        assert type(answer) is Own
        answer.close()


def test_the_servers_own_way_to_send_files_is_used(app: Trivet, folder: Path) -> None:
    class Wrapper:
        def __init__(self, file: Any, size: int) -> None:
            self.file = file

        def close(self) -> None:
            self.file.close()

    environ = app.make_environ_builder("/static/site.css").get_environ()
    environ["wsgi.file_wrapper"] = Wrapper
    body = app.wsgi(environ, lambda status, headers: None)
    assert type(body) is Wrapper
    body.close()


@pytest.mark.parametrize("path", ["../secret.txt", "sub/../../secret.txt", "/secret.txt", "none.css", "sub"])
def test_a_users_path_finds_nothing_outside_of_the_folder(app: Trivet, path: str) -> None:
    with app.test_request_context() as ctx, pytest.raises(NotFound):
        send_from_directory(ctx, "static", path)


def test_a_users_path_finds_files_of_the_folder(app: Trivet) -> None:
    with app.test_request_context() as ctx:
        answer = send_from_directory(ctx, "static", "sub/a b.txt", as_attachment=True)
        with answer:
            assert b"".join(answer.iter_encoded()) == b"spaced"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a b.txt"'

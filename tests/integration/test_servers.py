"""Every server gets the same questions and must give the same answers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from .client import multipart, token
from .servers import ASGI, CHUNKED, CONCURRENT, DEBUGGING, NAMES, WSGI, Running

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LIMIT = 64 * 1024


def test_the_first_program_answers(served: Running) -> None:
    answer = served.ask("GET", "/api/hello?name=Ada")
    assert (answer.status, answer.json()) == (200, {"message": "Hello, Ada"})
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Content-Length"]) == len(answer.body)


def test_the_first_program_answers_in_unicode(served: Running) -> None:
    assert served.ask("GET", "/api/hello?name=%C3%85sa").json() == {"message": "Hello, Åsa"}


@pytest.mark.parametrize("path", ["/sync", "/async"])
def test_the_server_speaks_its_own_protocol_to_the_application(served: Running, path: str) -> None:
    assert served.ask("GET", path).json()["protocol"] == served.server.protocol


@pytest.mark.parametrize("served", ASGI, indirect=True)
def test_under_asgi_an_async_view_runs_on_the_servers_loop_and_a_sync_view_off_it(served: Running) -> None:
    on_loop, off_loop = served.ask("GET", "/async").json(), served.ask("GET", "/sync").json()
    assert on_loop["loop"] is not None
    assert off_loop["loop"] is None
    assert on_loop["thread"] != off_loop["thread"]


@pytest.mark.parametrize("served", WSGI, indirect=True)
def test_under_wsgi_all_async_views_of_a_process_run_on_one_loop(served: Running) -> None:
    seen = [served.ask("GET", "/async").json() for _ in range(5)]
    assert len({(each["process"], each["loop"], each["thread"]) for each in seen}) == 1


@pytest.mark.parametrize("served", CONCURRENT, indirect=True)
def test_async_views_of_two_requests_run_at_the_same_time(served: Running) -> None:
    mark = token()
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(
            lambda name: served.ask("GET", f"/async/together/{name}?token={mark}").text, ("left", "right")
        )
        assert list(answers) == ["together", "together"]


def test_requests_side_by_side_do_not_mix(served: Running) -> None:
    names = [f"caller-{number}" for number in range(24)]
    paths = [f"/api/hello?name={name}" for name in names]
    with ThreadPoolExecutor(6) as pool:
        answers = pool.map(lambda path: served.ask("GET", path).json()["message"], paths)
        assert list(answers) == [f"Hello, {name}" for name in names]


def test_json_comes_back_as_it_was_sent(served: Running) -> None:
    value = {"text": "Åsa", "numbers": [1, 2.5, None, True], "nested": {"a": []}}
    answer = served.ask("POST", "/echo/json", headers=JSON, body=json.dumps(value).encode())
    assert (answer.status, answer.json()) == (200, value)


@pytest.mark.parametrize("path", ["/echo/form", "/async/echo/form"])
def test_a_form_comes_back_as_it_was_sent(served: Running, path: str) -> None:
    answer = served.ask("POST", path, headers=FORM, body=b"name=%C3%85sa&tag=a&tag=b+c")
    assert answer.json() == {"name": "Åsa", "fields": {"name": ["Åsa"], "tag": ["a", "b c"]}, "files": {}}


@pytest.mark.parametrize("path", ["/echo/form", "/async/echo/form"])
def test_an_upload_comes_back_as_it_was_sent(served: Running, path: str) -> None:
    headers, body = multipart({"name": "Åsa"}, {"file": ("data.bin", bytes(range(256)) * 150)})
    answer = served.ask("POST", path, headers=headers, body=body)
    files = {"file": ["data.bin", 38_400]}
    assert answer.json() == {"name": "Åsa", "fields": {"name": ["Åsa"]}, "files": files}


@pytest.mark.parametrize("size", [0, 1, 1000, LIMIT])
def test_a_body_up_to_the_limit_arrives_whole(served: Running, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    answer = served.ask("POST", "/echo/raw", headers={"Content-Type": "application/octet-stream"}, body=body)
    assert (answer.status, answer.body) == (200, body)


def test_a_body_can_be_read_piece_by_piece(served: Running) -> None:
    answer = served.ask("POST", "/echo/stream", body=b"x" * 30_000)
    assert (answer.status, answer.text) == (200, "30000")


def test_a_body_that_nobody_reads_does_no_harm(served: Running) -> None:
    assert served.ask("POST", "/ignored", body=b"x" * 30_000).text == "ignored"


@pytest.mark.parametrize("path", ["/echo/raw", "/echo/json", "/echo/form"])
def test_a_body_over_the_limit_is_refused(served: Running, path: str) -> None:
    body = b'{"name":"' + b"x" * LIMIT + b'"}'
    kind = {"/echo/form": FORM, "/echo/json": JSON}.get(path, {})
    assert served.ask("POST", path, headers=kind, body=body).status == 413


@pytest.mark.parametrize("served", CHUNKED, indirect=True)
def test_a_body_of_unknown_length_arrives_whole(served: Running) -> None:
    pieces = [bytes([number]) * 1024 for number in range(64)]
    answer = served.ask("POST", "/echo/raw", body=iter(pieces))
    assert (answer.status, answer.body) == (200, b"".join(pieces))


@pytest.mark.parametrize("served", CHUNKED, indirect=True)
@pytest.mark.parametrize("path", ["/echo/raw", "/echo/stream"])
@pytest.mark.parametrize("pieces", [[LIMIT + 1], [LIMIT // 2, LIMIT // 2 + 1], [LIMIT, 1]], ids=str)
def test_a_body_of_unknown_length_over_the_limit_is_refused(served: Running, path: str, pieces: list[int]) -> None:
    assert served.ask("POST", path, body=(b"x" * size for size in pieces)).status == 413


@pytest.mark.parametrize("served", [name for name in WSGI if name not in CHUNKED], indirect=True)
def test_where_the_server_keeps_a_body_of_unknown_length_back_its_length_is_asked_for(
    served: Running,
) -> None:
    assert served.ask("POST", "/echo/raw", body=iter([b"x" * 1024])).status == 411


def test_a_redirect_names_the_path(served: Running) -> None:
    answer = served.ask("GET", "/redirect")
    assert (answer.status, answer.headers["Location"]) == (302, "/api/hello")


def test_a_missing_slash_is_redirected_with_the_query_kept(served: Running) -> None:
    answer = served.ask("GET", "/slash?a=1")
    assert answer.status == 308
    assert answer.headers["Location"].endswith("/slash/?a=1")


def test_an_external_address_names_the_host_that_was_asked(served: Running) -> None:
    answer = served.ask("GET", "/address", headers={"Host": "shop.example:8080"}).json()
    assert answer["hello"] == "http://shop.example:8080/api/hello"
    assert answer["url"] == "http://shop.example:8080/address"
    assert (answer["host"], answer["root"], answer["scheme"]) == ("shop.example:8080", "", "http")
    assert answer["client"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("sent", "name"),
    [("a%20b", "a b"), ("%C3%85sa", "Åsa"), ("100%25", "100%"), ("a+b", "a+b"), ("a%3Fb", "a?b")],
)
def test_a_path_segment_is_decoded_once(served: Running, sent: str, name: str) -> None:
    assert served.ask("GET", f"/names/{sent}").json() == {"name": name}


def test_cookies_come_back(served: Running) -> None:
    first = served.ask("GET", "/visits")
    cookie = first.headers["Set-Cookie"].partition(";")[0]
    second = served.ask("GET", "/visits", headers={"Cookie": cookie})
    assert (first.json(), second.json()) == ({"visits": 1}, {"visits": 2})


@pytest.mark.parametrize("path", ["/api/hello", "/async", "/stream/returned"])
def test_head_has_the_headers_and_no_body(served: Running, path: str) -> None:
    answer, whole = served.ask("HEAD", path), served.ask("GET", path)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"] == whole.headers["Content-Type"]


def test_options_lists_the_methods(served: Running) -> None:
    answer = served.ask("OPTIONS", "/echo/raw")
    assert (answer.status, answer.body) == (200, b"")
    assert methods(answer.headers["Allow"]) == {"OPTIONS", "PATCH", "POST", "PUT"}


def test_a_wrong_method_is_answered_with_the_right_ones(served: Running) -> None:
    answer = served.ask("DELETE", "/api/hello")
    assert answer.status == 405
    assert methods(answer.headers["Allow"]) == {"GET", "HEAD", "OPTIONS"}


def test_an_unknown_path_is_not_found(served: Running) -> None:
    assert served.ask("GET", "/nowhere").status == 404


@pytest.mark.parametrize("path", ["/boom", "/async/boom"])
def test_an_exception_in_a_view_is_a_500_logged_once_and_torn_down_once(served: Running, path: str) -> None:
    mark = token()
    answer = served.ask("GET", f"{path}?token={mark}")
    assert answer.status == 500
    served.wait_for_note("teardown", mark)
    served.wait_for_log(f"RuntimeError: boom {mark}")
    assert served.ask("GET", "/api/hello").status == 200
    assert served.noted("teardown", mark) == 1
    assert served.log_text().count(f"RuntimeError: boom {mark}") == 1


@pytest.mark.parametrize("served", [name for name in NAMES if name not in DEBUGGING], indirect=True)
def test_outside_of_debug_an_exception_is_not_shown_to_the_client(served: Running) -> None:
    mark = token()
    assert mark not in served.ask("GET", f"/boom?token={mark}").text


@pytest.mark.parametrize("served", DEBUGGING, indirect=True)
def test_in_debug_an_exception_is_shown_to_the_developer(served: Running) -> None:
    mark = token()
    assert f"boom {mark}" in served.ask("GET", f"/boom?token={mark}").text


@pytest.mark.parametrize("path", ["/sync", "/async"])
def test_teardown_runs_once_after_each_request(served: Running, path: str) -> None:
    mark = token()
    served.ask("GET", f"{path}?token={mark}")
    served.wait_for_note("teardown", mark)
    assert served.ask("GET", "/api/hello").status == 200
    assert served.noted("teardown", mark) == 1


def methods(allow: str) -> set[str]:
    """Split the value of an ``Allow`` header."""
    return {method.strip() for method in allow.split(",")}

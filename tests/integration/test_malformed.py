"""Malformed requests, sent as raw bytes: a 4xx or no answer at all, never a 500, and the worker goes on."""

from __future__ import annotations

import pytest

from .client import Unfinished, request_bytes, send_raw
from .servers import NAMES, Running

LIMIT = 64 * 1024
JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = "Content-Type: multipart/form-data; boundary=limit"
EMPTY_BOUNDARY = "Content-Type: multipart/form-data; boundary="
ENDS = b"--limit--\r\n"
PART = b'--limit\r\nContent-Disposition: form-data; name="name"\r\n\r\nAda\r\n'


def post(target: str, *headers: str | bytes, body: bytes = b"", length: int | str | None = None) -> bytes:
    """Write a request with a body; ``length`` is announced in place of the real length."""
    announced = len(body) if length is None else length
    return request_bytes(target, method="POST", headers=(*headers, f"Content-Length: {announced}"), body=body)


def truncated(target: str, *headers: str | bytes, body: bytes) -> bytes:
    """Write a request whose body ends before the length that was announced."""
    return Unfinished(post(target, *headers, body=body, length=len(body) + 100))


def chunked(target: str, *headers: str | bytes, body: bytes) -> bytes:
    """Write a request whose body is announced as chunked; the body is given as it goes over the wire."""
    return request_bytes(target, method="POST", headers=(*headers, "Transfer-Encoding: chunked"), body=body)


LAST_CHUNK = b"0\r\n\r\n"

# What the application must refuse itself if the server lets it through: nothing but a 4xx will do.
REFUSED: dict[str, bytes] = {
    "invalid UTF-8 in a path segment": request_bytes(b"/names/%ff%fe"),
    "overlong UTF-8 in a path segment": request_bytes(b"/names/%c0%ae%c0%ae"),
    "an encoded surrogate in a path segment": request_bytes(b"/names/%ed%a0%80"),
    "invalid UTF-8 in the rest of a path": request_bytes(b"/paths/a/%ff"),
    "invalid UTF-8 in an unknown path": request_bytes(b"/nowhere/%ff"),
    "a Content-Length that is no number": post("/echo/raw", length="five"),
    "a negative Content-Length": post("/echo/raw", length="-1"),
    "a Content-Length with a sign": post("/echo/raw", body=b"12345", length="+5"),
    "a Content-Length with an underscore": post("/echo/raw", body=b"0123456789", length="1_0"),
    "two different Content-Lengths": post("/echo/raw", "Content-Length: 3", body=b"12345"),
    "a truncated body": truncated("/echo/raw", body=b"12345"),
    "truncated JSON": truncated("/echo/json", JSON, body=b'{"name": "Ada"}'),
    "a truncated form": truncated("/echo/form", FORM, body=b"name=Ada"),
    "a truncated upload": truncated("/echo/form", MULTIPART, body=PART + ENDS),
    "a truncated body that is streamed": truncated("/echo/stream", body=b"12345"),
    "broken JSON": post("/echo/json", JSON, body=b'{"name": '),
    "empty JSON": post("/echo/json", JSON),
    "JSON that is no UTF-8": post("/echo/json", JSON, body=b'"\xff\xfe\xfa"'),
    "deeply nested JSON": post("/echo/json", JSON, body=b"[" * 60_000),
    "JSON with a huge number": post("/echo/json", JSON, body=b"1" * 10_000),
    "JSON under another media type": post("/echo/json", "Content-Type: text/plain", body=b"{}"),
    "JSON with no media type": post("/echo/json", body=b"{}"),
    "a form without the field": post("/echo/form", FORM, body=b"%%%=%zz&&&=&=;"),
    "an upload with no boundary": post("/echo/form", "Content-Type: multipart/form-data", body=PART),
    "an upload with an empty boundary": post("/echo/form", EMPTY_BOUNDARY, body=PART),
    "an upload with another boundary": post("/echo/form", MULTIPART, body=PART.replace(b"limit", b"other")),
    "an upload that never ends": post("/echo/form", MULTIPART, body=PART[:-5]),
    "an upload part with no headers": post("/echo/form", MULTIPART, body=b"--limit\r\nAda\r\n--limit--\r\n"),
    "an upload of many parts": post("/echo/form", MULTIPART, body=PART * 1001 + ENDS),
    "an upload that is no upload": post("/echo/form", MULTIPART, body=b"\x00\xff" * 500),
    "a body over the limit": post("/echo/raw", body=b"x" * (LIMIT + 1)),
    "a body that is announced over the limit": Unfinished(post("/echo/raw", body=b"x", length=10**15)),
    "a body over the limit that is streamed": post("/echo/stream", body=b"x" * (LIMIT + 1)),
    "a Host with a space": request_bytes("/address", host="two words"),
    "a Host with a path": request_bytes("/address", host="evil.example/path"),
    "a Host with a user": request_bytes("/address", host="user@evil.example"),
    "a Host with markup": request_bytes("/address", host="<script>"),
    "a Host with a bad port": request_bytes("/address", host="localhost:port"),
    "a Host with half of an address": request_bytes("/address", host="[::1"),
    "an empty Content-Type and no field": post("/echo/form", "Content-Type:", body=b"name=Ada"),
    "an unknown method": request_bytes("/api/hello", method="BREW"),
    "a WebDAV method": request_bytes("/api/hello", method="PROPFIND"),
    "a long method": request_bytes("/api/hello", method="A" * 200),
}

# What has a meaning that an application or a server may accept: anything but a failure of the server will do.
SURVIVED: dict[str, bytes] = {
    "bad percent-encoding in the path": request_bytes(b"/names/%zz"),
    "half of a percent-encoding": request_bytes(b"/names/%"),
    "an encoded zero in the path": request_bytes(b"/names/a%00b"),
    "raw bytes in the path": request_bytes(b"/names/\xff\xfe"),
    "dots in the path": request_bytes(b"/paths/../../etc/passwd"),
    "many slashes": request_bytes(b"//evil.example//api/hello"),
    "an absolute target": request_bytes(b"http://evil.example/api/hello"),
    "a broken absolute target": request_bytes(b"http://[::1/api/hello"),
    "an asterisk as target": request_bytes("*", method="OPTIONS"),
    "an asterisk for GET": request_bytes("*"),
    "a long path": request_bytes("/" + "a" * 6000),
    "bad percent-encoding in the query": request_bytes("/api/hello?name=%zz&%=%&&=&%ff"),
    "raw bytes in the query": request_bytes(b"/api/hello?name=\xff\xfe"),
    # Some servers take the lower-case name for the method it resembles.
    "a method in lower case": request_bytes("/api/hello", method="get"),
    "a CONNECT": request_bytes("localhost:80", method="CONNECT"),
    "a TRACE": request_bytes("/api/hello", method="TRACE"),
    "no Host": request_bytes("/address", host=None),
    "an empty Host": request_bytes("/address", host=""),
    "a Host of an IPv6 address": request_bytes("/address", host="[::1]:80"),
    "an invalid Host that nobody reads": request_bytes("/api/hello", host="two words"),
    "cookies of nonsense": request_bytes("/visits", headers=(b'Cookie: \xff=\xfe; =; ;;; session="; session=a.b',)),
    "a session cookie of nonsense": request_bytes("/visits", headers=("Cookie: session=" + "." * 3000,)),
    "a header that is no ASCII": request_bytes("/api/hello", headers=(b"X-Name: \xff\xfe",)),
    "a header with no value": request_bytes("/api/hello", headers=("X-Name:",)),
    "a line that is no header": request_bytes("/api/hello", headers=("nonsense",)),
    "a folded header": request_bytes("/api/hello", headers=("X-Name: a\r\n b",)),
    "a header with a zero": request_bytes("/api/hello", headers=(b"X-Name: a\x00b",)),
    "broken conditional headers": request_bytes(
        "/api/hello", headers=("If-Modified-Since: yesterday", 'If-None-Match: "', "If-Range: z")
    ),
    "a broken Range": request_bytes("/api/hello", headers=("Range: bytes=x-y",)),
    "broken Accept headers": request_bytes("/api/hello", headers=("Accept: ;;q=x, */*;q=nan",)),
    "a broken Authorization": request_bytes("/api/hello", headers=("Authorization: Basic %%%",)),
    "JSON with surrogates": post("/echo/json", JSON, body=b'"\\ud800"'),
    "JSON that is not finite": post("/echo/json", JSON, body=b"[NaN, Infinity, -Infinity, 1e999]"),
    "a form with broken text": post("/echo/form", FORM, body=b"name=%ff%zz\xff"),
    "a form of many fields": post("/echo/form", FORM, body=b"a=1&" * 10_000 + b"name=x"),
    "an unknown charset": post("/echo/form", FORM + "; charset=nonsense", body=b"name=Ada"),
    "an upload with an unknown charset": post(
        "/echo/form",
        MULTIPART,
        body=PART.replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain; charset=none\r\n\r\n") + ENDS,
    ),
    "an upload with a broken disposition": post(
        "/echo/form", MULTIPART, body=PART.replace(b"form-data;", b"form-data;;filename*=x''%") + ENDS
    ),
    "a broken Expect": post("/echo/raw", "Expect: nonsense", body=b"x"),
    "an unknown content coding": post("/echo/json", JSON, "Content-Encoding: gzip", body=b"{}"),
    "an unknown transfer coding": request_bytes("/echo/raw", method="POST", headers=("Transfer-Encoding: nonsense",)),
    "both a length and chunks": post("/echo/raw", "Transfer-Encoding: chunked", body=b"1\r\nx\r\n0\r\n\r\n"),
    "no request at all": b"\x16\x03\x01\x00\x00nonsense\r\n\r\n",
    "no more than line ends": Unfinished(b"\r\n\r\n"),
    "an old request": b"GET /api/hello\r\n\r\n",
    "an unknown version": b"GET /api/hello HTTP/9.9\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "half of a request": Unfinished(b"GET /api/hello HTTP/1.1\r\nHost: local"),
}

CHUNKED: dict[str, bytes] = {
    "a chunk with no size": chunked("/echo/raw", body=b"size\r\nx\r\n" + LAST_CHUNK),
    "chunks that never end": Unfinished(chunked("/echo/raw", body=b"5\r\n123")),
    "broken JSON in chunks": chunked("/echo/json", JSON, body=b"1\r\n{\r\n" + LAST_CHUNK),
}


def is_refused(status: int | None) -> bool:
    """Tell whether the client was told, or shown by a closed connection, that the request was at fault."""
    return status is None or 400 <= status < 500


@pytest.mark.parametrize("case", REFUSED)
def test_a_malformed_request_is_refused_and_the_worker_goes_on(served: Running, case: str) -> None:
    if served.server.name == "trivet-run" and case == "two different Content-Lengths":
        pytest.skip("the development server passes only one of them on")
    status = send_raw(served.port, REFUSED[case])
    assert is_refused(status) or status == 501, status
    assert served.ask("GET", "/api/hello").status == 200


@pytest.mark.parametrize("case", SURVIVED)
def test_an_odd_request_does_not_fail_in_the_server(served: Running, case: str) -> None:
    status = send_raw(served.port, SURVIVED[case])
    assert status is None or status < 500 or status in {501, 505}, status
    assert served.ask("GET", "/api/hello").status == 200


# granian gives a WSGI application the pieces before the fault as if they were the whole body.
@pytest.mark.parametrize("served", [name for name in NAMES if name != "granian-wsgi"], indirect=True)
@pytest.mark.parametrize("case", CHUNKED)
def test_malformed_chunks_are_refused_and_the_worker_goes_on(served: Running, case: str) -> None:
    assert is_refused(send_raw(served.port, CHUNKED[case]))
    assert served.ask("GET", "/api/hello").status == 200

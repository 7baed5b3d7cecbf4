"""Every server behind nginx, which gives it a path prefix and sends the usual proxy headers."""

from __future__ import annotations

import json
import sys

import pytest

from .client import ask, opened, token
from .nginx import Nginx
from .servers import Running

PUBLIC = {"Host": "shop.example"}


def test_the_first_program_answers_behind_the_prefix(nginx: Nginx, proxied: Running) -> None:
    answer = ask(nginx.port, "GET", f"/{proxied.server.name}/api/hello?name=Ada", headers=PUBLIC)
    assert (answer.status, answer.json()) == (200, {"message": "Hello, Ada"})


def test_the_server_speaks_its_own_protocol_to_the_application(nginx: Nginx, proxied: Running) -> None:
    answer = ask(nginx.port, "GET", f"/{proxied.server.name}/async", headers=PUBLIC)
    assert answer.json()["protocol"] == proxied.server.protocol


def test_addresses_are_those_that_the_client_sees(nginx: Nginx, proxied: Running) -> None:
    prefix = f"/{proxied.server.name}"
    answer = ask(nginx.port, "GET", f"{prefix}/address", headers=PUBLIC).json()
    assert answer["hello"] == f"https://shop.example{prefix}/api/hello"
    assert answer["path"] == f"{prefix}/api/hello"
    assert answer["url"] == f"https://shop.example{prefix}/address"
    assert (answer["host"], answer["scheme"], answer["secure"]) == ("shop.example", "https", True)
    assert answer["root"] == prefix


def test_redirects_keep_the_prefix(nginx: Nginx, proxied: Running) -> None:
    prefix = f"/{proxied.server.name}"
    answer = ask(nginx.port, "GET", f"{prefix}/redirect", headers=PUBLIC)
    assert (answer.status, answer.headers["Location"]) == (302, f"{prefix}/api/hello")


def test_a_missing_slash_is_redirected_below_the_prefix(nginx: Nginx, proxied: Running) -> None:
    prefix = f"/{proxied.server.name}"
    answer = ask(nginx.port, "GET", f"{prefix}/slash?a=1", headers=PUBLIC)
    assert answer.status == 308
    assert answer.headers["Location"] in {f"https://shop.example{prefix}/slash/?a=1", f"{prefix}/slash/?a=1"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second loopback address")
def test_the_client_is_the_one_that_the_proxy_saw(nginx: Nginx, proxied: Running) -> None:
    forged = {**PUBLIC, "X-Forwarded-For": "203.0.113.9"}
    path = f"/{proxied.server.name}/address"
    answer = ask(nginx.port, "GET", path, headers=forged, source="127.0.0.2").json()
    assert answer["client"] == "127.0.0.2"


def test_a_session_cookie_is_confined_to_https_and_the_prefix(nginx: Nginx, proxied: Running) -> None:
    prefix = f"/{proxied.server.name}"
    cookie = ask(nginx.port, "GET", f"{prefix}/visits", headers=PUBLIC).headers["Set-Cookie"]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"secure", "httponly", "samesite=lax"} <= attributes


def test_bodies_pass_the_proxy(nginx: Nginx, proxied: Running) -> None:
    body = json.dumps({"text": "x" * 40_000}).encode()
    headers = {**PUBLIC, "Content-Type": "application/json"}
    answer = ask(nginx.port, "POST", f"/{proxied.server.name}/echo/json", headers=headers, body=body)
    assert (answer.status, answer.json()) == (200, json.loads(body))


def test_a_body_over_the_limit_is_refused_behind_the_proxy(nginx: Nginx, proxied: Running) -> None:
    path = f"/{proxied.server.name}/echo/raw"
    # A server that answers before it has read all may reset the connection; what nginx makes of that is a 502.
    assert ask(nginx.port, "POST", path, headers=PUBLIC, body=b"x" * 65_537).status in {413, 502}
    assert ask(nginx.port, "POST", path, headers=PUBLIC, body=b"x" * 65_536).status == 200


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_stream_flows_through_the_proxy(nginx: Nginx, proxied: Running, kind: str) -> None:
    mark = token()
    path = f"/{proxied.server.name}/stream/{kind}?token={mark}&name=Ada"
    with opened(nginx.port, "GET", path, headers=PUBLIC) as response:
        first = response.read(4)
        proxied.note("seen", mark)
        rest = response.read()
    assert (first, rest) == (b"one ", b"two Ada")


def test_an_exception_behind_the_proxy_is_a_500(nginx: Nginx, proxied: Running) -> None:
    mark = token()
    answer = ask(nginx.port, "GET", f"/{proxied.server.name}/boom?token={mark}", headers=PUBLIC)
    assert answer.status == 500
    proxied.wait_for_note("teardown", mark)


def test_without_being_told_to_the_application_trusts_no_proxy_header(served: Running) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "Forwarded": "host=evil"}
    answer = served.ask("GET", "/address", headers={**PUBLIC, **forged}).json()
    assert (answer["hello"], answer["path"]) == ("http://shop.example/api/hello", "/api/hello")

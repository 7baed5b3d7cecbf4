"""Ask a server over sockets: whole requests, raw bytes, and answers read piece by piece."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage, HTTPResponse
from typing import Any
from uuid import uuid4

HOST = "127.0.0.1"
SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: HTTPMessage
    body: bytes

    def json(self) -> Any:
        """Return the body read as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """Return the body read as UTF-8."""
        return self.body.decode()


def token() -> str:
    """Return a name that no other test uses, to tell notes and log lines apart."""
    return uuid4().hex


@contextmanager
def opened(
    port: int,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
    source: str = HOST,
) -> Iterator[HTTPResponse]:
    """Send a request from an address and hand over the answer as it comes in.

    A body that is no byte string but an iterable of them is sent in chunks.
    """
    connection = HTTPConnection(HOST, port, timeout=SECONDS, source_address=(source, 0))
    try:
        with suppress(BrokenPipeError):  # a server that refuses a body may answer, and go, while it is being sent
            connection.request(method, path, body=body, headers={"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        with response:
            yield response
    finally:
        connection.close()


def ask(
    port: int,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
    source: str = HOST,
) -> Answer:
    """Send a request on a connection of its own and read the whole answer."""
    with opened(port, method, path, headers=headers, body=body, source=source) as response:
        return Answer(response.status, response.headers, response.read())


def multipart(fields: Mapping[str, str], files: Mapping[str, tuple[str, bytes]]) -> tuple[dict[str, str], bytes]:
    """Encode fields and files as ``multipart/form-data`` (RFC 7578); return the headers and the body."""
    boundary = "boundary-of-the-test"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, (filename, content) in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        parts.append(head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, b"".join(parts)


def request_bytes(
    target: bytes | str,
    *,
    method: str = "GET",
    headers: tuple[str | bytes, ...] = (),
    body: bytes = b"",
    host: str | None = "localhost",
) -> bytes:
    """Write a request by hand, so that it may break every rule; the connection is not kept."""
    target = target.encode() if isinstance(target, str) else target
    lines = [method.encode() + b" " + target + b" HTTP/1.1"]
    if host is not None:
        lines.append(b"Host: " + host.encode())
    lines.append(b"Connection: close")
    lines += [line.encode("latin-1") if isinstance(line, str) else line for line in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Unfinished(bytes):
    """Bytes of a request that stops before its end; after them the client ends its side of the connection."""


def send_raw(port: int, data: bytes) -> int | None:
    """Send bytes and return the status of the final answer; ``None`` if the connection ended without one."""
    received = b""
    with socket.create_connection((HOST, port), timeout=SECONDS) as connection:
        # A server that refuses early may end the connection while the rest is being sent.
        with suppress(OSError):
            connection.sendall(data)
            if isinstance(data, Unfinished):
                connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            # Not until the end: a development server waits for the rest of a body before it closes.
            while _final_status(received) is None and (piece := connection.recv(65536)):
                received += piece
    return _final_status(received)


def _final_status(received: bytes) -> int | None:
    """Return the status of the first answer that is no interim one."""
    statuses = [int(found) for found in re.findall(rb"(?m)^HTTP/1\.[01] (\d{3})\b", received)]
    return next((status for status in statuses if status != 100), None)


def leave_after(port: int, path: str, reason: Callable[[], None]) -> None:
    """Send a request and close the connection, without an answer, once ``reason`` returns."""
    with socket.create_connection((HOST, port), timeout=SECONDS) as connection:
        connection.sendall(request_bytes(path))
        reason()

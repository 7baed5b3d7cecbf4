"""Requests to a provider: by verified TLS, limited in time and size, and not redirected."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec

from .errors import Refused

#: Seconds for everything that is asked of a provider in one request of ours, and for each step of it.
TOTAL, STEP = 10.0, 5.0
#: Bytes of one answer.
MAX_BYTES = 256 * 1024
#: Brackets of one answer: decoders in C take stack for each level that is opened.
MAX_BRACKETS = 1_000
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Fetched(NamedTuple):
    """An answer: its status, and what its JSON says; ``None`` if it is none."""

    status: int
    data: Any


def is_usable(url: str) -> bool:
    """Tell whether a provider may be asked at an address: by https, or by http on this machine (RFC 8252, 8.3)."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and not parts.fragment and "@" not in parts.netloc
    by = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return plain and by and bool(parts.hostname) and port != 0


class Connection:
    """Asks one provider several things, all within :data:`TOTAL` seconds."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(
        self, what: str, url: str, headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> Fetched:
        """Send ``GET``, or ``POST`` with a body, and return the answer.

        :param what: what is asked, for the log.
        :raises Refused: there is no answer that could be used.
        """
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        content = body.encode() if body is not None else None
        method = "POST" if body is not None else "GET"
        try:
            async with self._client.stream(method, url, headers=sent, content=content) as response:
                return Fetched(response.status_code, parse(await _read(response, what)))
        except httpx.TimeoutException:
            raise Refused("unavailable", f"{what}: there was no answer in time") from None
        except httpx.ConnectError as error:
            if _is_certificate(error):
                raise Refused("provider", f"{what}: the certificate is not valid") from None
            raise Refused("unavailable", f"{what}: there is no connection") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Refused("provider", f"{what}: HTTP is not spoken as it should be, {type(error).__name__}") from None


async def _read(response: httpx.Response, what: str) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused("provider", f"{what}: the answer is compressed, which was not asked for")
    found = bytearray()
    async for piece in response.aiter_raw():
        found += piece
        if len(found) > MAX_BYTES:
            raise Refused("provider", f"{what}: the answer is longer than {MAX_BYTES} bytes")
    return bytes(found)


def parse(text: bytes) -> Any:
    """Return what JSON says; ``None`` for what is none, or is nested too deeply."""
    if text.count(b"[") + text.count(b"{") > MAX_BRACKETS:
        return None
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None


@asynccontextmanager
async def connect(trust: ssl.SSLContext) -> AsyncIterator[Connection]:
    """Connect to a provider.

    :param trust: whose certificates are accepted.
    :raises Refused: it takes too long.
    """
    timeout = httpx.Timeout(STEP)
    try:
        async with asyncio.timeout(TOTAL), httpx.AsyncClient(verify=trust, timeout=timeout) as client:
            yield Connection(client)
    except TimeoutError:
        raise Refused("unavailable", "all together took too long") from None


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False

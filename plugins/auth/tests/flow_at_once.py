"""Many requests at the same moment, as on a server: by WSGI a thread for each, by ASGI all on one event loop."""

import asyncio
import contextvars
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .flow_site import Browser


def send_at_once(browsers: Sequence[Browser], path: str, **fields: Any) -> list[int]:
    """Send the same JSON from several browsers at the same moment; return the statuses."""
    if browsers[0].client.protocol == "asgi":
        with asyncio.Runner() as runner:
            # In variables of its own, as on a server: no context of the test is active in the application.
            return runner.run(_on_one_loop(browsers, path, fields), context=contextvars.Context())
    barrier = threading.Barrier(len(browsers))

    def send(browser: Browser) -> int:
        barrier.wait(20)
        return int(browser.send(path, **fields).status_code)

    with ThreadPoolExecutor(len(browsers)) as pool:
        return list(pool.map(send, browsers))


async def _on_one_loop(browsers: Sequence[Browser], path: str, fields: dict[str, Any]) -> list[int]:
    return list(await asyncio.gather(*(_ask(browser, path, json.dumps(fields).encode()) for browser in browsers)))


async def _ask(browser: Browser, path: str, body: bytes) -> int:
    cookie = browser.client.get_cookie("session")
    messages, sent = [{"type": "http.request", "body": body, "more_body": False}], list[dict[str, Any]]()
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    # Another browser would be another session, which is not as fresh as it was.
    headers.append((b"user-agent", browser.client.environ_base["HTTP_USER_AGENT"].encode()))
    if cookie is not None:
        headers.append((b"cookie", f"session={cookie.value}".encode()))

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await browser.client.application(_scope(path, headers), receive, send)
    return int(sent[0]["status"])


def _scope(path: str, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 50000),
    }

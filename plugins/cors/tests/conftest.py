"""How the tests send requests on both protocols, and what a browser makes of the answers."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from trivet import Trivet

Answer = tuple[int, dict[str, str]]
Serve = Callable[[Trivet, str, str, dict[str, str]], Answer]

SAFELISTED_METHODS = {"GET", "HEAD", "POST"}


def names_in(value: str | None) -> list[str]:
    """Split a header value that is a list."""
    return [name.strip() for name in (value or "").split(",") if name.strip()]


@dataclass(frozen=True)
class Browser:
    """A page's browser: `origin` asks, with or without credentials."""

    origin: str
    credentials: bool = False

    def shares(self, headers: Mapping[str, str]) -> bool:
        """Run the CORS check (Fetch, "CORS check") on an answer's headers, names in small letters."""
        allowed = headers.get("access-control-allow-origin")
        if not self.credentials and allowed == "*":
            return True
        if allowed != self.origin:
            return False
        return not self.credentials or headers.get("access-control-allow-credentials") == "true"

    def proceeds(self, status: int, headers: Mapping[str, str], method: str, names: Iterable[str]) -> bool:
        """Run step 7 of Fetch, "CORS-preflight fetch"; `names` are the headers that need leave."""
        if not self.shares(headers) or not 200 <= status < 300:
            return False
        methods = names_in(headers.get("access-control-allow-methods"))
        known = method in methods or method in SAFELISTED_METHODS
        if not known and (self.credentials or "*" not in methods):
            return False
        allowed = {name.lower() for name in names_in(headers.get("access-control-allow-headers"))}
        wildcard = "*" in allowed and not self.credentials
        return all(name.lower() in allowed or (wildcard and name.lower() != "authorization") for name in names)


@pytest.fixture
def browser() -> Callable[..., Browser]:
    return Browser


def over_wsgi(app: Trivet, method: str, path: str, headers: dict[str, str]) -> Answer:
    body = b"x" * int(headers.pop("Content-Length", 0))
    with app.test_client().open(path, method=method, headers=headers, data=body or None) as response:
        response.get_data()
        return response.status_code, {name.lower(): value for name, value in response.headers.items()}


def over_asgi(app: Trivet, method: str, path: str, headers: dict[str, str]) -> Answer:
    body = b"x" * int(headers.get("Content-Length", 0))
    sent: list[Any] = []
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")]
        + [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 5000),
    }
    asyncio.run(app.asgi(scope, receive, send))
    start = sent[0]
    return start["status"], {name.decode().lower(): value.decode() for name, value in start["headers"]}


@pytest.fixture(params=[over_wsgi, over_asgi], ids=["wsgi", "asgi"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """Send a request to an application, and return status and headers, names in small letters."""
    function: Serve = request.param
    return function

"""Test clients for both protocols: the one application is asked by WSGI, and by ASGI."""

import asyncio
import contextvars
from collections.abc import Iterable
from typing import Any

from werkzeug.datastructures import Headers

from ..builtin.testclient import TestClient
from ..kernel.http import STATUS_LINES


class AsgiClient(TestClient):
    """A test client that speaks ASGI: like :class:`~trivet.testing.TestClient`, cookies and redirects included.

    Every request of a client runs on one event loop, as on a server. The context of a request is not kept in a ``with``
    block. Call :meth:`close` when it is done; the fixture ``make_client`` does.

    ::

        client = AsgiClient(app)
        assert client.get("/").status_code == 200
        client.close()
    """

    def __init__(self, app: Any, response_wrapper: Any = None, **options: Any) -> None:
        super().__init__(app, response_wrapper or app.response_class, **options)
        self._runner = asyncio.Runner()

    def run_wsgi_app(self, environ: dict[str, Any], buffered: bool = False) -> tuple[Iterable[bytes], str, Headers]:
        """Send the request that an environ describes by ASGI."""
        self._add_cookies_to_wsgi(environ)
        talk = _Talk(environ)
        # In variables of its own, as on a server: no context of the test is active in the application.
        context = contextvars.Context()
        self._runner.run(talk.hold(self.application), context=context)
        answer = talk.answer()
        host, path = environ["HTTP_HOST"].partition(":")[0], environ.get("PATH_INFO", "/")
        self._update_cookies_from_response(host, path, answer[2].getlist("Set-Cookie"))
        return answer

    def close(self) -> None:
        """Close the event loop."""
        self._runner.close()


class _Talk:
    """One request and its answer."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ
        length = environ.get("CONTENT_LENGTH")
        self._body = environ["wsgi.input"].read(int(length) if length else -1)
        self._sent = False
        self._messages: list[dict[str, Any]] = []

    def _scope(self) -> dict[str, Any]:
        environ = self._environ
        named = {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")}
        named |= {key: environ[key] for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(key)}
        root = environ.get("SCRIPT_NAME", "")
        path = (root + environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8", "replace")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": environ["REQUEST_METHOD"],
            "scheme": environ.get("wsgi.url_scheme", "http"),
            "path": path,
            "raw_path": (root + environ.get("PATH_INFO", "")).encode("latin-1"),
            "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
            "root_path": root,
            "headers": [
                (key.lower().replace("_", "-").encode(), value.encode("latin-1")) for key, value in named.items()
            ],
            "server": (environ.get("SERVER_NAME", "localhost"), int(environ.get("SERVER_PORT") or 80)),
            "client": (environ.get("REMOTE_ADDR") or "127.0.0.1", 50000),
        }

    async def _receive(self) -> dict[str, Any]:
        if self._sent:
            await asyncio.get_running_loop().create_future()  # the client stays, and says nothing more
        self._sent = True
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def _send(self, message: dict[str, Any]) -> None:
        self._messages.append(message)

    async def hold(self, app: Any) -> None:
        """Ask, and collect the answer."""
        await app(self._scope(), self._receive, self._send)

    def answer(self) -> tuple[Iterable[bytes], str, Headers]:
        """Return what :func:`werkzeug.test.run_wsgi_app` would."""
        start = self._messages[0]
        headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"])
        body = [message.get("body", b"") for message in self._messages[1:]]
        status = start["status"]
        return body, STATUS_LINES.get(status, str(status)), headers

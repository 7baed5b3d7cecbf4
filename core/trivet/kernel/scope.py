"""The ASGI scope seen as a WSGI environ, translated when somebody looks."""

import io
import sys
from functools import lru_cache
from typing import Any, NamedTuple


@lru_cache(maxsize=512)
def _environ_key(name: bytes) -> str:
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key


def _latin(text: str) -> str:
    return text if text.isascii() else text.encode().decode("latin-1")


class Source(NamedTuple):
    """One ASGI request: what a request object is read from until somebody needs an environ.

    :ivar scope: the ASGI scope.
    :ivar headers: the last value of each header, by its name in small letters.
    :ivar path: the path below ``root_path``.
    :ivar body: the body that was read ahead, as a binary file; ``None`` if there is none.
    :ivar length: the body's length in bytes, ``None`` if there is none.
    """

    scope: dict[str, Any]
    headers: dict[bytes, bytes]
    path: str
    body: Any
    length: int | None

    def environ(self) -> dict[str, Any]:
        """Return a WSGI environ that means the same; ``environ["asgi.scope"]`` is the original."""
        scope = self.scope
        server = scope.get("server")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": scope.get("method", "GET"),
            "SCRIPT_NAME": _latin(scope.get("root_path", "")),
            "PATH_INFO": _latin(self.path),
            "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
            "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
            "SERVER_NAME": str(server[0]) if server else "localhost",
            "SERVER_PORT": str(server[1] or 0) if server else "80",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scope.get("scheme", "http"),
            "wsgi.input": self.body if self.body is not None else io.BytesIO(),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "asgi.scope": scope,
        }
        client = scope.get("client")
        if client:
            environ["REMOTE_ADDR"] = str(client[0])
            environ["REMOTE_PORT"] = str(client[1])
        self._add_headers(environ)
        return environ

    def _add_headers(self, environ: dict[str, Any]) -> None:
        for name, value in self.scope["headers"]:
            if b"_" in name:
                continue  # it would pass for the header with dashes
            key = _environ_key(name)
            text = value.decode("latin-1")
            if key in environ:
                text = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + text
            environ[key] = text
        if self.length is not None:
            # The body is here in full: its length is known, and it is no longer sent in chunks.
            if environ.pop("HTTP_TRANSFER_ENCODING", None) is not None:
                environ["CONTENT_LENGTH"] = str(self.length)
            environ.setdefault("CONTENT_LENGTH", str(self.length))

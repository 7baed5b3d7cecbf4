"""The context of a request that came by ASGI."""

from contextvars import Context as Variables
from functools import lru_cache
from typing import Any

from werkzeug.exceptions import BadRequest, HTTPException

from .context import RequestContext
from .http import NOT_UTF8
from .scope import Source

_new = object.__new__
_new_tuple = tuple.__new__


@lru_cache(maxsize=256)
def _scope_key(name: str) -> bytes:
    return name.lower().encode("latin-1")


class AsgiContext(RequestContext):
    """The context of a request that came by ASGI."""

    #: The last value of each header, by its name in small letters.
    headers: dict[bytes, bytes]
    #: The path below ``root_path``.
    _path: str
    #: The body that was read ahead, or ``None`` if there is none.
    body: Any = None
    body_length: int | None = None
    #: The context variables that follow the request from thread to thread.
    variables: Variables | None = None
    _environ: dict[str, Any] | None = None
    #: Whether the whole answer has been sent: from then on the client may go.
    sent = False

    def __init__(self, app: Any, scope: dict[str, Any]) -> None:
        self.app = app
        self.scope = scope
        self._request = self._deferred = self.after = self.last = None

    def own_path(self) -> BadRequest | None:
        """Find the path below ``root_path``; return what is wrong with it.

        Servers decode the path and put U+FFFD where the bytes were not UTF-8; ``raw_path`` tells whether the
        client really sent that character.
        """
        scope = self.scope
        path: str = scope["path"]
        prefix: str = scope.get("root_path", "")
        if prefix and path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
            path = path[len(prefix) :]
        self._path = path
        if "\ufffd" in path:
            raw = scope.get("raw_path") or b""
            if b"%EF%BF%BD" not in raw.upper():
                return BadRequest(NOT_UTF8)
        return None

    def refuse(self, problem: HTTPException) -> None:
        """Answer the request with ``problem`` instead of a view."""
        self.rule, self.view_args, self.plan, self.routing_error = None, {}, self.app.lost, problem

    @property
    def method(self) -> str:
        """The request method, in capital letters."""
        return self.scope["method"]  # type: ignore[no-any-return]

    @property
    def path(self) -> str:
        """The path below the application's prefix, decoded."""
        return self._path

    def header(self, name: str) -> str | None:
        """Return one request header, or ``None``; several of one name come joined by commas."""
        key = _scope_key(name)
        if key not in self.headers:
            return None
        values = [value for header, value in self.scope["headers"] if header == key]
        return (b"; " if key == b"cookie" else b",").join(values).decode("latin-1")

    @property
    def environ(self) -> dict[str, Any]:  # type: ignore[override]
        """A WSGI environ that means the same; ``environ["asgi.scope"]`` is the original."""
        if self._request is not None:
            return self._request.environ  # type: ignore[no-any-return]
        found = self._environ
        if found is None:
            found = self._environ = self._source().environ()
        return found

    def _source(self) -> Source:
        return _new_tuple(Source, (self.scope, self.headers, self._path, self.body, self.body_length))

    def _make_request(self) -> Any:
        cls = self.app.request_class
        if self._environ is not None or not getattr(cls, "reads_source", False):
            return self._complete(cls(self.environ))
        request = _new(cls)
        request.source = self._source()
        return self._complete(request)

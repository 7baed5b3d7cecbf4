"""The response: Werkzeug's, built only as far as somebody looks at it."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar, cast

from werkzeug.datastructures import Headers
from werkzeug.utils import get_content_type
from werkzeug.wrappers import Response as WerkzeugResponse

from ..kernel.http import BODILESS, STATUS_LINES

_OVERRIDES = ("__call__", "get_wsgi_headers", "get_app_iter", "get_wsgi_response", "iter_encoded", "close")
_SAFE_TYPES: dict[str, str] = {
    name: get_content_type(name, "utf-8")
    for name in ("text/html", "text/plain", "application/json", "text/css", "text/xml", "application/xml")
}


#: Headers whose value Werkzeug rewrites before it is sent.
_REWRITTEN = frozenset(("location", "content-location"))

_new = object.__new__


class Response(WerkzeugResponse):
    """An HTTP response; every attribute and method of Werkzeug's class works as documented there.

    A response made of one string or byte string with a plain content type is *light*: it stores the
    bytes and the type, and the adapters write its two headers. The first look at :attr:`headers`
    builds the real header object.
    """

    default_mimetype: str | None = "text/html"

    _light = False
    _headers: Headers | None = None
    _type: str | None = "text/html; charset=utf-8"
    _chunks: Any = ()
    _closers: list[Callable[[], Any]] | None = None
    _status = "200 OK"
    _status_code = 200
    direct_passthrough = False
    #: Header fields of a prepared response whose header object has not been built.
    _fields: tuple[tuple[str, str], ...] = ()
    #: False where a subclass changes how the response is written, so that the adapters must ask it.
    _plain: ClassVar[bool] = True
    #: True where a subclass defines ``__call__``: under WSGI it is called, and does all by itself.
    _calls_itself: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        changed = any(getattr(cls, name) is not getattr(Response, name) for name in _OVERRIDES)
        cls._calls_itself = cls.__call__ is not Response.__call__
        cls._plain = not changed and cls.default_status == 200 and cls.automatically_set_content_length
        if cls.default_mimetype is None:
            cls._type = None
        else:
            cls._type = get_content_type(cls.default_mimetype, "utf-8")

    def __init__(
        self,
        response: Iterable[bytes]
        | bytes
        | Iterable[str]
        | str
        | AsyncIterable[bytes]
        | AsyncIterable[str]
        | None = None,
        status: int | str | HTTPStatus | None = None,
        headers: Mapping[str, str | Iterable[str]] | Iterable[tuple[str, str]] | None = None,
        mimetype: str | None = None,
        content_type: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        if headers is None and content_type is None and self._plain and not direct_passthrough:
            kind = self._type if mimetype is None else _SAFE_TYPES.get(mimetype)
            if kind is not None:
                if response.__class__ is str:
                    response = response.encode()
                if response.__class__ is bytes and (
                    status is None or (status in STATUS_LINES and status not in BODILESS)
                ):
                    self._chunks = [response]
                    self._light = True
                    self._type = kind
                    if status is not None:
                        self._status_code = int(status)
                        self._status = STATUS_LINES[self._status_code]
                    return
        given: Any = response  # Werkzeug does not know of asynchronous bodies, and leaves them alone
        super().__init__(given, status, headers, mimetype, content_type, direct_passthrough)

    @classmethod
    def light(cls, body: bytes, content_type: str) -> "Response":
        """Make a 200 answer from bytes and a content type that is known to be a clean header value."""
        if not cls._plain:
            return cls(body, content_type=content_type)
        self = _new(cls)
        self._light = True
        self._type = content_type
        self._chunks = [body]
        return self

    @classmethod
    def prepared(cls, status: int, fields: tuple[tuple[str, str], ...]) -> "Response":
        """Make an answer without a body from header fields that are known to be clean and complete."""
        if not cls._plain:
            made = cls(status=status)
            made.headers.clear()
            made.headers.extend(fields)
            return made
        self = _new(cls)
        self._status_code, self._status = status, STATUS_LINES[status]
        self._type = None
        self._chunks = []
        self._fields = fields
        return self

    @property
    def headers(self) -> Headers:
        """The header fields, in the order in which they are sent."""
        headers = self._headers
        if headers is None:
            self._light = False
            headers = self._headers = Headers()
            if self._type is not None:
                headers._list.append(("Content-Type", self._type))
            chunks = self._chunks
            if chunks.__class__ is list and len(chunks) == 1:
                headers._list.append(("Content-Length", str(len(chunks[0]))))
            headers._list.extend(self._fields)
        return headers

    @headers.setter
    def headers(self, value: Headers) -> None:
        self._light = False
        self._headers = value

    @property
    def response(self) -> Any:
        """The body: a list of byte strings, or any iterable of strings or byte strings."""
        return self._chunks

    @response.setter
    def response(self, value: Any) -> None:
        if self._light or self._fields:
            self.headers  # noqa: B018 - the light form ends here; its headers are made from the old body
        self._chunks = value

    @property
    def status_code(self) -> int:
        """The HTTP status code as a number."""
        return self._status_code

    @status_code.setter
    def status_code(self, code: int) -> None:
        self.status = code

    @property
    def status(self) -> str:
        """The HTTP status code and reason, such as ``"404 NOT FOUND"``."""
        return self._status

    @status.setter
    def status(self, value: str | int | HTTPStatus) -> None:
        if self._light or self._fields:
            self.headers  # noqa: B018 - a status without a body must not keep the light form
        self._status, self._status_code = self._clean_status(value)

    @property
    def _on_close(self) -> list[Callable[[], Any]]:
        return self._closers if self._closers is not None else []

    @_on_close.setter
    def _on_close(self, value: list[Callable[[], Any]]) -> None:
        self._closers = value

    def call_on_close(self, func: Callable[[], Any]) -> Callable[[], Any]:
        """Call ``func`` when the response has been sent or its client has gone."""
        self.headers  # noqa: B018 - light responses are never closed
        if self._closers is None:
            self._closers = []
        self._closers.append(func)
        return func

    @classmethod
    def force_type(cls, response: WerkzeugResponse, environ: Any = None) -> "Response":
        """Turn any Werkzeug response or, given ``environ``, any WSGI application into this class."""
        if isinstance(response, Response):
            if response.__class__ is not cls:
                response.headers  # noqa: B018 - another class may not know the light form
                response.__class__ = cls
            return response
        made = super().force_type(response, environ)
        state = made.__dict__
        for public, private in (("headers", "_headers"), ("response", "_chunks"), ("_on_close", "_closers")):
            if public in state:
                state[private] = state.pop(public)
        return cast(Response, made)

    def become(self, other: WerkzeugResponse) -> None:
        """Take over everything of ``other``: from now on both names are one response.

        This is how a hook that was handed a response replaces it whole.
        """
        if not isinstance(other, Response):
            other = type(self).force_type(other)
        other.headers  # noqa: B018 - the light form belongs to one object only
        self.__class__ = other.__class__
        self.__dict__ = other.__dict__

    def wire_headers(self, ctx: Any, streamed: bool = False) -> list[tuple[str, str]]:
        """Return the headers as they are sent: with ``Content-Length`` where it is known (RFC 9110, 8.6).

        What is rare (redirects, answers without a body, classes that write their headers themselves) is left to
        Werkzeug.
        """
        if self._headers is None and self._type is None:
            return list(self._fields)
        if streamed:
            chunks, self._chunks = self._chunks, iter(())
            try:
                return self.get_wsgi_headers(ctx.environ).to_wsgi_list()
            finally:
                self._chunks = chunks
        if self._plain and self._status_code not in BODILESS and not self.autocorrect_location_header:
            headers: list[tuple[str, str]] = list(self.headers)
            names = {name.lower() for name, _ in headers}
            if names.isdisjoint(_REWRITTEN):
                if "content-length" not in names:
                    headers.append(("Content-Length", str(sum(map(len, self.iter_encoded())))))
                return headers
        return self.get_wsgi_headers(ctx.environ).to_wsgi_list()

"""The request: Werkzeug's, parsed only as far as somebody asks."""

import io
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, ClassVar, cast
from urllib.parse import parse_qsl

from werkzeug.datastructures import (
    EnvironHeaders,
    Headers,
    ImmutableMultiDict,
    MultiDict,
)
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    LengthRequired,
    RequestEntityTooLarge,
)
from werkzeug.formparser import FormDataParser
from werkzeug.routing import Rule
from werkzeug.wrappers import Request as WerkzeugRequest
from werkzeug.wsgi import LimitedStream, get_content_length

from ..kernel.http import SWALLOWED_BYTES, is_length, lazy
from ..kernel.scope import Source

_FORM = "application/x-www-form-urlencoded"
_UNSET: Any = object()
_new = dict.__new__
_fill = dict.update


def _environ(request: "Request") -> dict[str, Any]:
    """Translate the source, now that somebody wants it; only requests that came by ASGI get here."""
    if request.source is None:
        raise AttributeError("environ")
    return request.source.environ()


def _server(request: "Request") -> tuple[str, int | None] | None:
    environ = request.environ
    name = environ.get("SERVER_NAME")
    if name is None:
        return None
    try:
        return name, int(environ.get("SERVER_PORT"))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return name, None


def _text(environ: dict[str, Any], key: str) -> str:
    value: str = environ.get(key) or ""
    return value if value.isascii() else value.encode("latin-1").decode(errors="replace")


class Fields(ImmutableMultiDict[str, str]):
    """The fields of a query string or form: Werkzeug's class, with a :meth:`get` that finds its value in one step."""

    def get(  # type: ignore[override]
        self, key: Any, default: Any = None, type: Callable[[Any], Any] | None = None
    ) -> Any:
        """Return the first value of a field; ``default`` if there is none, or if ``type`` does not take it.

        :param type: called with the value; a :class:`ValueError` or :class:`TypeError` means that it is not taken.
        """
        values = dict.get(self, key)
        if not values:
            return default
        if type is None:
            return values[0]
        try:
            return type(values[0])
        except (ValueError, TypeError):
            return default


def parse_fields(cls: type[MultiDict[str, str]], text: str) -> MultiDict[str, str]:
    """Parse an ``application/x-www-form-urlencoded`` text (URL standard, 5.1) to a multi-dict of class ``cls``.

    Fields without a value are kept, empty fields are not; bytes that are not UTF-8 stay escaped.
    """
    lists: dict[str, list[str]] = {}
    if "%" in text:
        for name, value in parse_qsl(text, keep_blank_values=True, errors="werkzeug.url_quote"):
            if name in lists:
                lists[name].append(value)
            else:
                lists[name] = [value]
    elif "&" in text:
        for field in text.replace("+", " ").split("&"):
            if not field:
                continue
            name, _, value = field.partition("=")
            if name in lists:
                lists[name].append(value)
            else:
                lists[name] = [value]
    elif text:
        name, _, value = text.partition("=")
        lists[name.replace("+", " ")] = [value.replace("+", " ")]
    if cls is not Fields:
        return cls(lists)
    made = _new(cls)
    _fill(made, lists)  # what the constructor does, without checking the lists it is given once more
    return made


class BodyStream(LimitedStream):
    """The body as the server hands it out: never past its length or the limit, and broken ones are the client's fault.

    :param length: the announced length in bytes; ``None`` for a body in chunks.
    :param limit: the largest length that is read; more is a 413.
    """

    def __init__(self, stream: IO[bytes], length: int | None, limit: int | None) -> None:
        super().__init__(stream, limit if length is None else length, is_max=length is None)  # type: ignore[arg-type]

    def readinto(self, b: Any) -> int | None:
        """Read into a buffer.

        :raises ClientDisconnected: 400, if the server cannot read on, or the body ends too early.
        """
        try:
            return super().readinto(b)
        except HTTPException:
            raise
        except Exception as error:  # whatever this server raises for a body that is not what was announced
            raise ClientDisconnected() from error

    def on_exhausted(self) -> None:
        """Raise 413 if there is more than the limit allows."""
        if self._limit_is_max and self._stream.read(1):
            raise RequestEntityTooLarge()

    def readall(self) -> bytes:
        """Read the rest.

        :raises RequestEntityTooLarge: 413, if it is more than the limit allows.
        """
        data = super().readall()
        if self.is_exhausted:
            self.on_exhausted()
        return data


class Request(WerkzeugRequest):
    """An HTTP request; every attribute and method of Werkzeug's class works as documented there.

    Nothing is read from the environ before it is asked for. Beyond Werkzeug's attributes there are
    :attr:`url_rule`, :attr:`view_args`, :attr:`routing_exception`, :attr:`endpoint`,
    :attr:`blueprint` and :attr:`blueprints`.
    """

    #: The rule that matched, or ``None`` if none did.
    url_rule: Rule | None = None
    #: The values of the rule's variables, or ``None`` if no rule matched.
    view_args: dict[str, Any] | None = None
    #: Why no rule matched: what the view would otherwise have been called for.
    routing_exception: HTTPException | None = None
    #: The application's configuration, where limits are looked up. Set by the context.
    config: dict[str, Any] = {}  # noqa: RUF012 - an empty default that nobody writes to

    parameter_storage_class = Fields
    shallow = False
    _limit_length: Any = _UNSET
    _limit_memory: Any = _UNSET
    _limit_parts: Any = _UNSET
    #: Broken form bodies raise 400 (Flask's own class ignores them).
    strict_forms: ClassVar[bool] = True

    #: Under ASGI: what the request is read from until somebody needs its environ.
    source: Source | None = None
    environ: dict[str, Any] = lazy(_environ)

    method: str = lazy(lambda self: self.environ.get("REQUEST_METHOD", "GET").upper())
    scheme: str = lazy(lambda self: self.environ.get("wsgi.url_scheme", "http"))
    server: tuple[str, int | None] | None = lazy(_server)
    root_path: str = lazy(lambda self: _text(self.environ, "SCRIPT_NAME").rstrip("/"))
    path: str = lazy(lambda self: "/" + _text(self.environ, "PATH_INFO").lstrip("/"))
    query_string: bytes = lazy(lambda self: self.environ.get("QUERY_STRING", "").encode("latin-1"))
    headers: Headers = lazy(lambda self: EnvironHeaders(self.environ))
    remote_addr: str | None = lazy(lambda self: self.environ.get("REMOTE_ADDR"))

    #: False where a subclass has a constructor of its own, which must be given an environ.
    reads_source: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.reads_source = cls.__init__ is Request.__init__

    def __init__(self, environ: dict[str, Any], populate_request: bool = True, shallow: bool = False) -> None:
        self.environ = environ
        if shallow:
            self.shallow = True
        elif populate_request:
            environ["werkzeug.request"] = self

    @lazy
    def args(self) -> MultiDict[str, str]:
        """The parsed query string."""
        source = self.source
        if source is None:
            query = self.environ.get("QUERY_STRING", "")
        else:
            query = source.scope["query_string"].decode("latin-1")
        if not query.isascii():
            query = query.encode("latin-1").decode(errors="werkzeug.url_quote")
        return parse_fields(self.parameter_storage_class, query)

    @lazy
    def stream(self) -> IO[bytes]:
        """The body as a stream that can be read once, within its length and :attr:`max_content_length`."""
        if "_cached_data" in self.__dict__:
            return io.BytesIO()
        if self.shallow:
            raise RuntimeError("A request made with shallow=True has no body to read.")
        length, limit = get_content_length(self.environ), self.max_content_length
        if length is None and "wsgi.input_terminated" not in self.environ:
            if self.strict_forms and "HTTP_TRANSFER_ENCODING" in self.environ:
                raise LengthRequired("This server does not hand out bodies that are sent in chunks.")
            return io.BytesIO()  # PEP 3333 has no way to know where such a body ends
        if length is not None and limit is not None and length > limit:
            raise self._too_large(length)
        if length is None and limit is None:
            return self.environ["wsgi.input"]  # type: ignore[no-any-return]
        return cast(IO[bytes], BodyStream(self.environ["wsgi.input"], length, limit))

    @property
    def endpoint(self) -> str | None:
        """The endpoint of the matched rule; with :attr:`view_args` it builds this URL again."""
        return self.url_rule.endpoint if self.url_rule is not None else None

    @property
    def blueprint(self) -> str | None:
        """The name of the blueprint the view belongs to, dotted where blueprints are nested."""
        endpoint = self.endpoint
        return endpoint.rpartition(".")[0] if endpoint is not None and "." in endpoint else None

    @property
    def blueprints(self) -> list[str]:
        """The current blueprint's name and those of its parents, innermost first."""
        name = self.blueprint
        if name is None:
            return []
        parts = name.split(".")
        return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]

    @property
    def max_content_length(self) -> int | None:
        """The largest body in bytes that is read; more is a 413. ``MAX_CONTENT_LENGTH`` unless set here."""
        value: int | None = (
            self.config.get("MAX_CONTENT_LENGTH") if self._limit_length is _UNSET else self._limit_length
        )
        return value

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._limit_length = value

    @property
    def max_form_memory_size(self) -> int | None:
        """The largest form field in bytes. ``MAX_FORM_MEMORY_SIZE`` unless set here."""
        value: int | None = self._limit_memory
        return self.config.get("MAX_FORM_MEMORY_SIZE", 500_000) if value is _UNSET else value

    @max_form_memory_size.setter
    def max_form_memory_size(self, value: int | None) -> None:
        self._limit_memory = value

    @property
    def max_form_parts(self) -> Any:
        """The largest number of fields in a form. ``MAX_FORM_PARTS`` unless set here."""
        value = self._limit_parts
        return self.config.get("MAX_FORM_PARTS", 1_000) if value is _UNSET else value

    @max_form_parts.setter
    def max_form_parts(self, value: int | None) -> None:
        self._limit_parts = value

    def read_body(self) -> bytes | None:
        """Read the whole body straight from the server if its length is known, else return ``None``.

        :raises RequestEntityTooLarge: if the body is longer than :attr:`max_content_length`.
        :raises ClientDisconnected: if the client sent less than it had announced.
        """
        if self.source is not None and "stream" not in self.__dict__:
            return self._read_ahead(self.source)
        environ = self.environ
        announced = environ.get("CONTENT_LENGTH")
        if not announced or "HTTP_TRANSFER_ENCODING" in environ or self.shallow or "stream" in self.__dict__:
            return None
        if not is_length(announced):
            return None
        length = int(announced)
        limit = self.max_content_length
        if limit is not None and length > limit:
            raise self._too_large(length)
        try:
            body: bytes = environ["wsgi.input"].read(length)
        except Exception as error:  # whatever this server raises for a body that is not what was announced
            raise ClientDisconnected() from error
        if len(body) < length:
            raise ClientDisconnected()
        return body

    def _too_large(self, length: int) -> RequestEntityTooLarge:
        """Return the error, after reading a small body all the same.

        Many servers and proxies lose an answer that comes while they are still sending.
        """
        if length <= SWALLOWED_BYTES and self.source is None:
            with suppress(Exception):  # whatever a server raises for a body that breaks off
                self.environ["wsgi.input"].read(length)
        return RequestEntityTooLarge()

    def _read_ahead(self, source: Source) -> bytes | None:
        limit = self.max_content_length
        if source.length is None:
            return self._unread(source, limit)
        if limit is not None and source.length > limit:
            raise RequestEntityTooLarge()
        announced = source.headers.get(b"content-length")
        if announced is not None and is_length(announced) and source.length < int(announced):
            raise ClientDisconnected()
        body = source.body
        if isinstance(body, io.BytesIO):
            return body.getvalue()
        body.seek(0)
        return body.read()  # type: ignore[no-any-return]

    def _unread(self, source: Source, limit: int | None) -> bytes:
        """Say what a body is that was not read ahead: nothing, or too large."""
        announced = source.headers.get(b"content-length")
        if announced is not None and is_length(announced) and int(announced) > 0 and limit is not None:
            raise RequestEntityTooLarge()
        return b""

    def sent_content_type(self) -> str | None:
        """Return the ``Content-Type`` header as it was sent."""
        if self.source is None:
            return self.environ.get("CONTENT_TYPE")
        value = self.source.headers.get(b"content-type")
        return None if value is None else value.decode("latin-1")

    def get_data(  # type: ignore[override]
        self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False
    ) -> bytes | str:
        """Return the body as bytes, or as text if ``as_text``; keep it unless ``cache`` is false."""
        data: bytes | None = self.__dict__.get("_cached_data")
        if data is None:
            if not parse_form_data:
                data = self.read_body()
            if data is None:
                return super().get_data(cache, as_text, parse_form_data)  # type: ignore[call-overload,no-any-return]
            if cache:
                self._cached_data = data
            else:
                self.stream = io.BytesIO()
        return data.decode(errors="replace") if as_text else data

    def _load_form_data(self) -> None:
        state = self.__dict__
        if "form" in state:
            return
        if self.sent_content_type() == _FORM and self.form_data_parser_class is FormDataParser:
            data = state.get("_cached_data")
            if data is None:
                data = self.read_body()
            if data is not None:
                state["form"] = self._parse_fields(data)
                state["files"] = self.parameter_storage_class()
                state.setdefault("stream", io.BytesIO())
                return
        try:
            super()._load_form_data()
        except HTTPException:
            raise
        except ValueError as error:
            raise BadRequest(f"The form in the request body could not be read: {error}") from error

    def _parse_fields(self, data: bytes) -> MultiDict[str, str]:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            if self.strict_forms:
                raise BadRequest("The form in the request body is not valid UTF-8.") from None
            return self.parameter_storage_class()
        limit = self.max_form_parts
        if self.strict_forms and limit is not None and text.count("&") >= limit:
            raise RequestEntityTooLarge()
        return parse_fields(self.parameter_storage_class, text)

    def make_form_data_parser(self) -> FormDataParser:
        """Make the parser for a form body, with this request's limits."""
        parser = super().make_form_data_parser()
        parser.silent = not self.strict_forms
        return parser

    def close(self) -> None:
        """Close the files of an uploaded form, if it was parsed."""
        if "files" in self.__dict__:
            super().close()

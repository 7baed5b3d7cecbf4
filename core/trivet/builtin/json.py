"""JSON: the provider that reads and writes it, and the request's and response's JSON methods."""

import dataclasses
import decimal
import json
import uuid
from array import array
from collections.abc import Callable
from datetime import date
from itertools import accumulate
from json.encoder import c_make_encoder, encode_basestring, encode_basestring_ascii  # type: ignore[attr-defined]
from typing import IO, Any, ClassVar

from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.http import http_date

from ..hookspecs import hookimpl
from ..kernel.context import current
from ..kernel.http import lazy
from ..wrappers import Request as BaseRequest
from ..wrappers import Response as BaseResponse

_JSON = "application/json"


#: Types of values that the two encoders write alike.
_SCALARS = frozenset((str, int, bool, type(None)))


#: JSON that is nested more deeply is refused. Decoders written in C need a piece of the thread's stack for each level,
#: and not all of them look how much is left: a thread with a small stack would take the whole process with it.
MAX_DEPTH = 256

_STRUCTURE = b"[]{}"
_STEPS = bytes.maketrans(_STRUCTURE, b"\x01\xff\x01\xff")
_REST = bytes(set(range(256)) - set(_STRUCTURE))


def too_deep(text: str | bytes) -> bool:
    """Say whether JSON is nested more deeply than :data:`MAX_DEPTH`, as far as it is JSON at all."""
    if isinstance(text, str):
        if text.count("[") + text.count("{") <= MAX_DEPTH:
            return False
        text = text.encode(errors="replace")
    elif text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False
    # Without the strings, which may have brackets in them, each bracket is a step up or down.
    outside = text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    steps = array("b", b"".join(outside).translate(None, _REST).translate(_STEPS))
    return max(accumulate(steps), default=0) > MAX_DEPTH


class JSONProvider:
    """Reads and writes JSON for one application. Subclasses give :meth:`dumps` and :meth:`loads` their meaning.

    :param app: the application.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return ``obj`` as JSON text."""
        raise TypeError(f"{type(self).__name__} does not define dumps().")

    def dump(self, obj: Any, fp: IO[str], **kwargs: Any) -> None:
        """Write ``obj`` as JSON text to an open text file."""
        fp.write(self.dumps(obj, **kwargs))

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return what the JSON text ``s`` says.

        :raises ValueError: if it is not JSON.
        """
        raise TypeError(f"{type(self).__name__} does not define loads().")

    def load(self, fp: IO[Any], **kwargs: Any) -> Any:
        """Read JSON from an open text or binary file."""
        return self.loads(fp.read(), **kwargs)

    def _prepare_response_obj(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args and kwargs:
            raise TypeError(
                "app.json.response() takes either args or kwargs, not both: positional or keyword arguments."
            )
        if not args:
            return kwargs or None
        return args[0] if len(args) == 1 else args

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """Return a response whose body is the one positional argument, a list of several, or a dict of keywords."""
        obj = self._prepare_response_obj(args, kwargs)
        return self._app.response_class(self.dumps(obj), mimetype=_JSON)


def encode_special(obj: Any) -> Any:
    """Turn what JSON has no form for into what it has: dates as HTTP dates, decimals and UUIDs as strings,
    dataclasses as objects, whatever has ``__html__`` as that text.

    :raises TypeError: for anything else.
    """
    if isinstance(obj, date):
        return http_date(obj)
    if isinstance(obj, (decimal.Decimal, uuid.UUID)):
        return str(obj)
    if dataclasses.is_dataclass(obj) and not isinstance(obj, type):
        return dataclasses.asdict(obj)
    if hasattr(obj, "__html__"):
        return str(obj.__html__())
    if hasattr(type(obj), "__struct_fields__"):
        import msgspec

        return msgspec.structs.asdict(obj)
    raise TypeError(f"Object of type {type(obj).__name__} is not JSON serializable")


class DefaultJSONProvider(JSONProvider):
    """The JSON of the standard library, with the encoder's parts put together once."""

    #: Called with what JSON has no form for.
    default: Callable[[Any], Any] = staticmethod(encode_special)
    #: Whether characters beyond ASCII are written as ``\\uXXXX``.
    ensure_ascii = True
    #: Whether object keys are sorted, so that equal data gives equal bytes (and cache keys).
    sort_keys = True
    #: ``True``: no white space in responses; ``False``: indented; ``None``: indented in debug mode.
    compact: bool | None = None
    #: The content type of responses.
    mimetype = _JSON

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return ``obj`` as JSON text; keywords are those of :func:`json.dumps`."""
        kwargs.setdefault("default", self.default)
        kwargs.setdefault("ensure_ascii", self.ensure_ascii)
        kwargs.setdefault("sort_keys", self.sort_keys)
        return json.dumps(obj, **kwargs)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return what the JSON text ``s`` says; keywords are those of :func:`json.loads`.

        :raises ValueError: if it is not JSON, or nested too deeply.
        """
        if too_deep(s):
            raise ValueError("JSON nested too deeply")
        if not kwargs:
            try:
                return self._decode(s)
            except (ValueError, RecursionError):
                pass  # the standard library reads a little more (NaN, UTF-16) and words its errors as users know
        try:
            return json.loads(s, **kwargs)
        except RecursionError:
            raise ValueError("JSON nested too deeply") from None

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        for prepared in ("_encode", "_dumps_is_ours", "_is_standard"):
            self.__dict__.pop(prepared, None)

    @lazy
    def _decode(self) -> Any:
        """The decoder of msgspec."""
        import msgspec  # not at the top: it is slow to import, and an application may never read or write JSON

        return msgspec.json.decode

    @lazy
    def _encode_sorted(self) -> Any:
        """The encoder of msgspec, which sorts keys as the standard library's does."""
        import msgspec

        return msgspec.json.Encoder(order="sorted").encode

    @lazy
    def _encode(self) -> Any:
        """The encoder that ``json.dumps`` would put together anew for each call.

        It keeps no list of what it is inside of, so that threads can share it: what contains itself ends in a
        RecursionError.
        """
        escape = encode_basestring_ascii if self.ensure_ascii else encode_basestring
        encode: Callable[[Any, int], Any] = c_make_encoder(
            None, self.default, escape, None, ":", ",", self.sort_keys, False, True
        )
        return encode

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """Return a response with the arguments as JSON: compact, or indented in debug mode."""
        obj = self._prepare_response_obj(args, kwargs) if args else kwargs or None
        app = self._app
        if self.compact is False or (self.compact is None and app.config["DEBUG"]):
            return app.response_class(f"{self.dumps(obj, indent=2)}\n", mimetype=self.mimetype)
        body = self._compact_bytes(obj)
        if self.mimetype is _JSON:
            return app.response_class.light(body, _JSON)
        return app.response_class(body, mimetype=self.mimetype)

    def _compact_bytes(self, obj: Any) -> bytes:
        if obj.__class__ is dict and self._is_standard:
            for key, value in obj.items():
                if key.__class__ is not str or value.__class__ not in _SCALARS:
                    break
            else:
                # For these msgspec writes the same bytes, unless a character has to be escaped for ASCII.
                try:
                    body: bytes = self._encode_sorted(obj)
                except (UnicodeEncodeError, OverflowError):
                    body = b"\x7f"  # lone surrogates and the like: for the standard encoder
                if body.isascii() and 0x7F not in body:
                    return body + b"\n"
        if not self._dumps_is_ours:
            return (self.dumps(obj, separators=(",", ":")) + "\n").encode()
        try:
            return ("".join(self._encode(obj, 0)) + "\n").encode()
        except RecursionError:
            raise ValueError("Circular reference detected, or nested too deeply for JSON") from None

    @lazy
    def _dumps_is_ours(self) -> bool:
        return getattr(self.dumps, "__func__", None) is DefaultJSONProvider.dumps

    @lazy
    def _is_standard(self) -> bool:
        return self._dumps_is_ours and self.sort_keys and self.ensure_ascii


def _provider() -> Any:
    ctx = current.get(None)
    return ctx.app.json if ctx is not None else None


class Request(BaseRequest):
    """The request, with the application's JSON provider."""

    #: Whether JSON errors say what was wrong; set by the context from ``DEBUG``.
    json_module: Any = json
    _cached_json: tuple[Any, Any] = (Ellipsis, Ellipsis)

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the body as JSON says it.

        :param force: do not look at the content type.
        :param silent: return ``None`` instead of raising.
        :param cache: keep the result for the next call.
        :raises UnsupportedMediaType: 415, if the content type is not JSON.
        :raises BadRequest: 400, if the body is not JSON.
        """
        if cache and self._cached_json[silent] is not Ellipsis:
            return self._cached_json[silent]
        if not (force or self.sent_content_type() == _JSON or self.is_json):
            return None if silent else self.on_json_loading_failed(None)
        data = self.get_data(cache=cache)
        try:
            value = (_provider() or self.json_module).loads(data)
        except ValueError as error:
            if silent:
                value = None
                if cache:
                    self._cached_json = (self._cached_json[0], None)
            else:
                value = self.on_json_loading_failed(error)
                if cache:
                    self._cached_json = (value, self._cached_json[1])
        else:
            if cache:
                self._cached_json = (value, value)
        return value

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Decide what :meth:`get_json` does when the body is not JSON; what this returns, it returns.

        :param e: what the parser said, ``None`` if the content type was not JSON.
        """
        if e is None:
            raise UnsupportedMediaType(
                "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
            )
        ctx = current.get(None)
        if ctx is not None and ctx.app.debug:
            raise BadRequest(f"Failed to decode JSON object: {e}") from e
        raise BadRequest() from e


class Response(BaseResponse):
    """The response, with the application's JSON provider."""

    json_module: Any = json

    def get_json(self, force: bool = False, silent: bool = False) -> Any:
        """Return the body as JSON says it; ``None`` if the content type is not JSON.

        :param force: do not look at the content type.
        :param silent: return ``None`` instead of raising on a body that is not JSON.
        """
        if not (force or self.is_json):
            return None
        try:
            return (_provider() or self.json_module).loads(self.get_data())
        except ValueError:
            if silent:
                return None
            raise

    @property
    def max_cookie_size(self) -> int:  # type: ignore[override]
        """The size in bytes from which a cookie is warned of: ``MAX_COOKIE_SIZE``, or Werkzeug's default."""
        ctx = current.get(None)
        if ctx is not None:
            return int(ctx.app.config["MAX_COOKIE_SIZE"])
        return 4093


class Json:
    """The built-in plugin: its provider is the one for which no other plugin has a better."""

    name: ClassVar[str] = "json"

    @hookimpl(trylast=True)
    def trivet_json_provider(self, app: Any) -> JSONProvider:
        """Make the default provider, or the application's ``json_provider_class``."""
        made: JSONProvider = app.json_provider_class(app)
        return made

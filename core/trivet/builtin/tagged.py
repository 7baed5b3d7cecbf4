"""JSON that keeps types: tuples, bytes, markup, UUIDs and dates come back from it as what they were."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime
from json.encoder import c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]
from typing import Any, ClassVar
from uuid import UUID

from markupsafe import Markup
from werkzeug.http import http_date, parse_date

from .json import encode_special

_SCALARS = frozenset((str, int, float, bool, type(None)))


class JSONTag:
    """How values of one type are written in JSON: as an object with one member, which :attr:`key` names.

    Subclasses say which values are theirs and how to convert them.

    :param serializer: the serializer the tag is registered with.
    """

    __slots__ = ("serializer",)

    #: The name of the member; empty for tags that only convert while writing.
    key: str = ""

    def __init__(self, serializer: "TaggedJSONSerializer") -> None:
        self.serializer = serializer

    def check(self, value: Any) -> bool:
        """Say whether this tag is for ``value``."""
        raise NotImplementedError(f"{type(self).__name__} does not define check().")

    def to_json(self, value: Any) -> Any:
        """Turn ``value`` into something that JSON can say; the tag is put around it afterwards."""
        raise NotImplementedError(f"{type(self).__name__} does not define to_json().")

    def to_python(self, value: Any) -> Any:
        """Turn what JSON said, without the tag, into the value it stands for."""
        raise NotImplementedError(f"{type(self).__name__} does not define to_python().")

    def tag(self, value: Any) -> dict[str, Any]:
        """Return ``value`` converted, with the tag around it."""
        return {self.key: self.to_json(value)}


class TagDict(JSONTag):
    """A dict that would look like a tagged value: its only key is some tag's."""

    __slots__ = ()
    key = " di"

    def check(self, value: Any) -> bool:
        return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in self.serializer.tags

    def to_json(self, value: Any) -> Any:
        ((key, inner),) = value.items()
        return {f"{key}__": self.serializer.tag(inner)}

    def to_python(self, value: Any) -> Any:
        ((key, inner),) = value.items()
        return {key[:-2]: inner}


class PassDict(JSONTag):
    """Any other dict: an object, its values tagged."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, dict)

    def to_json(self, value: Any) -> Any:
        tag = self.serializer.tag
        return {key: tag(inner) for key, inner in value.items()}

    tag = to_json


class TagTuple(JSONTag):
    """A tuple: an array."""

    __slots__ = ()
    key = " t"

    def check(self, value: Any) -> bool:
        return isinstance(value, tuple)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    def to_python(self, value: Any) -> Any:
        return tuple(value)


class PassList(JSONTag):
    """A list: an array, its items tagged."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, list)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    tag = to_json


class TagBytes(JSONTag):
    """Bytes: Base64 (RFC 4648, 4)."""

    __slots__ = ()
    key = " b"

    def check(self, value: Any) -> bool:
        return isinstance(value, bytes)

    def to_json(self, value: Any) -> Any:
        return b64encode(value).decode("ascii")

    def to_python(self, value: Any) -> Any:
        return b64decode(value)


class TagMarkup(JSONTag):
    """Whatever has ``__html__``: that text, which comes back as :class:`markupsafe.Markup`."""

    __slots__ = ()
    key = " m"

    def check(self, value: Any) -> bool:
        return callable(getattr(value, "__html__", None))

    def to_json(self, value: Any) -> Any:
        return str(value.__html__())

    def to_python(self, value: Any) -> Any:
        return Markup(value)  # noqa: S704 - it was markup when it was written, and nobody else can have written it


class TagUUID(JSONTag):
    """A UUID: its 32 hexadecimal digits."""

    __slots__ = ()
    key = " u"

    def check(self, value: Any) -> bool:
        return isinstance(value, UUID)

    def to_json(self, value: Any) -> Any:
        return value.hex

    def to_python(self, value: Any) -> Any:
        return UUID(value)


class TagDateTime(JSONTag):
    """A date and time: an HTTP date (RFC 9110, 5.6.7), in UTC and to the second."""

    __slots__ = ()
    key = " d"

    def check(self, value: Any) -> bool:
        return isinstance(value, datetime)

    def to_json(self, value: Any) -> Any:
        return http_date(value)

    def to_python(self, value: Any) -> Any:
        return parse_date(value)


class TaggedJSONSerializer:
    """Writes and reads compact JSON in which types that JSON lacks are tagged.

    Known are dict, list, :class:`tuple`, :class:`bytes`, :class:`~markupsafe.Markup`, :class:`~uuid.UUID` and
    :class:`~datetime.datetime`; :meth:`register` adds more. What has no tag is written as JSON responses
    write it, and comes back as plain JSON.
    """

    __slots__ = ("_standard", "order", "tags")

    #: The tag classes a serializer begins with, in the order in which they are asked.
    default_tags: ClassVar[list[type[JSONTag]]] = [
        TagDict,
        PassDict,
        TagTuple,
        PassList,
        TagBytes,
        TagMarkup,
        TagUUID,
        TagDateTime,
    ]

    def __init__(self) -> None:
        #: The tags by their keys.
        self.tags: dict[str, JSONTag] = {}
        #: The tags in the order in which they are asked.
        self.order: list[JSONTag] = []
        for tag_class in self.default_tags:
            self.register(tag_class)
        # With the default tags alone scalars are nobody's and every key begins with a space: that saves work.
        self._standard = [type(tag) for tag in self.order] == _STANDARD

    def register(self, tag_class: type[JSONTag], force: bool = False, index: int | None = None) -> None:
        """Add a tag.

        :param force: replace the tag that has the same key.
        :param index: the place in :attr:`order`: before tags that would take the value too; ``None``: last.
        :raises KeyError: if the key is taken and ``force`` is false.
        """
        tag = tag_class(self)
        key = tag.key
        if key:
            if not force and key in self.tags:
                raise KeyError(f"The tag {key!r} is already registered, for {type(self.tags[key]).__name__}.")
            self.tags[key] = tag
        if index is None:
            self.order.append(tag)
        else:
            self.order.insert(index, tag)
        self._standard = False

    def tag(self, value: Any) -> Any:
        """Return ``value`` as something JSON can say, tagged where its type needs it."""
        if self._standard:
            kind = value.__class__
            if kind in _SCALARS:
                return value
            if kind is dict and (len(value) != 1 or next(iter(value)) not in self.tags):
                return {key: self.tag(inner) for key, inner in value.items()}
        for tag in self.order:
            if tag.check(value):
                return tag.tag(value)
        return value

    def untag(self, value: dict[str, Any]) -> Any:
        """Return what one object stands for: itself if it is not tagged."""
        if len(value) == 1:
            ((key, inner),) = value.items()
            tag = self.tags.get(key)
            if tag is not None:
                return tag.to_python(inner)
        return value

    def dumps(self, value: Any) -> str:
        """Return ``value`` as tagged JSON.

        :raises TypeError: if it holds something that neither a tag nor JSON knows.
        """
        return "".join(_encode(self.tag(value), 0))

    def loads(self, value: str | bytes) -> Any:
        """Return what tagged JSON stands for.

        :raises ValueError: if it is not JSON.
        """
        text = value if isinstance(value, str) else value.decode()
        data = _decode(text)
        if self._standard and '" ' not in text and "\\" not in text:
            return data
        return self._untag_all(data)

    def _untag_all(self, data: Any) -> Any:
        """Untag from the inside out."""
        if isinstance(data, dict):
            return self.untag({key: self._untag_all(inner) for key, inner in data.items()})
        if isinstance(data, list):
            return [self._untag_all(item) for item in data]
        return data


_STANDARD = list(TaggedJSONSerializer.default_tags)
# The encoder that json.dumps would put together anew for each call. It keeps no list of what it is inside of, so
# that threads can share it: what contains itself has ended in a RecursionError before, while it was tagged.
_encode: Callable[[Any, int], Any] = c_make_encoder(
    None, encode_special, encode_basestring_ascii, None, ":", ",", False, False, True
)


def _decode(text: str) -> Any:
    import msgspec  # not at the top: see builtin/json.py

    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return json.loads(text)  # reads a little more: NaN, lone surrogates

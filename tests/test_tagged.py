"""Tagged JSON: what goes in comes out, with its type."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from trivet.builtin.tagged import JSONTag, TagDateTime, TagDict, TaggedJSONSerializer

serializer = TaggedJSONSerializer()

#: Keys that look like tags, or like what a dict that looks like a tag is written as, come up often.
keys = st.one_of(st.text(max_size=6), st.sampled_from([" t", " di", " b", " m", " u", " d", " t__", " x", "_"]))
seconds = st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(max_size=20),
    st.text(max_size=20).map(Markup),
    st.uuids(),
    seconds,
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=3),
    ),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Compare values and their types, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


class TagPoint(JSONTag):
    key = " point"

    def check(self, value: Any) -> bool:
        return isinstance(value, Point)

    def to_json(self, value: Any) -> Any:
        return value.x

    def to_python(self, value: Any) -> Any:
        return Point(value)


class Bare:
    def __html__(self) -> str:
        return "<hr>"


class ShoutedTag(JSONTag):
    """Takes plain strings, which are nobody's by default; its key begins with no space."""

    key = "loud"

    def check(self, value: Any) -> bool:
        return isinstance(value, str)

    def to_json(self, value: Any) -> Any:
        return value.upper()

    def to_python(self, value: Any) -> Any:
        return value.lower()


@given(values)
def test_every_value_comes_back_with_its_type(value: Any) -> None:
    assert same(serializer.loads(serializer.dumps(value)), value)


@given(values)
def test_the_short_ways_write_and_read_what_the_general_way_does(value: Any) -> None:
    general = TaggedJSONSerializer()
    general._standard = False
    text = general.dumps(value)
    assert serializer.dumps(value) == text
    assert same(serializer.loads(text), general.loads(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ((1, "a"), '{" t":[1,"a"]}'),
        (b"\x00\xff", '{" b":"AP8="}'),
        (Markup("<b>"), '{" m":"<b>"}'),
        (UUID(int=5), '{" u":"00000000000000000000000000000005"}'),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), '{" d":"Fri, 02 Jan 2026 03:04:05 GMT"}'),
        ({" t": [1]}, '{" di":{" t__":[1]}}'),
        ({" di": 1}, '{" di":{" di__":1}}'),
        ({" t": 1, "b": 2}, '{" t":1,"b":2}'),
        ({"a": ({},)}, '{"a":{" t":[{}]}}'),
    ],
)
def test_the_text_is_what_flask_writes(value: Any, text: str) -> None:
    assert serializer.dumps(value) == text


def test_a_tag_hidden_behind_an_escape_is_read() -> None:
    assert serializer.loads('{"\\u0020t": [1]}') == (1,)


def test_a_date_without_a_zone_is_utc_and_others_are_converted_to_it() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678)
    assert serializer.loads(serializer.dumps(at)) == at.replace(microsecond=0, tzinfo=UTC)
    east = at.replace(tzinfo=timezone(timedelta(hours=2)))
    assert serializer.loads(serializer.dumps(east)) == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)


def test_whatever_has_html_comes_back_as_markup() -> None:
    assert same(serializer.loads(serializer.dumps(Bare())), Markup("<hr>"))


def test_values_without_a_tag_are_written_as_responses_write_them() -> None:
    text = serializer.dumps([Decimal("1.50"), date(2026, 1, 2)])
    assert json.loads(text) == ["1.50", "Fri, 02 Jan 2026 00:00:00 GMT"]


def test_what_nobody_knows_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        serializer.dumps({1})


def test_infinity_and_lone_surrogates_survive() -> None:
    assert serializer.loads(serializer.dumps([float("inf"), "\ud800"])) == [float("inf"), "\ud800"]


def test_what_is_no_json_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        serializer.loads("{")


def test_a_registered_tag_is_used() -> None:
    own = TaggedJSONSerializer()
    own.register(TagPoint)
    text = own.dumps({"at": Point(3)})
    assert text == '{"at":{" point":3}}'
    assert own.loads(text)["at"].x == 3


def test_a_tag_for_plain_strings_is_asked_although_they_are_nobodys_by_default() -> None:
    own = TaggedJSONSerializer()
    own.register(ShoutedTag)
    assert own.dumps(["a"]) == '[{"loud":"A"}]'
    assert own.loads('[{"loud":"A"}]') == ["a"]


def test_a_key_can_be_taken_once_unless_forced() -> None:
    own = TaggedJSONSerializer()
    with pytest.raises(KeyError, match="' d' is already registered, for TagDateTime"):
        own.register(TagDateTime)
    own.register(TagDateTime, force=True, index=0)
    assert own.order[0] is own.tags[" d"]


def test_an_index_puts_a_tag_before_those_that_would_take_the_value_too() -> None:
    class Ordered(dict[str, Any]):
        pass

    class TagOrdered(JSONTag):
        key = " od"

        def check(self, value: Any) -> bool:
            return isinstance(value, Ordered)

        def to_json(self, value: Any) -> Any:
            return [[key, self.serializer.tag(inner)] for key, inner in value.items()]

        def to_python(self, value: Any) -> Any:
            return Ordered(value)

    own = TaggedJSONSerializer()
    own.register(TagOrdered, index=0)
    back = own.loads(own.dumps({"first": Ordered(b=1, a=(2,))}))
    assert isinstance(back["first"], Ordered)
    assert list(back["first"].items()) == [("b", 1), ("a", (2,))]


def test_a_subclass_with_other_default_tags_uses_those() -> None:
    class OnlyDicts(TaggedJSONSerializer):
        default_tags = [TagDict]  # noqa: RUF012

    own = OnlyDicts()
    assert list(own.tags) == [" di"]
    assert own.dumps((1,)) == "[1]"


def test_a_tag_that_defines_nothing_says_so() -> None:
    tag = JSONTag(serializer)
    for call in (tag.check, tag.to_json, tag.to_python):
        with pytest.raises(NotImplementedError, match=f"JSONTag does not define {call.__name__}"):
            call(1)

"""JSON out and in: the same bytes as the standard library's, and its reading of whatever comes."""

from __future__ import annotations

import dataclasses
import decimal
import json
import subprocess
import sys
import textwrap
import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trivet import Markup, Trivet, jsonify, request
from trivet.builtin.json import MAX_DEPTH, DefaultJSONProvider, encode_special, too_deep

texts = st.text(st.characters(codec="utf-32", exclude_categories=())) | st.text('ab\x7f\x00"\\é\ud800/<', max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
app = Trivet("json", config_file=False)


@given(values)
@example({"a": "x", "b": 1})
@example({"b": 2**80, "a": True, "c": None})
@example({"\x7f": "\ud800"})
def test_compact_responses_are_what_the_standard_library_writes(value: Any) -> None:
    expected = json.dumps(value, separators=(",", ":"), sort_keys=True, default=encode_special)
    assert app.json.response(value).get_data() == expected.encode() + b"\n"


@given(st.dictionaries(st.sampled_from([1, 2.5, True, None]), st.integers(), max_size=1))
def test_keys_that_are_no_strings_are_written_as_the_standard_library_does(value: Any) -> None:
    expected = json.dumps(value, separators=(",", ":"), sort_keys=True)
    assert app.json.response(value).get_data() == expected.encode() + b"\n"


@given(
    values.map(json.dumps)
    | st.text()
    | st.binary()
    | st.sampled_from(["NaN", "[1e400]", "-0", "[1,]", "\ufeff1", "1" * 30])
)
def test_whatever_comes_is_read_as_the_standard_library_reads_it(text: str | bytes) -> None:
    def read(loads: Any) -> Any:
        try:
            return repr(loads(text))
        except ValueError:
            return "refused"

    assert read(app.json.loads) == read(json.loads)


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        app.json.loads("[" * 200_000)


@given(
    st.recursive(st.text('[]{}"\\\\a', max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_brackets_in_strings_do_not_count_as_depth(value: Any) -> None:
    def depth(one: Any) -> int:
        inner = list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    wrapped: Any = value
    for _ in range(MAX_DEPTH - depth(value)):
        wrapped = [wrapped]
    assert not too_deep(json.dumps(wrapped))
    assert too_deep(json.dumps([wrapped]))
    assert too_deep(json.dumps([wrapped]).encode())


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 50_000, "[" * 9_000 + "NaN" + "]" * 9_000],
    ids=["lists", "objects", "lists around NaN"],
)
def test_deep_json_does_not_take_the_process_with_it_where_threads_have_little_stack(text: str) -> None:
    program = """
        import sys, threading
        from trivet import Trivet

        def read():
            try:
                Trivet("small", config_file=False).json.loads(text)
            except ValueError as error:
                print(error)

        text = sys.stdin.read()
        threading.stack_size(256 * 1024)
        reader = threading.Thread(target=read)
        reader.start()
        reader.join()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], input=text, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "JSON nested too deeply\n"), done.stderr


def test_what_contains_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ValueError, match="Circular"):
        app.json.response(ring)


@dataclasses.dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (date(2026, 11, 23), "Mon, 23 Nov 2026 00:00:00 GMT"),
        (datetime(2026, 11, 23, 8, 30, tzinfo=UTC), "Mon, 23 Nov 2026 08:30:00 GMT"),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Point(3), {"x": 3}),
        (Markup("<b>"), "<b>"),
    ],
)
def test_what_json_has_no_form_for_is_written_as_documented(value: Any, written: Any) -> None:
    assert json.loads(app.json.response(value).get_data()) == written


def test_settings_of_the_provider_are_heeded_after_it_was_used() -> None:
    provider = DefaultJSONProvider(app)
    assert provider.response({"b": 1, "a": "é"}).get_data() == b'{"a":"\\u00e9","b":1}\n'
    provider.sort_keys = False
    provider.ensure_ascii = False
    provider.compact = False
    assert provider.response({"b": 1, "a": "é"}).get_data(as_text=True) == '{\n  "b": 1,\n  "a": "é"\n}\n'


def test_a_provider_of_ones_own_is_used_everywhere() -> None:
    class Shouting(DefaultJSONProvider):
        def dumps(self, obj: Any, **kwargs: Any) -> str:
            return super().dumps(obj, **kwargs).upper()

        def loads(self, s: str | bytes, **kwargs: Any) -> Any:
            return {"read": "by me"}

    class Loud(Trivet):
        json_provider_class = Shouting

    loud = Loud("loud", config_file=False)
    loud.add_url_rule("/", "view", lambda: jsonify(request.get_json()), methods=["POST"])
    assert loud.test_client().post("/", json={"a": 1}).text == '{"READ":"BY ME"}\n'


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"a": 1}', "application/json", 200),
        (b'{"a": 1}', "application/problem+json; charset=utf-8", 200),
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 200_000, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
    ],
)
def test_a_body_that_is_not_json_is_the_clients_fault(body: bytes, kind: str, status: int) -> None:
    made = Trivet("reads", config_file=False)
    made.add_url_rule("/", "view", lambda: jsonify(request.get_json()), methods=["POST"])
    assert made.test_client().post("/", data=body, content_type=kind).status_code == status

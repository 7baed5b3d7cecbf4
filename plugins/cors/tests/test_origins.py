"""Origins: parsed strictly, written canonically, compared exactly."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet_cors.origins import OriginError, compile_origins, parse, parse_written

labels = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(lambda label: not label.startswith("xn-"))
hosts = st.lists(labels, min_size=1, max_size=4).map(".".join)
ports = st.integers(min_value=1, max_value=65535).filter(lambda port: port not in (80, 443))
authorities = st.one_of(hosts, st.tuples(hosts, ports).map(lambda pair: f"{pair[0]}:{pair[1]}"))
origins = st.tuples(st.sampled_from(["http", "https"]), authorities).map("://".join)


def canonical(text: str) -> str | None:
    origin = parse(text)
    return None if origin is None else str(origin)


@given(origins)
def test_a_canonical_origin_is_written_as_it_was_read(text: str) -> None:
    assert canonical(text) == text


@given(st.text(max_size=400))
def test_whatever_is_read_reads_back_the_same(text: str) -> None:
    written = canonical(text)
    assert written is None or canonical(written) == written


@given(st.text(alphabet="htps:/[].0123456789abcdefx-n_%@", max_size=60))
def test_whatever_looks_like_an_origin_reads_back_the_same(text: str) -> None:
    written = canonical("http://" + text)
    assert written is None or canonical(written) == written


@given(
    origins,
    st.sampled_from(["/", "/a", "?a", "#a", " ", "\n", "\t", "\x00", ".", ":", "@", "%", ",", "\\", "é"]),
)
def test_anything_after_an_origin_makes_it_none(text: str, tail: str) -> None:
    assert parse(text + tail) is None


@given(origins, st.sampled_from([" ", "\n", "\x00", "/", "x@", "\u212a"]))
def test_anything_before_an_origin_makes_it_none(text: str, head: str) -> None:
    assert parse(head + text) is None


@given(origins)
def test_case_does_not_count(text: str) -> None:
    assert canonical(text.upper()) == text


@given(hosts)
def test_a_default_port_does_not_count(host: str) -> None:
    assert canonical(f"https://{host}:443") == canonical(f"https://{host}") == f"https://{host}"
    assert canonical(f"http://{host}:80") == f"http://{host}"
    assert canonical(f"http://{host}:443") == f"http://{host}:443"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000"),
        ("http://[2001:DB8::0:1]", "http://[2001:db8::1]"),
        ("http://[::ffff:c000:0201]", "http://[::ffff:c000:201]"),
        ("http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("http://my_host.local", "http://my_host.local"),
        ("http://localhost:0", "http://localhost:0"),
    ],
)
def test_a_host_has_one_canonical_form(text: str, written: str) -> None:
    assert canonical(text) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "*",
        "https",
        "https:",
        "https://",
        "https:///",
        "https:example.com",
        "//example.com",
        "1https://example.com",
        "https://example..com",
        "https://.example.com",
        "https://example.com.",
        "https://example.com:",
        "https://example.com:+80",
        "https://example.com:08",
        "https://example.com:65536",
        "https://example.com:1:2",
        "https://example.com:٣",
        "https://1.2.3",
        "https://1.2.3.4.5",
        "https://01.2.3.4",
        "https://0x7f.1",
        "https://example.0x1",
        "https://256.1.1.1",
        "https://[::1",
        "https://::1",
        "https://[::1%25eth0]",
        "https://[::g]",
        "https://[v1.x]",
        "https://xn--",
        "https://xn--a-.example",
        "https://xn--abc-.example",
        "https://xn---amgi.example",
        "https://bücher.example",
        "https://\uff45xample.com",
        "https://example.com\n",
        "https://exa\x00mple.com",
        "https://user:pass@example.com",
        "https://example.com https://example.org",
        "https://" + "a" * 64 + ".example",
        "https://" + "a." * 127 + "example",
        "https://" + "a" * 65536,
        "a" * 400 + "://example.com",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    assert parse(text) is None


def test_names_in_any_script_are_written_as_browsers_write_them() -> None:
    assert str(parse_written("https://BÜCHER.example:8443")) == "https://xn--bcher-kva.example:8443"
    assert str(parse_written("https://straße.example")) == "https://xn--strae-oqa.example"


def test_a_name_that_only_browsers_accept_can_be_listed_by_its_a_label() -> None:
    with pytest.raises(OriginError, match="copy its xn-- form"):
        parse_written("https://i❤.ws")
    assert str(parse_written("https://xn--i-7iq.ws")) == "https://xn--i-7iq.ws"


@given(st.text(max_size=60).filter(lambda text: parse(text) is None and text.isascii()))
def test_what_is_no_origin_cannot_be_listed_and_says_so_with_advice(text: str) -> None:
    with pytest.raises(OriginError, match=re.escape(f"{text!r} is not an origin: ")):
        parse_written(text)


@given(st.text(max_size=40))
def test_what_can_be_listed_is_an_origin_in_ascii(name: str) -> None:
    try:
        origin = parse_written(f"https://{name}")
    except OriginError:
        return
    assert parse(str(origin)) == origin


@pytest.mark.parametrize("code_points", ["https://ａpp.example.com", "https://app。example。com"])
def test_full_width_forms_are_folded_in_a_configuration_only(code_points: str) -> None:
    assert str(parse_written(code_points)) == "https://app.example.com"
    assert parse(code_points) is None


@given(origins, origins)
def test_only_the_listed_origin_matches(listed: str, other: str) -> None:
    allowed = compile_origins([listed])
    assert allowed.match(listed) == listed
    assert (allowed.match(other) is not None) == (other == listed)


@given(hosts, st.lists(labels, min_size=0, max_size=3))
def test_a_wildcard_stands_for_one_or_more_whole_labels(parent: str, below: list[str]) -> None:
    host = ".".join([*below, parent])
    allowed = compile_origins([f"https://*.{parent}"])
    assert (allowed.match(f"https://{host}") is not None) == (len(below) > 0)
    assert allowed.match(f"http://{host}") is None
    assert allowed.match(f"https://{host}:8443") is None


@given(hosts, labels)
def test_a_wildcard_does_not_stand_for_part_of_a_label(parent: str, label: str) -> None:
    assert compile_origins([f"https://*.{parent}"]).match(f"https://{label}{parent}") is None


@given(hosts, labels)
def test_a_wildcard_is_anchored_at_the_end(parent: str, label: str) -> None:
    assert compile_origins([f"https://*.{parent}"]).match(f"https://{label}.{parent}.evil") is None


def test_a_wildcard_keeps_its_port() -> None:
    allowed = compile_origins(["http://*.localhost:3000"])
    assert allowed.match("http://a.localhost:3000") == "http://a.localhost:3000"
    assert allowed.match("http://a.localhost") is None


def test_a_pattern_must_match_the_whole_origin() -> None:
    allowed = compile_origins([re.compile(r"https://[a-z]+\.example\.com")])
    assert allowed.match("https://app.example.com") == "https://app.example.com"
    assert allowed.match("https://app.example.com.evil.example") is None
    assert allowed.match("https://app.example.com:8443") is None


def test_a_pattern_sees_the_canonical_form_and_never_null() -> None:
    allowed = compile_origins([re.compile(r"https://app\.example\.com|null|.*\n.*")])
    assert allowed.match("HTTPS://APP.example.com:443") == "https://app.example.com"
    assert allowed.match("null") is None
    assert allowed.match("a\nb") is None


def test_a_function_decides_on_the_canonical_form() -> None:
    asked: list[str] = []

    def decide(origin: str) -> bool:
        asked.append(origin)
        return origin.endswith(".example.com")

    allowed = compile_origins([decide])
    assert allowed.match("https://APP.example.com") == "https://app.example.com"
    assert allowed.match("https://evil.example") is None
    assert allowed.match("null") is None
    assert allowed.match("https://a.example.com/") is None
    assert asked == ["https://app.example.com", "https://evil.example"]


def test_only_true_opens_the_door() -> None:
    allowed = compile_origins([lambda origin: "yes"])
    assert allowed.match("https://app.example.com") is None


def test_a_coroutine_function_cannot_decide() -> None:
    async def decide(origin: str) -> bool:
        return True

    class Decide:
        async def __call__(self, origin: str) -> bool:
            return True

    for entry in (decide, Decide()):
        with pytest.raises(OriginError, match="coroutine function"):
            compile_origins([entry])


@pytest.mark.parametrize("entry", [None, 7, b"https://a.example", re.compile(rb"a"), ["https://a.example"]])
def test_an_entry_of_another_type_is_refused(entry: object) -> None:
    with pytest.raises(OriginError, match=r"is no origin|is bytes"):
        compile_origins([entry])


@pytest.mark.parametrize(
    "text",
    ["https://*", "https://*.", "https://*.example.com/", "https://*.*.example.com", "https://a.*.example.com",
     "https://*example.com", "*.example.com", "https://*.[::1]", "https://*.10.0.0.1", "https://*.example.com:x"],
)  # fmt: skip
def test_a_wildcard_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(OriginError, match="is not an origin"):
        compile_origins([text])


def test_null_is_matched_only_if_it_is_listed() -> None:
    assert compile_origins(["https://a.example"]).match("null") is None
    assert compile_origins(["null"]).match("null") == "null"
    assert compile_origins(["null"]).match("Null") is None


def test_everyone_stands_alone() -> None:
    assert compile_origins(["*"]).everyone
    with pytest.raises(OriginError, match="write it alone"):
        compile_origins(["*", "https://a.example"])

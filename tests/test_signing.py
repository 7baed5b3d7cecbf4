"""Signing: a token opens for what it was made for, unchanged, in time, by an accepted key, and never else."""

import hashlib
import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from trivet import ConfigError, Trivet
from trivet.builtin.signing import BadData, BadSignature, SignatureExpired, Signing

KEY = "a long key for the tests only"
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=20,
)


class App:
    """As much of an application as signing looks at."""

    def __init__(self, key: Any = KEY, fallbacks: Any = None) -> None:
        self.name = "shop"
        self.config = {"SECRET_KEY_FALLBACKS": fallbacks}
        self.secret_key = key


def signing(key: Any = KEY, fallbacks: Any = None) -> Signing:
    return Signing(App(key, fallbacks))


one = signing()


@given(json_values)
def test_data_comes_back(data: Any) -> None:
    assert one.loads("test", one.dumps("test", data)) == data


@given(json_values, st.data())
def test_a_changed_token_never_opens_as_something_else(data: Any, draw: st.DataObject) -> None:
    token = one.dumps("test", data)
    at = draw.draw(st.integers(0, len(token) - 1))
    other = draw.draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=", max_size=3))
    changed = token[:at] + other + token[at + 1 :]
    try:
        assert one.loads("test", changed) == data
    except BadData:
        return
    # Only bits of the signature's last character that carry nothing may differ.
    assert changed.rpartition(".")[0] == token.rpartition(".")[0]


@given(st.one_of(st.text(), st.binary()))
def test_no_foreign_token_opens(token: str | bytes) -> None:
    with pytest.raises(BadData):
        one.loads("test", token)


@given(json_values)
def test_the_librarys_own_class_reads_and_writes_the_same(data: Any) -> None:
    library = URLSafeTimedSerializer(
        KEY, salt="s", signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha1}
    )
    ours = one.serializer("s", digest_method=hashlib.sha1)
    assert ours is not None
    assert library.loads(ours.dumps(data)) == data
    assert ours.loads(library.dumps(data)) == data


def test_a_token_is_good_for_its_purpose_only() -> None:
    token = one.dumps("auth.reset", 1)
    with pytest.raises(BadSignature):
        one.loads("auth.confirm", token)


def test_a_token_needs_a_purpose() -> None:
    with pytest.raises(ValueError, match="needs a purpose"):
        one.dumps("", 1)


def test_a_token_can_be_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    token = one.dumps("test", 1)
    later = time.time() + 62
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert one.loads("test", token, max_age=120) == 1
    assert one.loads("test", token, max_age=timedelta(minutes=2)) == 1
    with pytest.raises(SignatureExpired):
        one.loads("test", token, max_age=60)


def test_a_token_from_the_future_is_refused_where_age_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    token = one.dumps("test", 1)
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: 1_000_000_000)
    with pytest.raises(SignatureExpired):
        one.loads("test", token, max_age=60)


def test_an_older_key_still_verifies_and_the_newest_signs() -> None:
    token = signing("oldest").dumps("test", 1)
    rotated = signing("newest", ["oldest", "older"])
    assert rotated.loads("test", token) == 1
    with pytest.raises(BadSignature):
        signing("oldest").loads("test", rotated.dumps("test", 1))
    assert signing("newest").loads("test", rotated.dumps("test", 1)) == 1


def test_a_key_that_was_dropped_verifies_no_more() -> None:
    app = App("new", ["old"])
    service = Signing(app)
    token = signing("old").dumps("test", 1)
    assert service.loads("test", token) == 1
    app.config["SECRET_KEY_FALLBACKS"] = []
    with pytest.raises(BadSignature):
        service.loads("test", token)


def test_the_list_of_older_keys_may_be_changed_in_place() -> None:
    fallbacks = ["old"]
    service = signing("new", fallbacks)
    token = signing("old").dumps("test", 1)
    assert service.loads("test", token) == 1
    fallbacks.clear()
    with pytest.raises(BadSignature):
        service.loads("test", token)


def test_without_a_key_the_error_says_how_to_set_one() -> None:
    service = signing(None)
    assert not service.available
    assert service.serializer("s") is None
    with pytest.raises(ConfigError, match=r"'test'.*SECRET_KEY of 'shop' is not set.*token_hex"):
        service.dumps("test", 1)


@pytest.mark.parametrize("fallbacks", ["old", b"old"])
def test_a_lone_string_is_no_list_of_keys(fallbacks: Any) -> None:
    with pytest.raises(ConfigError, match="must be a list"):
        signing(KEY, fallbacks).dumps("test", 1)


@pytest.mark.parametrize("fallbacks", [["old", ""], [None], [b""], [7]])
def test_what_is_no_key_is_not_accepted_as_an_older_one(fallbacks: Any) -> None:
    with pytest.raises(ConfigError, match="none of them empty"):
        signing(KEY, fallbacks).dumps("test", 1)


def test_a_long_text_is_compressed_and_a_short_one_is_not() -> None:
    assert one.dumps("test", "a" * 1000).startswith(".")
    assert len(one.dumps("test", "a" * 1000)) < 120
    assert not one.dumps("test", "a" * 20).startswith(".")
    assert one.loads("test", one.dumps("test", "a" * 1000)) == "a" * 1000


def test_signed_data_that_cannot_be_read_is_bad_data() -> None:
    serializer = one.serializer("s")
    assert serializer is not None
    token = serializer.make_signer().sign(b"bm8ganNvbg")  # "no json"
    with pytest.raises(BadData):
        serializer.loads(token)


def test_no_key_is_printed() -> None:
    service = signing(KEY, ["an older key"])
    shown = f"{service!r} {service.signer('test')!r} {service.signer('test').make_signer()!r}"
    assert KEY not in shown
    assert "an older key" not in shown


def test_an_application_has_the_service() -> None:
    app = Trivet("shop", config_file=False)
    app.secret_key = KEY
    assert app.signing.loads("test", app.signing.dumps("test", [1])) == [1]
    assert app.signing.loads("test", one.dumps("test", [2])) == [2]

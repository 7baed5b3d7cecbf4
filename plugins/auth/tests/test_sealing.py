"""Sealed texts: opened by their key for their purpose, and by nothing else."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trivet_auth.sealing import Sealer

sealer = Sealer(["a secret key of an application"])


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_sealed_is_opened_for_the_same_purpose(text: str, purpose: str) -> None:
    assert sealer.open(sealer.seal(text, purpose), purpose) == text


def test_a_text_sealed_by_an_earlier_version_is_still_opened() -> None:
    sealed = (
        "gAAAAABrBoL9ZQAZ8GlQB14YRXnF_5U6tWx_GGGfJrs-JRXoLtrOV6LtF8KCn70NA2CiGk_5cfyF9o6atLbMgQSKezYIfjIzG5pQ2azaLe6qqjPf"
        "zZk5mdk="
    )
    assert sealer.open(sealed, "totp:7") == "JBSWY3DPEHPK3PXP"


def test_the_text_cannot_be_seen_and_differs_each_time() -> None:
    one, other = (sealer.seal("JBSWY3DPEHPK3PXP", "totp:7") for _ in range(2))
    assert "JBSWY3DPEHPK3PXP" not in one
    assert one != other


def test_a_sealed_secret_of_an_authenticator_app_fits_a_column_of_512() -> None:
    assert len(sealer.seal("A" * 32, "totp:7")) < 512


def test_a_text_is_not_opened_for_another_purpose() -> None:
    assert sealer.open(sealer.seal("text", "totp:7"), "totp:8") is None


def test_a_text_is_not_opened_with_another_key() -> None:
    assert Sealer(["another key"]).open(sealer.seal("text", "totp"), "totp") is None


def test_an_old_key_opens_what_it_has_sealed() -> None:
    assert Sealer(["new", "old"]).open(Sealer(["old"]).seal("text", "totp"), "totp") == "text"


def test_the_first_key_seals() -> None:
    assert Sealer(["new"]).open(Sealer(["new", "old"]).seal("text", "totp"), "totp") == "text"


def test_a_key_is_the_same_as_text_and_as_bytes() -> None:
    assert Sealer([b"schl\xc3\xbcssel"]).open(Sealer(["schlüssel"]).seal("text", "totp"), "totp") == "text"


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_text_that_was_changed_is_not_opened(data: st.DataObject) -> None:
    sealed = sealer.seal("text", "totp")
    at = data.draw(st.integers(0, 1000)) % (
        len(sealed.rstrip("=")) - 1
    )  # the last character has bits that do not count
    others = [one for one in string.ascii_letters + string.digits if one != sealed[at]]
    other = others[data.draw(st.integers(0, 1000)) % len(others)]
    assert sealer.open(sealed[:at] + other + sealed[at + 1 :], "totp") is None


@given(st.one_of(st.none(), st.text(), st.text(st.characters(codec="ascii"))))
def test_anything_else_is_not_opened_and_does_not_raise(text: str | None) -> None:
    assert sealer.open(text, "totp") is None


@pytest.mark.parametrize("keys", [[], [""], ["key", ""], [b""]])
def test_a_missing_key_is_an_error_at_once(keys: list[bytes | str]) -> None:
    with pytest.raises(ValueError, match=r"^Secrets cannot be sealed without a key.*Set SECRET_KEY"):
        Sealer(keys)


def test_a_single_key_is_not_taken_for_a_list_of_letters() -> None:
    with pytest.raises(TypeError, match=r"Sealer\(\[key\]\)"):
        Sealer("key")


def test_keys_are_not_in_what_a_log_would_show() -> None:
    assert repr(Sealer(["hidden", "old"])) == "<Sealer of 2 keys>"

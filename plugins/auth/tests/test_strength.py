"""Which new passwords are refused, and what is said about them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet_auth.strength import Strength, is_trivial

COMMON = "This password is one of the most common ones. Choose another."
TRIVIAL = "This password is a simple repetition or sequence. Choose another."
NAMED = "Do not use your name, your e-mail address or the name of this site."
ADA = ["ada.lovelace@example.org", "Ada Lovelace", "Engine Shop"]

strength = Strength()


@pytest.mark.parametrize(
    "password", ["correct horse battery", "gue55-mich", "хорошая лошадь", "    x3  ", "🦄🐙🦊🐼🦁🐨🐸🐷"]
)
def test_a_password_that_is_hard_to_guess_is_good_whatever_it_is_made_of(password: str) -> None:
    assert strength.problems(password, ADA) == []


def test_one_character_less_than_the_fewest_is_too_short() -> None:
    assert strength.problems("kq4-mxw") == ["Use at least 8 characters."]
    assert strength.problems("kq4-mxwz") == []


def test_one_character_more_than_the_most_is_too_long() -> None:
    long = Strength(max_length=64)
    assert long.problems("kq4-mxwz" * 8 + "x") == ["Use at most 64 characters."]
    assert long.problems("kq4-mxwz" * 8) == []


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "A password is needed."),
        ("kq4-\0mxwz", "The password contains a character that cannot be used."),
        ("kq4-\ud800mxwz", "The password contains a character that cannot be used."),
    ],
)
def test_what_could_never_be_verified_is_refused(password: str, problem: str) -> None:
    assert strength.problems(password) == [problem]


@pytest.mark.parametrize("password", ["password1", "PassWord1", "ｐａｓｓｗｏｒｄ１", "trustno1", "baseball"])
def test_a_common_password_is_refused_in_any_case_and_width(password: str) -> None:
    assert strength.problems(password) == [COMMON]


def test_at_least_3000_common_passwords_fit_the_length() -> None:
    fitting = strength.common_passwords
    assert len(fitting) >= 3_000
    assert min(map(len, fitting)) == 8


def test_common_passwords_are_allowed_where_the_option_says_so() -> None:
    assert Strength(common=False).problems("password1") == []


@pytest.mark.parametrize(
    "password",
    ["11111111", "aaaaaaaab", "kqkqkqkq", "kqzkqzkqz", "kqzwkqzw", "45678901", "10987654", "fghjklzxc", "ZYXWVUTS"],
)
def test_a_repetition_or_a_run_of_keys_is_refused(password: str) -> None:
    assert TRIVIAL in strength.problems(password)


@given(st.text(min_size=1, max_size=4), st.integers(2, 300), st.integers(0, 3))
def test_every_repetition_of_a_short_group_is_trivial(group: str, times: int, cut: int) -> None:
    text = group * times
    assert is_trivial(text[: max(len(text) - cut, len(group) * 2)])


@pytest.mark.parametrize(
    "password",
    [
        "lovelace-17",
        "17-LOVELACE",
        "my-engine-17",
        "ada.lovelace",
        "xx-adalovelace",
        "engineshop",
        "ｌｏｖｅｌａｃｅ-17",
    ],
)
def test_a_password_with_a_name_of_the_person_or_the_site_is_refused(password: str) -> None:
    assert strength.problems(password, ADA) == [NAMED]


def test_short_names_and_the_provider_of_the_address_may_stand_in_a_password() -> None:
    assert strength.problems("canada-example-17", ADA) == []


@given(st.text(), st.lists(st.text()))
def test_no_text_raises_and_all_that_is_said_are_sentences(password: str, context: list[str]) -> None:
    assert all(one.endswith(".") and one[0].isupper() for one in strength.problems(password, context))


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=8, max_size=1024))
def test_a_password_that_is_found_good_can_be_hashed(password: str) -> None:
    if not strength.problems(password):
        assert password.encode()


@pytest.mark.parametrize(("fewest", "most"), [(0, 10), (20, 10)])
def test_lengths_that_contradict_each_other_are_refused(fewest: int, most: int) -> None:
    with pytest.raises(ValueError, match=f"at least {fewest} and at most {most} characters"):
        Strength(fewest, most)

"""Login names in their one form, people in memory, and what ends their sessions."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet_auth import AuthConfigError, MemoryUsers, TakenError, Users
from trivet_auth.users import MAX_LOGIN, normalise, stamp_of

# -- login names


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("  ada ", "ada"),
        ("\u3000ada\u2003", "ada"),  # an ideographic and an em space
        ("ada\u00a0", "ada"),
        ("\uff21\uff24\uff21", "ada"),  # fullwidth letters
        ("stra\u00dfe", "strasse"),
        ("a\u0308da", "\u00e4da"),  # two characters that are one
        ("\u00b4ada", "\u0301ada"),  # an accent that stands by itself: its form begins with a space
        ("ada lovelace", "ada lovelace"),
    ],
)
def test_a_login_name_has_one_form(typed: str, expected: str) -> None:
    assert normalise(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        None,
        7,
        b"ada",
        "",
        " ",
        "\u3000",
        "a\nb",
        "a\0b",
        "a\x7f",
        "\ud800",
        "a\ufffdb",
        "a" * (MAX_LOGIN + 1),
        "a" * 10**6,
    ],
)
def test_what_cannot_be_a_login_name_is_none(typed: object) -> None:
    assert normalise(typed) is None


def test_the_longest_name_that_can_be_is_one() -> None:
    assert normalise("a" * MAX_LOGIN) == "a" * MAX_LOGIN


@given(st.text())
def test_the_form_of_a_name_is_its_own_form(typed: str) -> None:
    found = normalise(typed)
    assert found is None or normalise(found) == found


@given(st.text(), st.sampled_from([" ", "\u3000", "\t", "\n", "\u2003"]))
def test_spaces_around_a_name_do_not_matter(typed: str, space: str) -> None:
    assert normalise(f"{space}{typed}{space}") == normalise(typed)


@given(st.text())
def test_case_and_compatibility_forms_do_not_matter(typed: str) -> None:
    found = normalise(typed)
    if found is not None:
        assert normalise(found.upper()) == normalise(unicodedata.normalize("NFKD", found.upper()))


@given(st.text())
def test_a_form_can_be_kept_by_every_database(typed: str) -> None:
    found = normalise(typed)
    assert found is None or (found.isprintable() and len(found.encode()) > 0 and found == found.strip())


# -- people


def test_people_in_memory_are_found_by_identifier_and_by_name() -> None:
    users = MemoryUsers()
    ada = users.create("ada", roles=["editor"])
    assert users.get(ada.id) is users.find("ada") is ada
    assert (users.get("2"), users.find("bob"), users.all()) == (None, None, [ada])


def test_a_name_is_taken_once() -> None:
    users = MemoryUsers()
    ada, bob = users.create("ada"), users.create("bob")
    with pytest.raises(TakenError):
        users.create("ada")
    with pytest.raises(TakenError):
        users.save(bob, email="ada")
    users.save(ada, email="ada", locked=True)
    assert (bob.email, ada.is_active) == ("bob", False)


@pytest.mark.parametrize("method", ["get", "find", "create", "save", "all"])
def test_a_method_that_is_missing_is_named_with_what_to_do(method: str) -> None:
    class People(Users):
        """People of whom nothing is known."""

    args = [] if method == "all" else ["ada"]
    with pytest.raises(AuthConfigError, match=rf"^People\.{method}\(\) is needed to .* and is not defined\."):
        getattr(People(), method)(*args)


# -- stamps


def test_a_stamp_changes_with_the_password_and_the_generation_only() -> None:
    ada = MemoryUsers().create("ada", password_hash="one")
    first = stamp_of(ada)
    ada.email, ada.locked = "bob", True
    assert stamp_of(ada) == first
    ada.generation += 1
    second = stamp_of(ada)
    ada.password_hash = "two"
    assert len({first, second, stamp_of(ada)}) == 3


def test_a_stamp_tells_nothing_about_the_password() -> None:
    ada = MemoryUsers().create("ada", password_hash="hunter2")
    assert "hunter2" not in stamp_of(ada)


def test_who_has_neither_password_nor_generation_has_no_stamp() -> None:
    class Guest:
        """Somebody else's user."""

    assert stamp_of(Guest()) == ""


def test_a_class_may_make_its_own_stamp() -> None:
    class Member:
        """Somebody who knows better."""

        def get_session_stamp(self) -> int:
            return 7

    assert stamp_of(Member()) == "7"

"""Permissions: their names, what roles hold, what rules answer, what scopes limit, and the reasons given."""

from contextlib import suppress
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet_auth.permissions import (
    MAX_NAME,
    Decision,
    Roles,
    Rules,
    check_name,
    decide_by_answers,
    decide_by_scopes,
    name_of_rule,
    note_unknown,
)

DECLARED = {
    "reader": ["tasks:read"],
    "editor": ["@reader", "tasks:write"],
    "chief": ["@editor", "people:read"],
    "admin": ["*"],
}


@pytest.fixture
def roles() -> Roles:
    return Roles(DECLARED)


def own_tasks_only(user: object, task: object) -> bool:
    """Grant what is the user's own."""
    return user == task


# -- names


@pytest.mark.parametrize(
    "name", ["tasks:write", "a:b", "site.news:edit-all", "org:team:invite", "T_1:R", "x" * 98 + ":y"]
)
def test_a_name_has_an_area_and_an_action(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "tasks", ":", "tasks:", ":write", "a::b", "tasks: write", "tasks:write\n", "tâches:lire"),
        *("*", "tasks:*", "@editor", "x" * MAX_NAME + ":y", None, 7, b"tasks:write"),
    ],
)
def test_what_cannot_be_a_name_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match=r"cannot be the name of a permission\. Write 'area:action'"):
        check_name(name)


@given(st.text())
def test_any_text_is_a_name_or_refused_with_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert check_name(text) == text


# -- roles


@pytest.mark.parametrize(
    ("role", "held"),
    [
        ("reader", {"tasks:read"}),
        ("editor", {"tasks:read", "tasks:write"}),
        ("chief", {"tasks:read", "tasks:write", "people:read"}),
        ("admin", {"*"}),
    ],
)
def test_a_role_holds_what_it_lists_and_what_the_roles_hold_that_it_includes(
    roles: Roles, role: str, held: set[str]
) -> None:
    assert roles.held_by(role) == held


def test_the_order_of_the_declarations_does_not_matter() -> None:
    turned = Roles(dict(reversed(DECLARED.items())))
    assert all(turned.held_by(name) == Roles(DECLARED).held_by(name) for name in DECLARED)


def test_the_permissions_that_roles_name_are_known(roles: Roles) -> None:
    assert roles.permissions == {"tasks:read", "tasks:write", "people:read"}


def test_no_roles_hold_nothing() -> None:
    assert Roles({}).permissions == frozenset()
    assert not Roles({}).decide("tasks:read", ["admin"])


def test_a_circle_is_refused_and_shown() -> None:
    with pytest.raises(ValueError, match="in a circle: 'b' → 'c' → 'b'"):
        Roles({"a": ["@b"], "b": ["@c"], "c": ["@b"]})


def test_a_role_that_includes_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="in a circle: 'a' → 'a'"):
        Roles({"a": ["@a"]})


def test_a_role_that_is_included_twice_is_no_circle() -> None:
    diamond = Roles({"top": ["@left", "@right"], "left": ["@base"], "right": ["@base"], "base": ["x:y"]})
    assert diamond.held_by("top") == {"x:y"}


def test_including_what_is_no_role_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"'chief' includes 'editr', which is no role\. Did you mean 'editor'"):
        Roles({"editor": [], "chief": ["@editr"]})


def test_asking_for_what_is_no_role_is_refused_with_the_nearest_name(roles: Roles) -> None:
    with pytest.raises(ValueError, match=r"There is no role 'edtor'\. Did you mean 'editor'"):
        roles.held_by("edtor")


@pytest.mark.parametrize("entry", ["tasks", "tasks:*", "**", ""])
def test_what_is_no_permission_is_refused_with_the_role_it_is_in(entry: str) -> None:
    with pytest.raises(ValueError, match=r"In the role 'editor': .* cannot be the name of a permission"):
        Roles({"editor": [entry]})


@pytest.mark.parametrize("name", ["", "@editor", "edi\ntor"])
def test_what_cannot_be_the_name_of_a_role_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a role"):
        Roles({name: []})


def test_a_single_text_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs a list of permissions.*\['tasks:read'\]"):
        Roles({"reader": "tasks:read"})


# -- decisions by roles


def test_what_a_role_holds_is_allowed(roles: Roles) -> None:
    decision = roles.decide("tasks:read", ["editor"])
    assert decision == Decision(True, ("The role 'editor' holds 'tasks:read'.",))


def test_everything_is_allowed_to_a_role_that_holds_everything(roles: Roles) -> None:
    assert roles.decide("never:heard-of", ["admin"])


def test_a_permission_of_one_s_own_is_enough(roles: Roles) -> None:
    decision = roles.decide("people:read", [], ["people:read"])
    assert decision == Decision(True, ("'people:read' is among the user's own permissions.",))
    assert roles.decide("people:read", [], ["*"])


def test_what_nothing_grants_is_refused(roles: Roles) -> None:
    assert roles.decide("people:read", []) == Decision(False, ("The user has no roles.",))
    decision = roles.decide("people:read", ["reader", "editor"], ["tasks:read"])
    assert decision == Decision(False, ("None of the user's roles ('editor', 'reader') holds it.",))


def test_names_are_compared_literally(roles: Roles) -> None:
    assert not roles.decide("Tasks:read", ["reader"])
    assert not roles.decide("tasks:read:all", ["reader"])
    assert not roles.decide("tasks:read", ["Reader"])


def test_a_role_that_is_not_declared_grants_nothing_and_is_pointed_out(roles: Roles) -> None:
    decision = roles.decide("tasks:write", ["editr", "reader"])
    assert not decision
    assert decision.reasons[0] == "The user's role 'editr' is not declared. Did you mean 'editor'?"


@pytest.mark.parametrize("name", ["*", "tasks", "@editor"])
def test_what_is_no_permission_cannot_be_asked_for(roles: Roles, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a permission"):
        roles.decide(name, ["admin"])


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.lists(st.sampled_from(["x:1", "x:2", "x:3", *(f"@{one}" for one in "abcdef")]), max_size=4),
        min_size=1,
    )
)
def test_any_declaration_is_refused_or_grants_what_can_be_reached(declared: dict[str, list[str]]) -> None:
    try:
        roles = Roles(declared)
    except ValueError:
        return
    for name in declared:
        reached, waiting = set[str](), [name]
        while waiting:
            for entry in declared[waiting.pop()]:
                if entry.startswith("@"):
                    waiting.append(entry[1:])
                else:
                    reached.add(entry)
        assert roles.held_by(name) == reached


# -- decisions


def test_a_decision_is_true_if_it_allows_and_reads_as_text() -> None:
    assert Decision(True)
    assert not Decision(False)
    assert str(Decision(False, ("One.", "Two."))) == "One. Two. Refused."
    assert str(Decision(True).after("Zero.")) == "Zero. Allowed."


# -- scopes


def test_no_scopes_limit_nothing_and_grant_nothing() -> None:
    assert decide_by_scopes("tasks:write", None) is None


def test_a_scope_of_the_same_name_leaves_it_to_the_rest() -> None:
    assert decide_by_scopes("tasks:write", frozenset({"tasks:write", "tasks:read"})) is None


@pytest.mark.parametrize("scopes", [set(), {"tasks:read"}, {"*"}, {"tasks:*"}, {"tasks"}, {"TASKS:WRITE"}])
def test_a_token_without_the_scope_never_may(scopes: set[str]) -> None:
    decision = decide_by_scopes("tasks:write", frozenset(scopes))
    assert decision is not None
    assert not decision
    assert "'tasks:write' is not among that" in str(decision)


# -- rules


def test_a_rule_is_one_of_each_permission_it_was_made_for() -> None:
    rules = Rules()
    assert rules.rule("tasks:write", "tasks:delete")(own_tasks_only) is own_tasks_only
    assert rules.of("tasks:write") == rules.of("tasks:delete") == (own_tasks_only,)
    assert rules.of("tasks:read") == ()
    assert rules.permissions == {"tasks:write", "tasks:delete"}


def test_a_rule_that_is_added_twice_counts_once() -> None:
    rules = Rules()
    rules.add("tasks:write", own_tasks_only)
    rules.add("tasks:write", own_tasks_only)
    assert rules.of("tasks:write") == (own_tasks_only,)


def test_a_rule_of_what_is_no_permission_is_refused() -> None:
    with pytest.raises(ValueError, match="'tasks' cannot be the name of a permission"):
        Rules().rule("tasks")


def test_a_rule_of_nothing_is_refused() -> None:
    with pytest.raises(TypeError, match='@rule\\("tasks:write"\\)'):
        Rules().rule()
    with pytest.raises(TypeError, match='@rule\\("tasks:write"\\)'):
        Rules().rule(cast(str, own_tasks_only))


def test_a_rule_is_called_by_the_name_of_its_function() -> None:
    assert name_of_rule(own_tasks_only).endswith("test_permissions.own_tasks_only")


@pytest.mark.parametrize(
    ("answers", "allowed"),
    [
        ([], None),
        ([None], None),
        ([True], True),
        ([False], False),
        ([None, True], True),
        ([True, None], True),
        ([True, False], False),
        ([False, True], False),
        ([None, None, False, True], False),
    ],
)
def test_one_rule_that_refuses_outweighs_all_that_grant(answers: list[bool | None], allowed: bool | None) -> None:
    decision = decide_by_answers([(f"rule{number}", one) for number, one in enumerate(answers)])
    assert (decision.allowed if decision is not None else None) is allowed


def test_a_decision_by_a_rule_names_it() -> None:
    assert str(decide_by_answers([("a.b", True)])) == "The rule a.b grants it. Allowed."
    assert str(decide_by_answers([("a.b", False)])) == "The rule a.b refuses it. Refused."


@pytest.mark.parametrize("answer", [1, 0, "", "yes", [], object()])
def test_a_rule_that_answers_something_else_is_refused(answer: object) -> None:
    with pytest.raises(TypeError, match=r"The rule a\.b returned an object of the type"):
        decide_by_answers([("a.b", answer)])


# -- misspelt permissions


def test_a_permission_that_nothing_names_is_pointed_out_with_the_nearest() -> None:
    remark = note_unknown("tasks:wriet", {"tasks:write", "tasks:read"})
    assert remark == "No role and no rule names 'tasks:wriet'. Did you mean 'tasks:write'?"


def test_nothing_is_pointed_out_where_it_is_known_or_nothing_is_declared() -> None:
    assert note_unknown("tasks:write", {"tasks:write"}) is None
    assert note_unknown("tasks:write", ()) is None

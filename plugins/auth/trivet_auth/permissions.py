"""May they: permissions, the roles that hold them, rules about objects, and decisions that give their reasons."""

import difflib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

#: Every permission, in a role's list or among a user's own.
EVERYTHING = "*"
#: What a role's list includes another role by: ``"@editor"``.
INCLUDE = "@"
#: Characters of a permission's name.
MAX_NAME = 100

_NAME = re.compile(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)+")

#: A rule gets the user and the object; ``True`` grants, ``False`` refuses, ``None`` leaves it to others.
Rule = Callable[..., bool | Awaitable[bool | None] | None]
RuleT = TypeVar("RuleT", bound=Rule)


def check_name(permission: object) -> str:
    """Return the name of a permission: ``area:action``, such as ``"tasks:write"``. Names are compared literally.

    :raises ValueError: it cannot be one.
    """
    if not isinstance(permission, str) or len(permission) > MAX_NAME or _NAME.fullmatch(permission) is None:
        raise ValueError(
            f"{_shown(permission)} cannot be the name of a permission. Write 'area:action', as 'tasks:write': ASCII "
            f"letters, digits and _ . - with a colon between, at most {MAX_NAME} characters."
        )
    return permission


def _shown(value: object) -> str:
    return repr(value if not isinstance(value, str) or len(value) <= MAX_NAME else value[:MAX_NAME] + "…")


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(one) for one in sorted(names))


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether somebody may do something, and why. It is true if they may.

    :ivar allowed: whether they may.
    :ivar reasons: what was asked and what it said, in sentences, the last one decisive. They are for developers: they
        name roles and scopes, and no secrets.
    """

    allowed: bool
    reasons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.allowed

    def __str__(self) -> str:
        return " ".join((*self.reasons, "Allowed." if self.allowed else "Refused."))

    def after(self, *reasons: str) -> "Decision":
        """Return the same with reasons in front of its own."""
        return Decision(self.allowed, (*reasons, *self.reasons))


class Roles:
    """Roles and the permissions that they hold, as configuration declares them.

    ::

        roles = Roles({"reader": ["tasks:read"], "editor": ["@reader", "tasks:write"], "admin": ["*"]})
        roles.decide("tasks:read", ["editor"]).allowed  # True

    :param declared: lists of permissions by role; ``"@other"`` includes what another role holds, ``"*"`` is everything.
    :raises ValueError: a role includes one that does not exist, or itself by way of others; or a name cannot be one.
    """

    def __init__(self, declared: Mapping[str, Iterable[str]]) -> None:
        lists = {name: _entries(name, given) for name, given in declared.items()}
        self._held: dict[str, frozenset[str]] = {}
        for name in lists:
            self._resolve(name, lists, ())
        #: The permissions that some role names; everything is not among them.
        self.permissions = frozenset().union(*self._held.values()) - {EVERYTHING}

    def _resolve(self, name: str, lists: Mapping[str, list[str]], path: tuple[str, ...]) -> frozenset[str]:
        """Return what a role holds, with what it includes."""
        if name in path:
            circle = " → ".join(repr(one) for one in (*path[path.index(name) :], name))
            raise ValueError(f"Roles include one another in a circle: {circle}. Take one '{INCLUDE}' out.")
        found = self._held.get(name)
        if found is None:
            held: set[str] = set()
            for entry in lists[name]:
                if not entry.startswith(INCLUDE):
                    held.add(entry)
                    continue
                other = entry.removeprefix(INCLUDE)
                if other not in lists:
                    raise ValueError(f"The role {name!r} includes {other!r}, which is no role.{_hint(other, lists)}")
                held |= self._resolve(other, lists, (*path, name))
            found = self._held[name] = frozenset(held)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._held

    def held_by(self, name: str) -> frozenset[str]:
        """Return the permissions of a role, with those of the roles it includes; ``{"*"}`` and more for everything.

        :raises ValueError: there is no such role.
        """
        try:
            return self._held[name]
        except KeyError:
            raise ValueError(f"There is no role {name!r}.{_hint(name, self._held)}") from None

    def decide(self, permission: str, roles: Iterable[str], own: Iterable[str] = ()) -> Decision:
        """Decide by somebody's roles and own permissions. What is not granted is refused.

        :param roles: the names of their roles. One that is not declared grants nothing, and the reasons say so.
        :param own: permissions that they have without a role.
        :raises ValueError: the permission's name cannot be one.
        """
        check_name(permission)
        if set(own) & {permission, EVERYTHING}:
            return Decision(True, (f"{permission!r} is among the user's own permissions.",))
        names = list(dict.fromkeys(roles))
        for name in names:
            if self._held.get(name, frozenset()) & {permission, EVERYTHING}:
                return Decision(True, (f"The role {name!r} holds {permission!r}.",))
        stale = [
            f"The user's role {one!r} is not declared.{_hint(one, self._held)}" for one in names if one not in self
        ]
        said = f"None of the user's roles ({_listed(names)}) holds it." if names else "The user has no roles."
        return Decision(False, (*stale, said))


def _entries(name: str, given: Iterable[str]) -> list[str]:
    if not name or name.startswith(INCLUDE) or not name.isprintable():
        raise ValueError(
            f"{_shown(name)} cannot be the name of a role: it is printable text without {INCLUDE!r} first."
        )
    if isinstance(given, str):
        raise ValueError(f"The role {name!r} needs a list of permissions, not a single text: [{given!r}].")
    found = list(given)
    for entry in found:
        if entry != EVERYTHING and not str(entry).startswith(INCLUDE):
            try:
                check_name(entry)
            except ValueError as error:
                raise ValueError(f"In the role {name!r}: {error}") from None
    return found


class Rules:
    """Functions that decide about single objects, by permission.

    A rule gets the user and the object. ``True`` grants, ``False`` refuses, whatever the user's roles say, and ``None``
    leaves it to other rules and to the roles; it may be ``async``::

        rules = Rules()

        @rules.rule("tasks:write")
        def own_tasks_only(user, task):
            return task.owner_id == user.id

        @rules.rule("tasks:read")
        def own_tasks_too(user, task):
            return True if task.owner_id == user.id else None
    """

    def __init__(self) -> None:
        self._rules: dict[str, tuple[Rule, ...]] = {}

    def rule(self, *permissions: str) -> Callable[[RuleT], RuleT]:
        """Return a decorator that makes a function a rule of some permissions.

        :raises ValueError: a permission's name cannot be one.
        :raises TypeError: there is no permission.
        """
        if not permissions or not all(isinstance(one, str) for one in permissions):
            raise TypeError('A rule needs to know of what it is one: @rule("tasks:write").')
        names = [check_name(one) for one in permissions]

        def decorator(function: RuleT) -> RuleT:
            for name in names:
                self.add(name, function)
            return function

        return decorator

    def add(self, permission: str, function: Rule) -> None:
        """Add a rule of a permission; the same function counts once.

        :raises ValueError: the permission's name cannot be one.
        """
        found = self._rules.get(check_name(permission), ())
        if function not in found:
            self._rules[permission] = (*found, function)

    def of(self, permission: str) -> tuple[Rule, ...]:
        """Return the rules of a permission in the order in which they were added."""
        return self._rules.get(permission, ())

    @property
    def permissions(self) -> frozenset[str]:
        """The permissions that there are rules of."""
        return frozenset(self._rules)


def name_of_rule(function: Rule) -> str:
    """Return what a rule is called in reasons: ``tasks.views.own_tasks_only``."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', '?')}.{name}"


def decide_by_answers(answers: Iterable[tuple[str, object]]) -> Decision | None:
    """Decide by what rules have answered: one that refuses outweighs all that grant. ``None``: they leave it to others.

    :param answers: names of rules with what they returned.
    :raises TypeError: a rule returned something else than ``True``, ``False`` or ``None``.
    """
    granted = None
    for name, answer in answers:
        if answer is False:
            return Decision(False, (f"The rule {name} refuses it.",))
        if answer is True:
            granted = granted or Decision(True, (f"The rule {name} grants it.",))
        elif answer is not None:
            raise TypeError(
                f"The rule {name} returned an object of the type {type(answer).__name__!r}. A rule returns True to "
                "grant, False to refuse, and None to leave it to others: bool(...) of what you have."
            )
    return granted


def decide_by_scopes(permission: str, scopes: frozenset[str] | None) -> Decision | None:
    """Refuse what a credential's scopes do not name; ``None`` if they do, or it has no limits. Scopes grant nothing."""
    if scopes is None or permission in scopes:
        return None
    what = f"to {_listed(scopes)}" if scopes else "to nothing"
    return Decision(False, (f"The token is limited {what}, and {permission!r} is not among that.",))


def note_unknown(permission: str, known: Iterable[str]) -> str | None:
    """Return a remark on a permission that no role and no rule names; ``None`` if one does, or nothing is declared."""
    names = frozenset(known)
    if not names or permission in names:
        return None
    return f"No role and no rule names {permission!r}.{_hint(permission, names)}"

"""Routing: tables that answer common rules, over Werkzeug's ``Map``, which answers the rest.

When setup ends, Werkzeug's rules are copied into a tree of path segments. A walk through it ends with a match, with
certainty that there is none, or *unsure*, and then the ``Map`` is asked: for redirects, defaults, aliases, hosts.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from werkzeug.datastructures import ImmutableDict
from werkzeug.routing import Map, Rule, RuleFactory
from werkzeug.routing.converters import BaseConverter, IntegerConverter, UnicodeConverter, ValidationError

#: ``(rule, values, target)``
Match = tuple[Rule, dict[str, Any], Any]

Convert = Callable[[str], Any]
#: What to hand out with a match of a rule by a method.
Target = Callable[[Rule, str], Any]


class Unsure(Exception):
    """The tables cannot answer; ask the ``Map``."""


class Miss(Exception):
    """No rule matches.

    :ivar rules: the rules that the path does match, by method; empty if the path does not exist.
    """

    def __init__(self, rules: dict[str, Rule]) -> None:
        self.rules = rules


#: The names of a rule's variables and how to convert them.
_Variables = tuple[tuple[str, Convert | None], ...]
#: From the texts of a rule's variables to their values.
_Values = Callable[[Sequence[str]], dict[str, Any]]
#: A rule, what makes its values, and what to hand out with the match.
_End = tuple[Rule, _Values, Any]


class _Leaf:
    """The rules that end at one place of the tree, by method, with how to convert their values."""

    __slots__ = ("by_method", "slash", "unsure")

    def __init__(self) -> None:
        self.by_method: dict[str, _End] = {}
        self.unsure = False
        self.slash = False

    def add(self, rule: Rule, target: Target, cache: dict[_Variables, _Values]) -> None:
        if rule.defaults or rule.alias or rule.redirect_to is not None or rule.websocket or rule.methods is None:
            self.unsure = True
            return
        variables = tuple([(name, _conversion(conv)) for name, conv in rule._converters.items()])
        values = cache.get(variables) or cache.setdefault(variables, _compile_values(variables))
        for method in rule.methods:
            if method not in self.by_method:
                self.by_method[method] = (rule, values, target(rule, method))


class _Node:
    """One place in the tree: where to go for a literal segment, and for a variable one."""

    __slots__ = ("dynamic", "leaf", "only", "static")

    def __init__(self) -> None:
        self.static: dict[str, _Node] = {}
        self.dynamic: list[tuple[Any, _Test, _Node]] = []
        self.leaf: _Leaf | None = None
        #: The one variable edge, where there is one and it takes one segment; otherwise one that takes nothing.
        self.only: tuple[Callable[[str], Any], _Node | None] = (_nothing, None)


#: ``(accepts, final)``: a segment test returning the values it found, or None.
_Test = tuple[Callable[[str], "tuple[str, ...] | None"], bool]


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:  # more digits than Python reads: sys.set_int_max_str_digits()
        raise ValidationError from error


def _conversion(converter: BaseConverter) -> Convert | None:
    """Return what turns the matched text into the value; ``None`` if the text is the value."""
    if type(converter) is UnicodeConverter:
        return None
    if (
        isinstance(converter, IntegerConverter)
        and type(converter) in (IntegerConverter, Integer)
        and not (converter.fixed_digits or converter.min is not None or converter.max is not None)
    ):
        return _integer
    return converter.to_python


def _compile_values(variables: _Variables) -> _Values:
    """Return a function from the texts of a rule's variables to their values, written out and compiled.

    A loop over the variables takes twice as long. Their names are identifiers: Werkzeug sees to that.
    """
    scope: dict[str, Any] = {f"c{at}": convert for at, (_, convert) in enumerate(variables)}
    items = [f"{name!r}: {f'c{at}' if scope[f'c{at}'] else ''}(t[{at}])" for at, (name, _) in enumerate(variables)]
    exec(f"def values(t): return {{{', '.join(items)}}}", scope)  # noqa: S102 - see above
    made: _Values = scope["values"]
    return made


def _nothing(segment: str) -> Any:
    return None


def _any_text(segment: str) -> Any:
    return (segment,) if segment else None


def _digits(segment: str) -> Any:
    return (segment,) if segment.isdecimal() else None


#: What the two commonest regular expressions say, without them.
_PLAIN_TESTS: dict[str, Callable[[str], Any]] = {
    r"(?P<__werkzeug_0>[^/]{1,})\Z": _any_text,
    r"(?P<__werkzeug_0>\d+)\Z": _digits,
}


def _regex_test(content: str) -> Callable[[str], Any]:
    pattern = re.compile(content)
    names = [name for name in pattern.groupindex if name.startswith("__werkzeug_")]
    numbers = [pattern.groupindex[name] for name in sorted(names, key=lambda name: int(name[11:]))]
    match = pattern.match

    def test(segment: str) -> Any:
        found = match(segment)
        return None if found is None else tuple([found[number] for number in numbers])

    return test


def _segment_test(content: str, cache: dict[str, Callable[[str], Any]]) -> Callable[[str], Any]:
    """Return a function from a segment to the texts of its variables, or ``None``."""
    test = cache.get(content)
    if test is None:
        special = _PLAIN_TESTS.get(content)
        test = special if special is not None else _regex_test(content)
        cache[content] = test
    return test


class Tables:
    """The rules of one :class:`~werkzeug.routing.Map` as lookup tables.

    :param rules: HTTP rules that are bound to a map without host matching, in the order they were added.
    :param merge_slashes: whether the map redirects ``//`` to ``/``.
    :param target: says what to hand out with a match.
    """

    def __init__(self, rules: Iterable[Rule], merge_slashes: bool, target: Target) -> None:
        self.merge_slashes = merge_slashes
        self._target = target
        #: Rules without variables: path, then method, to rule and target. Most requests need nothing else.
        self.exact: dict[str, dict[str, tuple[Rule, Any]]] = {}
        self._root = _Node()
        self._tests: dict[str, Callable[[str], Any]] = {}
        self._values: dict[_Variables, _Values] = {}
        rules = list(rules)
        # A rule with defaults may turn a match of any rule of its endpoint into a redirect.
        self._defaulted = {rule.endpoint for rule in rules if rule.defaults}
        for rule in rules:
            self._add(rule)
        self._sort(self._root)
        self._collect(self._root, "")

    def _add(self, rule: Rule) -> None:
        domain, *parts = rule._parts
        if not domain.static or domain.content:
            return  # a rule of another subdomain: it can match only where the Map is asked anyway
        node = self._root
        for part in parts:
            if part.static:
                node = node.static.setdefault(part.content, _Node())
                continue
            for known, _, after in node.dynamic:
                if known == part:
                    node = after
                    break
            else:
                after = _Node()
                node.dynamic.append((part, (_segment_test(part.content, self._tests), part.final), after))
                node = after
        if node.leaf is None:
            node.leaf = _Leaf()
        node.leaf.add(rule, self._target, self._values)
        if rule.endpoint in self._defaulted:
            node.leaf.unsure = True
        if not rule.strict_slashes or any(part.suffixed for part in parts):
            node.leaf.unsure = True

    def _sort(self, node: _Node) -> None:
        node.dynamic.sort(key=lambda entry: entry[0].weight)
        if len(node.dynamic) == 1 and not node.dynamic[0][1][1]:
            node.only = (node.dynamic[0][1][0], node.dynamic[0][2])
        for after in node.static.values():
            self._sort(after)
        for _, _, after in node.dynamic:
            self._sort(after)
        below = node.static.get("")
        if below is not None and below.leaf is not None:
            # "/a" where only "/a/" exists has to be redirected, which is the Map's work.
            if node.leaf is None:
                node.leaf = _Leaf()
            node.leaf.slash = True
            node.leaf.unsure = node.leaf.unsure or below.leaf.unsure

    def _collect(self, node: _Node, path: str) -> None:
        """Fill the table of paths that are all literal; static segments win over variables everywhere."""
        if node.leaf is not None and not node.leaf.unsure:
            self.exact[path] = {method: (rule, target) for method, (rule, _, target) in node.leaf.by_method.items()}
        for segment, after in node.static.items():
            self._collect(after, f"{path}/{segment}" if node is not self._root or path else segment)

    def match(self, path: str, method: str) -> Match:
        """Return the rule and the converted values for ``path``.

        :param path: the decoded path, beginning with a slash.
        :param method: the method, in capital letters.
        :raises Miss: if no rule matches.
        :raises Unsure: if the ``Map`` has to be asked.
        """
        parts = path.split("/")
        node: _Node | None = self._root
        texts: list[str] = []
        # The first way through the tree is the right one if it leads to a rule for the method.
        for part in parts:
            after = node.static.get(part)  # type: ignore[union-attr]
            if after is None:
                test, after = node.only  # type: ignore[union-attr]
                if test is _any_text and part:
                    texts.append(part)
                else:
                    found = test(part)
                    if found is None:
                        break
                    texts += found
            node = after
        else:
            leaf = node.leaf  # type: ignore[union-attr]
            if leaf is not None and not leaf.unsure:
                end = leaf.by_method.get(method)
                if end is not None:
                    rule, values, target = end
                    try:
                        return rule, values(texts), target
                    except ValidationError:
                        raise Unsure from None
        return self._search(path, parts, method)

    def _search(self, path: str, parts: list[str], method: str) -> Match:
        """Try every way through the tree, in Werkzeug's order."""
        if self.merge_slashes and "//" in path:
            raise Unsure
        allowed: dict[str, Rule] = {}
        hit = _walk(self._root, parts, 0, (), method, allowed)
        if hit is None:
            raise Miss(allowed)
        return _convert(*hit)


def _convert(end: _End, texts: Sequence[str]) -> Match:
    rule, values, target = end
    try:
        return rule, values(texts), target
    except ValidationError:
        raise Unsure from None


def _walk(
    node: _Node, parts: list[str], at: int, texts: tuple[str, ...], method: str, allowed: dict[str, Rule]
) -> tuple[_End, tuple[str, ...]] | None:
    """Follow ``parts[at:]`` from ``node``: literal segments first, then variables by weight."""
    if at == len(parts):
        return _arrive(node, texts, method, allowed)
    part = parts[at]
    after = node.static.get(part)
    if after is not None:
        found = _walk(after, parts, at + 1, texts, method, allowed)
        if found is not None:
            return found
    for _, (test, final), after in node.dynamic:
        values = test("/".join(parts[at:]) if final else part)
        if values is not None:
            found = _walk(after, parts, len(parts) if final else at + 1, texts + values, method, allowed)
            if found is not None:
                return found
    if not part and at == len(parts) - 1 and node.leaf is not None and node.leaf.unsure:
        raise Unsure  # a rule that ignores the trailing slash may match
    return None


def _arrive(
    node: _Node, texts: tuple[str, ...], method: str, allowed: dict[str, Rule]
) -> tuple[_End, tuple[str, ...]] | None:
    leaf = node.leaf
    if leaf is None:
        return None
    if leaf.unsure:
        raise Unsure
    found = leaf.by_method.get(method)
    if found is not None:
        return found, texts
    if leaf.slash:
        raise Unsure
    for other, end in leaf.by_method.items():
        allowed.setdefault(other, end[0])
    return None


class Integer(IntegerConverter):
    """Werkzeug's converter; more digits than Python reads do not match."""

    num_convert = staticmethod(_integer)


class RuleMap(Map):
    """Werkzeug's map, which remembers in which order its rules were added and keeps the tables."""

    default_converters = ImmutableDict({**Map.default_converters, "int": Integer})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.in_order: list[Rule] = []
        self.tables: Tables | None = None
        super().__init__(*args, **kwargs)

    def add(self, rulefactory: RuleFactory) -> None:
        """Add a rule, or all rules of a factory."""
        self.tables = None
        super().add(_Recorder(rulefactory, self.in_order))

    def compile(self, target: Target) -> Tables | None:
        """Return the tables, built anew; ``None`` if hosts are matched, which is the map's own work."""
        self.update()
        self.tables = None if self.host_matching else Tables(self.in_order, self.merge_slashes, target)
        return self.tables


class _Recorder(RuleFactory):
    """Passes a factory's rules on and notes them in a list."""

    def __init__(self, factory: RuleFactory, seen: list[Rule]) -> None:
        self._factory, self._seen = factory, seen

    def get_rules(self, map: Map) -> Iterable[Rule]:
        for rule in self._factory.get_rules(map):
            yield rule
            self._seen.append(rule)  # the map has taken it: it asks for the next one

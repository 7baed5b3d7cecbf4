"""Which tables a revision makes, told from its source: nothing of it is run."""

import ast
import re
from collections.abc import Iterator

#: Raw SQL, as ``op.execute`` is given it.
_CREATE = re.compile(
    r"\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?((?:[\"`]?\w+[\"`]?\.)?[\"`]?\w+[\"`]?)",
    re.IGNORECASE,
)
#: Where Alembic's operations have the name of the table that there is after them.
_NAMED = {"create_table": (0, "table_name"), "rename_table": (1, "new_table_name")}


def tables_in(source: str) -> Iterator[str]:
    """Yield the names of the tables that a revision makes or renames to, a schema before the name.

    >>> sorted(tables_in('op.create_table("task", schema="shop"); op.rename_table("old", "new")'))
    ['new', 'shop.task']
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return  # whoever loads the revision says so
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _by_call(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for name in _CREATE.findall(node.value):
                yield re.sub(r"[\"`]", "", name)


def _by_call(call: ast.Call) -> Iterator[str]:
    position, keyword = _NAMED.get(getattr(call.func, "attr", ""), (None, None))
    if position is None:
        return
    named = {one.arg: one.value for one in call.keywords}
    name = _text(call.args[position] if len(call.args) > position else named.get(keyword))
    schema = _text(named.get("schema"))
    if name is not None:
        yield f"{schema}.{name}" if schema else name


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

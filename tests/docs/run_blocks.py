"""Runs the Python blocks of one page, each as a module of its own; started by a test, in an empty folder."""

import importlib
import json
import re
import sys
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from trivet import Trivet


def run(block: dict[str, Any], name: str) -> None:
    """Import a block's module; if it makes applications or has hooks, end the setup of an application with them."""
    Path(f"{name}.py").write_text(block["text"], encoding="utf-8")
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    module = importlib.import_module(name)
    for value in list(vars(module).values()):
        if issubclass(type(value), Trivet):  # isinstance() would look behind the proxies
            value.seal()
    if hooks := hooks_of(module):
        needed = [one for one in ("db", "auth") if any(name.startswith(f"trivet_{one}_") for name in hooks)]
        app = Trivet("docs", plugins=[*needed, module], config_file=False)
        app.config["DB_URL"] = "sqlite://"
        app.seal()


def hooks_of(module: ModuleType) -> list[str]:
    """Name the hooks that a module implements, as a plugin does."""
    found = vars(module).items()
    return [name for name, value in found if isinstance(value, FunctionType) and hasattr(value, "trivet_impl")]


def check(block: dict[str, Any], name: str) -> str | None:
    """Run a block; return what is wrong, None if nothing is."""
    try:
        run(block, name)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        if block["raises"] is None:
            return f"raised {said}"
        return None if re.fullmatch(block["raises"], said, re.DOTALL) else f"raised {said}"
    return "raised nothing" if block["raises"] is not None else None


def main() -> None:
    """Run the blocks that standard input lists; print what is wrong, and fail if anything is."""
    failed = False
    sys.path.insert(0, ".")
    for block in json.load(sys.stdin):
        wrong = check(block, Path(block["file"]).stem if block["file"] else f"block_{block['line']}")
        if wrong is not None:
            print(f"{block['title']}: {wrong}")
            failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()

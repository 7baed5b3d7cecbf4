"""Finding the application that ``--app`` or the configuration file names, and importing it."""

import ast
import inspect
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..app import Trivet
from ..kernel.errors import SetupError, did_you_mean, nearest
from .environment import Surroundings

#: Files that are looked for if nothing names the application.
FILES = ("wsgi.py", "app.py")
#: Names of applications and of factories that are looked for if only a module is named.
NAMES = ("app", "application")
FACTORIES = ("create_app", "make_app")


class AppNotFound(SetupError):
    """No application is where it was looked for; the message says where that was, and who named it."""


class Target(NamedTuple):
    """Where an application is.

    :ivar text: as it was written, such as ``"hello:app"``.
    :ivar where: who wrote it, such as ``"trivet.toml: app"``.
    """

    text: str
    where: str

    def __str__(self) -> str:
        return f"{self.text!r} ({self.where})"


def guess(folder: Path) -> Target:
    """Return the target if nothing names one: ``wsgi.py`` or ``app.py``.

    :raises AppNotFound: with the files of the folder that seem to have an application.
    """
    for name in FILES:
        if (folder / name).is_file():
            return Target(str(folder / name), f"{name} in the current project")
    likely = [path.name for path in sorted(folder.glob("*.py"))[:100] if _mentions_trivet(path)]
    hint = f" It may be in {likely[0]}: trivet --app {Path(likely[0]).stem} ..." if likely else ""
    raise AppNotFound(
        'No application was named. Use --app module:name, set TRIVET_APP, or write app = "module:name" into '
        f"trivet.toml. Without that, wsgi.py and app.py were looked for, in {folder}.{hint}"
    )


def _mentions_trivet(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return re.search(r"\b(Trivet|Flask)\(", text) is not None


def load(target: Target, folder: Path, around: Surroundings) -> Trivet:
    """Import the module that a target names, and return the application in it, made by its factory if need be.

    :param folder: the project's folder, which relative paths start from and which modules are imported from.
    :raises AppNotFound: if there is no such module, name or application.
    """
    parts = re.split(r":(?![\\/])", target.text, maxsplit=1)
    name = parts[1].strip() if len(parts) > 1 else None
    around.import_from(folder)
    module = _import(_module_name(parts[0].strip(), folder, around), target, folder)
    value = _named(module, name, target) if name else _unnamed(module, target)
    if _is_app(value):
        return value  # type: ignore[no-any-return]
    raise AppNotFound(
        f"{target}: that is {_kind(value)}, not an application. It must be a Trivet object, or a function that "
        "returns one."
    )


def _is_app(value: Any) -> bool:
    """Say whether a value is an application; unlike isinstance(), without waking proxies such as ``current_app``."""
    return issubclass(type(value), Trivet)


def _kind(value: Any) -> str:
    return "a class" if isinstance(value, type) else f"of type {type(value).__name__}"


def _module_name(text: str, folder: Path, around: Surroundings) -> str:
    """Return the import name for a module's name or a file's path; a file's folder becomes importable."""
    if not text.endswith(".py") and "/" not in text and "\\" not in text:
        return text
    path = Path(text).expanduser()
    for start in (Path.cwd(), folder):
        if (start / path).exists():
            path = (start / path).resolve()
            break
    else:
        raise AppNotFound(f"There is no file {text!r} (looked for {folder / path}).")
    path = path.parent if path.name == "__init__.py" else path.with_suffix("")
    names = [path.name]
    while (path.parent / "__init__.py").is_file():
        path = path.parent
        names.insert(0, path.name)
    around.import_from(path.parent)
    return ".".join(names)


def _import(name: str, target: Target, folder: Path) -> ModuleType:
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name != missing and not name.startswith(missing + "."):
            raise  # it is the application that misses a module
        known = [path.stem for path in folder.glob("*.py")] + [
            path.parent.name for path in folder.glob("*/__init__.py")
        ]
        raise AppNotFound(
            f"{target}: there is no module {missing!r}, looked for in {folder} and where Python imports from."
            f"{did_you_mean(missing, known)}"
        ) from None
    return sys.modules[name]


def _named(module: ModuleType, text: str, target: Target) -> Any:
    """Return what ``name``, ``name.attribute`` or ``factory('arg', key=1)`` means in a module."""
    try:
        expression = ast.parse(text, mode="eval").body
        call = isinstance(expression, ast.Call)
        path = expression.func if isinstance(expression, ast.Call) else expression
        args = [ast.literal_eval(one) for one in expression.args] if isinstance(expression, ast.Call) else []
        keywords = expression.keywords if isinstance(expression, ast.Call) else []
        kwargs = {str(one.arg): ast.literal_eval(one.value) for one in keywords if one.arg is not None}
        value = _attribute(module, ast.unparse(path), target)
    except (SyntaxError, ValueError):
        raise AppNotFound(
            f"{target}: {text!r} is neither a name nor a call with literal arguments, such as create_app('test')."
        ) from None
    if not call and ((_is_app(value) or isinstance(value, type)) or not callable(value)):
        return value
    return _call(value, args, kwargs, target)


def _attribute(module: ModuleType, path: str, target: Target) -> Any:
    if not all(part.isidentifier() for part in path.split(".")):
        raise ValueError(path)
    value: Any = module
    for part in path.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            known = [name for name, one in vars(module).items() if _is_app(one) or name in FACTORIES]
            close = nearest(part, [name for name in vars(module) if not name.startswith("_")])
            hint = f" Did you mean {close!r}?" if close else did_you_mean(part, known)
            raise AppNotFound(f"{target}: {module.__file__} has no {part!r}.{hint}") from None
    return value


def _call(factory: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], target: Target) -> Any:
    try:
        inspect.signature(factory).bind(*args, **kwargs)
    except TypeError as error:
        name = getattr(factory, "__name__", str(factory))
        raise AppNotFound(
            f"{target}: the factory {name}{inspect.signature(factory)} cannot be called like that: {error}. Write its "
            f"arguments out: {name}('...')."
        ) from None
    except ValueError:
        pass  # a callable that does not tell its signature
    return factory(*args, **kwargs)


def _unnamed(module: ModuleType, target: Target) -> Any:
    """Return the application in a module: by the usual names, else the only one there is, else from a factory."""
    for name in NAMES:
        value = getattr(module, name, None)
        if _is_app(value):
            return value
    found = {name: value for name, value in vars(module).items() if _is_app(value)}
    if len({id(value) for value in found.values()}) == 1:
        return next(iter(found.values()))
    if found:
        raise AppNotFound(
            f"{target}: {module.__file__} has several applications: {', '.join(found)}. Name one of them."
        )
    for name in FACTORIES:
        value = getattr(module, name, None)
        if inspect.isfunction(value):
            return _call(value, [], {}, target)
    raise AppNotFound(
        f"{target}: {module.__file__} has no application, neither {' nor '.join(NAMES)} nor a factory "
        f"{' or '.join(FACTORIES)}."
    )

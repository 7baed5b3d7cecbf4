"""What a command works on: the application that ``--app`` names, its context, and variables from dotenv files."""

import ast
import functools
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import click

from trivet import Trivet, has_app_context
from trivet.builtin.testclient import ScriptInfo as _TrivetScriptInfo
from trivet.commands import AppGroup as _TrivetAppGroup

from .helpers import get_debug_flag, get_load_dotenv

F = TypeVar("F", bound=Callable[..., Any])

#: Names of applications and of factories that are looked for if only a module is named.
NAMES = ("app", "application")
FACTORIES = ("create_app", "make_app")
#: Files of environment variables that are looked for from the current folder upwards; what the first one has, stays.
_ENV_FILES = (".env", ".flaskenv")


class NoAppException(click.UsageError):
    """No application is where it was looked for."""


def _is_app(value: Any) -> bool:
    """Say whether a value is an application; unlike isinstance(), without waking proxies such as ``current_app``."""
    return issubclass(type(value), Trivet)


def _name(module: Any) -> str:
    return str(getattr(module, "__name__", module))


# -- in a module


def find_best_app(module: Any) -> Any:
    """Return the application in a module: by the usual names, else the only one there is, else from a factory.

    :raises NoAppException: if there is none, or more than one without a usual name.
    """
    for name in NAMES:
        value = getattr(module, name, None)
        if _is_app(value):
            return value
    found = {name: value for name, value in vars(module).items() if _is_app(value)}
    if len({id(value) for value in found.values()}) == 1:
        return next(iter(found.values()))
    if found:
        raise NoAppException(
            f"The module {_name(module)!r} has several Flask applications: {', '.join(found)}. "
            f"Say which one is meant, such as '{_name(module)}:{next(iter(found))}'."
        )
    for name in FACTORIES:
        factory = getattr(module, name, None)
        if not inspect.isfunction(factory):
            continue
        value = _made_by(factory, f"{_name(module)}:{name}")
        if _is_app(value):
            return value
    raise NoAppException(
        f"There is no Flask application or factory in the module {_name(module)!r}. "
        f"Name it if it is called otherwise than {', '.join((*NAMES, *FACTORIES))}: '{_name(module)}:name'."
    )


def find_app_by_string(module: Any, app_name: str) -> Any:
    """Return the application that ``name``, or ``factory('argument', key=1)`` with literal arguments, means.

    :raises NoAppException: if there is none, or the text means neither.
    """
    text = app_name.strip()
    name, args, kwargs = _parse(text)
    target = f"{_name(module)}:{text}"
    try:
        value = getattr(module, name)
    except AttributeError:
        raise NoAppException(f"The module {_name(module)!r} has no attribute {name!r}.") from None
    if inspect.isfunction(value) or (args is not None and callable(value)):
        value = _made_by(value, target, *(args or ()), **kwargs)
    if _is_app(value):
        return value
    raise NoAppException(f"'{target}' gives no Flask application, but a value of the type {type(value).__name__!r}.")


def _parse(text: str) -> tuple[str, list[Any] | None, dict[str, Any]]:
    """Return the name in a text, and the arguments of the call; without a call these are ``None``."""
    try:
        expression = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise NoAppException(f"{text!r} is neither the name of an application nor the call of a factory.") from None
    called = expression if isinstance(expression, ast.Call) else None
    name = expression if called is None else called.func
    if not isinstance(name, ast.Name):
        raise NoAppException(f"{ast.unparse(name)!r} must be a plain name: of an application, or of a factory.")
    if called is None:
        return name.id, None, {}
    try:
        args = [ast.literal_eval(one) for one in called.args]
        if any(one.arg is None for one in called.keywords):
            raise ValueError("unpacking")
        return name.id, args, {str(one.arg): ast.literal_eval(one.value) for one in called.keywords}
    except ValueError:
        raise NoAppException(f"The arguments in {text!r} must be literals, such as 'text', 5 or True.") from None


def _made_by(factory: Callable[..., Any], target: str, /, *args: Any, **kwargs: Any) -> Any:
    try:
        return factory(*args, **kwargs)
    except TypeError as error:
        if not _called_with_wrong_args(factory):
            raise
        raise NoAppException(
            f"The factory of '{target}' cannot be called like that: {error}. "
            "Write its arguments out: \"module:factory('argument')\"."
        ) from error


def _called_with_wrong_args(f: Callable[..., Any]) -> bool:
    """Say whether the :exc:`TypeError` being handled comes from calling ``f`` wrongly, not from what it does."""
    code = getattr(f, "__code__", None)
    return all(frame.f_code is not code for frame, _ in traceback.walk_tb(sys.exc_info()[2]))


# -- the module


def prepare_import(path: str | os.PathLike[str]) -> str:
    """Return the import name for a file or a dotted name, and put where it is imported from first on ``sys.path``."""
    whole = os.path.realpath(path)
    whole = whole.removesuffix(".py")
    folder, name = os.path.split(whole)
    if name == "__init__":
        folder, name = os.path.split(folder)
    names = [name]
    while os.path.exists(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        names.insert(0, name)
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)
    return ".".join(names)


def locate_app(module_name: str, app_name: str | None, raise_if_not_found: bool = True) -> Any:
    """Import a module and return the application in it.

    :param app_name: what :func:`find_app_by_string` takes; ``None``: look for it.
    :param raise_if_not_found: whether it is an error that there is no such module; without it that gives ``None``.
    :raises NoAppException: if there is none, or the module cannot be imported for want of another one.
    """
    try:
        import_module(module_name)
    except ImportError as error:
        if not _is_missing(module_name, error):
            raise NoAppException(
                f"Importing {module_name!r} has failed:\n\n{''.join(traceback.format_exception(trim(error)))}"
            ) from None
        if raise_if_not_found:
            raise NoAppException(f"There is no module {module_name!r} to import.") from None
        return None
    module = sys.modules[module_name]
    return find_best_app(module) if app_name is None else find_app_by_string(module, app_name)


def _is_missing(module_name: str, error: ImportError) -> bool:
    """Say whether it is the module itself that is missing, or a package around it, and not one that it imports."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return False
    return module_name == error.name or module_name.startswith(f"{error.name}.")


def trim(error: BaseException) -> BaseException:
    """Leave out of a traceback what only says how the application was come to, and return the exception."""
    trace, here = error.__traceback__, os.path.dirname(__file__)
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if os.path.dirname(file) != here and "importlib" not in file:
            break
        trace = trace.tb_next
    return error.with_traceback(trace)


# -- the application of a command


class ScriptInfo(_TrivetScriptInfo):
    """What commands get as ``click.Context.obj``: it finds and loads the application, at most once.

    :param app_import_path: where the application is, as ``--app`` says it.
    :param create_app: a function that returns the application, instead.
    :param set_debug_flag: whether ``FLASK_DEBUG`` decides on the application's debug mode.
    :param load_dotenv_defaults: whether ``.env`` and ``.flaskenv`` are loaded; ``FLASK_SKIP_DOTENV`` forbids it.
    """

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[..., Any] | None = None,
        set_debug_flag: bool = True,
        load_dotenv_defaults: bool = True,
    ) -> None:
        super().__init__(app_import_path, create_app, set_debug_flag)
        self.load_dotenv_defaults = get_load_dotenv(load_dotenv_defaults)

    def load_app(self) -> Any:
        """Return the application.

        :raises NoAppException: if there is none.
        """
        if self._loaded_app is None:
            app = self._find()
            if self.set_debug_flag:
                app.debug = get_debug_flag()
            self._loaded_app = app
        return self._loaded_app

    def _find(self) -> Any:
        if self.create_app is not None:
            return self.create_app()
        if self.app_import_path:
            # the colon of C:\folder does not end the path
            path, *name = re.split(r":(?![\\/])", self.app_import_path, maxsplit=1)
            return locate_app(prepare_import(path), name[0] if name else None)
        for file in ("wsgi.py", "app.py"):
            app = locate_app(prepare_import(file), None, raise_if_not_found=False)
            if app is not None:
                return app
        raise NoAppException(
            "No Flask application was found. Say where it is with 'flask --app' or the environment variable "
            "FLASK_APP, or call its file 'wsgi.py' or 'app.py' and run the command in its folder."
        )


#: Gives a command's function the :class:`ScriptInfo` as its first argument.
pass_script_info = click.make_pass_decorator(ScriptInfo, ensure=True)


def with_appcontext(f: F) -> F:
    """Run a click command inside the application's context, which lasts until the command ends."""

    @click.pass_context
    def inside(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        if not has_app_context():
            info = ctx.find_object(_TrivetScriptInfo) or ctx.ensure_object(ScriptInfo)
            ctx.with_resource(info.load_app().app_context())
        return ctx.invoke(f, *args, **kwargs)

    return functools.update_wrapper(inside, f)  # type: ignore[return-value]


class AppGroup(_TrivetAppGroup):
    """A click group whose commands run inside the application's context unless they ask not to."""

    def command(self, *args: Any, **kwargs: Any) -> Any:
        """Declare a command, as :meth:`click.Group.command`; ``with_appcontext=False`` runs it without context."""
        wrap = kwargs.pop("with_appcontext", True)
        declare = super().command(*args, with_appcontext=False, **kwargs)
        return lambda f: declare(with_appcontext(f) if wrap else f)

    def group(self, *args: Any, **kwargs: Any) -> Any:
        """Declare a group of commands of this same kind, as :meth:`click.Group.group`."""
        kwargs.setdefault("cls", AppGroup)
        return super().group(*args, **kwargs)


# -- dotenv files


def import_optional(name: str) -> Any:
    """Return a module, or ``None`` where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


def load_dotenv(path: str | os.PathLike[str] | None = None, load_defaults: bool = True) -> bool:
    """Set environment variables from dotenv files, if python-dotenv is installed; what is set already stays.

    :param path: a file that comes before the others.
    :param load_defaults: whether ``.env``, then ``.flaskenv``, are looked for, from the current folder upwards.
    :return: whether the files have any variable.
    """
    dotenv = import_optional("dotenv")
    if dotenv is None:
        if path is not None or any(map(os.path.isfile, _ENV_FILES)):
            tip = ' * Tip: There are .env files present. Do "pip install python-dotenv" to use them.'
            click.secho(tip, fg="yellow", err=True)
        return False
    files = [path] if path is not None and os.path.isfile(path) else []
    if load_defaults:
        files += filter(None, [dotenv.find_dotenv(name, usecwd=True) for name in _ENV_FILES])
    found = False
    for file in files:
        values = dotenv.dotenv_values(file, encoding="utf-8")
        for name, value in values.items():
            if value is not None:
                found = True
                os.environ.setdefault(name, value)
    return found

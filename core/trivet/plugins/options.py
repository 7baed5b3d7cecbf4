"""Options of plugins: one value from file, ``app.config`` or environment, validated once by type."""

import os
import typing
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..kernel.errors import ConfigError, did_you_mean, nearest
from .manifest import Secret
from .masking import mask
from .project import Project

# msgspec is imported where it is needed: an application whose plugins have no options needs none.


class Option(typing.NamedTuple):
    """One option as it is in force.

    :ivar origin: where the value comes from: file and table, ``app.config``, environment variable or ``default``.
    """

    plugin: str
    name: str
    type: str
    value: Any
    origin: str
    secret: bool


def _prefix(plugin: str) -> str:
    return plugin.upper().replace("-", "_").replace(".", "_") + "_"


def _fields(schema: type[Any]) -> dict[str, Any]:
    import msgspec

    return {one.encode_name: one for one in msgspec.structs.fields(schema)}


def settings(plugin: str, schema: type[Any]) -> list[str]:
    """Return the names that a plugin's options have in ``app.config``."""
    return [_prefix(plugin) + name.upper() for name in _fields(schema)]


def gather(
    plugin: str, schema: type[Any], project: Project, config: Mapping[str, Any], plugins: Iterable[str] = ()
) -> dict[str, tuple[Any, str]]:
    """Collect ``name -> (value, origin)`` for a plugin's options; environment beats ``app.config`` beats file.

    :param plugins: all plugins that are known: what begins with the longer name of another one is that one's.
    :raises ConfigError: for an option that does not exist.
    """
    fields = _fields(schema)
    found: dict[str, tuple[Any, str]] = {}
    for key, value in project.tables.get(plugin, {}).items():
        origin = f"{project.path.name if project.path else 'configuration'}: [{plugin}] {key}"
        name = key.replace("-", "_")
        if name not in fields:
            raise ConfigError(f"{project.path}: [{plugin}] has no option {key!r}.{did_you_mean(name, fields)}")
        found[name] = (value, origin)
    others = tuple(_prefix(other) for other in plugins if other != plugin)
    for name, key in _written(plugin, fields, config, others, "app.config", ""):
        found[name] = (config[key], f"app.config[{key!r}]")
    for name, key in _written(plugin, fields, os.environ, others, "environment variable", "TRIVET_"):
        found[name] = (_from_text(os.environ[key], fields[name].type), f"environment variable {key}")
    return found


def _written(
    plugin: str, fields: Iterable[str], keys: Iterable[str], others: tuple[str, ...], where: str, start: str
) -> list[tuple[str, str]]:
    """Return ``(name, key)`` for the keys that set an option.

    :raises ConfigError: for a key that comes close to one that would.
    """
    prefix = start + _prefix(plugin)
    longer = tuple(start + other for other in others if (start + other).startswith(prefix))
    found = []
    for key in keys:
        if not key.startswith(prefix):
            continue
        name = key.removeprefix(prefix).lower()
        if name in fields:
            found.append((name, key))
        elif (close := nearest(name, fields)) is not None and not (longer and key.startswith(longer)):
            raise ConfigError(
                f"{where} {key}: the plugin {plugin!r} has no option {name!r}. Did you mean {prefix + close.upper()}?"
            )
    return found


def _parts(kind: Any) -> list[Any]:
    """Return a type and those that it is made of: the parts of a union, a list's items."""
    return [kind, *(part for one in typing.get_args(kind) for part in _parts(one))]


def _is_secret(kind: Any) -> bool:
    return any(part is Secret for part in _parts(kind))


def _from_text(text: str, kind: Any) -> Any:
    """Read an environment variable: a list or table as JSON, a list also with commas between its items; else text."""
    import msgspec

    parts = _parts(kind)
    kinds = [typing.get_origin(part) or part for part in parts if isinstance(typing.get_origin(part) or part, type)]
    is_list = any(one in (list, tuple, set, frozenset) for one in kinds)
    if is_list or any(one is dict or issubclass(one, msgspec.Struct) for one in kinds):
        try:
            value = msgspec.json.decode(text)
        except msgspec.DecodeError:
            value = None
        if isinstance(value, (list, dict)):
            return value
        if is_list:
            return [item.strip() for item in text.split(",") if item.strip()]
    return None if text == "" and type(None) in parts else text


def _decode(kind: type[Any], value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    if isinstance(value, kind):
        return value
    raise TypeError(f"Expected `{getattr(kind, '__name__', kind)}`, got `{type(value).__name__}`")


def validate(plugin: str, schema: type[Any], values: dict[str, tuple[Any, str]]) -> Any:
    """Make the options object.

    :raises ConfigError: naming the option, where its value stood, and what is wrong with it.
    """
    import msgspec

    fields = _fields(schema)
    for name, (value, origin) in values.items():
        try:
            msgspec.convert(value, fields[name].type, strict=False, dec_hook=_decode)
        except msgspec.ValidationError as error:
            shown = "" if _is_secret(fields[name].type) else f" (it is {mask(name, value)!r})"
            raise ConfigError(f"{origin}: {error}{shown}.") from None
    try:
        return msgspec.convert(
            {name: value for name, (value, _) in values.items()}, schema, strict=False, dec_hook=_decode
        )
    except msgspec.ValidationError as error:
        raise ConfigError(f"Options of the plugin {plugin!r}: {error}.") from None


def describe(plugin: str, schema: type[Any], values: dict[str, tuple[Any, str]]) -> list[Option]:
    """List all options of a plugin with value and origin; secrets are masked by their type."""
    import msgspec

    listed = []
    for name, one in _fields(schema).items():
        secret = _is_secret(one.type)
        if name in values:
            value, origin = values[name]
            with suppress(msgspec.ValidationError):  # a wrong value is shown as it was written
                value = msgspec.convert(value, one.type, strict=False, dec_hook=_decode)
        else:
            origin = "default"
            value = one.default if one.default is not msgspec.NODEFAULT else None
            if value is None and one.default_factory is not msgspec.NODEFAULT:
                value = one.default_factory()
        shown = "…" if secret and value not in (None, "") else value
        kind = getattr(one.type, "__name__", None) if not typing.get_args(one.type) else str(one.type)
        listed.append(Option(plugin, name, kind or str(one.type), shown, origin, secret))
    return listed

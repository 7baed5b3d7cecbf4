"""What a plugin says about itself, and what is known about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..kernel.errors import SetupError


class PluginError(SetupError):
    """A plugin is faulty, missing or not usable here; the message names plugin, distribution and cause."""


class Secret(str):
    """A string that is not shown: the type for passwords, keys and tokens in a plugin's options.

    It is the plain string for whoever uses it; ``repr``, and everything that prints configuration, masks it.
    """

    def __repr__(self) -> str:
        return "Secret('…')"


@dataclass(frozen=True)
class Plugin:
    """The manifest of a plugin: ``plugin`` in the module that its entry point names.

    :ivar name: the name in configuration; the entry point's name.
    :ivar summary: one line for ``trivet plugins``.
    :ivar requires: plugins that must be enabled too, and come first.
    :ivar before: plugins that come later, if they are enabled; ``"*"``: all that nothing else orders.
    :ivar after: plugins that come first, if they are enabled.
    :ivar options: the plugin's options, a :class:`msgspec.Struct` type; ``None`` if it has none.

    ::

        class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
            origins: list[str] = []

        plugin = Plugin(name="cors", summary="Cross-origin resource sharing.", options=Options)
    """

    name: str
    summary: str = ""
    requires: Sequence[str] = ()
    before: Sequence[str] = ()
    after: Sequence[str] = ()
    options: type[Any] | None = None


class Found:
    """A plugin that was found, whether or not it is enabled.

    :ivar source: ``"built-in"``, ``"installed"``, ``"file"`` or ``"object"``.
    :ivar place: where it comes from: an entry point's value, a path, an object.
    :ivar declared: where it was enabled, such as ``trivet.toml: plugins``.
    :ivar requirement: what the distribution requires of ``trivet``, as a specifier.
    :ivar plugin: the loaded object with the hook implementations.
    :ivar problem: why it could not be used.
    :ivar rival: that another distribution offers the same name.
    """

    enabled = False
    why_disabled = "not in the list of plugins"
    plugin: Any = None
    problem: str | None = None
    rival: str | None = None
    cause: BaseException | None = None

    def __init__(
        self,
        name: str,
        source: str,
        place: str,
        load: Callable[[], Any],
        *,
        distribution: str | None = None,
        version: str | None = None,
        requirement: str = "",
        declared: str = "",
        manifest: Plugin | None = None,
    ) -> None:
        self.name = name
        self.source = source
        self.place = place
        self.load = load
        self.distribution = distribution
        self.version = version
        self.requirement = requirement
        self.declared = declared
        self.manifest = manifest
        self.hooks: list[str] = []

    @property
    def title(self) -> str:
        """The plugin's name with its distribution and version, for messages."""
        if self.distribution is not None:
            return f"{self.name!r} ({self.distribution} {self.version})"
        return f"{self.name!r} ({self.place})"

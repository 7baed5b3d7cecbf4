"""The plugin manager of one application: it finds, checks, sorts, loads and describes plugins."""

import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import pluggy

from .. import hookspecs
from ..kernel.errors import ConfigError, did_you_mean, place_of
from . import options as option_values
from .discovery import check_version, file_plugin, installed_plugins, is_path, object_plugin
from .manifest import Found, Plugin, PluginError
from .order import check_requirements, sort
from .project import Project

#: While true, a faulty plugin is noted and left out instead of raising: for the commands that must work even then.
lenient: ContextVar[bool] = ContextVar("trivet.lenient", default=False)


#: Hooks by which one plugin replaces what an application has one of.
PROVIDERS = {"trivet_json_provider": "json", "trivet_open_session": "session"}

#: What can be the implementation of a hook.
_ROUTINES = (FunctionType, BuiltinFunctionType, MethodType, staticmethod, classmethod)


def _routines(plugin: Any) -> Iterator[tuple[str, Any]]:
    """Give the functions of a plugin by name, without waking what it has imported: ``request`` is no function."""
    for name in dir(plugin):
        found = inspect.getattr_static(plugin, name)
        if issubclass(type(found), _ROUTINES):
            yield name, getattr(found, "__func__", found)


class PluginManager:
    """Keeps the plugins of one application, over pluggy's manager.

    :param project: the project's configuration file.
    :param version: the version of Trivet, for plugins that require a certain one.
    """

    def __init__(self, project: Project, version: str) -> None:
        self.project = project
        self.version = version
        self.pluggy = pluggy.PluginManager("trivet")
        self.pluggy.add_hookspecs(hookspecs)
        self.hook: Any = self.pluggy.hook
        #: Every plugin that was found, by name.
        self.found: dict[str, Found] = {}
        #: The enabled ones, in their order: the first is set up first, and its hooks are called first.
        self.enabled: list[Found] = []
        #: What is wrong, when faults are only noted.
        self.problems: list[str] = []
        self._options: dict[str, Any] = {}
        self._discovered = False

    # -- collecting

    def add_builtin(self, name: str, plugin: Any, summary: str) -> None:
        """Add a plugin that ships with Trivet; it is enabled unless configuration disables it."""
        manifest = Plugin(name=name, summary=summary)
        self.found[name] = Found(
            name,
            "built-in",
            f"{type(plugin).__module__}",
            lambda: plugin,
            manifest=manifest,
            declared="built-in",
        )

    def collect(self, extra: Sequence[Any] = ()) -> None:
        """Decide which plugins are enabled: from the file, from ``extra`` and from the environment.

        :param extra: names, paths, modules or objects; what ``Trivet(plugins=...)`` was given.
        :raises ConfigError: for an unknown name, a missing file, or a plugin that is listed twice.
        """
        builtin = list(self.found.values())
        if lenient.get() or not self.project.tables.keys() <= self.found.keys():
            self.discover()
        wanted: list[Found] = []
        for name in self.project.plugins:
            self._want(wanted, name, self.project.where("plugins"))
        for one in extra:
            self._want(wanted, one, "Trivet(plugins=...)")
        for name in _listed("TRIVET_PLUGINS"):
            self._want(wanted, name, "environment variable TRIVET_PLUGINS")
        self._disable([*wanted, *builtin])
        self.enabled = [one for one in (*wanted, *builtin) if one.enabled]
        self._guard(lambda: self.project.check_tables(self.found))

    def discover(self) -> None:
        """Look up what is installed, once: where a name is asked for that is not known yet."""
        if self._discovered:
            return
        self._discovered = True
        for one in installed_plugins():
            other = self.found.setdefault(one.name, one)
            if other is not one and (other.distribution, other.place) != (one.distribution, one.place):
                self._note_rival(other, one)

    def _note_rival(self, first: Found, second: Found) -> None:
        """Remember that two distributions offer one name: a fault of whoever asks for it, not of the application."""
        if first.source == "built-in":
            said = f"The plugin {second.title} has the name of a built-in plugin, so it cannot be used."
        elif first.source == "installed":
            said = (
                f"Two installed distributions offer a plugin named {first.name!r}: {first.distribution} "
                f"{first.version} ({first.place}) and {second.distribution} {second.version} ({second.place}). "
                "Uninstall one of them."
            )
            first.rival = said
        else:
            return  # a local file or an object has taken the name on purpose
        if lenient.get():
            self.problems.append(said)

    def _want(self, wanted: list[Found], name: Any, where: str) -> None:
        def add() -> None:
            one = self._find(name, where)
            if one.rival is not None:
                raise PluginError(f"{where}: {one.rival}")
            if one.source == "built-in":
                return  # it is enabled anyway
            if any(one is other for other in wanted):
                raise ConfigError(f"{where}: the plugin {one.name!r} is listed twice (also in {one.declared}).")
            one.declared = where
            one.enabled = True
            wanted.append(one)

        self._guard(add)

    def _find(self, name: Any, where: str) -> Found:
        if not isinstance(name, str):
            one = object_plugin(name)
        elif is_path(name):
            one = file_plugin(name, self.project.folder, where)
        else:
            if name not in self.found:
                self.discover()
            if name in self.found:
                return self.found[name]
            raise ConfigError(
                f"{where}: there is no plugin {name!r}.{did_you_mean(name, self.found)} If it is not installed: "
                f"pip install trivet-{name}"
            )
        other = self.found.get(one.name)
        if other is not None and (other.source != "installed" or other.declared):
            raise ConfigError(
                f"{where}: the plugin name {one.name!r} of {one.place} is taken by {other.title}. Give it another name."
            )
        self.found[one.name] = one
        return one

    def _disable(self, candidates: list[Found]) -> None:
        for one in candidates:
            one.enabled = True
        disabled = [(name, self.project.where("disable")) for name in self.project.disable]
        disabled += [(name, "environment variable TRIVET_DISABLE") for name in _listed("TRIVET_DISABLE")]
        for name, where in disabled:
            if name == "*":
                for one in candidates:
                    if one.source != "built-in":
                        one.enabled, one.why_disabled = False, f"disabled by {where}"
                continue
            if name == "kernel":
                self.fail(ConfigError(f"{where}: 'kernel' is the lifecycle itself and cannot be disabled."))
                continue
            if name not in self.found:
                self.discover()
            if name in self.found:
                self.found[name].enabled = False
                self.found[name].why_disabled = f"disabled by {where}"
            else:
                self.fail(ConfigError(f"{where}: there is no plugin {name!r}.{did_you_mean(name, self.found)}"))

    # -- loading

    def load(self) -> None:
        """Import and register what is enabled, in its order.

        :raises PluginError: naming plugin, distribution, version and cause, unless faults are only noted.
        """
        self.enabled = [one for one in self.enabled if self._load_one(one)]
        if any(one.manifest is not None and one.manifest.requires for one in self.enabled):
            self.discover()
        self._check_requirements()
        self._guard(lambda: setattr(self, "enabled", sort(self.enabled)))
        # pluggy calls what was registered last first: so the first in the order comes last here.
        self.enabled = [one for one in reversed(self.enabled) if self._register(one)][::-1]
        for one in list(self.enabled):
            if not self._guard(lambda one=one: self._check_hooks(one), one):
                self._drop(one)

    def _check_requirements(self) -> None:
        """Leave out what requires something that is not there, then what requires that, and so on."""
        before = None
        while before != len(self.enabled):
            before, rest = len(self.enabled), list(self.enabled)
            self.enabled = [
                one
                for one in rest
                if self._guard(lambda one=one, rest=rest: check_requirements(one, rest, self.found), one)
            ]

    def _load_one(self, one: Found) -> bool:
        def load() -> None:
            check_version(one, self.version)
            one.plugin = one.load()
            manifest = getattr(one.plugin, "plugin", None)
            if isinstance(manifest, Plugin):
                one.manifest = manifest
                if manifest.name != one.name:
                    raise PluginError(
                        f"The plugin {one.title} calls itself {manifest.name!r} in its manifest; both must be the same."
                    )
            elif one.manifest is None:
                if one.source == "installed":
                    raise PluginError(
                        f"The plugin {one.title} has no manifest: its module needs plugin = Plugin(name=...)."
                    )
                one.manifest = Plugin(name=one.name, summary=_first_line(one.plugin))

        return self._guard(load, one, "could not be imported")

    def _register(self, one: Found) -> bool:
        def register() -> None:
            self._check_arguments(one)
            self.pluggy.register(one.plugin, one.name)
            for impl in self.hook.trivet_addhooks.get_hookimpls():
                if impl.plugin is one.plugin:
                    impl.function(*[self for _ in impl.argnames])

        if self._guard(register, one, "could not be registered"):
            return True
        self._drop(one)
        return False

    def _drop(self, one: Found) -> None:
        """Take out a faulty plugin, so that none of its hooks is called."""
        self.enabled = [other for other in self.enabled if other is not one]
        with suppress(ValueError, AssertionError):
            self.pluggy.unregister(one.plugin)

    def _check_arguments(self, one: Found) -> None:
        """Refuse an implementation with an argument that its hook does not have."""
        for name, function in _routines(one.plugin):
            marker = getattr(function, "trivet_impl", None)
            caller = getattr(self.hook, (marker or {}).get("specname") or name, None)
            if marker is None or caller is None or not caller.has_spec():
                continue
            bound = getattr(one.plugin, name)
            for argument in inspect.signature(bound).parameters:
                if argument not in caller.spec.argnames:
                    raise PluginError(
                        f"The plugin {one.title} implements the hook {caller.name!r} ({place_of(function)}) with the "
                        f"argument {argument!r}, which it does not have.{did_you_mean(argument, caller.spec.argnames)}"
                    )

    def _check_hooks(self, one: Found) -> None:
        """Refuse hook implementations that nobody would ever call."""
        known = [name for name in vars(self.hook) if not name.startswith("_")]
        specified = {name for name in known if getattr(self.hook, name).has_spec()}
        one.hooks = []
        for name, function in _routines(one.plugin):
            marker = getattr(function, "trivet_impl", None)
            if marker is None:
                if name.startswith("trivet_") and inspect.isfunction(function) and isinstance(one.plugin, type(os)):
                    raise PluginError(
                        f"The plugin {one.title} defines {name} without @hookimpl ({place_of(function)}), so it would "
                        "never be called."
                    )
                continue
            hook = marker.get("specname") or name
            if hook in specified:
                one.hooks.append(hook)
            elif not marker.get("optionalhook"):
                raise PluginError(
                    f"The plugin {one.title} implements the hook {hook!r} ({place_of(function)}), which does not exist."
                    f"{self._owner_of(hook) or did_you_mean(hook, specified)}"
                )

    def _owner_of(self, hook: str) -> str:
        """Return a sentence about the plugin that brings a hook, judging by its name, if it is not enabled."""
        self.discover()
        for name, one in self.found.items():
            if hook.startswith(f"trivet_{name}_") and not one.enabled:
                return f" The plugin {name!r} may bring it, and is not enabled: list it too, plugins = [{name!r}, ...]."
        return ""

    def _guard(self, work: Any, one: Found | None = None, what: str = "is faulty") -> bool:
        """Do ``work``; say what failed in terms of the plugin, or note it where faults are only noted."""
        try:
            work()
        except (Exception, SystemExit) as error:
            if not isinstance(error, (PluginError, ConfigError)):
                title = one.title if one is not None else "?"
                wrapped = PluginError(f"The plugin {title} {what}: {type(error).__name__}: {error}")
                wrapped.__cause__ = error
                error = wrapped
            if one is not None:
                one.enabled, one.problem, one.why_disabled, one.cause = False, str(error), "faulty", error
            self.fail(error)
            return False
        return True

    def fail(self, error: Exception) -> None:
        """Raise an error of configuration, or note it where faults are only noted."""
        if not lenient.get():
            raise error
        self.problems.append(str(error))

    # -- in use

    def add_hookspecs(self, namespace: Any) -> None:
        """Declare the hooks of a plugin: every function marked ``@hookspec`` in a module or object."""
        self.pluggy.add_hookspecs(namespace)

    def register(self, plugin: Any, name: str | None = None) -> Found:
        """Add a plugin object by hand; its hooks are called before those of the others.

        :raises PluginError: if it is faulty, or its name is taken.
        """
        one = object_plugin(plugin)
        one.name = name or one.name
        if one.name in self.found:
            raise PluginError(f"A plugin named {one.name!r} is there already: {self.found[one.name].title}.")
        one.declared, one.enabled = "app.plugins.register()", True
        if self._load_one(one) and self._register(one):
            try:
                whole = self._guard(lambda: self._check_hooks(one), one)
            except PluginError:
                self._drop(one)
                raise
            if whole:
                self.found[one.name] = one
                self.enabled.insert(0, one)
            else:
                self._drop(one)
        return one

    def unregister(self, name: str) -> None:
        """Take a plugin out again."""
        one = self.found.pop(name)
        self.enabled.remove(one)
        self.pluggy.unregister(one.plugin)

    def setup(self, app: Any) -> None:
        """Validate every plugin's options and call its ``trivet_setup``, in order.

        :raises PluginError: naming the plugin whose setup failed.
        """
        self._claim_providers(app)
        callers = {impl.plugin_name: impl for impl in self.hook.trivet_setup.get_hookimpls()}
        for one in list(self.enabled):
            with app.registrar.on_behalf_of(one.name):
                whole = self._guard(lambda one=one: self._claim_options(one, app), one)
                if whole and one.name in callers:
                    impl = callers[one.name]
                    whole = self._guard(
                        lambda one=one, impl=impl: self._set_up(impl, one, app), one, "failed in trivet_setup"
                    )
            if not whole:
                self._drop(one)

    def check_needs(self, views: Mapping[str, Any]) -> None:
        """Refuse a view whose decorator says that it needs a plugin, ``view.requires_plugin``, if that is not there.

        A plugin that configuration has switched off is left out knowingly.

        :raises PluginError: naming the view and the plugin.
        """
        for endpoint, view in views.items():
            name = getattr(view, "requires_plugin", None) or getattr(
                getattr(view, "view_class", None), "requires_plugin", None
            )
            one = self.found.get(name) if name is not None else None
            if name is None or (one and (one.enabled or one.problem or one.why_disabled.startswith("disabled by"))):
                continue
            raise PluginError(
                f"The view of {endpoint!r} ({place_of(getattr(view, 'view_class', view))}) needs the plugin {name!r}, "
                f"which is not enabled. Add it to the configuration: plugins = [{name!r}]."
            )

    def _claim_providers(self, app: Any) -> None:
        """Refuse two plugins that both provide what an application has one of."""
        for hook, what in PROVIDERS.items():
            for impl in getattr(self.hook, hook).get_hookimpls():
                one = self.found.get(impl.plugin_name)
                if one is not None and one.source != "built-in" and not impl.wrapper:
                    with app.registrar.on_behalf_of(one.name):
                        place = place_of(impl.function)
                        self._guard(lambda what=what, place=place: app.registrar.claim("provider", what, place), one)

    def _claim_options(self, one: Found, app: Any) -> None:
        """Validate the options of a plugin; refuse those that mean the same setting as another plugin's."""
        self.options(one.name, app.config)
        if one.manifest is not None and one.manifest.options is not None:
            for key in option_values.settings(one.name, one.manifest.options):
                app.registrar.claim("option", key, one.title)

    def _set_up(self, impl: Any, one: Found, app: Any) -> None:
        given = {"app": app, "options": self.options(one.name, app.config)}
        app.ensure_sync(impl.function)(*[given[name] for name in impl.argnames])

    def options(self, name: str, config: Any) -> Any:
        """Return the validated options of an enabled plugin; ``None`` if its manifest declares none."""
        one = self.found[name]
        if one.manifest is None or one.manifest.options is None:
            if self.project.tables.get(name):
                raise ConfigError(f"{self.project.path}: [{name}]: the plugin {one.title} has no options.")
            return None
        if name not in self._options:
            values = option_values.gather(name, one.manifest.options, self.project, config, self.found)
            self._options[name] = option_values.validate(name, one.manifest.options, values)
        return self._options[name]

    def describe_options(self, name: str, config: Any) -> list[option_values.Option]:
        """List the options of an enabled plugin with value and origin."""
        manifest = self.found[name].manifest
        if manifest is None or manifest.options is None:
            return []
        values = option_values.gather(name, manifest.options, self.project, config, self.found)
        return option_values.describe(name, manifest.options, values)


def _listed(variable: str) -> list[str]:
    return [item.strip() for item in os.environ.get(variable, "").split(",") if item.strip()]


def _first_line(plugin: Any) -> str:
    lines = (inspect.getdoc(plugin) or "").splitlines()
    return lines[0] if lines else ""

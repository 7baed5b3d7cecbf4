"""What Trivet adds to Jinja: environment and loader of an application; imported when first used."""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import jinja2
from jinja2.runtime import Context as JinjaContext

from ..kernel.context import current
from ..kernel.errors import nearest

_DICT_ATTRIBUTES = frozenset(dir(dict))


class MissingTemplate(jinja2.TemplateNotFound):
    """No loader has a template of this name. The nearest name is looked for when the message is read, since a
    missing template is ordinary for ``{% include ... ignore missing %}`` and for lists of names."""

    def __init__(self, name: str, loader: jinja2.BaseLoader) -> None:
        super().__init__(name)
        self._loader = loader

    def __str__(self) -> str:
        close = nearest(str(self.name), self._loader.list_templates())
        hint = f" Did you mean {close!r}?" if close else ""
        return f"{self.name}: neither the application nor a blueprint has a template of this name.{hint}"


class Template(jinja2.Template):
    """A compiled template, whose global names are laid under its variables in one step."""

    def new_context(
        self,
        vars: dict[str, Any] | None = None,
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,
    ) -> JinjaContext:
        """Make the context of one rendering; see :meth:`jinja2.Template.new_context`."""
        layers = self.globals
        if shared or locals or not isinstance(layers, ChainMap):
            return super().new_context(vars, shared, locals)
        # dict(ChainMap) asks for key after key, which takes longer than rendering a small template.
        names: dict[str, Any] = {}
        for layer in reversed(layers.maps):
            names.update(layer)
        parent = {**names, **vars} if vars else names
        environment = self.environment
        return environment.context_class(environment, parent, self.name, self.blocks, globals=names)


class Environment(jinja2.Environment):
    """A Jinja environment of one application: its loader is the application's, unless one is given.

    :param app: the application.
    :param options: the options of :class:`jinja2.Environment`.
    """

    template_class = Template

    def __init__(self, app: Any, **options: Any) -> None:
        if "loader" not in options:
            options["loader"] = app.create_global_jinja_loader()
        super().__init__(**options)
        self.app = app

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Answer ``obj.attribute`` in a template: the attribute, else the item, else undefined."""
        if obj.__class__ is dict and attribute not in _DICT_ATTRIBUTES:
            # A plain dict has no attributes but those of all dicts: no exception needs to tell.
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


class DispatchingLoader(jinja2.BaseLoader):
    """Looks for templates in the application's folder, then in the blueprints', as they were registered.

    :param app: the application.
    """

    #: Where the explanation of ``EXPLAIN_TEMPLATE_LOADING`` sends its reader.
    help_url: ClassVar[str] = ""

    def __init__(self, app: Any) -> None:
        self.app = app

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        """Return source, file name and freshness check of a template.

        :raises jinja2.TemplateNotFound: if no loader has it.
        """
        if self.app.config.get("EXPLAIN_TEMPLATE_LOADING"):
            return self._explain(environment, template)
        for _, loader in self.loaders():
            try:
                return loader.get_source(environment, template)
            except jinja2.TemplateNotFound:
                continue
        raise MissingTemplate(template, self)

    def loaders(self) -> Iterator[tuple[Any, jinja2.BaseLoader]]:
        """Yield each owner of templates, the application or a blueprint, with its loader."""
        for owner in (self.app, *self.app.blueprints.values()):
            if owner.jinja_loader is not None:
                yield owner, owner.jinja_loader

    def list_templates(self) -> list[str]:
        """Return the names of all templates, sorted; those of loaders that cannot tell are left out."""
        names: set[str] = set()
        for _, loader in self.loaders():
            try:
                names.update(loader.list_templates())
            except TypeError:
                continue
        return sorted(names)

    def _explain(self, environment: jinja2.Environment, template: str) -> Any:
        """Do what :meth:`get_source` does, ask every loader, and log the answers."""
        found: list[Any] = []
        lines = [f"Locating template {template!r}:"]
        for number, (owner, loader) in enumerate(self.loaders(), 1):
            lines.append(f"{number:5}: trying loader of {self._describe(owner)}")
            lines += _describe_loader(loader)
            try:
                found.append(loader.get_source(environment, template))
            except jinja2.TemplateNotFound:
                lines.append("       -> no match")
            else:
                lines.append(f"       -> found ({found[-1][1] or '<string>'!r})")
        lines += self._conclude(len(found))
        self.app.logger.info("\n".join(lines))
        if not found:
            raise MissingTemplate(template, self)
        return found[0]

    def _describe(self, owner: Any) -> str:
        if owner is self.app:
            return f"application {owner.import_name!r}"
        return f"blueprint {owner.name!r} ({owner.import_name})"

    def _conclude(self, found: int) -> list[str]:
        lines = []
        if found == 0:
            lines.append("Error: the template could not be found.")
        elif found > 1:
            lines.append("Warning: several loaders have this template; the first one was taken.")
        ctx = current.get(None)
        plan = ctx.plan if ctx is not None else None
        if found != 1 and plan is not None and plan.scopes:
            lines += [
                f"  It was looked up from an endpoint that belongs to the blueprint {plan.scopes[0]!r}.",
                "  Is it in the right folder?",
            ]
            if self.help_url:
                lines.append(f"  See {self.help_url}")
        return lines


def _describe_loader(loader: jinja2.BaseLoader) -> Iterator[str]:
    """Yield lines about a loader: its class, and its settings as far as they are plain."""
    yield f"       class: {type(loader).__module__}.{type(loader).__name__}"
    for key, value in sorted(vars(loader).items()):
        if key.startswith("_"):
            continue
        if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
            yield f"       {key}:"
            yield from (f"         - {item}" for item in value)
        elif isinstance(value, (str, int, float, bool)):
            yield f"       {key}: {value!r}"

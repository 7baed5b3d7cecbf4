"""Templates: Jinja bound to an application, its loaders, and what every template knows."""

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from inspect import isawaitable
from typing import Any, ClassVar

import jinja2
from jinja2.runtime import Context as JinjaContext
from jinja2.utils import LRUCache
from werkzeug.local import LocalProxy

from ..kernel.context import current
from ..kernel.errors import OutsideContextError, nearest
from .flashing import get_flashed_messages

Receiver = Callable[[Any, dict[str, Any]], Any]
TemplateName = str | jinja2.Template
TemplateNames = TemplateName | list[TemplateName]

_DICT_ATTRIBUTES = frozenset(dir(dict))
#: How many templates given as strings are kept compiled, and up to which length.
_STRINGS_KEPT = 128
_LONGEST_STRING_KEPT = 32_768


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


def _context_proxy(name: str) -> Any:
    """Return a stand-in for an attribute of whatever context is active when a template uses it."""

    def read() -> Any:
        ctx = current.get(None)
        if ctx is None or not (ctx.has_request or name == "g"):
            raise OutsideContextError(
                f"A template used {name!r}, but it is rendered outside of a request. Pass what it needs as a "
                "value, or render it in 'with app.test_request_context():'."
            )
        return getattr(ctx, name)

    return LocalProxy(read)


def _flashed_messages(with_categories: bool = False, category_filter: Iterable[str] = ()) -> Any:
    """Return the messages flashed for this request: the template's ``get_flashed_messages()``."""
    ctx = current.get(None)
    if ctx is None or not ctx.has_request:
        raise OutsideContextError("A template used get_flashed_messages() outside of a request.")
    return get_flashed_messages(ctx, with_categories, category_filter)


class Templating:
    """The built-in plugin: an application's Jinja environment, and the rendering of templates with it.

    :param app: the application; its ``jinja_env`` is the environment, its ``templating`` this object.
    """

    name: ClassVar[str] = "templating"

    def __init__(self, app: Any) -> None:
        self.app = app
        #: Functions ``(template, context)`` called before and after each rendering; signals hang here.
        self.before_render: list[Receiver] = []
        self.after_render: list[Receiver] = []
        #: Completes the values of a rendering, in place: ``fill(ctx, context)``.
        self.fill: Callable[[Any, dict[str, Any]], Any] = self.add_names
        self._strings = LRUCache(_STRINGS_KEPT)

    # -- the environment

    def create_environment(self) -> Environment:
        """Make an environment of the application's ``jinja_environment`` class with its ``jinja_options``."""
        app = self.app
        options = dict(app.jinja_options)
        options.setdefault("autoescape", app.select_jinja_autoescape)
        options.setdefault("auto_reload", self.reloads())
        environment: Environment = app.jinja_environment(app, **options)
        environment.globals.update(
            url_for=app.url_for,
            get_flashed_messages=_flashed_messages,
            config=app.config,
            request=_context_proxy("request"),
            session=_context_proxy("session"),
            g=_context_proxy("g"),
        )
        environment.policies["json.dumps_function"] = self._dumps
        return environment

    def _dumps(self, value: Any, **options: Any) -> str:
        text: str = self.app.json.dumps(value, **options)
        return text

    def reloads(self) -> bool:
        """Say whether changed templates are loaded anew: ``TEMPLATES_AUTO_RELOAD``, or else in debug mode."""
        value = self.app.config.get("TEMPLATES_AUTO_RELOAD")
        return bool(self.app.debug if value is None else value)

    def claims(self, owner: Any) -> frozenset[str]:
        """Return the template namespaces a blueprint takes: the first parts of its templates' names.

        Two plugins that take one namespace would hide each other's templates.
        """
        names = owner.jinja_loader.list_templates() if owner.jinja_loader is not None else ()
        return frozenset(name.partition("/")[0] for name in names)

    # -- what templates know

    def add_names(self, ctx: Any, context: dict[str, Any]) -> None:
        """Add to ``context`` what plugins and context processors have for it. A name it has already stays.

        The blueprints' processors come before the application's, and those before the plugins'.
        """
        for names in self._offers(ctx):
            for name, value in names.items():
                context.setdefault(name, value)

    def update_template_context(self, ctx: Any, context: dict[str, Any]) -> None:
        """Do what :meth:`add_names` does, and add ``g``, ``request`` and ``session``.

        Templates have these three as globals already: this is for whoever looks at ``context``.
        """
        self.add_names(ctx, context)
        self._add_standard(ctx, context)

    def _add_standard(self, ctx: Any, context: dict[str, Any]) -> None:
        context.setdefault("g", ctx.g)
        if ctx.has_request:
            context.setdefault("request", ctx.request)
            # The real session would be opened by this, and the answer depend on the cookie.
            context.setdefault("session", self.app.jinja_env.globals["session"])

    def _offers(self, ctx: Any) -> list[dict[str, Any]]:
        """Return dicts of names, the first to be asked first."""
        registry = self.app.template_context_processors
        offers: list[dict[str, Any]] = []
        ask = self.app.chain("trivet_template_context", ("ctx",)).call
        if ask is not None:
            offers += reversed(ask(ctx))
        if registry:
            scopes = ctx.plan.scopes if ctx.plan is not None else ()
            for scope in (None, *reversed(scopes)):
                for function in registry.get(scope, ()):
                    names = function()
                    offers.append(self.app.loops.run(names) if isawaitable(names) else names)
        offers.reverse()
        return offers

    # -- rendering

    def find(self, name_or_list: TemplateNames) -> jinja2.Template:
        """Return the template of a name, the first existing one of a list of names, or a template itself.

        :raises jinja2.TemplateNotFound: if there is none.
        """
        environment: jinja2.Environment = self.app.jinja_env
        if name_or_list.__class__ is str:
            return environment.get_template(name_or_list)
        return environment.get_or_select_template(name_or_list)

    def compile(self, source: str) -> jinja2.Template:
        """Return the template whose source is ``source``; equal ones in a row are compiled once."""
        environment: jinja2.Environment = self.app.jinja_env
        if source.__class__ is not str or len(source) > _LONGEST_STRING_KEPT:
            return environment.from_string(source)
        template: jinja2.Template | None = self._strings.get(source)
        if template is None or template.environment is not environment:
            template = self._strings[source] = environment.from_string(source)
        return template

    def render(self, ctx: Any, template: jinja2.Template, context: dict[str, Any]) -> str:
        """Render a template to a string."""
        self._prepare(ctx, template, context)
        text = template.render(context)
        for receiver in self.after_render:
            receiver(template, context)
        return text

    def stream(self, ctx: Any, template: jinja2.Template, context: dict[str, Any]) -> Iterator[str]:
        """Render a template piece by piece; ``ctx`` is active while a piece is made."""
        self._prepare(ctx, template, context)
        return _in_context(ctx, self._generate(template, context))

    def _prepare(self, ctx: Any, template: jinja2.Template, context: dict[str, Any]) -> None:
        self.fill(ctx, context)
        if self.before_render or self.after_render:
            self._add_standard(ctx, context)
            for receiver in self.before_render:
                receiver(template, context)

    def _generate(self, template: jinja2.Template, context: dict[str, Any]) -> Iterator[str]:
        yield from template.generate(context)
        for receiver in self.after_render:
            receiver(template, context)


def _in_context(ctx: Any, pieces: Iterator[str]) -> Iterator[str]:
    """Yield from ``pieces``, with ``ctx`` as the active context while each is made."""
    while True:
        token = current.set(ctx)
        try:
            piece = next(pieces, None)
        finally:
            current.reset(token)
        if piece is None:
            return
        yield piece


def render_template(ctx: Any, name_or_list: TemplateNames, /, **context: Any) -> str:
    """Render a template of the application or its blueprints to a string.

    :param ctx: the active context.
    :param name_or_list: the template's name, or several of which the first existing one is taken.
    :param context: the template's variables.
    :raises jinja2.TemplateNotFound: if there is none.
    """
    templating: Templating = ctx.app.templating
    return templating.render(ctx, templating.find(name_or_list), context)


def render_template_string(ctx: Any, source: str, /, **context: Any) -> str:
    """Render a template given as a string; its values are escaped automatically."""
    templating: Templating = ctx.app.templating
    return templating.render(ctx, templating.compile(source), context)


def stream_template(ctx: Any, name_or_list: TemplateNames, /, **context: Any) -> Iterator[str]:
    """Render a template piece by piece, as the body of a streamed response; see :func:`render_template`."""
    templating: Templating = ctx.app.templating
    return templating.stream(ctx, templating.find(name_or_list), context)


def stream_template_string(ctx: Any, source: str, /, **context: Any) -> Iterator[str]:
    """Render a template given as a string piece by piece; see :func:`render_template_string`."""
    templating: Templating = ctx.app.templating
    return templating.stream(ctx, templating.compile(source), context)

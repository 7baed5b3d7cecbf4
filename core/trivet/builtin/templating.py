"""Templates: Jinja bound to an application, its loaders, and what every template knows."""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from inspect import isawaitable
from typing import Any, ClassVar

from werkzeug.local import LocalProxy

from ..hookspecs import hookimpl
from ..kernel.context import current
from ..kernel.errors import OutsideContextError
from .flashing import get_flashed_messages

Receiver = Callable[[Any, dict[str, Any]], Any]
#: A template's name, a :class:`jinja2.Template`, or a list of such.
TemplateNames = Any

#: How many templates given as strings are kept compiled, and up to which length.
_STRINGS_KEPT = 128
_LONGEST_STRING_KEPT = 32_768


def _is_answered_early(environment: Any, source: str) -> bool:
    """Say whether Jinja asks a filter or a test when it compiles: one of constants, whose answer may change yet."""
    if "|" not in source and " is " not in source:
        return False
    from jinja2.nodes import Filter, Name, Test  # not at the top: an application without templates needs no Jinja

    asked = environment.parse(source).find_all((Filter, Test))
    return any(node.find(Name) is None for node in asked)


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


class EnvironmentClass:
    """The default of ``app.jinja_environment``. Jinja is imported by the first look at it.

    Jinja takes a tenth of ``import trivet``, and an application that answers only JSON never needs it.
    """

    def __get__(self, app: Any, owner: type | None = None) -> type[Any]:
        from .jinja import Environment

        return Environment


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
        self._strings: OrderedDict[str, Any] = OrderedDict()

    @hookimpl
    def trivet_setup(self, app: Any) -> None:
        """Import Jinja if there are templates, so that no request has to."""
        owners = [app, *app.blueprints.values()]
        folders = [os.path.join(one.root_path, one.template_folder) for one in owners if one.template_folder]
        if any(map(os.path.isdir, folders)):
            app.jinja_environment  # noqa: B018 - the look imports it

    # -- the environment

    def create_loader(self) -> Any:
        """Make the loader that finds the templates of the application and its blueprints."""
        from .jinja import DispatchingLoader

        return DispatchingLoader(self.app)

    def create_environment(self) -> Any:
        """Make an environment of the application's ``jinja_environment`` class with its ``jinja_options``."""
        app = self.app
        options = dict(app.jinja_options)
        options.setdefault("autoescape", app.select_jinja_autoescape)
        options.setdefault("auto_reload", self.reloads())
        environment = app.jinja_environment(app, **options)
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

    def find(self, name_or_list: TemplateNames) -> Any:
        """Return the template of a name, the first existing one of a list of names, or a template itself.

        :raises jinja2.TemplateNotFound: if there is none.
        """
        environment = self.app.jinja_env
        if name_or_list.__class__ is str:
            return environment.get_template(name_or_list)
        return environment.get_or_select_template(name_or_list)

    def compile(self, source: str) -> Any:
        """Return the template whose source is ``source``; equal ones in a row are compiled once."""
        environment = self.app.jinja_env
        if source.__class__ is not str or len(source) > _LONGEST_STRING_KEPT:
            return environment.from_string(source)
        template = self._strings.get(source)
        if template is None or template.environment is not environment:
            if _is_answered_early(environment, source):
                return environment.from_string(source)
            template = self._strings[source] = environment.from_string(source)
            if len(self._strings) > _STRINGS_KEPT:
                self._strings.popitem(last=False)
        return template

    def render(self, ctx: Any, template: Any, context: dict[str, Any]) -> str:
        """Render a template to a string."""
        self._prepare(ctx, template, context)
        text: str = template.render(context)
        for receiver in self.after_render:
            receiver(template, context)
        return text

    def stream(self, ctx: Any, template: Any, context: dict[str, Any]) -> Iterator[str]:
        """Render a template piece by piece; ``ctx`` is active while a piece is made."""
        self._prepare(ctx, template, context)
        return _in_context(ctx, self._generate(template, context))

    def _prepare(self, ctx: Any, template: Any, context: dict[str, Any]) -> None:
        self.fill(ctx, context)
        if self.before_render or self.after_render:
            self._add_standard(ctx, context)
            for receiver in self.before_render:
                receiver(template, context)

    def _generate(self, template: Any, context: dict[str, Any]) -> Iterator[str]:
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

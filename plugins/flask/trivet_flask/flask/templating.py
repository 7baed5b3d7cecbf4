"""``flask.templating``: Jinja bound to an application."""

from typing import Any

from jinja2.loaders import BaseLoader

from trivet.builtin.jinja import DispatchingLoader, Environment
from trivet.helpers import render_template, render_template_string, stream_template, stream_template_string

from .globals import app_ctx

__all__ = [
    "BaseLoader",
    "DispatchingJinjaLoader",
    "Environment",
    "render_template",
    "render_template_string",
    "stream_template",
    "stream_template_string",
]


class DispatchingJinjaLoader(DispatchingLoader):
    """Looks for templates in the application's folder, then in the blueprints'."""

    help_url = "https://flask.palletsprojects.com/blueprints/#templates"


def _render(app: Any, template: Any, context: dict[str, Any]) -> str:
    """Render a template to a string, with what every template gets."""
    return app.templating.render(app_ctx._get_current_object(), template, context)  # type: ignore[no-any-return]


def _default_template_ctx_processor() -> dict[str, object]:
    """Return what every template gets: ``g``, and in a request ``request`` and ``session``."""
    ctx = app_ctx._get_current_object()
    names: dict[str, object] = {"g": ctx.g}
    if ctx.has_request:
        names["request"] = ctx.request
        names["session"] = ctx.app.jinja_env.globals["session"]
    return names

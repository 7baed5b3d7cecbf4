"""``flask.views``: views that are classes."""

from trivet.views import MethodView, View

__all__ = ["MethodView", "View"]

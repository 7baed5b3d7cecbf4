"""``flask.views``: views that are classes."""

from trivet.views import MethodView, View

__all__ = ["MethodView", "View", "http_method_funcs"]

#: The names of the methods that :class:`MethodView` calls.
http_method_funcs = frozenset(("get", "post", "head", "options", "delete", "put", "trace", "patch"))

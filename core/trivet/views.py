"""Class-based views."""

from collections.abc import Callable
from typing import Any, ClassVar

from .kernel.chains import is_coroutine_function
from .kernel.context import current

_METHODS = frozenset({"get", "post", "head", "options", "delete", "put", "trace", "patch"})


class View:
    """A view that is a class: :meth:`as_view` makes a view function of it, :meth:`dispatch_request` answers.

    ::

        class Greeting(View):
            def dispatch_request(self, name):
                return f"Hello, {name}"

        app.add_url_rule("/hello/<name>", view_func=Greeting.as_view("greeting"))
    """

    #: The methods the view answers; those of the rule where it says so, else ``GET``.
    methods: ClassVar[Any] = None
    #: Whether ``OPTIONS`` is answered for the view; the application's default unless set.
    provide_automatic_options: ClassVar[bool | None] = None
    #: Decorators put around the view function, the first one innermost.
    decorators: ClassVar[list[Callable[..., Any]]] = []
    #: Whether each request gets an instance of its own; ``False`` shares one, which is faster.
    init_every_request: ClassVar[bool] = True

    def dispatch_request(self) -> Any:
        """Answer the request; gets the rule's values as keyword arguments. May be ``async``."""
        raise TypeError(f"{type(self).__name__} must define dispatch_request().")

    @classmethod
    def _is_async(cls) -> bool:
        return is_coroutine_function(cls.dispatch_request)

    @classmethod
    def as_view(cls, name: str, *class_args: Any, **class_kwargs: Any) -> Any:
        """Return a view function, to be given to ``add_url_rule``.

        :param name: the function's name, and so the default endpoint.
        :param class_args: with ``class_kwargs``, passed to the class for every instance.
        """
        make: Callable[[], Any]
        if cls.init_every_request:

            def make() -> Any:
                return view.view_class(*class_args, **class_kwargs)  # type: ignore[attr-defined]
        else:
            shared = cls(*class_args, **class_kwargs)

            def make() -> Any:
                return shared

        view: Callable[..., Any]
        if cls._is_async():

            async def view(**kwargs: Any) -> Any:
                return await make().dispatch_request(**kwargs)
        else:

            def view(**kwargs: Any) -> Any:
                return make().dispatch_request(**kwargs)

        if cls.decorators:
            view.__name__, view.__module__ = name, cls.__module__
            for decorator in cls.decorators:
                view = decorator(view)
        for attribute, value in (
            ("view_class", cls),
            ("__name__", name),
            ("__doc__", cls.__doc__),
            ("__module__", cls.__module__),
            ("methods", cls.methods),
            ("provide_automatic_options", cls.provide_automatic_options),
        ):
            setattr(view, attribute, value)
        return view


class MethodView(View):
    """A class-based view with one method for each HTTP method it answers: ``get()``, ``post()``, …

    ``HEAD`` is answered by ``get()`` where there is no ``head()``. If one of the methods is ``async``, the view is.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "methods" not in cls.__dict__:
            methods = set()
            for base in cls.__bases__:
                if getattr(base, "methods", None):
                    methods.update(base.methods)  # type: ignore[attr-defined]
            methods.update(name.upper() for name in _METHODS if hasattr(cls, name))
            if methods:
                cls.methods = methods

    @classmethod
    def _is_async(cls) -> bool:
        own = cls.dispatch_request is MethodView.dispatch_request
        if not own:
            return super()._is_async()
        return any(is_coroutine_function(getattr(cls, name, None)) for name in _METHODS)

    @classmethod
    def as_view(cls, name: str, *class_args: Any, **class_kwargs: Any) -> Any:
        """Return a view function, as :meth:`View.as_view`."""
        if cls._is_async() and cls.dispatch_request is MethodView.dispatch_request:
            dispatching = type(
                cls.__name__, (_AsyncMethods, cls), {"methods": cls.methods, "__module__": cls.__module__}
            )
            view = dispatching.as_view(name, *class_args, **class_kwargs)  # type: ignore[attr-defined]
            view.__doc__ = cls.__doc__
            return view
        return super().as_view(name, *class_args, **class_kwargs)

    def _method(self) -> Any:
        ctx: Any = current.get()
        found = getattr(self, ctx.method.lower(), None)
        if found is None and ctx.method == "HEAD":
            found = getattr(self, "get", None)
        if found is None:
            raise AssertionError(f"Unimplemented method {ctx.method!r}")
        return found

    def dispatch_request(self, **kwargs: Any) -> Any:
        """Call the method of the request's name."""
        return self._method()(**kwargs)


class _AsyncMethods:
    """Gives a :class:`MethodView` with asynchronous methods a dispatcher that awaits them."""

    async def dispatch_request(self: Any, **kwargs: Any) -> Any:
        value = self._method()(**kwargs)
        return await value if hasattr(value, "__await__") else value

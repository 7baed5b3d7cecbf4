"""``flask.debughelpers``: exceptions of debug mode that say what a developer did wrong."""

from typing import Any

from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing.exceptions import RequestRedirect

__all__ = ["DebugFilesKeyError", "FormDataRoutingRedirect", "UnexpectedUnicodeError", "attach_enctype_error_multidict"]


class UnexpectedUnicodeError(AssertionError, UnicodeError):
    """Text was met where bytes were expected, or the other way round."""


class DebugFilesKeyError(KeyError, AssertionError):
    """A file was asked for that was not sent as one: the form was not sent as ``multipart/form-data``."""

    def __init__(self, request: Any, key: str) -> None:
        said = [
            f"You tried to access the file {key!r} in the request.files dictionary, but it does not exist. The "
            f"mimetype for the request is {request.mimetype!r} instead of 'multipart/form-data', which means that no "
            'file contents were transmitted. Put enctype="multipart/form-data" into the form.'
        ]
        names = request.form.getlist(key)
        if names:
            said.append(
                "\n\nThe browser instead transmitted some file names. This was submitted: "
                + ", ".join(repr(name) for name in names)
            )
        self.msg = "".join(said)

    def __str__(self) -> str:
        return self.msg


class FormDataRoutingRedirect(AssertionError):
    """Routing redirects a request whose form the browser would lose on the way; raised in debug mode."""

    def __init__(self, request: Any) -> None:
        error = request.routing_exception
        assert isinstance(error, RequestRedirect)  # noqa: S101 - that is who raises this
        said = [
            f"A request was sent to '{request.url}', but routing issued a redirect to the canonical URL "
            f"'{error.new_url}'."
        ]
        if f"{request.base_url}/" == error.new_url.partition("?")[0]:
            said.append(
                " The URL was defined with a trailing slash. The router redirects to it if a request was sent "
                "without one."
            )
        said.append(
            " Send requests to the canonical URL, or use 307 or 308 for routing redirects. Otherwise, browsers will "
            "drop form data.\n\nThis exception is only raised in debug mode."
        )
        super().__init__("".join(said))


class MultiDictWithHint(ImmutableMultiDict[str, Any]):
    """The empty files of a form that was not sent as one with files: asking for one of its fields explains that."""

    request: Any

    def __getitem__(self, key: str) -> Any:
        try:
            return super().__getitem__(key)
        except KeyError as error:
            if key not in self.request.form:
                raise
            raise DebugFilesKeyError(self.request, key).with_traceback(error.__traceback__) from None


def attach_enctype_error_multidict(request: Any) -> None:
    """Make ``request.files`` say what is wrong when a file of the form is asked for that was not sent as one."""
    files = MultiDictWithHint(request.files)
    files.request = request
    request.files = files

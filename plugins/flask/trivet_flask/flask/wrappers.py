"""``flask.wrappers``: the request and the response."""

from typing import Any

from trivet import Request as TrivetRequest
from trivet import Response as TrivetResponse
from trivet.kernel.context import current
from trivet.wrappers.request import _UNSET

from .debughelpers import attach_enctype_error_multidict
from .globals import current_app

__all__ = ["Request", "Response"]


class Request(TrivetRequest):
    """The request. A form that cannot be read is empty, as it is in Flask."""

    strict_forms = False

    def _limit(self, own: Any, key: str, default: int | None) -> int | None:
        """Return a limit: the one set here, else the configured one if an application is active, else the default."""
        if own is not _UNSET:
            return own  # type: ignore[no-any-return]
        ctx = current.get(None)
        return default if ctx is None else ctx.app.config.get(key, default)

    @property
    def max_content_length(self) -> int | None:
        """The largest body in bytes that is read."""
        return self._limit(self._limit_length, "MAX_CONTENT_LENGTH", None)

    @max_content_length.setter
    def max_content_length(self, value: int | None) -> None:
        self._limit_length = value

    @property
    def max_form_memory_size(self) -> int | None:
        """The largest form field in bytes."""
        return self._limit(self._limit_memory, "MAX_FORM_MEMORY_SIZE", 500_000)

    @max_form_memory_size.setter
    def max_form_memory_size(self, value: int | None) -> None:
        self._limit_memory = value

    @property
    def max_form_parts(self) -> Any:
        """The largest number of fields in a form."""
        return self._limit(self._limit_parts, "MAX_FORM_PARTS", 1_000)

    @max_form_parts.setter
    def max_form_parts(self, value: int | None) -> None:
        self._limit_parts = value

    def _load_form_data(self) -> None:
        super()._load_form_data()
        if (
            bool(current_app)
            and current_app.debug
            and self.mimetype != "multipart/form-data"
            and not self.files
            and type(self.files).__name__ != "MultiDictWithHint"
        ):
            attach_enctype_error_multidict(self)


class Response(TrivetResponse):
    """The response."""

    #: The content type of a response that says none.
    default_mimetype: str | None = "text/html"

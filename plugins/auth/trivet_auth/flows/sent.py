"""What a client has sent to a flow: the fields of a form or of a JSON object, looked at one by one."""

from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import BadRequest

#: Bytes that a flow reads.
MAX_BODY = 64 * 1024
#: The content types of forms; a request without a body has none.
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "")


class Refused(Exception):
    """A flow goes no further; how that is said depends on the client.

    :ivar status: of the answer.
    :ivar code: for programs, as ``"invalid_credentials"``.
    :ivar message: for people, one sentence.
    :ivar fields: what is wrong with single fields.
    :ivar headers: of the answer.
    :ivar template: the page, if it is not that of the flow.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fields: Mapping[str, list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        template: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})
        self.template = template


class Sent:
    """The fields, and what is wrong with them.

    :ivar is_json: whether they came as JSON.
    :ivar errors: sentences by the name of the field.
    """

    def __init__(self, fields: Mapping[str, Any], is_json: bool) -> None:
        self._fields = fields
        self.is_json = is_json
        self.errors: dict[str, list[str]] = {}

    def __contains__(self, name: str) -> bool:
        return bool(self._fields.get(name))

    def wrong(self, name: str, *sentences: str) -> None:
        """Note what is wrong with a field; without sentences nothing is."""
        if sentences:
            self.errors.setdefault(name, []).extend(sentences)

    def check(self) -> None:
        """Go on only if nothing is wrong.

        :raises Refused: something is: 422.
        """
        if self.errors:
            raise Refused(422, "invalid_fields", "Please correct what is marked.", fields=self.errors)

    def text(self, name: str, missing: str = "") -> str:
        """Return a field as it was sent; empty if it was not.

        :param missing: what is said if it is empty; nothing is, by default.
        """
        value = self._fields.get(name)
        if value is not None and not isinstance(value, str):
            self.wrong(name, "This has to be text.")
            return ""
        if not value and missing:
            self.wrong(name, missing)
        return value or ""

    def line(self, name: str, missing: str = "") -> str:
        """Return a field without white space around it, as people type it by mistake."""
        return self.text(name, missing).strip()

    def flag(self, name: str) -> bool:
        """Return whether a box is ticked, or a JSON value true."""
        value = self._fields.get(name)
        return value is True or (isinstance(value, str) and value.lower() in ("1", "on", "true", "yes"))

    def number(self, name: str, default: int) -> int:
        """Return a whole number, of a form or of JSON; -1 for what is none."""
        value = self._fields.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        usable = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9
        return int(value) if usable else -1

    def texts(self, name: str) -> list[str]:
        """Return a field that may have several values."""
        getlist = getattr(self._fields, "getlist", None)
        value: Any = getlist(name) if getlist is not None else self._fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.wrong(name, "This has to be a list of texts.")
            return []
        return value


def read(ctx: Any) -> Sent:
    """Read what the client has sent.

    :raises Refused: it is neither a form nor a JSON object: 400 or 415.
    :raises HTTPException: it is too long, or broken off.
    """
    request = ctx.request
    request.max_content_length = min(request.max_content_length or MAX_BODY, MAX_BODY)
    if request.is_json:
        return Sent(_object_in(request), is_json=True)
    if request.mimetype not in FORMS:
        raise Refused(415, "unsupported_media_type", "Send a form, or JSON as application/json.")
    try:
        return Sent(request.form, is_json=False)
    except BadRequest:
        raise Refused(400, "bad_form", "The form could not be read.") from None


def _object_in(request: Any) -> dict[str, Any]:
    try:
        value = request.get_json()
    except BadRequest:
        raise Refused(400, "bad_json", "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise Refused(400, "bad_json", "The body has to be a JSON object.")
    return value


def wants_json(ctx: Any) -> bool:
    """Tell whether a client wants JSON: it has sent some, or says that it would rather have it than HTML.

    Between types that it likes as much, the one it names counts more than one that its wildcards allow (RFC 9110,
    12.5.1): programs send ``application/json, text/plain, */*``.
    """
    request = ctx.request
    if request.is_json:
        return True
    return bool(request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json")

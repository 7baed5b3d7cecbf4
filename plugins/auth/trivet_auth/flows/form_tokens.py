"""Tokens in forms: what a page of this session carries, and a page of another site cannot know."""

import hmac
import secrets
from typing import Any

from itsdangerous import BadData

from .sent import Refused, Sent

#: The field of the form, and the header that may stand for it.
FIELD, HEADER = "csrf_token", "X-CSRF-Token"

_PURPOSE = "auth.form"
_NONCE = "_auth_form"


def token_for(ctx: Any) -> str:
    """Return a token for a form on a page of this request's session.

    It is made by the signing service from a random text in the session, and is worth nothing when the session is
    another one: after signing in, say.
    """
    nonce = ctx.session.get(_NONCE)
    if not isinstance(nonce, str):
        nonce = ctx.session[_NONCE] = secrets.token_urlsafe(16)
    return str(ctx.app.signing.dumps(_PURPOSE, nonce))


def check(ctx: Any, sent: Sent) -> None:
    """Go on only if a form carries a token of this session. What is sent as JSON is no form.

    Browsers let no page send JSON to another origin without asking first, and the core refuses cross-origin requests.

    :raises Refused: it carries none, or another one: 403.
    """
    if sent.is_json:
        return
    text = sent.text(FIELD) or ctx.header(HEADER) or ""
    nonce = ctx.session.get(_NONCE)
    try:
        named = ctx.app.signing.loads(_PURPOSE, text) if text and len(text) <= 512 else None
    except BadData:
        named = None
    if not isinstance(named, str) or not isinstance(nonce, str) or not hmac.compare_digest(named, nonce):
        raise Refused(403, "form_expired", "This form is out of date. Please send it again.")

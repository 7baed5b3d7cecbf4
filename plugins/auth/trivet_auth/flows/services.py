"""What the flows of one application share: which are on, links, second factors, and mails."""

import time
from collections.abc import Collection
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from trivet import after_response

from ..errors import AuthConfigError
from ..links import Links
from ..mail import Mail, Outbox, Server, deliver, describe, settings_for
from ..state import Auth, logger
from ..totp import RecoveryCodes, UsedSteps
from ..users import stamp_of

_NAME = "trivet_auth.flows"
#: The flows that are nothing without mail. Others tell people by mail what was changed, if there is a way to send it.
MAILING = ("verify", "forgot", "email")
#: Where links lead in debug mode and in tests, if nothing says so: to what ``trivet run`` serves.
NOWHERE = "http://127.0.0.1:5000"


class Services:
    """What the flows of one application share.

    :ivar on: the names of the flows that are switched on.
    """

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        self.app = auth.app
        self.on: Collection[str] = tuple(dict.fromkeys(auth.options.flows))

    @classmethod
    def of(cls, app: Any) -> "Services":
        """Return those of an application."""
        found = app.extensions.get(_NAME)
        if found is None:
            found = app.extensions[_NAME] = cls(Auth.of(app))
        return found  # type: ignore[no-any-return]

    # -- what configuration says

    @property
    def sends_mail(self) -> bool:
        """Whether a flow is on that is nothing without mail."""
        return any(name in self.on for name in MAILING)

    @property
    def must_verify(self) -> bool:
        """Whether an address has to be confirmed before one can sign in."""
        return self.auth.options.verify and "verify" in self.on

    @property
    def demands_second_factor(self) -> bool:
        """Whether nobody can sign in without one."""
        return self.auth.options.second_factor == "required"

    def check(self) -> None:
        """See to it that all is there that the flows need.

        :raises AuthConfigError: something is missing; the message says what to write.
        """
        if self.sends_mail:
            self.url  # noqa: B018 - the look checks it
            self.server  # noqa: B018

    @cached_property
    def url(self) -> str:
        """The address of the application, which the links in mails begin with; never what a request says it is."""
        text = self.auth.options.url.rstrip("/")
        if not text:
            if self.app.debug or self.app.testing:
                return NOWHERE
            raise AuthConfigError(
                'The flows of [auth] send links by mail, and have to know where they lead: [auth] url = "https://'
                'app.example.com". The address of a request is not taken, as anybody can choose it.'
            )
        try:
            parts = urlsplit(text)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
        except ValueError:
            usable, parts = False, urlsplit("")
        if not usable or parts.query or parts.fragment or not text.isprintable() or " " in text:
            raise AuthConfigError(f'[auth] url is {text!r}, and no address such as "https://app.example.com".')
        return text

    @property
    def site(self) -> str:
        """What the site is called."""
        return self.auth.options.site or str(self.app.name)

    # -- links

    @cached_property
    def links(self) -> Links:
        """The links in mails."""
        return Links(self.auth.store, self.auth.options.link_lifetime)

    def address_of(self, endpoint: str, **values: str) -> str:
        """Return the address of a view, for a mail."""
        self.app.inject_url_defaults(endpoint, values)
        path: str = self.app.url_map.bind("localhost", script_name="/").build(endpoint, values)
        return self.url + path

    # -- second factors

    @cached_property
    def steps(self) -> UsedSteps:
        """Verifies the codes of authenticator apps."""
        return UsedSteps(self.auth.store)

    @cached_property
    def recovery(self) -> RecoveryCodes:
        """Verifies recovery codes."""
        return RecoveryCodes(self.auth.store)

    # -- mail

    @cached_property
    def server(self) -> Server | None:
        """The server that takes mails; ``None``: a plugin knows."""
        return settings_for(self.app, self.auth.options.mail)

    @cached_property
    def outbox(self) -> Outbox:
        """What sends mails."""
        return Outbox(self._send, self._note_failure)

    @property
    def can_mail(self) -> bool:
        """Whether there is a way to send mail."""
        app = self.app
        return bool(
            self.auth.options.mail.url or app.hook.trivet_auth_send_mail.get_hookimpls() or app.debug or app.testing
        )

    def post(self, kind: str, to: str, sends: bool = True, **values: Any) -> None:
        """Have a mail sent when the answer is out. In tests it is sent before that, so that they can look at it.

        :param kind: the name of its template.
        :param sends: whether it is sent. Where an answer must not tell, call this for the mail that is not sent, too.
        """
        if not self.can_mail:
            return
        if not self.app.testing:
            after_response(self._leave if sends else _leave_nothing, kind, to, values)
        elif sends:
            self._leave(kind, to, values)
            self.outbox.wait()

    def send_now(self, kind: str, to: str, **values: Any) -> None:
        """Send a mail and wait for it, where no answer is kept waiting by that: in a command.

        :raises Exception: it could not be sent.
        """
        self._send(self._make(kind, to, values))

    def _leave(self, kind: str, to: str, values: dict[str, Any]) -> None:
        if not self.outbox.put(kind, lambda: self._make(kind, to, values)):
            self._note_failure(kind, OverflowError())

    def _make(self, kind: str, to: str, values: dict[str, Any]) -> Mail:
        """Make a mail of its template: the first line is the subject, and the rest the text.

        What context processors bring is not there: they may want a request.
        """
        lasting = _duration(self.auth.options.link_lifetime)
        names = {"site": self.site, "url": self.url, "lasting": lasting, "flows": self.on, **values}
        text = self.app.jinja_env.get_template(f"auth/mail/{kind}.txt").render(names)
        subject, _, body = text.strip().partition("\n")
        return Mail(to, subject.strip(), body.strip() + "\n", kind)

    def _send(self, mail: Mail) -> None:
        with self.app.app_context():
            call = self.app.chain("trivet_auth_send_mail", ("app", "mail"), None, True).call
            if call is not None and call(self.app, mail):
                return
        if self.server is None:
            raise AuthConfigError("no plugin has sent it, and [auth.mail] url is not set")
        deliver(self.server, mail, self.auth.options.mail.sender)

    def _note_failure(self, kind: str, error: Exception) -> None:
        """Log it, without the address, the text, and what the server has said."""
        logger.error("A mail of the kind %r could not be sent: %s.", kind, describe(error))
        self.auth.event("mail.failed", kind=kind, error=describe(error))


def state_of(user: Any) -> str:
    """Return what ends the links of a user when it changes: password, address, or a number that ends all sessions."""
    return f"{stamp_of(user)}:{getattr(user, 'email', '')}"


def _leave_nothing(kind: str, to: str, values: dict[str, Any]) -> None:
    """Do nothing, where a mail would be left to be sent."""


def _duration(seconds: int) -> str:
    """Return a duration in words, in hours or minutes."""
    size, word = (3600, "hour") if seconds >= 3600 and seconds % 3600 == 0 else (60, "minute")
    count = max(1, seconds // size)
    return f"{count} {word}s" if count != 1 else f"one {word}"


def now() -> float:
    """Return the time in Unix seconds."""
    return time.time()

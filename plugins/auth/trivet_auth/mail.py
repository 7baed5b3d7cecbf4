"""Mail: what is in one, by which server it goes out, and the thread that sends what requests leave behind."""

import os
import smtplib
import ssl
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from .errors import AuthConfigError

#: Seconds that a server may take for each step.
TIMEOUT = 15.0
#: How many mails may wait; what comes then is dropped and logged.
WAITING = 1000
#: Seconds without a mail after which the thread that sends them ends.
IDLE = 10.0
#: Seconds that a process which ends waits for its last mails.
GRACE = 10.0
#: The longest address (RFC 5321, 4.5.3.1.3), and the longest part of it before the ``@`` (4.5.3.1.1).
MAX_ADDRESS, MAX_LOCAL = 254, 64

_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_FORMS = (
    '"smtps://user:password@host", "smtp+starttls://user:password@host", "smtp://localhost:25", or "console:" to '
    "print mails"
)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one person.

    :ivar to: the address.
    :ivar subject: one line.
    :ivar text: plain text; it may hold a link that signs somebody in, so keep it out of logs.
    :ivar kind: what it is about, as ``"reset"``.
    """

    to: str
    subject: str
    text: str = field(repr=False)
    kind: str = ""


class Server(NamedTuple):
    """A server that takes mails (RFC 5321, RFC 8314).

    :ivar mode: ``"smtp"``, ``"smtps"`` (TLS from the first byte), ``"smtp+starttls"`` (refused without TLS), or
        ``"console"``.
    """

    mode: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""


def parse_url(url: str) -> Server:
    """Read ``[auth.mail] url``.

    :raises AuthConfigError: it cannot be one; the message does not repeat it, as it may hold a password.
    """
    if url == "console:":
        return Server("console")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host, user, password = parts.hostname or "", unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        parts, port, host, user, password = urlsplit(""), 0, "", "", ""
    if parts.scheme not in _PORTS or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise AuthConfigError(f"[auth.mail] url is not an address to send mail by. Write {_FORMS}.")
    if parts.scheme == "smtp" and user and host not in _LOCAL_HOSTS:
        raise AuthConfigError(
            "[auth.mail] url has a password that would be sent without encryption. Write smtps:// or smtp+starttls:// "
            "instead of smtp://."
        )
    return Server(parts.scheme, host, port, user, password)


def is_address(text: str) -> bool:
    """Tell whether mail can be sent to an address: one person's, without a name, quotes, comments or routes.

    The domain has at least two labels, except for ``localhost``.
    """
    local, at, domain = text.rpartition("@")
    if not at or len(text) > MAX_ADDRESS or not 0 < len(local.encode("utf-8", "replace")) <= MAX_LOCAL:
        return False
    if not text.isprintable() or any(one in ' "(),:;<>@[\\]' for one in local) or not _is_dotted(local):
        return False
    return _is_domain(domain)


def _is_dotted(text: str) -> bool:
    return all(text.split("."))


def _is_domain(domain: str) -> bool:
    try:
        labels = domain.encode("idna").decode().split(".")
    except UnicodeError:
        return False
    usable = all(one.replace("-", "a").isalnum() and one[0] != "-" and one[-1] != "-" for one in labels if one)
    return usable and all(labels) and (len(labels) > 1 or domain == "localhost")


def message_of(mail: Mail, sender: str) -> EmailMessage:
    """Return a mail as a message (RFC 5322), marked as one that nobody has written (RFC 3834, 5).

    :raises ValueError: the subject has several lines, or the address cannot be one.
    """
    if not is_address(mail.to):
        raise ValueError("no mail can be sent to what stands for the address")
    local, _, domain = mail.to.rpartition("@")
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(username=local, domain=domain.encode("idna").decode())
    message["Subject"] = mail.subject
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=_domain_of(sender))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


def _domain_of(sender: str) -> str:
    return sender.rpartition("@")[2].strip(" >") or "localhost"


def deliver(server: Server, mail: Mail, sender: str, context: ssl.SSLContext | None = None) -> None:
    """Give a mail to a server; this may block for some time.

    :param context: what certificates are accepted; by default what the system trusts, for the server's own name.
    :raises OSError: it cannot be reached, or does not take it; :class:`smtplib.SMTPException` is one.
    :raises ValueError: the mail cannot be one.
    """
    message = message_of(mail, sender)
    if server.mode == "console":
        sys.stderr.write(f"\n--- mail to {mail.to} ---\nSubject: {mail.subject}\n\n{mail.text}\n--- end ---\n")
        return
    with _connected(server, context or ssl.create_default_context()) as connection:
        if server.user:
            connection.login(server.user, server.password)
        connection.send_message(message)


def _connected(server: Server, context: ssl.SSLContext) -> smtplib.SMTP:
    if server.mode == "smtps":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
    if server.mode == "smtp+starttls":
        try:
            connection.starttls(context=context)
        except BaseException:
            connection.close()
            raise
    return connection


#: What waits: the kind of a mail, and what makes it.
_Waiting = tuple[str, Callable[[], Mail]]


class _Queue:
    """The mails of one process: a fork takes objects along, but no threads, and locks as they are at the moment."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.changed = threading.Condition()
        self.waiting: deque[_Waiting] = deque()
        #: How many mails have not been dealt with.
        self.left = 0
        self.is_served = False


class Outbox:
    """Sends mails in a thread of its own, so that no answer waits for a server, or tells by its time of one.

    The thread is started by a mail, in each process, and ends when none has come for some time. What waits when a
    process is killed is lost; whoever wants more gives mails to a queue, by the hook ``trivet_auth_send_mail``.

    :param send: sends one; what it raises is given to ``failed``.
    :param failed: called with the kind of mail and the exception.
    """

    def __init__(self, send: Callable[[Mail], None], failed: Callable[[str, Exception], None]) -> None:
        self._send = send
        self._failed = failed
        self._queue = _Queue()

    def put(self, kind: str, make: Callable[[], Mail]) -> bool:
        """Leave a mail to be made and sent; tell whether there was room. This does not wait."""
        queue = self._queue
        if queue.pid != os.getpid():
            queue = self._queue = _Queue()
        with queue.changed:
            if len(queue.waiting) >= WAITING:
                return False
            queue.waiting.append((kind, make))
            queue.left += 1
            queue.changed.notify_all()
            if not queue.is_served:
                queue.is_served = True
                threading.Thread(target=self._work, args=(queue,), name="trivet-auth-mail", daemon=True).start()
        return True

    def wait(self, seconds: float = GRACE) -> bool:
        """Wait until all has been dealt with that waits now; tell whether it was in time."""
        queue = self._queue
        if queue.pid != os.getpid():
            return True
        with queue.changed:
            return queue.changed.wait_for(lambda: not queue.left, seconds)

    def _work(self, queue: _Queue) -> None:
        while (one := self._next(queue)) is not None:
            kind, make = one
            try:
                self._send(make())
            except Exception as error:
                with suppress(Exception):  # the thread goes on, whatever a plugin does
                    self._failed(kind, error)
            del make, one  # what it holds is not kept while nothing comes
            with queue.changed:
                queue.left -= 1
                queue.changed.notify_all()

    def _next(self, queue: _Queue) -> _Waiting | None:
        """Return the next mail; ``None`` when none has come for some time, and from then on the thread is no more."""
        with queue.changed:
            if queue.changed.wait_for(lambda: bool(queue.waiting), IDLE):
                return queue.waiting.popleft()
            queue.is_served = False
            return None


def describe(error: Exception) -> str:
    """Say what went wrong without what the server has answered: it may repeat an address or a text."""
    if isinstance(error, AuthConfigError):
        return str(error)
    code = getattr(error, "smtp_code", None) or getattr(error, "errno", None)
    return f"{type(error).__name__} {code}" if code is not None else type(error).__name__


def settings_for(app: Any, given: Any) -> Server | None:
    """Return the server that is configured; ``None`` if nothing says how mail is sent, and a plugin has to know.

    :raises AuthConfigError: the options contradict each other, or nobody can send mail.
    """
    if given.url:
        server = parse_url(str(given.url))
        if server.mode != "console" and not is_address(given.sender.rpartition("<")[2].rstrip(">")):
            raise AuthConfigError(
                '[auth.mail] sender must be the address that mails come from, as "Shop <no-reply@shop.example>".'
            )
        return server
    if app.hook.trivet_auth_send_mail.get_hookimpls():
        return None
    if app.debug or app.testing:
        return Server("console")
    raise AuthConfigError(
        f"The flows of [auth] send mail, and nothing says how. Set [auth.mail] url to {_FORMS}; or write a plugin with "
        "the hook trivet_auth_send_mail."
    )

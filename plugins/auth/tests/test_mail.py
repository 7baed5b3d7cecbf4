"""Mails: what can be an address, what is in a mail, and real servers that take it, or do not."""

import logging
import os
import smtplib
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet import hookimpl
from trivet_auth import AuthConfigError
from trivet_auth.mail import Mail, Outbox, Server, deliver, describe, is_address, message_of, parse_url

from .flow_fixtures import MakeSite
from .flow_site import ADA, Site
from .mail_servers import PASSWORD, USER, Certificate, Postbox, mail_server, make_certificate

SENDER = "Example Shop <no-reply@shop.example>"
MAIL = Mail(ADA, "Choose another password", "Grüße\n\nhttps://app.example.com/auth/reset?token=lnk_" + "x" * 70 + "\n")


#: The server does not count TLS from the first byte as TLS.
INNER = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


# -- addresses


@pytest.mark.parametrize(
    "address", ["ada@example.com", "a.b+c@x-y.example", "jürgen@example.com", "a@münchen.example", "root@localhost"]
)
def test_what_can_be_an_address(address: str) -> None:
    assert is_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example",
        "ada@@example.com",
        "a b@example.com",
        ".a@example.com",
        "a..b@example.com",
        '"a"@example.com',
        "ada@-x.example",
        "ada@x_y.example",
        "ada@example..com",
        "ada@[127.0.0.1]",
        "ada,eve@example.com",
        "Ada <ada@example.com>",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada\x00@example.com",
        "\ud800@example.com",
        "x" * 65 + "@example.com",
        "ada@" + "x" * 64 + ".com",
        "ada@" + ".".join(["x" * 60] * 5),
    ],
)
def test_what_cannot_be_an_address(address: str) -> None:
    assert not is_address(address)


@given(st.text(max_size=80))
def test_an_address_is_one_recipient_in_one_header(text: str) -> None:
    address = f"{text}@example.com"
    if is_address(address):
        message = message_of(Mail(address, "Hello", "Hello\n"), SENDER)
        assert len(message["To"].addresses) == 1
        assert [name for name in message.keys() if name in ("To", "Cc", "Bcc")] == ["To"]  # noqa: SIM118


# -- what is in a mail


def test_a_mail_says_that_nobody_has_written_it() -> None:
    message = message_of(MAIL, SENDER)
    assert message["From"] == SENDER
    assert message["To"] == ADA
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@shop.example>")
    assert message["Date"] is not None
    assert message.get_content() == MAIL.text


def test_a_subject_of_two_lines_is_no_mail() -> None:
    with pytest.raises(ValueError, match=r"newline|linefeed|carriage"):
        message_of(Mail(ADA, "Hello\r\nBcc: eve@example.com", "Hello"), SENDER)


def test_a_mail_to_nobody_is_none() -> None:
    with pytest.raises(ValueError, match="no mail can be sent"):
        message_of(Mail("ada", "Hello", "Hello"), SENDER)


def test_a_mail_is_shown_without_its_text() -> None:
    assert "lnk_" not in repr(MAIL)


# -- addresses of servers


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("console:", Server("console")),
        ("smtp://localhost", Server("smtp", "localhost", 25)),
        ("smtp://mail.example:2525", Server("smtp", "mail.example", 2525)),
        ("smtps://u:p%40%2F@mail.example", Server("smtps", "mail.example", 465, "u", "p@/")),
        ("smtp+starttls://u:p@mail.example/", Server("smtp+starttls", "mail.example", 587, "u", "p")),
        ("smtp://u:p@127.0.0.1", Server("smtp", "127.0.0.1", 25, "u", "p")),
    ],
)
def test_a_url_names_a_server(url: str, server: Server) -> None:
    assert parse_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "smtp:",
        "smtp://",
        "http://mail.example",
        "smtp://u:secret@mail.example",
        "smtps://u:secret@mail.example:port",
        "smtps://u:secret@mail.example/path",
        "smtps://u:secret@mail.example?tls=no",
        "smtps://u:secret@[mail",
        "mail.example",
    ],
)
def test_a_url_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(AuthConfigError, match=r"\[auth\.mail\] url") as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


# -- servers


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of the servers."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


def test_a_server_takes_a_mail() -> None:
    with mail_server() as box:
        deliver(Server("smtp", "127.0.0.1", box.port), MAIL, SENDER)
    assert (box.read()["To"], box.read()["Subject"]) == (ADA, MAIL.subject)
    assert box.read().get_content().splitlines() == MAIL.text.splitlines()
    assert box.envelopes[0].mail_from == "no-reply@shop.example"
    assert box.envelopes[0].rcpt_tos == [ADA]


@INNER
@pytest.mark.parametrize("mode", ["smtps", "smtp+starttls"])
def test_a_server_with_tls_and_a_password_takes_a_mail(certificate: Certificate, mode: str) -> None:
    with mail_server(certificate, mode, auth=True) as box:
        deliver(Server(mode, "localhost", box.port, USER, PASSWORD), MAIL, SENDER, certificate.trusted)
    assert box.read().get_content().splitlines() == MAIL.text.splitlines()


@pytest.mark.parametrize("mode", ["smtps", "smtp+starttls"])
def test_a_server_whose_certificate_nobody_trusts_gets_no_mail(certificate: Certificate, mode: str) -> None:
    with mail_server(certificate, mode) as box, pytest.raises(ssl.SSLCertVerificationError):
        deliver(Server(mode, "localhost", box.port), MAIL, SENDER)
    assert not box.envelopes


@pytest.mark.parametrize("mode", ["smtps", "smtp+starttls"])
def test_a_server_with_another_name_than_its_certificate_gets_no_mail(mode: str, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "other.example")
    with mail_server(other, mode) as box, pytest.raises(ssl.SSLCertVerificationError):
        deliver(Server(mode, "localhost", box.port), MAIL, SENDER, other.trusted)
    assert not box.envelopes


def test_a_server_without_tls_gets_no_mail_where_tls_is_wanted() -> None:
    with mail_server() as box, pytest.raises(smtplib.SMTPNotSupportedError):
        deliver(Server("smtp+starttls", "localhost", box.port), MAIL, SENDER)
    assert not box.envelopes


@INNER
def test_a_wrong_password_is_described_without_it(certificate: Certificate) -> None:
    with mail_server(certificate, "smtps", auth=True) as box, pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        deliver(Server("smtps", "localhost", box.port, USER, "wrong"), MAIL, SENDER, certificate.trusted)
    assert describe(caught.value) == "SMTPAuthenticationError 535"


def test_what_a_server_says_is_not_repeated() -> None:
    with mail_server(refusal=f"550 we do not like {ADA}") as box, pytest.raises(smtplib.SMTPException) as caught:
        deliver(Server("smtp", "127.0.0.1", box.port), MAIL, SENDER)
    assert ADA not in describe(caught.value)
    assert "550" in describe(caught.value)


def test_the_console_shows_the_mail(capsys: pytest.CaptureFixture[str]) -> None:
    deliver(Server("console"), MAIL, "")
    assert MAIL.text in capsys.readouterr().err


# -- the thread


def test_mails_go_out_in_their_order_in_another_thread() -> None:
    sent: list[tuple[str, str]] = []
    outbox = Outbox(lambda mail: sent.append((mail.subject, threading.current_thread().name)), print)
    for number in range(5):
        assert outbox.put("x", lambda number=number: Mail(ADA, str(number), ""))  # type: ignore[misc]
    assert outbox.wait()
    assert [subject for subject, _ in sent] == list("01234")
    assert {name for _, name in sent} == {"trivet-auth-mail"}


def test_a_mail_that_cannot_be_sent_does_not_keep_others_back() -> None:
    sent, failed = list[str](), list[tuple[str, str]]()

    def send(mail: Mail) -> None:
        if mail.subject == "bad":
            raise OSError("no")
        sent.append(mail.subject)

    def note(kind: str, error: Exception) -> None:
        failed.append((kind, type(error).__name__))
        raise RuntimeError("a plugin fails too")

    outbox = Outbox(send, note)
    for subject in ("bad", "good"):
        outbox.put("kind", lambda subject=subject: Mail(ADA, subject, ""))  # type: ignore[misc]
    outbox.wait()
    assert (sent, failed) == (["good"], [("kind", "OSError")])


def test_what_waits_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trivet_auth.mail.WAITING", 2)
    gate, begun = threading.Event(), threading.Event()

    def send(mail: Mail) -> None:
        begun.set()
        gate.wait(10)

    outbox = Outbox(send, print)
    outbox.put("x", lambda: MAIL)
    assert begun.wait(10)  # one is being sent, and two may wait
    assert [outbox.put("x", lambda: MAIL) for _ in range(3)] == [True, True, False]
    assert not outbox.wait(0.01)
    gate.set()
    assert outbox.wait()


def mail_threads() -> set[threading.Thread]:
    """Return the threads that send mails."""
    return {thread for thread in threading.enumerate() if thread.name == "trivet-auth-mail"}


def test_a_thread_that_has_nothing_to_send_ends_and_another_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trivet_auth.mail.IDLE", 0.01)
    sent, before = list[str](), mail_threads()
    outbox = Outbox(lambda mail: sent.append(mail.subject), print)
    for number in range(3):
        outbox.put("x", lambda number=number: Mail(ADA, str(number), ""))  # type: ignore[misc]
        assert outbox.wait()
        for thread in mail_threads() - before:
            thread.join(20)
            assert not thread.is_alive()
    assert sent == ["0", "1", "2"]


def test_no_mail_is_lost_between_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trivet_auth.mail.IDLE", 0.0)
    sent = list[str]()
    outbox = Outbox(lambda mail: sent.append(mail.subject), print)
    for number in range(300):
        outbox.put("x", lambda number=number: Mail(ADA, str(number), ""))  # type: ignore[misc]
    assert outbox.wait()
    assert sorted(map(int, sent)) == list(range(300))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_an_outbox_of_its_own() -> None:
    outbox = Outbox(lambda mail: None, print)
    outbox.put("x", lambda: MAIL)
    outbox.wait()
    pid = os.fork()
    if not pid:  # the child has no thread yet
        os._exit(0 if outbox.wait(5) and outbox.put("x", lambda: MAIL) and outbox.wait(20) else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_an_outbox_that_was_never_used_has_nothing_to_wait_for() -> None:
    assert Outbox(print, print).wait()


# -- flows


def mailing(make_site: MakeSite, box: Postbox, **config: Any) -> Site:
    """Make a site that sends by a server, and has no plugin that sends."""
    mail = {"url": f"smtp://127.0.0.1:{box.port}", "sender": SENDER}
    site = make_site(AUTH_MAIL=mail, **config)
    site.app.plugins.unregister("seeing")
    return site.open(ADA)


@pytest.mark.parametrize("testing", [True, False])
def test_a_flow_sends_by_the_server(make_memory_site: MakeSite, testing: bool) -> None:
    with mail_server() as box:
        site = mailing(make_memory_site, box, TESTING=testing)
        answer = site.browser().client.post("/auth/forgot", json={"email": ADA}, buffered=True)
        assert answer.status_code == 202
        assert site.app.extensions["trivet_auth.flows"].outbox.wait()
    assert box.read()["To"] == ADA
    assert box.read()["From"] == SENDER
    assert "https://app.example.com/auth/reset?token=lnk_" in box.read().get_content()


def test_a_server_that_refuses_is_no_fault_of_the_client(
    make_memory_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    with mail_server() as box:
        box.refusal = f"550 we do not like {ADA}"
        site = mailing(make_memory_site, box)
        assert site.browser().send("/auth/forgot", email=ADA).status_code == 202
    [record] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.getMessage() == "A mail of the kind 'reset' could not be sent: SMTPDataError 550."
    assert "lnk_" not in caplog.text


def test_a_server_that_is_away_is_no_fault_of_the_client(
    make_memory_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    with mail_server() as box:
        pass
    site = mailing(make_memory_site, box)
    assert site.browser().send("/auth/forgot", email=ADA).status_code == 202
    assert "could not be sent: ConnectionRefusedError" in caplog.text
    assert ADA not in "".join(one.getMessage() for one in caplog.records if one.levelno == logging.ERROR)


class Passing:
    """A plugin that leaves mails to others."""

    name = "passing"

    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl
    async def trivet_auth_send_mail(self, mail: Mail) -> None:
        """Look at it, asynchronously."""
        self.seen.append(mail.kind)


def test_what_a_plugin_leaves_goes_to_the_server(make_memory_site: MakeSite) -> None:
    with mail_server() as box:
        mail = {"url": f"smtp://127.0.0.1:{box.port}", "sender": SENDER}
        site, passing = make_memory_site(AUTH_MAIL=mail), Passing()
        site.app.plugins.unregister("seeing")
        site.app.plugins.register(passing)
        site.open(ADA).browser().send("/auth/forgot", email=ADA)
    assert passing.seen == ["reset"]
    assert len(box.envelopes) == 1


def test_what_nobody_sends_is_logged(make_memory_site: MakeSite, caplog: pytest.LogCaptureFixture) -> None:
    site = make_memory_site()
    site.app.plugins.unregister("seeing")
    site.app.plugins.register(Passing())
    site.open(ADA).browser().send("/auth/forgot", email=ADA)
    assert "could not be sent: no plugin has sent it, and [auth.mail] url is not set." in caplog.text


def test_each_mail_has_a_subject_and_a_text(make_memory_site: MakeSite) -> None:
    site = make_memory_site().open(ADA)
    services = site.app.extensions["trivet_auth.flows"]
    names = [name for name in site.app.jinja_env.list_templates() if name.startswith("auth/mail/")]
    assert len(names) == 10
    for name in names:
        kind = name.removeprefix("auth/mail/").removesuffix(".txt")
        mail = services._make(kind, ADA, {"link": "https://app.example.com/x", "left": 1})
        assert mail.subject.endswith(" – Example Shop")
        assert message_of(mail, SENDER)["Subject"] == mail.subject
        assert max(map(len, mail.text.splitlines())) <= 80
        assert "{" not in mail.text


def test_nothing_of_a_mail_is_escaped_for_html(make_memory_site: MakeSite) -> None:
    site = make_memory_site(AUTH_SITE="Bread & <Cake>").open(ADA)
    site.browser().send("/auth/forgot", email=ADA)
    assert site.mail.subject == "Choose another password – Bread & <Cake>"


def test_the_outbox_is_emptied_when_a_process_ends(make_memory_site: MakeSite) -> None:
    site = make_memory_site(TESTING=False).open(ADA)
    answer = site.browser().client.post("/auth/forgot", json={"email": ADA}, buffered=True)
    assert answer.status_code == 202
    site.app.lifespan.stop()
    assert site.kinds == [("reset", ADA)]


Later = Callable[..., Any]


def test_no_answer_waits_for_its_mail(make_memory_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_memory_site(TESTING=False).open(ADA)
    gate = threading.Event()
    send = site.seen.mails.append
    monkeypatch.setattr(site.seen, "mails", Slow(gate, send))
    answer = site.browser().client.post("/auth/forgot", json={"email": ADA}, buffered=True)
    assert answer.status_code == 202
    gate.set()
    assert site.app.extensions["trivet_auth.flows"].outbox.wait()


class Slow:
    """A list that takes a mail only when a gate is open."""

    def __init__(self, gate: threading.Event, send: Later) -> None:
        self._gate = gate
        self._send = send

    def append(self, mail: Mail) -> None:
        """Wait, and take it."""
        assert self._gate.wait(20)
        self._send(mail)

"""Proving who one is: passwords, signing in with or without a second factor, and going on in a new session."""

from typing import Any, NamedTuple

from ..accounts import stay
from ..identity import Identity
from ..resolving import session_name, set_identity
from ..signing_in import confirm_login, login_user
from ..totp import new_secret
from ..users import stamp_of
from .base import Flow
from .codes import has_second_factor, setup_purpose_of, use_code
from .limits import Tries
from .sent import Refused
from .services import now

#: For so many seconds after signing in nothing asks for the password again; fewer if ``[auth] fresh_for`` says so.
RECENT = 900.0
#: Seconds for the second step of signing in, and for setting up what it needs.
PENDING_FOR, SETUP_FOR = 300.0, 900.0
#: The name in the session of who has given a password, and not yet a code. It makes nobody somebody.
PENDING = "_auth_pending"


class Pending(NamedTuple):
    """Somebody who has given a password, and not yet a code.

    :ivar secret: the sealed secret of the second factor that they have to set up; empty if they have one.
    """

    user: Any
    remember: bool
    next: str
    method: str
    secret: str = ""


# -- passwords


async def knows_password(flow: Flow, user: Any, password: str) -> bool:
    """Tell whether a password is a user's; it costs the same where there is no user, or none with a password.

    A hash of another kind, or of yesterday's cost, is replaced.
    """
    stored = getattr(user, "password_hash", None)
    passwords = flow.auth.passwords
    verdict = await flow.driver.block(passwords.verify, stored, password)
    if verdict.ok and verdict.outdated:
        hashed = await flow.driver.block(passwords.hash, password)
        if getattr(user, "password_hash", None) == stored:
            await flow.accounts.save(user, password_hash=hashed)
    return verdict.ok


def is_recent(flow: Flow) -> bool:
    """Tell whether the person has signed in just now."""
    at, limit = flow.identity.at, min(RECENT, flow.auth.options.fresh_for or RECENT)
    return flow.identity.fresh and at is not None and 0 <= now() - at <= limit


def asked(flow: Flow, always: bool = False) -> dict[str, bool]:
    """Return what a page has to ask for before something is changed: the password, and a code of the second factor.

    :param always: whether the password is asked for even just after signing in.
    """
    user, recent = flow.identity.user, is_recent(flow)
    known = bool(getattr(user, "password_hash", None))
    return {
        "asks_password": known and (always or not recent),
        "asks_code": known and not recent and has_second_factor(user),
    }


async def prove(flow: Flow, always: bool = False) -> bool:
    """See to it that the person is there: they have signed in just now, or prove now all that signing in asks for.

    That is the password, and a code of those who have a second factor (ASVS 5, 7.5.1).

    :param always: whether signing in just now is not enough, where there is a password; a code is not asked for then.
    :return: whether they have proved it now.
    :raises Refused: they are not, or there were too many tries.
    """
    user, recent = flow.identity.user, is_recent(flow)
    has_password = bool(getattr(user, "password_hash", None))
    sent = flow.sent
    password, code = sent.text("current_password"), sent.line("current_code")
    if not password and recent and not (always and has_password):
        return False
    if not has_password:
        raise Refused(
            403, "fresh_login_required", "Please sign out, sign in again, and come back.", template="auth/refused.html"
        )
    if not password:
        sent.wrong("current_password", "Enter your current password.")
    needs_code = has_second_factor(user) and not recent
    if needs_code and not code:
        sent.wrong("current_code", "Enter a code of your authenticator app, or a recovery code.")
    sent.check()
    tries = flow.tries("password", flow.manager.id_of(user))
    await tries.take()
    if not await knows_password(flow, user, password):
        flow.tell("password.wrong", user)
        await _failed(flow, tries, "current_password", "This is not your password.")
    if needs_code and await use_code(flow, user, code) is None:
        flow.tell("code.wrong", user)
        await _failed(flow, tries, "current_code", "This code is wrong, or was used before.")
    await tries.succeeded()
    return True


async def _failed(flow: Flow, tries: Tries, field: str, sentence: str) -> None:
    await tries.failed()
    flow.sent.wrong(field, sentence)
    flow.sent.check()


def renew(flow: Flow, *, proven: bool) -> None:
    """Go on in a session with another identifier, after rights have changed (ASVS 5, 7.2.4).

    Where all other sessions have been ended before, this one has to be left out: ``keep=flow.identity.credential``.

    :param proven: whether the person has just proved who they are, so that the session counts as fresh from now.
    """
    stay(flow.ctx, flow.realm, flow.identity.user)
    if proven:
        confirm_login(realm=flow.realm)
    else:
        flow.ctx.session.regenerate(keep=True)


# -- signing in


async def sign_in(flow: Flow, user: Any, *, remember: bool, to: str, method: str, message: str = "") -> Any:
    """Sign somebody in who has proved who they are, or ask for the second factor, or for one; return the answer.

    :param to: where to go: a path that is safe.
    :param method: how they have proved it.
    :param message: what the page there shows.
    """
    who = Pending(user, remember, to, method)
    if has_second_factor(user):
        address = flow.url("login_code")
        _wait_for(flow, who, PENDING_FOR)
        return flow.done(address, status=202, second_factor=["totp", "recovery"], next=address)
    if flow.services.demands_second_factor:
        address = flow.url("login_setup")
        secret = flow.auth.sealer.seal(new_secret(), setup_purpose_of(flow.accounts.owner_of(user)))
        _wait_for(flow, who._replace(secret=secret), SETUP_FOR)
        return flow.done(address, status=202, second_factor=["setup"], next=address)
    return await enter(flow, who, message)


async def enter(flow: Flow, who: Pending, message: str = "") -> Any:
    """Sign somebody in who has proved all there is to prove; return the answer."""
    to = await let_in(flow, who)
    return flow.done(to, message, user=flow.user_facts(who.user), next=to)


async def let_in(flow: Flow, who: Pending) -> str:
    """Sign somebody in who has proved all there is to prove; return where to go.

    :raises Refused: the account is locked: 401.
    """
    if hasattr(who.user, "last_login_at"):
        await flow.accounts.save(who.user, last_login_at=now())
    if not login_user(who.user, remember=who.remember, realm=flow.realm, method=who.method):
        raise Refused(401, "invalid_credentials", "This did not work.", headers=flow.challenge)
    return who.next or flow.auth.options.after_login


def _wait_for(flow: Flow, who: Pending, seconds: float) -> None:
    """Note who has given a password, in a session in which nobody is known."""
    ctx, manager = flow.ctx, flow.manager
    manager.leave(ctx)
    # A browser that is remembered would be known again at once, in another session than this.
    manager.forget(ctx)
    set_identity(ctx, Identity(manager.anonymous_user(), flow.realm))
    ctx.session[_pending_name(flow)] = {
        "id": manager.id_of(who.user),
        "stamp": stamp_of(who.user),
        "until": now() + seconds,
        "remember": who.remember,
        "next": who.next,
        "method": who.method,
        "secret": who.secret,
    }
    flow.tell("login.pending", who.user, method=who.method)


async def pending(flow: Flow) -> Pending | None:
    """Return who has given a password in this session, and not yet a code; ``None`` if nobody has, or it is too late.

    The password must still be the same, and the account in use.
    """
    found = flow.ctx.session.get(_pending_name(flow))
    if not isinstance(found, dict) or now() > found["until"]:
        return None
    user, secret = await flow.manager.load_user(flow.driver, found["id"]), found.get("secret", "")
    if user is None or not user.is_active or stamp_of(user) != found["stamp"]:
        return None
    if has_second_factor(user) == bool(secret):  # it was set up, or taken away, meanwhile
        return None
    return Pending(user, found["remember"], found["next"], found["method"], secret)


def password_first(flow: Flow) -> Refused:
    """Return the refusal of who has given no password, or did so too long ago."""
    return Refused(401, "password_first", "Please sign in again.", headers=flow.challenge, template="auth/refused.html")


def forget_pending(flow: Flow) -> None:
    """Have nobody wait for the second step in this session."""
    flow.ctx.session.pop(_pending_name(flow), None)


def _pending_name(flow: Flow) -> str:
    return session_name(PENDING, flow.realm)

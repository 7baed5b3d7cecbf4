"""Sessions on the server: the cookie holds a random text, and the store what belongs to it."""

import hashlib
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from trivet import StashKey, current_context
from trivet.sessions import SecureCookieSession, SecureCookieSessionInterface, session_json_serializer

from .records import Record, Store, update

#: How records of sessions are known in the store.
KIND = "session"
#: Bytes of randomness in the cookie (ASVS 5, 7.2.3: at least 128 bits).
_BYTES = 32
#: No cookie of ours is longer.
_MAX_TEXT = 128
#: After so many seconds, or this part of its idle time, a session that is only read is written, so that it lives on.
_TOUCH_SECONDS, _TOUCH_PART = 60.0, 0.1
#: The cookie's text and the record that were read before anybody asked for the session.
_READ_AHEAD = StashKey[tuple[str, Record | None]]("auth.session")


def digest_of(text: str) -> str:
    """Return what a session is known by in the store, from which its cookie cannot be told."""
    return hashlib.sha256(text.encode()).hexdigest()


class Owner(NamedTuple):
    """Whose a session is, in one realm.

    :ivar name: such as ``"default:7"``.
    :ivar method: how the person has signed in.
    :ivar before: the key of the record that this follows, which must not have been revoked meanwhile; empty for
        somebody who has just signed in.
    """

    name: str
    method: str = ""
    before: str = ""


class StoredSession(SecureCookieSession):
    """A session whose data is in the store.

    The record of its handle is the first owner's. The people of further realms have a record each, which has none of
    the data: that they are in the session counts only as long as it is there.

    :ivar text: the value of its cookie; empty as long as it has none.
    :ivar handle: what it is known by in the store.
    :ivar owners: whose it is, by realm.
    :ivar began: when, in Unix seconds.
    :ivar seen: when it was written last.
    :ivar left: the keys of records that it had before.
    :ivar base: its data as text, as it is in the store.
    :ivar version: that of the record.
    :ivar had_cookie: whether the browser has sent a cookie that was right.
    :ivar sets_cookie: whether the browser has to be told the text.
    """

    def __init__(self, text: str = "", record: Record | None = None) -> None:
        data = record.data if record is not None else {}
        self.base: str = data.get("data", "{}")
        super().__init__(session_json_serializer.loads(self.base))
        self.text = text
        self.handle = digest_of(text) if text else ""
        self.version = record.version if record is not None else 0
        self.owners: dict[str, Owner] = {}
        if record is not None and record.owner:
            self.owners[record.owner.partition(":")[0]] = Owner(record.owner, data.get("method", ""))
        for name, method in data.get("others", ()):
            self.owners[name.partition(":")[0]] = Owner(name, method)
        self.began: float = data.get("began", 0.0)
        self.seen: float = data.get("seen", 0.0)
        self.left: list[str] = []
        self.had_cookie = bool(text)
        self.sets_cookie = False

    def key_of(self, realm: str) -> str:
        """Return the key of a realm's record; empty if there is none."""
        if not self.handle or realm not in self.owners:
            return ""
        return self.handle if next(iter(self.owners)) == realm else f"{self.handle}.{realm}"

    def following(self) -> dict[str, Owner]:
        """Return the owners of the session that follows this one, unless they are revoked before it is written."""
        return {realm: one._replace(before=self.key_of(realm) or one.before) for realm, one in self.owners.items()}


class StoredSessions(SecureCookieSessionInterface):
    """Keeps sessions in a store.

    :param lifetime: seconds after which a session ends whatever happens.
    :param idle: seconds without a request after which it ends.
    :param clock: tells the time in Unix seconds.
    """

    session_class: type[Any] = StoredSession
    lazy = True

    def __init__(self, store: Store, lifetime: float, idle: float, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self.lifetime = lifetime
        self.idle = idle
        self._clock = clock

    def may_be_permanent(self, token: str) -> bool:
        """Have sessions that nobody looks at left alone: looking at one is what keeps it."""
        return False

    # -- opening

    def look_up(self, text: str) -> Record | None:
        """Return the record of a cookie's value; this may block."""
        if not (0 < len(text) <= _MAX_TEXT and text.isascii()):
            return None
        handle = digest_of(text)
        record = self.store.get(KIND, handle)
        others = record.data.get("others") if record is not None else None
        if record is None or not others:
            return record
        keys = {name: f"{handle}.{name.partition(':')[0]}" for name, _ in others}
        living = [one for one in others if self.store.get(KIND, keys[one[0]]) is not None]
        return record.with_data(others=living)

    def read_ahead(self, ctx: Any, text: str, record: Record | None) -> None:
        """Note what :meth:`look_up` found, for when somebody asks."""
        ctx.stash[_READ_AHEAD] = (text, record)

    def open_session(self, app: Any, request: Any) -> StoredSession:
        """Return the session of a request; a new one if there is none, or it has ended."""
        text = request.cookies.get(self.get_cookie_name(app)) or ""
        ahead = current_context().stash.get(_READ_AHEAD)
        record = ahead[1] if ahead is not None and ahead[0] == text else self.look_up(text)
        if record is not None:
            return StoredSession(text, record)
        session = StoredSession()
        session.new = True
        return session

    def regenerate_session(self, app: Any, session: Any, keep: bool) -> None:
        """Give a session another identifier, and end the old one.

        Its age stays with its data. Whoever is revoked before the new one is written does not get into it.
        """
        following = session.following()
        if session.handle:
            session.left += [session.handle, *(session.key_of(realm) for realm in list(session.owners)[1:])]
        session.text = session.handle = ""
        session.owners = following
        if not keep:
            session.clear()
            session.owners, session.began, session.new = {}, 0.0, True
        session.modified = True

    # -- saving

    def save_session(self, app: Any, session: Any, response: Any) -> None:
        """Bring the store up to date, and tell the browser its cookie."""
        self.write(session, current_context())
        response.vary.add("Cookie")
        if session.sets_cookie:
            self._set_cookie(app, session, response, session.text)
        elif session.had_cookie and not session:
            response.delete_cookie(self.get_cookie_name(app), **self._attributes(app))

    def write(self, session: Any, ctx: Any) -> None:
        """Bring the store up to date; this may block. Done twice, the second time does nothing."""
        now = self._clock()
        if not session and session.handle:
            self.regenerate_session(ctx.app, session, keep=False)
        if not self._leave(session) or not session:
            session.modified = False
            return
        if not session.handle:
            self._write_new(session, ctx, now)
        elif session.modified or now - session.seen >= min(_TOUCH_SECONDS, self.idle * _TOUCH_PART):
            self._write_again(session, ctx, now)

    def _leave(self, session: Any) -> bool:
        """Forget what the session was before; tell whether it may go on."""
        ended = {key for key in session.left if self.store.delete(KIND, key)}
        lost = [realm for realm, one in session.owners.items() if one.before and one.before not in ended]
        session.left = []
        if not lost:
            return True
        # They were revoked, or another request has been faster. What the browser has now, or is not to have, stays so.
        for realm in lost:
            del session.owners[realm]
        if not session.owners:
            session.clear()
            session.had_cookie = False
        return bool(session)

    def _write_new(self, session: Any, ctx: Any, now: float) -> None:
        session.text = secrets.token_urlsafe(_BYTES)
        session.handle = digest_of(session.text)
        session.began = session.began or now
        session.owners = {realm: one._replace(before="") for realm, one in session.owners.items()}
        text = session_json_serializer.dumps(dict(session))
        for key, record in self._records(session, text, ctx, now):
            self.store.put(KIND, key, record, expect=0)
        session.version, session.sets_cookie = 1, True
        session.base, session.seen, session.modified = text, now, False

    def _write_again(self, session: Any, ctx: Any, now: float) -> None:
        """Write what has changed into what is there now; what was revoked meanwhile stays so."""
        text = ""

        def change(found: Record | None) -> Record | None:
            nonlocal text
            if found is None:
                return None
            text = _merged(session, found)
            return self._records(session, text, ctx, now)[0][1]

        written = update(self.store, KIND, session.handle, change)
        if written is None:
            session.seen, session.modified = now, False
            return
        for key, record in self._records(session, text, ctx, now)[1:]:
            update(self.store, KIND, key, partial(_instead, record))
        session.sets_cookie = session.sets_cookie or self.should_set_cookie(ctx.app, session)
        session.base = session_json_serializer.dumps(dict(session))
        # What others have written is not in this session, so the next time it has to be put together again.
        session.version = written.version if session.base == text else -1
        session.seen, session.modified = now, False

    def should_set_cookie(self, app: Any, session: Any) -> bool:
        """Say whether the answer has to carry the cookie though the browser has it: if it is one that expires."""
        return bool(session.permanent) and super().should_set_cookie(app, session)

    def _records(self, session: Any, text: str, ctx: Any, now: float) -> list[tuple[str, Record]]:
        """Return the records of a session with their keys, that of its first owner first."""
        owners: dict[str, Owner] = session.owners
        shown = {
            "began": session.began,
            "seen": now,
            "address": (ctx.environ.get("REMOTE_ADDR") or "")[:64],
            "agent": (ctx.header("User-Agent") or "").encode("ascii", "replace").decode()[:200],
        }
        expires = min(session.began + self.lifetime, now + self.idle)
        first, *others = list(owners.values()) or [Owner("")]
        data = {"data": text, "method": first.method, **shown}
        if others:
            data["others"] = [[one.name, one.method] for one in others]
        keys = [session.key_of(realm) for realm in list(owners)[1:]]
        further = [Record({"method": one.method, **shown}, one.name, expires) for one in others]
        return [(session.handle, Record(data, first.name, expires)), *zip(keys, further, strict=True)]


def _instead(record: Record, found: Record | None) -> Record | None:
    return record if found is not None else None


def _merged(session: Any, found: Record) -> str:
    """Return the data as text: what is there now, with what this request has changed."""
    if found.version == session.version:
        return str(session_json_serializer.dumps(dict(session)))
    before, after = session_json_serializer.loads(session.base), session_json_serializer.loads(found.data["data"])
    after.update({name: value for name, value in session.items() if name not in before or before[name] != value})
    for name in before:
        if name not in session:
            after.pop(name, None)
    return str(session_json_serializer.dumps(after))


# -- whose a session is, for sessions of every kind


def own(session: Any, realm: str, name: str, method: str = "") -> None:
    """Note whose a session is, so that it can be listed and revoked, if it is one in a store."""
    if isinstance(session, StoredSession):
        session.owners[realm] = Owner(name, method)


def is_owned(session: Any, realm: str, name: str) -> bool:
    """Tell whether a session is still somebody's; one that is not in a store cannot be revoked."""
    if not isinstance(session, StoredSession):
        return True
    owner = session.owners.get(realm)
    return owner is not None and owner.name == name


def opened_with(ctx: Any) -> Mapping[str, Any]:
    """Return what was in the session of a request when it began."""
    if isinstance(ctx.session, StoredSession):
        return session_json_serializer.loads(ctx.session.base)  # type: ignore[no-any-return]
    return ctx.app.session_interface.open_session(ctx.app, ctx.request) or {}


def begin_anew(session: Any, names: Iterable[str], realms: Collection[str]) -> None:
    """Give a session another identifier; of what it was, only some names stay, and the people of some realms."""
    kept = {name: session[name] for name in names if name in session}
    owners: dict[str, Owner] = {}
    if isinstance(session, StoredSession):
        owners = session.following()
    session.regenerate()
    session.update(kept)
    if isinstance(session, StoredSession):
        session.owners = {realm: one for realm, one in owners.items() if realm in realms}


def method_of(session: Any, realm: str, name: str) -> str:
    """Return how somebody has signed in to a session; empty if it is not theirs, or not in a store."""
    owner = session.owners.get(realm) if isinstance(session, StoredSession) else None
    return owner.method if owner is not None and owner.name == name else ""


def key_of(session: Any, realm: str) -> str:
    """Return what a session is listed and revoked by; empty if it is not in a store, or not yet."""
    return session.key_of(realm) if isinstance(session, StoredSession) else ""

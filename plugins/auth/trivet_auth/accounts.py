"""What is done to accounts: made, locked, given another password, and all that they are signed in with ended."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

from trivet import current_context, has_app_context

from .driving import Driver, Plain, driver_for, run
from .errors import AuthConfigError
from .errors import WeakPasswordError as WeakPasswordError
from .resolving import STAMP, session_name
from .sessions import KIND
from .state import Auth
from .totp import RecoveryCodes, UsedSteps
from .users import Users, normalise, stamp_of

P = ParamSpec("P")
T = TypeVar("T")

#: Attributes of users that a password must not be made of.
_NAMING = ("email", "name", "username", "first_name", "last_name", "full_name")


class Ended(NamedTuple):
    """What has been ended.

    :ivar sessions: how many sessions on the server.
    :ivar browsers: how many remembered browsers.
    :ivar tokens: how many personal access tokens.
    :ivar everywhere: whether sessions in signed cookies have ended too; they can only for users that have a
        ``generation`` which can be saved.
    """

    sessions: int = 0
    browsers: int = 0
    tokens: int = 0
    everywhere: bool = True


class SessionInfo(NamedTuple):
    """A session on the server, as lists show it; none of it is secret.

    :ivar id: what it is ended by, and what :attr:`trivet_auth.Identity.credential` says.
    :ivar method: how the person has signed in.
    :ivar began: when, in Unix seconds.
    :ivar seen: when it was last in use.
    :ivar expires: when it ends, unless it is used before.
    :ivar address: where it was last in use from.
    :ivar agent: what the browser says it is.
    """

    id: str
    method: str
    began: float
    seen: float
    expires: float | None
    address: str
    agent: str


class Accounts:
    """What is done to the accounts of one realm, for code of both kinds.

    The functions of the same names below are for plain code. In a coroutine, and in what runs in plain code and on an
    event loop::

        await Accounts.in_context(ctx, "default").lock(user)

    :param auth: the state of the application.
    :param realm: the realm's name.
    :param driver: how to wait.
    """

    def __init__(self, auth: Auth, realm: str, driver: Driver) -> None:
        self.auth = auth
        self.realm = realm
        self._manager = auth.realm(realm)
        self._driver = driver

    @classmethod
    def in_context(cls, ctx: Any, realm: str = "default") -> "Accounts":
        """Return them for a context, waiting as it has to."""
        return cls(Auth.of(ctx.app), realm, driver_for(ctx))

    @property
    def users(self) -> Users:
        """The people.

        :raises AuthConfigError: the realm has loaders only, or nothing.
        """
        found: Users | None = self._manager.users
        if found is None:
            table = "auth" if self.realm == "default" else f"auth.realms.{self.realm}"
            raise AuthConfigError(
                f"The accounts of the realm {self.realm!r} cannot be changed: nothing says where they are kept. "
                f'Configure a model, [{table}] model = "package.models:User" with the plugin "db", or give the realm '
                "an object, LoginManager(app, users=People()), where People is a trivet_auth.Users of yours."
            )
        return found

    def owner_of(self, user: Any) -> str:
        """Return what a user's sessions and tokens are filed under."""
        return f"{self.realm}:{self._manager.id_of(user)}"

    # -- finding and making

    async def find(self, login: str) -> Any:
        """Return the user with a login name, in whatever form it was typed; ``None`` if there is none."""
        name = normalise(login)
        return await self._driver.call(self.users.find, name) if name is not None else None

    async def create(self, login: str, /, password: str | None = None, **fields: Any) -> Any:
        """Make an account and return the user.

        :param password: without one, nobody can sign in by password.
        :raises ValueError: the login name cannot be one.
        :raises WeakPasswordError: the password is too weak.
        :raises TakenError: somebody else has the login name.
        """
        name = normalise(login)
        if name is None:
            raise ValueError("This cannot be a login name: it has to be one line of printable text.")
        if password is not None:
            await self._refuse_weak(password, words_of(self.auth, name))
            fields["password_hash"] = await self._driver.block(self.auth.passwords.hash, password)
        create = self.users.create
        user = await self._driver.call(lambda: create(name, **fields))
        self._tell("account.created", user)
        ctx = _context()
        self.auth.tell(ctx, "trivet_auth_registered", ctx=ctx, user=user)
        return user

    async def save(self, user: Any, /, **fields: Any) -> None:
        """Set attributes of a user, and keep them.

        :raises AuthConfigError: the user has no such attribute.
        """
        for name in fields:
            if not hasattr(user, name):
                raise AuthConfigError(
                    f"{type(user).__name__} has no attribute {name!r}, which is needed for this. Add it to the class; "
                    "trivet_auth.UserModel has it."
                )
        save = self.users.save
        await self._driver.call(lambda: save(user, **fields))

    async def set_roles(self, user: Any, roles: list[str]) -> None:
        """Give somebody roles in place of those there are."""
        await self.save(user, roles=roles)
        self._tell("roles.changed", user, roles=roles)

    # -- passwords

    async def set_password(self, user: Any, password: str, keep: str = "") -> Ended:
        """Give somebody another password, and end all sessions and remembered browsers; tokens stay.

        :param keep: the identifier of a session on the server that goes on; see :func:`stay`.
        :raises WeakPasswordError: it is too weak.
        """
        await self._refuse_weak(password, words_of(self.auth, user))
        hashed = await self._driver.block(self.auth.passwords.hash, password)
        await self.save(user, password_hash=hashed, **_next_generation(user))
        ended = await self._end(user, keep)
        self._tell("password.changed", user)
        return ended

    async def _refuse_weak(self, password: str, words: list[str]) -> None:
        problems = await self._driver.block(self.auth.strength, password, words)
        if problems:
            raise WeakPasswordError(problems)

    # -- locks

    async def lock(self, user: Any) -> Ended:
        """Lock an account: nobody can sign in, and sessions, remembered browsers and tokens end at once."""
        await self.save(user, locked=True, **_next_generation(user))
        ended = await self._end(user, "", tokens=True)
        self._tell("account.locked", user)
        return ended._replace(everywhere=True)  # who is locked is nobody, whatever the cookie says

    async def unlock(self, user: Any) -> None:
        """Unlock an account. What the lock has ended does not come back."""
        await self.save(user, locked=False)
        self._tell("account.unlocked", user)

    # -- sessions and tokens

    async def sessions(self, user: Any) -> list[SessionInfo]:
        """Return somebody's sessions on the server, the one last in use first."""
        found = await self._driver.block(self.auth.store.owned, KIND, self.owner_of(user))
        listed = [_session(key, record.data, record.expires) for key, record in found]
        return sorted(listed, key=lambda one: one.seen, reverse=True)

    async def end_session(self, user: Any, id: str) -> bool:
        """End one of somebody's sessions on the server; tell whether there was one of theirs.

        If its browser is remembered it begins another one with its next request: which one that is, is not known.
        :meth:`end_sessions` ends remembered browsers too.
        """
        if all(one.id != id for one in await self.sessions(user)):
            return False
        ended = await self._driver.block(self.auth.store.delete, KIND, id)
        if ended:
            self._tell("session.revoked", user)
        return ended

    async def end_sessions(self, user: Any, keep: str = "") -> Ended:
        """End all sessions and remembered browsers; tokens stay.

        :param keep: the identifier of a session on the server that goes on; see :func:`stay`.
        """
        await self._raise_generation(user)
        ended = await self._end(user, keep)
        self._tell("sessions.revoked", user)
        return ended

    async def end_everything(self, user: Any) -> Ended:
        """End all sessions, remembered browsers and personal access tokens."""
        await self._raise_generation(user)
        ended = await self._end(user, "", tokens=True)
        self._tell("everything.revoked", user)
        return ended

    async def remove_second_factor(self, user: Any) -> Ended:
        """Take the second factor and its recovery codes away from who has lost them, and end all sessions.

        Whoever knows the password can then sign in by it alone: see to it first that the right person has asked for it.
        """
        owner, store = self.owner_of(user), self.auth.store
        await self.save(user, totp_secret=None, **_next_generation(user))
        await self._driver.block(UsedSteps(store).forget, owner)
        await self._driver.block(RecoveryCodes(store).revoke, owner)
        ended = await self._end(user, "")
        self._tell("totp.off", user)
        return ended

    async def _raise_generation(self, user: Any) -> None:
        changes = _next_generation(user)
        if changes and self._manager.users is not None:
            await self.save(user, **changes)

    async def _end(self, user: Any, keep: str, *, tokens: bool = False) -> Ended:
        auth, owner, block = self.auth, self.owner_of(user), self._driver.block
        kept = [keep] if keep else []
        sessions = await block(lambda: auth.store.delete_owned(KIND, owner, keep=kept))
        browsers = await block(auth.remember.revoke_all, owner)
        count = await block(auth.tokens.revoke_all, owner) if tokens else 0
        can_save = self._manager.users is not None and bool(_next_generation(user))
        return Ended(sessions, browsers, count, can_save or auth.options.sessions == "server")

    def _tell(self, name: str, user: Any, **facts: Any) -> None:
        self.auth.event(name, _context(), self.realm, user, **facts)


def words_of(auth: Auth, who: Any) -> list[str]:
    """Return the words that a password must not be made of: a login name or a user's names, and the site's."""
    named = [who] if isinstance(who, str) else [getattr(who, name, None) for name in _NAMING]
    return [one for one in (*named, auth.options.site or auth.app.name) if isinstance(one, str) and one]


def stay(ctx: Any, realm: str, user: Any) -> None:
    """Have the session of a request go on after all the others of its user have been ended.

    ::

        await accounts.set_password(user, password, keep=ctx.identity.credential)
        stay(ctx, "default", user)
    """
    ctx.session[session_name(STAMP, realm)] = stamp_of(user)


def _next_generation(user: Any) -> dict[str, int]:
    """Return what has to be saved to end sessions in signed cookies; nothing for users that have no generation."""
    return {"generation": (user.generation or 0) + 1} if hasattr(user, "generation") else {}


def _context() -> Any:
    return current_context() if has_app_context() else None


def _session(key: str, data: Any, expires: float | None) -> SessionInfo:
    return SessionInfo(
        key,
        str(data.get("method", "")),
        float(data.get("began", 0)),
        float(data.get("seen", 0)),
        expires,
        str(data.get("address", "")),
        str(data.get("agent", "")),
    )


# -- for plain code

Method = Callable[Concatenate[Accounts, P], Coroutine[Any, Any, T]]
Function = Callable[Concatenate[Auth, str, P], T]


def _plain(method: Method[P, T]) -> Function[P, T]:
    """Make the function ``(auth, realm, …)`` for plain code of a method."""

    @wraps(method)
    def function(auth: Auth, realm: str, *args: P.args, **kwargs: P.kwargs) -> T:
        if has_app_context() and current_context().on_loop:
            raise RuntimeError(
                f"{method.__name__}() is for plain code, and this runs on an event loop. Await it instead: "
                f"await Accounts.in_context(ctx, realm).{method.__name__}(...)."
            )
        return run(method(Accounts(auth, realm, Plain(auth.app)), *args, **kwargs))

    return cast(Function[P, T], function)


create = _plain(Accounts.create)
end_everything = _plain(Accounts.end_everything)
end_session = _plain(Accounts.end_session)
end_sessions = _plain(Accounts.end_sessions)
find = _plain(Accounts.find)
lock = _plain(Accounts.lock)
remove_second_factor = _plain(Accounts.remove_second_factor)
save = _plain(Accounts.save)
sessions = _plain(Accounts.sessions)
set_password = _plain(Accounts.set_password)
set_roles = _plain(Accounts.set_roles)
unlock = _plain(Accounts.unlock)

"""What trivet-auth keeps for one application: its options, its store, its realms and its services."""

import logging
from collections.abc import Callable
from difflib import get_close_matches
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from trivet import StashKey

from .access import AccessTokens
from .bearer import Bearers
from .errors import NO_KEY, AuthConfigError, written_in
from .options import Options, check
from .passwords import Passwords
from .permissions import Roles
from .records import Store
from .remember import RememberTokens
from .sealing import Sealer
from .stores.file import FileStore
from .stores.memory import MemoryStore
from .strength import Strength
from .telling import add_last, tell, tell_quietly
from .throttle import Throttle

NAME = "auth"
#: What is to be done to the store, and then to the response, at the end of a request.
_JOBS = StashKey[list[Callable[[Any], None]]]("auth.jobs")

#: Events that mean that somebody has what is another's.
_ALARMS = frozenset({"remember.reused"})

logger = logging.getLogger("trivet.auth")


class Event(NamedTuple):
    """Something that matters for security.

    :ivar name: such as ``"login.failed"``.
    :ivar realm: whose people it is about.
    :ivar user: the user's identifier, if it is known.
    :ivar address: where the request came from.
    :ivar facts: more, and no secrets.
    """

    name: str
    realm: str
    user: str
    address: str
    facts: dict[str, Any]


class Auth:
    """The authentication of one application.

    :ivar realms: the realms by name, each a :class:`trivet_auth.LoginManager`; ``"default"`` among them.
    :ivar strength: says what is wrong with a new password: ``(password, context) -> list[str]``; it can be replaced.
    :ivar flows: what is done in place of a ready-made flow, by its name.
    :ivar strict_realm: the realm whose people need a second factor; empty if none does.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.realms: dict[str, Any] = {}
        self.flows: dict[str, Any] = {}
        self.strict_realm = ""
        self._strength: Callable[..., list[str]] | None = None

    @classmethod
    def of(cls, app: Any) -> "Auth":
        """Return the state of an application.

        :raises AuthConfigError: the plugin is not enabled there.
        """
        found = app.extensions.get("trivet_auth")
        if found is None:
            one = app.plugins.found.get(NAME)
            if one is None or not one.enabled:
                raise AuthConfigError(
                    f"The plugin 'auth' is not enabled in the application {app.name!r}. Add it to the configuration, "
                    'plugins = ["auth"], or call LoginManager(app).'
                )
            found = app.extensions["trivet_auth"] = cls(app)
        return found  # type: ignore[no-any-return]

    @cached_property
    def options(self) -> Options:
        """The options."""
        return self.app.plugins.options(NAME, self.app.config)  # type: ignore[no-any-return]

    def check(self) -> None:
        """Make everything that is configured, without connecting to anything.

        :raises AuthConfigError: something cannot be made; the message names the option.
        """
        check(self.options)
        for service in ("store", "passwords", "strength", "remember", "tokens", "bearers", "_roles"):
            getattr(self, service)

    # -- services

    @cached_property
    def store(self) -> Store:
        """Where records are kept.

        :raises AuthConfigError: the store that is configured cannot be had.
        """
        kind = self.options.store
        if kind == "auto":
            kind = "db" if self._is_enabled("db") else "file"
        return getattr(self, f"_make_{kind}")()  # type: ignore[no-any-return]

    def _is_enabled(self, name: str) -> bool:
        one = self.app.plugins.found.get(name)
        return one is not None and one.enabled

    def _make_memory(self) -> Store:
        return MemoryStore()

    def _make_file(self) -> Store:
        return FileStore(Path(self.app.instance_path) / "auth.db")

    def _make_redis(self) -> Store:
        if not self.options.redis:
            raise AuthConfigError('[auth] store = "redis" needs its URL: [auth] redis = "redis://127.0.0.1:6379/0".')
        try:
            home = import_module(".stores.redis", __package__)
        except ImportError as error:
            raise AuthConfigError(
                "[auth] store = \"redis\" needs the library redis: pip install 'trivet-auth[redis]'."
            ) from error
        prefix = self.options.redis_prefix or f"{self.app.name}:auth:"
        with written_in("[auth] redis"):
            return home.RedisStore(str(self.options.redis), prefix)  # type: ignore[no-any-return]

    def _make_db(self) -> Store:
        if not self._is_enabled("db"):
            raise AuthConfigError(
                '[auth] store = "db" needs the plugin "db": pip install trivet-db, and plugins = ["db", "auth"].'
            )
        return import_module(".models", __package__).make_store(self.app)  # type: ignore[no-any-return]

    @cached_property
    def passwords(self) -> Passwords:
        """Hashes and verifies passwords."""
        given = self.options.password
        with written_in("[auth.password]"):
            return Passwords(
                time_cost=given.time_cost,
                memory_cost=given.memory_cost,
                parallelism=given.parallelism,
                max_length=given.max_length,
            )

    @property
    def strength(self) -> Callable[..., list[str]]:
        """What says which new passwords are too weak, and why."""
        if self._strength is None:
            given = self.options.password
            with written_in("[auth.password]"):
                self._strength = Strength(given.min_length, given.max_length, given.common).problems
        return self._strength

    @strength.setter
    def strength(self, value: Callable[..., list[str]]) -> None:
        self._strength = value

    @cached_property
    def throttle(self) -> Throttle:
        """Counts what fails, under names that only this application's key makes; with another key it begins anew.

        :raises ConfigError: by each of its methods, if ``SECRET_KEY`` is not set.
        """
        return Throttle(self.store, digest=self._digest)

    def _digest(self, data: bytes) -> str:
        """Return what stands for data that must not be told from it, not even by trying all addresses there are."""
        return str(self.app.signing.signer("auth.throttle").make_signer().get_signature(data).decode())

    @cached_property
    def remember(self) -> RememberTokens:
        """Remembers browsers."""
        return RememberTokens(self.store, lifetime=self.options.remember_lifetime)

    @cached_property
    def tokens(self) -> AccessTokens:
        """Personal access tokens."""
        with written_in("[auth] token_prefix"):
            return AccessTokens(self.store, prefix=self.options.token_prefix)

    @cached_property
    def bearers(self) -> Bearers | None:
        """Signed bearer tokens; ``None`` unless ``[auth.jwt]`` is configured.

        :raises AuthConfigError: a key is weak, unreadable, or of the wrong kind.
        """
        given = self.options.jwt
        if given is None:
            return None
        with written_in("[auth.jwt]"):
            return Bearers(
                keys=given.keys,
                algorithms=given.algorithms,
                issuer=given.issuer,
                audience=given.audience,
                leeway=given.leeway,
                lifetime=given.lifetime,
                types=given.types,
            )

    @property
    def sealer(self) -> Sealer:
        """Keeps small texts secret at rest, by the keys of the signing service.

        :raises AuthConfigError: there is no key.
        :raises ConfigError: ``SECRET_KEY_FALLBACKS`` is not a list of keys.
        """
        if not self.app.signing.available:
            raise AuthConfigError(f"Second factors are kept encrypted, and {NO_KEY}")
        return Sealer(self.app.signing.signer("auth.seal").secret_keys[::-1])  # there the newest is the last

    def roles_of(self, realm: str) -> Roles:
        """Return the roles of a realm."""
        return self._roles.get(realm) or self._roles[""]

    @cached_property
    def _roles(self) -> dict[str, Roles]:
        """The roles of realms that have their own, and of all others under an empty name."""
        with written_in("[auth.roles]"):
            found = {"": Roles(self.options.roles)}
        for name, given in self.options.realms.items():
            if given.roles is not None:
                with written_in(f"[auth.realms.{name}] roles"):
                    found[name] = Roles(given.roles)
        return found

    # -- realms

    def realm(self, name: str) -> Any:
        """Return a realm by name.

        :raises AuthConfigError: there is none of that name.
        """
        try:
            return self.realms[name]
        except KeyError:
            raise AuthConfigError(f"There is no realm {name!r}.{self._realms_there_are(name)}") from None

    def _realms_there_are(self, name: str) -> str:
        near = get_close_matches(name, self.realms, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = ", ".join(repr(one) for one in self.realms)
        declared = f"[auth.realms.{name}], or LoginManager(realm={name!r})"
        return f"{hint} There are {known}; {declared} would declare it."

    def check_realms(self) -> None:
        """See to it that realms fit the application; its blueprints have to be there, so this comes last.

        :raises AuthConfigError: a realm names a blueprint that is not there or is another realm's, or a way to protect
            sessions that there is not; or signed tokens are of a realm that is not there.
        """
        taken: dict[str, str] = {}
        for name, realm in self.realms.items():
            realm.protection(self.app)
            for one in dict.fromkeys(realm.blueprints):
                self._check_blueprint(name, one)
                if one in taken:
                    raise AuthConfigError(
                        f"The blueprint {one!r} is in two realms, {taken[one]!r} and {name!r}. Its views ask for the "
                        "people of one: take it out of the other."
                    )
                taken[one] = name
        jwt = self.options.jwt
        if jwt is not None and jwt.realm not in self.realms:
            raise AuthConfigError(
                f"[auth.jwt] realm is {jwt.realm!r}, and there is no such realm.{self._realms_there_are(jwt.realm)}"
            )

    def _check_blueprint(self, realm: str, name: str) -> None:
        if name in self.app.blueprints:
            return
        near = get_close_matches(name, self.app.blueprints, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise AuthConfigError(
            f"The realm {realm!r} is for the views of the blueprint {name!r}, and there is none of that name.{hint} "
            "A nested one has its parents' names before its own, with dots between."
        )

    def realm_of(self, scopes: tuple[str, ...]) -> Any:
        """Return the realm of views in a line of blueprints, the innermost first."""
        for scope in scopes:
            for realm in self.realms.values():
                if scope in realm.blueprints:
                    return realm
        return self.realm("default")

    def lacks_second_factor(self, realm: str, user: Any) -> bool:
        """Tell whether somebody has to set up a second factor before a browser makes them somebody."""
        return realm == self.strict_realm and not getattr(user, "totp_secret", None)

    # -- what happens

    def event(self, name: str, ctx: Any = None, realm: str = "default", user: Any = None, **facts: Any) -> None:
        """Log what matters for security, and tell the plugins that want to know.

        The logger ``trivet.auth`` gets the name as the message and the event as ``record.auth``: as a warning if
        somebody may be attacking, and otherwise as information. An exception of a plugin is logged, and nothing else
        comes of it.

        :param ctx: the context of the request; ``None`` if there is none.
        :param user: the user, or the identifier.
        :param facts: more, which must not be secret.
        """
        address = (ctx.environ.get("REMOTE_ADDR") or "") if ctx is not None and ctx.has_request else ""
        event = Event(name, realm, self._identifier(realm, user), address, facts)
        level = logging.WARNING if name in _ALARMS or name.endswith(".throttled") else logging.INFO
        logger.log(level, "%s", name, extra={"auth": event._asdict()})
        tell_quietly(self.app, ctx, "trivet_auth_event", app=self.app, event=event)

    def _identifier(self, realm: str, user: Any) -> str:
        if user is None or isinstance(user, str):
            return user or ""
        manager = self.realms.get(realm)
        id = getattr(user, manager.id_attribute if manager is not None else "get_id")()
        return "" if id is None else str(id)

    def tell(self, ctx: Any, hook: str, /, **facts: Any) -> None:
        """Call a hook that is told something; see :func:`trivet_auth.telling.tell`."""
        tell(self.app, ctx, hook, **facts)

    def later(self, ctx: Any, job: Callable[[Any], None]) -> None:
        """Do something to the store, and then to the response, when the request's own work is done and committed."""
        jobs = ctx.stash.get(_JOBS)
        if jobs is None:
            jobs = ctx.stash[_JOBS] = []
            add_last(ctx, partial(do_jobs, ctx), first=True)  # before the session is saved
        jobs.append(job)


def do_jobs(ctx: Any, response: Any) -> None:
    """Do what :meth:`Auth.later` has put off."""
    jobs = ctx.stash.get(_JOBS)
    while jobs:
        jobs.pop(0)(response)


def has_jobs(ctx: Any) -> bool:
    """Tell whether something has been put off."""
    return bool(ctx._stash is not None and ctx.stash.get(_JOBS))

"""The options of ``[auth]``: tables with the defaults that a careful engineer would choose."""

import re
from typing import Annotated, Literal

import msgspec

from trivet import Secret

from .errors import AuthConfigError

DAY = 86_400
#: A whole number from 1: characters, tries, seconds.
Positive = Annotated[int, msgspec.Meta(ge=1)]
#: A whole number from 0.
Natural = Annotated[int, msgspec.Meta(ge=0)]
#: What cannot be left empty.
Filled = Annotated[str, msgspec.Meta(min_length=1)]
#: The flows there are; see :mod:`trivet_auth.flows`.
FLOWS = (
    "login",
    "logout",
    "register",
    "verify",
    "forgot",
    "password",
    "email",
    "totp",
    "sessions",
    "tokens",
)


class PasswordOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Passwords: how they are kept and which are refused.

    :ivar min_length: the fewest characters (ASVS 5, 6.2.1: at least 8).
    :ivar max_length: the most; what is longer is refused, never cut.
    :ivar common: whether the most common passwords are refused (ASVS 5, 6.2.4).
    :ivar time_cost: argon2id's iterations.
    :ivar memory_cost: argon2id's memory, in KiB.
    :ivar parallelism: argon2id's lanes.
    """

    min_length: Positive = 8
    max_length: Positive = 1024
    common: bool = True
    time_cost: Positive = 3
    memory_cost: Positive = 65_536
    parallelism: Annotated[int, msgspec.Meta(ge=1, le=255)] = 4


class ThrottleOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How many tries to sign in may fail before one has to wait.

    :ivar account: for one account, from one address.
    :ivar account_anywhere: for one account, from all addresses together.
    :ivar address: for one address, whatever the account.
    :ivar window: in how many seconds.
    :ivar mails: how many mails one network may cause in an hour, by one flow and to one address, and how many accounts
        may be registered from it; five times as many mails go to one address from everywhere.
    """

    account: Positive = 10
    account_anywhere: Positive = 100
    address: Positive = 100
    window: Positive = 900
    mails: Positive = 10


class RealmOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One more group of people with accounts of their own, such as the staff.

    :ivar blueprints: names of the blueprints whose views ask for these people, nested ones included.
    :ivar model: the users' model, as ``"package.models:Staff"``.
    :ivar login_view: the endpoint people are sent to who have not signed in.
    :ivar roles: roles and their permissions, in place of ``[auth] roles``.
    """

    blueprints: list[str] = []
    model: str = ""
    login_view: str = ""
    roles: dict[str, list[str]] | None = None


class JWTOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Bearer tokens that are signed instead of kept (RFC 7519).

    :ivar algorithms: the accepted signature algorithms, as ``["ES256"]``; the token has no say in it.
    :ivar keys: PEM, JWK or (for HS256 …) secrets, the newest first: the first one signs, all verify.
    :ivar issuer: what ``iss`` has to be.
    :ivar audience: what ``aud`` has to be or contain.
    :ivar lifetime: of tokens made here, in seconds.
    :ivar leeway: by how many seconds clocks may differ.
    :ivar types: what ``typ`` of a token may be; ``"jwt"`` stands for none too.
    :ivar realm: whose users ``sub`` names.
    """

    algorithms: Annotated[list[str], msgspec.Meta(min_length=1)]
    keys: Annotated[list[Secret], msgspec.Meta(min_length=1)]
    issuer: Filled
    audience: Filled
    lifetime: Positive = 900
    leeway: Natural = 30
    types: Annotated[list[str], msgspec.Meta(min_length=1)] = msgspec.field(default_factory=lambda: ["at+jwt", "jwt"])
    realm: str = "default"


class ProviderOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Signing in by an account elsewhere: OAuth 2.0 (RFC 6749) or OpenID Connect.

    :ivar client_id: as the provider has given it.
    :ivar client_secret: the same; empty for public clients.
    :ivar issuer: an OpenID provider's issuer; the rest is found by its metadata.
    :ivar authorize_url: of a provider that is not found by metadata.
    :ivar token_url: the same.
    :ivar userinfo_url: the same.
    :ivar scope: what is asked for.
    :ivar max_age: seconds within which the provider has to have asked the person who they are; 0: now.
    :ivar label: what the button says.
    :ivar link_by_email: whether an account here with the same address, verified on both sides, is the same person's.
    :ivar register: whether somebody new gets an account.
    """

    client_id: Filled
    client_secret: Secret = Secret("")
    issuer: str = ""
    authorize_url: str = ""
    token_url: str = ""
    userinfo_url: str = ""
    scope: str = "openid email"
    max_age: Natural | None = None
    label: str = ""
    link_by_email: bool = False
    register: bool = True


class MailOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How mail is sent, unless a plugin implements ``trivet_auth_send_mail``.

    :ivar url: ``smtp://host:25``, ``smtps://user:password@host``, ``smtp+starttls://…``, or ``console:`` to print
        instead; empty: to the console in debug, and an error otherwise.
    :ivar sender: the address it comes from.
    """

    url: Secret = Secret("")
    sender: str = ""


class Options(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What ``[auth]`` says.

    :ivar model: the users' model, as ``"package.models:User"``, with the plugin ``db``; otherwise users come from
        loaders.
    :ivar store: where sessions, remembered people, tokens and counters are kept: ``"auto"`` is ``"db"`` if that plugin
        is enabled, else ``"file"``, a file in the instance folder that all workers on the machine share.
    :ivar redis: the URL of the Redis for ``store = "redis"``.
    :ivar redis_prefix: what all names in it begin with; by default the application's name and ``":auth:"``.
        Applications of the same name that share a Redis need different ones, or the sessions of one are valid in the
        other.
    :ivar sessions: ``"cookie"``: the session's data is in its signed cookie; ``"server"``: it is in the store, and each
        session can be listed and revoked.
    :ivar session_lifetime: seconds after which one has to sign in again, whatever one does.
    :ivar session_idle: seconds without a request after which a session on the server ends.
    :ivar keep: names in the session that survive signing in, such as ``"cart"``.
    :ivar remember_lifetime: seconds for which a browser is remembered.
    :ivar fresh_for: seconds for which a sign-in counts as fresh; 0: as long as the session lasts.
    :ivar require_login: whether every view needs somebody, unless it is marked ``@public``.
    :ivar roles: roles and their permissions; ``"@other"`` includes another role, ``"*"`` is every permission.
    :ivar flows: the ready-made flows that are switched on.
    :ivar prefix: the path below which they are.
    :ivar site: what mails and authenticator apps call this site; the application's name by default.
    :ivar url: the address that links in mails begin with, as ``"https://app.example.com"``; needed for flows that
        send mail, because the ``Host`` header is anybody's to choose.
    :ivar after_login: the path to go to; where ``next`` says nothing.
    :ivar after_logout: the same.
    :ivar verify: whether an address has to be confirmed before one can sign in.
    :ivar second_factor: ``"required"``: who has none sets one up when they sign in, and is nobody before that.
    :ivar csrf_tokens: whether the flows' forms carry tokens besides the core's cross-origin protection.
    :ivar link_lifetime: seconds for which the links in mails work.
    :ivar token_prefix: what personal access tokens begin with.
    :ivar realms: further groups of people, by name.
    :ivar password: see :class:`PasswordOptions`.
    :ivar throttle: see :class:`ThrottleOptions`.
    :ivar jwt: see :class:`JWTOptions`.
    :ivar oauth: providers by name, see :class:`ProviderOptions`.
    :ivar mail: see :class:`MailOptions`.
    """

    model: str = ""
    store: Literal["auto", "memory", "file", "redis", "db"] = "auto"
    redis: Secret | None = None
    redis_prefix: str = ""
    sessions: Literal["cookie", "server"] = "cookie"
    session_lifetime: Positive = 30 * DAY
    session_idle: Positive = 14 * DAY
    keep: list[str] = []
    remember_lifetime: Positive = 30 * DAY
    fresh_for: Natural = 0
    require_login: bool = False
    roles: dict[str, list[str]] = {}
    flows: list[str] = []
    prefix: str = "/auth"
    site: str = ""
    url: str = ""
    after_login: str = "/"
    after_logout: str = "/"
    verify: bool = True
    second_factor: Literal["optional", "required"] = "optional"
    csrf_tokens: bool = False
    link_lifetime: Positive = 3600
    token_prefix: str = "trv"  # noqa: S105 - it is shown to everybody
    realms: dict[str, RealmOptions] = {}
    password: PasswordOptions = PasswordOptions()
    throttle: ThrottleOptions = ThrottleOptions()
    jwt: JWTOptions | None = None
    oauth: dict[str, ProviderOptions] = {}
    mail: MailOptions = MailOptions()


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
#: A path on this site: two slashes, or one of each kind, would begin another site's address (RFC 3986, 4.2).
_PATH = re.compile(r"/(?![/\\])[!-~]*")
#: What names in the session begin with that signing in puts there.
_SIGNED_IN = ("_user_id", "_fresh", "_id", "_auth_")


def check(options: Options) -> None:
    """Refuse what no type says.

    :raises AuthConfigError: a value cannot be used; the message names the option.
    """
    for name in options.realms:
        check_name(name, f"[auth.realms.{name}]", "realm")
    for name in options.oauth:
        check_name(name, f"[auth.oauth.{name}]", "provider")
    for name in options.keep:
        if name.startswith(_SIGNED_IN):
            raise AuthConfigError(
                f"[auth] keep names {name!r}, which says who has signed in, and would undo signing out. Take it out."
            )
    if _PREFIX.fullmatch(options.prefix) is None:
        raise AuthConfigError(
            f"[auth] prefix is {options.prefix!r}. It is the beginning of a path without a slash at its end, such as "
            "'/auth', or empty."
        )
    for option in ("after_login", "after_logout"):
        path = getattr(options, option)
        if _PATH.fullmatch(path) is None:
            raise AuthConfigError(f'[auth] {option} is {path!r}. It is a path on this site, as "/tasks".')
    if options.second_factor == "required" and not {"login", "totp"} <= set(options.flows):
        raise AuthConfigError(
            '[auth] second_factor = "required" needs the flows that set one up and ask for it: '
            'flows = ["login", "totp"].'
        )
    if options.redis and options.store == "auto":
        raise AuthConfigError('[auth] redis is set, and nothing is kept there. Say so: [auth] store = "redis".')


def check_name(name: str, place: str, what: str) -> None:
    """Refuse the name of a realm or a provider that could not stand in a cookie's name, an owner or an address.

    :raises AuthConfigError: it could not.
    """
    if _NAME.fullmatch(name) is None:
        raise AuthConfigError(
            f"{place}: a {what} cannot have the name {name!r}. Use up to 32 ASCII letters, digits, _ and -, a letter "
            "first."
        )

"""Commands around accounts: made, listed, locked, given roles."""

import difflib
import time
from typing import Any

import click

from ..accounts import Accounts, Ended, words_of
from ..driving import run
from ..errors import AuthConfigError
from ..flows.services import Services, state_of
from ..mail import describe
from ..state import Auth
from ..users import normalise
from .options import (
    accounts_in,
    counted,
    email_argument,
    json_option,
    new_password,
    pass_auth,
    print_json,
    print_table,
    realm_option,
    stdin_option,
)

#: Attributes that ``create-user --set`` does not take, and what is said of them.
_SAID_OTHERWISE = {
    "id": ": the store makes it",
    "email": ": it is the argument EMAIL",
    "roles": ": say --role ROLE",
}


def user_in(accounts: Accounts, email: str) -> Any:
    """Return somebody by the name they sign in with.

    :raises click.ClickException: there is nobody of that name.
    """
    found = run(accounts.find(email))
    if found is None:
        of = "" if accounts.realm == "default" else f" in the realm {accounts.realm!r}"
        raise click.ClickException(f"There is no account {email!r}{of}. trivet auth users lists those that there are.")
    return found


def name_of(user: Any) -> str:
    """Return what somebody signs in with, or else the identifier."""
    return str(getattr(user, "email", None) or user.get_id())


def said_of(ended: Ended) -> str:
    """Return what has been ended, in words."""
    parts = [
        counted(ended.sessions, "session", "sessions"),
        counted(ended.browsers, "remembered browser", "remembered browsers"),
        counted(ended.tokens, "token", "tokens"),
    ]
    return f"ended: {', '.join(parts)}"


def warn_of_cookies(user: Any, ended: Ended) -> None:
    """Say so where sessions in signed cookies go on."""
    if not ended.everywhere:
        click.echo(
            f"Warning: sessions that are kept in signed cookies go on: {type(user).__name__} has no 'generation' that "
            'could be raised. Add the column, or configure [auth] sessions = "server".',
            err=True,
        )


@click.command("create-user")
@email_argument
@stdin_option
@click.option("--no-password", is_flag=True, help="Make it without a password: nobody can sign in by one.")
@click.option("--role", "roles", multiple=True, metavar="ROLE", help="A role to give; may be said several times.")
@click.option("--set", "given", multiple=True, metavar="NAME=TEXT", help="Another attribute, such as name=Ada.")
@click.option("--unverified", is_flag=True, help="Have the address confirmed by a mail first.")
@realm_option
@pass_auth
def create_user_command(
    auth: Auth,
    email: str,
    from_stdin: bool,
    no_password: bool,
    roles: tuple[str, ...],
    given: tuple[str, ...],
    unverified: bool,
    realm: str,
) -> None:
    """Make an account. The password is asked for, and never shown."""
    if from_stdin and no_password:
        raise click.UsageError("--password-stdin and --no-password exclude one another.")
    accounts = accounts_in(auth, realm)
    login = normalise(email)
    if login is None:
        raise click.UsageError(f"{email!r} cannot be a login name.")
    if run(accounts.find(login)) is not None:
        raise click.ClickException(f"There is an account {login!r} already.")
    fields: dict[str, Any] = _attributes(given)
    if roles:
        fields["roles"] = known_roles(auth, realm, roles)
    password = None if no_password else new_password(auth, words_of(auth, login), from_stdin)
    user = run(accounts.create(login, password, **fields))
    if not unverified and hasattr(user, "verified_at"):
        run(accounts.save(user, verified_at=time.time()))
    click.echo(f"{name_of(user)}: made, with the identifier {user.get_id()}")


def _attributes(given: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign or not name.isidentifier():
            raise click.UsageError(f"--set {one!r} is not of the form NAME=TEXT.")
        if name in _SAID_OTHERWISE:
            raise click.UsageError(f"--set does not take {name!r}{_SAID_OTHERWISE[name]}.")
        if name in ("password", "password_hash", "totp_secret"):
            raise click.UsageError(f"--set does not take {name!r}: what is on a command line can be read by others.")
        found[name] = value
    return found


def declared_roles(auth: Auth, realm: str) -> dict[str, list[str]]:
    """Return the roles of a realm with what configuration says of them."""
    given = auth.options.realms.get(realm)
    own = given.roles if given is not None else None
    return own if own is not None else auth.options.roles


def known_roles(auth: Auth, realm: str, names: tuple[str, ...]) -> list[str]:
    """Return roles without repetition, in their order.

    :raises click.ClickException: a role is not declared.
    """
    declared = declared_roles(auth, realm)
    for name in names:
        if name not in declared:
            near = difflib.get_close_matches(name, declared, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.ClickException(f"There is no role {name!r}.{hint} trivet auth roles lists those there are.")
    return list(dict.fromkeys(names))


@click.command("users")
@json_option
@realm_option
@pass_auth
def users_command(auth: Auth, as_json: bool, realm: str) -> None:
    """List the accounts."""
    accounts = accounts_in(auth, realm)
    found: list[dict[str, Any]] = [
        {
            "id": str(user.get_id()),
            "email": getattr(user, "email", None),
            "roles": list(getattr(user, "roles", None) or ()),
            "locked": not user.is_active,
            "verified": getattr(user, "verified_at", None) is not None,
        }
        for user in auth.app.settle(accounts.users.all())
    ]
    if as_json:
        print_json(found)
        return
    rows = [
        (one["id"], one["email"] or "", ", ".join(one["roles"]), "locked" if one["locked"] else "") for one in found
    ]
    print_table(("ID", "EMAIL", "ROLES", ""), rows)


@click.command("set-password")
@email_argument
@stdin_option
@realm_option
@pass_auth
def set_password_command(auth: Auth, email: str, from_stdin: bool, realm: str) -> None:
    """Give somebody another password, and end all sessions. It is asked for, and never shown; tokens stay."""
    accounts = accounts_in(auth, realm)
    user = user_in(accounts, email)
    name = name_of(user)
    ended = run(accounts.set_password(user, new_password(auth, words_of(auth, user), from_stdin)))
    click.echo(f"{name}: another password is set; {said_of(ended)}")
    warn_of_cookies(user, ended)


@click.command("send-reset")
@email_argument
@realm_option
@pass_auth
def send_reset_command(auth: Auth, email: str, realm: str) -> None:
    """Send somebody the link by which they choose another password. Until then the present one works."""
    if "forgot" not in auth.options.flows or auth.realm_of(("auth",)).realm != realm:
        raise click.ClickException(
            f"The link leads to the flow 'forgot', which is not there for the realm {realm!r}: [auth] flows = "
            '["login", "forgot"]. trivet auth set-password sets a password without it.'
        )
    accounts = accounts_in(auth, realm)
    user = user_in(accounts, email)
    if not user.is_active:
        raise click.ClickException(f"{name_of(user)} is locked. Unlock the account first: trivet auth unlock {email}")
    services = Services.of(auth.app)
    token = services.links.issue("reset", accounts.owner_of(user), state_of(user))
    try:
        services.send_now("reset", user.email, link=services.address_of("auth.reset", token=token))
    except Exception as error:  # of a server, or of a plugin
        raise click.ClickException(f"The mail could not be sent: {describe(error)}.") from None
    auth.event("reset.asked", None, realm, user)
    click.echo(f"{name_of(user)}: the link is sent")


@click.command("remove-second-factor")
@email_argument
@realm_option
@pass_auth
def remove_second_factor_command(auth: Auth, email: str, realm: str) -> None:
    """Take the second factor away from who has lost it and the recovery codes, and end all sessions."""
    accounts = accounts_in(auth, realm)
    user = user_in(accounts, email)
    if not getattr(user, "totp_secret", None):
        raise click.ClickException(f"{name_of(user)} has no second factor.")
    ended = run(accounts.remove_second_factor(user))
    click.echo(f"{name_of(user)}: the second factor is taken away; {said_of(ended)}")
    warn_of_cookies(user, ended)


@click.command("lock")
@email_argument
@realm_option
@pass_auth
def lock_command(auth: Auth, email: str, realm: str) -> None:
    """Lock an account, and end its sessions, remembered browsers and tokens at once."""
    accounts = accounts_in(auth, realm)
    user = user_in(accounts, email)
    click.echo(f"{name_of(user)}: locked; {said_of(run(accounts.lock(user)))}")


@click.command("unlock")
@email_argument
@realm_option
@pass_auth
def unlock_command(auth: Auth, email: str, realm: str) -> None:
    """Unlock an account. What the lock has ended does not come back."""
    accounts = accounts_in(auth, realm)
    user = user_in(accounts, email)
    run(accounts.unlock(user))
    click.echo(f"{name_of(user)}: unlocked")


@click.command("roles")
@click.argument("email", required=False)
@click.option("--add", "added", multiple=True, metavar="ROLE", help="A role to give; may be said several times.")
@click.option("--remove", "removed", multiple=True, metavar="ROLE", help="A role to take away.")
@json_option
@realm_option
@pass_auth
def roles_command(
    auth: Auth, email: str | None, added: tuple[str, ...], removed: tuple[str, ...], as_json: bool, realm: str
) -> None:
    """List the roles and what they permit; or somebody's roles, and change them."""
    if email is None:
        if added or removed:
            raise click.UsageError("--add and --remove need to know whose roles: trivet auth roles EMAIL --add ROLE.")
        _list_roles(auth, realm, as_json)
        return
    accounts = accounts_in(auth, realm)
    user = user_in(accounts, email)
    if not hasattr(user, "roles"):
        raise AuthConfigError(f"{type(user).__name__} has no attribute 'roles'. Add it; trivet_auth.UserModel has it.")
    before = list(user.roles or ())
    given = known_roles(auth, realm, added)
    after = list(dict.fromkeys(one for one in (*before, *given) if one not in removed))
    absent = [one for one in removed if one not in before]
    if absent:
        raise click.ClickException(f"{name_of(user)} does not have the role {absent[0]!r}. Roles: {_listed(before)}.")
    if after != before:
        run(accounts.set_roles(user, after))
    if as_json:
        print_json({"email": name_of(user), "roles": after})
    else:
        click.echo(f"{name_of(user)}: {_listed(after)}")


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "no roles"


def _list_roles(auth: Auth, realm: str, as_json: bool) -> None:
    auth.realm(realm)
    found = declared_roles(auth, realm)
    if as_json:
        print_json(found)
    elif not found:
        click.echo('There are no roles. Declare them: [auth.roles] editor = ["articles:write"].')
    else:
        print_table(("ROLE", "PERMITS"), [(name, ", ".join(found[name])) for name in sorted(found)])


COMMANDS = (
    create_user_command,
    users_command,
    set_password_command,
    send_reset_command,
    remove_second_factor_command,
    lock_command,
    unlock_command,
    roles_command,
)

"""Commands around what people are signed in with: sessions and personal access tokens."""

from typing import Any

import click

from ..access import TokenInfo
from ..accounts import Accounts
from ..driving import run
from ..state import Auth
from .options import (
    accounts_in,
    counted,
    email_argument,
    json_option,
    moment,
    pass_auth,
    print_json,
    print_table,
    realm_option,
)
from .people import name_of, said_of, user_in, warn_of_cookies

DAY = 86_400
#: A session may be named by so many of the first characters of its identifier.
_SHORTEST = 8


@click.command("tokens")
@email_argument
@click.option("--create", "name", metavar="NAME", help="Make a token of this name, and print it, once.")
@click.option("--scope", "scopes", multiple=True, metavar="PERMISSION", help="What it is limited to; may be repeated.")
@click.option("--days", type=click.IntRange(1), metavar="N", help="For how many days it works.  [default: 90]")
@json_option
@realm_option
@pass_auth
def tokens_command(
    auth: Auth, email: str, name: str | None, scopes: tuple[str, ...], days: int | None, as_json: bool, realm: str
) -> None:
    """List somebody's personal access tokens, or make one.

    Without --scope a token may do all that its owner may.
    """
    accounts = accounts_in(auth, realm)
    if name is None and (scopes or days is not None):
        raise click.UsageError("--scope and --days are for a new token: --create NAME.")
    user = user_in(accounts, email)
    owner = accounts.owner_of(user)
    if name is None:
        _list_tokens(auth.tokens.list(owner), as_json)
        return
    try:
        text, info = auth.tokens.create(owner, name, list(scopes) or None, (days or 90) * DAY)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    auth.event("token.created", None, realm, user, token=info.id)
    if as_json:
        print_json({**_shown(info), "token": text})
        return
    click.echo(f"{name_of(user)}: made token {info.id}, {_limits(info)}. It is not shown again:", err=True)
    click.echo(text)


def _list_tokens(found: list[TokenInfo], as_json: bool) -> None:
    if as_json:
        print_json([_shown(one) for one in found])
    elif not found:
        click.echo("There are no tokens.")
    else:
        rows = [
            (one.id, one.name, _scopes(one), moment(one.created), moment(one.used), moment(one.expires))
            for one in found
        ]
        print_table(("ID", "NAME", "SCOPES", "MADE", "LAST USED", "ENDS"), rows)


def _shown(info: TokenInfo) -> dict[str, object]:
    return {
        "id": info.id,
        "name": info.name,
        "scopes": sorted(info.scopes) if info.scopes is not None else None,
        "created": info.created,
        "used": info.used,
        "expires": info.expires,
    }


def _scopes(info: TokenInfo) -> str:
    return "all" if info.scopes is None else ", ".join(sorted(info.scopes))


def _limits(info: TokenInfo) -> str:
    what = "for all that its owner may do" if info.scopes is None else f"for {_scopes(info)}"
    return f"{what}, until {moment(info.expires)}"


@click.command("sessions")
@email_argument
@json_option
@realm_option
@pass_auth
def sessions_command(auth: Auth, email: str, as_json: bool, realm: str) -> None:
    """List somebody's sessions on the server, the one last in use first."""
    accounts = accounts_in(auth, realm)
    found = run(accounts.sessions(user_in(accounts, email)))
    if as_json:
        print_json([one._asdict() for one in found])
        return
    if auth.options.sessions != "server":
        click.echo(
            'Sessions are kept in signed cookies here, and cannot be listed: [auth] sessions = "server" keeps them in '
            "the store. trivet auth revoke EMAIL --sessions ends them either way.",
            err=True,
        )
    if not found:
        click.echo("There are no sessions.")
        return
    rows = [
        (one.id[:16], one.method, moment(one.began), moment(one.seen), one.address, one.agent[:60]) for one in found
    ]
    print_table(("ID", "BY", "BEGAN", "LAST SEEN", "FROM", "BROWSER"), rows)


@click.command("revoke")
@email_argument
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--sessions", "all_sessions", is_flag=True, help="End all sessions and remembered browsers.")
@click.option("--all", "everything", is_flag=True, help="End all sessions, remembered browsers and tokens.")
@realm_option
@pass_auth
def revoke_command(
    auth: Auth, email: str, ids: tuple[str, ...], all_sessions: bool, everything: bool, realm: str
) -> None:
    """End tokens and sessions of somebody by ID, as trivet auth tokens and trivet auth sessions list them; or all."""
    if bool(ids) + all_sessions + everything != 1:
        raise click.UsageError("Say what is to end: the ID of a token or a session, --sessions, or --all.")
    accounts = accounts_in(auth, realm)
    user = user_in(accounts, email)
    if ids:
        for id in ids:
            click.echo(f"{name_of(user)}: {_revoke(auth, accounts, user, id)}")
        return
    ended = run(accounts.end_everything(user) if everything else accounts.end_sessions(user))
    click.echo(f"{name_of(user)}: {said_of(ended)}")
    warn_of_cookies(user, ended)


def _revoke(auth: Auth, accounts: Accounts, user: Any, id: str) -> str:
    """End a token or a session, and say which it was.

    :raises click.ClickException: the person has no such thing, or several sessions whose identifiers begin so.
    """
    if auth.tokens.revoke(accounts.owner_of(user), id):
        auth.event("token.revoked", None, accounts.realm, user, token=id)
        return f"token {id} ended"
    found = [one for one in run(accounts.sessions(user)) if len(id) >= _SHORTEST and one.id.startswith(id)]
    if len(found) != 1:
        many = "several sessions whose identifiers begin" if found else "no token and no session with the identifier"
        raise click.ClickException(
            f"{name_of(user)} has {many} {id!r}. trivet auth tokens and trivet auth sessions list them."
        )
    run(accounts.end_session(user, found[0].id))
    return f"session {id} ended"


@click.command("purge")
@pass_auth
def purge_command(auth: Auth) -> None:
    """Delete what has expired from the store: sessions, tokens, counters. Run it daily; nothing depends on it."""
    click.echo(f"{counted(auth.store.purge(), 'record', 'records')} deleted")


COMMANDS = (sessions_command, tokens_command, revoke_command, purge_command)

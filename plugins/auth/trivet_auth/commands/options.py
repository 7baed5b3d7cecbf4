"""What the commands share: options, finding somebody, asking for a password, and printing."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from ..accounts import Accounts
from ..driving import Plain
from ..state import Auth

pass_auth = click.make_pass_decorator(Auth)

email_argument = click.argument("email", metavar="EMAIL")
realm_option = click.option(
    "--realm", default="default", show_default=True, metavar="NAME", help="The group of people it is about."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
stdin_option = click.option(
    "--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input instead of asking."
)

#: No password that anybody accepts is longer than this, in bytes.
_LONGEST = 65_536


def accounts_in(auth: Auth, realm: str) -> Accounts:
    """Return the accounts of a realm.

    :raises AuthConfigError: there is no such realm.
    """
    return Accounts(auth, realm, Plain(auth.app))


def new_password(auth: Auth, words: Sequence[str], from_stdin: bool) -> str:
    """Ask for a new password, twice and until it is strong enough; or read one, and refuse it if it is not.

    :param words: what it must not be made of.
    :raises click.ClickException: what was read is not one line, or too weak.
    """

    def check(text: str) -> str:
        problems = auth.strength(text, words)
        if problems:
            raise click.UsageError(" ".join(problems))
        return text

    if not from_stdin:
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, value_proc=check)
        return asked
    try:
        text = sys.stdin.buffer.read(_LONGEST + 1).decode()
    except UnicodeDecodeError:
        raise click.ClickException("The password on standard input is not UTF-8.") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or "\n" in text:
        raise click.ClickException("The password on standard input has to be one line, and nothing else.")
    problems = auth.strength(text, words)
    if problems:
        raise click.ClickException(f"The password is too weak. {' '.join(problems)}")
    return text


def moment(seconds: float | None) -> str:
    """Return a time for people, in UTC: ``2026-05-01 12:00``."""
    return "never" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their titles, in columns as wide as they have to be; nothing in them moves the cursor."""
    shown = [[_printable(cell) for cell in row] for row in (titles, *rows)]
    widths = [max(len(row[index]) for row in shown) for index in range(len(titles))]
    for row in shown:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{number} {one if number == 1 else many}"

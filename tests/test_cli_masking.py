"""What is printed of settings never has a secret in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trivet import Secret
from trivet.plugins.masking import MASK, mask, mask_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://user:hush@host/db", "postgresql://user:…@host/db"),
        ("postgresql+psycopg://user:hu@sh@host:5432/db", "postgresql+psycopg://user:…@host:5432/db"),
        ("redis://:hush@host:6379/0", "redis://:…@host:6379/0"),
        ("https://0123456789abcdef0123456789abcdef@sentry.example/1", "https://…@sentry.example/1"),
        ("host=db user=me password=hush dbname=x", "host=db user=me password=… dbname=x"),
        ("mysql://host/db?user=me&password=hush&charset=utf8", "mysql://host/db?user=me&password=…&charset=utf8"),
        ("https://example.com/?api_key=hush", "https://example.com/?api_key=…"),
        ("https://example.com/a:b@c", "https://example.com/a:b@c"),
        ("sqlite:///todo.db", "sqlite:///todo.db"),
        ("plain text: with a colon @ home", "plain text: with a colon @ home"),
    ],
)
def test_credentials_in_a_text_are_masked_and_the_rest_is_kept(text: str, shown: str) -> None:
    assert mask_text(text) == shown


@pytest.mark.parametrize(
    "name",
    ["SECRET_KEY", "SECRET_KEY_FALLBACKS", "MAIL_PASSWORD", "github_token", "API_KEY", "AwsSecret", "STRIPE_PRIVATE"],
)
@pytest.mark.parametrize("value", ["hush", b"hush", 12345, ["hush"], {"a": "hush"}, Secret("hush")])
def test_what_is_called_a_secret_is_masked_whatever_it_is(name: str, value: Any) -> None:
    assert mask(name, value) == MASK


@pytest.mark.parametrize("value", [None, False, True, "", [], {}])
def test_whether_a_secret_is_set_is_shown(value: Any) -> None:
    assert mask("SECRET_KEY", value) == value


@dataclass
class Account:
    """What an extension may keep in a setting."""

    name: str
    password: str


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Secret("hush"), MASK),
        (
            {"user": "me", "password": "hush", "urls": ["x://a:hush@b"]},
            {"user": "me", "password": "…", "urls": ["x://a:…@b"]},
        ),
        (Account("me", "hush"), {"name": "me", "password": "…"}),
        (object, "<builtins.object>"),
        (object(), "<builtins.object>"),
        (timedelta(hours=1), "1:00:00"),
        (PurePosixPath("a/b"), "a/b"),
        (5, 5),
    ],
)
def test_what_holds_secrets_is_shown_without_them(value: Any, shown: Any) -> None:
    assert mask("SETTING", value) == shown


passwords = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=8, max_size=12).map("§{}§".format)


@given(passwords, st.sampled_from(["", "user", "user.name"]), st.sampled_from(["http", "postgresql+asyncpg", "amqps"]))
def test_no_password_of_a_url_is_shown(password: str, user: str, scheme: str) -> None:
    url = f"{scheme}://{user}:{password}@host.example/path"
    nested = {"one": [url, (url, {"two": url})]}
    assert password not in repr(mask("SETTING", url))
    assert password not in repr(mask("SETTING", nested))
    assert password not in mask_text(f"cannot connect to {url}: refused")

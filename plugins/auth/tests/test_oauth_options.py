"""What ``[auth.oauth]`` may say, and what is told of what is wrong there."""

import subprocess
import sys
from typing import Any

import pytest

from trivet import Trivet
from trivet_auth import LoginManager, MemoryUsers
from trivet_auth.errors import AuthConfigError
from trivet_auth.oauth.fetching import is_usable
from trivet_auth.oauth.service import OAuth

from .provider_site import Make

GOOD: dict[str, Any] = {"client_id": "c", "client_secret": "hush", "issuer": "https://id.example"}
PLAIN = {
    "client_id": "c",
    "authorize_url": "https://id.example/a",
    "token_url": "https://id.example/t",
    "userinfo_url": "https://id.example/u",
}


def make(make_app: Make, oauth: dict[str, Any], **config: Any) -> Trivet:
    """Make an application, all set up."""
    settings = {
        "SECRET_KEY": "only here",
        "AUTH_STORE": "memory",
        "AUTH_URL": "https://app.example",
        "AUTH_OAUTH": oauth,
        **config,
    }
    app = make_app(plugins=["auth"], config=settings)
    LoginManager(app, users=MemoryUsers())
    app.seal()
    return app


def why_not(make_app: Make, oauth: dict[str, Any], **config: Any) -> str:
    """Return why an application cannot be set up."""
    with pytest.raises(AuthConfigError) as caught:
        make(make_app, oauth, **config)
    assert "hush" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"issuer": ""}, "lacks authorize_url and token_url and userinfo_url; or issuer"),
        ({"issuer": "", "token_url": "https://id.example/t"}, "lacks authorize_url and userinfo_url; or issuer"),
        ({"token_url": "https://id.example/t"}, "whose addresses are found by its metadata, and token_url"),
        ({"issuer": "http://id.example"}, "[auth.oauth.main] issuer is not an address that can be used"),
        ({"issuer": "https://id.example/?a=b"}, "issuer is not an address"),
        ({"issuer": "https://id.example/#a"}, "issuer is not an address"),
        ({"issuer": "https://user:hush@id.example"}, "issuer is not an address"),
        ({"issuer": "id.example"}, "issuer is not an address"),
        ({"issuer": "https://"}, "issuer is not an address"),
        ({"issuer": "https://id.example:x/"}, "issuer is not an address"),
        ({"issuer": "https://id .example/"}, "issuer is not an address"),
    ],
)
def test_options_that_cannot_be_right_are_refused(make_app: Make, change: dict[str, str], told: str) -> None:
    assert told in why_not(make_app, {"main": {**GOOD, **change}})


def test_a_plain_provider_needs_usable_addresses(make_app: Make) -> None:
    told = why_not(make_app, {"main": {**PLAIN, "token_url": "http://id.example/t"}})
    assert "[auth.oauth.main] token_url is not an address" in told


def test_a_name_has_no_capitals(make_app: Make) -> None:
    assert "Use up to 32 lower-case letters" in why_not(make_app, {"Main": GOOD})


@pytest.mark.parametrize("name", ["a b", "a/b", "", "-", "ü", "a.b", "..", "x" * 40])
def test_a_name_has_to_fit_into_addresses(make_app: Make, name: str) -> None:
    assert "a provider cannot have the name" in why_not(make_app, {name: GOOD})


def test_the_address_of_the_application_is_needed(make_app: Make) -> None:
    assert 'set [auth] url = "https://app.example.com"' in why_not(make_app, {"main": GOOD}, AUTH_URL="")


def test_a_key_is_needed(make_app: Make) -> None:
    assert "SECRET_KEY is not set" in why_not(make_app, {"main": GOOD}, SECRET_KEY=None)


def test_a_place_for_people_is_needed_where_accounts_are_made(make_app: Make) -> None:
    settings = {"SECRET_KEY": "k", "AUTH_STORE": "memory", "AUTH_URL": "https://app.example"}
    app = make_app(plugins=["auth"], config={**settings, "AUTH_OAUTH": {"main": GOOD}})
    with pytest.raises(AuthConfigError, match="is to find or make accounts, and nothing says where they are kept"):
        app.seal()
    app = make_app(plugins=["auth"], config={**settings, "AUTH_OAUTH": {"main": {**GOOD, "register": False}}})
    app.seal()


def test_options_that_are_right_lead_to_providers(make_app: Make) -> None:
    providers = OAuth.of(make(make_app, {"main": GOOD, "my_own-1": {**PLAIN, "label": "Mine"}})).providers
    assert {name: (one.label, one.redirect_uri) for name, one in providers.items()} == {
        "main": ("Main", "https://app.example/auth/oauth/main/callback"),
        "my_own-1": ("Mine", "https://app.example/auth/oauth/my_own-1/callback"),
    }


def test_the_prefix_and_the_path_of_the_address_count(make_app: Make) -> None:
    app = make(make_app, {"main": GOOD}, AUTH_URL="https://app.example/shop/", AUTH_PREFIX="/account")
    assert OAuth.of(app).providers["main"].redirect_uri == "https://app.example/shop/account/oauth/main/callback"
    assert app.test_client().get("/account/oauth/main").status_code == 200


def test_without_providers_there_is_nothing(make_app: Make) -> None:
    app = make(make_app, {})
    assert not [rule for rule in app.url_map.iter_rules() if "oauth" in rule.rule]
    with pytest.raises(AuthConfigError, match=r"Add \[auth.oauth.NAME\]"):
        OAuth.of(app)


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("https://id.example", True),
        ("https://id.example:8443/realms/a?b=c", True),
        ("http://127.0.0.1:5000", True),
        ("http://localhost:5000", True),
        ("http://[::1]:5000", True),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("https://id.example:0/", False),
        ("https://id.example:99999/", False),
        ("https://ïd.example/", False),
        ("//id.example", False),
        ("file:///etc/passwd", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_providers_are_asked_by_https_or_on_this_machine(url: str, usable: bool) -> None:
    assert is_usable(url) is usable


def test_a_secret_is_not_shown(make_app: Make) -> None:
    app = make(make_app, {"main": GOOD})
    provider = OAuth.of(app).providers["main"]
    assert "hush" not in f"{provider!r} {provider.options!r}"


WITHOUT = """
import sys
sys.modules[{library!r}] = None
from trivet import ConfigError
from trivet.testing import make_app
from trivet_auth import LoginManager, MemoryUsers
options = {{"main": {{"client_id": "c", "issuer": "https://id.example"}}}}
app = make_app(plugins=["auth"], config={{
    "SECRET_KEY": "k", "AUTH_STORE": "memory", "AUTH_URL": "https://app.example", "AUTH_OAUTH": {oauth}
}})
LoginManager(app, users=MemoryUsers())
try:
    app.seal()
except ConfigError as error:
    print(error)
else:
    print("sealed")
"""


@pytest.mark.parametrize("library", ["authlib", "httpx"])
def test_a_missing_library_is_told_with_the_command(library: str) -> None:
    told = run(WITHOUT.format(library=library, oauth="options"))
    assert f"[auth.oauth] needs the library {library}: pip install 'trivet-auth[oauth]'." in told


def test_without_providers_no_library_is_needed() -> None:
    assert run(WITHOUT.format(library="authlib", oauth="{}")) == "sealed\n"


def test_without_providers_nothing_of_it_is_imported() -> None:
    code = WITHOUT.format(library="nothing", oauth="{}") + "print(sorted({'authlib', 'httpx'} & set(sys.modules)))"
    assert run(code) == "sealed\n[]\n"


def run(code: str) -> str:
    """Run code in a process of its own, and return what it prints."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout

"""Personal access tokens in requests, wherever they are kept: a file, Redis, and databases with people in them."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from trivet import Trivet
from trivet_auth import LoginManager, MemoryUsers, accounts, current_user
from trivet_auth.state import Auth

from .database_app import SERVERS, empty_database, people_app
from .store_homes import REDIS, need_redis

Make = Callable[..., Trivet]
BASIC = {"SECRET_KEY": "only in these tests"}


def with_people_in_memory(make_app: Make, **config: Any) -> Trivet:
    """Make an application whose people are in memory, and records elsewhere."""
    app = make_app(plugins=["auth"], config={**BASIC, **config})
    LoginManager(app, users=MemoryUsers())
    return app


@pytest.fixture(params=["file", "redis", *SERVERS])
def app(request: pytest.FixtureRequest, make_app: Make, tmp_path: Path) -> Iterator[Trivet]:
    """An application whose records are in each kind of place in turn."""
    if request.param == "file":
        made = with_people_in_memory(make_app, AUTH_STORE="file")
        made.instance_path = str(tmp_path)
        yield made
    elif request.param == "redis":
        need_redis()
        prefix = f"trivet-test-{secrets.token_hex(8)}:"
        yield with_people_in_memory(make_app, AUTH_STORE="redis", AUTH_REDIS=REDIS, AUTH_REDIS_PREFIX=prefix)
        with redis.Redis.from_url(REDIS) as client:
            client.delete(*client.scan_iter(f"{prefix}*"), "none")
    else:
        with empty_database(request.param) as url:
            yield people_app(make_app, url)


def test_a_token_is_good_until_it_is_revoked(app: Trivet, make_client: Callable[..., Any]) -> None:
    def who() -> str:
        return getattr(current_user, "email", "nobody")

    async def async_who() -> str:
        return who()

    app.add_url_rule("/who", "who", who)
    app.add_url_rule("/async/who", "async_who", async_who)
    app.seal()
    auth = Auth.of(app)
    with app.app_context():
        owner = f"default:{accounts.create(auth, 'default', 'ada').id}"
    text, info = auth.tokens.create(owner, "laptop", ["tasks:read"], 60)
    client, headers = make_client(app), {"Authorization": f"Bearer {text}"}
    for path in ("/who", "/async/who"):
        assert client.get(path, headers=headers).text == "ada"
    [used] = auth.tokens.list(owner)
    assert used.used is not None
    auth.tokens.revoke(owner, info.id)
    for path in ("/who", "/async/who"):
        assert client.get(path, headers=headers).status_code == 401

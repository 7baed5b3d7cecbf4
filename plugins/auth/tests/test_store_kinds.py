"""What is particular to a kind of store: the memory's limit, the file's mode, Redis's expiry, isolation levels."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from trivet_auth.records import Record, StoreError, update
from trivet_auth.stores.database import SWEEP_EVERY, DatabaseStore, metadata
from trivet_auth.stores.file import FileStore
from trivet_auth.stores.memory import MemoryStore
from trivet_auth.stores.redis import RedisStore

from .database_app import empty_database
from .store_homes import NOW, OWNER, REDIS, Clock, add_one, at_once, in_redis


@pytest.fixture
def clock() -> Clock:
    return Clock()


# -- memory


def test_in_a_full_memory_those_that_expire_first_make_room(clock: Clock) -> None:
    store = MemoryStore(clock, limit=3)
    for key, expires in (("a", NOW + 30), ("b", NOW + 10), ("c", None), ("d", NOW + 20), ("e", NOW + 40)):
        assert store.put("test", key, Record({}, OWNER, expires))
    assert [key for key, _ in store.owned("test", OWNER)] == ["a", "c", "e"]


def test_a_memory_that_is_full_of_one_kind_has_room_for_another(clock: Clock) -> None:
    store = MemoryStore(clock, limit=1)
    for kind in ("one", "other"):
        store.put(kind, "a", Record({}, "", NOW + 10))
    assert store.get("one", "a") is not None


def test_records_that_never_expire_are_not_thrown_away(clock: Clock) -> None:
    store = MemoryStore(clock, limit=1)
    store.put("test", "a", Record())
    with pytest.raises(StoreError, match="no room for more than 1 records of the kind 'test'"):
        store.put("test", "b", Record())
    assert store.put("test", "a", Record())


def test_what_has_expired_in_memory_is_forgotten_without_being_asked_for(clock: Clock) -> None:
    store = MemoryStore(clock)
    for index in range(50):
        store.put("test", str(index), Record({}, OWNER, NOW + index))
    clock.now = NOW + 50
    store.put("test", "new", Record({}, OWNER))
    assert (list(store._shelves["test"].records), store._shelves["test"].ends) == (["new"], [])


def test_a_record_that_is_written_often_takes_no_more_memory(clock: Clock) -> None:
    store = MemoryStore(clock)
    for index in range(1000):
        store.put("test", "a", Record({}, OWNER, NOW + 10 + index))
    assert len(store._shelves["test"].ends) < 100


def test_a_memory_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 record"):
        MemoryStore(limit=0)


# -- file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "instance" / "auth.db"


def modes(path: Path) -> dict[str, str]:
    return {one.name: oct(one.stat().st_mode & 0o777) for one in path.parent.iterdir()}


def test_the_file_is_made_with_its_folder_when_it_is_needed(path: Path) -> None:
    store = FileStore(path)
    assert not path.parent.exists()
    assert store.get("test", "a") is None
    assert path.exists()


def test_only_the_owner_can_read_the_file_and_those_beside_it(path: Path) -> None:
    store = FileStore(path)
    store.put("test", "a", Record())
    assert modes(path) == {"auth.db": "0o600", "auth.db-wal": "0o600", "auth.db-shm": "0o600"}


def test_a_file_that_others_can_read_is_closed_to_them(path: Path) -> None:
    FileStore(path).put("test", "a", Record({"n": 1}))
    path.chmod(0o644)
    store = FileStore(path)
    assert store.get("test", "a") == Record({"n": 1}, "", None, 1)
    assert set(modes(path).values()) == {"0o600"}


def test_a_closed_store_leaves_one_file_and_can_be_used_on(path: Path) -> None:
    store = FileStore(path)
    store.put("test", "a", Record({"n": 1}))
    store.close()
    store.close()
    assert list(modes(path)) == ["auth.db"]
    assert store.get("test", "a") == Record({"n": 1}, "", None, 1)


def test_a_store_that_is_dropped_leaves_nothing_open(path: Path) -> None:
    store = FileStore(path)
    store.put("test", "a", Record())
    del store
    assert list(modes(path)) == ["auth.db"]


def test_a_store_notices_that_its_file_was_deleted(path: Path) -> None:
    store = FileStore(path)
    store.put("test", "a", Record())
    for one in path.parent.iterdir():
        one.unlink()
    assert store.get("test", "a") is None
    assert store.put("test", "a", Record(), expect=0)
    assert FileStore(path).get("test", "a") is not None


def test_what_has_expired_leaves_the_file_by_and_by(path: Path, clock: Clock) -> None:
    store = FileStore(path, clock)
    store.put("test", "a", Record({}, "", NOW + 1))
    clock.now += SWEEP_EVERY
    store.put("test", "b", Record())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT key FROM record").fetchall() == [("b",)]


_FORKING = """
import os, sys, threading
from trivet_auth.records import Record
from trivet_auth.stores.file import FileStore

store, other = FileStore(sys.argv[1]), FileStore(sys.argv[1])
store.put("test", "before", Record())
store.get("test", "before")
children = []
for index in range(3):
    child = os.fork()
    if child == 0:
        done = [store.put("test", f"{index}-{number}", Record(), expect=0) for number in range(20)]
        store.close()
        os._exit(0 if all(done) and other.get("test", "before") else 1)
    children.append(child)
    store.put("test", f"parent-{index}", Record())
    if index == 1:
        store.close()  # the last of the parent's: the log must stay as long as a child uses it
for child in children:
    assert os.waitpid(child, 0)[1] == 0
missing = [f"{index}-{number}" for index in range(3) for number in range(20)]
missing = [key for key in [*missing, "before", "parent-0", "parent-2"] if store.get("test", key) is None]
assert not missing, missing
"""


def test_a_store_goes_on_in_both_processes_after_a_fork(path: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", _FORKING, str(path)], check=True, timeout=50)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


_FORKING_AMONG_THREADS = """
import os, sys, threading
from trivet_auth.records import Record
from trivet_auth.stores.file import FileStore

store, stop = FileStore(sys.argv[1]), threading.Event()

def work(name):
    while not stop.is_set():
        store.put("test", name, Record())
        store.get("test", name)

threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
for thread in threads:
    thread.start()
for _ in range(10):
    child = os.fork()
    if child == 0:
        os._exit(0 if store.put("test", "child", Record()) else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
assert store.get("test", "child").version == 10
"""


@pytest.mark.timeout(60)
def test_a_fork_while_other_threads_use_the_store_leaves_no_lock_behind(path: Path) -> None:
    subprocess.run([sys.executable, "-c", _FORKING_AMONG_THREADS, str(path)], check=True, timeout=50)


def test_a_file_that_is_no_store_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("not a database, and longer than the beginning of one" * 10)
    store = FileStore(path)
    with pytest.raises(StoreError, match=r"auth\.db, cannot be used: file is not a database"):
        store.get("test", "a")
    with pytest.raises(StoreError):
        store.put("test", "a", Record())
    assert path.read_text().startswith("not a database")


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    FileStore(path).put("test", "a", Record())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="a newer version of trivet-auth has written it"):
        FileStore(path).get("test", "a")


def test_a_folder_that_cannot_be_made_is_an_error(path: Path) -> None:
    path.parent.write_text("a file")
    with pytest.raises(StoreError, match=r"auth\.db, cannot be used: Not a directory"):
        FileStore(path).put("test", "a", Record())


# -- Redis


@pytest.fixture
def prefix(tmp_path: Path) -> Iterator[str]:
    """The beginning of names that are nobody else's."""
    with in_redis(tmp_path) as home:
        yield home.code.split("'")[-2]


@pytest.fixture
def server() -> Iterator[Any]:
    with redis.Redis.from_url(REDIS) as client:
        yield client


def test_redis_forgets_records_and_indexes_by_itself(prefix: str, server: Any) -> None:
    store = RedisStore(REDIS, prefix, Clock())
    store.put("test", "a", Record({}, OWNER, NOW + 10))
    store.put("test", "b", Record({}, OWNER, NOW + 20.0004))
    ends = sorted(server.pexpiretime(name) for name in server.scan_iter(f"{prefix}*"))
    assert ends == [int(NOW * 1000) + 10_000, int(NOW * 1000) + 20_001, int(NOW * 1000) + 20_001]


def test_an_index_lasts_as_long_as_the_last_of_its_records(prefix: str, server: Any) -> None:
    store = RedisStore(REDIS, prefix, Clock())
    index = [f"{prefix}owner:*"]
    store.put("test", "a", Record({}, OWNER, NOW + 10))
    store.put("test", "b", Record({}, OWNER))
    assert [server.pttl(name) for name in server.scan_iter(*index)] == [-1]
    store.delete("test", "b")
    assert [server.pexpiretime(name) for name in server.scan_iter(*index)] == [int(NOW * 1000) + 10_000]
    store.delete("test", "a")
    assert list(server.scan_iter(f"{prefix}*")) == []


def test_what_redis_has_thrown_away_is_not_an_owner_s_any_more(prefix: str, server: Any) -> None:
    store = RedisStore(REDIS, prefix, Clock())
    store.put("test", "a", Record({}, OWNER))
    server.delete(f"{prefix}record:test:a")
    assert store.owned("test", OWNER) == []
    assert store.delete_owned("test", OWNER) == 0
    assert list(server.scan_iter(f"{prefix}*")) == []


def test_stores_with_different_prefixes_have_nothing_in_common(prefix: str) -> None:
    one, other = RedisStore(REDIS, f"{prefix}one:"), RedisStore(REDIS, f"{prefix}other:")
    one.put("test", "a", Record({}, OWNER))
    assert other.get("test", "a") is None
    assert other.delete_owned("test", OWNER) == 0


def test_scripts_that_redis_does_not_know_any_more_are_sent_again(prefix: str) -> None:
    store = RedisStore(REDIS, prefix)
    store.put("test", "a", Record())
    store._put.sha = "0" * 40
    assert store.put("test", "a", Record(), expect=1)


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1", "http://127.0.0.1", "redis://u:Hush/x@host", "redis://u:1#Hush@host", "redis://host?hush=1"],
)
def test_what_is_no_url_of_a_redis_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="The URL of the Redis") as caught:
        RedisStore(url)
    assert "hush" not in str(caught.value).lower()


def test_a_redis_that_cannot_be_reached_is_an_error_without_its_password() -> None:
    store = RedisStore("redis://user:Hush@127.0.0.1:1/3?client_name=Hush")
    with pytest.raises(StoreError, match=r"Redis redis://127\.0\.0\.1:1/3 cannot be used") as caught:
        store.get("test", "a")
    with pytest.raises(StoreError):
        store.put("test", "a", Record())
    assert "Hush" not in f"{caught.value} {store!r}"


# -- databases

AWAY = {
    "postgresql": "postgresql+psycopg://user:Hush@127.0.0.1:1/test",
    "mariadb": "mysql+pymysql://user:Hush@127.0.0.1:1/test?charset=utf8mb4",
    "sqlite": "sqlite:////dev/null/Hush.db",
}


@pytest.mark.parametrize("kind", AWAY)
def test_a_database_that_cannot_be_reached_is_an_error_without_its_password(kind: str) -> None:
    engine = sa.create_engine(AWAY[kind])
    store = DatabaseStore(lambda: engine)
    with pytest.raises(StoreError, match=r"The store in the database .* cannot be used") as caught:
        store.get("test", "a")
    with pytest.raises(StoreError):
        store.put("test", "a", Record())
    assert kind == "sqlite" or "Hush" not in str(caught.value)


@pytest.mark.parametrize("kind", AWAY)
def test_a_table_that_is_missing_is_an_error_that_says_how_to_make_it(kind: str) -> None:
    with empty_database(kind) as url:
        engine = sa.create_engine(url)
        with pytest.raises(StoreError, match=r"auth_record.*trivet db upgrade"):
            DatabaseStore(lambda: engine).put("test", "a", Record({"it": "hidden"}), expect=0)
        engine.dispose()


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT"])
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_no_change_is_lost_at_any_isolation_level(kind: str, level: Any) -> None:
    with empty_database(kind) as url:
        engine = sa.create_engine(url, isolation_level=level, pool_size=10)
        metadata.create_all(engine)
        store = DatabaseStore(lambda: engine)
        at_once([lambda: [update(store, "test", "a", add_one) for _ in range(10)]] * 4)
        assert store.get("test", "a") == Record({"n": 40}, OWNER, None, 40)
        engine.dispose()


def test_what_has_expired_leaves_the_table_by_and_by(clock: Clock) -> None:
    with empty_database("sqlite") as url:
        engine = sa.create_engine(url)
        metadata.create_all(engine)
        store = DatabaseStore(lambda: engine, clock)
        store.put("test", "a", Record({}, "", NOW + 1))
        clock.now += SWEEP_EVERY
        store.put("test", "b", Record())
        with engine.connect() as connection:
            assert list(connection.scalars(sa.select(metadata.tables["auth_record"].c.key))) == ["b"]
        engine.dispose()


def test_the_application_s_own_transaction_in_a_database_in_memory_goes_on() -> None:
    engine = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    store = DatabaseStore(lambda: engine)
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TABLE thing (n INTEGER)"))
        connection.commit()
        connection.execute(sa.text("INSERT INTO thing VALUES (1)"))
        assert store.put("test", "a", Record({"n": 1}, OWNER))
        assert store.delete_owned("test", OWNER) == 1
        connection.rollback()
        connection.execute(sa.text("INSERT INTO thing VALUES (2)"))
        assert store.get("test", "a") is None
        connection.commit()
        assert list(connection.scalars(sa.text("SELECT n FROM thing"))) == [2]
    engine.dispose()


def test_the_engine_is_asked_for_each_time() -> None:
    with empty_database("sqlite") as one, empty_database("sqlite") as other:
        engines = [sa.create_engine(url) for url in (one, other)]
        for engine in engines:
            metadata.create_all(engine)
        store = DatabaseStore(lambda: engines[0])
        store.put("test", "a", Record(json.loads('{"n": 1}')))
        engines.reverse()
        assert store.get("test", "a") is None
        for engine in engines:
            engine.dispose()

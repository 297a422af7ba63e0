"""The ear of a worker."""

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import StoreError
from backend.store import keys
from backend.store.connection import connect
from backend.store.database import Database, RedisDatabase
from backend.store.listener import Listener
from tests.fakes.redis_server import RedisServer


class Heard:
    """What the listener called, in order."""

    def __init__(self, database: Database, resync_every_s: float = 60) -> None:
        self.calls: queue.Queue[str] = queue.Queue()
        self.is_failing = False
        self.listener = Listener(
            database, "w1", self._on_wake, lambda: self.calls.put("resync"), resync_every_s=resync_every_s
        )

    def _on_wake(self, call_control_id: str) -> None:
        self.calls.put(call_control_id)
        if self.is_failing:
            raise RuntimeError("a bug of one call")

    def next(self) -> str:
        return self.calls.get(timeout=15)


@pytest.fixture
def heard(database: Database) -> Iterator[Heard]:
    heard = Heard(database)
    heard.listener.start()
    yield heard
    heard.listener.stop()


def test_a_wake_arrives_after_a_resync(database: Database, heard: Heard) -> None:
    """First everything is looked at, then each call that has news."""
    assert heard.next() == "resync"
    database.publish(keys.wake_channel("w1"), "v3:a")
    database.publish(keys.wake_channel("w2"), "v3:not-ours")
    database.publish(keys.wake_channel("w1"), "v3:b")

    assert [heard.next(), heard.next()] == ["v3:a", "v3:b"]


def test_a_bug_in_one_call_leaves_the_ear_open(
    database: Database, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    """One bug costs one call."""
    heard.next()
    heard.is_failing = True
    database.publish(keys.wake_channel("w1"), "v3:a")
    database.publish(keys.wake_channel("w1"), "v3:b")

    assert [heard.next(), heard.next()] == ["v3:a", "v3:b"]
    assert "a callback failed" in caplog.text


def test_it_looks_at_everything_from_time_to_time(database: Database) -> None:
    """Pub/sub loses messages."""
    heard = Heard(database, resync_every_s=0.05)
    heard.listener.start()
    assert [heard.next() for _ in range(4)] == ["resync"] * 4
    heard.listener.stop()


def test_it_hears_again_after_a_restart_of_redis(tmp_path: Path) -> None:
    """Within about a second, and with a resync for what was missed."""
    with RedisServer(tmp_path) as server:
        database = RedisDatabase(connect(server.url))
        heard = Heard(database)
        heard.listener.start()
        assert heard.next() == "resync"
        server.stop()
        server.start()
        assert heard.next() == "resync"
        until = time.monotonic() + 10
        while True:
            try:
                database.publish(keys.wake_channel("w1"), "v3:a")
                break
            except StoreError:
                assert time.monotonic() < until
                time.sleep(0.05)

        assert heard.next() == "v3:a"
        heard.listener.stop()
        database.redis.connection_pool.disconnect()


def test_it_stops_when_asked_even_without_redis() -> None:
    """A drain does not wait for a server that is away."""
    heard = Heard(RedisDatabase(connect("redis://127.0.0.1:1/0")))
    heard.listener.start()
    started_at = time.monotonic()

    heard.listener.stop()

    assert time.monotonic() - started_at < 3
    assert heard.calls.empty()

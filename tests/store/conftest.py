"""Every store test runs over a real Redis and over its in-memory twin."""

import itertools
from collections.abc import Iterator

import pytest
import redis

from backend.store.connection import StoreRedis, connect
from backend.store.database import Database, RedisDatabase
from backend.store.memory import MemoryDatabase
from backend.store.stores import Stores, stores_over
from tests.fakes.redis_server import RedisServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_client(redis_server: RedisServer) -> Iterator[StoreRedis]:
    """The product's client, on an empty server. Two cores run many tests at once: a wider timeout."""
    with redis.Redis(port=redis_server.port) as plain:
        plain.flushdb()
    client = connect(redis_server.url, timeout_s=5)
    yield client
    client.connection_pool.disconnect()


@pytest.fixture(params=["redis", "memory"])
def database(request: pytest.FixtureRequest) -> Database:
    if request.param == "memory":
        return MemoryDatabase()
    return RedisDatabase(request.getfixturevalue("redis_client"))


@pytest.fixture
def stores(database: Database) -> Stores:
    return stores_over(database)


@pytest.fixture
def call() -> str:
    return f"v3:test-call-{next(_numbers)}"


def keys_left(database: Database) -> dict[str, float]:
    """Key → seconds it still lives (-1: for ever), of everything the database holds."""
    if isinstance(database, MemoryDatabase):
        return database.ttls()
    assert isinstance(database, RedisDatabase)
    client = database.redis
    return {bytes(key).decode(): client.pttl(key) / 1000 for key in client.keys("*")}  # type: ignore[arg-type]

"""How a TTS worker is found: settings, what it says of itself, and the life of its entry in Redis."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.engines.voice_routing import Voice, VoiceWorker
from backend.errors import StoreError
from backend.settings import Settings
from backend.store.connection import connect
from backend.store.database import RedisDatabase
from backend.store.memory import MemoryDatabase
from backend.store.voice_workers import VoiceWorkers
from backend.workers.tts.adapter import VoiceInfo
from backend.workers.tts.engines import Engines
from backend.workers.tts.heartbeat import Heartbeat, HeartbeatSettings, heartbeat_settings
from backend.workers.tts.service import VoiceService
from tests.fakes.redis_server import RedisServer
from tests.workers.tts.fake_engine import FakeEngine
from tests.workers.tts.processes import run_client, voice_server

NAMED = HeartbeatSettings(name="gpu-1")


class Versioned(FakeEngine):
    """An engine that says which weights it holds and takes a voice from a recording."""

    version = "2026-10"
    zero_shot = True


class Registry(VoiceWorkers):
    """Over memory; can be away, or slow."""

    def __init__(self) -> None:
        super().__init__(MemoryDatabase())
        self.is_away = False
        self.takes_s = 0.0
        self.told: list[VoiceWorker] = []
        self.threads: set[str] = set()

    def heartbeat(self, worker: VoiceWorker) -> None:
        time.sleep(self.takes_s)
        self.threads.add(threading.current_thread().name)
        if self.is_away:
            raise StoreError("Redis: away")
        self.told.append(worker)
        super().heartbeat(worker)


def within(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.01)


async def soon(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.002)


def made(registry: Registry, engine: FakeEngine, **options: Any) -> tuple[Heartbeat, Engines, VoiceService]:
    engines = Engines({"fake": engine})
    service = VoiceService(engines, 4)
    options = {"workers": registry, "beat_every_s": 0.01, **options}
    return Heartbeat(NAMED, service, engines, "127.0.0.1", 50051, **options), engines, service


def test_every_setting_is_read() -> None:
    """They are the installation's."""
    settings = Settings(redis_url="redis://r:6379/0", tts_advertise="gpu-1.example:50051", tts_name="gpu-1")

    assert heartbeat_settings(settings) == HeartbeatSettings("redis://r:6379/0", "gpu-1.example:50051", "gpu-1")


def test_a_worker_whose_address_is_fixed_registers_nowhere() -> None:
    """Nobody would look it up; a rehearsal's Redis holds nothing but calls."""
    assert heartbeat_settings(Settings(tts_address="127.0.0.1:50051")).redis_url == ""


def test_it_describes_what_the_service_and_the_engines_say() -> None:
    """Also the voices of a model that was unloaded: it can be loaded again."""

    async def work() -> None:
        voices = (VoiceInfo("anna", "de"), VoiceInfo("bert", "en"))
        heartbeat, engines, _ = made(Registry(), Versioned(voices=voices))
        empty = await heartbeat.describe()
        await engines.load("fake")
        full = await heartbeat.describe()
        await engines.unload("fake")
        unloaded = await heartbeat.describe()

        assert (empty.name, empty.address, empty.voices, empty.zero_shot) == ("gpu-1", "127.0.0.1:50051", (), False)
        assert full.voices == (Voice("anna", "de", "fake@2026-10"), Voice("bert", "en", "fake@2026-10"))
        assert (full.resident_models, full.zero_shot, full.streaming) == (("fake@2026-10",), True, True)
        assert (full.max_concurrent_sessions, full.queue_depth) == (4, 0)
        assert unloaded.voices == full.voices and unloaded.resident_models == ()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("host", "settings", "address"),
    [("10.0.0.7", NAMED, "10.0.0.7:7000"), ("0.0.0.0", HeartbeatSettings(advertise="gpu:1"), "gpu:1")],
)
def test_clients_are_told_an_address_that_reaches_it(host: str, settings: HeartbeatSettings, address: str) -> None:
    """Nobody can connect to 0.0.0.0."""

    async def work() -> None:
        engines = Engines({})
        heartbeat = Heartbeat(settings, VoiceService(engines, 1), engines, host, 7000)
        assert (await heartbeat.describe()).address == address
        everywhere = Heartbeat(NAMED, VoiceService(engines, 1), engines, "0.0.0.0", 7000)
        assert not (await everywhere.describe()).address.startswith("0.0.0.0")

    asyncio.run(work())


def test_it_registers_beats_drains_and_leaves() -> None:
    """Nothing is told after the goodbye."""

    async def work() -> None:
        registry = Registry()
        heartbeat, _, _ = made(registry, FakeEngine())
        heartbeat.start()
        await soon(lambda: len(registry.told) >= 3)
        assert [worker.is_draining for worker in registry.list()] == [False]
        await heartbeat.drain()
        assert [worker.is_draining for worker in registry.list()] == [True]
        await heartbeat.leave()
        told = len(registry.told)
        await asyncio.sleep(0.05)
        assert registry.list() == [] and len(registry.told) == told

    asyncio.run(work())


def test_a_word_that_is_under_way_does_not_arrive_after_the_goodbye() -> None:
    """Redis is slow just then."""

    async def work() -> None:
        registry = Registry()
        registry.takes_s = 0.1
        heartbeat, _, _ = made(registry, FakeEngine())
        heartbeat.start()
        await asyncio.sleep(0.02)
        await heartbeat.leave()
        await asyncio.sleep(0.15)
        assert registry.list() == []

    asyncio.run(work())


def test_a_slow_redis_does_not_hold_up_the_event_loop() -> None:
    """Syntheses run on it."""

    async def work() -> None:
        registry = Registry()
        registry.takes_s = 0.3
        heartbeat, _, _ = made(registry, FakeEngine())
        heartbeat.start()
        longest, until = 0.0, time.monotonic() + 0.4
        while time.monotonic() < until:
            began = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - began)
        await heartbeat.leave()
        assert longest < 0.2
        assert threading.main_thread().name not in registry.threads

    asyncio.run(work())


def test_redis_away_is_told_again_soon() -> None:
    """And hurts nothing meanwhile."""

    async def work() -> None:
        registry = Registry()
        registry.is_away = True
        heartbeat, _, _ = made(registry, FakeEngine())
        heartbeat.start()
        await asyncio.sleep(0.05)
        assert registry.told == []
        registry.is_away = False
        await soon(lambda: registry.told)
        registry.is_away = True
        await heartbeat.drain()
        await heartbeat.leave()

    asyncio.run(work())


def test_without_a_redis_nothing_happens() -> None:
    """Clients know the address."""

    async def work() -> None:
        heartbeat = Heartbeat(HeartbeatSettings(), VoiceService(Engines({}), 1), Engines({}), "127.0.0.1", 1)
        heartbeat.start()
        await heartbeat.drain()
        await heartbeat.leave()

    asyncio.run(work())


# --- the real server ---------------------------------------------------------------------------------------------------


@pytest.fixture
def redis(tmp_path: Path) -> Any:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.mark.live
def test_the_real_worker_is_listed_until_it_is_stopped(redis: RedisServer) -> None:
    """With its voices; SIGTERM takes it off the list, not the TTL."""
    client = connect(redis.url, timeout_s=2)
    workers = VoiceWorkers(RedisDatabase(client))
    with voice_server(REDIS_URL=redis.url, TTS_NAME="gpu-1", TTS_MAX_SESSIONS="7") as server:
        within(lambda: workers.list())
        (found,) = workers.list()
        assert 0 < client.ttl("worker:{gpu-1}") <= 30
        server.signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        assert workers.list() == []
    client.connection_pool.disconnect()

    assert (found.address, found.max_concurrent_sessions, found.is_draining) == (server.address, 7, False)
    assert "en-us" in [voice.name for voice in found.voices or ()]


@pytest.mark.live
def test_a_worker_that_drains_says_so_while_it_finishes_a_sentence(redis: RedisServer) -> None:
    """Routers look elsewhere before they are refused."""
    script = """
import os, signal
from backend.store.connection import connect
from backend.store.database import RedisDatabase
from backend.store.voice_workers import VoiceWorkers
workers = VoiceWorkers(RedisDatabase(connect(arguments[2], timeout_s=2)))
frames = tts(arguments[0]).synthesize(ask("This sentence is one of many. " * 60))
next(frames)
with gevent.Timeout(20):
    while not workers.list():
        gevent.sleep(0.01)
    os.kill(int(arguments[1]), signal.SIGTERM)
    while not workers.list()[0].is_draining:
        gevent.sleep(0.01)
result["ends_final"] = list(frames)[-1].is_final
"""
    with voice_server(REDIS_URL=redis.url) as server:
        result = run_client(script, server.address, str(server.process.pid), redis.url)

        assert result["ends_final"]
        assert server.process.wait(10) == 0


@pytest.mark.live
def test_the_real_worker_speaks_while_redis_is_away_and_is_found_when_it_is_back(tmp_path: Path) -> None:
    """G4, the other way round: Redis started last."""
    redis = RedisServer(tmp_path)
    with voice_server(REDIS_URL=redis.url, TTS_NAME="gpu-1") as server:
        result = run_client("result['n'] = len(list(tts(arguments[0]).synthesize(ask())))", server.address)
        redis.start()
        client = connect(redis.url, timeout_s=2)
        within(lambda: VoiceWorkers(RedisDatabase(client)).list())
        client.connection_pool.disconnect()
        redis.stop()
        server.signal(signal.SIGTERM)
        assert server.process.wait(10) == 0

    assert result["n"] > 0


@pytest.mark.live
def test_a_wrong_setting_stops_the_start() -> None:
    """One line with the reason, like every other setting."""
    with pytest.raises(AssertionError, match="TTS_NAME"), voice_server(TTS_NAME="a b"):
        pass

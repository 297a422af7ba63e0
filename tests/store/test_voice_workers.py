"""The registry of TTS workers, over Redis and its twin."""

import pytest

from backend.engines.voice_routing import Voice, VoiceWorker
from backend.store import keys
from backend.store.database import Database
from backend.store.memory import MemoryDatabase
from backend.store.stores import Stores
from backend.store.voice_workers import VoiceWorkers
from tests.fakes.fake_clock import FakeClock
from tests.store.conftest import keys_left

WORKER = VoiceWorker(
    "gpu-1", "10.0.0.7:50051", 200, True, True, (Voice("anna", "de", "pocket@1"),), ("pocket@1",), 0.04, 12, 80.5,
    told_at=5.0,
)  # fmt: skip


def test_a_registered_worker_is_listed_as_it_described_itself(stores: Stores) -> None:
    """Address, capabilities, voices, models, metrics."""
    stores.voice_workers.register(WORKER)

    assert stores.voice_workers.list() == [WORKER]


def test_workers_are_listed_by_name(stores: Stores) -> None:
    """Always in the same order, whoever was heard of last."""
    for name in ("b", "c", "a"):
        stores.voice_workers.register(VoiceWorker(name, f"{name}:1"))

    assert [worker.name for worker in stores.voice_workers.list()] == ["a", "b", "c"]


def test_the_newest_word_of_a_worker_counts(stores: Stores) -> None:
    """A heartbeat changes load and draining."""
    stores.voice_workers.register(VoiceWorker("a", "a:1", queue_depth=1))
    stores.voice_workers.heartbeat(VoiceWorker("a", "a:1", queue_depth=7, is_draining=True))

    (found,) = stores.voice_workers.list()
    assert (found.queue_depth, found.is_draining) == (7, True)


def test_it_lives_thirty_seconds_under_its_own_key(stores: Stores) -> None:
    """D5: `worker:{name}`, the braces meant literally."""
    stores.voice_workers.register(WORKER)

    left = keys_left(stores.database)
    assert set(left) == {"worker:{gpu-1}", keys.voice_worker_names()}
    assert all(29 < ttl_s <= 30 for ttl_s in left.values())


def test_a_worker_that_is_silent_is_forgotten() -> None:
    """Also while others go on: the list of names keeps none of the dead."""
    clock = FakeClock()
    database = MemoryDatabase(clock)
    workers = VoiceWorkers(database)
    workers.register(VoiceWorker("dead", "d:1"))
    clock.advance(20)
    workers.register(VoiceWorker("alive", "a:1"))
    clock.advance(11)

    assert [worker.name for worker in workers.list()] == ["alive"]
    assert list(database.peek(keys.voice_worker_names())) == [b"alive"]


def test_a_worker_that_leaves_is_gone_at_once_and_leaves_nothing(stores: Stores) -> None:
    """Twice is once."""
    stores.voice_workers.register(WORKER)
    stores.voice_workers.deregister("gpu-1")
    stores.voice_workers.deregister("gpu-1")

    assert stores.voice_workers.list() == []
    assert keys_left(stores.database) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"address": "a:1"}', '{"capabilities": 3, "metrics": {}}'])
def test_what_cannot_be_read_is_left_out(database: Database, text: str) -> None:
    """Another version's worker must not hide ours."""
    workers = VoiceWorkers(database)
    workers.register(WORKER)
    workers.register(VoiceWorker("other", "o:1"))
    database.set(keys.voice_worker("other"), text, 30)

    assert workers.list() == [WORKER]


def test_a_name_whose_worker_has_expired_is_left_out(database: Database) -> None:
    """The two keys expire each by itself."""
    workers = VoiceWorkers(database)
    workers.register(WORKER)
    workers.register(VoiceWorker("other", "o:1"))
    database.delete(keys.voice_worker("other"))

    assert workers.list() == [WORKER]

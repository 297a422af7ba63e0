"""A check-in that was made before: from the command to its first frame. `python -m tests.bench.bench_speech_cache [n]` (500)

The real speaker and delivery over a real Redis; the voice is a fake that would hang, so that whatever is heard came from
the cache. Twice: one call alone, and with fifty more that speak cached check-ins at the same time. Target p95 ≤ 10 ms.
"""

from gevent import monkey

monkey.patch_all()

import contextlib  # noqa: E402 - nothing may be imported before the patching
import itertools  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402
import structlog  # noqa: E402
from gevent.event import Event as Signal  # noqa: E402

from backend.call.agent_config import AgentConfig  # noqa: E402
from backend.call.commands import Speak  # noqa: E402
from backend.call.events import Event  # noqa: E402
from backend.clock import SystemClock  # noqa: E402
from backend.records.database import Database  # noqa: E402
from backend.records.migrate import migrate  # noqa: E402
from backend.session.ready_speech import ReadySpeech  # noqa: E402
from backend.session.speaker import Speaker  # noqa: E402
from backend.session.stream_delivery import StreamDelivery  # noqa: E402
from backend.store.connection import connect  # noqa: E402
from backend.store.database import RedisDatabase  # noqa: E402
from backend.store.speech_cache import Utterance  # noqa: E402
from backend.store.stores import stores_over  # noqa: E402
from tests.fakes.fake_stream import FakeStream  # noqa: E402
from tests.fakes.fake_tts import Voice  # noqa: E402
from tests.fakes.redis_server import RedisServer  # noqa: E402
from tests.session.rig import Rig  # noqa: E402

TARGET_P95_MS = 10.0
TEXT = "Are you still there?"
LENGTH_S = 1.3

_numbers = itertools.count(1)


class Heard(FakeStream):
    """Says when its first audio of a piece has come."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.first = Signal()

    def send_audio(self, encoded: bytes) -> None:
        self.first.set()


class Call:
    """One call's speaker."""

    def __init__(self, rig: Rig, agent: AgentConfig) -> None:
        self.events: list[Event] = []
        self.stream = Heard()
        delivery = StreamDelivery(self.stream, SystemClock(), self.note)
        self.speaker = Speaker(rig.services, agent, f"v3:cached-{next(_numbers)}", delivery, self.note)

    def note(self, event: Event) -> None:
        self.events.append(event)

    def check_in(self) -> float:
        """Milliseconds to the first frame of a check-in; a pause as of one that has been heard before."""
        number = next(_numbers)
        self.stream.first.clear()
        began = time.perf_counter()
        self.speaker.say(Speak(f"1-{number}", 1, number, TEXT, "check_in"))
        assert self.stream.first.wait(10)
        return 1000 * (time.perf_counter() - began)


@contextlib.contextmanager
def stage() -> Iterator[tuple[Rig, AgentConfig]]:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as redis:
        url = f"sqlite:///{folder}/records.sqlite3"
        migrate(url)
        records = Database(url)
        rig = Rig(records, real_time=SystemClock())
        client = connect(redis.url)
        stores = stores_over(RedisDatabase(client))
        ready = ReadySpeech(stores.speech_cache, rig.tts, lambda voice, language: "model@1", warm_after_s=3600)
        rig.services = replace(rig.services, stores=stores, ready_speech=ready)
        rig.tts.default = Voice(hangs_after=0)
        stores.speech_cache.put(Utterance("en-us", "model@1", "en", 8000, TEXT), b"\x10\x20" * int(8000 * LENGTH_S))
        yield rig, AgentConfig(name="Ada")
        client.connection_pool.disconnect()
        records.close()


def percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def report(title: str, values: Sequence[float]) -> float:
    p95 = percentile(values, 0.95)
    print(
        f"{title:<32} p50 {percentile(values, 0.5):5.2f} ms   p95 {p95:5.2f} ms   "
        f"p99 {percentile(values, 0.99):5.2f} ms   n {len(values)}"
    )
    return p95


def measure(rig: Rig, agent: AgentConfig, count: int, others: int) -> list[float]:
    """One call after the other, each says one check-in; `others` do the same every second or so."""
    calls = [Call(rig, agent) for _ in range(others)]

    def talk(call: Call, delay_s: float) -> None:
        gevent.sleep(delay_s)
        while True:
            call.check_in()
            gevent.sleep(LENGTH_S)

    background = [gevent.spawn(talk, call, LENGTH_S * index / others) for index, call in enumerate(calls)]
    took = []
    for _ in range(count):
        call = Call(rig, agent)
        took.append(call.check_in())
        call.speaker.close()
        gevent.sleep(0.005)
    gevent.killall(background)
    for call in calls:
        call.speaker.close()
    return took


def main(count: int) -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with stage() as (rig, agent):
        measure(rig, agent, 20, 0)
        alone = report("cached check-in, alone", measure(rig, agent, count, 0))
        busy = report("cached check-in, 50 other calls", measure(rig, agent, count, 50))
        assert rig.tts.requests == []
    is_met = max(alone, busy) <= TARGET_P95_MS
    print(f"target p95 {TARGET_P95_MS:.0f} ms: {'met' if is_met else 'MISSED'}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))

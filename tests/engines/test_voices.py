"""The voices of all workers as one: backend/engines/voices.py. First in this process over fakes, then with real workers."""

import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gevent
import pytest

from backend.engines.base import AudioFrame, SynthesisRequest
from backend.engines.tts_grpc import VoiceHealth
from backend.engines.voice_routing import Voice, VoiceWorker
from backend.engines.voices import RoutedTts
from backend.errors import EngineBusy, EngineError, EngineFailed, EngineTimedOut, StoreError
from tests.fakes import fake_tts
from tests.fakes.fake_tts import FakeTts
from tests.fakes.redis_server import RedisServer
from tests.workers.tts.processes import run_client, voice_server

BUSY = EngineBusy("full", engine="tts")
DEAD = EngineFailed("UNAVAILABLE: connection refused", engine="tts")
HUNG = EngineTimedOut("no audio within 2 s", engine="tts")
WRONG = EngineFailed("INVALID_ARGUMENT: text", engine="tts")
WRONG.retryable = False


def worker(name: str, **fields: Any) -> VoiceWorker:
    voices = (Voice("anna", "de", "pocket@1"),)
    usual = {"max_concurrent_sessions": 4, "voices": voices, "resident_models": ("pocket@1",)}
    return VoiceWorker(name, f"{name}:1", **{**usual, **fields})


def ask(number: int = 1, voice: str = "anna") -> SynthesisRequest:
    return SynthesisRequest(f"synthesis-{number}", "Guten Tag.", voice, "de")


class FakeWorker(FakeTts):
    """One worker's connection."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

    def health(self) -> VoiceHealth:
        if self.default.error is not None:
            raise self.default.error
        return VoiceHealth(True, False, 0, 4, (), 0.0, 0.0)


class Plane:
    """Some workers, and the one `Tts` over them. `error` of a worker comes before its first frame."""

    def __init__(self, *workers: VoiceWorker, **options: Any) -> None:
        self.listed: Sequence[VoiceWorker] = workers
        self.list_error: StoreError | None = None
        self.workers: dict[str, FakeWorker] = {}
        self.tts = RoutedTts(self._list, client=self._connect, **{"refresh_s": 0.005, **options})

    def broken(self, name: str, error: EngineError, after: int = 0) -> None:
        self._connect(f"{name}:1").default = fake_tts.Voice(error=error, error_after=after)

    def asked(self) -> dict[str, int]:
        return {address: len(each.requests) for address, each in self.workers.items() if each.requests}

    def _list(self) -> Sequence[VoiceWorker]:
        if self.list_error is not None:
            raise self.list_error
        return self.listed

    def _connect(self, address: str) -> Any:
        return self.workers.setdefault(address, FakeWorker(address))


@pytest.fixture
def plane() -> Iterator[Callable[..., Plane]]:
    made: list[Plane] = []

    def make(*workers: VoiceWorker, **options: Any) -> Plane:
        made.append(Plane(*workers, **options))
        return made[-1]

    yield make
    for each in made:
        each.tts.stop()
    gevent.sleep(0)


def hear(plane: Plane, request: SynthesisRequest | None = None) -> list[AudioFrame]:
    return list(plane.tts.synthesize(request or ask()))


@pytest.mark.parametrize("error", [BUSY, DEAD, HUNG])
def test_a_worker_that_fails_before_its_first_frame_is_replaced_by_the_next(
    plane: Callable[..., Plane], error: EngineError
) -> None:
    """After one attempt; the listener hears a whole synthesis."""
    two = plane(worker("a"), worker("b"))
    two.broken("a", error)

    assert hear(two)[-1].is_final
    assert two.asked() == {"a:1": 1, "b:1": 1}


def test_a_dead_worker_is_left_but_a_full_one_is_not(plane: Callable[..., Plane]) -> None:
    """Being full is no fault."""
    dead, full = plane(worker("a"), worker("b")), plane(worker("a"), worker("b"))
    dead.broken("a", DEAD)
    full.broken("a", BUSY)
    for number in range(4):
        hear(dead, ask(number))
        hear(full, ask(number))

    assert dead.asked() == {"a:1": 1, "b:1": 4}
    assert full.asked()["a:1"] > 1 and full.asked()["b:1"] == 4


def test_many_dead_workers_are_passed_by(plane: Callable[..., Plane]) -> None:
    """They stay listed for half a minute after a crash of many."""
    many = plane(*(worker(f"dead-{number}") for number in range(20)), worker("zoe", queue_depth=3))
    for number in range(20):
        many.broken(f"dead-{number}", DEAD)

    assert hear(many)[-1].is_final
    assert sum(many.asked().values()) == 21


def test_after_the_first_frame_the_error_is_the_listeners(plane: Callable[..., Plane]) -> None:
    """Only it knows what was heard. The worker is left all the same."""
    two = plane(worker("a"), worker("b"))
    two.broken("a", DEAD, after=1)
    frames = two.tts.synthesize(ask())
    next(frames)
    with pytest.raises(EngineFailed, match="refused"):
        list(frames)

    assert hear(two, ask(2))[-1].is_final
    assert two.asked() == {"a:1": 1, "b:1": 1}


def test_a_request_that_is_wrong_is_not_asked_of_others(plane: Callable[..., Plane]) -> None:
    """They would say the same, and none of them is to blame."""
    two = plane(worker("a"), worker("b"))
    two.broken("a", WRONG)
    with pytest.raises(EngineFailed, match="INVALID"):
        hear(two)

    assert two.asked() == {"a:1": 1}


def test_without_a_voice_the_error_says_which(plane: Callable[..., Plane]) -> None:
    """D5: clear, at once, and not to be tried again by the same caller."""
    two = plane(worker("a"), worker("b", is_draining=True))
    with pytest.raises(EngineFailed, match="no voice available for voice 'bert'; workers that take calls: 1") as failed:
        hear(two, ask(voice="bert"))

    assert not failed.value.retryable and two.asked() == {}


def test_when_all_fail_the_last_reason_is_told(plane: Callable[..., Plane]) -> None:
    """Not that there is no voice: there are, and all are full."""
    two = plane(worker("a"), worker("b"))
    two.broken("a", BUSY)
    two.broken("b", BUSY)
    with pytest.raises(EngineBusy):
        hear(two)


def test_the_first_worker_is_waited_for_after_the_start(plane: Callable[..., Plane]) -> None:
    """Everything may be starting at the same time."""
    late = plane(wait_s=5.0)
    late.tts.start()
    gevent.spawn_later(0.05, lambda: setattr(late, "listed", [worker("a")]))

    assert hear(late)[-1].is_final


def test_the_first_worker_is_not_waited_for_for_ever(plane: Callable[..., Plane]) -> None:
    """Later a missing worker is a fact and not a delay."""
    none = plane(wait_s=0.05)
    for _ in range(2):
        with gevent.Timeout(1), pytest.raises(EngineFailed, match="no voice available"):
            hear(none)


def test_workers_last_known_speak_on_while_the_list_cannot_be_had(plane: Callable[..., Plane]) -> None:
    """G4: Redis away."""
    one = plane(worker("a"))
    hear(one)
    one.list_error = StoreError("Redis: away")
    gevent.sleep(0.03)

    assert hear(one, ask(2))[-1].is_final


def test_a_worker_that_drains_gets_nothing_new_and_one_that_left_is_let_go_of(plane: Callable[..., Plane]) -> None:
    """What it is speaking goes on; its connection is closed when nobody speaks through it."""
    two = plane(worker("a"), worker("b", queue_depth=3))
    frames = two.tts.synthesize(ask(1))
    next(frames)
    two.listed = [worker("a", is_draining=True), worker("b")]
    gevent.sleep(0.03)
    hear(two, ask(2))
    two.listed = [worker("b")]
    gevent.sleep(0.03)
    assert not two.workers["a:1"].is_closed
    assert list(frames)[-1].is_final
    gevent.sleep(0.03)

    assert two.asked() == {"a:1": 1, "b:1": 1}
    assert (two.workers["a:1"].is_closed, two.workers["b:1"].is_closed) == (True, False)


def test_a_cancel_reaches_the_worker_that_speaks(plane: Callable[..., Plane]) -> None:
    """D8; nothing is left afterwards."""
    one = plane(worker("a"))
    frames = one.tts.synthesize(ask(1))
    next(frames)
    one.tts.cancel("synthesis-1")

    assert not any(frame.is_final for frame in frames)
    assert one.workers["a:1"].cancelled == ["synthesis-1"]
    assert (one.tts._speaking, one.tts._cancels.slots_used) == ({}, 0)


def test_a_cancel_that_comes_first_is_remembered(plane: Callable[..., Plane]) -> None:
    """No worker is asked at all; the next id is not concerned."""
    one = plane(worker("a"))
    one.tts.cancel("synthesis-1")

    assert hear(one, ask(1)) == [] and one.asked() == {}
    assert hear(one, ask(2))[-1].is_final


def test_a_cancel_between_two_attempts_is_not_lost(plane: Callable[..., Plane]) -> None:
    """The first worker hangs, the caller interrupts, the second is never asked."""
    two = plane(worker("a"), worker("b"))
    hang = fake_tts.Voice(hangs_after=0)
    two._connect("a:1").default = hang
    listening = gevent.spawn(hear, two)
    gevent.sleep(0.02)
    two.tts.cancel("synthesis-1")

    assert listening.get(timeout=1) == []
    assert two.asked() == {"a:1": 1}


def test_an_id_that_is_spoken_now_is_refused(plane: Callable[..., Plane]) -> None:
    """Ids are unique over all calls and time."""
    one = plane(worker("a"))
    frames = one.tts.synthesize(ask(1))
    next(frames)
    with pytest.raises(EngineFailed, match="unique"):
        hear(one, ask(1))
    list(frames)


def test_the_model_of_a_voice_is_known_even_when_its_workers_are_gone(plane: Callable[..., Plane]) -> None:
    """Cached speech is worth most then."""
    one = plane(worker("a"))
    hear(one)
    assert one.tts.model_of("anna", "de") == "pocket@1"
    one.listed = []
    gevent.sleep(0.03)

    assert one.tts.model_of("anna", "de") == "pocket@1"
    assert one.tts.model_of("bert", "de") == ""


def test_the_check_finds_one_that_answers(plane: Callable[..., Plane]) -> None:
    """Or says why not."""
    two, none = plane(worker("a"), worker("b")), plane()
    two.broken("a", DEAD)
    for each in (two, none):
        each.tts.start()
    gevent.sleep(0.02)
    two.tts.check()
    two.broken("b", HUNG)

    with pytest.raises(EngineTimedOut):
        two.tts.check()
    with pytest.raises(EngineFailed, match="no TTS worker is known"):
        none.tts.check()


# --- real workers ------------------------------------------------------------------------------------------------------

ROUTED = """
from backend.engines.voices import RoutedTts, fixed_worker
from backend.store.connection import connect
from backend.store.database import RedisDatabase
from backend.store.voice_workers import VoiceWorkers

def routed(url, **options):
    made = RoutedTts(VoiceWorkers(RedisDatabase(connect(url, timeout_s=2))).list, refresh_s=0.2, **options)
    made.start()
    return made

def wait_until(condition):
    with gevent.Timeout(20):
        while not condition():
            gevent.sleep(0.01)
"""


@pytest.mark.live
def test_workers_are_found_used_in_turn_and_left_when_they_drain_or_die(tmp_path: Path) -> None:
    """The whole way: heartbeat, Redis, routing, gRPC. Nobody hears the deaths."""
    script = (
        ROUTED
        + """
import os, signal
url, first, second = arguments
voices = routed(url, strategy="round_robin")
wait_until(lambda: len(voices.workers) == 2)
result["names"] = sorted(worker.name for worker in voices.workers)
result["model"] = voices.model_of("en-us")
def say():
    return list(voices.synthesize(ask("Hello.")))[-1].is_final
result["two"] = [say() for _ in range(4)]
os.kill(int(first), signal.SIGTERM)
wait_until(lambda: len(voices.workers) == 1)
result["one"] = [say() for _ in range(4)]
os.kill(int(second), signal.SIGKILL)
try:
    say()
except EngineFailed as error:
    result["dead"] = str(error)
"""
    )
    with (
        RedisServer(tmp_path) as redis,
        voice_server(REDIS_URL=redis.url, TTS_NAME="one") as first,
        voice_server(REDIS_URL=redis.url, TTS_NAME="two") as second,
    ):
        result = run_client(script, redis.url, str(first.process.pid), str(second.process.pid))
        spoken = [sum(line["event"] == "synthesis.ended" for line in each.lines) for each in (first, second)]

    assert result["names"] == ["one", "two"] and result["model"].startswith("espeak-ng")
    assert result["two"] == result["one"] == [True] * 4
    # Eight were spoken and the first worker, which left in good order, spoke two: the second spoke six. Its line about the
    # last of them may have died with it, since the kill follows right behind the final frame.
    assert spoken[0] == 2 and spoken[1] in (5, 6)
    assert "UNAVAILABLE" in result["dead"]


@pytest.mark.live
def test_a_worker_that_hangs_costs_at_most_two_seconds_and_the_next_one_speaks() -> None:
    """F26: half-open. Connecting may take one second, the first byte two. Afterwards it is left."""
    script = (
        ROUTED
        + """
from backend.engines.voice_routing import VoiceWorker
hung, good = (VoiceWorker(name, address, 4, voices=None) for name, address in zip("ab", arguments))
voices = RoutedTts(lambda: [hung, good])
voices.start()
wait_until(lambda: voices.workers)
for which in ("first", "second"):
    began = clock()
    frames = voices.synthesize(ask("Hello.", voice="", language="en"))
    next(frames)
    result[which] = clock() - began
    list(frames)
"""
    )
    with voice_server() as hung, voice_server() as good:
        hung.signal(signal.SIGSTOP)
        result = run_client(script, hung.address, good.address)

    assert 0.9 < result["first"] < 3.0
    assert result["second"] < 0.5


@pytest.mark.live
def test_a_worker_that_hangs_in_the_middle_is_given_up_after_a_second() -> None:
    """F26: between two frames one second, then the rest is somebody else's."""
    script = (
        ROUTED
        + """
import os, signal
voices = RoutedTts(fixed_worker(arguments[0]), refresh_s=60)
frames = voices.synthesize(ask("apple banjo cedar dolphin eagle forest garden harbour island.", voice="speller"))
next(frames)
os.kill(int(arguments[1]), signal.SIGSTOP)
last = clock()
try:
    for frame in frames:
        last = clock()
except EngineTimedOut as error:
    result.update(seconds=clock() - last, error=str(error), left=len(voices._speaking))
"""
    )
    with voice_server("tests.workers.tts.spelling_voice", TTS_ENGINES="spelling") as server:
        result = run_client(script, server.address, str(server.process.pid))

    assert 0.9 < result["seconds"] < 1.4 and "1 s" in result["error"] and result["left"] == 0


@pytest.mark.live
def test_a_worker_at_a_fixed_address_is_used_before_and_after_it_has_said_what_it_speaks() -> None:
    """TTS_ADDRESS: no registry, also none for its death and return."""
    script = (
        ROUTED
        + """
voices = RoutedTts(fixed_worker(arguments[0]), refresh_s=0.1)
result["first"] = list(voices.synthesize(ask("Hello.")))[-1].is_final
voices.check()
wait_until(lambda: voices.model_of("en-us"))
result["model"] = voices.model_of("en-us")
result["second"] = list(voices.synthesize(ask("Hello.")))[-1].is_final
try:
    list(voices.synthesize(ask("Hello.", voice="nobody")))
except EngineFailed as error:
    result["error"] = str(error)
away = RoutedTts(fixed_worker("127.0.0.1:9"), refresh_s=0.1)
try:
    list(away.synthesize(ask("Hello.")))
except EngineFailed as error:
    result["away"] = str(error)
"""
    )
    with voice_server() as server:
        result = run_client(script, server.address)

    assert result["first"] and result["second"] and result["model"] == "espeak-ng"
    assert "no voice available for voice 'nobody'" in result["error"]
    assert "UNAVAILABLE" in result["away"]

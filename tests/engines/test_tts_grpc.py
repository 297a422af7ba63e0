"""The client of the voice plane, in a patched child, against the real worker and against one that breaks the rules."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.workers.tts.processes import ROOT, Server, run_client, voice_server

pytestmark = pytest.mark.live

LONG = "This sentence is one of very many that follow each other. " * 150


@pytest.fixture(scope="module")
def worker() -> Any:
    """The real worker with the embedded voice."""
    with voice_server(TTS_MAX_SESSIONS="4") as server:
        yield server


@pytest.fixture(scope="module")
def stand_in() -> Any:
    """A worker that does what the voice's name says."""
    with voice_server("tests.engines.tts_stand_in") as server:
        yield server


LISTEN = """
def listen(name):
    voice = tts(arguments[0], frame_timeout_s=0.3, first_frame_timeout_s=0.3)
    heard, frames, began = {}, [], clock()
    try:
        for frame in voice.synthesize(ask(voice=name)):
            frames.append([frame.sequence_number, len(frame.pcm), frame.is_final])
    except EngineError as error:
        heard.update(error=type(error).__name__, text=str(error), retryable=error.retryable)
    heard.update(frames=frames, invalid=voice.invalid_frames, seconds=clock() - began)
    for _ in range(100):
        heard["running"] = voice.health().running
        if not heard["running"]:
            break
        gevent.sleep(0.01)
    heard["left"] = len(voice._calls) + voice._cancels.slots_used
    return heard
for name in arguments[1:]:
    result[name] = listen(name)
"""
FIRST, SECOND = [0, 320, False], [1, 320, False]
MEANINGS = [
    ("new data data final", [FIRST, SECOND, [2, 320, True]], 0),
    ("new final", [[0, 320, True]], 0),
    ("data data final", [FIRST, SECOND, [2, 320, True]], 0),
    ("data data marker", [FIRST, [1, 320, True]], 0),
    ("data marker", [[0, 320, True]], 0),
    ("new data invalid invalid data final", [FIRST, SECOND, [2, 320, True]], 2),
    ("invalid data invalid marker", [[0, 320, True]], 2),
    ("new data final data data hang", [FIRST, [1, 320, True]], 0),
    ("data marker hang", [[0, 320, True]], 0),
]
FAILURES = [
    ("new data end", "EngineFailed", "without its final frame", True),
    ("data data end", "EngineFailed", "without its final frame", True),
    ("end", "EngineFailed", "without its final frame", True),
    ("marker", "EngineFailed", "without any audio", True),
    ("new odd", "EngineFailed", "321 bytes", True),
    ("new rate", "EngineFailed", "44100", True),
    ("flood", "EngineFailed", "nothing but invalid", True),
    ("new data hang", "EngineTimedOut", "0.3 s", True),
    ("hang", "EngineTimedOut", "0.3 s", True),
    ("new data fail-INTERNAL", "EngineFailed", "INTERNAL: as told", True),
    ("fail-RESOURCE_EXHAUSTED", "EngineBusy", "as told", True),
    ("fail-DEADLINE_EXCEEDED", "EngineTimedOut", "as told", True),
    ("fail-UNAVAILABLE", "EngineFailed", "as told", True),
    ("fail-CANCELLED", "EngineFailed", "as told", True),
    ("fail-INVALID_ARGUMENT", "EngineFailed", "as told", False),
]


@pytest.fixture(scope="module")
def heard(stand_in: Server) -> Any:
    """What one client hears of every voice of the two tables, one after the other."""
    return run_client(LISTEN, stand_in.address, *(str(row[0]) for row in [*MEANINGS, *FAILURES]))


@pytest.mark.parametrize(("voice", "frames", "invalid"), MEANINGS)
def test_frames_mean_what_the_protocol_says(
    heard: dict[str, Any], voice: str, frames: list[list[Any]], invalid: int
) -> None:
    """D2: exactly one final frame with audio, whoever made it; nothing is read beyond it; invalid ones are counted."""
    result = heard[voice]

    assert result.get("error") is None
    assert (result["frames"], result["invalid"]) == (frames, invalid)
    assert (result["running"], result["left"]) == (0, 0)


@pytest.mark.parametrize(("voice", "error", "said", "retryable"), FAILURES)
def test_every_way_of_failing_is_an_engine_error(
    heard: dict[str, Any], voice: str, error: str, said: str, retryable: bool
) -> None:
    """Never a hang, never a foreign exception; the stream is closed on both sides."""
    result = heard[voice]

    assert (result["error"], result["retryable"]) == (error, retryable)
    assert said in result["text"]
    assert result["seconds"] < 1.5
    assert (result["running"], result["left"]) == (0, 0)
    assert not any(is_final for _, _, is_final in result["frames"])


@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000, 48000])
def test_the_embedded_voice_speaks_at_every_rate(worker: Server, sample_rate: int) -> None:
    """The right number of bytes per frame, the right length, not silence."""
    script = """
frames = list(tts(arguments[0]).synthesize(ask("Hello there, this is a test.", sample_rate=int(arguments[1]))))
pcm = b"".join(frame.pcm for frame in frames)
result.update(sizes=[len(frame.pcm) for frame in frames], finals=[frame.is_final for frame in frames],
    rates=list({frame.sample_rate for frame in frames}), loudest=max(memoryview(pcm).cast("h")))
"""
    result = run_client(script, worker.address, str(sample_rate))

    assert result["sizes"][:3] == [sample_rate * ms // 1000 * 2 for ms in (20, 40, 80)]
    assert set(result["sizes"][3:-1]) == {sample_rate // 10 * 2}
    assert result["finals"] == [False] * (len(result["sizes"]) - 1) + [True]
    assert result["rates"] == [sample_rate]
    assert 1.0 < sum(result["sizes"]) / 2 / sample_rate < 4.0
    assert result["loudest"] > 8000


def test_the_first_frame_of_a_long_text_comes_long_before_its_end(worker: Server) -> None:
    """D3: ten minutes of speech are not collected."""
    script = """
voice, began, seconds = tts(arguments[0]), clock(), 0
list(voice.synthesize(ask()))
began = clock()
for frame in voice.synthesize(ask(arguments[1])):
    result.setdefault("first", clock() - began)
    seconds += len(frame.pcm) / 16000
result.update(whole=clock() - began, audio=seconds)
"""
    result = run_client(script, worker.address, LONG)

    assert result["audio"] > 300
    assert result["first"] < result["whole"] / 10


CANCEL = """
voice = tts(arguments[0])
request = ask(arguments[1])
frames = voice.synthesize(request)
heard = [next(frames)]
began = clock()
voice.cancel(request.synthesis_id)
heard += frames
result["ended_s"] = clock() - began
while voice.health().running:
    gevent.sleep(0.002)
result["slot_s"] = clock() - began
result["finals"] = sum(frame.is_final for frame in heard)
for _ in range(3):
    voice.cancel(request.synthesis_id)
result["after"] = [frame.is_final for frame in voice.synthesize(ask())][-1]
result["left"] = len(voice._calls) + voice._cancels.slots_used
gevent.sleep(0.1)
result["left"] += len(voice._cancel_rpcs)
"""


def test_a_cancel_ends_the_iterator_and_reaches_the_compute(worker: Server) -> None:
    """D8: no final frame, the worker's slot is free at once, later cancels of it harm nothing."""
    result = run_client(CANCEL, worker.address, LONG)

    assert result["finals"] == 0
    assert result["ended_s"] < 0.1
    assert result["slot_s"] < 0.5
    assert result["after"] is True
    assert result["left"] == 0


def test_a_cancel_from_another_greenlet_ends_a_wait(stand_in: Server) -> None:
    """The one who pulls stands in the middle of waiting for a frame."""
    script = """
voice = tts(arguments[0])
request = ask(voice="new data hang")
frames = voice.synthesize(request)
next(frames)
gevent.spawn_later(0.05, voice.cancel, request.synthesis_id)
began = clock()
result["rest"] = len(list(frames))
result["seconds"] = clock() - began
"""
    result = run_client(script, stand_in.address)

    assert result["rest"] == 0
    assert result["seconds"] < 0.5


def test_a_cancel_before_the_synthesis_refuses_it_here_and_at_the_worker(worker: Server) -> None:
    """Here: the iterator ends without asking. There: another process that asks under that id is refused."""
    script = """
voice, other = tts(arguments[0]), tts(arguments[0])
request = ask()
waiting = voice.synthesize(request)
voice.cancel(request.synthesis_id)
result["here"] = len(list(waiting))
gevent.sleep(0.2)
try:
    list(other.synthesize(request))
except EngineFailed as error:
    result["there"] = str(error)
result["again"] = [frame.is_final for frame in other.synthesize(request)][-1]
"""
    result = run_client(script, worker.address)

    assert result["here"] == 0
    assert "cancelled before it began" in result["there"]
    assert result["again"] is True


def test_killing_the_greenlet_that_listens_frees_the_worker(worker: Server) -> None:
    """`finally: call.cancel()`: a killed greenlet alone would leave the stream running."""
    script = """
voice = tts(arguments[0])
def listen():
    for frame in voice.synthesize(ask(arguments[1])):
        gevent.sleep(0.05)
listeners = [gevent.spawn(listen) for _ in range(4)]
gevent.sleep(0.3)
result["during"] = voice.health().running
try:
    list(voice.synthesize(ask()))
except EngineBusy:
    result["busy"] = True
gevent.killall(listeners)
began = clock()
while voice.health().running and clock() - began < 3:
    gevent.sleep(0.01)
result["seconds"] = clock() - began
result["left"] = len(voice._calls)
"""
    result = run_client(script, worker.address, LONG)

    assert (result["during"], result["busy"], result["left"]) == (4, True, 0)
    assert result["seconds"] < 0.5


def test_a_session_of_fifty_messages_leaves_everything_as_it_was(worker: Server) -> None:
    """D4: any number of messages, with a failed and a cancelled one in between; no slot, call or descriptor grows."""
    script = """
import os
voice = tts(arguments[0])
list(voice.synthesize(ask()))
before = len(os.listdir("/proc/self/fd"))
finals = 0
for number in range(50):
    request = ask(f"Message number {number}.")
    frames = voice.synthesize(request)
    if number % 10 == 3:
        next(frames)
        voice.cancel(request.synthesis_id)
        assert list(frames) == []
        continue
    finals += sum(frame.is_final for frame in frames)
    if number % 10 == 7:
        try:
            list(voice.synthesize(ask("Hello.", voice="nobody")))
        except EngineFailed:
            pass
gevent.sleep(0.1)
result.update(finals=finals, running=voice.health().running, invalid=voice.invalid_frames,
    left=len(voice._calls) + len(voice._cancel_rpcs) + voice._cancels.slots_used,
    descriptors=len(os.listdir("/proc/self/fd")) - before)
"""
    result = run_client(script, worker.address)

    assert result == {"finals": 45, "running": 0, "invalid": 0, "left": 0, "descriptors": 0}


BAD_REQUESTS = [
    ("text=''", "text: nothing to speak in 0 characters"),
    ("text='\\x00\\x01 '", "text: nothing to speak in 3 characters"),
    ("text='x' * 10001", "text: 10001 characters; allowed are at most 10000"),
    ("text='x' * 5000000", "text: 5000000 characters; allowed are at most 10000"),
    ("text='\\ud800'", "the request cannot be sent"),
    ("voice='nobody'", "voice: 'nobody' is unknown"),
    ("voice='', language='xx'", "language: no voice speaks 'xx'"),
    ("sample_rate=44100", "sample_rate: 44100 Hz; allowed are 8000"),
    ("sample_rate=-1", "the request cannot be sent"),
    ("frame_duration_ms=10", "frame_duration_ms: 10 ms; allowed are 20 to 200"),
    ("frame_duration_ms=500", "frame_duration_ms: 500 ms; allowed are 20 to 200"),
    ("synthesis_id=''", "synthesis_id: 0 characters"),
]


@pytest.fixture(scope="module")
def refusals(worker: Server) -> Any:
    """What the real worker says to each bad request, from one client that then still can speak."""
    script = """
voice = tts(arguments[0])
for fields in arguments[1:]:
    try:
        list(voice.synthesize(ask(**eval(f"dict({fields})"))))
    except EngineFailed as error:
        result[fields] = [str(error), error.retryable]
result["after"] = [frame.is_final for frame in voice.synthesize(ask())][-1]
"""
    result = run_client(script, worker.address, *(fields for fields, _ in BAD_REQUESTS))
    assert result.pop("after") is True
    return result


@pytest.mark.parametrize(("fields", "said"), BAD_REQUESTS)
def test_a_bad_request_is_refused_with_the_reason(refusals: dict[str, Any], fields: str, said: str) -> None:
    """Each names field, value and what is allowed, and is not worth asking again."""
    text, is_retryable = refusals[fields]

    assert said in text
    assert is_retryable is False


def test_a_killed_worker_is_noticed_at_once_and_its_successor_is_used() -> None:
    """F25, G4: EngineFailed within a moment; a worker on the same address serves again by itself."""
    script = """
import os, signal
voice = tts(arguments[0])
frames = voice.synthesize(ask(arguments[2], frame_duration_ms=20))
next(frames)
os.kill(int(arguments[1]), signal.SIGKILL)
began = clock()
try:
    list(frames)
except EngineError as error:
    result["error"] = type(error).__name__
result["seconds"] = clock() - began
began = clock()
try:
    list(voice.synthesize(ask()))
except EngineError as error:
    result["dead"] = type(error).__name__
result["dead_s"] = clock() - began
began = clock()
while clock() - began < 15 and "after" not in result:
    try:
        result["after"] = [frame.is_final for frame in voice.synthesize(ask())][-1]
    except EngineError:
        gevent.sleep(0.05)
"""
    with ThreadPoolExecutor(1) as aside, voice_server() as server:
        client = aside.submit(run_client, script, server.address, str(server.process.pid), LONG)
        server.process.wait(20)
        with voice_server(TTS_PORT=server.address.rpartition(":")[2]):
            result = client.result()

    assert (result["error"], result["dead"]) == ("EngineFailed", "EngineFailed")
    assert result["seconds"] < 0.5
    assert result["dead_s"] < 0.5
    assert result.get("after") is True


def test_a_stalled_worker_is_given_up_within_a_second() -> None:
    """F26: a stopped process keeps its sockets open and answers no ping. Both before the first frame and after it."""
    script = """
import os, signal
voice, pid = tts(arguments[0], first_frame_timeout_s=0.5), int(arguments[1])
frames = voice.synthesize(ask(arguments[2]))
next(frames)
os.kill(pid, signal.SIGSTOP)
last = clock()
try:
    for frame in frames:
        last = clock()
except EngineError as error:
    result["error"], result["seconds"] = type(error).__name__, clock() - last
began = clock()
try:
    list(voice.synthesize(ask()))
except EngineError as error:
    result["first_error"], result["first_seconds"] = type(error).__name__, clock() - began
began = clock()
try:
    voice.health()
except EngineError as error:
    result["health_error"], result["health_seconds"] = type(error).__name__, clock() - began
os.kill(pid, signal.SIGCONT)
began = clock()
while clock() - began < 10:
    try:
        result["after"] = [frame.is_final for frame in voice.synthesize(ask())][-1]
        break
    except EngineError:
        gevent.sleep(0.05)
while voice.health().running:
    gevent.sleep(0.01)
"""
    with voice_server() as server:
        result = run_client(script, server.address, str(server.process.pid), LONG)

    assert (result["error"], result["first_error"]) == ("EngineTimedOut", "EngineTimedOut")
    assert 0.9 < result["seconds"] < 1.2
    assert result["first_seconds"] < 0.7
    assert (result["health_error"], result["health_seconds"] < 1.3) == ("EngineTimedOut", True)
    assert result["after"] is True


def test_an_outer_timeout_passes_through_untouched(stand_in: Server) -> None:
    """A limit that somebody set around us is theirs: it is not turned into an engine error, and the stream is closed."""
    script = """
voice = tts(arguments[0])
try:
    with gevent.Timeout(0.1):
        list(voice.synthesize(ask(voice="new data hang")))
except gevent.Timeout:
    result["passed"] = True
result["left"] = len(voice._calls)
"""
    result = run_client(script, stand_in.address)

    assert result == {"passed": True, "left": 0}


def test_many_streams_at_once_do_not_disturb_each_other() -> None:
    """Sixteen sessions, each of several messages, with cancels among them, through one channel."""
    script = """
voice = tts(arguments[0])
def session(number):
    finals = 0
    for message in range(5):
        request = ask(f"This is session {number}, message {message}.")
        frames = voice.synthesize(request)
        if (number + message) % 4 == 0:
            next(frames)
            voice.cancel(request.synthesis_id)
        finals += sum(frame.is_final for frame in frames)
    return finals
sessions = [gevent.spawn(session, number) for number in range(16)]
gevent.joinall(sessions, raise_error=True)
result["finals"] = sum(each.value for each in sessions)
gevent.sleep(0.1)
result["running"] = voice.health().running
"""
    with voice_server() as server:
        result = run_client(script, server.address)

    assert result == {"finals": 60, "running": 0}


def test_voices_and_health_tell_what_the_worker_can_do(worker: Server) -> None:
    """What a form offers and what routing weighs."""
    script = """
voice = tts(arguments[0])
list(voice.synthesize(ask()))
health = voice.health()
result.update(serving=health.is_serving, slots=health.max_sessions, models=health.resident_models,
    figures=health.first_frame_p50_ms > 0 and 0 < health.rtf_p50 < 1)
result["en-us"] = [each.model for each in voice.voices() if each.name == "en-us"]
"""
    result = run_client(script, worker.address)

    assert result == {
        "serving": True,
        "slots": 4,
        "models": ["espeak-ng"],
        "figures": True,
        "en-us": ["espeak-ng"],
    }


def test_a_process_with_a_channel_can_start_other_programs(worker: Server) -> None:
    """With grpcio's fork support on, one in ten was aborted between fork and exec."""
    script = """
import subprocess
voice = tts(arguments[0])
result["codes"] = []
for _ in range(40):
    list(voice.synthesize(ask("Hi.")))
    result["codes"].append(subprocess.Popen(["true"], stderr=subprocess.DEVNULL).wait())
"""
    result = run_client(script, worker.address)

    assert set(result["codes"]) == {0}


def test_a_web_worker_needs_no_grpc_library() -> None:
    """Its threads, its fork handlers and its share of memory stay in the TTS worker."""
    code = "import backend.app, sys; print([name for name in sys.modules if name.partition('.')[0] == 'grpc'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.stdout == "[]\n", done.stderr

"""What the way from a TTS worker into a web worker costs and adds: `python -m tests.bench.bench_voice_client [part…]`.

  cpu      CPU of this process, patched like a web worker, per second of speech: 20 calls that take frames of 200 ms as a
           call's delivery does, a second ahead. Target ≤ 1.5 ms. Beside it grpcio in a plain process that reads the same
           stream, nothing else: the ratio says more than the milliseconds on a machine that is not quiet.
  jitter   10, 25, then 50 streams of frames of 20 ms, 50 messages a second each: paced at the client, how far from its due
           time each frame is released; due is 20 ms after the one before it, the first when it comes. The voice keeps half
           a second ahead and makes 80 ms at a time, as pocket-tts does. Target p95 ≤ 5 ms at 50. Beside it, with nothing
           ahead and no pacing, how far from its beat each frame of a voice that makes 20 ms every 20 ms arrives: that is
           the way alone, no call has it so. The product's own calls take frames of 200 ms, a second ahead. And how busy
           both processes are meanwhile
  cancel   500 syntheses cancelled at a random moment: from the cancel until the worker says that nothing is computed for
           it any more, an upper bound (the question is on the way too). Target p99 ≤ one step (60 ms) + 20 ms

Exits 1 when a target is missed, 2 when a property is violated: a frame lost or doubled, an ending that is not exactly
one, a slot or a stream left, memory grown.
"""

from gevent import monkey

monkey.patch_all()

import itertools  # noqa: E402 - nothing may be imported before the patching
import os  # noqa: E402
import random  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

import gevent  # noqa: E402

from backend.engines.base import AudioFrame, SynthesisRequest  # noqa: E402
from backend.engines.tts_grpc import GrpcTts  # noqa: E402
from tests.bench.growth import MOST_GROWTH_KB, Violated, check, resident_kb  # noqa: E402
from tests.workers.tts.processes import voice_server  # noqa: E402

SENTENCE = "Thank you for calling, how can I help you today?"
CALLS, CPU_S, AHEAD_S = 20, 12.0, 1.0
STREAMS, BEATS = (10, 25, 50), 250
CANCELS, STEP_MS = 500, 60.0

_numbers = itertools.count()

BARE_GRPCIO = """
import sys, time, grpc
from backend.workers.tts.proto import voice_pb2, voice_pb2_grpc
with grpc.insecure_channel(sys.argv[1]) as channel:
    stub, seconds = voice_pb2_grpc.VoiceStub(channel), 0.0
    def speak(number):
        return sum(len(frame.audio_data) / 16000 for frame in stub.Synthesize(voice_pb2.SynthesizeRequest(
            synthesis_id=f"bare-{number}", text=sys.argv[2], voice="en-us", sample_rate=8000, frame_duration_ms=200)))
    speak("warm")
    began = time.process_time()
    for number in range(60):
        seconds += speak(number)
    print(1000 * (time.process_time() - began) / seconds)
"""


def request(text: str, frame_duration_ms: int, voice: str = "en-us") -> SynthesisRequest:
    return SynthesisRequest(f"bench-{next(_numbers)}", text, voice, frame_duration_ms=frame_duration_ms)


def percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def nothing_left(voice: GrpcTts) -> None:
    gevent.sleep(0.2)
    check(voice.health().running == 0, "slots of the worker are taken")
    check(not (voice._calls or voice._cancel_rpcs or voice._cancels.slots_used), "streams are left here")


def cpu() -> bool:
    spoken = [0.0, 0]

    def call(voice: GrpcTts, until: float) -> None:
        gevent.sleep(random.random())
        while time.monotonic() < until:
            playing_until, finals = time.monotonic(), 0
            for frame in voice.synthesize(request(SENTENCE, 200)):
                playing_until += len(frame.pcm) / 16000
                spoken[0] += len(frame.pcm) / 16000
                spoken[1] += 1
                finals += frame.is_final
                gevent.sleep(max(0.0, playing_until - AHEAD_S - time.monotonic()))
            check(finals == 1, f"{finals} final frames")
            gevent.sleep(max(0.0, playing_until - time.monotonic()))

    with voice_server() as server:
        voice = GrpcTts(server.address)
        list(voice.synthesize(request(SENTENCE, 200)))
        began = time.process_time()
        until = time.monotonic() + CPU_S
        gevent.joinall([gevent.spawn(call, voice, until) for _ in range(CALLS)], raise_error=True)
        ours = 1000 * (time.process_time() - began) / spoken[0]
        nothing_left(voice)
        arguments = [sys.executable, "-c", BARE_GRPCIO, server.address, SENTENCE]
        bare = float(subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60).stdout)
    print(
        f"cpu: {ours:.2f} ms per second of speech ({spoken[0]:.0f} s in {spoken[1]} frames, the pacing included); bare "
        f"grpcio, unpaced: {bare:.2f} ms; ratio {ours / bare:.2f}"
    )
    return ours <= 1.5


def jitter() -> bool:
    for streams in STREAMS:
        p95 = jitter_of(streams, is_paced=True)
        jitter_of(streams, is_paced=False)
    return p95 <= 5.0


def jitter_of(streams: int, *, is_paced: bool) -> float:
    """p95 in milliseconds."""
    off: list[float] = []
    missing = [0]

    def take(frames: Iterator[AudioFrame]) -> Iterator[tuple[int, float]]:
        """Each frame's number and when it came; exactly as many as were asked for, the last one final."""
        numbers, finals = [], 0
        for frame in frames:
            yield frame.sequence_number, time.monotonic()
            numbers.append(frame.sequence_number)
            finals += frame.is_final
        check(numbers == list(range(BEATS)) and finals == 1, f"{len(numbers)} of {BEATS} frames, {finals} final")

    def listen(voice: GrpcTts, number: int) -> None:
        gevent.sleep(0.02 * number / streams)
        frames = take(voice.synthesize(request("beat " * BEATS, 20, "ahead" if is_paced else "metronome")))
        if not is_paced:
            # The last one comes with the one before it: nothing has to follow it.
            late = [at - 0.02 * beat for beat, at in frames][:-1]
            middle = percentile(late, 0.5)
            off.extend(1000 * abs(each - middle) for each in late)
            return
        began = 0.0
        for beat, at in frames:
            began = began or at
            due = began + 0.02 * beat
            missing[0] += at > due
            gevent.sleep(max(0.0, due - at))
            off.append(1000 * abs(time.monotonic() - due))

    module = "tests.workers.tts.metronome_voice"
    with voice_server(module, TTS_ENGINES="metronome", TTS_MAX_SESSIONS=str(streams)) as server:
        voice = GrpcTts(server.address)
        began, own, its = time.monotonic(), time.process_time(), cpu_s(server.process.pid)
        gevent.joinall([gevent.spawn(listen, voice, number) for number in range(streams)], raise_error=True)
        wall = time.monotonic() - began
        own, its = time.process_time() - own, cpu_s(server.process.pid) - its
        nothing_left(voice)
    p95 = percentile(off, 0.95)
    what = f"paced, {missing[0]} not there when due" if is_paced else "unpaced, nothing ahead"
    print(
        f"jitter: p50 {percentile(off, 0.5):.2f}, p95 {p95:.2f}, p99 {percentile(off, 0.99):.2f} ms ({what}), {streams} "
        f"streams, {len(off)} frames; {BEATS * 0.02:.1f} s took {wall:.1f} s; cores busy: worker {its / wall:.2f}, client "
        f"{own / wall:.2f}",
        flush=True,
    )
    return p95


def cancel() -> bool:
    took: list[float] = []
    with voice_server() as server:
        voice = GrpcTts(server.address)
        text = "This sentence is one of very many that follow each other. " * 100

        def one() -> None:
            asked = request(text, 200)
            frames = voice.synthesize(asked)
            next(frames)
            listener = gevent.spawn(list, frames)
            gevent.sleep(0.02 * random.random())
            began = time.monotonic()
            voice.cancel(asked.synthesis_id)
            while voice.health().running:
                check(time.monotonic() < began + 5, "a cancelled synthesis goes on")
            took.append(1000 * (time.monotonic() - began))
            check(not any(frame.is_final for frame in listener.get(timeout=5)), "a final frame after a cancel")

        for _ in range(100):  # so that every pool has its size
            one()
        took.clear()
        before = resident_kb(server.process.pid)
        for _ in range(CANCELS):
            one()
        nothing_left(voice)
        grown = resident_kb(server.process.pid) - before
    p99 = percentile(took, 0.99)
    print(
        f"cancel: p50 {percentile(took, 0.5):.1f}, p99 {p99:.1f}, max {max(took):.1f} ms until nothing is computed, "
        f"{CANCELS} cancels, 0 slots left, the worker's memory {grown:+d} kB"
    )
    check(grown <= MOST_GROWTH_KB, f"the worker's memory has grown by {grown} kB")
    return p99 <= STEP_MS + 20


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


PARTS: dict[str, Callable[[], bool]] = {"cpu": cpu, "jitter": jitter, "cancel": cancel}


def main(names: Sequence[str]) -> int:
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(PARTS)}")
        return 2
    is_met = True
    for name in names or list(PARTS):
        try:
            part_met = PARTS[name]()
        except Violated as violation:
            print(f"{name}: VIOLATED: {violation}")
            return 2
        print(f"{name}: target {'met' if part_met else 'MISSED'}", flush=True)
        is_met = is_met and part_met
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What the embedded voice costs a caller and a web worker: `python -m tests.bench.bench_tts [rounds]`.

Starts the real worker, then measures in this process, patched like a web worker:
  - request → first frame, p50 and p95, one at a time, and eight streams back to back that use
    both processes up (target for one at a time: p95 ≤ 30 ms)
  - CPU of this process per second of received audio, in frames of 100 ms and of 20 ms, at 8 kHz
"""

from gevent import monkey

monkey.patch_all()

import itertools  # noqa: E402 - nothing may be imported before the patching
import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402

from backend.engines.base import SynthesisRequest  # noqa: E402
from backend.engines.tts_grpc import GrpcTts  # noqa: E402
from tests.workers.tts.processes import voice_server  # noqa: E402

SENTENCE = "Thank you for calling, how can I help you today?"
PARAGRAPH = "This sentence is one of a few that follow each other. " * 20
TARGET_P95_MS = 30.0

_numbers = itertools.count()


def speak(voice: GrpcTts, text: str, frame_duration_ms: int = 100) -> tuple[float, float, int]:
    """Milliseconds to the first frame, seconds of audio, frames."""
    request = SynthesisRequest(f"bench-{next(_numbers)}", text, "en-us", frame_duration_ms=frame_duration_ms)
    began, first_ms, seconds, frames = time.perf_counter(), 0.0, 0.0, 0
    for frame in voice.synthesize(request):
        first_ms = first_ms or 1000 * (time.perf_counter() - began)
        seconds += len(frame.pcm) / 2 / frame.sample_rate
        frames += 1
    return first_ms, seconds, frames


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def report(title: str, first_ms: list[float]) -> float:
    p95 = percentile(first_ms, 0.95)
    print(f"{title:<44} p50 {percentile(first_ms, 0.5):6.1f} ms   p95 {p95:6.1f} ms   n {len(first_ms)}")
    return p95


def cpu_per_second(voice: GrpcTts, frame_duration_ms: int) -> None:
    cpu, seconds, frames = time.process_time(), 0.0, 0
    for _ in range(5):
        _, more, count = speak(voice, PARAGRAPH, frame_duration_ms)
        seconds, frames = seconds + more, frames + count
    cpu = time.process_time() - cpu
    print(
        f"client CPU, frames of {frame_duration_ms:3d} ms {'':<18} {1000 * cpu / seconds:6.2f} ms per second of audio"
        f"   {1e6 * cpu / frames:5.0f} us per frame   audio {seconds:.0f} s"
    )


def main(rounds: int) -> int:
    with voice_server() as server:
        voice = GrpcTts(server.address)
        for _ in range(3):
            speak(voice, SENTENCE)
        p95 = report("first frame, one at a time", [speak(voice, SENTENCE)[0] for _ in range(rounds)])
        eight = [gevent.spawn(lambda: [speak(voice, SENTENCE)[0] for _ in range(rounds // 8)]) for _ in range(8)]
        gevent.joinall(eight, raise_error=True)
        report("first frame, eight at once, back to back", [value for each in eight for value in each.value])
        cpu_per_second(voice, 100)
        cpu_per_second(voice, 20)
        health = voice.health()
        print(f"worker: first frame p50 {health.first_frame_p50_ms:.1f} ms, real time factor {health.rtf_p50:.4f}")
    print(f"target p95 {TARGET_P95_MS:.0f} ms: {'met' if p95 <= TARGET_P95_MS else 'MISSED'}")
    return 0 if p95 <= TARGET_P95_MS else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))

"""What a second of a call costs a web worker in CPU for being recognised by the sidecar: kept audio, the watch over the
stream, bundles of 100 ms over one WebSocket per call, words back.

    python -m tests.bench.stt_client_cost [--calls 40] [--seconds 10]

CPU is the time on the processor of this process, which does nothing else; the sidecar is a process of its own. A second run
without the recogniser (the same ticks into nothing) is taken off.
"""

import argparse
import os
import socket
import sys
import time

import gevent

from backend.clock import SystemClock
from backend.engines.stt_sidecar import SidecarStt
from backend.session.transcriber import Transcriber
from tests.fakes.fake_sidecar import TOKEN
from tests.fakes.sidecar_process import SidecarProcess

FRAME = os.urandom(320)
ASKED_MS = 1.0


def run(transcribers: list[Transcriber], calls: int, seconds: float) -> float:
    """CPU seconds of `seconds` of that many calls, fifty frames and steps a second each."""
    before, began_at = time.process_time(), time.perf_counter()
    for number in range(round(seconds * 50)):
        for transcriber in transcribers:
            transcriber.feed(FRAME)
            transcriber.step()
        gevent.sleep(max(0.0, began_at + (number + 1) * 0.02 - time.perf_counter()))
    return time.process_time() - before


def measure(calls: int, seconds: float) -> tuple[float, int]:
    """Milliseconds of CPU per call-second, and the words that came back."""
    clock, words = SystemClock(), [0]

    def count(event: object) -> None:
        words[0] += type(event).__name__ == "TranscriptReceived"

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    idle_s = run([], calls, seconds)
    with SidecarProcess(port) as sidecar:
        stt = SidecarStt([sidecar.url], TOKEN)
        transcribers = [Transcriber(stt, "sidecar", "en", clock, count) for _ in range(calls)]
        for transcriber in transcribers:
            transcriber.start()
        while not all(transcriber.is_hearing for transcriber in transcribers):
            gevent.sleep(0.05)
            for transcriber in transcribers:
                transcriber.step()
        used_s = run(transcribers, calls, seconds)
        for transcriber in transcribers:
            transcriber.close()
        gevent.sleep(0.2)
    return 1000 * (used_s - idle_s) / (calls * seconds), words[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    cost_ms, words = measure(arguments.calls, arguments.seconds)
    print("| figure | asked | measured |\n|---|---|---|")
    print(
        f"| CPU per call-second of the sidecar's client, {arguments.calls} calls | ≤ {ASKED_MS:g} ms "
        f"| {cost_ms:.2f} ms ({words} transcripts) |"
    )
    return 0 if cost_ms <= ASKED_MS and words else 1


if __name__ == "__main__":
    sys.exit(main())

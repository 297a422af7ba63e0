"""Cancel → no more compute for that id, pocket-tts: `python -m tests.bench.bench_pocket_cancel [cancels]` (500).

The real service with the real engine behind its gRPC port, in this process so that every step can be seen; tiny random
weights, on whatever device there is. Five lanes ask for long texts and cancel them by id at a random moment, also before the
first frame; each step tells which ids it was made for, so the last moment at which anything was computed for a cancelled
one is known, not guessed from outside. Target: at most one step and 20 ms after the cancel was sent, p99.

Exits 1 when it is missed, 2 when something stays behind: a slot, a thread, memory, or when a cancelled id gets
a final frame.
"""

import asyncio
import logging
import os
import random
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import grpc
import structlog

from backend.workers.tts.adapter import Samples, ShouldStop, Spend, not_counted
from backend.workers.tts.client_options import CHANNEL_OPTIONS
from backend.workers.tts.engines import Engines
from backend.workers.tts.pocket.adapter import Pocket, PocketSettings
from backend.workers.tts.proto import voice_pb2, voice_pb2_grpc
from backend.workers.tts.service import VoiceService
from tests.bench.growth import MOST_GROWTH_KB, Violated, check, resident_kb
from tests.fakes.pocket_fixture import write_model

CANCELS, WARM, LANES, SLOTS = 500, 100, 5, 8
LATEST_CANCEL_S = 0.6
TEXT = "This sentence is one of a few that follow each other. " * 20


class Watched(Pocket):
    """Notes when something was last computed for each text."""

    def __init__(self, settings: PocketSettings) -> None:
        super().__init__(settings)
        self.computed_at: dict[str, float] = {}

    def synthesize(
        self, text: str, voice: str, should_stop: ShouldStop, spend: Spend = not_counted
    ) -> Iterator[Samples]:
        synthesis_id = should_stop.__self__.synthesis_id  # type: ignore[attr-defined]  # the ticket's

        def note(seconds: float) -> None:
            self.computed_at[synthesis_id] = perf_counter()
            spend(seconds)

        return super().synthesize(text, voice, should_stop, note)


def percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


async def cancel_one(stub: Any, engine: Watched, number: int, rng: random.Random) -> float:
    """How many milliseconds after the cancel something was still computed."""
    synthesis_id = f"cancelled:{number}:1"
    request = voice_pb2.SynthesizeRequest(
        synthesis_id=synthesis_id, text=TEXT, voice=rng.choice(("anna", "bob")), sample_rate=8000, frame_duration_ms=200
    )
    finals: list[bool] = []

    async def listen() -> grpc.StatusCode:
        try:
            async for frame in stub.Synthesize(request):
                finals.append(frame.is_final)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    listening = asyncio.create_task(listen())
    await asyncio.sleep(rng.random() * LATEST_CANCEL_S)
    cancelled_at = perf_counter()
    await stub.Cancel(voice_pb2.CancelRequest(synthesis_id=synthesis_id))
    status = await asyncio.wait_for(listening, 10)
    check(status == grpc.StatusCode.CANCELLED and not any(finals), f"a cancelled synthesis ended with {status}")
    await asyncio.sleep(0.1)  # whatever is still computed for it shows here
    return 1000 * max(0.0, engine.computed_at.pop(synthesis_id, cancelled_at) - cancelled_at)


async def measure(engine: Watched, cancels: int) -> bool:
    engines = Engines({engine.name: engine})
    await engines.load(engine.name)
    stepper = engine.stepper
    assert stepper is not None
    service = VoiceService(engines, SLOTS)
    server = grpc.aio.server()
    voice_pb2_grpc.add_VoiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]  # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    took: list[float] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", CHANNEL_OPTIONS) as channel:
        stub: Any = voice_pb2_grpc.VoiceStub(channel)  # type: ignore[no-untyped-call]  # generated

        async def idle() -> None:
            async with asyncio.timeout(10):
                while stepper.slots_used or (await stub.Health(voice_pb2.HealthRequest())).running:
                    await asyncio.sleep(0.01)

        async def lane(numbers: range) -> None:
            rng = random.Random(numbers.start)
            for number in numbers:
                took.append(await cancel_one(stub, engine, number, rng))

        await asyncio.gather(*(lane(range(start, WARM, LANES)) for start in range(LANES)))
        await idle()
        took.clear()
        stepper.figures.step_s.clear()
        before, threads = resident_kb(os.getpid()), threading.active_count()
        await asyncio.gather(*(lane(range(WARM + start, WARM + cancels, LANES)) for start in range(LANES)))
        await idle()
        grown, more_threads = resident_kb(os.getpid()) - before, threading.active_count() - threads
    step_ms = 1000 * percentile(list(stepper.figures.step_s), 0.99)
    p99 = percentile(took, 0.99)
    print(
        f"cancel, pocket-tts, tiny weights: computed for p50 {percentile(took, 0.5):.1f}, p99 {p99:.1f}, max "
        f"{max(took):.1f} ms after the cancel, {len(took)} cancels, {LANES} at once; a step p50 "
        f"{1000 * percentile(list(stepper.figures.step_s), 0.5):.1f}, p99 {step_ms:.1f} ms; memory {grown:+d} kB, "
        f"threads {more_threads:+d}, slots left 0"
    )
    await service.drain(1.0)
    await server.stop(0.2)
    await engines.unload(engine.name)
    check(not engine.computed_at, "something was computed for a cancelled id later on")
    check(more_threads <= 0, f"{more_threads} threads are left")
    check(grown <= MOST_GROWTH_KB, f"memory has grown by {grown} kB")
    return p99 <= step_ms + 20


def main(cancels: int) -> int:
    # The package warns of what is meant here: random weights, and texts that never end by themselves.
    logging.getLogger("pocket_tts").setLevel(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        engine = Watched(PocketSettings(write_model(Path(folder) / "pocket"), slots=SLOTS))
        try:
            is_met = asyncio.run(measure(engine, cancels))
        except Violated as violation:
            print(f"VIOLATED: {violation}")
            return 2
    print(f"target p99 ≤ 1 step + 20 ms: {'met' if is_met else 'MISSED'}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else CANCELS))

"""How many calls one device speaks to with pocket-tts: `python -m tests.bench.bench_gpu [streams…]` (make bench-gpu).

On a GPU with random weights of full size (english_2026-10); on a CPU with tiny ones and for a shorter time, which proves the
command and shows how the schedule bends, and says nothing of a GPU. The weights' values cost nothing and save nothing.
For each number of streams, so many listeners ask for texts of some seconds, one after the other with short
pauses, and hear every frame as a telephone would: at the speed of speech from the first frame on. Measured through the
engine as the worker uses it, without gRPC:

    step         one frame for all rows, nothing else going on (bare), and as it was under load (with joins)
    first audio  request → first frame
    underruns    times that a listener's audio had run out before the next frame came
    cancel       should_stop turns true → the stream has ended; every fifth text is cancelled half-way

The table is printed and written to tests/bench/results/, named after the device.
"""

import logging
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from backend.workers.tts.pocket.adapter import Pocket, PocketSettings
from backend.workers.tts.pocket.batch import Batch
from backend.workers.tts.pocket.model import load_model
from backend.workers.tts.pocket.pieces import Cutter
from tests.bench.device import device_name, percentile, write_table
from tests.fakes.pocket_fixture import write_model

STREAMS = (1, 8, 32, 64, 128, 200, 400)
SECONDS_ON_A_GPU, SECONDS_ON_A_CPU = 15.0, 5.0
"""Of listening, for each number of streams."""
TEXT = "Thank you for calling us."
MOST_PAUSE_S = 1.0
CANCEL_EVERY = 5
BARE_STEPS = 20
TARGET_STREAMS, TARGET_FIRST_MS = 200, 300.0
COLUMNS = (
    "streams",
    "step bare ms",
    "step p50 ms",
    "step p95 ms",
    "rows/step",
    "first p50 ms",
    "first p95 ms",
    "underruns",
    "late ms",
    "cancel p99 ms",
    "audio s",
    "CPU cores",
)


@dataclass
class Heard:
    """What all listeners together noted; list.append is one step."""

    first_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    cancel_ms: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)


def listen(engine: Pocket, number: int, until: float, heard: Heard) -> None:
    rng = random.Random(number)
    time.sleep(rng.random() * MOST_PAUSE_S)
    texts = 0
    while time.monotonic() < until:
        texts += 1
        hear(engine, f"{TEXT} {rng.random():.6f}", number, texts % CANCEL_EVERY == 0, heard, until)
        time.sleep(rng.random() * MOST_PAUSE_S)


def hear(engine: Pocket, text: str, number: int, is_cancelled: bool, heard: Heard, until: float) -> None:
    stopped_at, stop = 0.0, threading.Event()
    asked_at, plays_until, frames = time.monotonic(), 0.0, 0
    for frame in engine.synthesize(text, "anna" if number % 2 else "bob", stop.is_set):
        now = time.monotonic()
        if not frames:
            heard.first_ms.append(1000 * (now - asked_at))
        elif now > plays_until and not stop.is_set():
            heard.late_ms.append(1000 * (now - plays_until))
        plays_until = max(plays_until, now) + len(frame) / engine.native_sample_rate
        frames += 1
        if not stop.is_set() and (now > until or (is_cancelled and frames == 20)):
            stopped_at = time.monotonic()
            stop.set()
    heard.frames.append(frames)
    if stop.is_set():
        heard.cancel_ms.append(1000 * (time.monotonic() - stopped_at))


def bare_step_ms(directory: Path, numbers: tuple[int, ...]) -> dict[int, float]:
    """The batch alone: all rows, step after step."""
    model = load_model(directory)
    cutter = Cutter(model.tts, "en")
    batch = Batch(model, max(numbers), most_tokens=50, most_frames=cutter.most_frames)
    start = cutter.pieces(TEXT, model.voices["anna"])[0].start
    took: dict[int, float] = {}
    for count in numbers:
        slots = batch.join([start] * count)
        for _ in range(3):
            batch.step(slots)
        began = time.perf_counter()
        for _ in range(BARE_STEPS):
            batch.step(slots)
        took[count] = 1000 * (time.perf_counter() - began) / BARE_STEPS
        for slot in slots:
            batch.leave(slot)
    return took


def measure(engine: Pocket, streams: int, bare_ms: float, seconds: float) -> tuple[list[str], bool]:
    """A row of the table, and whether it is within the target."""
    stepper = engine.stepper
    assert stepper is not None
    figures, heard = stepper.figures, Heard()
    figures.step_s.clear()
    steps, made, cpu, began = figures.steps, figures.frames, time.process_time(), time.monotonic()
    listeners = [
        threading.Thread(target=listen, args=(engine, number, began + seconds, heard)) for number in range(streams)
    ]
    for listener in listeners:
        listener.start()
    for listener in listeners:
        listener.join()
    wall_s, cpu = time.monotonic() - began, time.process_time() - cpu
    step_ms = [1000 * seconds for seconds in figures.step_s]
    first_p95 = percentile(heard.first_ms, 0.95)
    row = [
        f"{streams}",
        f"{bare_ms:.1f}",
        f"{percentile(step_ms, 0.5):.1f}",
        f"{percentile(step_ms, 0.95):.1f}",
        f"{(figures.frames - made) / max(1, figures.steps - steps):.1f}",
        f"{percentile(heard.first_ms, 0.5):.0f}",
        f"{first_p95:.0f}",
        f"{len(heard.late_ms)}",
        f"{sum(heard.late_ms):.0f}",
        f"{percentile(heard.cancel_ms, 0.99):.0f}",
        f"{sum(heard.frames) * 0.08:.0f}",
        f"{cpu / wall_s:.2f}",
    ]
    return row, first_p95 <= TARGET_FIRST_MS and not heard.late_ms


def main(numbers: tuple[int, ...]) -> int:
    # The package warns of what is meant here: random weights, and texts that never end by themselves.
    logging.getLogger("pocket_tts").setLevel(logging.ERROR)
    is_gpu = torch.cuda.is_available()
    numbers = numbers or STREAMS
    seconds = SECONDS_ON_A_GPU if is_gpu else SECONDS_ON_A_CPU
    weights = "full size (english_2026-10), random" if is_gpu else "tiny, random"
    with tempfile.TemporaryDirectory() as folder:
        directory = write_model(Path(folder) / "pocket", full_size=is_gpu, voice_s=5.0)
        bare = bare_step_ms(directory, numbers)
        began = time.perf_counter()
        engine = Pocket(PocketSettings(directory, slots=max(numbers)))
        engine.load()
        load_s = time.perf_counter() - began
        print(f"{device_name()}; weights {weights}; {max(numbers)} slots loaded in {load_s:.1f} s")
        rows: dict[int, tuple[list[str], bool]] = {}
        print(" | ".join(COLUMNS))
        for number in numbers:
            rows[number] = measure(engine, number, bare[number], seconds)
            print(" | ".join(text.rjust(len(head)) for text, head in zip(rows[number][0], COLUMNS, strict=True)))
        slots_left = engine.stepper.slots_used if engine.stepper else 0
        engine.unload()
    listened = f"{seconds:.0f} s of listening for each number of streams; see bench_gpu.py for what the columns mean."
    write_table("pocket-tts", weights, load_s, listened, COLUMNS, [row for row, _ in rows.values()])
    within = [number for number, (_, is_within) in rows.items() if is_within]
    print(f"first audio p95 ≤ {TARGET_FIRST_MS:.0f} ms and no underrun: up to {max(within, default=0)} streams")
    if slots_left:
        print(f"{slots_left} slots were not given back")
    missed = is_gpu and TARGET_STREAMS in rows and TARGET_STREAMS not in within
    print(f"target of {TARGET_STREAMS} streams: {'MISSED' if missed else 'met' if is_gpu else 'needs a GPU'}")
    return 1 if missed or slots_left else 0


if __name__ == "__main__":
    sys.exit(main(tuple(map(int, sys.argv[1:]))))

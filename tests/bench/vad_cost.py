"""What voice activity costs a web worker: `python -m tests.bench vad`, or `python -m tests.bench.vad_cost [calls]`.

Forty calls for twenty seconds, as fast as the machine goes: each tick brings every call one frame of μ-law, which is
decoded and pushed as `session/ear.py` does it, then the detector makes its step and the edges are fetched. Three lines:

    mixed     the callers speak 40 % of the time, over the hiss of their line (-60 dBFS), each at other times
    speaking  all speak all the time: the worst case
    silent    hiss alone: what the gate in front of the model leaves over

Beside our figure stands the bare runtime on the same number of chunks in batches of the same size: what no code of ours
could go below. The targets were set on a machine on which a single chunk costs the bare runtime 50 μs; what it costs
here is printed first. Blocked is how long one step kept the hub: by the CPU's clock, which judges, and by the wall's,
which on a shared machine counts the neighbours as well.
"""

import sys
import time
from dataclasses import dataclass

import numpy as np

from backend.audio import g711
from backend.engines.vad_silero import SileroVad, load_model
from tests.bench.stage_runs import Figure
from tests.engines.speech import SENTENCES, spoken

SECONDS = 20
FRAME = 160
CPU_TARGET_MS = 1.0
BLOCKED_TARGET_MS = 2.0
LINES = {"mixed": 0.4, "speaking": 1.0, "silent": 0.0}
"""Part of the time in which somebody speaks."""


@dataclass(frozen=True, slots=True)
class Cost:
    cpu_ms: float
    """Per call-second."""
    bare_ms: float
    analysed: float
    """Part of all chunks that the model saw."""
    blocked_cpu_ms: tuple[float, float]
    """p99 and max."""
    blocked_wall_ms: tuple[float, float]


def line_of(speaking: float, seed: int) -> list[bytes]:
    """One caller's μ-law frames: sentences with pauses between, over hiss."""
    dice = np.random.default_rng(seed)
    audio = dice.normal(0, 32, SECONDS * 8000)
    at = 0 if speaking == 1 else int(dice.uniform(0, 3 * 8000))
    while speaking and at < len(audio):
        words = np.frombuffer(spoken(SENTENCES[dice.integers(len(SENTENCES))]), np.int16)[: len(audio) - at]
        audio[at : at + len(words)] += words
        at += int(len(words) / speaking * (1 if speaking == 1 else dice.uniform(0.6, 1.4)))
    encoded = g711.encode_ulaw(np.clip(audio, -32768, 32767).astype(np.int16))
    return [encoded[start : start + FRAME] for start in range(0, len(encoded), FRAME)]


def measure_line(speaking: float, calls: int) -> Cost:
    vad = SileroVad(capacity=calls)
    lines = [line_of(speaking, seed) for seed in range(calls)]
    streams = [vad.open() for _ in lines]
    walls_s, cpus_s = [], []
    cpu = time.process_time()
    for frames in zip(*lines, strict=True):
        for stream, frame in zip(streams, frames, strict=True):
            stream.push(g711.decode_ulaw_bytes(frame))
        began, began_cpu = time.perf_counter(), time.thread_time()
        vad.step()
        for stream in streams:
            stream.edges()
        cpus_s.append(time.thread_time() - began_cpu)
        walls_s.append(time.perf_counter() - began)
    cpu = time.process_time() - cpu
    batch = max(1, round(vad.chunks_analysed / max(1, vad.runs)))
    bare_s = bare_run_s(batch) * vad.chunks_analysed / batch
    return Cost(
        1000 * cpu / calls / SECONDS,
        1000 * bare_s / calls / SECONDS,
        vad.chunks_analysed / (calls * SECONDS / 0.032),
        worst_ms(cpus_s),
        worst_ms(walls_s),
    )


def worst_ms(seconds: list[float]) -> tuple[float, float]:
    """p99 and max."""
    ordered = np.sort(seconds) * 1000
    return float(ordered[int(0.99 * len(ordered))]), float(ordered[-1])


def bare_run_s(batch: int) -> float:
    """CPU of one run of the model over `batch` chunks, nothing else: the best of five rounds."""
    model = load_model()
    feeds = {
        "input": np.random.default_rng(0).normal(0, 0.05, (batch, 288)).astype(np.float32),
        "state": np.zeros((2, batch, 128), np.float32),
        "sr": np.array(8000),
    }
    best = float("inf")
    for _ in range(5):
        began, runs = time.process_time(), max(3, 400 // batch)
        for _ in range(runs):
            _, feeds["state"] = model.run(None, feeds)
        best = min(best, (time.process_time() - began) / runs)
    return best


def measure(calls: int = 40) -> list[Figure]:
    single_us = 1e6 * bare_run_s(1)
    here = (
        f"a single chunk costs the bare runtime {single_us:.0f} μs here, {single_us / 50:.1f} times what it cost there"
    )
    figures = [Figure("voice activity: this machine", "none", here, True)]
    for name, speaking in LINES.items():
        cost = measure_line(speaking, calls)
        ratio = f", {cost.cpu_ms / cost.bare_ms:.2f} times" if cost.bare_ms > 0.001 else ""
        figures.append(
            Figure(
                f"voice activity of {calls} calls, {name}: CPU per call-second",
                f"≤ {CPU_TARGET_MS:.0f} ms" if name == "mixed" else "no target",
                f"{cost.cpu_ms:.2f} ms; bare runtime {cost.bare_ms:.2f} ms{ratio}; {cost.analysed:.0%} of the chunks",
                name != "mixed" or cost.cpu_ms <= CPU_TARGET_MS,
            )
        )
        figures.append(
            Figure(
                f"voice activity of {calls} calls, {name}: hub blocked per step",
                f"p99 ≤ {BLOCKED_TARGET_MS:.0f} ms",
                "CPU p99 {:.2f} · max {:.2f} ms".format(*cost.blocked_cpu_ms)
                + "; wall p99 {:.2f} · max {:.2f} ms".format(*cost.blocked_wall_ms),
                cost.blocked_cpu_ms[0] <= BLOCKED_TARGET_MS,
            )
        )
    return figures


def main() -> int:
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
    for figure in figures:
        print(f"{figure.name:<64} {figure.target:<12} {figure.measured}")
    return 0 if all(figure.is_reached for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What the turn detector costs: CPU of one judgement, how long it takes, and what the hub feels of it.

The model's file comes from the wheel of requirements-turn.txt, or from .venv-bench (`tests.bench media` makes that). In a
process of its own, patched like a web worker; 40 pauses, one after the other, then 4 at once.
"""

import subprocess
import sys
import time

from backend.rehearsal.load import quantiles
from tests.bench.stage_runs import Figure, in_ms
from tests.engines.turn_sounds import NO_WHEEL, in_wheel

PAUSES = 40
HUB_TARGET_S = 0.005
_MODEL = "data/smart-turn-v3.2-cpu.onnx"


def measure() -> list[Figure]:
    if in_wheel(_MODEL) is None:
        print(f"  {NO_WHEEL}: pip install --no-deps -r requirements-turn.txt")
        return [Figure("turn detector", "the wheel", "not installed", False)]
    done = subprocess.run([sys.executable, "-m", "tests.bench.smart_turn"], capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines() if line.startswith("figure\t")]
    return [Figure(name, target, measured, is_reached == "True") for _, name, target, measured, is_reached in rows]


def _main() -> None:
    """The child: patched before anything else is imported."""
    import gevent
    import numpy as np

    from backend.audio.log_mel import log_mel
    from backend.engines.smart_turn import MOST_WAITING, SmartTurn, window_of

    path = in_wheel(_MODEL)
    assert path is not None
    loading = time.perf_counter()
    model = SmartTurn(path)
    load_s = time.perf_counter() - loading
    tone = 6000 * np.sin(2 * np.pi * 220 * np.arange(8 * 8000) / 8000) * (np.arange(8 * 8000) % 4000 < 2500)
    pcm = tone.astype("<i2").tobytes()
    model.judge(pcm, 8000)
    lags: list[float] = []

    def tick() -> None:
        while True:
            before = time.perf_counter()
            gevent.sleep(0.001)
            lags.append(time.perf_counter() - before - 0.001)

    ticking = gevent.spawn(tick)
    gevent.sleep(0.5)
    idle, lags[:] = list(lags), []
    walls, cpu = [], time.process_time()
    for _ in range(PAUSES):
        began_at = time.perf_counter()
        model.judge(pcm, 8000)
        walls.append(time.perf_counter() - began_at)
    cpu_s = (time.process_time() - cpu) / PAUSES
    busy, lags[:] = list(lags), []
    began_at = time.perf_counter()
    gevent.joinall([gevent.spawn(model.judge, pcm, 8000) for _ in range(MOST_WAITING)], raise_error=True)
    last_s = time.perf_counter() - began_at
    ticking.kill()
    features = time.process_time()
    for _ in range(10):
        log_mel(window_of(pcm, 8000))
    features_s = (time.process_time() - features) / 10

    lag = quantiles(busy)
    for name, target, measured, is_reached in (
        (
            "turn detector: CPU per pause",
            "reported",
            f"{1000 * cpu_s:.0f} ms, of it features {1000 * features_s:.0f} ms",
            True,
        ),
        ("turn detector: one judgement, wall", "reported", in_ms(walls), True),
        (
            "turn detector: the last of 4 at once",
            "reported",
            f"{1000 * last_s:.0f} ms; load {1000 * load_s:.0f} ms",
            True,
        ),
        (
            "turn detector: hub lag meanwhile (and idle)",
            "p95 ≤ 5 ms",
            f"{in_ms(busy)} (idle p95 {1000 * quantiles(idle).p95:.1f})",
            lag.p95 <= HUB_TARGET_S,
        ),
    ):
        print("figure", name, target, measured, is_reached, sep="\t")


if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()
    _main()

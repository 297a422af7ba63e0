"""Does our own echo interrupt, and does the caller who talks over it: `python -m tests.bench echo [lines]`.

Lines of `tests/audio/echo_paths.py` through the real ear, the real detector and the real guard, on a clock of its own:
echo alone (a third of the lines loses frames, so that its delay jumps), a caller over the echo, a caller on a line without
one. Beside it the CPU that the guard costs a call on a line that echoes all the time.
"""

import sys

import numpy as np

from backend.engines.vad_silero import SileroVad
from tests.audio.echo_call import listen
from tests.audio.echo_paths import make_line
from tests.bench.stage_runs import Figure, in_ms

LINES = 200
ECHOES, OVER_ECHOES, NO_ECHOES = 1_100_000, 1_200_000, 1_300_000
"""First seeds: lines on which nothing was tuned, chosen before anyone heard them (those from 700,000 on were).
Tune on 20000 and 60000."""
WITHIN_S = 0.3


def measure(lines: int = LINES) -> list[Figure]:
    vad = SileroVad(capacity=2)
    false, unguarded, cpu_s, seconds = 0, 0, 0.0, 0.0
    for seed in range(ECHOES, ECHOES + lines):
        line = make_line(seed, lost_frames=seed // 6 % 3 // 2 * 4)
        heard = listen(vad, line)
        false += bool(heard.starts())
        unguarded += bool(listen(vad, line, is_guarded=False).starts())
        cpu_s, seconds = cpu_s + heard.ear_cpu_s, seconds + heard.seconds
    figures = [
        Figure(
            f"echo alone, {lines} lines: calls in which it interrupts",
            "0",
            f"{false} ({unguarded} without the guard)",
            false == 0,
        ),
        Figure("the guard's CPU per call-second, while it echoes", "none", f"{1000 * cpu_s / seconds:.1f} ms", True),
    ]
    for name, first_seed, gain_db in (("over an echo", OVER_ECHOES, None), ("no echo", NO_ECHOES, -90.0)):
        late, shifts, early = [], [], 0
        for seed in range(first_seed, first_seed + lines):
            line = make_line(seed, caller_talks=True, gain_db=gain_db)
            assert line.caller_at_s is not None
            starts = listen(vad, line).starts()
            told_s, began_s = starts[0] if starts else (float("inf"), float("inf"))
            if told_s < line.caller_at_s:
                early += 1
                continue
            late.append(told_s - line.caller_at_s)
            shifts.append(abs(began_s - line.caller_at_s))
        within = sum(each <= WITHIN_S for each in late)
        figures.append(
            Figure(
                f"a caller talks while we do, {name}, {lines} lines: noticed within {1000 * WITHIN_S:.0f} ms",
                "≥ 99 %",
                f"{within} of {lines}, {early} before they spoke; {in_ms(late)}; "
                f"their beginning is told to {1000 * np.percentile(shifts, 95):.0f} ms (p95)",
                within >= 0.99 * lines and early == 0,
            )
        )
    return figures


def main() -> int:
    figures = measure(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
    for figure in figures:
        print(f"{figure.name:<80} {figure.target:<8} {figure.measured}")
    return 0 if all(figure.is_reached for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())

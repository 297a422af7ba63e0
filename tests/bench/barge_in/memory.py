"""Memory of every process of a stack over time: does it stand still while calls come and go?

Private memory (`Private_*` of smaps_rollup) and not RSS: pages that gunicorn's workers share count for nobody, and a
page cache that grows is no leak of ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """Private KiB of each process after `calls` calls."""

    calls: int
    kib: Mapping[int, int]


def private_kib(pid: int) -> int:
    """0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def sample(pids: Sequence[int], calls: int) -> Sample:
    return Sample(calls, {pid: private_kib(pid) for pid in pids})


def drift_kib_per_call(samples: Sequence[Sample]) -> float:
    """Slope of the sum over all processes, least squares over the later two thirds: the first calls warm things up."""
    later = samples[len(samples) // 3 :]
    if len(later) < 3:
        raise ValueError(f"{len(samples)} samples are too few for a slope")
    calls = [float(one.calls) for one in later]
    sums = [float(sum(one.kib.values())) for one in later]
    mean_calls, mean_sum = sum(calls) / len(calls), sum(sums) / len(sums)
    spread = sum((call - mean_calls) ** 2 for call in calls)
    return sum((c - mean_calls) * (s - mean_sum) for c, s in zip(calls, sums, strict=True)) / spread


def growth_by_program(samples: Sequence[Sample]) -> dict[str, int]:
    """KiB by which each program (its command line's telling part) grew from the first sample of the slope to the last."""
    first, last = samples[len(samples) // 3], samples[-1]
    grown: dict[str, int] = {}
    for pid, kib in last.kib.items():
        name = program(pid)
        grown[name] = grown.get(name, 0) + kib - first.kib.get(pid, 0)
    return grown


def program(pid: int) -> str:
    """gunicorn, backend.workers.tts.server, redis-server …"""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "gone"
    if "-m" in words:
        return words[words.index("-m") + 1]
    return Path(words[0]).name.split(" ")[0] if words and words[0] else "unknown"

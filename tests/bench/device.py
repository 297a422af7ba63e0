"""What the benchmarks of models on a device have in common."""

import platform
from pathlib import Path

import torch


def device_name() -> str:
    """Of the GPU that is used, or of the processor."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{line.partition(':')[2].strip()} (CPU)"
    return f"{platform.machine()} (CPU)"


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0

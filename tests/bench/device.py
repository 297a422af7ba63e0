"""What the benchmarks of models on a device have in common."""

import platform
import re
from collections.abc import Sequence
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "results"


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


def write_table(
    model: str, weights: str, load_s: float, notes: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """A page named for the model's first word and this device, and says where."""
    RESULTS.mkdir(exist_ok=True)
    slug = re.sub(r"[^a-z0-9]+", "-", device_name().lower()).strip("-")
    memory = f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB of its memory" if torch.cuda.is_available() else ""
    lines = [
        f"# {model} on {device_name()}",
        "",
        f"Weights: {weights}. torch {torch.__version__}. Loaded in {load_s:.1f} s{memory}.",
        notes,
        "",
        f"| {' | '.join(columns)} |",
        f"| {' | '.join('---:' for _ in columns)} |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    path = RESULTS / f"{model.lower().partition('-')[0]}-{slug}.md"
    path.write_text("\n".join(lines) + "\n")
    print(f"written to {path}")

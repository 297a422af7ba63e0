"""Sounds for the tests of the turn detector: the same on every machine, without a random generator."""

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests/fixtures/smart_turn/log_mel.npy"
"""What the wheel's own extractor makes of `sweep()`: every 20th of its 800 frames, [80, 40]."""
EVERY = 20
_IN_PACKAGE = "pipecat/audio/turn/smart_turn"
NO_WHEEL = "the wheel of requirements-turn.txt is not installed, neither here nor in .venv-bench"


def sweep() -> NDArray[np.float32]:
    """8 s at 16 kHz: 3 s of nothing, then a tone that rises from 100 Hz to 7 kHz and swells three times a second."""
    time = np.arange(5 * 16000) / 16000
    tone = np.sin(2 * np.pi * (100 * time + 690 * time**2)) * (0.3 + 0.25 * np.sin(6 * np.pi * time))
    return np.concatenate((np.zeros(3 * 16000), tone)).astype(np.float32)


def in_wheel(name: str) -> Path | None:
    """A file of the turn package in the wheel, wherever one is installed; None where there is none."""
    spec = importlib.util.find_spec("pipecat")
    folders = (
        [Path(folder) / "audio/turn/smart_turn" for folder in (spec.submodule_search_locations or ())] if spec else []
    )
    bench = (ROOT / ".venv").resolve().parent / ".venv-bench"
    folders += [path / _IN_PACKAGE for path in bench.glob("lib/python3*/site-packages")]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def wheels_features(samples: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """What the wheel's own extractor makes of it; None without a wheel."""
    path = in_wheel("_whisper_features.py")
    if path is None:
        return None
    spec = importlib.util.spec_from_file_location("wheels_features", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    features: NDArray[np.float32] = module.compute_whisper_log_mel_features(samples)
    return features

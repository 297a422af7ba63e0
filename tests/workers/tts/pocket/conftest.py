"""What runs here without torch, and what with it.

test_recording.py, test_scheduler.py and test_unloaded.py need nothing. The others import torch and pocket-tts as their
subjects do; they are collected where requirements-gpu.txt is installed (tests/conftest.py says where it is not).
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

IS_INSTALLED = find_spec("torch") is not None and find_spec("pocket_tts") is not None
WITHOUT_TORCH = ("test_recording.py", "test_scheduler.py", "test_unloaded.py")
NEED_TORCH = sorted(path.name for path in Path(__file__).parent.glob("test_*.py") if path.name not in WITHOUT_TORCH)

collect_ignore = [] if IS_INSTALLED else NEED_TORCH


@pytest.fixture(scope="session")
def model_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/pocket with a tiny model that never ends a piece by itself."""
    from tests.fakes.pocket_fixture import write_model

    return write_model(tmp_path_factory.mktemp("models") / "pocket")


@pytest.fixture(scope="session")
def brief_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and it ends every piece after about a second."""
    from tests.fakes.pocket_fixture import ALWAYS, write_model

    return write_model(tmp_path_factory.mktemp("brief") / "pocket", eos_threshold=ALWAYS)


@pytest.fixture(scope="session")
def model(model_directory: Path) -> Iterator[Any]:
    from backend.workers.tts.pocket.model import load_model

    yield load_model(model_directory, "cpu")

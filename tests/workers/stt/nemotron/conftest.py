"""What runs here without torch, and what with it.

test_words.py needs nothing. The others import torch and transformers as their subjects do; they are collected where
requirements-stt.txt is installed (tests/conftest.py says where it is not).
"""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

IS_INSTALLED = find_spec("torch") is not None and find_spec("transformers") is not None
WITHOUT_TORCH = ("test_words.py",)
NEED_TORCH = sorted(path.name for path in Path(__file__).parent.glob("test_*.py") if path.name not in WITHOUT_TORCH)

collect_ignore = [] if IS_INSTALLED else NEED_TORCH


@pytest.fixture(scope="session")
def one_thread() -> None:
    """Matrices this small are done before two threads have found each other; on a busy machine, ten times over."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def model_directory(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/nemotron with a tiny model."""
    from tests.fakes.nemotron_fixture import write_model

    return write_model(tmp_path_factory.mktemp("models") / "nemotron")


@pytest.fixture(scope="session")
def load(model_directory: Path) -> Callable[[int], Any]:
    """The model at a lookahead."""
    from backend.workers.stt.nemotron.model import load_model

    return cache(lambda lookahead: load_model(model_directory, lookahead=lookahead, device="cpu"))


@pytest.fixture(scope="session")
def model(load: Callable[[int], Any]) -> Any:
    """As it is by default: chunks of 160 ms."""
    return load(1)

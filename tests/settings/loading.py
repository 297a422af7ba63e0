"""Settings as a process reads them, with nothing but what a test says."""

import base64
from pathlib import Path

import pytest

from backend.errors import SettingsError
from backend.settings import Settings, load_settings

PUBLIC_KEY = base64.b64encode(bytes(range(32))).decode()


def load(tmp_path: Path, **environ: str) -> Settings:
    return load_settings(environ, working_dir=tmp_path)


def problems(tmp_path: Path, **environ: str) -> str:
    """What is said of wrong ones."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **environ)
    return str(caught.value)

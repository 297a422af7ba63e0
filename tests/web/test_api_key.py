"""backend/web/api_key.py"""

import io
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from backend.errors import SettingsError
from backend.settings import Settings
from backend.web.api_key import read_or_make_api_key

ROOT = Path(__file__).parents[2]


def settings(folder: Path, key: str = "") -> Settings:
    return Settings(offhook_env="test", data_dir=folder, offhook_api_key=SecretStr(key))


def test_the_setting_wins_and_nothing_is_written(tmp_path: Path) -> None:
    """No file, no announcement."""
    said = io.StringIO()

    assert read_or_make_api_key(settings(tmp_path, "chosen"), said) == "chosen"
    assert list(tmp_path.iterdir()) == [] and said.getvalue() == ""


def test_a_key_is_made_once_kept_private_and_announced_once(tmp_path: Path) -> None:
    """The second start reads it silently."""
    first, second = io.StringIO(), io.StringIO()
    key = read_or_make_api_key(settings(tmp_path / "data"), first)

    assert read_or_make_api_key(settings(tmp_path / "data"), second) == key
    assert first.getvalue().count(key) == 1 and second.getvalue() == ""
    assert len(key) >= 32
    assert stat.S_IMODE((tmp_path / "data" / "api_key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["api_key"]


def test_workers_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    """Four processes on an empty folder: one makes it, one announces it, all use it."""
    code = (
        "import sys; from pathlib import Path; from backend.settings import Settings;"
        "from backend.web.api_key import read_or_make_api_key as make;"
        f"print(make(Settings(offhook_env='test', data_dir=Path({str(tmp_path / 'data')!r}))))"
    )
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60) for process in racing]

    (key,) = {out.strip() for out, _ in outputs}
    assert len(re.findall(re.escape(key), "".join(err for _, err in outputs))) == 1


@pytest.mark.parametrize("content", ["", "short\n", "é" * 40])
def test_a_useless_key_file_stops_the_start(tmp_path: Path, content: str) -> None:
    """Rather than an API that opens to an empty key."""
    (tmp_path / "api_key").write_text(content)
    (tmp_path / "api_key").chmod(0o600)
    with pytest.raises(SettingsError, match="no usable API key"):
        read_or_make_api_key(settings(tmp_path))


def test_a_key_file_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    """It is no secret any more."""
    read_or_make_api_key(settings(tmp_path), io.StringIO())
    (tmp_path / "api_key").chmod(0o644)
    with pytest.raises(SettingsError, match="can be read by others"):
        read_or_make_api_key(settings(tmp_path))


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """DATA_DIR is a file."""
    (tmp_path / "data").write_text("x")
    with pytest.raises(SettingsError, match="DATA_DIR"):
        read_or_make_api_key(settings(tmp_path / "data"))

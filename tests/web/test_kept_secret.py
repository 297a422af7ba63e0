"""backend/web/kept_secret.py"""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from backend.errors import SettingsError
from backend.web.kept_secret import read_or_make_secret

ROOT = Path(__file__).parents[2]


def test_it_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    """The second start reads it."""
    path = tmp_path / "data" / "webhook_key"
    secret = read_or_make_secret(path)

    assert len(secret) >= 32 and read_or_make_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and list(path.parent.iterdir()) == [path]


def test_processes_that_start_at_the_same_moment_have_one(tmp_path: Path) -> None:
    """Nobody reads half of it."""
    code = (
        "from pathlib import Path; from backend.web.kept_secret import read_or_make_secret;"
        f"print(read_or_make_secret(Path({str(tmp_path / 'webhook_key')!r})))"
    )
    racing = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = {process.communicate(timeout=60)[0].strip() for process in racing}

    assert len(said) == 1 and len(said.pop()) >= 32


@pytest.mark.parametrize("content", ["", "short", "ä" * 40])
def test_what_is_no_secret_is_an_error(tmp_path: Path, content: str) -> None:
    """Half a file, a file of somebody else's."""
    path = tmp_path / "webhook_key"
    path.write_text(content)
    path.chmod(0o600)

    with pytest.raises(SettingsError, match="no usable secret"):
        read_or_make_secret(path)


def test_a_secret_that_others_can_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "webhook_key"
    path.write_text("x" * 40)
    path.chmod(0o644)

    with pytest.raises(SettingsError, match="can be read by others"):
        read_or_make_secret(path)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="DATA_DIR"):
        read_or_make_secret(tmp_path / "file" / "webhook_key")

"""backend/web/first_admin.py"""

import io
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from backend import logs
from backend.errors import SettingsError
from backend.records.database import Database
from backend.records.users import Users
from backend.settings import Settings
from backend.web.first_admin import forget_generated_password, make_first_admin
from backend.web.passwords import is_password
from backend.web.secret_file import admin_password_file
from tests.records.conftest import StillClock, database

__all__ = ["database"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def users(database: Database) -> Users:
    return Users(database, StillClock())


def settings(folder: Path) -> Settings:
    return Settings(offhook_env="test", data_dir=folder)


def test_the_first_start_makes_an_admin_whose_password_only_its_file_knows(
    tmp_path: Path, users: Users, capfd: pytest.CaptureFixture[str]
) -> None:
    """Mode 600, in no log; the second start changes nothing."""
    said = io.StringIO()
    logs.configure("DEBUG", stream=said)
    made = make_first_admin(settings(tmp_path), users)
    file = admin_password_file(tmp_path)
    password = file.read_text().strip()
    again = make_first_admin(settings(tmp_path), users)
    found = users.find("admin")
    printed = capfd.readouterr()

    assert made is not None and made.role == "admin" and again is None
    assert found is not None and is_password(password, found.password_hash)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and len(password) == 20
    assert password not in said.getvalue() + printed.out + printed.err and str(file) in said.getvalue()


def test_after_it_was_forgotten_a_start_makes_no_other(tmp_path: Path, users: Users) -> None:
    """The admin has a password of their own now."""
    make_first_admin(settings(tmp_path), users)
    forget_generated_password(settings(tmp_path))
    forget_generated_password(settings(tmp_path))

    assert make_first_admin(settings(tmp_path), users) is None
    assert not admin_password_file(tmp_path).exists()


def test_a_start_that_died_half_way_is_finished_by_the_next(tmp_path: Path, users: Users) -> None:
    """The file was written, the user was not made: the file's password is theirs."""
    admin_password_file(tmp_path).write_text("a password of before\n")
    make_first_admin(settings(tmp_path), users)
    found = users.find("admin")

    assert found is not None and is_password("a password of before", found.password_hash)


def test_machines_that_start_together_on_one_database_leave_one_password(tmp_path: Path, database: Database) -> None:
    """Each with a folder of its own, two with the same: the file that is left opens the door."""
    folders = [tmp_path / "one", tmp_path / "two", tmp_path / "two", tmp_path / "three"]
    code = """
import sys; from pathlib import Path
from backend.clock import SystemClock; from backend.records.database import Database
from backend.records.users import Users; from backend.settings import Settings
from backend.web.first_admin import make_first_admin
make_first_admin(Settings(offhook_env="test", data_dir=Path(sys.argv[1])), Users(Database(sys.argv[2]), SystemClock()))
"""
    racing = [subprocess.Popen([sys.executable, "-c", code, folder, database.url], cwd=ROOT) for folder in folders]

    assert [process.wait(100) for process in racing] == [0] * 4
    found = Users(database, StillClock()).find("admin")
    (left,) = {admin_password_file(folder) for folder in folders if admin_password_file(folder).exists()}
    assert found is not None and is_password(left.read_text().strip(), found.password_hash)


@pytest.mark.parametrize("content", ["", "short\n"])
def test_a_useless_file_stops_the_start(tmp_path: Path, users: Users, content: str) -> None:
    """Rather than an admin without a password."""
    admin_password_file(tmp_path).write_text(content)
    with pytest.raises(SettingsError, match="no usable password"):
        make_first_admin(settings(tmp_path), users)
    assert users.list() == []


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, users: Users) -> None:
    """DATA_DIR is a file."""
    (tmp_path / "data").write_text("x")
    with pytest.raises(SettingsError, match="DATA_DIR"):
        make_first_admin(settings(tmp_path / "data"), users)

"""backend/cli/user_commands.py, over the database of an installation that does not run."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from backend.cli import main
from backend.records.database import Database
from backend.records.migrate import migrate
from backend.records.users import Credentials, Users
from backend.settings import Settings
from backend.web.first_admin import make_first_admin
from backend.web.passwords import is_password
from backend.web.secret_file import admin_password_file
from tests.records.conftest import StillClock

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments, **more: CliRunner().invoke(main, ["users", *arguments], **more)


@pytest.fixture
def users(tmp_path: Path, run: Run) -> Iterator[Users]:
    url = Settings(offhook_env="test", data_dir=tmp_path / "data").records_url
    migrate(url)
    database = Database(url)
    yield Users(database, StillClock())
    database.close()


def found(users: Users, name: str) -> Credentials:
    credentials = users.find(name)
    assert credentials is not None
    return credentials


def test_a_lost_password_is_replaced_and_printed_once(tmp_path: Path, run: Run, users: Users) -> None:
    """The way back in: the new one opens, the old one and its file are gone, sessions are over."""
    make_first_admin(Settings(offhook_env="test", data_dir=tmp_path / "data"), users)
    old, before = admin_password_file(tmp_path / "data").read_text().strip(), found(users, "admin")
    result = run("password")
    after = found(users, "admin")
    printed = re.search(r"password (\S+)", result.output)

    assert result.exit_code == 0 and printed is not None
    assert is_password(printed[1], after.password_hash) and not is_password(old, after.password_hash)
    assert after.seal != before.seal and not admin_password_file(tmp_path / "data").exists()


def test_on_a_machine_that_never_started_a_user_can_be_made(run: Run) -> None:
    """The database is made; the list shows who is there."""
    assert run("add", "Eva", "--role", "admin").exit_code == 0
    assert re.search(r"eva\s+│ admin", run("list").output)


def test_a_password_can_be_typed(run: Run, users: Users) -> None:
    """Twice, unseen, and long enough."""
    short = run("add", "eva", "--ask", input="short\nshort\n")
    good = run("add", "eva", "--ask", input="correct horse battery\ncorrect horse battery\n")

    assert (short.exit_code, good.exit_code) == (2, 0) and "correct horse" not in good.output
    assert is_password("correct horse battery", found(users, "eva").password_hash)


def test_roles_change_and_users_go(run: Run, users: Users) -> None:
    """But the last admin stays."""
    run("add", "root", "--role", "admin")
    run("add", "eva")
    assert run("role", "eva", "editor").exit_code == 0 and found(users, "eva").user.role == "editor"
    assert run("remove", "eva").exit_code == 0 and users.find("eva") is None
    refused = run("remove", "root")

    assert refused.exit_code == 1 and "last admin" in refused.output and "Traceback" not in refused.output


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["add", "a b"], 2, "letters"),
        (["add", "root"], 1, "already"),
        (["add", "eva", "--role", "owner"], 2, "owner"),
        (["password", "nobody"], 1, "no such user"),
        (["remove", "nobody"], 1, "no such user"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(run: Run, arguments: list[str], code: int, says: str) -> None:
    """2 for wrong usage, 1 for a refusal."""
    run("add", "root", "--role", "admin")
    result = run(*arguments)

    assert result.exit_code == code and says in result.output

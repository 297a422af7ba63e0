"""backend/records/database.py"""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.records import database as module
from backend.records.database import Database, make_engine, off_hub, reject_unstorable, storable
from backend.records.errors import RecordsUnavailable, UnstorableText

ROOT = Path(__file__).parents[2]

UNDER_GEVENT = """
from gevent import monkey; monkey.patch_all()
import sys, time, gevent
from backend.clock import SystemClock
from backend.records.agents import Agents
from backend.records.calls import CallFinish, Calls, CallStart, Turn
from backend.records.database import Database, off_hub
from backend.records.migrate import migrate
url = sys.argv[1]
migrate(url)
database = Database(url)
calls, agents = Calls(database), Agents(database, SystemClock())
get_ident = monkey.get_original("_thread", "get_ident")
assert off_hub(get_ident) != get_ident(), "ran in the hub"
assert off_hub(lambda: off_hub(get_ident)) != get_ident(), "nested"
try:
    off_hub(lambda: 1 / 0)
except ZeroDivisionError:
    pass
ticks = []
ticker = gevent.spawn(lambda: [ticks.append(gevent.sleep(0.01)) for _ in range(10 ** 6)])
real_sleep = monkey.get_original("time", "sleep")
off_hub(lambda: real_sleep(0.3))
assert len(ticks) > 10, "the hub stood still"
def one(number):
    start = CallStart(f"v3:{number % 50}", "incoming", "a", 1, "+1", "+2", float(number))
    calls.start(start)
    calls.list(limit=3)
    agents.list()
    return calls.finish(start, CallFinish(5.0, "done", "caller", turns=[Turn("caller", "hi", 2.0)] * 3))
running = [gevent.spawn(one, number) for number in range(150)]
gevent.joinall(running, timeout=30, raise_error=True)
assert all(greenlet.successful() for greenlet in running), "stuck"
assert sum(greenlet.value for greenlet in running) == 50, "finished more or less than once"
print("fine")
"""


def test_under_gevent_the_work_runs_in_a_real_thread_and_nothing_gets_stuck(tmp_path: Path) -> None:
    """A patched process of its own: the hub goes on, errors arrive, 150 greenlets come through."""
    done = subprocess.run(
        [sys.executable, "-c", UNDER_GEVENT, f"sqlite:///{tmp_path / 'x.sqlite3'}"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.stdout, done.stderr) == ("fine\n", "")


def test_without_gevent_it_is_a_plain_call() -> None:
    """Returns and raises what the function does."""
    assert off_hub(lambda: 7) == 7
    with pytest.raises(KeyError):
        off_hub(lambda: {}["x"])


def test_sqlite_keeps_our_habits(database: Database) -> None:
    """Readers beside a writer, foreign keys, patience with another writer."""

    def read(session: Session) -> list[object]:
        return [
            session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        ]

    assert database.read(read) == ["wal", 1, 5000]


def test_a_failed_write_stores_nothing(database: Database) -> None:
    """All of it or none."""

    def write(session: Session) -> None:
        session.execute(text("INSERT INTO agents VALUES ('a', 1, 0, 0, NULL)"))
        raise KeyError("x")

    with pytest.raises(KeyError):
        database.write(write)
    assert database.read(lambda session: session.execute(text("SELECT count(*) FROM agents")).scalar()) == 0


def test_a_locked_database_is_our_error_after_the_waiting_time(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the write lock: readers go on, the writer is refused, later it works."""
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.05)
    impatient = Database(database.url)
    holder = sqlite3.connect(tmp_path / "records.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    impatient.ping()
    with pytest.raises(RecordsUnavailable, match="locked") as caught:
        impatient.write(lambda session: session.execute(text("SELECT 1")))
    assert caught.value.retryable

    holder.execute("ROLLBACK")
    holder.close()
    impatient.write(lambda session: session.execute(text("SELECT 1")))
    impatient.close()


def test_a_database_that_cannot_be_opened_is_our_error(tmp_path: Path) -> None:
    """And its message holds no statement with values."""
    folder = tmp_path / "x.sqlite3"
    folder.mkdir()
    with pytest.raises(RecordsUnavailable) as caught:
        Database(f"sqlite:///{folder}").ping()
    assert "SELECT" not in str(caught.value)


def test_a_forked_process_connects_anew(database: Database) -> None:
    """A connection made before the fork is never used after it."""
    before = database.engine()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        ok = database.engine() is not before
        database.ping()
        os.write(writer, b"y" if ok else b"n")
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reader, 1) == b"y" and database.engine() is before
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", ["fine", {"k": ["\udfff"]}], {"a\x00": 1}])
def test_what_would_not_come_back_is_refused_with_its_path(value: object) -> None:
    """NUL and half a surrogate pair, at any depth."""
    with pytest.raises(UnstorableText, match="^config"):
        reject_unstorable(value, "config")


def test_words_that_must_not_be_lost_can_be_made_storable() -> None:
    """What cannot be stored is replaced, the rest stays."""
    cleaned = storable("a\x00b \ud83d é 🙂")

    assert cleaned == "a\ufffdb ? é 🙂"
    reject_unstorable(cleaned, "x")


def test_an_engine_for_a_file_makes_its_folder(tmp_path: Path) -> None:
    """DATA_DIR need not exist."""
    make_engine(f"sqlite:///{tmp_path / 'a' / 'b' / 'x.sqlite3'}").dispose()

    assert (tmp_path / "a" / "b").is_dir()


def test_a_new_database_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """Folder, file, and what SQLite puts beside it: they hold what callers said. An old file keeps its mode."""
    database = Database(f"sqlite:///{tmp_path / 'data' / 'records.sqlite3'}")
    database.write(lambda session: session.execute(text("create table t (x int)")))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert modes.pop("records.sqlite3") == 0o600 and set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    database.close()

    (tmp_path / "data" / "records.sqlite3").chmod(0o640)
    database = Database(database.url)
    database.ping()
    database.close()
    assert stat.S_IMODE((tmp_path / "data" / "records.sqlite3").stat().st_mode) == 0o640

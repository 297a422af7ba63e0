"""A migrated SQLite database in a folder of its own, and a clock that stands until it is moved."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.records.agents import Agents
from backend.records.calls import Calls
from backend.records.database import Database
from backend.records.migrate import migrate


class StillClock:
    """Both clocks show `now`."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'records.sqlite3'}"
    migrate(url)
    found = Database(url)
    yield found
    found.close()


@pytest.fixture
def agents(database: Database, clock: StillClock) -> Agents:
    return Agents(database, clock)


@pytest.fixture
def calls(database: Database) -> Calls:
    return Calls(database)

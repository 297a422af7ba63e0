"""A rig per test, over a database that was migrated once; no greenlet may die of a bug unseen."""

import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
import structlog

from backend import logs
from backend.call.agent_config import AgentConfig
from backend.records.database import Database
from backend.records.migrate import migrate
from tests.session.rig import Rig


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the present schema, to be copied."""
    path = tmp_path_factory.mktemp("records") / "empty.sqlite3"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def records(migrated: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "records.sqlite3"
    shutil.copy(migrated, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture(autouse=True)
def greenlet_failures() -> Iterator[list[str]]:
    """What greenlets died of. A test that expects it empties the list."""
    hub, failures = gevent.get_hub(), list[str]()
    before = hub.handle_error

    def note(context: Any, kind: Any, value: Any, trace: Any) -> None:
        failures.append(f"{context}: {kind.__name__}: {value}")

    hub.handle_error = note
    yield failures
    hub.handle_error = before
    assert failures == []


@pytest.fixture
def rig(records: Database) -> Rig:
    return Rig(records)


@pytest.fixture
def agent() -> AgentConfig:
    """Two check-ins after a second each, a goodbye, both voices."""
    return make_agent()


def make_agent(**changes: Any) -> AgentConfig:
    dead_air = {
        "silence_timeout_normal": 2, "silence_timeout_hold_on": 4, "max_checkins_before_disconnect": 1,
        "checkin_message": "Still there?", "final_wait": 1, "goodbye_message": "Goodbye now.",
    }  # fmt: skip
    values: dict[str, Any] = {
        "name": "Ada", "greeting": "Hello.", "voice": "first", "fallback_voice": "second",
        "settings": {"dead_air_settings": dead_air}, **changes,
    }  # fmt: skip
    return AgentConfig.model_validate(values)


@pytest.fixture
def log_text() -> Iterator[Callable[[], str]]:
    """Everything logged, as it is written."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    logs.configure("DEBUG", worker="worker-1", stream=stream)
    yield stream.getvalue
    root.handlers[:], root.level = before
    structlog.reset_defaults()


@pytest.fixture
def logged(log_text: Callable[[], str]) -> Callable[[], list[dict[str, Any]]]:
    """The same, parsed."""
    return lambda: [json.loads(line) for line in log_text().splitlines()]

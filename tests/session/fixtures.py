"""Fixtures for whoever tests with a rig: `tests/conftest.py` hands them to all folders."""

import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from backend import logs
from backend.call.agent_config import AgentConfig
from backend.records.database import Database
from backend.records.migrate import migrate
from tests.session.rig import Rig, make_agent


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


@pytest.fixture
def rig(records: Database) -> Rig:
    return Rig(records)


@pytest.fixture
def agent() -> AgentConfig:
    """Two check-ins after a second each, a goodbye, both voices."""
    return make_agent()


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

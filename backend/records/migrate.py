"""Bring a database to the present schema, from any earlier one or from nothing.

Every process may call it when it starts; they take turns (a file lock beside a SQLite database, an advisory lock in
PostgreSQL), the first does the work and the others find it done. All steps are one transaction: a process that dies
half way leaves the old schema.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from backend.records.database import make_engine, off_hub
from backend.records.errors import RecordsUnavailable

MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x0FF_400C


def migrate(database_url: str) -> None:
    """Upgrade to the newest schema. Raises RecordsUnavailable when the database cannot be reached."""
    off_hub(lambda: _migrate(database_url))


def _migrate(database_url: str) -> None:
    engine = make_engine(database_url)
    try:
        with _one_at_a_time(database_url), engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            command.upgrade(alembic_config(connection), "head")
    except OperationalError as error:
        raise RecordsUnavailable(f"the database cannot be migrated: {error.orig}") from error
    finally:
        engine.dispose()


def alembic_config(connection: Connection) -> Config:
    """Alembic's view of our migrations, on an open connection: no ini file, no logging set-up of its own."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _one_at_a_time(database_url: str) -> Iterator[None]:
    database = make_url(database_url).database
    if make_url(database_url).get_backend_name() != "sqlite" or not database or database == ":memory:":
        yield
        return
    path = os.path.abspath(database)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.migrate-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go when the file is closed, also by a crash
        yield

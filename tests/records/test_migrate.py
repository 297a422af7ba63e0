"""backend/records/migrate.py, models.py and migrations/"""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from backend.records.database import Database, make_engine
from backend.records.errors import RecordsUnavailable
from backend.records.migrate import MIGRATIONS, alembic_config, migrate
from backend.records.models import Base

ROOT = Path(__file__).parents[2]
HEAD = ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_the_migrations_lead_to_exactly_the_models(database: Database) -> None:
    """A forgotten migration shows here."""
    with database.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})

        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    """Every start of every process calls it."""
    url = f"sqlite:///{tmp_path / 'new' / 'folder' / 'x.sqlite3'}"
    migrate(url)
    migrate(url)


def test_there_is_one_line_of_migrations_and_each_can_go_back(tmp_path: Path) -> None:
    """Up, down to nothing, up again."""
    engine = make_engine(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    with engine.begin() as connection:
        config = alembic_config(connection)
        assert len(ScriptDirectory.from_config(config).get_heads()) == 1
        command.upgrade(config, "head")
        command.downgrade(config, "base")
        names = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert names == {"alembic_version"}
        command.upgrade(config, "head")
    engine.dispose()


def test_processes_that_migrate_at_the_same_moment_take_turns(tmp_path: Path) -> None:
    """Six starts on an empty folder: all succeed, one schema."""
    code = f"from backend.records.migrate import migrate; migrate('sqlite:///{tmp_path / 'x.sqlite3'}')"
    racing = [subprocess.Popen([sys.executable, "-W", "error", "-c", code], cwd=ROOT) for _ in range(6)]

    assert [process.wait(60) for process in racing] == [0] * 6
    connection = sqlite3.connect(tmp_path / "x.sqlite3")
    assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    connection.close()


def test_a_migration_that_fails_half_way_leaves_the_old_schema(tmp_path: Path) -> None:
    """A table in the way of the last step: none of the earlier steps remain."""
    path = tmp_path / "x.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE call_events (x)")
    connection.commit()
    with pytest.raises(RecordsUnavailable):
        migrate(f"sqlite:///{path}")

    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("call_events",)]
    connection.close()


def test_the_tables_compile_for_postgresql() -> None:
    """Without a server; the types and names exist there."""
    dialect = postgresql.dialect()
    for table in Base.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect)) and len(str(index.name)) < 63

"""The rehearsals that an installation writes itself: YAML by name, each with a version.

Decides nothing about what the YAML says: who stores has it checked (`backend/rehearsal/scenario_problems.py`). Those that
come with the product are files and cannot be stored here; that too is the caller's to see to. Any worker may ask.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.clock import Clock
from backend.records.database import Database, reject_unstorable
from backend.records.errors import StaleRehearsal, UnknownRecord
from backend.records.models import RehearsalRow


@dataclass(frozen=True, slots=True)
class OwnRehearsal:
    """One of them. `updated_at`: wall-clock seconds."""

    name: str
    yaml: str
    version: int
    updated_at: float


class Rehearsals:
    """All of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def all(self) -> list[OwnRehearsal]:
        """By name."""

        def read(session: Session) -> list[OwnRehearsal]:
            return [_own(row) for row in session.scalars(select(RehearsalRow).order_by(RehearsalRow.name))]

        return self._database.read(read)

    def get(self, name: str) -> OwnRehearsal:
        """Raises UnknownRecord."""
        return self._database.read(lambda session: _own(_row(session, name)))

    def put(self, name: str, yaml: str, expected_version: int | None) -> OwnRehearsal:
        """Stores it under this name. `expected_version`: the version that was edited, 0 where it must be new, None where
        the author does not mind. Raises StaleRehearsal; then nothing has changed."""
        reject_unstorable(yaml, "yaml")

        def write(session: Session) -> OwnRehearsal:
            row = session.get(RehearsalRow, name, with_for_update=True)
            present = row.version if row is not None else 0
            if expected_version is not None and expected_version != present:
                raise StaleRehearsal(expected_version, present)
            if row is None:
                row = RehearsalRow(name=name, version=0)
                session.add(row)
            row.yaml, row.version, row.updated_at = yaml, present + 1, self._clock.wall()
            return _own(row)

        return self._database.write(write)

    def delete(self, name: str) -> None:
        """Raises UnknownRecord."""
        self._database.write(lambda session: session.delete(_row(session, name)))


def _row(session: Session, name: str) -> RehearsalRow:
    row = session.get(RehearsalRow, name)
    if row is None:
        raise UnknownRecord("there is no such rehearsal")
    return row


def _own(row: RehearsalRow) -> OwnRehearsal:
    return OwnRehearsal(row.name, row.yaml, row.version, row.updated_at)

"""What is known of each call's recording, and its file: begun, ended, shown, deleted together.

| state        | means                                                                                              |
|--------------|----------------------------------------------------------------------------------------------------|
| `recording`  | the call is running, or its worker died; `settle` finds out                                        |
| `complete`   | all of the call, from the end of its notice on                                                     |
| `incomplete` | it can be played as far as it came: the disk refused, or the worker died                           |
| `failed`     | there is nothing to play                                                                           |

A row may be there before its call's own: both are written in the background. Files are removed before their row, so that
a file is never forgotten; what no row knows is removed by `sweep` after a day. Files and SQL are both reached off the hub.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from backend.records.database import Database
from backend.records.disk import on_disk
from backend.records.models import CallRow, RecordingRow
from backend.records.recording_files import RecordingFiles, Waveform

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

RecordingState = Literal["recording", "complete", "incomplete", "failed"]

SETTLE_AFTER_S = 120.0
"""How long after its call has ended a recording may still be written to; then its writer is gone."""
LONGEST_S = 14_400.0 + 600.0
ORPHAN_S = 86_400.0
_A_DAY_S = 86_400.0
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """One recording. `started_at` is in wall-clock seconds: its first sample."""

    state: RecordingState
    started_at: float
    duration_s: float
    bytes: int


class Recordings:
    """All of them. `keep_days` 0: until they are deleted."""

    def __init__(self, database: Database, files: RecordingFiles, keep_days: int = 0) -> None:
        self._database = database
        self.files = files
        self._keep_days = keep_days

    def began(self, call_control_id: str, started_at: float) -> None:
        self._put(call_control_id, RecordingFacts("recording", started_at, 0.0, 0))

    def ended(self, call_control_id: str, facts: RecordingFacts) -> None:
        """Also where its beginning could not be stored."""
        self._put(call_control_id, facts)

    def get(self, call_control_id: str) -> RecordingFacts | None:
        """None: the call is not recorded, or its recording was removed."""

        def read(session: Session) -> RecordingFacts | None:
            row = session.get(RecordingRow, call_control_id)
            return None if row is None else _facts(row)

        return self._database.read(read)

    def waveform(self, call_control_id: str, *, is_final: bool) -> Waveform:
        """Raises FileNotFoundError or another OSError."""
        return on_disk(lambda: self.files.waveform(call_control_id, is_final=is_final))

    def delete(self, call_control_id: str) -> None:
        """File, waveform and row. Harmless when there is none; OSError when the file cannot be removed."""
        on_disk(lambda: self.files.delete(call_control_id))
        self._database.write(
            lambda session: session.execute(delete(RecordingRow).where(RecordingRow.call_control_id == call_control_id))
        )

    def sweep(self, now: float) -> None:
        """Settle what its writer left, remove what was kept long enough and what nobody knows. `now`: wall clock."""
        for call_control_id in self._unsettled(now):
            self._settle(call_control_id)
        if self._keep_days:
            for call_control_id in self._due(now - self._keep_days * _A_DAY_S):
                log.info("recording_removed", call_control_id=call_control_id, reason="kept long enough")
                self.delete(call_control_id)
        self._remove_orphans(now - ORPHAN_S)

    # --- inside ---

    def _put(self, call_control_id: str, facts: RecordingFacts) -> None:
        values: dict[str, Any] = {name: getattr(facts, name) for name in facts.__slots__}

        def write(session: Session) -> None:
            insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
            statement = insert(RecordingRow).values(call_control_id=call_control_id, **values)
            session.execute(statement.on_conflict_do_update(index_elements=["call_control_id"], set_=values))

        self._database.write(write)

    def _unsettled(self, now: float) -> list[str]:
        """Said to be recording although the call has been over for a while, or cannot be running any more."""
        over = (CallRow.ended_at < now - SETTLE_AFTER_S) | (RecordingRow.started_at < now - LONGEST_S)
        query = (
            select(RecordingRow.call_control_id)
            .outerjoin(CallRow, CallRow.call_control_id == RecordingRow.call_control_id)
            .where(RecordingRow.state == "recording", over)
            .limit(_AT_ONCE)
        )
        return self._database.read(lambda session: list(session.scalars(query)))

    def _settle(self, call_control_id: str) -> None:
        duration_s, size = on_disk(lambda: self.files.length(call_control_id))
        state = "incomplete" if duration_s > 0 else "failed"
        log.warning("recording_settled", call_control_id=call_control_id, state=state, duration_s=duration_s)
        change = (
            update(RecordingRow)
            .where(RecordingRow.call_control_id == call_control_id, RecordingRow.state == "recording")
            .values(state=state, duration_s=duration_s, bytes=size)
        )
        self._database.write(lambda session: session.execute(change))

    def _due(self, before: float) -> list[str]:
        query = (
            select(RecordingRow.call_control_id)
            .where(RecordingRow.started_at < before, RecordingRow.state != "recording")
            .limit(_AT_ONCE)
        )
        return self._database.read(lambda session: list(session.scalars(query)))

    def _remove_orphans(self, before: float) -> None:
        old = on_disk(lambda: list(self.files.left_since(before)))
        lost = (
            select(RecordingRow.call_control_id)
            .outerjoin(CallRow, CallRow.call_control_id == RecordingRow.call_control_id)
            .where(CallRow.call_control_id.is_(None), RecordingRow.started_at < before)
            .limit(_AT_ONCE)
        )
        for call_control_id in self._database.read(lambda session: list(session.scalars(lost))):
            self.delete(call_control_id)  # its call was removed while it was being closed
        if not old:
            return
        calls = self._database.read(lambda session: list(session.scalars(select(RecordingRow.call_control_id))))
        known = {self.files.path(call).stem for call in calls}
        for path in old:
            if path.stem not in known:
                log.warning("recording_without_a_call_removed", name=path.name)
                on_disk(partial(path.unlink, missing_ok=True))


def _facts(row: RecordingRow) -> RecordingFacts:
    return RecordingFacts(row.state, row.started_at, row.duration_s, row.bytes)  # type: ignore[arg-type]  # only our own words were stored

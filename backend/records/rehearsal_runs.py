"""The runs of rehearsals: a queue, a diary and an archive in three tables, so that any worker can tell how a run stands.

    queued ──take──▶ running ──finish──▶ passed | failed | broken
       └───cancel──────────────────────────────────▶ broken

One run at a time in the whole installation: `take` gives the oldest one that waits, and nothing while another is running.
Who plays a run says so every second (`beat`); a run whose player has been silent for `SILENT_S` is broken, whoever notices
it (`break_silent`), and the next one goes on. What a player that was given up writes afterwards changes nothing.

Decides nothing about calls; `backend/workers/rehearsals.py` plays. Instants are wall-clock seconds.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from backend.clock import Clock
from backend.records.database import Database, reject_unstorable, storable
from backend.records.errors import UnknownRecord
from backend.records.models import RehearsalRunRow, RehearsalTimelineRow

QUEUED, RUNNING, PASSED, FAILED, BROKEN = "queued", "running", "passed", "failed", "broken"
OVER = (PASSED, FAILED, BROKEN)
SILENT_S = 15.0
"""A player that has not said for so long that it is there has died."""
LONGEST_PROBLEM = 2000


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `result` is what `backend/rehearsal/report.py` builds; None until it is over, and where it broke."""

    id: str
    name: str
    yaml: str
    agent_id: str
    """"": the rehearsal's own agent."""
    agent_version: int
    agent_name: str
    state: str
    queued_at: float
    started_at: float | None
    ended_at: float | None
    call_control_id: str
    problem: str
    is_cancelled: bool
    result: dict[str, Any] | None
    recording_s: float | None
    """None: there is no recording."""

    @property
    def is_over(self) -> bool:
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One line. `at_s`: since the answer, before it since the ringing began."""

    number: int
    at_s: float
    kind: str
    words: str
    is_trouble: bool


class RehearsalRuns:
    """All of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # -- for those who ask -------------------------------------------------------------------------------------------

    def queue(self, name: str, yaml: str, *, agent_id: str = "", agent_version: int = 0, agent_name: str = "") -> str:
        """The new run's id."""
        reject_unstorable(yaml, "yaml")
        run_id = uuid.uuid4().hex

        def write(session: Session) -> str:
            session.add(
                RehearsalRunRow(
                    id=run_id, name=name, yaml=yaml, agent_id=agent_id, agent_version=agent_version,
                    agent_name=agent_name, state=QUEUED, queued_at=self._clock.wall(), call_control_id="", problem="",
                    is_cancelled=False,
                )
            )  # fmt: skip
            return run_id

        return self._database.write(write)

    def get(self, run_id: str) -> Run:
        """Raises UnknownRecord."""
        return self._database.read(lambda session: _run(_row(session, run_id)))

    def newest(self, name: str | None = None, limit: int = 50) -> list[Run]:
        """Newest first."""
        query = _newest_first().limit(limit)
        if name is not None:
            query = query.where(RehearsalRunRow.name == name)
        return self._database.read(lambda session: [_run(row) for row in session.scalars(query)])

    def last_of_each(self) -> dict[str, Run]:
        """By rehearsal, the newest run."""
        newest = (
            select(RehearsalRunRow.name, func.max(RehearsalRunRow.queued_at).label("at"))
            .group_by(RehearsalRunRow.name)
            .subquery()
        )
        query = select(RehearsalRunRow).join(
            newest, (RehearsalRunRow.name == newest.c.name) & (RehearsalRunRow.queued_at == newest.c.at)
        )
        return self._database.read(lambda session: {row.name: _run(row) for row in session.scalars(query)})

    def before(self, run: Run) -> Run | None:
        """The last run of the same rehearsal before this one that came to a verdict."""
        query = _newest_first().where(
            RehearsalRunRow.name == run.name,
            RehearsalRunRow.queued_at < run.queued_at,
            RehearsalRunRow.state.in_((PASSED, FAILED)),
        )

        def read(session: Session) -> Run | None:
            row = session.scalars(query.limit(1)).first()
            return _run(row) if row is not None else None

        return self._database.read(read)

    def ahead_of(self, run: Run) -> int:
        """How many runs come before this one."""
        query = select(func.count()).where(
            RehearsalRunRow.state.in_((QUEUED, RUNNING)), RehearsalRunRow.queued_at < run.queued_at
        )
        return self._database.read(lambda session: session.scalar(query) or 0) if run.state == QUEUED else 0

    def timeline(self, run_id: str, after: int = -1) -> list[TimelineLine]:
        """What has happened, in order, after the line with the number `after`."""
        query = (
            select(RehearsalTimelineRow)
            .where(RehearsalTimelineRow.run_id == run_id, RehearsalTimelineRow.number > after)
            .order_by(RehearsalTimelineRow.number)
        )
        return self._database.read(
            lambda session: [
                TimelineLine(row.number, row.at_s, row.kind, row.words, row.is_trouble)
                for row in session.scalars(query)
            ]
        )

    def cancel(self, run_id: str) -> bool:
        """A waiting run is over at once, a running one as soon as its player looks. False: it was over. Raises
        UnknownRecord."""

        def write(session: Session) -> bool:
            row = _row(session, run_id)
            if row.state == QUEUED:
                row.state, row.ended_at, row.problem = BROKEN, self._clock.wall(), "cancelled before it began"
            elif row.state == RUNNING:
                row.is_cancelled = True
            else:
                return False
            return True

        return self._database.write(write)

    # -- for those who play ------------------------------------------------------------------------------------------

    def take(self) -> Run | None:
        """The oldest run that waits, now running; None when none waits or another is running."""

        def write(session: Session) -> Run | None:
            if session.scalar(select(func.count()).where(RehearsalRunRow.state == RUNNING)):
                return None
            oldest = select(RehearsalRunRow).where(RehearsalRunRow.state == QUEUED)
            row = session.scalars(
                oldest.order_by(RehearsalRunRow.queued_at, RehearsalRunRow.id).limit(1).with_for_update()
            ).first()
            if row is None:
                return None
            now = self._clock.wall()
            row.state, row.started_at, row.beat_at = RUNNING, now, now
            return _run(row)

        return self._database.write(write)

    def beat(self, run_id: str) -> bool:
        """The player is there. False: it must stop, the run was cancelled or given up."""

        def write(session: Session) -> bool:
            row = session.get(RehearsalRunRow, run_id)
            if row is None or row.state != RUNNING:
                return False
            row.beat_at = self._clock.wall()
            return not row.is_cancelled

        return self._database.write(write)

    def break_silent(self) -> list[Run]:
        """Runs whose player has died are over. Returns them."""

        def write(session: Session) -> list[Run]:
            now = self._clock.wall()
            silent = select(RehearsalRunRow).where(
                RehearsalRunRow.state == RUNNING, RehearsalRunRow.beat_at < now - SILENT_S
            )
            rows = list(session.scalars(silent.with_for_update(skip_locked=True)))
            for row in rows:
                row.state, row.ended_at = BROKEN, now
                row.problem = "the process that played it has died"
            return [_run(row) for row in rows]

        return self._database.write(write)

    def add_lines(self, run_id: str, lines: Sequence[TimelineLine], call_control_id: str = "") -> None:
        """What has happened since, and the call as soon as it is known. Changes nothing in a run that is over."""

        def write(session: Session) -> None:
            row = session.get(RehearsalRunRow, run_id)
            if row is None or row.state != RUNNING:
                return
            row.call_control_id = call_control_id or row.call_control_id
            for line in lines:
                session.add(
                    RehearsalTimelineRow(
                        run_id=run_id, number=line.number, at_s=line.at_s, kind=line.kind[:32],
                        words=storable(line.words), is_trouble=line.is_trouble,
                    )
                )  # fmt: skip

        self._database.write(write)

    def finish(
        self,
        run_id: str,
        state: str,
        *,
        problem: str = "",
        result: dict[str, Any] | None = None,
        recording_s: float | None = None,
    ) -> bool:
        """The end of a running run. False: it had been given up, and stays as it is."""

        def write(session: Session) -> bool:
            ended = session.execute(
                update(RehearsalRunRow)
                .where(RehearsalRunRow.id == run_id, RehearsalRunRow.state == RUNNING)
                .values(
                    state=state, ended_at=self._clock.wall(), problem=storable(problem)[:LONGEST_PROBLEM],
                    result=result, recording_s=recording_s,
                )
                .returning(RehearsalRunRow.id)
            ).first()  # fmt: skip
            return ended is not None

        return self._database.write(write)

    def forget(self, name: str, keep: int) -> list[str]:
        """Only the newest `keep` finished runs of this rehearsal stay. Returns the ids of the others, now gone."""
        finished = select(RehearsalRunRow.id).where(RehearsalRunRow.name == name, RehearsalRunRow.state.in_(OVER))
        older = finished.order_by(RehearsalRunRow.queued_at.desc(), RehearsalRunRow.id.desc()).offset(keep)

        def write(session: Session) -> list[str]:
            gone = list(session.scalars(older.limit(10_000)))
            session.execute(delete(RehearsalRunRow).where(RehearsalRunRow.id.in_(gone)))
            return gone

        return self._database.write(write)


def _newest_first() -> Select[RehearsalRunRow]:
    return select(RehearsalRunRow).order_by(RehearsalRunRow.queued_at.desc(), RehearsalRunRow.id.desc())


def _row(session: Session, run_id: str) -> RehearsalRunRow:
    row = session.get(RehearsalRunRow, run_id)
    if row is None:
        raise UnknownRecord("there is no such run")
    return row


def _run(row: RehearsalRunRow) -> Run:
    return Run(**{name: getattr(row, name) for name in Run.__slots__})

"""The agents: kept with every version they ever had, and found by the number that was called.

A change names the version it was made from. If that is no longer the present one, nothing is stored and the author is
told: two people with the same form open cannot overwrite each other. A running call keeps the version it began with
(`get_version`), which is why versions are never removed.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.call.agent_config import AgentConfig
from backend.clock import Clock
from backend.records.database import Database, reject_unstorable
from backend.records.errors import NumberTaken, StaleVersion, UnknownRecord
from backend.records.models import AgentNumberRow, AgentRow, AgentVersionRow

DEMO_AGENT_ID = "demo"


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent at one version. Instants are wall-clock seconds."""

    id: str
    version: int
    config: AgentConfig
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class AgentVersion:
    """That a version was saved, and when (wall-clock seconds)."""

    version: int
    created_at: float


class Agents:
    """All agents of the installation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def create(self, config: AgentConfig) -> Agent:
        """Store a new agent as version 1. Raises NumberTaken."""
        reject_unstorable(config.model_dump(mode="json"), "agent")
        return self._database.write(lambda session: self._insert(session, uuid.uuid4().hex, config))

    def list(self) -> list[Agent]:
        """All agents, by name."""

        def read(session: Session) -> list[Agent]:
            rows = session.execute(_present()).all()
            return [_agent(row, version) for row, version in rows]

        return sorted(self._database.read(read), key=lambda agent: (agent.config.name.casefold(), agent.id))

    def get(self, agent_id: str) -> Agent:
        """The present version. Raises UnknownRecord."""
        return self._database.read(lambda session: _get(session, agent_id))

    def get_version(self, agent_id: str, version: int) -> Agent:
        """One version, of a deleted agent too: a running or finished call may need it. Raises UnknownRecord."""

        def read(session: Session) -> Agent:
            row = session.get(AgentRow, agent_id)
            kept = session.get(AgentVersionRow, (agent_id, version))
            if row is None or kept is None:
                raise UnknownRecord(f"there is no version {version} of this agent")
            return _agent(row, kept)

        return self._database.read(read)

    def versions(self, agent_id: str) -> Sequence[AgentVersion]:
        """All versions, newest first, of a deleted agent too. Raises UnknownRecord."""

        def read(session: Session) -> Sequence[AgentVersion]:
            query = (
                select(AgentVersionRow.version, AgentVersionRow.created_at)
                .where(AgentVersionRow.agent_id == agent_id)
                .order_by(AgentVersionRow.version.desc())
            )
            return [AgentVersion(version, created_at) for version, created_at in session.execute(query)]

        found = self._database.read(read)
        if not found:
            raise UnknownRecord("there is no such agent")
        return found

    def for_number(self, number: str) -> Agent | None:
        """The agent that answers this number, in its present version."""

        def read(session: Session) -> Agent | None:
            query = _present().join(AgentNumberRow, AgentNumberRow.agent_id == AgentRow.id)
            found = session.execute(query.where(AgentNumberRow.number == number)).first()
            return _agent(*found) if found else None

        return self._database.read(read)

    def update(self, agent_id: str, config: AgentConfig, expected_version: int) -> Agent:
        """Store the next version. Raises UnknownRecord, StaleVersion or NumberTaken; then nothing has changed."""
        reject_unstorable(config.model_dump(mode="json"), "agent")

        def write(session: Session) -> Agent:
            row = session.get(AgentRow, agent_id, with_for_update=True)
            if row is None or row.deleted_at is not None:
                raise UnknownRecord("there is no such agent")
            if row.version != expected_version:
                raise StaleVersion(expected_version, row.version)
            row.version += 1
            row.updated_at = self._clock.wall()
            kept = AgentVersionRow(
                agent_id=agent_id, version=row.version, config=config.model_dump(mode="json"), created_at=row.updated_at
            )
            session.add(kept)
            _store_numbers(session, agent_id, config)
            return _agent(row, kept)

        return self._database.write(write)

    def delete(self, agent_id: str) -> None:
        """Take the agent out of use and free its numbers. Raises UnknownRecord."""

        def write(session: Session) -> None:
            row = session.get(AgentRow, agent_id, with_for_update=True)
            if row is None or row.deleted_at is not None:
                raise UnknownRecord("there is no such agent")
            row.deleted_at = self._clock.wall()
            for number in _numbers_of(session, agent_id):
                session.delete(number)

        self._database.write(write)

    def default_agent(self) -> Agent | None:
        """On an empty database make one agent to play with; else None. Any number of processes may call it."""

        def write(session: Session) -> Agent | None:
            if session.scalar(select(func.count()).select_from(AgentRow)):
                return None
            return self._insert(session, DEMO_AGENT_ID, AgentConfig(name="Demo agent"))

        try:
            return self._database.write(write)
        except IntegrityError:
            return None  # PostgreSQL: another process made it between our look and our insert

    def _insert(self, session: Session, agent_id: str, config: AgentConfig) -> Agent:
        now = self._clock.wall()
        row = AgentRow(id=agent_id, version=1, created_at=now, updated_at=now)
        kept = AgentVersionRow(agent_id=agent_id, version=1, config=config.model_dump(mode="json"), created_at=now)
        session.add(row)
        session.flush()
        session.add(kept)
        _store_numbers(session, agent_id, config)
        return _agent(row, kept)


def _present() -> Select[AgentRow, AgentVersionRow]:
    kept = (AgentVersionRow.agent_id == AgentRow.id) & (AgentVersionRow.version == AgentRow.version)
    return select(AgentRow, AgentVersionRow).join(AgentVersionRow, kept).where(AgentRow.deleted_at.is_(None))


def _get(session: Session, agent_id: str) -> Agent:
    found = session.execute(_present().where(AgentRow.id == agent_id)).first()
    if found is None:
        raise UnknownRecord("there is no such agent")
    return _agent(*found)


def _numbers_of(session: Session, agent_id: str) -> list[AgentNumberRow]:
    return list(session.scalars(select(AgentNumberRow).where(AgentNumberRow.agent_id == agent_id)))


def _store_numbers(session: Session, agent_id: str, config: AgentConfig) -> None:
    wanted = list(dict.fromkeys(config.phone_numbers))
    for row in _numbers_of(session, agent_id):
        if row.number not in wanted:
            session.delete(row)
    session.flush()
    for number in wanted:
        holder = session.get(AgentNumberRow, number)
        if holder is not None and holder.agent_id == agent_id:
            continue
        taken = NumberTaken(number, config.phone_numbers.index(number))
        if holder is not None:
            raise taken
        session.add(AgentNumberRow(number=number, agent_id=agent_id))
        try:
            session.flush()
        except IntegrityError:
            raise taken from None  # PostgreSQL: another transaction took it between our look and our insert


def _agent(row: AgentRow, kept: AgentVersionRow) -> Agent:
    # A version saved by an older release is read by today's schema: what it does not know has its default.
    return Agent(
        id=row.id,
        version=kept.version,
        config=AgentConfig.model_validate(kept.config),
        created_at=row.created_at,
        updated_at=kept.created_at,
    )

"""The tables. Instants are wall-clock seconds since 1970 UTC, as the clocks give them: no time zone can be misread.

| table          | holds                                                       | goes away with |
|----------------|-------------------------------------------------------------|----------------|
| agents         | one row per agent, its present version                      | never: `deleted_at` is set |
| agent_versions | every version ever saved, whole                             | never          |
| agent_numbers  | which agent answers a number; one agent per number          | its agent      |
| calls          | one row per leg                                             | `Calls.delete` |
| turns          | what was said, as far as it was heard                       | its call       |
| call_latencies | per turn, seconds since the caller's end of speech          | its call       |
| call_events    | the compact timeline                                        | its call       |
| after_calls    | summary and webhook of finished calls, done and to be done  | its call       |
| rehearsals     | the installation's own rehearsals, as YAML                  | `Rehearsals.delete` |
| rehearsal_runs | one row per run of a rehearsal, whole with what was played  | newer runs, `RehearsalRuns.forget` |
| rehearsal_timeline | what happened in a run, as it happened                  | its run        |
| recordings     | what is known of a call's recording; the file is on disk    | `Recordings.delete` |
| users          | who signs in: role, hash of the password                    | `Users.delete` |
| api_keys       | keys of programs: role, hash of the key                     | `ApiKeys.delete` |
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Text,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ID_LENGTH = 64
CALL_ID_LENGTH = 255

Seconds = Float(53)


class Base(DeclarativeBase):
    """Named constraints, so that a later migration can name what it changes."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class AgentRow(Base):
    """An agent. What it is stands in its present version."""

    __tablename__ = "agents"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[float] = mapped_column(Seconds)
    updated_at: Mapped[float] = mapped_column(Seconds)
    deleted_at: Mapped[float | None] = mapped_column(Seconds)


class AgentVersionRow(Base):
    """One saved version. Never changed."""

    __tablename__ = "agent_versions"

    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[float] = mapped_column(Seconds)


class AgentNumberRow(Base):
    """Who answers a number: the primary key is what makes it one agent only."""

    __tablename__ = "agent_numbers"

    number: Mapped[str] = mapped_column(String(16), primary_key=True)
    agent_id: Mapped[str] = mapped_column(ForeignKey("agents.id", ondelete="CASCADE"), index=True)


class CallRow(Base):
    """A leg. `ended_at` is set once, by the finish."""

    __tablename__ = "calls"
    __table_args__ = (
        # The list's order, and the list of one agent.
        Index(None, "started_at", "call_control_id"),
        Index(None, "agent_id", "started_at"),
    )

    call_control_id: Mapped[str] = mapped_column(String(CALL_ID_LENGTH), primary_key=True)
    direction: Mapped[str] = mapped_column(String(16))
    agent_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    agent_version: Mapped[int] = mapped_column(Integer)
    from_number: Mapped[str] = mapped_column(String(64))
    to_number: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[float] = mapped_column(Seconds)
    answered_at: Mapped[float | None] = mapped_column(Seconds)
    ended_at: Mapped[float | None] = mapped_column(Seconds)
    outcome: Mapped[str] = mapped_column(String(64), default="")
    who_hung_up: Mapped[str] = mapped_column(String(16), default="")
    hangup_cause: Mapped[str] = mapped_column(String(64), default="")
    check_ins: Mapped[int] = mapped_column(Integer, default=0)


class TurnRow(Base):
    """One line of the transcript."""

    __tablename__ = "turns"
    __table_args__ = (ForeignKeyConstraint(["call_control_id"], ["calls.call_control_id"], ondelete="CASCADE"),)

    call_control_id: Mapped[str] = mapped_column(String(CALL_ID_LENGTH), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    speaker: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[float] = mapped_column(Seconds)
    heard: Mapped[str] = mapped_column(String(16))
    unheard_text: Mapped[str] = mapped_column(Text, server_default=sql("''"))


class LatencyRow(Base):
    """How fast one turn was answered. NULL where that step did not happen."""

    __tablename__ = "call_latencies"
    __table_args__ = (ForeignKeyConstraint(["call_control_id"], ["calls.call_control_id"], ondelete="CASCADE"),)

    call_control_id: Mapped[str] = mapped_column(String(CALL_ID_LENGTH), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    turn_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    end_of_turn_s: Mapped[float | None] = mapped_column(Seconds)
    first_sentence_s: Mapped[float | None] = mapped_column(Seconds)
    first_audio_s: Mapped[float | None] = mapped_column(Seconds)


class CallEventRow(Base):
    """One entry of the timeline."""

    __tablename__ = "call_events"
    __table_args__ = (ForeignKeyConstraint(["call_control_id"], ["calls.call_control_id"], ondelete="CASCADE"),)

    call_control_id: Mapped[str] = mapped_column(String(CALL_ID_LENGTH), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[float] = mapped_column(Seconds)
    name: Mapped[str] = mapped_column(String(64))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)


class RehearsalRow(Base):
    """A rehearsal that this installation wrote itself. Those that come with the product are files."""

    __tablename__ = "rehearsals"

    name: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    yaml: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer)
    updated_at: Mapped[float] = mapped_column(Seconds)


class RehearsalRunRow(Base):
    """One run. `yaml` is what was played, also when the rehearsal was changed since."""

    __tablename__ = "rehearsal_runs"
    __table_args__ = (
        Index(None, "name", "queued_at"),
        # Who looks for work, and who looks for the dead.
        Index(None, "state", "queued_at"),
    )

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    name: Mapped[str] = mapped_column(String(ID_LENGTH))
    yaml: Mapped[str] = mapped_column(Text)
    agent_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    agent_version: Mapped[int] = mapped_column(Integer)
    agent_name: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    queued_at: Mapped[float] = mapped_column(Seconds)
    started_at: Mapped[float | None] = mapped_column(Seconds)
    ended_at: Mapped[float | None] = mapped_column(Seconds)
    beat_at: Mapped[float | None] = mapped_column(Seconds)
    call_control_id: Mapped[str] = mapped_column(String(CALL_ID_LENGTH))
    problem: Mapped[str] = mapped_column(Text)
    is_cancelled: Mapped[bool] = mapped_column(Boolean)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    recording_s: Mapped[float | None] = mapped_column(Seconds)


class RehearsalTimelineRow(Base):
    """One line of a run's timeline."""

    __tablename__ = "rehearsal_timeline"
    __table_args__ = (ForeignKeyConstraint(["run_id"], ["rehearsal_runs.id"], ondelete="CASCADE"),)

    run_id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at_s: Mapped[float] = mapped_column(Seconds)
    kind: Mapped[str] = mapped_column(String(32))
    words: Mapped[str] = mapped_column(Text)
    is_trouble: Mapped[bool] = mapped_column(Boolean)


class RecordingRow(Base):
    """A recording. No foreign key: it may be stored before its call is."""

    __tablename__ = "recordings"

    call_control_id: Mapped[str] = mapped_column(String(CALL_ID_LENGTH), primary_key=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    started_at: Mapped[float] = mapped_column(Seconds, index=True)
    duration_s: Mapped[float] = mapped_column(Seconds)
    bytes: Mapped[int] = mapped_column(BigInteger)


class UserRow(Base):
    """Somebody who signs in. `seal` changes with the password: a session that was begun under another one is over."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(255))
    seal: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float] = mapped_column(Seconds)
    updated_at: Mapped[float] = mapped_column(Seconds)


class ApiKeyRow(Base):
    """The key of a program. Of the key itself only its SHA-256 is kept, and how it begins."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(16))
    secret_hash: Mapped[str] = mapped_column(String(64), index=True, unique=True)
    hint: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[float] = mapped_column(Seconds)
    created_by: Mapped[str] = mapped_column(String(120))
    last_used_at: Mapped[float | None] = mapped_column(Seconds)


class AfterCallRow(Base):
    """What is done, and still to be done, for one finished call. records/after_call.py has the table of states."""

    __tablename__ = "after_calls"
    __table_args__ = (
        ForeignKeyConstraint(["call_control_id"], ["calls.call_control_id"], ondelete="CASCADE"),
        Index(None, "next_at"),
    )

    call_control_id: Mapped[str] = mapped_column(String(CALL_ID_LENGTH), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    created_at: Mapped[float] = mapped_column(Seconds)
    next_at: Mapped[float | None] = mapped_column(Seconds)
    summary_state: Mapped[str] = mapped_column(String(16))
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    summary_attempts: Mapped[int] = mapped_column(Integer)
    summary_error: Mapped[str] = mapped_column(String(255))
    webhook_state: Mapped[str] = mapped_column(String(16))
    webhook_attempts: Mapped[int] = mapped_column(Integer)
    webhook_since: Mapped[float] = mapped_column(Seconds)
    webhook_status: Mapped[int | None] = mapped_column(Integer)
    webhook_error: Mapped[str] = mapped_column(String(255))
    delivered_at: Mapped[float | None] = mapped_column(Seconds)

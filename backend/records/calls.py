"""The calls: one row when a leg begins, everything else in one go when it is over.

Nothing here is in a hurry or in order. A finish may come twice, from two workers, or before its start: the first finish
is kept whole and every other one changes nothing; a start never undoes a finish.
"""

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from backend.records.after_call import note_finished
from backend.records.database import Database, reject_unstorable
from backend.records.errors import UnknownRecord
from backend.records.models import CALL_ID_LENGTH, AgentVersionRow, CallEventRow, CallRow, LatencyRow, TurnRow

Direction = Literal["incoming", "outgoing"]
Heard = Literal["heard", "partly", "unheard"]
WhoHungUp = Literal["caller", "agent", "carrier", "unknown"]

MAX_PAGE = 200
TOOL_ANSWERED = "ToolAnswered"
"""The timeline's name for what came of a tool that the model used: `name`, `arguments` (JSON) and `result`."""


@dataclass(frozen=True, slots=True)
class CallStart:
    """What is known when a leg begins. `started_at` is in wall-clock seconds."""

    call_control_id: str
    direction: Direction
    agent_id: str
    agent_version: int
    from_number: str
    to_number: str
    started_at: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One line of the transcript as heard: of an interrupted answer, `text` is what the caller heard of it."""

    speaker: Literal["caller", "agent"]
    text: str
    at: float
    """Wall-clock seconds at its beginning."""
    heard: Heard = "heard"
    unheard_text: str = ""
    """The rest of it, which the caller did not hear."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds since the caller's end of speech; None where that step did not happen."""

    turn_id: str
    end_of_turn_s: float | None = None
    first_sentence_s: float | None = None
    first_audio_s: float | None = None


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One entry of the timeline. `detail` holds small JSON values only."""

    at: float
    """Wall-clock seconds."""
    name: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallFinish:
    """How a leg ended, and what happened in it."""

    ended_at: float
    outcome: str
    who_hung_up: WhoHungUp
    hangup_cause: str = ""
    answered_at: float | None = None
    check_ins: int = 0
    turns: Sequence[Turn] = ()
    latencies: Sequence[Latency] = ()
    events: Sequence[TimelineEvent] = ()


@dataclass(frozen=True, slots=True)
class CallSummary:
    """One row of the list. Instants are wall-clock seconds; `ended_at` is None while the call is running."""

    call_control_id: str
    direction: str
    agent_id: str
    agent_version: int
    from_number: str
    to_number: str
    started_at: float
    answered_at: float | None
    ended_at: float | None
    outcome: str
    who_hung_up: str
    hangup_cause: str
    check_ins: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call, whole."""

    summary: CallSummary
    turns: list[Turn]
    latencies: list[Latency]
    events: list[TimelineEvent]


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list; None: any."""

    agent_id: str | None = None
    direction: Direction | None = None
    outcome: str | None = None
    number: str | None = None
    """Either side of the call."""
    is_running: bool | None = None
    started_from: float | None = None
    """Wall-clock seconds, included."""
    started_before: float | None = None
    """Wall-clock seconds, not included."""
    search: str | None = None
    """Stands, in upper or lower case, in what was said, in a number, or in the agent's name at the time."""


@dataclass(frozen=True, slots=True)
class CallPage:
    """A piece of the list, newest first. `next_cursor` is "" on the last page."""

    calls: list[CallSummary]
    next_cursor: str


class Calls:
    """All calls, running and finished."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, start: CallStart) -> bool:
        """Store a new leg. False when it was there already; then nothing has changed."""
        values = _start_values(start)

        def write(session: Session) -> bool:
            found = session.execute(
                _insert(session, values).on_conflict_do_nothing().returning(CallRow.call_control_id)
            )
            return found.first() is not None

        return self._database.write(write)

    def agent_chosen(self, call_control_id: str, agent_id: str, version: int) -> None:
        """An incoming leg begins before its agent is known. Changes nothing where the call is not stored (yet), or has
        an agent already; `finish` sees to those."""
        reject_unstorable(agent_id, "agent_id")

        def write(session: Session) -> None:
            session.execute(
                update(CallRow)
                .where(CallRow.call_control_id == call_control_id, CallRow.agent_id == "")
                .values(agent_id=agent_id, agent_version=version)
            )

        self._database.write(write)

    def finish(self, start: CallStart, finish: CallFinish) -> bool:
        """Store the end of a leg, with its start in case that was lost. False when it had been finished before."""
        reject_unstorable(
            [
                [(turn.text, turn.unheard_text, turn.speaker, turn.heard) for turn in finish.turns],
                [e.name for e in finish.events],
            ],
            "turns",
        )
        reject_unstorable([event.detail for event in finish.events], "events")
        reject_unstorable([latency.turn_id for latency in finish.latencies], "latencies")
        ending: dict[str, Any] = {
            "answered_at": finish.answered_at,
            "ended_at": finish.ended_at,
            "outcome": finish.outcome[:64],
            "who_hung_up": finish.who_hung_up,
            "hangup_cause": finish.hangup_cause[:64],
            "check_ins": finish.check_ins,
        }
        reject_unstorable(ending, "finish")
        values = {**_start_values(start), **ending}
        if start.agent_id:
            ending |= {"agent_id": start.agent_id, "agent_version": start.agent_version}
        call_id = start.call_control_id

        def write(session: Session) -> bool:
            stored = session.execute(
                _insert(session, values)
                .on_conflict_do_update(
                    index_elements=["call_control_id"], set_=ending, where=CallRow.ended_at.is_(None)
                )
                .returning(CallRow.agent_id, CallRow.agent_version)
            ).first()
            if stored is None:
                return False
            for number, turn in enumerate(finish.turns):
                session.add(
                    TurnRow(
                        call_control_id=call_id, number=number, speaker=turn.speaker, text=turn.text, at=turn.at,
                        heard=turn.heard, unheard_text=turn.unheard_text,
                    )
                )  # fmt: skip
            for number, latency in enumerate(finish.latencies):
                session.add(
                    LatencyRow(
                        call_control_id=call_id, number=number, turn_id=latency.turn_id[:64],
                        end_of_turn_s=latency.end_of_turn_s, first_sentence_s=latency.first_sentence_s,
                        first_audio_s=latency.first_audio_s,
                    )
                )  # fmt: skip
            for number, event in enumerate(finish.events):
                session.add(
                    CallEventRow(
                        call_control_id=call_id, number=number, at=event.at, name=event.name[:64], detail=event.detail
                    )
                )
            said = any(turn.speaker == "caller" for turn in finish.turns)
            note_finished(session, call_id, stored.agent_id, stored.agent_version, said, finish.ended_at)
            return True

        return self._database.write(write)

    def get(self, call_control_id: str) -> Call:
        """One call, whole. Raises UnknownRecord."""

        def read(session: Session) -> Call:
            row = session.get(CallRow, call_control_id)
            if row is None:
                raise UnknownRecord("there is no such call")
            turns = session.scalars(
                select(TurnRow).where(TurnRow.call_control_id == call_control_id).order_by(TurnRow.number)
            )
            latencies = session.scalars(
                select(LatencyRow).where(LatencyRow.call_control_id == call_control_id).order_by(LatencyRow.number)
            )
            events = session.scalars(
                select(CallEventRow)
                .where(CallEventRow.call_control_id == call_control_id)
                .order_by(CallEventRow.number)
            )
            return Call(
                summary=_summary(row),
                turns=[Turn(t.speaker, t.text, t.at, t.heard, t.unheard_text) for t in turns],  # type: ignore[arg-type]  # only our own words were stored
                latencies=[Latency(x.turn_id, x.end_of_turn_s, x.first_sentence_s, x.first_audio_s) for x in latencies],
                events=[TimelineEvent(at=e.at, name=e.name, detail=e.detail) for e in events],
            )

        return self._database.read(read)

    def list(self, which: CallFilter | None = None, *, limit: int = 50, cursor: str = "") -> CallPage:
        """Newest first. `cursor` is the `next_cursor` of the page before; a broken one raises ValueError."""
        which = which or CallFilter()
        limit = max(1, min(limit, MAX_PAGE))
        query = select(CallRow).order_by(CallRow.started_at.desc(), CallRow.call_control_id.desc()).limit(limit + 1)
        for column, wanted in (
            (CallRow.agent_id, which.agent_id),
            (CallRow.direction, which.direction),
            (CallRow.outcome, which.outcome),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        if which.number is not None:
            query = query.where(or_(CallRow.from_number == which.number, CallRow.to_number == which.number))
        if which.is_running is not None:
            query = query.where(CallRow.ended_at.is_(None) if which.is_running else CallRow.ended_at.is_not(None))
        if which.started_from is not None:
            query = query.where(CallRow.started_at >= which.started_from)
        if which.started_before is not None:
            query = query.where(CallRow.started_at < which.started_before)
        if which.search is not None:
            query = query.where(_holds(which.search))
        if cursor:
            at, call_id = _read_cursor(cursor)
            older = (CallRow.started_at == at) & (CallRow.call_control_id < call_id)
            query = query.where((CallRow.started_at < at) | older)

        def read(session: Session) -> CallPage:
            found = [_summary(row) for row in session.scalars(query)]
            page = found[:limit]
            return CallPage(page, _write_cursor(page[-1]) if len(found) > limit else "")

        return self._database.read(read)

    def delete(self, call_control_id: str) -> None:
        """Remove a finished call and everything said in it. Raises UnknownRecord, also while the call is running."""

        def write(session: Session) -> None:
            gone = session.execute(
                delete(CallRow)
                .where(CallRow.call_control_id == call_control_id, CallRow.ended_at.is_not(None))
                .returning(CallRow.call_control_id)
            ).first()
            if gone is None:
                raise UnknownRecord("there is no such finished call")

        self._database.write(write)


def _start_values(start: CallStart) -> dict[str, Any]:
    values = {name: getattr(start, name) for name in start.__slots__}
    reject_unstorable(values, "call")
    if not 0 < len(start.call_control_id) <= CALL_ID_LENGTH:
        raise ValueError(f"call_control_id must have 1 to {CALL_ID_LENGTH} characters")
    # A caller may ring from "anonymous" or a SIP address of any length: what is too long is cut, not refused.
    values["from_number"], values["to_number"] = start.from_number[:64], start.to_number[:64]
    return {**values, "outcome": "", "who_hung_up": "", "hangup_cause": "", "check_ins": 0}


def _insert(session: Session, values: dict[str, Any]) -> sqlite.Insert:
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(CallRow).values(**values)  # type: ignore[return-value]  # the two offer the same methods


def _summary(row: CallRow) -> CallSummary:
    return CallSummary(**{name: getattr(row, name) for name in CallSummary.__slots__})


def _holds(words: str) -> ColumnElement[bool]:
    """Whether these words stand anywhere in a call. `%` and `_` are themselves."""
    said = exists().where(
        TurnRow.call_control_id == CallRow.call_control_id, TurnRow.text.icontains(words, autoescape=True)
    )
    named = exists().where(
        AgentVersionRow.agent_id == CallRow.agent_id,
        AgentVersionRow.version == CallRow.agent_version,
        AgentVersionRow.config["name"].as_string().icontains(words, autoescape=True),
    )
    numbers = [side.icontains(words, autoescape=True) for side in (CallRow.from_number, CallRow.to_number)]
    return or_(*numbers, named, said)


def _write_cursor(last: CallSummary) -> str:
    return base64.urlsafe_b64encode(f"{last.started_at!r} {last.call_control_id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[float, str]:
    try:
        at, _, call_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode("utf-8").partition(" ")
        started_at = float(at)
    except (binascii.Error, ValueError):
        raise ValueError("not a cursor of this list") from None
    if not call_id or not math.isfinite(started_at) or "\x00" in call_id:
        raise ValueError("not a cursor of this list")
    return started_at, call_id

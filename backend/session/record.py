"""Gathers what is stored about a call and stores it once, when the call is over.

The transcript is what was heard: of a cut answer the heard words, and apart from them the others. Writing happens off
the hub and is tried again while the database is away; the session does not wait for it.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import gevent
import structlog
from gevent.pool import Group

from backend.call.commands import FinishCall, ReportTurn
from backend.call.conversation import Conversation
from backend.call.history import Entry
from backend.call.leg import LegState
from backend.errors import StoreError
from backend.metrics import CALLS_FINISHED
from backend.records.calls import TOOL_ANSWERED, CallFinish, CallStart, Heard, Latency, TimelineEvent, Turn
from backend.records.database import storable
from backend.session.services import CallServices

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAX_TIMELINE = 2000
LONGEST_ARGUMENTS = 2000
"""Characters of what the model handed to a tool."""
RETRY_AFTER_S = (0.5, 2.0, 5.0, 15.0, 30.0)
STORING = Group()
"""Records being written: a worker that stops waits for them."""


class CallRecorder:
    """One call's record in the making."""

    def __init__(self, services: CallServices, call_control_id: str, leg: LegState) -> None:
        self._services = services
        self._call_control_id = call_control_id
        self._leg = leg
        self._answered_at = services.clock.wall()
        self._timeline: list[TimelineEvent] = []
        self._latencies: list[Latency] = []

    def note(self, name: str, detail: dict[str, Any], at_wall: float) -> None:
        if len(self._timeline) < MAX_TIMELINE:
            self._timeline.append(TimelineEvent(at_wall, name, detail))

    def turn_measured(self, report: ReportTurn) -> None:
        self._latencies.append(
            Latency(report.turn_id, report.end_of_turn_s, report.first_sentence_s, report.first_audio_s)
        )

    def finish(self, command: FinishCall, conversation: Conversation, now: float) -> None:
        """Store the record and delete what the call has in Redis, in the background."""
        offset = self._services.clock.wall() - now
        finish = CallFinish(
            ended_at=self._services.clock.wall(),
            outcome=command.outcome,
            who_hung_up=command.who_hung_up,
            hangup_cause=command.hangup_cause[:80],
            answered_at=self._answered_at,
            check_ins=sum(1 for piece in conversation.ledger.pieces if piece.kind == "check_in"),
            turns=[turn for entry in conversation.history.entries if (turn := _turn(entry, offset)) is not None],
            latencies=self._latencies,
            events=sorted([*self._timeline, *_tools(conversation.history.entries, offset)], key=lambda event: event.at),
        )
        STORING.spawn(self._store, finish)

    def _store(self, finish: CallFinish) -> None:
        store_finish(self._services, self._call_control_id, self._leg, finish)


def store_finish(services: CallServices, call_control_id: str, leg: LegState, finish: CallFinish) -> None:
    """Write the record (again, while the database is away), then take the call out of Redis. Whoever stores it first, the
    owner, the worker that its end reached, or the sweeper, counts and logs the call as finished."""
    for pause_s in (*RETRY_AFTER_S, None):
        try:
            is_first = services.calls.finish(start_of(call_control_id, leg), finish)
            break
        except Exception as error:  # SQL away, locked, full: nothing of it may lose the record while we live
            log.warning("record_not_stored", call_control_id=call_control_id, error=type(error).__name__)
            if pause_s is None:
                log.error("record_lost", call_control_id=call_control_id, outcome=finish.outcome)
                is_first = False
                break
            gevent.sleep(pause_s)
    if is_first:
        CALLS_FINISHED.count(outcome=finish.outcome)
        log.info(
            "call_finished",
            call_control_id=call_control_id,
            outcome=finish.outcome,
            who_hung_up=finish.who_hung_up,
            hangup_cause=finish.hangup_cause,
        )
    services.stores.mailbox.forget(call_control_id)
    try:
        at = round(services.clock.wall(), 3)
        services.stores.live.close(
            call_control_id, {"at": at, "outcome": finish.outcome, "who_hung_up": finish.who_hung_up}
        )
        services.stores.legs.finish(call_control_id)
    except StoreError as error:
        log.warning("keys_left_to_the_sweeper", call_control_id=call_control_id, error=str(error))


def start_of(call_control_id: str, leg: LegState) -> CallStart:
    return CallStart(
        call_control_id=call_control_id,
        direction="outgoing" if leg.direction == "outgoing" else "incoming",
        agent_id=leg.agent_id,
        agent_version=leg.agent_version,
        from_number=leg.from_number,
        to_number=leg.to_number,
        started_at=leg.started_at,
    )


def _turn(entry: Entry, offset: float) -> Turn | None:
    at = entry.at + offset
    if entry.speaker == "caller":
        return Turn("caller", storable(entry.text), at)
    if entry.speaker != "agent" or not entry.pieces or (standing := entry.standing) == "failed":
        return None
    heard: Heard = standing
    text = "" if heard == "unheard" else entry.heard_text()
    unheard = " ".join(entry.text.split()[len(text.split()) :])
    return Turn("agent", storable(text), at, heard, storable(unheard))


def _tools(entries: Sequence[Entry], offset: float) -> Iterator[TimelineEvent]:
    """What the model used, and what came of it. Its words, and the caller's, may hold anything."""
    for entry in entries:
        if entry.speaker == "tool":
            arguments = json.dumps(entry.tool["arguments"])[:LONGEST_ARGUMENTS]
            detail = {"name": entry.tool["name"], "arguments": arguments, "result": entry.text}
            texts = {name: storable(text) for name, text in detail.items()}
            yield TimelineEvent(entry.at + offset, TOOL_ANSWERED, texts)

"""From the first ring to the open media stream, and the end of calls that never had an owner.

Carries out what `call/leg.py` decided, on whichever worker the webhook reached: picks the agent, answers or rejects, asks
for the stream. Decides only who may come in: a number without an agent and a full house are refused politely. Slow, so
each of these runs in a greenlet of its own, never in the request that brought the webhook.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gevent
import structlog

from backend.call.commands import Answer, Command, StartStream
from backend.call.events import CallHungUp
from backend.call.hangup import who_hung_up
from backend.call.leg import LegState
from backend.errors import BackendError, CallGone
from backend.metrics import CALLS_STARTED
from backend.records.calls import CallFinish
from backend.session.leg_commands import LegCommands
from backend.session.record import start_of, store_finish
from backend.session.services import CallServices

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_OUTCOME_OF_CAUSE = {
    "user_busy": "busy",
    "call_rejected": "rejected",
    "no_answer": "no_answer",
    "timeout": "no_answer",
    "not_found": "unreachable",
}
"""How a call that was never answered is recorded; anything else is `not_answered`."""


class CallSetup:
    """One per worker. `max_live` bounds the calls of the whole installation."""

    def __init__(self, services: CallServices, max_live: int) -> None:
        self._services = services
        self._max_live = max_live

    def carry_out(self, call_control_id: str, leg: LegState, commands: Sequence[Command]) -> None:
        """Start what was decided. Does not block."""
        for command in commands:
            match command:
                case Answer():
                    self._spawn(self._answer, call_control_id, leg)
                case StartStream():
                    self._spawn(self._start_stream, call_control_id, command.attempt)

    def began(self, call_control_id: str, leg: LegState) -> None:
        """A leg came into being: count it and begin its record. Does not block."""
        CALLS_STARTED.count(direction=leg.direction)
        self._spawn(self._store_start, call_control_id, leg)

    def ended_without_owner(self, call_control_id: str, leg: LegState) -> None:
        """Nobody held this call's media stream: its record is written here. Does not block."""
        self._spawn(self._store_end, call_control_id, leg)

    def _spawn(self, do: Callable[..., None], call_control_id: str, *arguments: Any) -> None:
        gevent.spawn(self._guarded, do, call_control_id, *arguments)

    def _guarded(self, do: Callable[..., None], call_control_id: str, *arguments: Any) -> None:
        with structlog.contextvars.bound_contextvars(call_control_id=call_control_id):
            try:
                try:
                    do(call_control_id, *arguments)
                except CallGone:
                    log.info("call_gone_during_setup", step=do.__name__)
                    self._end_gone(call_control_id)
            except BackendError as error:
                # The leg stays in `calls:live`: the sweeper ends what never got further.
                log.error("call_setup_failed", step=do.__name__, error=str(error))

    def _end_gone(self, call_control_id: str) -> None:
        """The carrier says that the leg is over; its hang-up may have come before we knew the leg, and was ignored."""
        if self._services.stores.legs.get(call_control_id) is None:
            return
        event = CallHungUp(cause="already_ended")
        leg, _ = self._services.stores.legs.apply(call_control_id, event, self._services.clock.wall())
        if self._services.stores.owners.owner(call_control_id) is None:
            self._store_end(call_control_id, leg)

    def _answer(self, call_control_id: str, leg: LegState) -> None:
        commands = LegCommands(self._services, call_control_id)
        agent = self._services.agents.for_number(leg.to_number)
        if agent is None or len(self._services.stores.legs.live()) > self._max_live:
            log.warning("call_refused", reason="no agent for this number" if agent is None else "full house")
            commands.reject()
            return
        self._services.stores.legs.put_agent(call_control_id, agent.id, agent.version)
        commands.answer({"agent_id": agent.id, "agent_version": agent.version})
        self._services.calls.agent_chosen(call_control_id, agent.id, agent.version)

    def _start_stream(self, call_control_id: str, attempt: int) -> None:
        LegCommands(self._services, call_control_id).start_stream(attempt)

    def _store_start(self, call_control_id: str, leg: LegState) -> None:
        self._services.calls.start(start_of(call_control_id, leg))

    def _store_end(self, call_control_id: str, leg: LegState) -> None:
        outcome = _OUTCOME_OF_CAUSE.get(leg.hangup_cause, "not_answered")
        if leg.was_answered:
            outcome = "ended_without_owner"
        finish = CallFinish(
            ended_at=self._services.clock.wall(),
            outcome=outcome,
            who_hung_up=who_hung_up(leg.direction, leg.hangup_cause, leg.hangup_source),
            hangup_cause=leg.hangup_cause[:80],
        )
        store_finish(self._services, call_control_id, leg, finish)

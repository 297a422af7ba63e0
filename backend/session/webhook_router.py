"""What a verified webhook means, on whichever worker it reached.

Facts of the leg move the shared leg state; the end of a playback goes to the shared ledger and, when its owner is this very
worker, straight to the session as well (the fast path); every other fact is handed to the owner: directly, or through its
mailbox. Does no slow work: what takes long is started in greenlets by `call_setup.py`. StoreErrors are for the caller,
who lets the carrier send the webhook again.
"""

import structlog

from backend.call.events import (
    CallAnswered,
    CallHungUp,
    CallInitiated,
    Event,
    PlaybackEnded,
    StreamingStarted,
    StreamingStopped,
    TranscriptReceived,
)
from backend.call.leg import LegState
from backend.carrier.base import Webhook
from backend.metrics import TRANSCRIPTS_SKIPPED
from backend.session.call_setup import CallSetup
from backend.session.registry import Registry
from backend.session.services import CallServices

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class WebhookRouter:
    """One per worker."""

    def __init__(self, services: CallServices, registry: Registry, setup: CallSetup) -> None:
        self._services = services
        self._stores = services.stores
        self._registry = registry
        self._setup = setup

    def take(self, webhook: Webhook) -> str:
        """Act on it. Returns what became of it, for the metrics."""
        event = webhook.event
        if event is None:
            return "ignored"
        call_control_id = webhook.call_control_id
        match event:
            case CallInitiated() | CallAnswered() | StreamingStarted() | StreamingStopped():
                return self._move_leg(call_control_id, event, webhook)
            case CallHungUp():
                return self._end_leg(call_control_id, event, webhook)
            case PlaybackEnded():
                return self._end_playback(call_control_id, event, webhook.event_id)
            case _:
                if isinstance(event, TranscriptReceived) and event.was_cut:
                    TRANSCRIPTS_SKIPPED.count(recogniser=event.recogniser, reason="cut")
                return self._tell_owner(call_control_id, event, webhook.event_id)

    def _move_leg(self, call_control_id: str, event: Event, webhook: Webhook) -> str:
        before = self._stores.legs.get(call_control_id)
        is_incoming = isinstance(event, CallInitiated) and event.direction == "incoming"
        if before is None and not is_incoming and "agent_id" not in webhook.client_state:
            return "foreign"  # a leg that is not ours, such as the far end of a transfer
        leg, commands = self._stores.legs.apply(call_control_id, event, self._services.clock.wall())
        if not leg.agent_id and "agent_id" in webhook.client_state:
            leg = self._remember_agent(call_control_id, webhook)
        if isinstance(event, CallInitiated) and (before is None or not before.direction) and leg.direction:
            # Without a direction the call is finished and this came too late: nothing begins.
            self._setup.began(call_control_id, leg)
        self._setup.carry_out(call_control_id, leg, commands)
        return "ok"

    def _remember_agent(self, call_control_id: str, webhook: Webhook) -> LegState:
        """Our own client_state came back before the worker that dialled or answered had noted the agent."""
        agent_id = str(webhook.client_state["agent_id"])
        version = webhook.client_state.get("agent_version")
        return self._stores.legs.put_agent(call_control_id, agent_id, version if isinstance(version, int) else 1)

    def _end_leg(self, call_control_id: str, event: CallHungUp, webhook: Webhook) -> str:
        if self._stores.legs.get(call_control_id) is None:
            return "foreign"
        leg, _ = self._stores.legs.apply(call_control_id, event, self._services.clock.wall())
        session = self._registry.get(call_control_id)
        if session is not None:
            session.post(event)
        elif self._stores.owners.owner(call_control_id) is not None:
            self._stores.mailbox.post(call_control_id, event, webhook.event_id)
        else:
            self._setup.ended_without_owner(call_control_id, leg)
        return "ok"

    def _end_playback(self, call_control_id: str, event: PlaybackEnded, event_id: str) -> str:
        session = self._registry.get(call_control_id)
        if session is not None:
            session.post(event)
        elif self._stores.legs.get(call_control_id) is None:
            return "foreign"  # or finished: a late end must not leave a key that nobody would delete
        elif event.status != "completed":
            # The flag only says "over". That the caller did not hear it must be known before the flag is seen.
            self._tell_owner(call_control_id, event, event_id)
        number = int(event.playback_id.partition("-")[2])
        self._stores.playbacks.end(call_control_id, event.playback_id, event.generation, number)
        return "ok"

    def _tell_owner(self, call_control_id: str, event: Event, event_id: str) -> str:
        session = self._registry.get(call_control_id)
        if session is not None:
            session.post(event)
            return "ok"
        if self._stores.legs.get(call_control_id) is None:
            return "foreign"
        self._stores.mailbox.post(call_control_id, event, event_id)
        return "ok"

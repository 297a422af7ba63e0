"""What the carrier knows of one leg, and which command is legal when. Pure: time is an argument.

    PARKED    an incoming call rings at the product         answer, reject, hangup
    DIALLING  the product's own call rings somewhere        hangup
    ANSWERED  both ends talk                                all but answer and reject
    ENDED     nothing: 90018 for every command

`commands.py` asks `refuse_in_state`, then acts. Values inside a body are judged in `rules.py`.
"""

import base64
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from backend.rehearsal.carrier.rules import Refusal

DEDUPE_S = 60.0
"""A repeated `command_id` is ignored for so long."""


class LegState(StrEnum):
    PARKED = "parked"
    DIALLING = "dialling"
    ANSWERED = "answered"
    ENDED = "ended"


COMMAND_STATES: dict[str, frozenset[LegState]] = {
    "answer": frozenset({LegState.PARKED}),
    "reject": frozenset({LegState.PARKED}),
    "hangup": frozenset({LegState.PARKED, LegState.DIALLING, LegState.ANSWERED}),
    "client_state_update": frozenset({LegState.PARKED, LegState.DIALLING, LegState.ANSWERED}),
} | {
    name: frozenset({LegState.ANSWERED})
    for name in [
        "playback_start",
        "playback_stop",
        "speak",
        "streaming_start",
        "streaming_stop",
        "transcription_start",
        "transcription_stop",
        "send_dtmf",
        "transfer",
        "record_start",
        "record_stop",
        "gather_stop",
    ]
}


def refuse_in_state(command: str, state: LegState) -> Refusal | None:
    """Why the leg cannot take this command now, None when it can. `command` is one of `COMMAND_STATES`."""
    if state in COMMAND_STATES[command]:
        return None
    if state is LegState.ENDED:
        return Refusal("90018", "This call is no longer active and can't receive commands.")
    if state is LegState.ANSWERED or command in ("answer", "reject"):
        return Refusal("10027", f"The call is {state}: it cannot take {command}.")
    return Refusal("90034", "This call can't receive this command because it has not been answered yet.")


def new_call_control_id() -> str:
    """Opaque, in the carrier's style."""
    return "v3:" + base64.urlsafe_b64encode(uuid.uuid4().bytes + uuid.uuid4().bytes).decode().rstrip("=")


def iso(wall: float) -> str:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class LegRecord:
    """One leg in the carrier's books."""

    direction: str
    """"incoming" or "outgoing", as the product sees it."""
    from_number: str
    to_number: str
    connection_id: str
    state: LegState
    start_time: str
    call_session_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    call_control_id: str = field(default_factory=new_call_control_id)
    call_leg_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_state: str | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    end_time: str | None = None
    hangup_cause: str | None = None
    hangup_source: str | None = None
    _seen: dict[str, float] = field(default_factory=dict)

    @property
    def is_alive(self) -> bool:
        return self.state is not LegState.ENDED

    def is_duplicate(self, command_id: str | None, now: float) -> bool:
        """Whether this command was accepted less than a minute ago."""
        return bool(command_id) and now - self._seen.get(command_id or "", -DEDUPE_S) < DEDUPE_S

    def remember(self, command_id: str | None, now: float) -> None:
        """An accepted command. A refused one may be sent again under the same id."""
        if command_id:
            self._seen[command_id] = now

    def answered(self, now: float) -> None:
        self.state = LegState.ANSWERED
        self.answered_at = now

    def ended(self, cause: str, source: str, now: float, end_time: str) -> None:
        self.state = LegState.ENDED
        self.ended_at, self.end_time = now, end_time
        self.hangup_cause, self.hangup_source = cause, source

    def base_payload(self) -> dict[str, Any]:
        """The fields that every webhook of this leg carries."""
        return {
            "call_control_id": self.call_control_id,
            "call_leg_id": self.call_leg_id,
            "call_session_id": self.call_session_id,
            "connection_id": self.connection_id,
            "client_state": self.client_state,
        }

    def status(self, now: float) -> dict[str, Any]:
        """The leg as REST shows it."""
        since = self.answered_at
        duration = 0 if since is None else int((self.ended_at if self.ended_at is not None else now) - since)
        shown: dict[str, Any] = {
            "record_type": "call",
            "call_control_id": self.call_control_id,
            "call_leg_id": self.call_leg_id,
            "call_session_id": self.call_session_id,
            "client_state": self.client_state or "",
            "call_duration": duration,
            "is_alive": self.is_alive,
            "start_time": self.start_time,
        }
        return shown if self.end_time is None else {**shown, "end_time": self.end_time}

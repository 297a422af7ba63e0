"""The carrier leg before it has an owner, as a table: what to ask the carrier, whatever order the webhooks come in.

Decides: when to answer, when to ask for the media stream, that nothing is asked twice and nothing after the hang-up.
Does not decide: anything about the conversation. Runs on whichever worker a webhook reached; `store/legs.py` keeps the
state in Redis and swaps it atomically, so two workers with two webhooks get one command between them.

A phase only ever grows (UNKNOWN < RINGING < ANSWERED < STREAMING < ENDED): an event that is older than the phase
changes nothing, which is what makes duplicates and disorder harmless. ENDED absorbs everything.

| event ↓ / phase → | UNKNOWN               | RINGING               | ANSWERED          | STREAMING | ENDED |
|-------------------|-----------------------|-----------------------|-------------------|-----------|-------|
| initiated (in)    | RINGING: Answer       | –                     | –                 | –         | –     |
| initiated (out)   | RINGING               | –                     | –                 | –         | –     |
| answered          | ANSWERED: StartStream | ANSWERED: StartStream | –                 | –         | –     |
| streaming started | STREAMING             | STREAMING             | STREAMING         | –         | –     |
| streaming failed  | –                     | –                     | StartStream again | –         | –     |
| hung up           | ENDED                 | ENDED                 | ENDED             | ENDED     | –     |
| others            | –                     | –                     | –                 | –         | –     |

A stream that could not be opened is asked for again, `MAX_STREAM_ATTEMPTS` times in all; after that the sweeper ends
the call. A stream that stops once it has carried audio is the owner's business: it learns of that by its own socket.
"""

import enum
from dataclasses import dataclass, replace
from typing import Any, Literal

from backend.call.commands import Answer, Command, StartStream
from backend.call.events import (
    CallAnswered,
    CallHungUp,
    CallInitiated,
    Event,
    StreamingStarted,
    StreamingStopped,
)

MAX_STREAM_ATTEMPTS = 3

CallKind = Literal["phone", "browser", "livekit"]
ID_PREFIXES: dict[CallKind, str] = {"browser": "web-", "livekit": "livekit-"}
"""How the ids of calls begin whose leg is a socket to us. All others are the carrier's."""


def kind_of(call_control_id: str) -> CallKind:
    """What connects the caller to us."""
    return next((kind for kind, prefix in ID_PREFIXES.items() if call_control_id.startswith(prefix)), "phone")


class LegPhase(enum.IntEnum):
    """How far the leg has come. Only grows."""

    UNKNOWN = 0
    RINGING = 1
    ANSWERED = 2
    STREAMING = 3
    ENDED = 4


@dataclass(frozen=True, slots=True)
class LegState:
    """What Redis holds about a leg. Small, JSON, no call content but the two numbers."""

    phase: LegPhase = LegPhase.UNKNOWN
    direction: str = ""
    from_number: str = ""
    to_number: str = ""
    agent_id: str = ""
    agent_version: int = 0
    stream_attempts: int = 0
    was_answered: bool = False
    started_at: float = 0.0
    """Wall-clock seconds, for records and the sweeper only."""
    hangup_cause: str = ""
    hangup_source: str = ""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "LegState":
        known = {name: fields[name] for name in cls.__slots__ if name in fields}
        return cls(**{**known, "phase": LegPhase(known.get("phase", 0))})


def handle(state: LegState, event: Event, now_wall: float) -> tuple[LegState, list[Command]]:
    """The table above. Returns the same `state` object when nothing changes."""
    if state.phase == LegPhase.ENDED:
        return state, []
    match event:
        case CallInitiated() if state.phase == LegPhase.UNKNOWN:
            begun = replace(
                state,
                phase=LegPhase.RINGING,
                direction=event.direction,
                from_number=event.from_number,
                to_number=event.to_number,
                started_at=state.started_at or now_wall,
            )
            return begun, [Answer()] if event.direction == "incoming" else []
        case CallInitiated() if not state.direction:
            # `answered` overtook it: the facts are still wanted, the moves are not.
            late = replace(state, direction=event.direction, from_number=event.from_number, to_number=event.to_number)
            return late, []
        case CallAnswered() if state.phase < LegPhase.ANSWERED:
            answered = replace(
                state, phase=LegPhase.ANSWERED, was_answered=True, started_at=state.started_at or now_wall
            )
            return _ask_for_stream(answered)
        case StreamingStarted() if state.phase < LegPhase.STREAMING:
            streaming = replace(
                state, phase=LegPhase.STREAMING, was_answered=True, started_at=state.started_at or now_wall
            )
            return streaming, []
        case StreamingStopped() if state.phase == LegPhase.ANSWERED:
            return _ask_for_stream(state)
        case CallHungUp():
            ended = replace(state, phase=LegPhase.ENDED, hangup_cause=event.cause, hangup_source=event.source)
            return ended, []
    return state, []


def _ask_for_stream(state: LegState) -> tuple[LegState, list[Command]]:
    if state.stream_attempts >= MAX_STREAM_ATTEMPTS:
        return state, []
    asked = replace(state, stream_attempts=state.stream_attempts + 1)
    return asked, [StartStream(attempt=asked.stream_attempts)]

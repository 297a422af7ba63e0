"""One interruption as four observers saw it: the carrier, the model, the voice and the recogniser.

`interruptions_of` is pure: the carrier's log of one call (its clock), the requests of that call's script at the model, and
the log lines of the product's processes (wall clock). The carrier decides when the caller's first sample was spoken and
what the caller heard; the moment of our decision comes from the web worker's log, since nobody else can know it, and
whatever was let go is dated by the process that let it go.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.rehearsal.carrier.log import LogEntry

DECIDED_WITHIN_S = 3.0
"""From the first sample: a decision later than that belongs to something else."""
LET_GO_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Interruption:
    """Seconds on the carrier's clock; None: did not happen, or nobody saw it."""

    call_control_id: str
    spoken_at: float
    """First sample of the caller's speech."""
    decided_at: float | None
    cleared_at: float | None
    """The carrier took our `clear`."""
    silent_at: float | None
    """End of the last frame of what the agent was saying."""
    model_closed_at: float | None
    voice_stopped_at: float | None
    recogniser_back_at: float | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a process's log."""

    at: float
    """Carrier's clock."""
    event: str
    fields: Mapping[str, Any]

    @property
    def call_control_id(self) -> str:
        return str(self.fields.get("call_control_id", ""))

    @property
    def is_decision(self) -> bool:
        """The call's owner has just decided to silence the agent."""
        return self.event == "call_command" and self.fields.get("name") == "AbortSpeech"

    @property
    def is_reopening(self) -> bool:
        """The sidecar has begun a stream for this call."""
        return self.event == "stt.session_began"


def interruptions_of(
    entries: Sequence[LogEntry], model_closes: Iterable[float], lines: Sequence[LogLine]
) -> list[Interruption]:
    """Those of one call: what the caller began to say while the agent was audible."""
    spans = [(e.data["started_at"], e.data["ended_at"]) for e in entries if e.kind == "agent_audio_ended"]
    spoken = [e.at for e in entries if e.kind == "caller_speech_started"]
    closes = sorted(model_closes)
    found = []
    for index, at in enumerate(spoken):
        span = next((span for span in spans if span[0] < at < span[1]), None)
        if span is None:
            continue
        until = min([at + DECIDED_WITHIN_S, *spoken[index + 1 : index + 2]])
        decided = _first((line.at for line in lines if line.is_decision), at, until)
        cleared = _first((e.at for e in entries if e.kind == "cleared"), at, until)
        let_go_until = min([at + DECIDED_WITHIN_S + LET_GO_WITHIN_S, *spoken[index + 1 : index + 2]])
        after = decided if decided is not None else at
        found.append(
            Interruption(
                call_control_id=entries[0].call_control_id,
                spoken_at=at,
                decided_at=decided,
                cleared_at=cleared,
                silent_at=span[1] if cleared is not None else None,
                model_closed_at=_first(closes, after - 0.005, let_go_until),
                voice_stopped_at=_voice_stopped(lines, after, let_go_until),
                recogniser_back_at=_first((line.at for line in lines if line.is_reopening), after, let_go_until),
            )
        )
    return found


def _first(instants: Iterable[float], after: float, until: float) -> float | None:
    return min((at for at in instants if after <= at <= until), default=None)


def _voice_stopped(lines: Sequence[LogLine], after: float, until: float) -> float | None:
    """The end of the last synthesis that was under way at the decision; the decision itself where none was."""
    ends = [
        line.at
        for line in lines
        if line.event == "synthesis.ended"
        and after <= line.at <= until
        and line.at - float(line.fields.get("duration_s", 0)) < after
    ]
    return max(ends, default=after)

"""Synthetic calls for the tests of the verdict and of the load figures: what a carrier's log of a good call holds."""

from typing import Any

from backend.rehearsal.carrier.log import LogEntry
from backend.rehearsal.ear import Utterance
from backend.rehearsal.verdict import CallFacts, Speech

LEG = "v3:abc"


def entry(at: float, kind: str, **data: Any) -> LogEntry:
    return LogEntry(at, LEG, kind, data)


def command(at: float, name: str, *, status: int = 200, duplicate: bool = False, **body: Any) -> LogEntry:
    return entry(at, "command", name=name, command_id=f"{name}-{at}", status=status, duplicate=duplicate, body=body)


def heard(started_at: float, lasts_s: float, kind: str = "check_in", text: str = "Are you still there?") -> Utterance:
    return Utterance(started_at, started_at + lasts_s, kind, text, 0.97)


def dead_air_call(**shifts: float) -> CallFacts:
    """The default timeline, perfect: greeting 11.0–12.5, check-ins 1.2 s long, hung up 5 s after the second. `shifts`
    move single instants: first, second, hang_up (s)."""
    first = 12.5 + 7 + shifts.get("first", 0)
    second = first + 1.2 + 7 + shifts.get("second", 0)
    end = second + 1.2 + 5 + shifts.get("hang_up", 0)
    return CallFacts(
        answered_at=10.0,
        heard=[heard(11.0, 1.5, "greeting", "Hello, how can I help you?"), heard(first, 1.2), heard(second, 1.2)],
        said=[],
        entries=[
            entry(9.9, "ring"),
            entry(10.0, "answered"),
            command(10.0, "answer"),
            command(10.1, "streaming_start"),
            entry(10.2, "stream_opened", worker="w1"),
            entry(10.3, "webhook_sent", event_type="call.answered", status=200, latency_ms=4.0, worker="w2"),
            entry(end, "hangup", cause="normal_clearing", source="callee"),
            command(end + 0.001, "hangup"),
        ],
        keys_left=[],
    )


def question_call() -> CallFacts:
    """Greeting, a question, an answer, the caller hangs up."""
    return CallFacts(
        answered_at=0.0,
        heard=[heard(0.5, 1.0, "greeting", "Hello."), heard(4.0, 1.0, "answer", "At nine.")],
        said=[Speech(2.0, 3.0, "When do you open?")],
        entries=[
            entry(0.0, "answered"),
            entry(6.0, "hangup", cause="normal_clearing", source="caller"),
        ],
    )

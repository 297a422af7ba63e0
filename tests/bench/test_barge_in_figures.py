"""The arithmetic behind `make bench-barge-in`: who saw what when, what memory does, and what the verdict is."""

import itertools

import pytest

from backend.rehearsal.carrier.log import LogEntry
from tests.bench.barge_in.interruptions import LogLine, interruptions_of
from tests.bench.barge_in.memory import Sample, drift_kib_per_call
from tests.bench.barge_in.verdict import PARTS, verdict_of
from tests.bench.stage_runs import Figure

CALL = "v3:one"


def entry(at: float, kind: str, **data: object) -> LogEntry:
    return LogEntry(at, CALL, kind, dict(data))


def line(at: float, event: str, **fields: object) -> LogLine:
    return LogLine(at, event, {"call_control_id": CALL, **fields})


def span(started_at: float, ended_at: float) -> LogEntry:
    return entry(ended_at, "agent_audio_ended", started_at=started_at, ended_at=ended_at)


ENTRIES = [
    span(1.0, 3.0),
    entry(4.0, "caller_speech_started"),  # nobody is interrupted
    entry(7.0, "caller_speech_started"),
    entry(7.28, "cleared"),
    span(6.0, 7.3),
]
DECISION = line(7.27, "call_command", name="AbortSpeech")


def test_speech_into_silence_is_no_interruption() -> None:
    assert [one.spoken_at for one in interruptions_of(ENTRIES, [], [])] == [7.0]


def test_each_observer_tells_its_part() -> None:
    lines = [
        DECISION,
        line(7.31, "synthesis.ended", duration_s=0.5),
        line(7.60, "synthesis.ended", duration_s=0.1),  # of the next answer
        line(7.48, "stt.session_began"),
    ]
    (one,) = interruptions_of(ENTRIES, [3.0, 7.30], lines)
    assert (one.decided_at, one.cleared_at, one.silent_at) == (7.27, 7.28, 7.3)
    assert (one.model_closed_at, one.voice_stopped_at, one.recogniser_back_at) == (7.30, 7.31, 7.48)


def test_a_voice_that_had_finished_stopped_at_the_decision() -> None:
    (one,) = interruptions_of(ENTRIES, [], [DECISION, line(7.0, "synthesis.ended", duration_s=0.1)])
    assert one.voice_stopped_at == 7.27 and one.model_closed_at is None


def test_an_agent_that_went_on_was_not_silenced() -> None:
    (one,) = interruptions_of([e for e in ENTRIES if e.kind != "cleared"], [], [])
    assert one.cleared_at is None and one.silent_at is None and one.decided_at is None


def test_a_clear_belongs_to_the_latest_speech_before_it() -> None:
    entries = [entry(6.2, "caller_speech_started"), *ENTRIES]
    assert [one.cleared_at for one in interruptions_of(entries, [], [])] == [None, 7.28]


def test_memory_that_grows_by_two_kib_a_call_is_seen_in_spite_of_the_warming_up() -> None:
    samples = [Sample(10 * n, {1: 1000 + 20 * n + (500 if n > 1 else 0), 2: 300}) for n in range(9)]
    assert drift_kib_per_call(samples) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="too few"):
        drift_kib_per_call(samples[:3])


@pytest.mark.parametrize("reached", list(itertools.product((True, False, None), repeat=3)))
def test_the_verdict_follows_the_table(reached: tuple[bool | None, ...]) -> None:
    """None: that part was not measured."""
    figures = {
        part: [] if is_reached is None else [Figure(part, "", "", True), Figure(part, "", "", is_reached)]
        for part, is_reached in zip(PARTS, reached, strict=True)
    }
    interrupting, hearing, soak = reached
    wanted = "defer" if not (hearing and soak) else "ship-barge-in" if interrupting else "ship-streaming-stt-only"
    assert verdict_of(figures) == wanted

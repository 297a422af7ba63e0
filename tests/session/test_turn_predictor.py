"""backend/session/turn_predictor.py: what is judged, when, and which verdicts reach the call."""

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.events import Event, MediaStarted, SpeechEnded, SpeechStarted, TranscriptReceived, TurnEndPredicted
from backend.engines.base import SpeechEdge
from backend.records.database import Database
from backend.session.turn_predictor import TurnPredictor
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_turn_model import FakeTurnModel
from tests.session.rig import CALL, Rig, settle

FRAME = 320
"""Bytes of 20 ms."""


def predictor(model: FakeTurnModel) -> tuple[TurnPredictor, list[Event]]:
    posted: list[Event] = []
    return TurnPredictor(model, 8000, CALL, FakeClock(), posted.append), posted


def frame(number: int) -> bytes:
    return number.to_bytes(2, "little") * (FRAME // 2)


def test_each_pause_is_judged_once_with_the_last_eight_seconds() -> None:
    """Of a longer speech what is older is forgotten; the verdict names the end of speech it belongs to."""
    model = FakeTurnModel(0.91, 0.12)
    turn, posted = predictor(model)
    for number in range(500):
        turn.feed(frame(number))
    turn.noticed(SpeechStarted(1.0))
    turn.noticed(SpeechEnded(9.0))
    settle()
    turn.feed(frame(500))
    turn.noticed(SpeechStarted(9.5))
    turn.noticed(SpeechEnded(9.9))
    settle()

    assert posted == [TurnEndPredicted(0.91, 9.0), TurnEndPredicted(0.12, 9.9)]
    assert [(len(pcm), rate) for pcm, rate in model.asked] == [(8 * 16000, 8000)] * 2
    assert (model.asked[0][0][:2], model.asked[0][0][-2:]) == (frame(100)[:2], frame(499)[:2])
    assert (model.asked[1][0][:2], model.asked[1][0][-2:]) == (frame(101)[:2], frame(500)[:2])


def test_frames_of_any_length_keep_memory_bounded() -> None:
    """A minute of audio in odd pieces leaves eight seconds."""
    model = FakeTurnModel()
    turn, _ = predictor(model)
    for _ in range(3000):
        turn.feed(bytes(334))
    turn.noticed(SpeechEnded(9.0))
    settle()

    assert len(model.asked[0][0]) == 8 * 16000
    assert turn._kept_bytes < 8 * 16000 + 334


def test_a_verdict_on_a_pause_that_is_over_is_dropped() -> None:
    """The caller went on; and the next pause, whose verdict comes first, is another one."""
    model = FakeTurnModel(0.9, 0.1, hold=True)
    turn, posted = predictor(model)
    turn.noticed(SpeechEnded(9.0))
    settle()
    turn.noticed(SpeechStarted(9.2))
    turn.noticed(SpeechEnded(9.8))
    settle()
    assert posted == []
    model.release()
    settle()

    assert posted == [TurnEndPredicted(0.1, 9.8)]


def test_a_failure_is_no_verdict() -> None:
    """And does not stop the next one."""
    model = FakeTurnModel(None, 0.8)
    turn, posted = predictor(model)
    turn.noticed(SpeechEnded(9.0))
    settle()
    turn.noticed(SpeechStarted(9.4))
    turn.noticed(SpeechEnded(9.8))
    settle()

    assert posted == [TurnEndPredicted(0.8, 9.8)]


def test_after_the_call_nothing_is_posted() -> None:
    """Whatever the model still says; and other events mean nothing."""
    model = FakeTurnModel(0.9, hold=True)
    turn, posted = predictor(model)
    turn.noticed(MediaStarted())
    assert model.asked == []
    turn.noticed(SpeechEnded(9.0))
    settle()
    turn.close()
    model.release()
    settle()

    assert (len(model.asked), posted) == (1, [])


@pytest.mark.parametrize(("verdict", "waits_s"), [(0.95, 0.5), (0.05, 3.0)])
def test_in_a_call_the_verdict_moves_the_end_of_the_turn(records: Database, verdict: float, waits_s: float) -> None:
    """From the caller's audio to the question to the model."""
    rig = Rig(records, turn_model=FakeTurnModel(verdict))
    session = rig.open(AgentConfig(name="Ada", greeting=""))
    for _ in range(50):
        session.on_audio(b"\xff" * 160)
    rig.vad.streams[0].find(SpeechEdge(True, 0.2), SpeechEdge(False, 0.9))
    rig.vad.step()
    session.on_voice_step()
    session.post(TranscriptReceived("I need a table and", is_final=True))
    settle()

    rig.advance(waits_s - 0.25, step_s=0.05)
    asked_early = len(rig.llm.requests)
    rig.advance(0.3, step_s=0.05)

    assert (asked_early, len(rig.llm.requests)) == (0, 1)

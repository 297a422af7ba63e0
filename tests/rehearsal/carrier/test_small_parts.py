"""Mouth, transcription and dice: the pure parts that no other test names."""

import numpy as np
import pytest

from backend.rehearsal.carrier.faults import Dice, Faults
from backend.rehearsal.carrier.mouth import Mouth
from backend.rehearsal.carrier.transcription import Transcription

from .product import tone


def test_speech_is_laid_out_from_the_next_slot_on():
    """The times are those of the first and the last sample, not of the padding."""
    mouth = Mouth()

    started_at, ended_at = mouth.say(tone(0.05), 1.005)

    assert (started_at, ended_at) == (pytest.approx(1.02), pytest.approx(1.07))
    assert mouth.take(50) is None
    assert [mouth.take(slot) is not None for slot in (51, 52, 53, 54)] == [True, True, True, False]


def test_overlapping_sounds_are_mixed():
    """Speech over hold music is one sound; falling silent ends both."""
    mouth = Mouth()
    mouth.say(np.full(320, 1000, dtype=np.int16), 0.0)
    mouth.say(np.full(320, 200, dtype=np.int16), 0.02)

    first, second = mouth.take(0), mouth.take(1)
    mouth.fall_silent()

    assert (first[0], second[0]) == (1000, 1200)
    assert mouth.take(2) is None
    assert np.frombuffer(mouth.audio(0, 3), dtype=np.int16)[[0, 160, 320]].tolist() == [1000, 1200, 0]


def test_interim_results_grow_and_the_final_one_is_whole():
    """Every 0.6 s the words so far; the last comes after the end of the speech."""
    planned = Transcription.plan("one two three four", 10.0, 12.0, 0.2)

    assert [(round(at, 1), words) for at, words, is_final in planned if not is_final] == [
        (10.6, "one"),
        (11.2, "one two"),
        (11.8, "one two three"),
    ]
    assert planned[-1] == (12.2, "one two three four", True)


def test_transcription_listens_to_the_caller_and_not_to_the_past():
    """What was said before it began is not reported, nor the other track."""
    assert Transcription.from_body({}, 5.0).hears(5.1)
    assert not Transcription.from_body({}, 5.0).hears(4.9)
    assert not Transcription.from_body({"transcription_tracks": "outbound"}, 5.0).hears(9.0)
    assert "transcription_track" not in Transcription.from_body({}, 0).data("x", True)
    assert Transcription.from_body({"transcription_engine": "B"}, 0).data("x", True)["transcription_track"] == "inbound"


def test_without_faults_nothing_goes_wrong():
    """The defaults are a perfect carrier."""
    dice = Dice(Faults(), 1)

    assert not dice.loses_webhook("call.initiated")
    assert not dice.doubles_webhook()
    assert not dice.swaps_frame()
    assert dice.webhook_delay_s() == 0.0
    assert dice.command_fault("answer") is None


def test_a_fault_that_is_read_from_yaml_is_understood():
    """Lists for tuples, null for ever, an unknown field is refused."""
    faults = Faults.model_validate(
        {"command_status": {"speak": [500, "10007", None]}, "drop_webhooks": ["call.hangup"], "delay_webhooks_s": 0.5}
    )
    dice = Dice(faults, 1)

    assert [dice.command_fault("speak").status for _ in range(3)] == [500, 500, 500]
    assert dice.loses_webhook("call.hangup")
    assert dice.webhook_delay_s() == 0.5
    with pytest.raises(ValueError, match="drop_everything"):
        Faults.model_validate({"drop_everything": True})

"""Getting words to the caller: the table of saying.py."""

import pytest

from backend.call.commands import CancelPlayback, Speak, SpeakByCarrier
from backend.call.events import PlaybackEnded, PlaybackStarted, SynthesisFailed, SynthesisFinished, SynthesisStarted
from backend.call.history import History
from backend.call.playback import BY_FALLBACK_VOICE, BY_VOICE, Ledger, PieceState
from backend.call.saying import CARRIER_SPEECH_S_PER_CHARACTER, Saying


class Talk:
    def __init__(self) -> None:
        self.ledger = Ledger()
        self.history = History()
        self.saying = Saying(self.ledger, self.history)


def test_what_is_asked_for_stands_in_ledger_and_history() -> None:
    """One piece, one command, one entry."""
    talk = Talk()

    assert talk.saying.say("answer", "Hello.", 1.0) == [Speak("1-1", 1, 1, "Hello.", "answer", False)]
    assert [piece.text for piece in talk.ledger.requested()] == ["Hello."]
    assert [entry.text for entry in talk.history.entries] == ["Hello."]


@pytest.mark.parametrize("attempt", [BY_VOICE, BY_FALLBACK_VOICE])
def test_what_no_voice_of_ours_can_say_the_carrier_says(attempt: int) -> None:
    """And is taken as sent at once, its length estimated."""
    talk = Talk()
    talk.saying.say("answer", "Hello.", 1.0, attempt)

    assert talk.saying.take(SynthesisFailed("1-1", 1, "EngineFailed"), 2.0) == [SpeakByCarrier("1-2", 1, 2, "Hello.")]
    (piece,) = talk.ledger.audible()
    assert piece.duration_s == pytest.approx(1.0 + len("Hello.") * CARRIER_SPEECH_S_PER_CHARACTER)
    assert talk.saying.idle_from == 2.0


def test_a_filler_is_not_worth_the_carriers_voice_and_what_that_cannot_say_is_not_said() -> None:
    """Both end there; nothing is owed from then on."""
    talk = Talk()
    talk.saying.say("filler", "One moment.", 1.0)
    talk.saying.say_by_carrier("apology", "Sorry.", 1.0)

    assert talk.saying.take(SynthesisFailed("1-1", 1, "EngineFailed"), 2.0) == []
    assert talk.saying.take(SynthesisFailed("1-2", 1, "carrier_voice"), 3.0) == []
    assert talk.ledger.is_quiet() and talk.saying.idle_from == 3.0


def test_a_piece_that_died_after_some_audio_is_not_said_again() -> None:
    """The caller would hear its beginning twice."""
    talk = Talk()
    talk.saying.say("answer", "Hello.", 1.0)
    talk.saying.take(SynthesisStarted("1-1", 1), 1.0)

    assert talk.saying.take(SynthesisFailed("1-1", 1, "EngineFailed", sent_s=0.4), 2.0) == []
    assert [piece.duration_s for piece in talk.ledger.audible()] == [0.4]


def test_what_is_stuck_is_cancelled_and_said_with_the_other_voice() -> None:
    """All of it, in order; a filler is only cancelled, what is audible goes on."""
    talk = Talk()
    for kind, text in (("answer", "One."), ("filler", "One moment."), ("answer", "Two."), ("answer", "Three.")):
        talk.saying.say(kind, text, 1.0)  # type: ignore[arg-type]
    talk.saying.take(SynthesisStarted("1-1", 1), 1.5)

    assert talk.saying.say_stuck_otherwise(9.0) == [
        CancelPlayback("1-2"), CancelPlayback("1-3"), CancelPlayback("1-4"),
        Speak("1-5", 1, 5, "Two.", "answer", True), Speak("1-6", 1, 6, "Three.", "answer", True),
    ]  # fmt: skip


def test_silence_voids_everything_and_raises_the_generation() -> None:
    """What was heard stays heard."""
    talk = Talk()
    talk.saying.say("answer", "Hello.", 1.0)

    cut = talk.saying.stop(2.0)
    assert [piece.playback_id for piece in cut] == [piece.playback_id for piece in talk.ledger.pieces]
    assert (talk.ledger.is_quiet(), talk.saying.idle_from) == (True, 2.0)


def test_reports_reach_the_ledger() -> None:
    """Begun, handed over, played, ended."""
    talk = Talk()
    talk.saying.say("answer", "Hello.", 1.0)
    reports = (
        SynthesisStarted("1-1", 1), SynthesisFinished("1-1", 1, 2.0), PlaybackStarted("1-1", 1), PlaybackEnded("1-1", 1),
    )  # fmt: skip
    states = []
    for report in reports:
        assert talk.saying.take(report, 1.5) == []
        states.append(talk.ledger.pieces[0].state)

    assert states == [PieceState.SENDING, PieceState.SENT, PieceState.SENT, PieceState.HEARD]

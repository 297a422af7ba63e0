"""What was cut by a sound without words is taken up again, once: both tables."""

import pytest

from backend.call.agent_config import TurnTakingSettings
from backend.call.commands import SpeechKind
from backend.call.false_interruption import LONGEST_SOUND_S, FalseInterruption
from backend.call.playback import Ledger, Piece


def cut(*kinds: SpeechKind) -> list[Piece]:
    ledger = Ledger()
    for kind in kinds:
        ledger.ask(kind, f"A piece of the kind {kind}.", 1.0)
    return ledger.clear(2.0)


def interrupted(
    *kinds: SpeechKind, at: float = 10.0, timeout_s: float = 2.0, unfinished: bool = False
) -> FalseInterruption:
    watch = FalseInterruption(TurnTakingSettings(false_interruption_timeout_s=timeout_s))
    watch.interrupted(cut(*kinds), unfinished, at)
    return watch


def test_after_the_sound_and_two_seconds_without_words_it_goes_on_once() -> None:
    """Counted from the end of the sound: somebody who speaks long is not talked over."""
    watch = interrupted("answer")
    watch.speech_ended(11.0)

    assert watch.deadline() == pytest.approx(13.0)
    assert watch.take(12.9) is None
    resumption = watch.take(13.0)
    assert resumption is not None and [piece.kind for piece in resumption.pieces] == ["answer"]
    assert not watch.is_pending and watch.take(99.0) is None and watch.deadline() is None


def test_another_sound_makes_it_wait_again() -> None:
    """Until that one is over too."""
    watch = interrupted("answer")
    watch.speech_ended(11.0)
    watch.speech_started()
    assert watch.take(13.5) is None

    watch.speech_ended(14.0)

    assert watch.deadline() == pytest.approx(16.0)


def test_a_sound_that_does_not_end_is_not_waited_for_for_ever() -> None:
    """Music, or a detector that sticks."""
    watch = interrupted("answer", at=10.0)

    assert watch.deadline() == pytest.approx(10.0 + LONGEST_SOUND_S)
    assert watch.take(10.0 + LONGEST_SOUND_S) is not None


def test_an_end_that_was_known_before_the_interruption_counts_from_that() -> None:
    """A late report does not shorten the wait."""
    watch = interrupted("answer", at=10.0)
    watch.speech_ended(9.0)

    assert watch.deadline() == pytest.approx(12.0)


def test_a_real_word_ends_it() -> None:
    """What was cut stays cut."""
    watch = interrupted("answer")
    watch.forget()
    watch.speech_ended(11.0)

    assert (watch.is_pending, watch.take(99.0)) == (False, None)


def test_only_an_answer_and_the_greeting_are_worth_it() -> None:
    """A check-in or a filler is out of date by then."""
    assert not interrupted("check_in", "filler").is_pending
    watch = interrupted("greeting", "filler", "answer")
    watch.speech_ended(10.0)
    resumption = watch.take(99.0)

    assert resumption is not None and [piece.kind for piece in resumption.pieces] == ["greeting", "answer"]


def test_an_unfinished_answer_is_asked_for_again_even_if_only_a_filler_was_heard() -> None:
    """Nobody else would answer the caller."""
    watch = interrupted("filler", unfinished=True)
    watch.speech_ended(10.0)
    resumption = watch.take(99.0)

    assert resumption is not None and (resumption.pieces, resumption.is_answer_unfinished) == ((), True)


def test_an_agent_may_do_without() -> None:
    """0: never."""
    assert not interrupted("answer", timeout_s=0.0).is_pending

"""When the caller's turn has ended: each row of the table."""

import pytest

from backend.call.agent_config import TurnTakingSettings
from backend.call.endpointing import KEY_PAUSE_S, STUCK_VOICE_S, Endpointing

SETTINGS = TurnTakingSettings(min_endpointing_delay_s=0.4, max_endpointing_delay_s=2.0)


def spoken(*, until: float | None = 11.0) -> Endpointing:
    """The caller spoke from 10.0; None: and still does."""
    ended = Endpointing(SETTINGS)
    ended.speech_started()
    if until is not None:
        ended.speech_ended(until)
    return ended


@pytest.mark.parametrize(("is_final", "delay_s"), [(True, 0.4), (False, 2.0)])
def test_silent_with_words(is_final: bool, delay_s: float) -> None:
    """Final words end the turn early, interim words late, both counted from the last speech sample."""
    turn = spoken()
    turn.words_heard("Good morning", is_final, 11.3)

    assert turn.deadline() == pytest.approx(11.0 + delay_s)
    assert turn.take(11.0 + delay_s - 0.01) is None
    assert turn.take(11.0 + delay_s) == "Good morning"
    assert turn.took_interim is not is_final
    assert (turn.has_words, turn.deadline()) == (False, None)


def test_still_making_a_sound() -> None:
    """A voice detector can stick: the words decide then."""
    turn = spoken(until=None)
    turn.words_heard("Good morning", True, 12.0)

    assert turn.deadline() == 12.0 + STUCK_VOICE_S


def test_a_sound_without_words_is_no_turn() -> None:
    """Never."""
    assert spoken().deadline() is None
    assert Endpointing(SETTINGS).take(1000.0) is None


def test_keys_end_a_turn_after_a_pause() -> None:
    """All keys of one entry are one turn."""
    turn = Endpointing(SETTINGS)
    turn.key_pressed("1", 10.0)
    turn.key_pressed("#", 11.0)

    assert turn.deadline() == 11.0 + KEY_PAUSE_S
    assert turn.take(12.5) == "[pressed 1 #]"


def test_final_words_replace_interim_ones_and_add_up() -> None:
    """Two stretches of speech, one turn."""
    turn = spoken()
    turn.words_heard("Good", False, 10.5)
    turn.words_heard("Good morning.", True, 11.1)
    turn.speech_started()
    turn.words_heard("I have", False, 11.5)
    turn.speech_ended(12.0)
    turn.words_heard("I have a question.", True, 12.2)

    assert turn.take(12.4) == "Good morning. I have a question."


def test_words_without_a_voice_count_as_speech_that_ended_just_then() -> None:
    """The detector missed it; each further word moves the end."""
    turn = Endpointing(SETTINGS)
    turn.words_heard("I would", False, 10.0)
    turn.words_heard("I would like to know", False, 11.5)
    assert turn.deadline() == 13.5

    turn.words_heard("I would like to know more.", True, 12.0)

    assert turn.deadline() == pytest.approx(12.4)


def test_a_cough_long_ago_does_not_cut_the_next_sentence() -> None:
    """Its end is not the end of words that come a minute later."""
    turn = spoken(until=11.0)
    turn.words_heard("I would", False, 70.0)

    assert turn.take(70.0) is None
    assert turn.deadline() == 72.0


def test_forgetting_keeps_that_the_caller_is_speaking() -> None:
    """The words are gone, the voice is not."""
    turn = spoken(until=None)
    turn.words_heard("Wait", True, 10.5)
    turn.forget()
    turn.words_heard("Please", True, 11.0)

    assert turn.deadline() == 11.0 + STUCK_VOICE_S
    turn.speech_ended(11.5)
    assert turn.deadline() == pytest.approx(11.9)

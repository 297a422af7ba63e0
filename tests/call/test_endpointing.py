"""When the caller's turn has ended: each row of the table."""

import pytest

from backend.call.agent_config import TurnTakingSettings
from backend.call.endpointing import (
    COMPLETE_FROM,
    DIGITS_PART,
    HANGING_PART,
    INCOMPLETE_UP_TO,
    KEY_PAUSE_S,
    NO_MARK_PART,
    SPECULATE_AFTER_S,
    STUCK_VOICE_S,
    Endpointing,
    Guess,
)

SETTINGS = TurnTakingSettings(min_endpointing_delay_s=0.4, max_endpointing_delay_s=2.0)
SPAN_S = 1.6


def spoken(*, until: float | None = 11.0, language: str = "en") -> Endpointing:
    """The caller spoke from 10.0; None: and still does."""
    ended = Endpointing(SETTINGS, language)
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


def marked() -> Endpointing:
    """One whose recogniser has ended a text with a mark in this call already."""
    turn = spoken(until=5.0)
    turn.words_heard("Hello.", True, 5.1)
    assert turn.take(6.0) == "Hello."
    turn.speech_started()
    turn.speech_ended(11.0)
    return turn


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("I need a table.", 0.0),
        ("I need a table", NO_MARK_PART),
        ("I need a table and", HANGING_PART),
        ("Um.", HANGING_PART),
        ("My number is 555.", DIGITS_PART),
    ],
)
def test_how_the_words_end_stretches_the_wait(text: str, part: float) -> None:
    """Between the agent's shortest and longest wait."""
    turn = marked()
    turn.words_heard(text, True, 11.2)

    assert turn.deadline() == pytest.approx(11.4 + part * SPAN_S)


def test_a_recogniser_that_never_wrote_a_mark_is_not_waited_for() -> None:
    """Its missing marks say nothing; its hesitations and digits still do."""
    turn = spoken()
    turn.words_heard("i need a table", True, 11.2)
    assert turn.deadline() == pytest.approx(11.4)

    turn.words_heard("and", True, 11.3)
    assert turn.deadline() == pytest.approx(11.4 + HANGING_PART * SPAN_S)


def test_the_agents_language_picks_the_words() -> None:
    """“und” is nothing in English."""
    german, english = spoken(language="de-DE"), spoken()
    for turn in (german, english):
        turn.words_heard("einen Tisch und", True, 11.2)

    assert (german.deadline(), english.deadline()) == (
        pytest.approx(11.4 + HANGING_PART * SPAN_S),
        pytest.approx(11.4),
    )


def test_a_number_in_several_stretches_is_one_dictation() -> None:
    """“555”, a pause, “01”: the end is looked at as a whole."""
    turn = spoken()
    turn.words_heard("My number is 555.", True, 11.2)
    turn.speech_started()
    turn.speech_ended(12.0)
    turn.words_heard("01.", True, 12.2)

    assert turn.deadline() == pytest.approx(12.4 + DIGITS_PART * SPAN_S)
    assert turn.take(14.0) == "My number is 555. 01."


def test_a_late_final_text_ends_the_turn_at_once() -> None:
    """The wait is counted from the voice, not from the words."""
    turn = spoken()
    turn.words_heard("I need", False, 10.8)
    turn.words_heard("I need a table.", True, 12.5)

    assert turn.take(12.5) == "I need a table."


def test_an_interim_text_after_a_final_one_is_not_known_yet() -> None:
    """The caller said more than is final."""
    turn = spoken()
    turn.words_heard("I need a table.", True, 11.1)
    turn.words_heard("For", False, 11.2)

    assert turn.deadline() == pytest.approx(13.0)


@pytest.mark.parametrize(
    ("probability", "text", "part"),
    [
        (COMPLETE_FROM, "My number is 555.", 0.0),
        (0.99, "I need a table and", 0.0),
        (0.5, "I need a table and", HANGING_PART),
        (0.5, "I need a table.", 0.0),
        (INCOMPLETE_UP_TO, "I need a table.", 1.0),
        (0.0, "Yes", 1.0),
    ],
)
def test_a_clear_verdict_on_the_voice_decides(probability: float, text: str, part: float) -> None:
    """An unclear one leaves it to the words; the order of the two does not matter."""
    words_first, voice_first = spoken(), spoken()
    words_first.words_heard(text, True, 11.2)
    assert words_first.end_predicted(probability, 11.0)
    assert voice_first.end_predicted(probability, 11.0)
    voice_first.words_heard(text, True, 11.2)

    assert words_first.deadline() == voice_first.deadline() == pytest.approx(11.4 + part * SPAN_S)


def test_a_verdict_does_not_replace_the_words() -> None:
    """Interim words wait as long as ever, and a voice without words is no turn."""
    turn = spoken()
    turn.end_predicted(1.0, 11.0)
    assert turn.deadline() is None

    turn.words_heard("I need", False, 11.2)
    assert turn.deadline() == pytest.approx(13.0)


def test_a_verdict_holds_for_its_own_pause_only() -> None:
    """It comes too late, or for another pause, or the caller has gone on since."""
    turn = spoken()
    assert not turn.end_predicted(0.0, 10.2)
    assert turn.end_predicted(0.0, 11.0)
    turn.speech_started()
    assert not turn.end_predicted(0.0, 11.0)
    turn.speech_ended(12.0)
    turn.words_heard("I need a table.", True, 12.1)

    assert turn.deadline() == pytest.approx(12.4)


@pytest.mark.parametrize("text", ["Yes.", "and", "555", "maybe"])
@pytest.mark.parametrize("probability", [None, 0.0, 0.5, 1.0])
def test_the_wait_stays_within_the_agents_bounds(text: str, probability: float | None) -> None:
    """Whatever is said and however it sounds; with both bounds the same there is no choice left."""
    for longest_s in (0.4, 2.0):
        settings = TurnTakingSettings(min_endpointing_delay_s=0.4, max_endpointing_delay_s=longest_s)
        turn = Endpointing(settings)
        turn.speech_started()
        turn.speech_ended(11.0)
        turn.words_heard(text, True, 11.1)
        if probability is not None:
            turn.end_predicted(probability, 11.0)

        assert 11.4 - 1e-9 <= (turn.deadline() or 0.0) <= 11.0 + longest_s + 1e-9


def test_a_guess_is_what_the_turn_would_be_now() -> None:
    """From a short silence on, with interim words too."""
    turn = spoken()
    assert turn.guess() is None
    turn.words_heard("I need a", False, 11.05)
    assert turn.guess() is None
    turn.words_heard("I need a table", False, 11.1)

    assert turn.guess() == Guess("I need a table", 11.0 + SPECULATE_AFTER_S)


def test_there_is_no_guess_while_the_caller_may_go_on() -> None:
    """Voice, keys, words or a sound that is unfinished."""
    speaking, keyed, hanging, incomplete = spoken(until=None), spoken(), spoken(), spoken()
    speaking.words_heard("I need a table.", True, 10.5)
    for turn, text in ((keyed, "Yes."), (hanging, "I need a table and"), (incomplete, "I need a table.")):
        turn.words_heard(text, True, 11.1)
    keyed.key_pressed("1", 11.2)
    incomplete.end_predicted(INCOMPLETE_UP_TO, 11.0)

    assert [turn.guess() for turn in (speaking, keyed, hanging, incomplete)] == [None] * 4

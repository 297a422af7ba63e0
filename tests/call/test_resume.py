"""What is left of a text whose audio broke off, and what of it counts as said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.call.agent_config import AgentConfig
from backend.call.conversation import Conversation
from backend.call.events import (
    MediaStarted,
    PlaybackEnded,
    SpeechCutShort,
    SynthesisFailed,
    SynthesisFinished,
    SynthesisStarted,
)
from backend.call.resume import MOST_VOICES, UNITS_PER_S, Paces, Rest, heard_words, rest_of, units, word_starts

TEXT = "The quick brown fox jumps over the lazy dog."


def seconds(text: str) -> float:
    return units(text) / UNITS_PER_S


def test_it_goes_on_with_the_word_that_follows_what_was_said() -> None:
    """At exactly the end of a word the next one is the first of the rest."""
    assert rest_of(TEXT, seconds("The quick brown")) == Rest(3, "fox jumps over the lazy dog.")


def test_a_word_that_broke_in_the_middle_is_said_again() -> None:
    """Half a word is none; nearly all of one is one."""
    said = seconds("The quick")

    assert rest_of(TEXT, said + 3.0 / UNITS_PER_S).text.startswith("brown fox")
    assert rest_of(TEXT, said + 5.5 / UNITS_PER_S).text.startswith("fox jumps")


@pytest.mark.parametrize("sent_s", [0.0, -1.0])
def test_when_nothing_was_handed_over_everything_is_left(sent_s: float) -> None:
    """From the first character on."""
    assert rest_of(TEXT, sent_s) == Rest(0, TEXT)


@pytest.mark.parametrize("sent_s", [seconds(TEXT), seconds(TEXT) + 0.5, 100.0])
def test_when_all_was_handed_over_nothing_is_left(sent_s: float) -> None:
    """Also when the voice was slower than thought."""
    assert rest_of(TEXT, sent_s) == Rest(9, "")


def test_digits_and_pauses_take_their_time() -> None:
    """A digit is a word when spoken; a comma is a pause."""
    assert units("2026") > units("that")
    assert units("yes, no") > units("yes no") and units("Yes. No") > units("yes, no")
    assert rest_of("Call 555 0100 now please", seconds("Call 555")).text == "0100 now please"


def test_the_form_of_the_rest_is_kept() -> None:
    """What follows is handed to a voice as it was written."""
    assert rest_of("One,  two\nthree –  four!", seconds("One, two")).text == "three –  four!"


@given(st.text(st.characters(codec="utf-8"), max_size=80), st.floats(-1, 60), st.floats(4, 60))
def test_no_word_is_lost_and_none_is_doubled(text: str, sent_s: float, pace: float) -> None:
    """What counts as said and what is left make the whole text, for every text, length and pace."""
    rest = rest_of(text, sent_s, pace)

    assert text.split()[: rest.said_words] + rest.text.split() == text.split()
    assert rest.words == len(rest.text.split())


@given(st.floats(0, 10), st.floats(0, 10))
def test_more_audio_never_leaves_more_text(first_s: float, more_s: float) -> None:
    """Going on after a second failure goes forward."""
    assert rest_of(TEXT, first_s + more_s).said_words >= rest_of(TEXT, first_s).said_words


def test_the_pace_of_a_voice_is_learned_from_what_it_finished() -> None:
    """Each voice has its own; a very short text says nothing."""
    paces = Paces()
    for _ in range(20):
        paces.learn("slow", TEXT, units(TEXT) / 10)
    paces.learn("slow", "Yes.", 0.5)

    assert paces.of("slow") == pytest.approx(10, rel=0.01)
    assert paces.of("other") == UNITS_PER_S


def test_paces_stay_within_reason_and_in_bounds() -> None:
    """A voice that is silent for a minute has not become slower than speech, and names come from outside."""
    paces = Paces()
    paces.learn("stuck", "Yes.", 60.0)
    for number in range(2 * MOST_VOICES):
        paces.learn(f"voice-{number}", TEXT, 3.0)

    assert len(paces._units_per_s) == MOST_VOICES and paces.of("stuck") == UNITS_PER_S


STARTS = [0.0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize(
    ("played_s", "expected"),
    [(0.0, 0), (0.2, 0), (0.45, 1), (0.75, 1), (0.85, 2), (1.45, 3), (1.9, 4), (2.0, 4), (9.0, 4)],
)
def test_a_word_is_heard_when_nearly_all_of_its_sound_was_played(played_s: float, expected: int) -> None:
    """By the voice's own times; half a word is none."""
    assert heard_words("one two three four", STARTS, played_s, 2.0) == expected


def test_words_whose_times_are_not_known_were_not_sent_and_so_not_heard() -> None:
    """Unless nothing at all is known: then they are spread over the length."""
    assert heard_words("one two three four", STARTS[:2], 1.9, 20.0) == 2
    assert heard_words("one two three four", [], 1.0, 2.0) == 2


@given(st.floats(0, 5), st.floats(0, 5))
def test_more_that_was_played_is_never_fewer_words(first_s: float, more_s: float) -> None:
    """With the estimate as with the voice's times."""
    for starts in ([], word_starts(TEXT)):
        first, second = (heard_words(TEXT, starts, at_s, 8.0) for at_s in (first_s, first_s + more_s))
        assert 0 <= first <= second <= len(TEXT.split())


# --- what counts as said -----------------------------------------------------------------------------------------------


def begun() -> Conversation:
    conversation = Conversation(AgentConfig(name="Ada", greeting=TEXT), call_key="k")
    conversation.handle(MediaStarted(), 0.0)
    conversation.handle(SynthesisStarted("1-1", 1), 0.1)
    return conversation


def said(conversation: Conversation) -> list[str]:
    return [message["content"] for message in conversation.history.messages(conversation.agent)[1:]]


def test_what_was_never_handed_over_is_not_in_the_history() -> None:
    """The voice broke off and nobody could go on: the model must not believe that the caller heard it all."""
    conversation = begun()
    conversation.handle(SpeechCutShort("1-1", 1, 4), 1.0)
    conversation.handle(SynthesisFailed("1-1", 1, "EngineFailed", sent_s=1.2), 1.0)
    assert said(conversation) == ["The quick brown fox"]
    conversation.handle(None, 4.0)

    assert said(conversation) == ["The quick brown fox"]
    assert not conversation.is_agent_speaking


def test_a_piece_that_ended_a_word_early_says_so() -> None:
    """Its mark comes back as for any other."""
    conversation = begun()
    conversation.handle(SpeechCutShort("1-1", 1, 8), 1.0)
    conversation.handle(SynthesisFinished("1-1", 1, 2.5), 1.0)
    conversation.handle(PlaybackEnded("1-1", 1), 2.6)

    assert said(conversation) == ["The quick brown fox jumps over the lazy"]


def test_a_barge_in_cuts_what_was_left_of_it() -> None:
    """Half of four words are two."""
    conversation = begun()
    conversation.handle(SpeechCutShort("1-1", 1, 4), 1.0)
    conversation.handle(SynthesisFailed("1-1", 1, "EngineFailed", sent_s=2.0), 1.0)
    conversation.ledger.clear(1.1)

    assert said(conversation) == ["The quick"]


def test_news_of_a_piece_that_nobody_knows_changes_nothing() -> None:
    """Late, of an older generation, or wrong."""
    conversation = begun()
    conversation.handle(SpeechCutShort("1-9", 1, 1), 1.0)

    assert said(conversation) == [TEXT]

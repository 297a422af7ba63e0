"""Letting the recogniser listen: the table of listening.py."""

import pytest

from backend.call.commands import StartTranscription, StopTranscription
from backend.call.events import TYPED, RecogniserAway, RecogniserLost, RecogniserReady, TranscriptReceived
from backend.call.listening import (
    ASK_AGAIN_AFTER_S,
    LATE_INTERIM_S,
    RECOVERED_WITHIN_S,
    TAKEN_AFTER_S,
    Listening,
    ListeningStep,
)

ASK, STOP, GIVE_UP = ListeningStep


def asked(failures: int, at: float = 100.0) -> tuple[Listening, float]:
    """Asked, and refused so often, each time at once; time stands where the last refusal came."""
    listening, now = Listening(), at
    listening.ask(now)
    for number in range(failures):
        if number:
            now = listening.deadline() or 0.0
            assert listening.due(now) == ASK
            listening.ask(now)
        assert listening.failed(now)
    return listening, now


def test_it_is_asked_again_after_1_2_4_and_8_seconds_and_then_given_up() -> None:
    """Counted from each failure."""
    waits = []
    for failures in range(1, 6):
        listening, now = asked(failures)
        due_at = listening.deadline()
        assert due_at is not None and listening.due(due_at - 0.001) is None
        waits.append((due_at - now, listening.due(due_at)))

    assert waits == [*((wait_s, ASK) for wait_s in ASK_AGAIN_AFTER_S), (0.0, GIVE_UP)]


def test_it_is_given_up_once() -> None:
    """Whatever is refused afterwards."""
    listening, now = asked(5)

    assert listening.due(now) == GIVE_UP
    assert (listening.deadline(), listening.due(now + 99), listening.failed(now)) == (None, None, False)


def test_a_request_that_nobody_refuses_asks_for_nothing() -> None:
    """The carrier says nothing when it works."""
    listening, now = asked(0)

    assert (listening.deadline(), listening.due(now + 99), listening.is_deaf(now)) == (None, None, False)


def test_a_failure_told_twice_is_told_once() -> None:
    """The second report must not postpone the next attempt."""
    listening, now = asked(1)
    deadline = listening.deadline()

    assert not listening.failed(now + 0.5)
    assert listening.deadline() == deadline


def test_a_failure_of_what_nobody_asked_for_is_nothing() -> None:
    """Before the media there is nothing to listen to."""
    assert not Listening().failed(1.0)


@pytest.mark.parametrize("failures", range(5))
def test_the_callers_words_are_the_best_proof(failures: int) -> None:
    """The request timed out here and was granted there: nothing more is asked, a late refusal changes nothing."""
    listening, now = asked(failures)
    assert listening.accepts(TranscriptReceived("hello", is_final=False), now)

    assert (listening.deadline(), listening.failed(now), listening.is_deaf(now)) == (None, False, False)


def test_deaf_until_the_next_attempt_stays_unrefused_for_a_while() -> None:
    """While an answer may still come nobody knows; afterwards no news is good news."""
    listening, now = asked(1)
    assert listening.is_deaf(now + 0.5)
    again_at = listening.deadline() or 0.0
    listening.ask(again_at)

    assert listening.is_deaf(again_at + TAKEN_AFTER_S - 0.1)
    assert not listening.is_deaf(again_at + TAKEN_AFTER_S)


# --- a recogniser of our own ---


def words(text: str = "hello", *, is_final: bool = True, by: str = "sidecar") -> TranscriptReceived:
    return TranscriptReceived(text, is_final, recogniser=by)


def own(*, is_ready: bool = True) -> Listening:
    listening = Listening("sidecar")
    if is_ready:
        listening.take(RecogniserReady(), 100.0)
    return listening


def test_until_it_is_ready_we_are_deaf_and_the_carrier_is_not_asked() -> None:
    """It is opened by whoever runs it."""
    listening = own(is_ready=False)

    assert (listening.is_deaf(100.0), listening.deadline(may_speak=True), listening.due(999.0)) == (True, None, None)
    listening.take(RecogniserReady(), 101.0)
    assert not listening.is_deaf(101.0)


def test_only_the_words_of_the_one_who_counts_are_taken() -> None:
    """The carrier's stand-in may go on talking for a while."""
    listening = own()
    assert (listening.accepts(words(), 101.0), listening.accepts(words(by="carrier"), 101.0)) == (True, False)
    listening.take(RecogniserAway(False), 102.0)

    assert (listening.accepts(words(), 103.0), listening.accepts(words(by="carrier"), 103.0)) == (False, True)


def test_away_lets_the_carrier_stand_in_and_asks_the_caller_to_repeat_what_was_lost() -> None:
    """At once, and once: until there are words it is the same hole."""
    listening = own()
    listening.take(RecogniserLost(True), 110.0)
    assert listening.is_deaf(110.0) and not listening.take_repeat(110.0)
    listening.take(RecogniserAway(True), 111.2)

    assert (listening.due(111.2), listening.ask(111.2)) == (ASK, StartTranscription(1))
    assert listening.deadline() is None and listening.deadline(may_speak=True) == 111.2
    assert listening.take_repeat(111.2) and not listening.take_repeat(999.0)
    listening.take(RecogniserLost(True), 110.0)
    listening.take(RecogniserAway(True), 130.0)
    assert not listening.take_repeat(130.0)


def test_ready_again_waits_a_second_for_what_the_new_stream_was_fed() -> None:
    """Nobody is asked to repeat what was understood after all."""
    for is_understood in (True, False):
        listening = own()
        listening.take(RecogniserLost(True), 110.0)
        listening.take(RecogniserReady(), 100.3)
        assert listening.deadline(may_speak=True) == pytest.approx(100.3 + RECOVERED_WITHIN_S)
        if is_understood:
            assert listening.accepts(words(), 100.8)

        assert listening.take_repeat(100.3 + RECOVERED_WITHIN_S) is not is_understood


def test_a_hole_in_which_nobody_spoke_is_nobodys_business() -> None:
    """Lost, away and back without a word to the caller."""
    listening = own()
    listening.take(RecogniserLost(False), 100.0)
    listening.take(RecogniserAway(False), 101.0)
    listening.take(RecogniserReady(), 102.0)

    assert not listening.take_repeat(200.0)


def test_back_again_the_carrier_is_told_to_stop_and_may_be_asked_anew() -> None:
    """Under another number: the carrier would take the same one for a repetition."""
    listening = own()
    listening.take(RecogniserAway(False), 101.0)
    listening.ask(101.0)
    listening.take(RecogniserReady(), 105.0)
    assert (listening.due(105.0), listening.stop(), listening.due(105.0)) == (STOP, StopTranscription(1), None)
    listening.take(RecogniserAway(False), 110.0)

    assert (listening.due(110.0), listening.ask(110.0)) == (ASK, StartTranscription(2))


def test_a_stand_in_that_is_refused_is_asked_again_and_given_up_in_the_end() -> None:
    """The table of the carrier's transcription holds for it too."""
    listening, now = own(), 101.0
    listening.take(RecogniserAway(False), now)
    for _ in range(5):
        now = listening.deadline() or 0.0
        assert listening.due(now) == ASK
        listening.ask(now)
        listening.failed(now)

    assert listening.due(now) == GIVE_UP


@pytest.mark.parametrize(
    ("text", "after_s", "is_taken"),
    [
        ("two pizz", 0.5, False),
        ("Two pizzas please", 0.5, False),
        ("and a beer", 0.5, True),
        ("two pizz", LATE_INTERIM_S + 0.1, True),
    ],
)  # fmt: skip
def test_an_interim_text_that_its_final_form_overtook_is_dropped(text: str, after_s: float, is_taken: bool) -> None:
    """Webhooks arrive in any order; the same words said again later count."""
    listening = Listening()
    assert listening.accepts(words("Two pizzas, please.", by="carrier"), 100.0)

    assert listening.accepts(words(text, is_final=False, by="carrier"), 100.0 + after_s) is is_taken


def test_written_words_count_whoever_listens_and_prove_nothing() -> None:
    """A recogniser that is away hears no better because somebody typed."""
    own, deaf = Listening("sidecar"), asked(1)[0]
    typed = TranscriptReceived("Hello.", True, recogniser=TYPED)

    assert own.accepts(typed, 100.0) and deaf.accepts(typed, 100.0)
    assert own.is_deaf(100.0) and deaf.is_deaf(100.0) and deaf.deadline() is not None

"""The caller's side: what sounds, words and keys mean. When things happen stands in the tests of the machines inside."""

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.dead_air import DeadAir
from backend.call.endpointing import Endpointing
from backend.call.events import DtmfReceived, SpeechEnded, SpeechStarted, TranscriptReceived
from backend.call.hearing import LATE_FINAL_S, Hearing
from backend.call.history import History
from backend.call.playback import Ledger

AGENT = AgentConfig(name="Test")


class Ear:
    def __init__(self, may_barge_in: bool = True) -> None:
        settings = AGENT.settings
        self.ledger = Ledger()
        self.history = History()
        self.dead_air = DeadAir(settings.dead_air_settings)
        endpointing = Endpointing(settings.turn_taking)
        self.hearing = Hearing(AGENT, may_barge_in, endpointing, self.dead_air, self.ledger, self.history)

    def agent_speaks(self, at: float) -> str:
        piece = self.ledger.ask("answer", "A long answer.", at)
        self.ledger.started(piece.playback_id, at)
        self.ledger.handed_over(piece.playback_id, 5.0, at)
        return piece.playback_id

    def words(self, text: str, at: float, is_final: bool = True) -> bool:
        return self.hearing.take(TranscriptReceived(text, is_final), at)

    def turn(self, at: float) -> list[str]:
        self.hearing.take_turn(at)
        return [entry.text for entry in self.history.entries]


def test_words_and_keys_are_the_caller_being_active_sounds_are_not() -> None:
    """A dog barks as well; an empty text is none."""
    ear = Ear()
    found = [
        ear.hearing.take(SpeechStarted(1.0), 1.0), ear.hearing.take(SpeechEnded(2.0), 2.1),
        ear.words("  ", 2.2), ear.words("Hello", 2.3), ear.hearing.take(DtmfReceived("1"), 2.4),
    ]  # fmt: skip

    assert found == [False, False, False, True, True]
    assert ear.hearing.expects_more and ear.hearing.voice_ended_at == 2.0


def test_a_turn_goes_into_the_history_once() -> None:
    """As soon as it has ended."""
    ear = Ear()
    ear.words("When are you open?", 1.0)
    due_at = ear.hearing.deadline(may_take_turn=True, may_interrupt=True)
    assert due_at is not None and ear.hearing.deadline(may_take_turn=False, may_interrupt=True) is None

    assert not ear.hearing.take_turn(due_at - 0.1)
    assert ear.hearing.take_turn(due_at) and not ear.hearing.take_turn(due_at)
    assert ear.turn(due_at) == ["When are you open?"]


@pytest.mark.parametrize(("late_s", "is_correction"), [(0.1, True), (LATE_FINAL_S, True), (LATE_FINAL_S + 0.1, False)])
def test_the_final_form_of_a_turn_taken_by_interim_text_corrects_the_record(late_s: float, is_correction: bool) -> None:
    """And is not answered again; later it is something new."""
    ear = Ear()
    ear.words("When are", 1.0, is_final=False)
    ear.hearing.take_turn(4.0)

    assert ear.words("When are you open? One moment.", 4.0 + late_s) is not is_correction
    assert (ear.turn(4.0)[0] == "When are you open? One moment.") is is_correction
    assert ear.dead_air.on_hold is is_correction


def test_a_new_sound_ends_the_time_of_corrections() -> None:
    """What is understood of it is not the last turn's final form."""
    ear = Ear()
    ear.words("When are", 1.0, is_final=False)
    ear.hearing.take_turn(4.0)
    ear.hearing.take(SpeechStarted(4.1), 4.2)

    assert ear.words("Hello?", 5.0)


def test_a_hum_under_the_agents_voice_is_no_turn() -> None:
    """Neither activity nor anything to answer; said into silence it is both."""
    ear = Ear()
    piece = ear.agent_speaks(1.0)
    assert not ear.words("mm-hm", 2.0)
    ear.ledger.ended(piece, 6.0)
    assert ear.turn(20.0) == []

    assert ear.words("mm-hm", 21.0)
    assert ear.turn(40.0) == ["mm-hm"]


def test_words_under_the_agents_voice_are_kept_for_afterwards() -> None:
    """Half-duplex: the agent finishes first."""
    ear = Ear(may_barge_in=False)
    piece = ear.agent_speaks(1.0)
    assert ear.words("I want to stop", 2.0) and not ear.hearing.interrupts(2.0, may_interrupt=True)
    ear.ledger.ended(piece, 6.0)

    assert ear.turn(20.0) == ["I want to stop"]


def test_words_interrupt_where_they_may() -> None:
    """Not a call that is closing."""
    ear = Ear()
    ear.agent_speaks(1.0)
    ear.words("I want to stop", 2.0)

    assert not ear.hearing.interrupts(2.0, may_interrupt=False)
    assert ear.hearing.interrupts(2.0, may_interrupt=True)


def test_a_turn_that_asks_for_time_puts_the_caller_on_hold() -> None:
    """B3."""
    ear = Ear()
    ear.words("Hold on, please", 1.0)
    ear.turn(10.0)

    assert ear.dead_air.on_hold


def test_what_was_gathered_can_be_forgotten() -> None:
    """The call is closing."""
    ear = Ear()
    ear.words("Hello", 1.0)
    ear.hearing.forget()

    assert not ear.hearing.expects_more and ear.turn(20.0) == []


@pytest.mark.parametrize("is_taken", [False, True])
def test_an_interim_text_that_the_final_one_overtook_means_nothing(is_taken: bool) -> None:
    """Webhooks overtake each other. Before the turn has ended it would make the caller wait for more, afterwards it would
    stop the answer and begin another turn."""
    ear = Ear()
    ear.hearing.take(SpeechStarted(1.0), 1.1)
    ear.words("When are you open?", 2.2)
    ear.hearing.take(SpeechEnded(2.0), 2.3)
    if is_taken:
        assert ear.turn(2.6) == ["When are you open?"]
    assert not ear.words("when are", 2.7, is_final=False)

    assert ear.hearing.expects_more is not is_taken
    assert ear.turn(2.7) == ["When are you open?"]


def test_other_interim_texts_are_news() -> None:
    """Other words, words after another sound, and words long afterwards."""
    for text, sound, at in (
        ("When is", False, 2.7),
        ("When are", True, 2.7),
        ("When are", False, 2.2 + LATE_FINAL_S + 0.1),
    ):
        ear = Ear()
        ear.words("When are you open?", 2.2)
        ear.turn(2.7)
        if sound:
            ear.hearing.take(SpeechStarted(2.6), 2.7)

        assert ear.words(text, at, is_final=False)


def test_a_final_text_is_always_news() -> None:
    """“Yes.” – “Yes.” is said twice."""
    ear = Ear()
    ear.words("Yes.", 2.2)
    ear.turn(2.7)

    assert ear.words("Yes.", 2.9)
    assert ear.turn(3.4) == ["Yes.", "Yes."]

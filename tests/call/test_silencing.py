"""What silencing takes in the core, and what going on takes: each row of the table. Driven through a whole conversation."""

from typing import Any

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.commands import AbortSpeech, Command, Speak, Think
from backend.call.conversation import Conversation
from backend.call.events import (
    AnswerFinished,
    DtmfReceived,
    Event,
    MediaStarted,
    SentenceWritten,
    SilenceRequested,
    SpeechEnded,
    SpeechLasted,
    SpeechStarted,
    SynthesisFinished,
    SynthesisStarted,
    ToolCalled,
    TranscriptReceived,
    WordsTimed,
)
from backend.call.turn import TurnState

SENTENCE = "One two three four five."


class Call:
    """A call whose agent is in the middle of its answer at 100.0: a word each half second from 99.0 on."""

    def __init__(self, *, is_finished: bool = True, **agent: Any) -> None:
        settings = {"turn_taking": {"longest_backchannel_s": 0}}
        self.agent = AgentConfig.model_validate({"name": "Test", "greeting": "", "settings": settings, **agent})
        self.conversation = Conversation(self.agent, call_key="key", may_barge_in=True)
        self.take(MediaStarted(), 95.0)
        self.take(SpeechStarted(96.0), 96.0)
        self.take(SpeechEnded(97.0), 97.0)
        self.take(TranscriptReceived("Go on.", True), 97.2)
        (think,) = self.take(None, 98.0)
        assert isinstance(think, Think)
        self.turn_id = think.turn_id
        self.take(SentenceWritten(self.turn_id, SENTENCE), 98.5)
        if is_finished:
            self.take(AnswerFinished(self.turn_id), 98.6)
        self.take(SynthesisStarted("1-1", 1), 99.0)
        self.take(WordsTimed("1-1", 1, 0, (0.0, 0.5, 1.0, 1.5, 2.0)), 99.0)
        self.take(SynthesisFinished("1-1", 1, 2.5), 99.5)

    def take(self, event: Event | None, now: float) -> list[Command]:
        return self.conversation.handle(event, now)

    def interrupt_by_sound(self, at: float = 99.75) -> list[Command]:
        self.take(SpeechStarted(at), at)
        return self.take(SpeechLasted(at), at + 0.35)

    def model_sees(self) -> list[str]:
        return [str(message["content"]) for message in self.conversation.history.messages(self.agent)[1:]]


def test_words_void_the_speech_and_the_answer_for_good() -> None:
    """What was heard stays in the history; nothing is said again."""
    call = Call(is_finished=False)
    commands = call.take(TranscriptReceived("No, wait", False), 100.1)

    assert commands == [AbortSpeech(2, call.turn_id, by_caller=True)]
    assert call.model_sees()[1] == "One two" and call.conversation.turn.state == TurnState.BARGED_IN
    assert not any(isinstance(command, Speak) for command in call.take(None, 150.0))


def test_a_sound_does_the_same_but_the_agent_goes_on_after_it() -> None:
    """From the word after the last one heard, in a new generation; the history shows one piece."""
    call = Call()
    assert call.interrupt_by_sound() == [AbortSpeech(2, "", by_caller=True)]
    call.take(SpeechEnded(100.2), 100.4)
    assert call.take(None, 102.1) == []

    commands = call.take(None, 102.2)

    assert commands == [Speak("2-2", 2, 2, "three four five.", "answer")]
    assert call.model_sees()[1:] == [SENTENCE]
    assert call.take(None, 103.0) == []


def test_an_unfinished_answer_is_asked_for_again_after_what_was_written_is_said() -> None:
    """The model is told what happened."""
    call = Call(is_finished=False)
    call.interrupt_by_sound()
    call.take(SpeechEnded(100.2), 100.4)
    speak, think = call.take(None, 102.2)

    assert isinstance(speak, Speak) and isinstance(think, Think)
    assert [message["role"] for message in think.messages][-2:] == ["assistant", "system"]


def test_a_wanted_transfer_goes_with_the_words_that_announced_it() -> None:
    """And the model hears of it."""
    call = Call(is_finished=False, tools=["transfer"], transfer_targets=[{"name": "sales", "number": "+13125550100"}])
    call.take(ToolCalled(call.turn_id, "tool-1", "transfer", {"target": "sales"}), 99.6)
    call.take(AnswerFinished(call.turn_id), 99.6)
    call.take(TranscriptReceived("No, wait", False), 100.1)

    assert any("The transfer was not made" in text for text in call.model_sees())


@pytest.mark.parametrize("real", [TranscriptReceived("What?", True), DtmfReceived("1")])
def test_a_real_word_before_the_time_is_up_ends_the_waiting(real: Event) -> None:
    """It was an interruption after all: the caller is answered, nothing is said again."""
    call = Call()
    call.interrupt_by_sound()
    call.take(SpeechEnded(100.2), 100.4)
    commands = call.take(real, 101.0)
    commands += [command for at in (101.6, 102.5, 104.0) for command in call.take(None, at)]

    assert [type(command) for command in commands] == [Think]


def test_mm_hm_before_the_time_is_up_is_no_word() -> None:
    """It is not answered either."""
    call = Call()
    call.interrupt_by_sound()
    call.take(SpeechEnded(100.2), 100.4)
    call.take(TranscriptReceived("Mm-hm.", True), 101.0)
    commands = [command for at in (101.0, 101.9, 102.2, 104.0) for command in call.take(None, at)]

    assert [type(command) for command in commands] == [Speak]


def test_a_control_of_the_caller_silences_where_the_voice_may_not() -> None:
    """An agent that protects its answers: the button works, the words heard stay, nothing is taken up again."""
    call = Call(settings={"turn_taking": {"protected_kinds": ["answer"]}})
    assert call.interrupt_by_sound(99.0) == []
    commands = call.take(SilenceRequested(), 100.05)
    later = [command for at in range(101, 106) for command in call.take(None, float(at))]

    assert [type(command) for command in commands] == [AbortSpeech]
    assert call.model_sees() == ["Go on.", "One two"]
    assert [command for command in later if isinstance(command, Speak | Think)] == []


def test_what_must_be_heard_out_is_and_silence_is_not_silenced() -> None:
    """A notice; and a call in which nobody says anything."""
    with_notice = Conversation(AgentConfig(name="Test", notice="Recorded.", greeting=""), call_key="key")
    with_notice.handle(MediaStarted(), 100.0)
    quiet = Conversation(AgentConfig(name="Test", greeting=""), call_key="key")
    quiet.handle(MediaStarted(), 100.0)

    assert with_notice.handle(SilenceRequested(), 100.1) == []
    assert quiet.handle(SilenceRequested(), 100.1) == []

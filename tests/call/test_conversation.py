"""The composition: what belongs to no single machine. How calls go as a whole stands in tests/stories."""

import itertools

import pytest

from backend.call.agent_config import AgentConfig, AgentSettings, DeadAirSettings
from backend.call.commands import AbortSpeech, Command, FinishCall, Speak, StartTranscription, StopThinking, Think
from backend.call.conversation import Conversation
from backend.call.events import (
    AgentDoneSpeaking,
    AnswerFailed,
    AnswerFinished,
    CallBridged,
    CallHungUp,
    CarrierCommandFailed,
    DrainRequested,
    DtmfReceived,
    Event,
    MachineDetected,
    MachineGreetingEnded,
    MediaStarted,
    PlaybackEnded,
    SentenceWritten,
    SpeechEnded,
    SpeechStarted,
    SynthesisFinished,
    SynthesisStarted,
    ToolCalled,
    TranscriptReceived,
    TransferFailed,
)
from backend.call.turn import TurnState

AGENT = AgentConfig(name="Test", greeting="")


PATIENT = AgentSettings(dead_air_settings=DeadAirSettings(silence_timeout_normal=100))


class Driven:
    """A conversation and the commands of each step."""

    def __init__(self, agent: AgentConfig = AGENT, at: float = 100.0) -> None:
        self.conversation = Conversation(agent, call_key="key")
        self.now = at

    def take(self, event: Event | None, after: float = 0.0) -> list[Command]:
        self.now += after
        return self.conversation.handle(event, self.now)

    def ask(self, text: str = "When are you open?") -> Think:
        """The caller's turn, up to the request to the model."""
        self.take(TranscriptReceived(text, True))
        return next(command for command in self.take(None, after=0.5) if isinstance(command, Think))


def began(agent: AgentConfig = AGENT) -> Driven:
    driven = Driven(agent)
    driven.take(MediaStarted())
    return driven


BEFORE_MEDIA: list[Event] = [
    SpeechStarted(1.0),
    SpeechEnded(2.0),
    TranscriptReceived("Hello", True),
    DtmfReceived("1"),
    PlaybackEnded("1-1", 1),
    AgentDoneSpeaking(1, 1),
    SentenceWritten("t", "Hi."),
    CallBridged(),
    MachineDetected("machine"),
]


@pytest.mark.parametrize("event", BEFORE_MEDIA, ids=lambda event: type(event).__name__)
def test_before_the_media_nothing_moves(event: Event) -> None:
    """Counted, no command, no deadline."""
    driven = Driven()

    assert driven.take(event) == []
    assert (driven.conversation.ignored_events, driven.conversation.deadline()) == (1, None)
    assert driven.conversation.turn.state == TurnState.IDLE


def test_the_media_begin_the_call_once() -> None:
    """A second start is counted and changes nothing."""
    driven = Driven(AgentConfig(name="Test", greeting="Hello!"))

    first, second = driven.take(MediaStarted()), driven.take(MediaStarted(), after=1.0)

    assert [type(command) for command in first] == [StartTranscription, Speak]
    assert (second, driven.conversation.ignored_events) == ([], 1)


def test_a_hang_up_before_the_media_ends_it() -> None:
    """There may never be any."""
    driven = Driven()

    assert driven.take(CallHungUp("normal_clearing", "caller")) == [
        FinishCall("caller_hung_up", "caller", "normal_clearing")
    ]
    assert driven.conversation.is_over


def test_a_hang_up_of_our_own_side_that_the_conversation_did_not_ask_for_is_told_apart() -> None:
    """Over the API, or by the sweeper: the caller did not leave."""
    driven = Driven()

    assert driven.take(CallHungUp("normal_clearing", "callee")) == [
        FinishCall("ended_by_command", "agent", "normal_clearing")
    ]


STALE: list[Event] = [
    SentenceWritten("old", "Hi."),
    AnswerFinished("old"),
    AnswerFailed("old", "EngineFailed"),
    ToolCalled("old", "1", "hang_up"),
    SynthesisStarted("0-1", 0),
    SynthesisFinished("0-1", 0, 1.0),
    TransferFailed("sales"),
    CallBridged(),
    CarrierCommandFailed("send_dtmf"),
    PlaybackEnded("0-1", 0),
]


@pytest.mark.parametrize("event", STALE, ids=lambda event: type(event).__name__)
def test_stale_and_unexpected_events_are_counted_and_dropped(event: Event) -> None:
    """Results of another turn or generation, reports of what nobody asked for."""
    driven = began()
    before = driven.conversation.deadline()

    assert driven.take(event) == []
    assert (driven.conversation.ignored_events, driven.conversation.deadline()) == (1, before)


def test_turn_ids_are_unique_over_all_calls() -> None:
    """They carry the call's key and rise."""
    driven = began()
    first = driven.ask()
    driven.take(AnswerFailed(first.turn_id, "EngineFailed"))

    assert first.turn_id == "key-t1"
    assert driven.take(SentenceWritten("key-t1", "Late.")) == []


def test_the_clocks_follow_from_the_state() -> None:
    """Thinking: our clock runs; speaking: none; listening: the caller's."""
    driven = began()
    settings = AGENT.settings
    listening = driven.conversation.deadline()
    assert listening == driven.now + settings.dead_air_settings.silence_timeout_normal

    think = driven.ask()
    assert driven.conversation.deadline() == driven.now + settings.no_progress.filler_after_s

    spoken = driven.take(SentenceWritten(think.turn_id, "From nine to five."))[0]
    assert isinstance(spoken, Speak)
    driven.take(AnswerFinished(think.turn_id))
    driven.take(SynthesisStarted(spoken.playback_id, 1))
    driven.take(SynthesisFinished(spoken.playback_id, 1, 2.0))
    assert driven.conversation.turn.state == TurnState.SPEAKING
    assert driven.conversation.deadline() == driven.now + 4.0  # audio + 2 s

    driven.take(PlaybackEnded(spoken.playback_id, 1), after=2.0)
    assert driven.conversation.turn.state == TurnState.LISTENING
    assert driven.conversation.deadline() == driven.now + 7.0


def test_both_paths_of_an_end_together_mark_it_once() -> None:
    """A4: the webhook told the owner, and the flag is up as well."""
    driven = began(AgentConfig(name="Test", greeting="Hello!"))
    driven.take(SynthesisStarted("1-1", 1))
    driven.take(SynthesisFinished("1-1", 1, 1.0))
    driven.take(PlaybackEnded("1-1", 1), after=1.0)
    deadline = driven.conversation.deadline()

    driven.take(AgentDoneSpeaking(1, 1), after=0.3)
    driven.take(PlaybackEnded("1-1", 1), after=0.3)

    assert driven.conversation.deadline() == deadline


def test_words_during_an_unheard_answer_start_it_again() -> None:
    """Everything of it is void, the model's stream is closed."""
    driven = began()
    think = driven.ask("I need a table.")

    commands = driven.take(TranscriptReceived("For two people.", True))

    assert commands == [AbortSpeech(2, think.turn_id)]


def test_listening_is_asked_again_and_then_given_up_aloud() -> None:
    """Five refusals: an apology, then the hang-up; the agent cannot go on without ears."""
    driven = began(AgentConfig(name="Test", greeting="", settings=PATIENT))
    attempts = [1]
    for wait_s in (1.0, 2.0, 4.0, 8.0):
        assert driven.take(CarrierCommandFailed("start_transcription")) == []
        again = driven.take(None, after=wait_s)
        attempts += [command.attempt for command in again if isinstance(command, StartTranscription)]
    gave_up = driven.take(CarrierCommandFailed("start_transcription"))

    assert attempts == [1, 2, 3, 4, 5]
    assert [command.kind for command in gave_up if isinstance(command, Speak)] == ["apology"]


def test_listening_is_not_asked_again_once_the_call_is_closing() -> None:
    """Nobody needs it any more, and no deadline waits for it."""
    driven = began()
    think = driven.ask()
    driven.take(CarrierCommandFailed("start_transcription"))  # refused late; but words came, so we do hear
    assert driven.conversation.ignored_events == 1
    driven.take(ToolCalled(think.turn_id, "1", "hang_up"))
    closing = began()
    closing.take(CarrierCommandFailed("start_transcription"))
    closing.take(DrainRequested(1.0))

    assert not any(isinstance(command, StartTranscription) for command in closing.take(None, after=60.0))


def test_blank_words_are_no_words() -> None:
    """Some recognisers send empty texts."""
    driven = began()
    before = driven.conversation.deadline()

    assert driven.take(TranscriptReceived("  ", True)) == []
    assert driven.conversation.deadline() == before


@pytest.mark.parametrize("late_s", [0.1, 4.9])
def test_a_late_final_text_corrects_the_record_and_is_not_answered(late_s: float) -> None:
    """The interim text was already taken as the turn."""
    driven = began()
    driven.take(TranscriptReceived("When are", False))
    driven.take(None, after=3.0)

    commands = driven.take(TranscriptReceived("When are you open?", True), after=late_s)

    assert not any(isinstance(command, Think | StopThinking) for command in commands)
    said = [entry.text for entry in driven.conversation.history.entries if entry.speaker == "caller"]
    assert said == ["When are you open?"]


def test_a_machines_end_of_greeting_without_a_machine_is_no_reason_to_speak() -> None:
    """Detection says who it was."""
    driven = began()

    assert driven.take(MachineGreetingEnded()) == []


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(BEFORE_MEDIA, 2))[::7])
def test_pairs_of_surprises_leave_a_call_that_ends(first: Event, second: Event) -> None:
    """Whatever came: from here on silence leads to a hang-up."""
    driven = began()
    driven.take(first)
    driven.take(second, after=0.2)

    for _ in range(200):
        deadline = driven.conversation.deadline()
        if deadline is None:
            break
        driven.now = max(driven.now, deadline)
        driven.take(None)

    assert driven.conversation.is_over

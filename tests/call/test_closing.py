"""backend/call/closing.py: each row of its table. Driven through a whole conversation."""

from typing import Any

from backend.call.agent_config import AgentConfig
from backend.call.commands import AbortSpeech, Command, FinishCall, Speak, SpeakByCarrier, StopThinking, Think, Transfer
from backend.call.conversation import Conversation
from backend.call.events import (
    CallHungUp,
    DrainRequested,
    Event,
    MediaStarted,
    MediaStopped,
    SentenceWritten,
    SpeechEnded,
    SpeechStarted,
    SynthesisStarted,
    ToolCalled,
    TranscriptReceived,
)

DESK = {"name": "desk", "number": "+13125550111"}


class Call:
    """A call whose model is at work on an answer at 100.0."""

    def __init__(self, **agent: Any) -> None:
        self.agent = AgentConfig.model_validate({"name": "Test", "greeting": "", **agent})
        self.conversation = Conversation(self.agent, call_key="key")
        self.take(MediaStarted(), 95.0)
        self.take(SpeechStarted(96.0), 96.0)
        self.take(SpeechEnded(97.0), 97.0)
        self.take(TranscriptReceived("Go on.", True), 97.2)
        (think,) = self.take(None, 98.0)
        assert isinstance(think, Think)
        self.turn_id = think.turn_id

    def take(self, event: Event | None, now: float) -> list[Command]:
        return self.conversation.handle(event, now)


def kinds(commands: list[Command]) -> list[str]:
    return [type(command).__name__ for command in commands]


def test_closing_drops_the_answer_and_says_the_goodbye_once() -> None:
    """What is being said is not voided; asked again, it does nothing."""
    call = Call()
    call.take(SentenceWritten(call.turn_id, "One two three."), 98.5)
    call.take(SynthesisStarted("1-1", 1), 99.0)

    first = call.take(DrainRequested(30.0), 100.0)
    second = call.take(DrainRequested(30.0), 100.1)

    apology = call.agent.settings.no_progress.apology_message
    assert StopThinking(call.turn_id) in first and "AbortSpeech" not in kinds(first)
    assert [(c.kind, c.text) for c in first if isinstance(c, Speak)] == [("goodbye", apology)]
    assert not any(isinstance(command, Speak) for command in second)


def test_giving_up_apologises_and_hands_the_caller_to_a_person() -> None:
    """Nobody answered for as long as the agent bears it; the apology is heard before the transfer."""
    call = Call(transfer_targets=[DESK], settings={"no_progress": {"transfer_target": "desk"}})
    commands: list[Command] = []
    for step in range(200):
        commands += call.take(None, 100.0 + step / 4)
    apology = call.agent.settings.no_progress.apology_message

    spoken = [command.text for command in commands if isinstance(command, Speak | SpeakByCarrier)]
    assert apology in spoken
    said_at = next(i for i, c in enumerate(commands) if isinstance(c, Speak | SpeakByCarrier) and c.text == apology)
    asked_at = next(index for index, command in enumerate(commands) if isinstance(command, Transfer))
    assert said_at < asked_at


def test_a_dead_voice_does_not_apologise() -> None:
    """Speech was asked for and never came: the carrier's own voice says it, and what hung is void."""
    call = Call()
    call.take(SentenceWritten(call.turn_id, "One two three."), 98.5)
    commands: list[Command] = []
    for step in range(200):
        commands += call.take(None, 100.0 + step / 4)

    apology = call.agent.settings.no_progress.apology_message
    assert apology in [command.text for command in commands if isinstance(command, SpeakByCarrier)]
    assert any(isinstance(command, AbortSpeech) for command in commands)


def test_a_leg_that_is_gone_ends_everything_at_once() -> None:
    """The model's stream is closed, and the last command says how it ended; nothing follows."""
    call = Call()
    commands = call.take(CallHungUp("normal_clearing", "caller"), 100.0)

    assert kinds(commands) == ["StopThinking", "FinishCall"]
    assert isinstance(commands[-1], FinishCall) and commands[-1].who_hung_up == "caller"
    assert call.conversation.is_over and call.take(None, 200.0) == []


def test_a_transfer_that_was_still_wanted_is_not_made_once_the_hang_up_was_asked_for() -> None:
    """The media are gone before the line was free for it."""
    call = Call(transfer_targets=[DESK], tools=["transfer"])
    call.take(SentenceWritten(call.turn_id, "I connect you."), 98.5)
    call.take(SynthesisStarted("1-1", 1), 99.0)
    call.take(ToolCalled(call.turn_id, "t1", "transfer", {"target": "desk"}), 99.1)
    call.take(MediaStopped("gone"), 99.2)

    asked = []
    for tenths in range(300):
        asked += kinds(call.take(None, 99.3 + tenths / 10))

    assert "HangUp" in asked and "Transfer" not in asked

"""backend/call/supervision.py: each row of the table, driven through a whole conversation."""

from backend.call.agent_config import AgentConfig
from backend.call.commands import AbortSpeech, Command, ReportDraft, Think, Transfer
from backend.call.conversation import Conversation
from backend.call.events import (
    CallHungUp,
    Event,
    MediaStarted,
    PlaybackEnded,
    SynthesisFinished,
    SynthesisStarted,
    TranscriptReceived,
    TransferFailed,
    TransferRequested,
    WhisperRequested,
)
from backend.call.supervision import WHISPER
from tests.session.rig import make_agent

TARGETS = [{"name": "sales", "number": "+13125550199"}]


class Call:
    """A call whose greeting was heard."""

    def __init__(self, agent: AgentConfig | None = None) -> None:
        self.conversation = Conversation(agent or make_agent(transfer_targets=TARGETS), call_key="k", may_barge_in=True)
        self.take(0.0, MediaStarted())
        self.take(0.1, SynthesisStarted("1-1", 1))
        self.take(0.1, SynthesisFinished("1-1", 1, 0.5))
        self.take(0.6, PlaybackEnded("1-1", 1))

    def take(self, at: float, event: Event | None = None) -> list[Command]:
        return self.conversation.handle(event, at)

    def ask(self, at: float, words: str = "What now?") -> Think:
        self.take(at, TranscriptReceived(words, is_final=True))
        (think,) = [command for command in self.take(at + 3.0) if isinstance(command, Think)]
        return think


def test_a_whisper_is_read_by_the_model_and_never_spoken() -> None:
    """It stands in the history, as an instruction; nobody says it and nothing else happens."""
    call = Call()
    assert call.take(1.0, WhisperRequested("Offer ten percent.")) == []
    think = call.ask(2.0)

    assert {"role": "system", "content": WHISPER + "Offer ten percent."} in think.messages
    assert [entry.speaker for entry in call.conversation.history.entries] == ["agent", "note", "caller"]
    assert not any("ten percent" in piece.text for piece in call.conversation.ledger.pieces)


def test_a_whisper_does_not_disturb_the_callers_silence() -> None:
    """The countdown goes on: the caller heard nothing."""
    call = Call()
    before = call.conversation.deadline()
    call.take(1.0, WhisperRequested("Be brief."))

    assert call.conversation.deadline() == before


def test_a_draft_that_does_not_know_the_whisper_is_dropped() -> None:
    """The next answer is the one that was instructed."""
    call = Call(make_agent(settings={"turn_taking": {"speculation": True, "min_endpointing_delay_s": 1.0}}))
    call.take(1.0, TranscriptReceived("What now?", is_final=True))
    drafts = [command for command in call.take(1.9) if isinstance(command, Think) and command.is_draft]
    commands = call.take(1.95, WhisperRequested("Be brief."))

    assert drafts and any(isinstance(command, ReportDraft) and not command.was_used for command in commands)


def test_a_transfer_is_asked_for_at_once_and_cuts_the_agent_off() -> None:
    """In the middle of a sentence."""
    call = Call()
    call.ask(1.0)
    commands = call.take(4.1, TransferRequested("sales"))

    assert [type(command) for command in commands] == [AbortSpeech, Transfer]
    assert commands[1] == Transfer("sales", "+13125550199", 1)
    assert call.conversation.doing == "ending"


def test_what_the_caller_says_meanwhile_does_not_take_the_transfer_back() -> None:
    """Unlike one that the model wants."""
    call = Call()
    call.take(1.0, TranscriptReceived("But", is_final=False))
    call.take(1.1, TransferRequested("sales"))
    call.take(1.2, TranscriptReceived("But wait.", is_final=True))

    assert call.conversation.doing == "ending" and not any(isinstance(command, Think) for command in call.take(6.0))


def test_a_transfer_that_fails_brings_the_agent_back() -> None:
    """Who is told of it."""
    call = Call()
    call.take(1.0, TransferRequested("sales"))
    (think,) = [command for command in call.take(2.0, TransferFailed("sales")) if isinstance(command, Think)]

    assert "transfer failed" in str(think.messages[-1]["content"])


def test_a_transfer_that_cannot_be_made_changes_nothing() -> None:
    """Nobody of that name; handed over already; over."""
    call = Call()
    assert call.take(1.0, TransferRequested("the moon")) == []
    call.take(1.1, TransferRequested("sales"))
    assert call.take(1.2, TransferRequested("sales")) == []
    assert call.conversation.ignored_events == 2
    call.take(2.0, CallHungUp())
    assert call.take(2.1, TransferRequested("sales")) == []


def test_a_transfer_comes_too_late_once_the_hang_up_was_asked_for() -> None:
    """The carrier would refuse it."""
    call = Call()
    for at in range(1, 40):
        call.take(float(at))
        for piece in call.conversation.ledger.requested():
            call.take(float(at), SynthesisStarted(piece.playback_id, piece.generation))
            call.take(float(at), SynthesisFinished(piece.playback_id, piece.generation, 0.1))
            call.take(float(at), PlaybackEnded(piece.playback_id, piece.generation))
        if call.conversation.hangup.is_asked:
            break
    assert call.conversation.hangup.is_asked

    assert not any(isinstance(command, Transfer) for command in call.take(41.0, TransferRequested("sales")))

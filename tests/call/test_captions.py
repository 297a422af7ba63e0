"""backend/call/captions.py, over real conversations."""

from typing import Any

from backend.call.agent_config import AgentConfig
from backend.call.captions import Caption, Captions
from backend.call.conversation import Conversation
from backend.call.events import (
    Event,
    MediaStarted,
    PlaybackEnded,
    PlaybackProgressed,
    SilenceRequested,
    SynthesisFailed,
    SynthesisFinished,
    SynthesisStarted,
    TranscriptReceived,
    WordsTimed,
)


class Call:
    """A call that has begun with its greeting, read along."""

    def __init__(self, **agent: Any) -> None:
        self.conversation = Conversation(AgentConfig.model_validate({"name": "Ada", **agent}), call_key="key")
        self.captions = Captions(self.conversation.ledger)
        self.now = 100.0
        self.lines: list[Caption] = []
        self.take(MediaStarted())

    def take(self, event: Event | None, after: float = 0.0) -> list[Caption]:
        """The lines it made."""
        self.now += after
        self.conversation.handle(event, self.now)
        lines = self.captions.take(event, self.now)
        self.lines += lines
        return lines

    def speaks(self) -> None:
        """“One two three four”, half a second each, all sent at once."""
        self.take(SynthesisStarted("1-1", 1))
        self.take(WordsTimed("1-1", 1, 0, (0.0, 0.5, 1.0, 1.5)))
        self.take(SynthesisFinished("1-1", 1, 2.0))


GREETING = "One two three four"


def test_the_agent_is_read_as_it_is_heard() -> None:
    """Nothing before it is heard, then as far as it was, then the whole."""
    call = Call(greeting=GREETING)
    call.speaks()
    assert call.lines == []

    assert call.take(PlaybackProgressed("1-1", 1, 1.0), after=1.0) == [Caption("agent", "One two", False)]
    assert call.take(PlaybackEnded("1-1", 1), after=1.0) == [Caption("agent", GREETING, True, "heard")]
    assert call.take(None, after=0.5) == []


def test_what_was_cut_ends_where_it_was_cut() -> None:
    """The words that were sent and never heard are not told."""
    call = Call(greeting=GREETING)
    call.speaks()

    assert call.take(SilenceRequested(), after=1.05) == [Caption("agent", "One two", True, "partly")]


def test_what_nobody_heard_is_no_line() -> None:
    """Cut before its first word, or failed in every voice."""
    cut, failed = Call(greeting=GREETING), Call(greeting=GREETING)
    cut.speaks()
    cut.take(SilenceRequested())
    failed.take(SynthesisFailed("1-1", 1, "EngineFailed"))
    failed.take(SynthesisFailed("1-2", 1, "carrier_voice"))

    assert (cut.lines, failed.lines) == ([], [])


def test_the_caller_is_read_as_understood() -> None:
    """Interim and final, without the space around."""
    call = Call(greeting="")

    assert call.take(TranscriptReceived("When do ", False)) == [Caption("caller", "When do", False)]
    assert call.take(TranscriptReceived("When do you open?", True)) == [Caption("caller", "When do you open?", True)]
    assert call.take(TranscriptReceived("  ", True)) == []


def test_a_piece_whose_end_was_lost_is_told_when_it_is_given_up() -> None:
    """The ledger closes it; nobody reads half a sentence for ever."""
    call = Call(greeting=GREETING)
    call.speaks()

    assert call.take(None, after=4.1) == [Caption("agent", GREETING, True, "heard")]

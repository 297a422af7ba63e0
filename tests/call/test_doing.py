"""backend/call/doing.py: the word for each state, in calls that get there."""

from backend.call.conversation import Conversation
from backend.call.events import (
    AnswerFinished,
    CallHungUp,
    MediaStarted,
    PlaybackEnded,
    SentenceWritten,
    SynthesisFinished,
    SynthesisStarted,
    ToolCalled,
    TranscriptReceived,
)
from tests.session.rig import make_agent


def test_each_state_has_its_word() -> None:
    """Of one call, in order."""
    agent = make_agent(tools=["hold", "hang_up"])
    conversation = Conversation(agent, call_key="k")
    seen = [conversation.doing]

    def step(at: float, *events: object) -> None:
        for event in events or (None,):
            conversation.handle(event, at)  # type: ignore[arg-type]
        seen.append(conversation.doing)

    step(0.0, MediaStarted())
    step(0.1, SynthesisStarted("1-1", 1))
    step(1.0, SynthesisFinished("1-1", 1, 0.5), PlaybackEnded("1-1", 1))
    step(2.0, TranscriptReceived("Hold on please.", is_final=True))
    step(3.0)
    step(3.1, ToolCalled("k-t1", "x", "hold"), SentenceWritten("k-t1", "Of course."), AnswerFinished("k-t1"))
    step(3.2, SynthesisStarted("1-2", 1))
    step(4.0, SynthesisFinished("1-2", 1, 0.5), PlaybackEnded("1-2", 1))
    step(4.1, TranscriptReceived("Bye.", is_final=True))
    step(6.0)
    step(6.1, ToolCalled("k-t2", "y", "hang_up"))
    step(6.2, CallHungUp())

    assert seen == [
        "listening", "thinking", "speaking", "listening", "listening", "thinking", "thinking", "speaking", "on_hold",
        "listening", "thinking", "ending", "ending",
    ]  # fmt: skip

"""backend/session/record.py"""

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY

from backend.call.agent_config import AgentConfig
from backend.call.commands import FinishCall, ReportTurn
from backend.call.conversation import Conversation
from backend.call.events import (
    MediaStarted,
    PlaybackEnded,
    SynthesisFinished,
    SynthesisStarted,
    TranscriptReceived,
)
from backend.metrics import CALLS_FINISHED
from backend.records.calls import TOOL_ANSWERED, CallFinish
from backend.session import record
from backend.session.record import MAX_TIMELINE, CallRecorder
from tests.session.rig import CALL, CALLER, US, Rig, wait_until

DONE = FinishCall("completed", "caller", "normal_clearing")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same number of tries, milliseconds apart."""
    assert len(record.RETRY_AFTER_S) == 5 and sum(record.RETRY_AFTER_S) > 50
    monkeypatch.setattr(record, "RETRY_AFTER_S", (0.001,) * 5)


@pytest.fixture
def recorder(rig: Rig) -> CallRecorder:
    return CallRecorder(rig.services, CALL, rig.ring())


def finish(rig: Rig, recorder: CallRecorder, conversation: Conversation) -> None:
    recorder.finish(DONE, conversation, rig.clock.monotonic())
    wait_until(lambda: rig.stores.legs.get(CALL) is None)


def test_the_transcript_is_what_was_heard(rig: Rig, recorder: CallRecorder, agent: AgentConfig) -> None:
    """Whole, partly with the words that were heard, or not at all; times are those of the wall."""
    conversation = Conversation(agent, call_key="k")
    conversation.handle(MediaStarted(), 1000.0)
    conversation.handle(SynthesisStarted("1-1", 1), 1000.0)
    conversation.handle(SynthesisFinished("1-1", 1, 0.5), 1000.0)
    conversation.handle(PlaybackEnded("1-1", 1), 1000.5)
    conversation.handle(TranscriptReceived("And now?", is_final=True), 1001.0)
    conversation.handle(None, 1002.0)
    conversation._saying.say("answer", "one two three four", 1002.0)
    conversation.handle(SynthesisStarted("1-2", 1), 1002.0)
    conversation.handle(SynthesisFinished("1-2", 1, 4.0), 1002.0)
    conversation._saying.say("answer", "never heard", 1002.0)
    conversation.ledger.clear(1004.0)
    finish(rig, recorder, conversation)
    turns = rig.calls.get(CALL).turns

    assert [(turn.speaker, turn.text, turn.heard, turn.unheard_text) for turn in turns] == [
        ("agent", "Hello.", "heard", ""), ("caller", "And now?", "heard", ""),
        ("agent", "one two", "partly", "three four"), ("agent", "", "unheard", "never heard"),
    ]  # fmt: skip
    assert turns[0].at == pytest.approx(rig.clock.wall()) and turns[1].at == pytest.approx(rig.clock.wall() + 2)


def test_summary_timeline_and_latencies_are_stored(rig: Rig, recorder: CallRecorder, agent: AgentConfig) -> None:
    """The timeline is bounded: a call cannot fill the database."""
    for number in range(MAX_TIMELINE + 5):
        recorder.note("Event", {"n": number}, 1.0)
    recorder.turn_measured(ReportTurn("t1", 0.5, None, 0.7))
    rig.clock.advance(10)
    finish(rig, recorder, Conversation(agent, call_key="k"))
    found = rig.calls.get(CALL)

    assert (found.summary.direction, found.summary.from_number, found.summary.to_number) == ("incoming", CALLER, US)
    assert (found.summary.outcome, found.summary.agent_id, found.summary.ended_at) == (
        "completed",
        "a1",
        rig.clock.wall(),
    )
    assert len(found.events) == MAX_TIMELINE
    assert [(entry.turn_id, entry.first_sentence_s) for entry in found.latencies] == [("t1", None)]


def test_what_the_tools_answered_is_stored(rig: Rig, recorder: CallRecorder, agent: AgentConfig) -> None:
    """With what the model handed to them, whatever characters it wrote."""
    conversation = Conversation(agent, call_key="k")
    conversation.handle(MediaStarted(), 1000.0)
    conversation.history.tool_used("c1", "transfer", {"target": "sa\x00les"}, "refused: \ud800", 1001.0)
    recorder.note("Later", {}, rig.clock.wall() + 5)
    finish(rig, recorder, conversation)
    events = rig.calls.get(CALL).events

    assert [(event.name, event.detail) for event in events] == [
        (TOOL_ANSWERED, {"name": "transfer", "arguments": '{"target": "sa\\u0000les"}', "result": "refused: ?"}),
        ("Later", {}),
    ]


def test_the_record_is_tried_again_while_the_database_is_away(
    rig: Rig, recorder: CallRecorder, agent: AgentConfig
) -> None:
    """Five times; it is stored once, and only then the keys are deleted."""
    rig.calls.failures_left = 4
    finish(rig, recorder, Conversation(agent, call_key="k"))

    assert rig.calls.finish_asked == 5 and rig.calls.get(CALL).summary.outcome == "completed"


def test_a_record_that_cannot_be_stored_is_reported_and_frees_the_keys(
    rig: Rig, recorder: CallRecorder, agent: AgentConfig, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """At least the log knows."""
    rig.calls.failures_left = 100
    finish(rig, recorder, Conversation(agent, call_key="k"))

    assert rig.calls.finish_asked == 6
    assert [line["call_control_id"] for line in logged() if line["event"] == "record_lost"] == [CALL]


def test_the_record_is_stored_while_redis_is_away(
    rig: Rig, recorder: CallRecorder, agent: AgentConfig, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """The sweeper deletes the keys."""
    rig.database.is_away = True
    recorder.finish(DONE, Conversation(agent, call_key="k"), rig.clock.monotonic())
    wait_until(lambda: "keys_left_to_the_sweeper" in [line["event"] for line in logged()])

    assert rig.calls.get(CALL).summary.outcome == "completed"


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("offhook_calls_finished_total", {"outcome": outcome}) or 0.0


def test_a_call_that_is_finished_twice_keeps_its_first_record(
    rig: Rig, recorder: CallRecorder, agent: AgentConfig, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """The sweeper and the owner may both think it is theirs to write: it is counted and logged once, as it is stored."""
    CALLS_FINISHED.count(0, outcome="completed")
    before = counted("completed"), counted("lost")
    finish(rig, recorder, Conversation(agent, call_key="k"))
    record.store_finish(
        rig.services, CALL, rig.stores.legs.get(CALL) or rig.ring("v3:x"), CallFinish(1.0, "lost", "unknown")
    )

    assert rig.calls.get(CALL).summary.outcome == "completed"
    assert (counted("completed"), counted("lost")) == (before[0] + 1, before[1])
    lines = [line for line in logged() if line["event"] == "call_finished"]
    assert [(line["call_control_id"], line["outcome"], line["who_hung_up"]) for line in lines] == [
        (CALL, "completed", "caller")
    ]


def test_a_record_that_is_lost_is_no_finished_call(
    rig: Rig, recorder: CallRecorder, agent: AgentConfig, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """What is counted can be found in the database."""
    rig.calls.failures_left, before = 100, counted("completed")
    finish(rig, recorder, Conversation(agent, call_key="k"))

    assert counted("completed") == before
    assert "call_finished" not in [line["event"] for line in logged()]

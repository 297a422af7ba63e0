"""backend/records/after_call.py"""

from typing import Any

import pytest

from backend.call.agent_config import AgentConfig
from backend.records.after_call import AfterCall, AfterCalls
from backend.records.agents import Agents
from backend.records.calls import CallFinish, Calls, CallStart, Turn
from backend.records.database import Database
from backend.records.errors import UnknownRecord, UnstorableText
from tests.records.conftest import StillClock

CALL = "v3:abc"
HOOK = {"webhook_url": "https://example.com/calls"}
SAID = (Turn("agent", "Hello", 1003.0), Turn("caller", "Hi", 1005.0))


@pytest.fixture
def outbox(database: Database) -> AfterCalls:
    return AfterCalls(database)


@pytest.fixture
def agents(database: Database, clock: StillClock) -> Agents:
    return Agents(database, clock)


def finish(
    calls: Calls, agents: Agents, wanted: dict[str, Any], *, call: str = CALL, at: float = 1060.0, said: Any = SAID
) -> bool:
    """A call of an agent with these settings ends."""
    agent = agents.create(AgentConfig.model_validate({"name": "Ada", "settings": {"after_call": wanted}}))
    start = CallStart(call, "incoming", agent.id, agent.version, "+13125550100", "+13125550101", 1000.0)
    return calls.finish(start, CallFinish(at, "completed", "caller", turns=said))


def states(outbox: AfterCalls) -> tuple[str, str] | None:
    after = outbox.get(CALL)
    return None if after is None else (after.summary_state, after.webhook_state)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, None),
        ({"summary": True}, ("waiting", "off")),
        (HOOK, ("off", "waiting")),
        ({"summary": True, **HOOK}, ("waiting", "waiting")),
    ],
)
def test_the_end_of_a_call_puts_down_what_its_agent_wants(
    calls: Calls, agents: Agents, outbox: AfterCalls, wanted: dict[str, Any], expected: tuple[str, str] | None
) -> None:
    """In one transaction with the record; nothing where nothing is wanted."""
    finish(calls, agents, wanted)

    assert states(outbox) == expected


def test_a_call_in_which_the_caller_said_nothing_is_not_summarised(
    calls: Calls, agents: Agents, outbox: AfterCalls
) -> None:
    """There is nothing to sum up; its webhook is sent."""
    finish(calls, agents, {"summary": True, **HOOK}, said=SAID[:1])

    assert states(outbox) == ("off", "waiting")


def test_the_agent_chosen_while_the_call_ran_counts(calls: Calls, agents: Agents, outbox: AfterCalls) -> None:
    """An incoming call begins before its agent is known, and whoever stores its end may not know it either."""
    agent = agents.create(AgentConfig.model_validate({"name": "Ada", "settings": {"after_call": HOOK}}))
    start = CallStart(CALL, "incoming", "", 0, "+13125550100", "+13125550101", 1000.0)
    calls.start(start)
    calls.agent_chosen(CALL, agent.id, agent.version)

    calls.finish(start, CallFinish(1060.0, "lost", "unknown"))

    assert states(outbox) == ("off", "waiting")


def test_a_second_finish_puts_down_nothing_more(calls: Calls, agents: Agents, outbox: AfterCalls) -> None:
    """Two workers may learn of the end: the receiver gets one message."""
    finish(calls, agents, HOOK)
    before = outbox.get(CALL)

    assert not finish(calls, agents, {"summary": True, **HOOK})
    assert outbox.get(CALL) == before


def test_what_is_due_is_taken_once_until_its_lease_is_over(calls: Calls, agents: Agents, outbox: AfterCalls) -> None:
    """Whoever took it may have died."""
    finish(calls, agents, HOOK)

    assert outbox.take_due(1059.9, 180, 9) == []
    assert [after.call_control_id for after in outbox.take_due(1060.0, 180, 9)] == [CALL]
    assert outbox.take_due(1239.9, 180, 9) == []
    assert len(outbox.take_due(1240.0, 180, 9)) == 1


def test_those_tried_least_come_first(calls: Calls, agents: Agents, outbox: AfterCalls) -> None:
    """A thousand calls for a receiver that is down do not keep a fresh one waiting."""
    finish(calls, agents, HOOK, call="v3:old", at=1000.0)
    outbox.delivery_failed("v3:old", "refused the connection", None, is_last=False)
    finish(calls, agents, HOOK, call="v3:new", at=1060.0)

    assert [after.call_control_id for after in outbox.take_due(1100.0, 180, 1)] == ["v3:new"]
    assert [after.call_control_id for after in outbox.take_due(1100.0, 180, 1)] == ["v3:old"]


def test_every_try_is_noted(calls: Calls, agents: Agents, outbox: AfterCalls) -> None:
    """What became of each step, for those who look at the call."""
    finish(calls, agents, {"summary": True, **HOOK})
    outbox.summary_failed(CALL, "the model failed", is_last=False)
    failed = outbox.get(CALL)
    outbox.summarised(CALL, {"text": "Fine.", "fields": {}})
    outbox.delivery_failed(CALL, "x" * 500, 500, is_last=False)
    outbox.delivered(CALL, 204, 1100.0)
    outbox.due_again(CALL, None)
    done = outbox.get(CALL)

    assert isinstance(failed, AfterCall) and isinstance(done, AfterCall)
    assert (failed.summary_state, failed.summary_error, failed.summary_attempts) == ("waiting", "the model failed", 1)
    assert (done.summary_state, done.summary, done.summary_error, done.summary_attempts) == (
        "done", {"text": "Fine.", "fields": {}}, "", 2,
    )  # fmt: skip
    assert (done.webhook_state, done.webhook_status, done.webhook_attempts, done.delivered_at, done.next_at) == (
        "delivered", 204, 2, 1100.0, None,
    )  # fmt: skip


def test_what_failed_can_be_tried_again(calls: Calls, agents: Agents, outbox: AfterCalls) -> None:
    """The message keeps its id; a summary that is there stays."""
    finish(calls, agents, {"summary": True, **HOOK})
    outbox.summarised(CALL, {"text": "Fine.", "fields": {}})
    outbox.delivery_failed(CALL, "answered 500", 500, is_last=True)
    outbox.due_again(CALL, None)
    before = outbox.get(CALL)
    again = outbox.try_again(CALL, 5000.0)

    assert before is not None and before.webhook_state == "given_up"
    assert (again.summary_state, again.webhook_state, again.webhook_attempts, again.next_at) == (
        "done",
        "waiting",
        0,
        5000.0,
    )
    assert again.webhook_id == before.webhook_id and again.webhook_since == 5000.0
    with pytest.raises(UnknownRecord):
        outbox.try_again("v3:other", 5000.0)


def test_a_deleted_call_takes_it_along(calls: Calls, agents: Agents, outbox: AfterCalls) -> None:
    """Nothing of it is sent afterwards; noting something for it changes nothing."""
    finish(calls, agents, HOOK)
    calls.delete(CALL)

    assert outbox.take_due(9e9, 180, 9) == [] and outbox.get(CALL) is None
    outbox.delivered(CALL, 200, 1.0)


def test_a_summary_that_could_not_be_read_back_is_refused(calls: Calls, agents: Agents, outbox: AfterCalls) -> None:
    finish(calls, agents, {"summary": True})

    with pytest.raises(UnstorableText):
        outbox.summarised(CALL, {"text": "a\x00b"})

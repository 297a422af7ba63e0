"""backend/call/tool_use.py: each tool, used by a model in the middle of an answer. Driven through a whole conversation."""

from typing import Any

import pytest

from backend.call.commands import Command, SendDtmf, Speak, Transfer
from backend.call.events import AnswerFinished, SentenceWritten, ToolCalled
from tests.call.test_closing import DESK, Call

TOOLS = ["hold", "hang_up", "transfer", "send_dtmf"]
GOODBYE = {"dead_air_settings": {"goodbye_message": "Goodbye."}}


def call_with_tools() -> Call:
    return Call(tools=TOOLS, transfer_targets=[DESK], settings=GOODBYE)


def use(call: Call, name: str, at: float = 100.0, **arguments: Any) -> list[Command]:
    return call.take(ToolCalled(call.turn_id, "t1", name, arguments), at)


def results(call: Call) -> list[str]:
    messages = call.conversation.history.messages(call.agent)
    return [str(message["content"]) for message in messages if message["role"] == "tool"]


def test_keys_are_pressed_and_counted() -> None:
    """Each press is one of its own for the carrier."""
    call = call_with_tools()
    first, second = use(call, "send_dtmf", digits="1"), use(call, "send_dtmf", digits="2")

    assert [*first, *second] == [SendDtmf("1", 1), SendDtmf("2", 2)]
    assert results(call) == ["ok", "ok"]


@pytest.mark.parametrize(("has_spoken", "goodbyes"), [(False, ["Goodbye."]), (True, [])])
def test_hanging_up_says_the_goodbye_unless_the_model_said_one(has_spoken: bool, goodbyes: list[str]) -> None:
    """Its own last sentence is one."""
    call = call_with_tools()
    if has_spoken:
        call.take(SentenceWritten(call.turn_id, "Bye then."), 99.0)
    commands = use(call, "hang_up")

    assert [c.text for c in commands if isinstance(c, Speak)] == goodbyes
    assert results(call) == ["ok"]


def test_a_transfer_is_asked_for_once_the_line_is_free() -> None:
    """Not by the tool itself."""
    call = call_with_tools()
    at_once = use(call, "transfer", target="desk")
    after = call.take(AnswerFinished(call.turn_id), 100.5)

    assert not any(isinstance(command, Transfer) for command in at_once)
    assert [c.name for c in after if isinstance(c, Transfer)] == ["desk"]


def test_holding_makes_the_agent_patient() -> None:
    """The longer timeout applies; nothing else happens."""
    call = call_with_tools()
    assert not call.conversation.dead_air.on_hold
    commands = use(call, "hold")

    assert call.conversation.dead_air.on_hold
    assert commands == [] and results(call) == ["ok"]


@pytest.mark.parametrize(("name", "arguments"), [("transfer", {"target": "nowhere"}), ("fly", {})])
def test_what_is_not_allowed_is_refused_with_the_reason(name: str, arguments: dict[str, str]) -> None:
    """The model reads why, and nothing is done."""
    call = call_with_tools()
    commands = use(call, name, **arguments)

    assert not any(isinstance(command, Transfer | SendDtmf) for command in commands)
    assert len(results(call)) == 1 and results(call) != ["ok"]

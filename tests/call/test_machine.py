"""An answering machine took our call: the table of machine.py."""

import pytest

from backend.call.machine import MACHINE_GREETING_PATIENCE_S, AnsweringMachine


def test_only_an_outgoing_call_can_reach_a_machine_and_only_once() -> None:
    """An incoming caller is somebody, whatever the carrier believes."""
    outgoing = AnsweringMachine("ignore", "outgoing")
    assert (AnsweringMachine("hang_up", "incoming").is_awaited, outgoing.is_awaited) == (False, True)

    assert outgoing.detected(1.0) == "ignore"
    assert (outgoing.is_awaited, outgoing.is_waiting, outgoing.deadline()) == (False, False, None)


@pytest.mark.parametrize(
    ("greeting_ended_at", "message_at"), [(9.0, 10.0), (15.0, 15.0), (None, 10.0 + MACHINE_GREETING_PATIENCE_S)]
)
def test_the_message_waits_for_the_end_of_the_greeting(greeting_ended_at: float | None, message_at: float) -> None:
    """Before the news, after it, or never told."""
    machine = AnsweringMachine("leave_message", "outgoing")
    if greeting_ended_at is not None and greeting_ended_at < 10.0:
        machine.greeting_ended(greeting_ended_at)
    machine.detected(10.0)
    if greeting_ended_at is not None and greeting_ended_at > 10.0:
        assert machine.is_waiting and not machine.due(greeting_ended_at)
        machine.greeting_ended(greeting_ended_at)

    assert machine.deadline() == message_at
    assert [machine.due(message_at - 0.1), machine.due(message_at), machine.due(message_at)] == [False, True, False]
    assert not machine.is_waiting


def test_a_machine_that_is_hung_up_on_gets_no_message() -> None:
    """The policy is what `detected` says."""
    machine = AnsweringMachine("hang_up", "outgoing")

    assert machine.detected(1.0) == "hang_up"
    machine.greeting_ended(2.0)
    assert not machine.due(99.0)

"""We called, and an answering machine picked up."""

import pytest

from backend.call.events import MachineDetected, MachineGreetingEnded
from tests.fakes.call_sim import CallSim
from tests.stories.conftest import Begin

LEAVES = {"answering_machine": "leave_message", "machine_message": "Please call us back. Thank you!"}


def dialled(begin: Begin, **agent: str) -> CallSim:
    return begin(sim={"direction": "outgoing"}, **agent)


def test_it_is_hung_up_on_by_default(begin: Begin) -> None:
    """At once, in the middle of our greeting."""
    sim = dialled(begin)
    sim.post(MachineDetected("machine"), after=1.0)

    sim.run_until_over()

    assert sim.hung_up_at == pytest.approx(1.0)
    assert sim.outcome == "machine"


@pytest.mark.parametrize("greeting_ends_first", [False, True])
def test_the_message_is_left_once_its_greeting_is_over(begin: Begin, greeting_ends_first: bool) -> None:
    """Whichever of the two webhooks comes first."""
    sim = dialled(begin, **LEAVES)
    events = [(2.0, MachineDetected("machine")), (8.0, MachineGreetingEnded())]
    if greeting_ends_first:
        events = [(8.0, MachineDetected("machine")), (7.9, MachineGreetingEnded())]
    for at, event in events:
        sim.post(event, after=at)

    sim.run_until_over()

    message = sim.heard[-1]
    assert message.text == LEAVES["machine_message"] and not message.was_cut
    assert message.starts_at == pytest.approx(8.1, abs=0.3)
    assert sim.hung_up_at == pytest.approx(message.ends_at, abs=0.1)


def test_the_agent_does_not_converse_with_the_machines_greeting(begin: Begin) -> None:
    """Its words are no turn, its silence is no silence."""
    sim = dialled(begin, **LEAVES)
    sim.post(MachineDetected("machine"), after=1.0)
    sim.caller_says("Hello, this is a recording. Leave a message after the tone.", at=2.0)
    sim.post(MachineGreetingEnded(), after=18.0)

    sim.run_until_over()

    assert sim.thoughts == []
    assert [heard.kind for heard in sim.heard] == ["greeting", "goodbye"]


def test_without_word_of_its_end_the_message_is_left_after_thirty_seconds(begin: Begin) -> None:
    """No latch without an expiry (B7)."""
    sim = dialled(begin, **LEAVES)
    sim.post(MachineDetected("machine"), after=1.0)

    sim.run_until_over()

    assert sim.heard[-1].starts_at == pytest.approx(31.1, abs=0.3)


def test_a_doubled_report_does_not_cut_the_message(begin: Begin) -> None:
    """It is the same machine."""
    sim = dialled(begin, **LEAVES)
    for at in (1.0, 6.0):
        sim.post(MachineDetected("machine"), after=at)
    sim.post(MachineGreetingEnded(), after=5.0)

    sim.run_until_over()

    assert sim.heard[-1].text == LEAVES["machine_message"] and not sim.heard[-1].was_cut


@pytest.mark.parametrize("result", ["human", "unsure"])
def test_a_person_is_talked_to(begin: Begin, result: str) -> None:
    """So is whoever we are not sure about."""
    sim = dialled(begin)
    sim.post(MachineDetected(result), after=1.0)  # type: ignore[arg-type]
    sim.caller_says("Hello, who is there?", at=4.0)

    sim.run_until_said(2)

    assert sim.agent_said(2).kind == "answer"

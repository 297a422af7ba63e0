"""The model uses its tools: transfer, keys, and several rounds."""

import pytest

from tests.fakes.call_sim import CALL as _CALL
from tests.fakes.call_sim import CallSim, Reply
from tests.stories.conftest import Begin

SALES = {"tools": ["transfer", "send_dtmf", "hold"], "transfer_targets": [{"name": "sales", "number": "+13125550100"}]}
CONNECT = Reply(("I connect you.",), tools=(("transfer", {"target": "Sales"}),))


def asked(begin: Begin, *replies: Reply) -> CallSim:
    sim = begin(sim={"replies": replies}, **SALES)
    sim.caller_says("I want to buy something.", at=3.0)
    return sim


def test_a_transfer_waits_until_its_announcement_was_heard(begin: Begin) -> None:
    """Then the caller is gone, and the record says so."""
    sim = asked(begin, CONNECT)
    said = sim.run_until_said(2)
    sim.run_for(0.5)
    assert [transfer.number for transfer in sim.transfers] == ["+13125550100"]
    assert sim.asked(type(sim.transfers[0]))[0][0] == pytest.approx(said.ends_at, abs=0.1)

    sim.run_until(100.0)
    assert len(sim.heard) == 2
    sim.caller_hangs_up()
    sim.run_until_over()

    assert sim.outcome == "transferred"


@pytest.mark.parametrize(("way", "at_most_s"), [("failed", 6.5), ("silent", 37.0)])
def test_a_failed_transfer_is_told_to_the_caller(begin: Begin, way: str, at_most_s: float) -> None:
    """The model learns of it, whether the carrier says so or says nothing."""
    sim = asked(begin, CONNECT, Reply(("I am sorry, nobody is there.",)))
    sim.carrier.transfers = way  # type: ignore[assignment]
    said = sim.run_until_said(2)

    sim.run_until_said(3)

    assert sim.heard[-1].text == "I am sorry, nobody is there."
    assert sim.heard[-1].starts_at - said.ends_at < at_most_s
    assert "failed" in str(sim.thoughts[-1].messages[-1]["content"])


def test_a_transfer_that_succeeds_late_ends_our_part(begin: Begin) -> None:
    """We had given it up: the agent must not talk into their conversation."""
    sim = asked(begin, CONNECT)
    sim.carrier.transfer_takes_s = 38.0
    sim.run_until_said(2)

    sim.run_for(120.0)
    count = len(sim.heard)
    sim.run_for(300.0)

    assert len(sim.heard) == count
    assert sim.hung_up_at is None


def test_a_target_that_is_not_allowed_is_refused_and_the_model_goes_on(begin: Begin) -> None:
    """Even though it has said something already: the caller must not wait for nothing."""
    sim = asked(
        begin,
        Reply(("I connect you.",), tools=(("transfer", {"target": "+4930123456"}),)),
        Reply(("I cannot do that, sorry.",)),
    )

    sim.run_until_said(3)

    assert sim.transfers == []
    assert sim.agent_said(3).text == "I cannot do that, sorry."
    assert "Allowed: sales" in str(sim.thoughts[1].messages[-1]["content"])


def test_keys_are_pressed_and_bad_ones_are_not(begin: Begin) -> None:
    """The model learns of both results, then goes on."""
    sim = asked(begin, Reply((), tools=(("send_dtmf", {"digits": "1w2"}), ("send_dtmf", {"digits": "x"}))))

    sim.run_until_said(2)

    assert sim.dtmf == ["1w2"]
    results = [message["content"] for message in sim.thoughts[1].messages if message["role"] == "tool"]
    assert results[0] == "ok" and results[1].startswith("Not sent")


def test_tool_rounds_are_bounded(begin: Begin) -> None:
    """A model that only ever calls tools: five requests, then it is the caller's turn."""
    sim = begin(**SALES)
    sim.usual_reply = Reply((), tools=(("hold", {}),))
    sim.caller_says("Hm.", at=3.0)

    sim.run_until(20.0)

    assert len(sim.thoughts) == 5


def test_the_callers_keys_are_a_turn(begin: Begin) -> None:
    """Pressed keys are put to the model."""
    sim = begin()
    sim.press("42#", at=3.0)

    sim.run_until_said(2)

    assert sim.thoughts[0].messages[-1] == {"role": "user", "content": "[pressed 4 2 #]"}


def test_nothing_is_left_in_the_ledger_of_all_workers(begin: Begin) -> None:
    """Whatever was said, its end was noted."""
    sim = asked(begin, Reply(("One.", "Two.", "Three.")))
    sim.run_until(14.0)

    assert sim.stores.playbacks.outstanding(_CALL) == []

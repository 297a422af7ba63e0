"""The carrier does not let us listen: the caller speaks, and not a word reaches us."""

import pytest

from backend.call.commands import StartTranscription
from backend.call.events import MediaStarted
from tests.fakes.call_sim import CallSim
from tests.stories.conftest import Begin, dead_air


def refused(begin: Begin, times: int, **agent: object) -> CallSim:
    sim = begin(sim={"starts": False}, **agent)
    sim.carrier.refuses_transcriptions = times
    sim.post(MediaStarted())
    return sim


def asked_at(sim: CallSim) -> list[float]:
    return [round(at, 2) for at, _ in sim.asked(StartTranscription)]


def test_a_refusal_costs_a_second_and_not_the_call(begin: Begin) -> None:
    """It is asked again, and the caller's first words arrive."""
    sim = refused(begin, 1)
    sim.caller_says("When are you open?", at=3.0)

    sim.run_until_said(2)

    assert asked_at(sim) == [0.0, 1.05]
    assert [heard.kind for heard in sim.heard] == ["greeting", "answer"]


def test_after_five_refusals_the_agent_apologises_and_hangs_up(begin: Begin) -> None:
    """The caller was there all the time: this is no silent caller."""
    sim = refused(begin, 99)
    sim.caller_says("When are you open?", at=3.0)

    sim.run_until_over()

    assert asked_at(sim) == [0.0, 1.05, 3.1, 7.15, 15.2]
    assert sim.heard[-1].kind == "apology" and not sim.heard[-1].was_cut
    assert sim.hung_up_at == pytest.approx(sim.heard[-1].ends_at, abs=0.1)
    assert sim.outcome == "failed"


def test_a_person_can_hear_the_caller_instead(begin: Begin) -> None:
    """The agent names a transfer target for what goes wrong."""
    sim = refused(
        begin,
        99,
        transfer_targets=[{"name": "desk", "number": "+13125550100"}],
        settings={"no_progress": {"transfer_target": "desk"}},
    )

    sim.run_until(30.0)

    assert [transfer.name for transfer in sim.transfers] == ["desk"]
    assert sim.hung_up_at is None


def test_an_impatient_agent_does_not_blame_a_caller_it_cannot_hear(begin: Begin) -> None:
    """Its silences are over before the attempts are: still an apology, not a goodbye."""
    impatient = dead_air(
        silence_timeout_normal=2, max_checkins_before_disconnect=1, final_wait=1, goodbye_message="You are silent. Bye!"
    )
    sim = refused(begin, 99, greeting="", settings=impatient)

    sim.run_until_over()

    assert sim.said("goodbye") == []
    assert sim.heard[-1].kind == "apology" and sim.outcome == "failed"
    assert len(asked_at(sim)) < 5

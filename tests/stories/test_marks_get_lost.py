"""The carrier's reports come late, twice, or never."""

import pytest

from backend.call.events import AgentDoneSpeaking, PlaybackEnded, PlaybackStarted
from tests.fakes.call_sim import Reply
from tests.stories.conftest import Begin


@pytest.mark.parametrize("text_length", [1, 20, 400])
def test_without_any_report_the_agent_speaks_its_audio_and_two_seconds_at_most(begin: Begin, text_length: int) -> None:
    """B7: and the check-in comes as if the report had come."""
    sim = begin(greeting="a" * text_length)
    sim.carrier.loses_ends = sim.carrier.loses_starts = 1000
    greeting = sim.run_until_said(1)

    sim.run_until(greeting.ends_at + 2.0)
    assert not sim.conversation.is_agent_speaking
    check_in = sim.run_until_said(2)

    assert check_in.starts_at - greeting.ends_at == pytest.approx(7.0, abs=0.4)


def test_a_late_start_and_no_end_do_not_prolong_it(begin: Begin) -> None:
    """The bound counts from when the audio was asked for."""
    sim = begin(greeting="A greeting of three seconds, about so.")
    sim.carrier.loses_ends = sim.carrier.delays_starts = 1
    sim.carrier.delay_s = 2.0
    greeting = sim.run_until_said(1)

    sim.run_until(greeting.ends_at + 2.0)

    assert not sim.conversation.is_agent_speaking


def test_doubled_reports_change_nothing(begin: Begin) -> None:
    """Every end twice: the same call."""
    sims = [begin(), begin()]
    sims[1].carrier.doubles_ends = 1000
    for sim in sims:
        sim.caller_says("When are you open?", at=3.0)
        sim.run_until_over()

    assert sims[0].heard == sims[1].heard
    assert sims[0].hung_up_at == sims[1].hung_up_at


def test_the_end_of_an_earlier_piece_never_ends_a_later_one(begin: Begin) -> None:
    """A3, T10: the report of the greeting comes again in the middle of the answer."""
    sim = begin(sim={"replies": (Reply(("This is an answer of some length, is it not?",)),)})
    sim.caller_says("When are you open?", at=3.0)
    sim.run_until_said(1)
    old = list(sim.reports)
    sim.run_until(7.0)
    assert sim.conversation.is_agent_speaking

    for report in (*old, PlaybackEnded("1-1", 1), PlaybackStarted("1-1", 1), AgentDoneSpeaking(1, 1)):
        sim.post(report)
        sim.run_for(0.01)
        assert sim.conversation.is_agent_speaking


def test_an_end_that_comes_two_minutes_late_changes_nothing(begin: Begin) -> None:
    """T11: it was taken as heard long ago."""
    sim = begin(greeting="Five words and a bit.")
    sim.carrier.delays_ends = 1
    sim.carrier.delay_s = 120.0

    sim.run_until_over()

    assert [heard.kind for heard in sim.heard] == ["greeting", "check_in", "check_in"]

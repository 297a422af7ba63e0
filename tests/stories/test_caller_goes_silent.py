"""The caller says nothing (more)."""

import pytest

from backend.call.agent_config import AgentConfig
from tests.fakes.call_sim import CallSim
from tests.stories.conftest import Begin, dead_air

TOLERANCE_S = 0.15


def near(seconds: float) -> object:
    return pytest.approx(seconds, abs=TOLERANCE_S)


def test_two_check_ins_and_a_hang_up_as_the_caller_hears_them(begin: Begin) -> None:
    """B4: 7 s after the greeting, 7 s after the first check-in was heard, 5 s after the second was heard."""
    sim = begin()
    sim.voice.first_audio_after_s = 0.02
    sim.carrier.fetch_s = 0.05

    sim.run_until_over()

    greeting, first, second = sim.heard
    assert (first.kind, second.kind) == ("check_in", "check_in")
    assert first.starts_at - greeting.ends_at == near(7.0)
    assert second.starts_at - first.ends_at == near(7.0)
    assert sim.hung_up_at == near(second.ends_at + 5.0)
    assert (sim.outcome, sim.finish and sim.finish.who_hung_up) == ("caller_silent", "agent")


def test_every_wait_follows_the_agents_settings(begin: Begin) -> None:
    """B1: none of the times is written in the code."""
    sim = begin(
        settings=dead_air(
            silence_timeout_normal=3, final_wait=2, max_checkins_before_disconnect=3, checkin_messages=["One?", "Two?"]
        )
    )

    sim.run_until_over()

    spoken = sim.heard
    assert [heard.text for heard in spoken[1:]] == ["One?", "Two?", "Two?"]
    gaps = [after.starts_at - before.ends_at for before, after in zip(spoken, spoken[1:], strict=False)]
    assert gaps == [pytest.approx(3.0, abs=0.4)] * 3
    assert sim.hung_up_at == pytest.approx(spoken[-1].ends_at + 2.0, abs=0.1)


def test_without_check_ins_the_first_silence_ends_the_call(begin: Begin) -> None:
    """max_checkins_before_disconnect = 0."""
    sim = begin(settings=dead_air(max_checkins_before_disconnect=0))

    sim.run_until_over()

    assert len(sim.heard) == 1
    assert sim.hung_up_at == near(sim.agent_said(1).ends_at + 7.0)


def test_a_goodbye_is_heard_before_the_hang_up(begin: Begin) -> None:
    """The last word is not cut."""
    sim = begin(settings=dead_air(goodbye_message="I hang up now. Goodbye!", max_checkins_before_disconnect=1))

    sim.run_until_over()

    goodbye = sim.heard[-1]
    assert (goodbye.kind, goodbye.was_cut) == ("goodbye", False)
    assert sim.hung_up_at == near(goodbye.ends_at)


def test_silence_counts_from_what_was_heard_not_from_what_was_made(begin: Begin) -> None:
    """B2: a long answer, made within a second."""
    sim = begin(greeting="A greeting that goes on and on. " * 12)
    greeting = sim.run_until_said(1)
    assert greeting.ends_at > 20

    check_in = sim.run_until_said(2)

    assert check_in.starts_at - greeting.ends_at == pytest.approx(7.0, abs=0.4)


def test_an_answer_in_between_starts_the_count_afresh(begin: Begin) -> None:
    """The caller spoke after the first check-in: two more are due."""
    sim = begin()
    check_in = sim.run_until_said(2)

    sim.caller_says("Yes, I am here.", at=check_in.ends_at + 1.0)
    sim.run_until_over()

    assert [heard.kind for heard in sim.heard] == ["greeting", "check_in", "answer", "check_in", "check_in"]


def test_a_cough_postpones_the_check_in_but_does_not_count_as_an_answer(begin: Begin) -> None:
    """By its own length; the number of check-ins stays."""
    sim = begin()
    greeting = sim.run_until_said(1)
    sim.caller_makes_noise(1.5, at=greeting.ends_at + 2.0)

    sim.run_until_over()

    assert [heard.kind for heard in sim.heard] == ["greeting", "check_in", "check_in"]
    assert sim.agent_said(2).starts_at - greeting.ends_at == pytest.approx(8.5, abs=0.4)


@pytest.mark.parametrize("noise_s", [60.0, 300.0])
def test_noise_cannot_hold_the_line(begin: Begin, noise_s: float) -> None:
    """A running engine postpones each step by a bounded time (B7)."""
    sim = begin()
    sim.caller_makes_noise(noise_s, at=2.5)

    sim.run_until_over(at_most_s=60.0)

    assert sim.outcome == "caller_silent"


def test_a_lost_wake_up_costs_half_a_second(begin: Begin) -> None:
    """A5: the flag is found by looking; the silence still counts from what was heard."""
    sim = begin(sim={"wake_ups": False})

    sim.run_until_over()

    assert sim.hung_up_at is not None and sim.hung_up_at < 24.28 + 3 * 0.55
    assert len(sim.said("check_in")) == 2


def test_an_agent_without_a_greeting_waits_and_then_checks_in() -> None:
    """Silence counts from the beginning of the media."""
    sim = CallSim(AgentConfig(name="Test", greeting=""))

    sim.run_until_said(1)

    assert sim.agent_said(1).kind == "check_in"
    assert sim.agent_said(1).starts_at == near(7.1)


def test_speaking_during_the_last_goodbye_brings_the_call_back(begin: Begin) -> None:
    """The caller answers in the last moment: the conversation goes on."""
    sim = begin(settings=dead_air(goodbye_message="I hang up now. Goodbye!", max_checkins_before_disconnect=1))
    sim.run_until_said(2)
    sim.run_for(6.0)
    assert sim.heard[-1].kind == "goodbye" and sim.heard[-1].ends_at > sim.now

    sim.caller_says("Wait!", duration_s=0.4, words_after_s=0.1)
    sim.run_for(4.0)

    assert sim.hung_up_at is None
    assert [heard.kind for heard in sim.heard[-2:]] == ["goodbye", "answer"]
    sim.run_until_over()
    assert sim.outcome == "caller_silent"


def test_in_full_duplex_the_goodbye_is_heard_out_without_a_busy_loop(begin: Begin) -> None:
    """A voice that goes on during a protected piece is due for nothing."""
    sim = begin(
        sim={"may_barge_in": True},
        settings=dead_air(goodbye_message="I hang up now. Goodbye!", max_checkins_before_disconnect=1),
    )
    sim.run_until_said(2)
    sim.run_for(5.6)
    sim.caller_says("Wait, I am here", duration_s=1.6, interim=True)
    sim.run_for(8.0)

    assert sim.said("goodbye")[0].was_cut is False
    assert sim.heard[-1].kind == "answer"

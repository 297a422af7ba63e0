"""The voice cannot say it."""

import pytest

from backend.call.commands import CancelPlayback, Speak
from backend.call.events import MediaStarted
from tests.stories.conftest import Begin


def test_the_carriers_own_voice_says_what_ours_cannot(begin: Begin) -> None:
    """At once, the same words."""
    sim = begin(greeting="")
    sim.voice.fails = 1
    sim.caller_says("When are you open?", at=1.0)

    sim.run_until(8.0)

    assert [(heard.text, heard.by_carrier) for heard in sim.heard] == [("Certainly, I can do that.", True)]


def test_if_nobody_can_speak_the_call_still_ends(begin: Begin) -> None:
    """Neither our voice nor the carrier's works: check-ins nobody hears, then the hang-up."""
    sim = begin(greeting="")
    sim.voice.fails = 10**6
    sim.carrier.speaks = False

    sim.run_until_over(at_most_s=60.0)

    assert sim.heard == []
    assert sim.outcome == "caller_silent"


def test_a_voice_that_hangs_is_replaced_after_eight_seconds(begin: Begin) -> None:
    """The stuck piece is cancelled and said again with the fallback voice."""
    sim = begin(greeting="")
    sim.voice.hangs = 1
    sim.caller_says("When are you open?", at=1.0)

    sim.run_until(16.0)

    assert len(sim.asked(CancelPlayback)) == 1
    spoken = [command for _, command in sim.asked(Speak) if isinstance(command, Speak)]
    assert [command.use_fallback_voice for command in spoken] == [False, True]
    assert [heard.kind for heard in sim.heard] == ["answer"]


def test_a_voice_that_hangs_for_ever_ends_in_an_apology_by_the_carrier(begin: Begin) -> None:
    """After twenty seconds, and then the hang-up."""
    sim = begin(greeting="")
    sim.voice.hangs = 10**6
    sim.caller_says("When are you open?", at=1.0)

    sim.run_until_over(at_most_s=60.0)

    assert [heard.by_carrier for heard in sim.heard] == [True]
    assert "technical problem" in sim.heard[0].text
    assert sim.outcome == "failed"


def test_a_stuck_filler_does_not_keep_the_other_model_from_being_asked(begin: Begin) -> None:
    """Model and voice are both slow: at eight seconds the model is tried elsewhere."""
    sim = begin(greeting="", sim={"replies": ()})
    sim.usual_reply = type(sim.usual_reply)((), then="stalls")
    sim.voice.hangs = 1
    sim.caller_says("When are you open?", at=1.0)

    sim.run_until(13.0)

    assert [thought.use_fallback_model for thought in sim.thoughts] == [False, True]


def test_a_voice_that_dies_in_mid_word_is_heard_as_far_as_it_came(begin: Begin) -> None:
    """The silence clock counts from there."""
    sim = begin(greeting="A greeting that is cut after a second.", sim={"starts": False})
    sim.voice.dies_after_s = 1.0
    sim.post(MediaStarted())
    sim.run_until_said(2)

    assert sim.agent_said(1).ends_at - sim.agent_said(1).starts_at == pytest.approx(1.0)
    assert sim.agent_said(2).starts_at - sim.agent_said(1).ends_at == pytest.approx(7.0, abs=0.4)


def test_a_playback_that_the_carrier_refuses_is_said_by_its_voice(begin: Begin) -> None:
    """Only delivery `playback` can be refused."""
    sim = begin(greeting="")
    sim.carrier.refuses_playbacks = 1
    sim.caller_says("When are you open?", at=1.0)

    sim.run_until(8.0)

    assert [heard.by_carrier for heard in sim.heard] == [sim.delivery == "playback"]


@pytest.mark.parametrize("s_per_character", [0.03, 0.08, 0.1])
def test_the_silence_after_the_carriers_voice_counts_from_its_real_end(begin: Begin, s_per_character: float) -> None:
    """Its length is only estimated; its end is reported, sooner or a little later than the estimate."""
    sim = begin(greeting="Hello, this is the town library, how can I help you?", sim={"starts": False})
    sim.voice.fails = 1
    sim.carrier.s_per_character = s_per_character
    sim.post(MediaStarted())

    check_in = sim.run_until_said(2)

    assert sim.agent_said(1).by_carrier
    assert check_in.starts_at - sim.agent_said(1).ends_at == pytest.approx(7.0, abs=0.4)


def test_a_lost_end_of_the_carriers_voice_is_bounded_by_the_estimate(begin: Begin) -> None:
    """The check-in comes all the same, no earlier than after the estimate."""
    sim = begin(greeting="Hello, this is the town library, how can I help you?", sim={"starts": False})
    sim.voice.fails = 1
    sim.carrier.loses_ends = 1
    sim.post(MediaStarted())

    check_in = sim.run_until_said(2)

    assert check_in.starts_at - sim.agent_said(1).ends_at == pytest.approx(7.0, abs=0.4)

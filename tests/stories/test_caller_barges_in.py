"""The caller speaks while the agent does."""

import pytest

from backend.call.events import SpeechStarted
from tests.fakes.call_sim import CALL, Reply
from tests.stories.conftest import Begin, dead_air

AT_ONCE = {"turn_taking": {"longest_backchannel_s": 0}}
"""Every sound of min_interruption_s interrupts."""
LONG = Reply(("This is the first sentence of a rather long answer.", "And this is the second sentence of it."))


def test_the_agent_falls_silent_and_answers_what_was_said(begin: Begin) -> None:
    """Full duplex: within min_interruption_s and the time to see it; the model knows only the words heard."""
    sim = begin(sim={"may_barge_in": True, "replies": (LONG,)}, settings=AT_ONCE)
    sim.caller_says("Tell me more.", at=3.0)
    sim.run_until(7.0)
    cut = sim.said("answer")[0]
    assert cut.starts_at < 7.0 < cut.ends_at

    sim.caller_says("No, stop.", at=7.0)
    sim.run_until(11.0)

    assert cut.was_cut and cut.ends_at == pytest.approx(7.3, abs=0.15)
    said = sim.thoughts[1].messages[-2]["content"]
    assert LONG.sentences[0].startswith(said) and 0 < len(said) < len(LONG.sentences[0])
    assert sim.thoughts[1].messages[-1] == {"role": "user", "content": "No, stop."}
    assert sim.heard[-1].starts_at > 7.5


def test_a_check_in_that_is_cut_leaves_no_flag_and_no_playback_behind(begin: Begin) -> None:
    """A6: and the count returns to zero."""
    sim = begin(sim={"may_barge_in": True})
    sim.run_until_said(1)
    sim.run_for(7.6)
    assert sim.heard[-1].kind == "check_in"

    sim.caller_says("Yes, hello?")
    sim.run_for(1.5)

    assert sim.heard[1].was_cut
    assert sim.stores.playbacks.outstanding(CALL) == []
    assert sim.stores.flags.take_agent_done_speaking(CALL) is None
    assert sim.conversation.dead_air.checkins == 0


def test_mm_hm_does_not_stop_the_agent(begin: Begin) -> None:
    """And is not answered either."""
    sim = begin(sim={"may_barge_in": True, "replies": (LONG,)})
    sim.caller_says("Tell me more.", at=3.0)
    sim.run_until(6.0)
    sim.caller_says("Mm-hm", duration_s=0.2, words_after_s=0.1)
    sim.run_until(14.0)

    assert not any(heard.was_cut for heard in sim.heard)
    assert len(sim.thoughts) == 1


def test_half_duplex_finishes_and_answers_afterwards(begin: Begin) -> None:
    """Interruption is off: nothing is cut, nothing is lost."""
    sim = begin(sim={"replies": (LONG,)})
    sim.caller_says("Tell me more.", at=3.0)
    sim.run_until(6.0)
    sim.caller_says("And what does it cost?")
    sim.run_until(16.0)

    assert not any(heard.was_cut for heard in sim.heard)
    assert sim.thoughts[1].messages[-1] == {"role": "user", "content": "And what does it cost?"}


def test_a_voice_detector_that_sticks_does_not_silence_the_agent(begin: Begin) -> None:
    """A sound that had begun before is no interruption without words."""
    sim = begin(sim={"may_barge_in": True})
    sim.run_until_said(1)
    sim.post(SpeechStarted(sim.clock.now))

    sim.run_until_over()

    assert not any(heard.was_cut for heard in sim.heard)
    assert len(sim.said("check_in")) == 2


def test_words_added_before_the_answer_is_heard_make_one_turn_of_both(begin: Begin) -> None:
    """The caller was not done: the answer under way is thrown away."""
    sim = begin()
    sim.caller_says("I need a table.", at=3.0, duration_s=0.8)
    sim.caller_says("For two people.", at=4.35, duration_s=0.3, words_after_s=0.1)

    sim.run_until(9.0)

    assert len(sim.said("answer")) == 1
    users = [message["content"] for message in sim.thoughts[-1].messages if message["role"] == "user"]
    assert users == ["I need a table.", "For two people."]


def test_no_transfer_over_the_callers_objection(begin: Begin) -> None:
    """“I connect you” – “no, wait!”: the transfer is off, and the model is told."""
    reply = Reply(("I connect you with our sales people right away.",), tools=(("transfer", {"target": "sales"}),))
    sim = begin(
        sim={"may_barge_in": True, "replies": (reply,)},
        tools=["transfer"],
        transfer_targets=[{"name": "sales", "number": "+13125550100"}],
        settings=dead_air(silence_timeout_normal=20),
    )
    sim.caller_says("I want to buy something.", at=3.0)
    sim.run_until(6.8)
    sim.caller_says("No, wait!")
    sim.run_until(12.0)

    assert sim.transfers == []
    assert any("not made" in str(message["content"]) for message in sim.thoughts[-1].messages)


def test_a_notice_is_heard_out_and_what_was_said_meanwhile_is_answered(begin: Begin) -> None:
    """It comes before the greeting; that may be interrupted, and is, by what was said during the notice."""
    notice = "This call is recorded for training and quality."
    sim = begin(sim={"may_barge_in": True}, notice=notice, settings=AT_ONCE)
    sim.caller_says("Can you hear me?", at=0.5)
    sim.run_until(9.0)

    assert [(heard.kind, heard.was_cut) for heard in sim.heard][:2] == [("notice", False), ("greeting", True)]
    assert sim.thoughts[0].messages[-1] == {"role": "user", "content": "Can you hear me?"}


def test_a_protected_greeting_is_heard_out(begin: Begin) -> None:
    """The agent's own setting."""
    settings = {"turn_taking": {"longest_backchannel_s": 0, "protected_kinds": ["greeting"]}}
    sim = begin(sim={"may_barge_in": True}, settings=settings)
    sim.caller_says("Can you hear me?", at=0.3)
    sim.run_until(9.0)

    assert not sim.heard[0].was_cut and len(sim.thoughts) == 1


@pytest.mark.parametrize("words", ["", "Mm-hm."])
def test_a_cough_that_stopped_the_agent_is_followed_by_the_rest(begin: Begin, words: str) -> None:
    """Two seconds after it, from the word after the last one heard; for the model it is one sentence."""
    one = "This is the one long sentence that the agent has to say about it."
    sim = begin(sim={"may_barge_in": True, "replies": (Reply((one,)),)}, settings=AT_ONCE)
    sim.caller_says("Tell me more.", at=3.0)
    sim.run_until(6.5)
    sim.caller_makes_noise(0.5, at=7.0)
    if words:
        sim.words(words, after=1.2)
    sim.run_until(14.0)

    first, rest = sim.said("answer")
    assert first.was_cut and not rest.was_cut and one.endswith(rest.text) and 0 < len(rest.text) < len(one)
    assert rest.starts_at == pytest.approx(7.5 + 2.0 + 0.15, abs=0.2)
    assert len(sim.thoughts) == 1
    sim.caller_says("And then?", at=15.0)
    sim.run_until(17.0)
    assert {"role": "assistant", "content": f"{sim.agent.greeting} {one}"} not in sim.thoughts[-1].messages
    assert sim.thoughts[-1].messages[-2] == {"role": "assistant", "content": one}


def test_words_after_the_sound_are_answered_and_nothing_is_said_again(begin: Begin) -> None:
    """The recogniser was slow, that is all."""
    sim = begin(sim={"may_barge_in": True, "replies": (LONG,)}, settings=AT_ONCE)
    sim.caller_says("Tell me more.", at=3.0)
    sim.caller_says("How much is it?", at=7.0, duration_s=0.9, words_after_s=1.5)
    sim.run_until(16.0)

    assert [heard.text for heard in sim.said("answer")][1:] == ["Certainly, I can do that."]
    assert len(sim.thoughts) == 2


def test_a_check_in_that_a_sound_cut_is_not_repeated_at_once(begin: Begin) -> None:
    """It is out of date: the silence begins anew, and the next check-in comes when that is over."""
    sim = begin(sim={"may_barge_in": True}, settings=AT_ONCE)
    sim.run_until_said(1)
    sim.run_for(7.6)
    assert sim.heard[-1].kind == "check_in"
    sim.caller_makes_noise(0.6)
    sim.run_for(4.0)

    assert sim.heard[-1].was_cut and len(sim.said("check_in")) == 1
    sim.run_for(6.0)
    assert len(sim.said("check_in")) == 2


def test_while_the_rest_is_to_come_nobody_checks_in(begin: Begin) -> None:
    """B2: the silence counts from the end of the rest."""
    settings = {
        "turn_taking": {"longest_backchannel_s": 0, "false_interruption_timeout_s": 5},
        "dead_air_settings": {"silence_timeout_normal": 3},
    }
    sim = begin(sim={"may_barge_in": True, "replies": (LONG,)}, settings=settings)
    sim.caller_says("Tell me more.", at=3.0)
    sim.caller_makes_noise(0.5, at=7.0)
    sim.run_until(30.0)

    check_in = sim.said("check_in")[0]
    assert check_in.starts_at == pytest.approx(sim.said("answer")[-1].ends_at + 3.1, abs=0.4)


def test_a_long_okay_does_not_stop_an_agent_that_waits_for_words(begin: Begin) -> None:
    """The default: a sound of 0.6 s, whose words come after it, and are ignorable."""
    sim = begin(sim={"may_barge_in": True, "replies": (LONG,)})
    sim.caller_says("Tell me more.", at=3.0)
    sim.caller_says("Okay", at=6.5, duration_s=0.6, words_after_s=0.4)
    sim.caller_makes_noise(0.5, at=8.5)
    sim.run_until(14.0)

    assert not any(heard.was_cut for heard in sim.heard) and len(sim.thoughts) == 1

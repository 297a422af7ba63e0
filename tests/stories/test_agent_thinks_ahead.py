"""“Think ahead”: what the caller hears of it is only that the answer comes sooner."""

import pytest

from backend.call.commands import SendDtmf, Think
from tests.fakes.call_sim import CallSim, Reply
from tests.stories.conftest import Begin

AHEAD = {"turn_taking": {"speculation": True, "min_endpointing_delay_s": 1.0}}
WAITS = {"turn_taking": {"min_endpointing_delay_s": 1.0}}


def outcomes(sim: CallSim) -> list[bool]:
    """Of each draft: was it used?"""
    return [draft.was_used for draft in sim.drafts]


def drafts_asked(sim: CallSim) -> int:
    return sum(think.is_draft for think in sim.thoughts)


def test_the_answer_comes_sooner_by_what_the_model_took(begin: Begin) -> None:
    """A second of waiting in which the model's half second is hidden."""
    starts = []
    for settings in (WAITS, AHEAD):
        sim = begin(settings=settings)
        sim.caller_says("When do you open?", at=3.0, duration_s=1.0)
        starts.append(sim.run_until_said(2).starts_at)

    assert starts[0] - starts[1] == pytest.approx(0.5, abs=0.01)
    assert starts[1] >= 4.0 + 1.0
    assert (outcomes(sim), len(sim.thoughts)) == ([True], 1)


def test_a_caller_who_goes_on_hears_nothing_of_the_draft(begin: Begin) -> None:
    """It is thrown away; the model is asked about all the words."""
    replies = (Reply(("About the table only.",), first_after_s=0.1), Reply(("About both.",)))
    sim = begin(settings=AHEAD, sim={"replies": replies})
    sim.caller_says("I need a table.", at=3.0, duration_s=1.0)
    sim.caller_says("For two people.", at=4.8, duration_s=0.8)

    sim.run_until(12.0)

    assert [heard.text for heard in sim.said("answer")] == ["About both."]
    assert outcomes(sim) == [False, True]
    users = [message["content"] for message in sim.thoughts[-1].messages if message["role"] == "user"]
    assert users == ["I need a table. For two people."]


def test_half_understood_words_are_thrown_away(begin: Begin) -> None:
    """The interim text was half of what was said."""
    replies = (Reply(("To the half.",), first_after_s=0.05), Reply(("To the whole.",)))
    sim = begin(settings=AHEAD, sim={"replies": replies})
    sim.caller_says("Are you open on Sundays at noon?", at=3.0, duration_s=1.5, interim=True, words_after_s=0.5)

    sim.run_until(10.0)

    assert [heard.text for heard in sim.said("answer")] == ["To the whole."]
    assert outcomes(sim) == [False, True]


def test_no_tool_is_used_before_the_turn_has_ended(begin: Begin) -> None:
    """The keys are pressed when the caller has really finished, and not at all by the draft that was thrown away."""
    reply = Reply((), first_after_s=0.05, tools=(("send_dtmf", {"digits": "1"}),))
    sim = begin(settings=AHEAD, tools=["send_dtmf"], sim={"replies": (reply, reply)})
    sim.caller_says("Press one.", at=3.0, duration_s=1.0)
    sim.caller_says("No, the other one.", at=4.8, duration_s=1.0)

    sim.run_until(6.7)
    assert (sim.dtmf, drafts_asked(sim)) == ([], 2)
    sim.run_until(10.0)

    assert sim.dtmf == ["1"]
    assert sim.asked(SendDtmf)[0][0] >= 5.8 + 1.0


def test_a_draft_that_fails_costs_nothing_but_itself(begin: Begin) -> None:
    """The caller hears the answer that is asked for at the turn's end."""
    replies = (Reply((), first_after_s=0.1, then="fails"), Reply(("Of course.",)))
    sim = begin(settings=AHEAD, sim={"replies": replies})
    sim.caller_says("When do you open?", at=3.0, duration_s=1.0)

    answer = sim.run_until_said(2)

    assert (answer.text, outcomes(sim)) == ("Of course.", [False])
    assert [think.is_draft for think in sim.thoughts] == [True, False]


def test_a_caller_who_hangs_up_leaves_no_request_open(begin: Begin) -> None:
    """The draft's connection is closed with the call."""
    sim = begin(settings=AHEAD, sim={"replies": (Reply((), then="stalls"),)})
    sim.caller_says("When do you open?", at=3.0, duration_s=1.0)
    sim.caller_hangs_up(at=4.6)

    sim.run_until_over()

    assert (drafts_asked(sim), outcomes(sim), sim._open_turns) == (1, [False], set())


def test_it_is_off_by_default(begin: Begin) -> None:
    """One request per turn, when the turn has ended."""
    sim = begin()
    sim.caller_says("When do you open?", at=3.0, duration_s=1.0)
    sim.run_until_said(2)

    assert [type(command) for _, command in sim.asked(Think)] == [Think]
    assert (drafts_asked(sim), sim.drafts) == (0, [])

"""It is our turn, and the model lets the caller wait (B6)."""

import pytest

from tests.fakes.call_sim import Reply
from tests.stories.conftest import Begin

STALL = Reply((), then="stalls")


def ask(begin: Begin, *replies: Reply, **agent: object):  # type: ignore[no-untyped-def]
    sim = begin(sim={"replies": replies}, **agent)
    sim.caller_says("When are you open?", at=3.0, duration_s=1.0)
    return sim, 4.5  # the turn is taken as ended then


def test_a_filler_after_four_seconds(begin: Begin) -> None:
    """And the answer follows."""
    sim, turn_at = ask(begin, Reply(("From nine to five.",), first_after_s=6.0))

    sim.run_until(15.0)

    assert [heard.kind for heard in sim.heard] == ["greeting", "filler", "answer"]
    assert sim.agent_said(2).starts_at == pytest.approx(turn_at + 4.0, abs=0.4)


def test_another_model_after_eight_seconds(begin: Begin) -> None:
    """The first one stalls for ever; the caller gets an answer all the same."""
    sim, turn_at = ask(begin, STALL)

    sim.run_until(16.0)

    assert [thought.use_fallback_model for thought in sim.thoughts] == [False, True]
    assert sim.said("answer")[0].starts_at == pytest.approx(turn_at + 8.6, abs=0.4)


def test_an_apology_and_a_hang_up_after_twenty_seconds(begin: Begin) -> None:
    """No model answers at all."""
    sim, turn_at = ask(begin, STALL, STALL)

    sim.run_until_over()

    apology = sim.heard[-1]
    assert apology.kind == "apology"
    assert apology.starts_at == pytest.approx(turn_at + 20.0, abs=0.4)
    assert sim.hung_up_at == pytest.approx(apology.ends_at, abs=0.1)
    assert sim.outcome == "failed"


def test_a_person_instead_of_a_hang_up(begin: Begin) -> None:
    """The agent names a transfer target for this case."""
    sim, _ = ask(
        begin,
        STALL,
        STALL,
        transfer_targets=[{"name": "desk", "number": "+13125550100"}],
        settings={"no_progress": {"transfer_target": "desk"}},
    )

    sim.run_until(40.0)

    assert sim.transfers[0].name == "desk"
    assert sim.hung_up_at is None


def test_a_person_even_if_the_apology_cannot_be_said(begin: Begin) -> None:
    """The model stalls, then the voice: the transfer must not wait for the apology for ever."""
    sim, turn_at = ask(
        begin,
        STALL,
        STALL,
        transfer_targets=[{"name": "desk", "number": "+13125550100"}],
        settings={"no_progress": {"transfer_target": "desk"}},
    )
    sim.run_until(20.0)
    sim.voice.hangs = 100

    sim.run_until(turn_at + 20.0 + 6.5)

    assert sim.transfers[0].name == "desk"


def test_a_model_that_dribbles_is_noticed_too(begin: Begin) -> None:
    """One sentence, then nothing: the wait counts from the end of what was heard."""
    sim, _ = ask(begin, Reply(("One.",), then="stalls"))
    first = sim.run_until_said(2)

    filler = sim.run_until_said(3)

    assert filler.kind == "filler"
    assert filler.starts_at - first.ends_at == pytest.approx(4.0, abs=0.4)


@pytest.mark.parametrize("reply", [Reply((), then="fails"), Reply(())])
def test_a_failure_or_an_empty_answer_is_tried_again_at_once(begin: Begin, reply: Reply) -> None:
    """Nothing was said: it is still our turn."""
    sim, turn_at = ask(begin, reply)

    sim.run_until(12.0)

    assert [thought.use_fallback_model for thought in sim.thoughts] == [False, True]
    assert sim.said("answer")[0].starts_at < turn_at + 1.6


def test_a_hiccup_of_some_seconds_costs_no_call(begin: Begin) -> None:
    """Three failures at once, as when a server restarts: a filler, then the fourth request is answered."""
    sim, turn_at = ask(begin, *[Reply((), then="fails")] * 3)

    sim.run_until_said(3)

    assert [heard.kind for heard in sim.heard] == ["greeting", "filler", "answer"]
    assert sim.said("answer")[0].starts_at < turn_at + 7.0


def test_a_model_that_never_works_ends_in_an_apology_after_twenty_seconds(begin: Begin) -> None:
    """With a filler on the way; it is asked again and again meanwhile, but not in a rush."""
    sim, turn_at = ask(begin, *[Reply((), then="fails")] * 30)

    sim.run_until_over()

    assert [heard.kind for heard in sim.heard] == ["greeting", "filler", "apology"]
    assert sim.heard[-1].starts_at == pytest.approx(turn_at + 20.0, abs=0.4)
    assert 5 <= len(sim.thoughts) <= 9


def test_a_failure_in_mid_answer_keeps_what_was_said(begin: Begin) -> None:
    """The caller's turn comes next, not an apology."""
    sim, _ = ask(begin, Reply(("From nine to five.",), then="fails"))

    sim.run_until_said(3)

    assert [heard.kind for heard in sim.heard] == ["greeting", "answer", "check_in"]


def test_caller_words_do_not_pause_our_clock_for_ever(begin: Begin) -> None:
    """Each addition starts the answer again, but a silent caller then gets a sound within four seconds."""
    sim, _ = ask(begin, STALL, STALL, STALL)
    sim.caller_says("Hello?", at=7.0, duration_s=0.4)

    sim.run_until(7.0 + 0.9 + 4.5)

    assert sim.heard[-1].kind == "filler"

"""“One moment, please.”"""

import pytest

from tests.fakes.call_sim import Reply
from tests.stories.conftest import Begin


def gap_before(sim, number: int) -> float:  # type: ignore[no-untyped-def]
    return sim.agent_said(number).starts_at - sim.agent_said(number - 1).ends_at


def test_the_longer_timeout_applies_until_the_caller_speaks_again(begin: Begin) -> None:
    """B3: 25 s, and 7 s again after the next words."""
    sim = begin()
    sim.caller_says("Hold on, please.", at=3.0)
    sim.run_until_said(3)
    assert [heard.kind for heard in sim.heard] == ["greeting", "answer", "check_in"]
    assert gap_before(sim, 3) == pytest.approx(25.0, abs=0.4)

    sim.caller_says("I am back.", after=1.0)
    sim.run_until_said(5)

    assert gap_before(sim, 5) == pytest.approx(7.0, abs=0.4)


def test_the_models_hold_tool_does_the_same(begin: Begin) -> None:
    """The caller said it in words that we do not know."""
    sim = begin(sim={"replies": (Reply(("Of course.",), tools=(("hold", {}),)),)})
    sim.caller_says("My pot boils over", at=3.0)

    sim.run_until_said(3)

    assert gap_before(sim, 3) == pytest.approx(25.0, abs=0.4)


def test_a_hold_that_is_understood_late_still_counts(begin: Begin) -> None:
    """The words were taken as an interim text; their final form brings the “hold on”."""
    sim = begin()
    sim.caller_says("whole", at=3.0, duration_s=0.6, is_final=False)
    sim.words("Hold on, please.", after=7.0)

    sim.run_until_said(3)

    assert gap_before(sim, 3) == pytest.approx(25.0, abs=0.4)

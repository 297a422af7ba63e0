"""backend/rehearsal/words.py"""

import pytest

from backend.rehearsal.scenario import Scenario, load_scenario, shipped_names
from backend.rehearsal.words import caller_in_words


def test_every_step_has_its_words() -> None:
    steps = [
        {"wait_until": "agent_answered"}, {"wait_until": "agent_said_2"}, {"say": "Hi", "interrupt_after_s": 0.5},
        {"play": "cough", "for_s": 2}, {"press": "12#"}, {"wait_s": 3}, {"stay_silent": True}, {"hang_up": True},
    ]  # fmt: skip

    assert caller_in_words(Scenario.model_validate({"name": "x", "caller": steps})) == [
        "waits until the agent has answered", "waits until the agent has said 2 things",
        "0.5 s into the agent's words says “Hi”", "makes a sound: cough for 2 s", "presses 12#", "waits 3 s",
        "stays silent until the call is over", "hangs up",
    ]  # fmt: skip


def test_who_is_called_picks_up_first() -> None:
    assert caller_in_words(load_scenario("outbound_machine"))[0].startswith("is called: a machine picks up")


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_rehearsal_can_be_told(name: str) -> None:
    lines = caller_in_words(load_scenario(name))

    assert lines and all(lines) and not any("None" in line or "_" in line for line in lines)

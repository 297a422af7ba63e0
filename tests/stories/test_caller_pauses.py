"""The caller pauses in the middle of a turn, and is left to finish; a plain question is answered at once."""

import pytest

from backend.call.events import TurnEndPredicted
from tests.stories.conftest import Begin

SHORTEST_S, LONGEST_S = 0.5, 3.0
MODEL_AND_VOICE_S = 0.6
"""The simulated model's 0.5 s and the voice's 0.1 s."""


def users(sim) -> list[str]:  # type: ignore[no-untyped-def]
    """What the model was told of the caller, in its last request."""
    return [message["content"] for message in sim.thoughts[-1].messages if message["role"] == "user"]


def test_a_number_dictated_with_pauses_is_one_turn(begin: Begin) -> None:
    """“555” … “01” … “23”, a second apart each: the agent does not ask “how can I help?” in between."""
    sim = begin()
    sim.caller_says("My number is 555.", at=3.0, duration_s=1.2)
    sim.caller_says("01.", at=5.3, duration_s=0.5)
    sim.caller_says("23.", at=6.9, duration_s=0.5)

    sim.run_until(12.0)

    assert len(sim.said("answer")) == 1
    assert users(sim) == ["My number is 555. 01. 23."]
    assert 7.4 + SHORTEST_S < sim.said("answer")[0].starts_at <= 7.4 + LONGEST_S + MODEL_AND_VOICE_S + 0.2


@pytest.mark.parametrize("words", ["I need a table and", "I need a table, um.", "I need a table because…"])
def test_a_pause_after_and_is_waited_out(begin: Begin, words: str) -> None:
    """1.2 s of thinking after “and…”."""
    sim = begin()
    sim.caller_says(words, at=3.0, duration_s=1.0)
    sim.caller_says("I cannot see your hours.", at=5.2, duration_s=1.0)

    sim.run_until(12.0)

    assert len(sim.said("answer")) == 1
    assert users(sim) == [f"{words} I cannot see your hours."]


def test_a_question_is_answered_fast(begin: Begin) -> None:
    """Nothing but the shortest wait, the model and the voice."""
    sim = begin()
    sim.caller_says("When do you open?", at=3.0, duration_s=1.0)

    answer = sim.run_until_said(2)

    assert answer.starts_at <= 4.0 + SHORTEST_S + MODEL_AND_VOICE_S + 0.2


@pytest.mark.parametrize("late_s", [0.05, 0.45])
def test_an_interim_text_that_comes_late_does_not_hold_the_answer_up(begin: Begin, late_s: float) -> None:
    """It was overtaken by the final one, which came 0.3 s after the voice; 0.45 s later the model is being asked."""
    sim = begin()
    sim.caller_says("When do you open?", at=3.0, duration_s=1.0)
    sim.do(lambda: sim.words("When do", is_final=False), at=4.3 + late_s)

    answer = sim.run_until_said(2)

    assert answer.starts_at <= 4.0 + SHORTEST_S + MODEL_AND_VOICE_S + 0.2
    assert users(sim) == ["When do you open?"] and len(sim.thoughts) == 1


def test_a_caller_who_leaves_it_at_and_is_answered_all_the_same(begin: Begin) -> None:
    """The longest wait is a bound."""
    sim = begin()
    sim.caller_says("I need a table and", at=3.0, duration_s=1.0)

    answer = sim.run_until_said(2)

    assert answer.starts_at <= 4.0 + LONGEST_S + MODEL_AND_VOICE_S + 0.2


def test_a_voice_that_sounds_unfinished_is_waited_for(begin: Begin) -> None:
    """The words look like a sentence, the voice does not: both halves are one turn."""
    sim = begin()
    sim.caller_says("I need a table.", at=3.0, duration_s=1.0)
    sim.do(lambda: sim.post(TurnEndPredicted(0.05, _voice_ended_at(sim))), at=4.3)
    sim.caller_says("For two people.", at=5.5, duration_s=0.8)

    sim.run_until(12.0)

    assert users(sim) == ["I need a table. For two people."]
    assert len(sim.said("answer")) == 1


def _voice_ended_at(sim) -> float:  # type: ignore[no-untyped-def]
    return float(sim.conversation._endpointing.last_speech_ended_at)

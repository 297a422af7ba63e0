"""backend/rehearsal/comparison.py, on results as report.py builds them from whole calls."""

from backend.rehearsal.comparison import Difference, compare, measures
from backend.rehearsal.report import build_result
from backend.rehearsal.scenario import Expectations
from backend.rehearsal.verdict import CallFacts, judge
from tests.rehearsal.builders import LEG, dead_air_call, question_call

EXPECT = Expectations.model_validate(
    {"heard": [{"kind": "greeting"}, {"kind": "check_in", "at_s": 7}, {"kind": "check_in", "at_s": 7}],
     "ends": {"who": "agent", "at_s": 5}}
)  # fmt: skip


def result_of(facts: CallFacts, expect: Expectations = EXPECT) -> dict[str, object]:
    return build_result("x", judge(expect, facts), facts, LEG)


def test_each_wait_of_a_call_is_a_measure_with_a_name() -> None:
    """A silent caller: from sound to sound. One who asks: from the end of the question."""
    assert measures(result_of(dead_air_call())) == {
        "greeting": 1.0, "check_in": 7.0, "check_in 2": 7.0, "hang-up": 5.0, "longest silence of both": 7.0,
    }  # fmt: skip
    asked = measures(result_of(question_call(), Expectations()))
    assert asked["answer after “When do you open?”"] == 1.0 and asked["hang-up"] == 1.0


def test_what_became_slower_or_faster_is_told_and_trifles_are_not() -> None:
    """A tenth of a second nobody hears."""
    found = {
        one.name: one.change
        for one in compare(
            result_of(dead_air_call()), result_of(dead_air_call(first=2.0, second=0.05, hang_up=-1.0))
        ).differences
    }

    assert found == {
        "greeting": "same", "check_in": "slower", "check_in 2": "same", "hang-up": "faster",
        "longest silence of both": "slower",
    }  # fmt: skip


def test_a_check_that_changed_is_told_with_both_figures() -> None:
    found = compare(result_of(dead_air_call()), result_of(dead_air_call(first=2.0)))

    (changed,) = found.changed_checks
    assert (changed.name, changed.before, changed.now) == ("heard 2 (check_in): begins", True, False)
    assert changed.measured_before.startswith("7.000 s") and changed.measured_now.startswith("9.000 s")
    assert compare(result_of(dead_air_call()), result_of(dead_air_call())).changed_checks == []


def test_what_only_one_of_the_runs_has_is_new_or_gone() -> None:
    """Another agent, another version of the rehearsal."""
    found = compare(result_of(dead_air_call()), result_of(question_call(), Expectations()))

    assert Difference("answer after “When do you open?”", None, 1.0) in found.differences
    assert {one.name for one in found.differences if one.change == "gone"} == {"check_in", "check_in 2"}
    assert ("heard 2 (check_in)", True, None) in [(one.name, one.before, one.now) for one in found.changed_checks]


def test_a_call_that_was_never_answered_can_be_compared() -> None:
    silent = result_of(CallFacts(None, [], [], []), Expectations())

    assert measures(silent) == {} and compare(silent, silent).differences == []

"""The table of the default timeline."""

import pytest

from backend.rehearsal.bench import rows_of
from backend.rehearsal.scenario import load_scenario
from backend.rehearsal.verdict import judge
from tests.rehearsal.builders import dead_air_call


def test_each_timed_step_is_a_row_over_all_runs() -> None:
    """Mean, earliest and latest deviation, and how many were within the tolerance."""
    expect = load_scenario("default_dead_air").expect
    verdicts = [judge(expect, dead_air_call(second=shift)) for shift in (-0.1, 0.0, 0.4)]

    rows = rows_of(verdicts)

    assert [row.step for row in rows] == ["heard 2 (check_in): begins", "heard 3 (check_in): begins", "end: when"]
    assert [(row.runs, row.within) for row in rows] == [(3, 3), (3, 2), (3, 3)]
    assert (rows[1].mean_ms, rows[1].earliest_ms, rows[1].latest_ms) == pytest.approx((100.0, -100.0, 400.0))

"""The figures of a load run, from synthetic calls."""

from dataclasses import replace

import pytest

from backend.rehearsal.load import Quantiles, measure, off_owner_share, quantiles
from backend.rehearsal.scenario import load_scenario
from backend.rehearsal.verdict import judge
from tests.rehearsal.builders import LEG, dead_air_call, entry, heard

EXPECT = load_scenario("default_dead_air").expect


def test_quantiles_are_values_that_were_measured() -> None:
    """Nearest rank: of a hundred values the 99th is p99, the last one the maximum."""
    assert quantiles(range(1, 101)) == Quantiles(100, 50, 95, 99, 100)
    assert quantiles([3.0]) == Quantiles(1, 3.0, 3.0, 3.0, 3.0)
    assert quantiles([]) == Quantiles()


def test_a_report_counts_right_calls_check_ins_and_hang_ups() -> None:
    """One good call, one with a check-in too many, one that did not begin."""
    good = dead_air_call()
    bad = dead_air_call(first=0.4)
    bad = replace(bad, heard=[*bad.heard, heard(40.0, 1.0)], keys_left=["one", "two"])
    calls = [(judge(EXPECT, facts), facts) for facts in (good, bad)]

    report = measure(calls, [*good.entries, *bad.entries], not_begun=1)

    assert (report.calls, report.right, report.not_begun) == (3, 1, 1)
    assert report.check_ins == {2: 1, 3: 1}
    assert report.hang_ups == {1: 2}
    assert report.failed_checks["check-ins"] == 1
    assert report.lateness_s.max == pytest.approx(0.4)
    assert report.keys_left == 2
    assert report.webhooks == 2
    assert report.webhook_ack_ms.p99 == 4.0


def test_the_most_premature_step_is_told_apart_from_lateness() -> None:
    """Too early is as wrong as too late, and would vanish in a mean."""
    facts = dead_air_call(hang_up=-0.12)

    assert measure([(judge(EXPECT, facts), facts)], []).earliest_s == pytest.approx(0.12)


def test_stuttering_calls_are_those_whose_audio_ran_dry_while_the_agent_spoke() -> None:
    """Missing audio inside an utterance, not the silence between two."""
    facts = dead_air_call()
    dry = replace(facts, heard=[replace(facts.heard[0], starved_s=0.2), *facts.heard[1:]])

    assert measure([(judge(EXPECT, facts), facts)], []).stuttering_calls == 0
    assert measure([(judge(EXPECT, dry), dry)], []).stuttering_calls == 1


def test_the_share_off_the_owner_compares_workers_per_call() -> None:
    """The worker that took the media socket owns the call."""
    entries = [entry(1, "stream_opened", worker="w1")]
    entries += [entry(2, "webhook_sent", worker=worker) for worker in ("w1", "w2", "w3", "w1")]
    entries += [replace(entry(2, "webhook_sent", worker="w9"), call_control_id="another leg")]

    assert off_owner_share(entries) == 0.5
    assert off_owner_share([entry(2, "webhook_sent", worker="w1")]) is None
    assert entries[0].call_control_id == LEG

"""The result of a rehearsal, for machines and for people."""

import io
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from backend.rehearsal.report import build_result, print_verdict, write_json
from backend.rehearsal.scenario import load_scenario
from backend.rehearsal.verdict import judge
from tests.rehearsal.builders import LEG, dead_air_call

EXPECT = load_scenario("default_dead_air").expect


def test_the_result_holds_the_verdict_and_what_was_heard_in_seconds_since_the_answer(tmp_path: Path) -> None:
    """One JSON file says it all."""
    facts = dead_air_call()
    write_json(tmp_path / "result.json", build_result("default_dead_air", judge(EXPECT, facts), facts, LEG))
    result = json.loads((tmp_path / "result.json").read_text())

    assert result["passed"] is True
    assert result["heard"][0]["started_at"] == 1.0
    assert result["hang_up"] == {"at": 23.9, "by": "agent", "cause": "normal_clearing", "source": "callee"}
    assert all(check["passed"] for check in result["checks"])


def test_a_call_that_never_ended_has_a_result_too() -> None:
    """Nothing in the report needs the call to be complete."""
    facts = replace(dead_air_call(), entries=[], answered_at=None, heard=[])

    assert build_result("x", judge(EXPECT, facts), facts, LEG)["hang_up"] is None


def test_a_failed_verdict_names_the_checks_that_failed() -> None:
    """With what was expected and what was measured."""
    output = io.StringIO()
    print_verdict(Console(file=output, width=200), "mine", judge(EXPECT, dead_air_call(first=1.0)))

    assert "FAILED  mine: heard 2 (check_in): begins" in output.getvalue()
    assert "8.000 s" in output.getvalue()

"""The result of a rehearsal as JSON and as a table for people. Decides nothing."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.rehearsal.verdict import CallFacts, Verdict, hang_up_of, longest_gap_s, who_hung_up


def build_result(name: str, verdict: Verdict, facts: CallFacts, call_control_id: str) -> dict[str, Any]:
    """Everything worth keeping. Instants are seconds since the answer."""
    zero = facts.answered_at if facts.answered_at is not None else 0.0
    end = hang_up_of(facts)

    def since(at: float) -> float:
        return round(at - zero, 4)

    return {
        "scenario": name,
        "passed": verdict.passed,
        "call_control_id": call_control_id,
        "checks": [asdict(check) for check in verdict.checks],
        "heard": [
            {
                "started_at": since(one.started_at),
                "ended_at": since(one.ended_at),
                "kind": one.kind,
                "text": one.text,
                "similarity": one.similarity,
                "starved_s": round(one.starved_s, 3),
            }
            for one in facts.heard
        ],
        "said": [
            {"started_at": since(one.started_at), "ended_at": since(one.ended_at), "text": one.text}
            for one in facts.said
        ],
        "hang_up": None
        if end is None
        else {
            "at": since(end.at),
            "by": who_hung_up(facts),
            "cause": end.data.get("cause"),
            "source": end.data.get("source"),
        },
        "longest_gap_s": round(longest_gap_s(facts), 3),
        "keys_left": facts.keys_left,
        "problem": facts.problem,
    }


def write_json(path: str | Path, content: Any) -> None:
    Path(path).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))


def print_verdict(console: Console, name: str, verdict: Verdict) -> None:
    """Each check in a line, then the verdict."""
    table = Table(title=name, title_justify="left", show_edge=False)
    for column in ("", "check", "expected", "measured"):
        table.add_column(column)
    for check in verdict.checks:
        sign = Text("✓", "green") if check.passed else Text("✗", "bold red")
        expected = f"{check.expected} {check.tolerance}".strip()
        table.add_row(sign, Text(check.name), Text(expected), Text(check.measured))
    console.print(table)
    if verdict.passed:
        console.print(Text(f"PASSED  {name}: {len(verdict.checks)} checks", "bold green"))
    else:
        failed = ", ".join(check.name for check in verdict.failed_checks)
        console.print(Text(f"FAILED  {name}: {failed}", "bold red"))

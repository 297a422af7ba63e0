"""The figure table of the default timeline: many calls of a caller who never speaks, each step against its setting.

`rows_of` is pure. The steps are those that the scenario times; the deviation is what the caller hears minus what is set.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from backend.rehearsal.runner import Outcome, Stage, run_scenario
from backend.rehearsal.scenario import Scenario
from backend.rehearsal.verdict import Verdict


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One step over all runs; deviations in ms, positive is late."""

    step: str
    expected: str
    tolerance: str
    runs: int
    within: int
    mean_ms: float
    earliest_ms: float
    latest_ms: float


def rows_of(verdicts: Sequence[Verdict]) -> list[StepFigures]:
    """A row for each timed check, in order."""
    by_step: dict[tuple[str, str, str], list[tuple[float, bool]]] = {}
    for verdict in verdicts:
        for check in verdict.checks:
            if check.deviation_s is not None:
                key = (check.name, check.expected, check.tolerance)
                by_step.setdefault(key, []).append((1000 * check.deviation_s, check.passed))
    rows = []
    for (step, expected, tolerance), values in by_step.items():
        deviations = [value for value, _ in values]
        within = sum(passed for _, passed in values)
        mean = sum(deviations) / len(deviations)
        rows.append(StepFigures(step, expected, tolerance, len(values), within, mean, min(deviations), max(deviations)))
    return rows


async def run_timeline(
    scenario: Scenario, stage: Stage, *, runs: int, at_once: int, say: Callable[[str], None] = print
) -> list[Outcome]:
    """`runs` rehearsals, at most `at_once` at the same time, a little apart so that they do not move in step."""
    gate = asyncio.Semaphore(at_once)

    async def one(number: int) -> Outcome:
        await asyncio.sleep(0.7 * (number % at_once))
        async with gate:
            outcome = await run_scenario(scenario, stage, check_keys=False)
            say(f"  {scenario.name} {number + 1} of {runs}: {'passed' if outcome.verdict.passed else 'FAILED'}")
            return outcome

    return list(await asyncio.gather(*(one(number) for number in range(runs))))


def print_timeline(console: Console, title: str, rows: Sequence[StepFigures]) -> None:
    table = Table(title=title, title_justify="left", show_edge=False)
    for column in ("step", "expected", "within", "mean", "earliest", "latest"):
        table.add_column(column)
    for row in rows:
        within = f"{row.within} of {row.runs} {row.tolerance}"
        shown = [f"{value:+.0f} ms" for value in (row.mean_ms, row.earliest_ms, row.latest_ms)]
        table.add_row(row.step, row.expected, within, *shown)
    console.print(table)

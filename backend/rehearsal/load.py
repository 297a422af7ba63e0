"""Many calls at once, and what the callers heard: the load mode.

`run_load` places the calls; `measure` is pure and turns their outcomes and the carrier's log into figures.
A call is right when its whole verdict is: check-ins exactly as configured, one hang-up, everything in time.
"""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from backend.rehearsal.carrier.log import LogEntry
from backend.rehearsal.product_api import ApiError
from backend.rehearsal.runner import CannotRun, Outcome, Stage, check_needs, prepare_agent, run_call
from backend.rehearsal.scenario import Scenario
from backend.rehearsal.verdict import CallFacts, Verdict, longest_gap_s

STUTTER_S = 0.1
"""Less missing audio inside an utterance is not noticed."""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of `count` values; all 0 for none."""

    count: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load run showed. Seconds unless the name says otherwise."""

    calls: int
    right: int
    not_begun: int
    failed_checks: dict[str, int]
    """Name of a check -> calls that failed it."""
    check_ins: dict[int, int]
    """Number of check-ins heard -> calls."""
    hang_ups: dict[int, int]
    lateness_s: Quantiles
    """How much later than configured, over all timed steps."""
    earliest_s: float
    """The most that a step came too early (0 when none did)."""
    longest_gap_s: Quantiles
    stuttering_calls: int
    webhook_ack_ms: Quantiles
    webhooks: int
    off_owner_share: float | None
    """Share of webhooks that landed on another worker than the call's owner; None: the owner is not known."""
    webhooks_given_up: int
    keys_left: int


def quantiles(values: Iterable[float]) -> Quantiles:
    """The nearest-rank quantiles: each is a value that was really measured."""
    ordered = sorted(values)
    if not ordered:
        return Quantiles()

    def rank(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]

    return Quantiles(len(ordered), rank(0.50), rank(0.95), rank(0.99), ordered[-1])


def measure(
    outcomes: Sequence[tuple[Verdict, CallFacts]], entries: Sequence[LogEntry], *, not_begun: int = 0
) -> LoadReport:
    """The figures of a load run."""
    failed = Counter(name for verdict, _ in outcomes for name in {check.name for check in verdict.failed_checks})
    deviations = [
        check.deviation_s for verdict, _ in outcomes for check in verdict.checks if check.deviation_s is not None
    ]
    acks = [float(entry.data.get("latency_ms") or 0) for entry in entries if entry.kind == "webhook_sent"]
    return LoadReport(
        calls=len(outcomes) + not_begun,
        right=sum(1 for verdict, _ in outcomes if verdict.passed),
        not_begun=not_begun,
        failed_checks=dict(failed.most_common()),
        check_ins=_counts(sum(1 for one in facts.heard if one.kind == "check_in") for _, facts in outcomes),
        hang_ups=_counts(sum(1 for entry in facts.entries if entry.kind == "hangup") for _, facts in outcomes),
        lateness_s=quantiles(deviations),
        earliest_s=max([0.0, *(-deviation for deviation in deviations)]),
        longest_gap_s=quantiles(longest_gap_s(facts) for _, facts in outcomes),
        stuttering_calls=sum(1 for _, facts in outcomes if any(one.starved_s > STUTTER_S for one in facts.heard)),
        webhook_ack_ms=quantiles(acks),
        webhooks=len(acks),
        off_owner_share=off_owner_share(entries),
        webhooks_given_up=sum(1 for entry in entries if entry.kind == "webhook_given_up"),
        keys_left=sum(len(facts.keys_left or []) for _, facts in outcomes),
    )


def off_owner_share(entries: Sequence[LogEntry]) -> float | None:
    """Of the webhooks answered by a known worker, the share that was not answered by the call's owner."""
    owners = {
        entry.call_control_id: str(entry.data["worker"])
        for entry in entries
        if entry.kind == "stream_opened" and entry.data.get("worker")
    }
    landed = [
        str(entry.data["worker"]) == owners[entry.call_control_id]
        for entry in entries
        if entry.kind == "webhook_sent" and entry.data.get("worker") and entry.call_control_id in owners
    ]
    return 1 - sum(landed) / len(landed) if landed else None


async def run_load(
    scenario: Scenario,
    stage: Stage,
    *,
    calls: int,
    spread_s: float = 2.0,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> tuple[LoadReport, list[Outcome]]:
    """`calls` calls to one agent, arriving evenly drawn over `spread_s`."""
    check_needs(scenario, stage)
    agent_id, number, agent = await prepare_agent(scenario, stage)
    dice = random.Random(seed)
    first_entry = len(stage.carrier.log.entries)
    done = 0

    async def one(delay_s: float) -> Outcome:
        nonlocal done
        await asyncio.sleep(delay_s)
        outcome = await run_call(scenario, stage, agent_id, number, agent)
        done += 1
        mark = (
            "right" if outcome.verdict.passed else "WRONG: " + ", ".join(c.name for c in outcome.verdict.failed_checks)
        )
        say(f"  call {done} of {calls} is over: {mark}")
        return outcome

    try:
        delays = [dice.uniform(0, spread_s) for _ in range(calls)]
        results = await asyncio.gather(*(one(delay_s) for delay_s in delays), return_exceptions=True)
    finally:
        await stage.api.delete_agent(agent_id)
    outcomes = [result for result in results if isinstance(result, Outcome)]
    for result in results:
        if isinstance(result, BaseException):
            if not isinstance(result, CannotRun | ApiError):
                raise result
            say(f"  a call did not begin: {result}")
    entries = stage.carrier.log.entries[first_entry:]
    judged = [(outcome.verdict, outcome.facts) for outcome in outcomes]
    return measure(judged, entries, not_begun=calls - len(outcomes)), outcomes


def print_load(console: Console, report: LoadReport) -> None:
    """The figures as a table."""
    table = Table(title=f"{report.calls} calls at once", title_justify="left", show_edge=False)
    for column in ("figure", "value"):
        table.add_column(column)
    late, gap, ack = report.lateness_s, report.longest_gap_s, report.webhook_ack_ms
    share = "unknown" if report.off_owner_share is None else f"{report.off_owner_share:.0%}"
    rows: list[tuple[str, Any]] = [
        ("calls right", f"{report.right} of {report.calls}"),
        ("check-ins heard: calls", report.check_ins),
        ("hang-ups: calls", report.hang_ups),
        ("late p50 / p95 / p99 / max", _row(late, 1000, "ms")),
        ("earliest", f"{1000 * report.earliest_s:.0f} ms too early" if report.earliest_s > 0 else "none too early"),
        ("longest silence p50 / p95 / p99 / max", _row(gap, 1, "s", 2)),
        ("calls that stutter", report.stuttering_calls),
        (f"webhook answered p50 / p95 / p99 / max ({report.webhooks})", _row(ack, 1, "ms", 1)),
        ("webhooks off the owner", share),
        ("webhooks given up", report.webhooks_given_up),
        ("keys left", report.keys_left),
        ("failed checks", report.failed_checks or "none"),
    ]
    for name, value in rows:
        table.add_row(name, str(value))
    console.print(table)


def as_json(report: LoadReport) -> dict[str, Any]:
    return asdict(report)


def _counts(values: Iterable[int]) -> dict[int, int]:
    return dict(sorted(Counter(values).items()))


def _row(values: Quantiles, factor: float, unit: str, digits: int = 0) -> str:
    parts = (values.p50, values.p95, values.p99, values.max)
    return " / ".join(f"{factor * value:.{digits}f}" for value in parts) + f" {unit}"

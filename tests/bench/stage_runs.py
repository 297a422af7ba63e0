"""What the call benchmarks share: a figure with its target, and many calls on one stage.

A benchmark measures from the rehearsal carrier's log, never from the product's own. It prints; it is no test.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from backend.rehearsal.load import quantiles
from backend.rehearsal.runner import Outcome, Stage, prepare_agent, run_call
from backend.rehearsal.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table: what was asked, what was measured, whether it was reached."""

    name: str
    target: str
    measured: str
    is_reached: bool


async def run_many(
    scenario: Scenario, stage: Stage, *, calls: int, at_once: int, apart_s: float = 0.3
) -> list[Outcome]:
    """`calls` calls with one agent, at most `at_once` at a time."""
    agent_id, number, agent = await prepare_agent(scenario, stage)
    before = stage.carrier.dice.faults
    stage.carrier.dice.faults = scenario.faults
    gate = asyncio.Semaphore(at_once)

    async def one(index: int) -> Outcome:
        await asyncio.sleep(apart_s * (index % at_once))
        async with gate:
            return await run_call(scenario, stage, agent_id, number, agent, check_keys=False)

    try:
        return list(await asyncio.gather(*(one(index) for index in range(calls))))
    finally:
        stage.carrier.dice.faults = before
        await stage.api.delete_agent(agent_id)


def in_ms(values: Sequence[float]) -> str:
    """p50 / p95 / p99 / max of seconds, as text."""
    q = quantiles(values)
    shown = (("p50", q.p50), ("p95", q.p95), ("p99", q.p99), ("max", q.max))
    return " · ".join(f"{name} {1000 * value:.0f}" for name, value in shown) + f" ms ({q.count})"

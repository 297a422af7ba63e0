"""CPU of all web workers per call-second, through the whole product: media both ways, Silero, turns, model, voice.

Twenty calls, each four seconds of speech and six of silence, again and again. Read from the scheduler's own count of the
workers (/proc/PID/schedstat), which sees only them: not the carrier, not Redis, not the voice.
"""

import asyncio
from pathlib import Path

from backend.rehearsal.runner import Stage
from backend.rehearsal.scenario import Scenario
from backend.rehearsal.stack import Stack
from tests.bench.stage_runs import Figure, run_many

CALLS = 20
ROUNDS = 3
FOUR_SECONDS = "I would like to know when you are open this week and next week, please."

SCENARIO = Scenario.model_validate(
    {
        "name": "product_cost",
        "model": [{"when": "any", "say": "We are open from nine to five."}],
        "caller": [
            {"wait_until": "agent_answered"},
            *([{"say": FOUR_SECONDS, "rate_wpm": 190}, {"wait_s": 6}] * ROUNDS),
            {"hang_up": True},
        ],
    }
)


def worker_pids(stack: Stack) -> list[int]:
    """The children of gunicorn's master."""
    found = []
    for pid in stack.pids():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"gunicorn" in words:
            found.append(pid)
    parents = {int(Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[1]) for pid in found}
    return [pid for pid in found if pid not in parents]


def cpu_s(pids: list[int]) -> float:
    """Seconds on a CPU of all threads of these processes so far."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


async def measure(stage: Stage, stack: Stack) -> list[Figure]:
    pids = worker_pids(stack)
    await asyncio.sleep(2)
    before = cpu_s(pids)
    outcomes = await run_many(SCENARIO, stage, calls=CALLS, at_once=CALLS, apart_s=0.2)
    used_s = cpu_s(pids) - before
    seconds = 0.0
    for outcome in outcomes:
        entries = outcome.facts.entries
        opened = next((e.at for e in entries if e.kind == "stream_opened"), None)
        closed = next((e.at for e in entries if e.kind in ("stream_closed", "hangup")), None)
        if opened is None or closed is None:
            raise RuntimeError(f"a call had no stream: {outcome.verdict.failed_checks}, {outcome.facts.problem}")
        seconds += closed - opened
    cost_ms = 1000 * used_s / seconds
    return [
        Figure(
            f"web workers' CPU per call-second, {CALLS} calls through the whole product ({len(pids)} workers)",
            "≤ 4 ms",
            f"{cost_ms:.2f} ms",
            cost_ms <= 4.0,
        )
    ]

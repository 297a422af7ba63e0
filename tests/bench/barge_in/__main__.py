"""May callers interrupt? Six figures and a soak with every process live, ending in a verdict: `make bench-barge-in`.

    python -m tests.bench.barge_in [--calls 20] [--soak-minutes 5] [--recogniser sidecar] [--report docs/BARGE-IN.md]

The carrier's log is the judge of what the caller heard; what was let go is dated by the process that let it go
(`interruptions.py`). Two agents take part, because two wishes contradict each other: a *quick* one, which any sound of the
shortest interruption stops, and a *patient* one (the default), which waits for the words of a short sound. The quick one
is measured for speed, the patient one for not being stopped by murmurs, coughs and music.

Exit code 0 only for `ship-barge-in`.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.rehearsal.load import quantiles
from backend.rehearsal.phrases import phrases_of
from backend.rehearsal.runner import Stage
from backend.rehearsal.stack import Stack, StackSettings
from backend.rehearsal.stage import own_stage
from tests.bench import first_frame
from tests.bench.__main__ import as_table, machine, say
from tests.bench.barge_in import memory
from tests.bench.barge_in.calls import (
    ANSWER,
    MIN_SPEECH_S,
    MURMURS_PER_CALL,
    Placed,
    interrupting,
    murmuring,
    observed,
    place,
)
from tests.bench.barge_in.interruptions import Interruption
from tests.bench.barge_in.verdict import PARTS, Part, verdict_of
from tests.bench.stage_runs import Figure, in_ms

REPORT = Path("docs/BARGE-IN.md")
MURMURS = 200
REOPENED_WITHIN_S = 0.4
"""200 ms of pause, and as much for a new connection."""
MOST_DRIFT_KIB = 1.0
"""Per call, over all processes (failures.md, T24)."""
SOAK_AT_ONCE = 10
SLOW_S = 0.09
"""From here on an interruption is listed with its words."""


async def interrupt(stage: Stage, stack: Stack, calls: int, recogniser: str) -> tuple[list[Figure], list[Figure]]:
    """The figures of interrupting, and of hearing."""
    placed = await place([interrupting(n, recogniser) for n in range(calls)], stage, at_once=calls)
    seen = await observed(placed, stage, stack)
    cuts = [one for one in seen if one.cleared_at is not None]
    say(f"{len(seen)} times somebody spoke while the agent did, {len(cuts)} times it was stopped")
    words = {
        (one.outcome.leg.call_control_id, speech.started_at): speech.text
        for one in placed
        for speech in one.outcome.facts.said
    }
    for cut in cuts:
        if (late := _to_clear(cut) or 0.0) > SLOW_S:
            say(f"{1000 * late:.0f} ms: {words.get((cut.call_control_id, cut.spoken_at), 'somebody')}")
    speaking = [
        _times("caller's first sample → clear at the carrier, shortest interruption excluded", 90, cuts, _to_clear),
        _times(
            "caller's first sample → agent's last audible frame, shortest interruption excluded", 150, cuts, _to_silence
        ),
        _times("decision → model's connection closed", 50, cuts, lambda one: _since_decision(one, one.model_closed_at)),
        _times(
            "decision → voice computes nothing more", 100, cuts, lambda one: _since_decision(one, one.voice_stopped_at)
        ),
        _all("every interruption stopped the agent", len(cuts), len(seen)),
    ]
    right = sum(is_right(one) for one in placed)
    hearing = [_all("every interruption answered with the right words", right, len(placed), "calls")]
    if recogniser == "sidecar":
        back = [_since_decision(one, one.recogniser_back_at) for one in cuts]
        hearing.append(_row("decision → recogniser open again", 1000 * REOPENED_WITHIN_S, back))
    return speaking, hearing


async def murmur(stage: Stage, recogniser: str) -> list[Figure]:
    count = MURMURS // MURMURS_PER_CALL
    placed = await place([murmuring(n, recogniser) for n in range(count)], stage, at_once=5)
    made = sum(len(one.outcome.facts.said) - 1 for one in placed)
    culprits = [name for one in placed for name in stopped_by(one)]
    stopped = len(culprits)
    shown = f"{stopped} of {made}" + (f" ({', '.join(sorted(culprits))})" if culprits else "")
    return [
        Figure(
            "murmurs, coughs, keys, ringing and music that stop the agent",
            "0 of 200",
            shown,
            not stopped and made >= MURMURS,
        )
    ]


async def soak(stage: Stage, stack: Stack, minutes: float, recogniser: str) -> list[Figure]:
    """Calls of both kinds, again and again; memory of every process after each round."""
    until, calls, right, samples = time.monotonic() + 60 * minutes, 0, 0, list[memory.Sample]()
    while time.monotonic() < until or len(samples) < 4:
        numbers = range(10_000 + calls, 10_000 + calls + SOAK_AT_ONCE)
        scenarios = [(murmuring if n % 3 == 2 else interrupting)(n, recogniser) for n in numbers]
        placed = await place(scenarios, stage, at_once=SOAK_AT_ONCE, apart_s=0.3)
        calls += len(placed)
        right += sum(is_right(one) for one in placed)
        for one in placed:
            if not is_right(one):
                say(f"wrong: {why_wrong(one)}")
        samples.append(memory.sample(stack.pids(), calls))
        say(f"soak: {calls} calls, {right} right, {sum(samples[-1].kib.values()) / 1024:.0f} MiB")
    drift = memory.drift_kib_per_call(samples)
    grown = ", ".join(f"{name} {kib:+d}" for name, kib in sorted(memory.growth_by_program(samples).items()) if kib)
    same = set(samples[0].kib) == set(samples[-1].kib)
    return [
        _all("soak: calls right", right, calls, "calls"),
        Figure(
            "soak: memory of all processes, slope",
            f"≤ {MOST_DRIFT_KIB:g} KiB a call",
            f"{drift:.1f} KiB (over the run: {grown} KiB)",
            drift <= MOST_DRIFT_KIB,
        ),
        Figure("soak: no process was started again", "none", "none" if same else "some were", same),
    ]


def stopped_by(placed: Placed) -> list[str]:
    """What the caller had begun last, each time the agent was silenced."""
    sounds = [step.say or step.play or "" for step in placed.outcome.scenario.caller if step.say or step.play]
    said = placed.outcome.facts.said
    return [
        next((name for one, name in reversed(list(zip(said, sounds, strict=False))) if one.started_at < entry.at), "?")
        for entry in placed.outcome.facts.entries
        if entry.kind == "cleared"
    ]


def why_wrong(placed: Placed) -> str:
    outcome = placed.outcome
    failed = "; ".join(f"{check.name}: {check.measured}" for check in outcome.verdict.failed_checks)
    heard = " | ".join(one.text or "?" for one in outcome.facts.heard)
    return (
        f"{outcome.scenario.name} {outcome.leg.call_control_id}: {outcome.facts.problem} {failed} heard: {heard[:400]}"
    )


def is_right(placed: Placed) -> bool:
    """The script came to its end, the voice still speaks, and every interruption was answered with the right words."""
    outcome = placed.outcome
    answers = sum(one.text == ANSWER for one in outcome.facts.heard)
    wanted = (
        sum(one.interrupts for one in outcome.facts.said) if outcome.scenario.name.startswith("interrupting") else 0
    )
    return outcome.verdict.passed and not outcome.facts.problem and answers >= wanted


def _to_clear(one: Interruption) -> float | None:
    return None if one.cleared_at is None else one.cleared_at - one.spoken_at - MIN_SPEECH_S


def _to_silence(one: Interruption) -> float | None:
    return None if one.silent_at is None else one.silent_at - one.spoken_at - MIN_SPEECH_S


def _since_decision(one: Interruption, at: float | None) -> float | None:
    return None if at is None or one.decided_at is None else at - one.decided_at


def _times(
    name: str, limit_ms: float, cuts: Sequence[Interruption], value: Callable[[Interruption], float | None]
) -> Figure:
    return _row(name, limit_ms, [value(one) for one in cuts])


def _row(name: str, limit_ms: float, values: Sequence[float | None]) -> Figure:
    """What nobody saw happen counts as not reached."""
    known = [value for value in values if value is not None]
    missing = len(values) - len(known)
    shown = in_ms(known) + (f", {missing} never seen" if missing else "")
    reached = bool(known) and not missing and quantiles(known).p95 <= limit_ms / 1000
    return Figure(name, f"p95 ≤ {limit_ms:g} ms", shown, reached)


def _all(name: str, count: int, of: int, what: str = "") -> Figure:
    return Figure(name, "all", f"{count} of {of} {what}".strip(), count == of > 0)


def stack_settings(recogniser: str) -> StackSettings:
    """Every process live; the sidecar knows what these callers say."""
    if recogniser != "sidecar":
        return StackSettings(barge_in=True)
    scenarios = [make(n) for make in (interrupting, murmuring) for n in range(40)]
    phrases = {phrase for scenario in (*scenarios, first_frame.SCENARIO) for phrase in phrases_of(scenario)}
    return StackSettings(barge_in=True, stt_recogniser="scripted", phrases=tuple(phrases))


async def measure(asked: argparse.Namespace) -> dict[Part, list[Figure]]:
    """Every part, on one stack with every process live."""
    found: dict[Part, list[Figure]] = {}
    async with own_stage(stack_settings(asked.recogniser), say) as (stage, stack):
        if "interrupting" in asked.parts:
            found["interrupting"], found["hearing"] = await interrupt(stage, stack, asked.calls, asked.recogniser)
            found["interrupting"] += await murmur(stage, asked.recogniser)
        if "hearing" in asked.parts:
            found["hearing"] = found.get("hearing", []) + await first_frame.measure(stage)
        if "soak" in asked.parts:
            found["soak"] = await soak(stage, stack, asked.soak_minutes, asked.recogniser)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.barge_in", description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--soak-minutes", type=float, default=5.0)
    parser.add_argument("--recogniser", choices=("sidecar", "carrier"), default="sidecar")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="Without one of them the verdict is defer."
    )
    parser.add_argument("--report", type=Path, default=REPORT)
    asked = parser.parse_args()
    found = asyncio.run(measure(asked))
    verdict = verdict_of(found)
    sections = "\n\n".join(f"## {part.capitalize()}\n\n{as_table(found[part])}" for part in PARTS if part in found)
    head = f"# Barge-in: {verdict}\n\nMeasured by `make bench-barge-in` on {time.strftime('%Y-%m-%d')}: {machine()}."
    asked.report.parent.mkdir(exist_ok=True)
    asked.report.write_text(f"{head}\n\n{sections}\n", encoding="utf-8")
    print(f"\n{sections}\n\nverdict: {verdict}", flush=True)
    return 0 if verdict == "ship-barge-in" else 1


if __name__ == "__main__":
    sys.exit(main())

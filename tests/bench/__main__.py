"""Every figure of the README, measured on this machine: `make bench`, or `python -m tests.bench NAME…` for some.

    timeline     the default dead-air timeline, 20 calls in each delivery
    load         30 calls at once on 1, 2, 4 and 8 workers: every call right, webhooks on any worker, answered in time
    playback     how soon the owner knows of a playback's end that another worker learned, with and without pub/sub
    first_frame  caller's last sample → agent's first, above the endpointing delay
    lost_ends    every mark, every playback.ended lost: 100 calls each
    cost         CPU of the web workers per call-second through the whole product
    media        the same for the media path alone, beside Pipecat in one run (installs .venv-bench)
    vad          CPU of voice activity at 40 calls, how long it blocks the hub, beside the bare runtime
    echo         our own echo on many lines, and callers who talk over it
    sounds       music, tones and coughs while the agent speaks: what of them interrupts
    stt_client   CPU of being recognised by the STT sidecar, per call-second, in the web worker
    voice        first frame and CPU of the embedded voice
    voice_client CPU per second of speech received, frame jitter at 50 streams, cancel until nothing is computed
    voice_kill   voice workers killed in mid-sentence, 200 times
    speech_cache a check-in that was made before: command to first frame
    smart_turn   the turn detector: CPU per pause, hub lag meanwhile
    stt_sidecar  memory of the STT sidecar after 500 sessions; 20 calls at once: word delay, CPU
    heard_history  what is kept of 500 interrupted answers, against what the carrier had played
    tone         the analysis of tone: CPU per call-second; what it takes music, noise and speech for
    console      the console's first page, an event until it is painted, JavaScript of the first load
    speculation  thinking ahead: how much sooner the answer comes, how many drafts are thrown away

Prints a table, writes it to docs/FIGURES.md when all were measured, and exits 1 when a figure was not reached.
"""

import asyncio
import os
import platform
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from backend.rehearsal.bench import rows_of, run_timeline
from backend.rehearsal.load import run_load
from backend.rehearsal.scenario import load_scenario
from backend.rehearsal.stack import StackSettings
from backend.rehearsal.stage import own_stage
from tests.bench import (
    console,
    echo_guard,
    first_frame,
    lost_ends,
    playback_end,
    product_cost,
    smart_turn,
    sounds,
    speculation,
    stt_sidecar,
    tone,
    vad_cost,
)
from tests.bench.stage_runs import Figure

FIGURES_FILE = Path("docs/FIGURES.md")
SPREAD_S = 8.0
"""Over how long thirty calls arrive; each lasts 23 s, so that all are up together for the next 15 s."""


def say(line: str) -> None:
    print(f"  {line}", flush=True)


async def timeline() -> list[Figure]:
    figures = []
    scenario = load_scenario("default_dead_air")
    async with own_stage(StackSettings(), say) as (stage, _):
        for delivery in ("stream", "playback"):
            outcomes = await run_timeline(scenario.with_delivery(delivery), stage, runs=20, at_once=5, say=say)
            for row in rows_of([outcome.verdict for outcome in outcomes]):
                figures.append(
                    Figure(
                        f"default timeline, {delivery}: {row.step}, {row.expected}",
                        "within 150 ms, 20 of 20",
                        f"{row.within} of {row.runs}; {row.earliest_ms:+.0f} … {row.latest_ms:+.0f} ms",
                        row.within == row.runs,
                    )
                )
    return figures


async def load() -> list[Figure]:
    figures = []
    scenario = load_scenario("default_dead_air")
    for workers in (1, 2, 4, 8):
        async with own_stage(StackSettings(web_workers=workers), say) as (stage, _):
            report, _ = await run_load(scenario, stage, calls=30, spread_s=SPREAD_S, say=say)
        off = report.off_owner_share
        where = f"30 calls at once on {workers} worker{'s' * (workers > 1)}"
        is_right = report.right == 30 and report.keys_left == 0
        figures.append(
            Figure(
                f"{where}: check-ins, hang-up and times right, no key left",
                "30 of 30, 0 keys",
                f"{report.right} of 30, {report.keys_left} keys, latest step "
                f"{1000 * report.lateness_s.max:+.0f} ms, webhooks off the owner "
                f"{'unknown' if off is None else format(off, '.0%')}",
                is_right and (workers != 4 or (off is not None and off >= 0.5)),
            )
        )
        ack = report.webhook_ack_ms
        figures.append(
            Figure(
                f"{where}: webhook answered",
                "p99 ≤ 50 ms",
                f"p50 {ack.p50:.1f} · p99 {ack.p99:.1f} · max {ack.max:.1f} ms ({report.webhooks})",
                ack.p99 <= 50,
            )
        )
    return figures


async def on_one_stage(measure: Callable[..., Awaitable[list[Figure]]], with_stack: bool = False) -> list[Figure]:
    async with own_stage(StackSettings(), say) as (stage, stack):
        return await (measure(stage, stack) if with_stack else measure(stage))


def command(*arguments: str) -> list[Figure]:
    """A benchmark that prints its own table."""
    done = subprocess.run([sys.executable, "-m", *arguments], check=False)
    # 1 is a time that was not reached, which may be the machine's doing; 2 a property that does not hold, which is ours.
    meaning = {0: "as asked", 1: "a time missed", 2: "**VIOLATED**: a property does not hold"}
    measured = meaning.get(done.returncode, f"exit {done.returncode}")
    return [Figure(" ".join(arguments), "its own table, above", measured, done.returncode == 0)]


BENCHES: dict[str, Callable[[], list[Figure]]] = {
    "timeline": lambda: asyncio.run(timeline()),
    "load": lambda: asyncio.run(load()),
    "playback": lambda: asyncio.run(on_one_stage(playback_end.measure)),
    "first_frame": lambda: asyncio.run(on_one_stage(first_frame.measure)),
    "lost_ends": lambda: asyncio.run(on_one_stage(lost_ends.measure)),
    "cost": lambda: asyncio.run(on_one_stage(product_cost.measure, with_stack=True)),
    "media": lambda: command("tests.bench.media_cost", "--install"),
    "vad": vad_cost.measure,
    "echo": echo_guard.measure,
    "sounds": sounds.measure,
    "voice": lambda: command("tests.bench.bench_tts"),
    "stt_client": lambda: command("tests.bench.stt_client_cost"),
    "voice_client": lambda: command("tests.bench.bench_voice_client"),
    "voice_kill": lambda: command("tests.bench.bench_voice_kill"),
    "messages": lambda: command("tests.bench.bench_messages"),
    "speech_cache": lambda: command("tests.bench.bench_speech_cache"),
    "smart_turn": smart_turn.measure,
    "stt_sidecar": stt_sidecar.measure,
    "heard_history": lambda: command("tests.bench.heard_history"),
    "tone": tone.measure,
    "console": lambda: console.run(say),
    "speculation": lambda: asyncio.run(on_one_stage(speculation.measure)),
}


def machine() -> str:
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}"


def as_table(figures: list[Figure]) -> str:
    lines = ["| figure | asked | measured | |", "|---|---|---|---|"]
    for figure in figures:
        mark = "reached" if figure.is_reached else "**not reached**"
        lines.append(f"| {figure.name} | {figure.target} | {figure.measured} | {mark} |")
    return "\n".join(lines)


def main() -> int:
    names = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(BENCHES)}")
        return 2
    figures: list[Figure] = []
    for name in names:
        print(f"==> {name}", flush=True)
        found = BENCHES[name]()
        print(as_table(found), flush=True)
        figures += found
    if names == list(BENCHES):
        FIGURES_FILE.parent.mkdir(exist_ok=True)
        head = f"# Figures\n\nMeasured by `make bench` on {time.strftime('%Y-%m-%d')}: {machine()}.\n\n"
        FIGURES_FILE.write_text(head + as_table(figures) + "\n", encoding="utf-8")
    return 0 if all(figure.is_reached for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())

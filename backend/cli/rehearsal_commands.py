"""`demo`, `up`, `ring`, `rehearse`, `load`, `bench-timeline`: the stack and its stand-in carrier, started and shown."""

import asyncio
import re
import shlex
import sys
import time
from pathlib import Path

import click

from backend.cli.terminal import console, finish, say
from backend.rehearsal.bell import NAME as BELL
from backend.rehearsal.bell import bell, ring
from backend.rehearsal.bench import print_timeline, rows_of, run_timeline
from backend.rehearsal.load import as_json, print_load, run_load
from backend.rehearsal.product_api import ApiError
from backend.rehearsal.report import print_verdict, write_json
from backend.rehearsal.runner import CannotRun, Stage, check_needs, run_scenario
from backend.rehearsal.scenario import Scenario, ScenarioError, load_scenario, shipped_names
from backend.rehearsal.stack import StackError, StackSettings
from backend.rehearsal.stage import RunningProduct, own_stage, settings_for, stage_before
from backend.rehearsal.timeline import Timeline
from backend.session.core_recorder import call_key_of, core_log_path
from backend.web.secret_file import admin_password_file

RESULTS = Path("rehearsal-results")


@click.command()
@click.option("--workers", default=4, show_default=True, help="Web workers.")
@click.option("--scenario", "name", default="default_dead_air", show_default=True, help="File or shipped scenario.")
def demo(workers: int, name: str) -> None:
    """Start everything, take one real-time call, show it, judge it, stop everything."""
    finish(_demo(workers, name))


async def _demo(workers: int, name: str) -> bool:
    scenario = load_scenario(name)
    async with own_stage(settings_for([scenario], web_workers=workers), say) as (stage, _):
        _say_which_model(stage)
        # Redis forgets a finished call within a minute; `rehearse` waits to see that, somebody who wants to hear a call
        # need not.
        return await _rehearse_one(scenario, stage, _results_folder(), check_keys=False)


@click.command()
@click.option("--workers", default=4, show_default=True, help="Web workers.")
@click.option("--port", default=8000, show_default=True, help="Port of the web processes; 0: any free one.")
@click.option("--barge-in", is_flag=True, help="Set ENABLE_BARGE_IN=1.")
def up(workers: int, port: int, barge_in: bool) -> None:
    """Start everything with a rehearsal carrier and keep it running until Ctrl-C."""
    finish(_up(StackSettings.from_environment(web_workers=workers, port=port, barge_in=barge_in, rehearsals=True)))


async def _up(settings: StackSettings) -> bool:
    async with own_stage(settings, say) as (stage, stack):
        _say_which_model(stage)
        console.print(f"console   {stack.base_url}/")
        if password := stack.admin_password:
            kept = admin_password_file(stack.folder / "data")
            console.print(f"sign in   admin, password {password}   (kept in {kept} until it is changed)", markup=False)
        console.print(f"API       {stack.base_url}/openapi.json")
        console.print(f"API key   {stack.api_key}")
        console.print(f"carrier   {stage.carrier.base_url} (a stand-in: no real call is made)")
        supervisorctl = shlex.quote(str(Path(sys.executable).with_name("supervisorctl")))
        console.print(f"operate   set -a; . {stack.folder}/env; set +a; {supervisorctl} -c supervisord.conf status")
        console.print(f"ring it   {shlex.quote(sys.executable)} -m backend ring")
        console.print("Ctrl-C stops everything.")
        async with bell(stage, stack.folder, stack.socket_path.with_name(BELL), _results_folder):
            while stack.pids():
                await asyncio.sleep(1)
    console.print("the stack has ended by itself", style="bold red")
    return False


@click.command("ring")
@click.option("--scenario", "name", default="default_dead_air", show_default=True, help="File or shipped scenario.")
def ring_up(name: str) -> None:
    """Let the carrier of a running `up` place a call, and show it. Interrupted, the caller hangs up."""
    finish(_ring(name))


async def _ring(name: str) -> bool:
    scenario = load_scenario(name)
    console.print(f"{scenario.name}: {scenario.title}", style="bold", markup=False)
    verdict, folder = await ring(StackSettings().run_root, scenario, Timeline(console).show)
    print_verdict(console, scenario.name, verdict)
    console.print(f"{folder}/recording.wav  result.json  carrier.jsonl", style="dim")
    return verdict.passed


@click.command()
@click.argument("files", nargs=-1)
@click.option("--all", "all_shipped", is_flag=True, help="All shipped scenarios.")
@click.option("--workers", default=4, show_default=True, help="Web workers of the stack that is started.")
@click.option("--delivery", type=click.Choice(["stream", "playback"]), help="Instead of the scenario's own delivery.")
@click.option("--quiet", is_flag=True, help="Verdicts only, no timeline.")
@click.option("--record-core", type=click.Path(path_type=Path), help="Folder for each call's events and commands.")
@click.option("--base-url", help="A product that runs already, instead of a stack of its own.")
@click.option("--api-key", envvar="OFFHOOK_API_KEY", help="Its API key.")
@click.option("--carrier-port", default=0, help="Port of its TELNYX_BASE_URL: the carrier is started there.")
@click.option("--carrier-key", envvar="TELNYX_API_KEY", help="Its TELNYX_API_KEY.")
@click.option("--signing-seed", help="64 hex digits: the seed of the key whose public half it has.")
@click.option("--redis-url", default="", help="Its Redis, to look for keys left behind.")
@click.option("--model-url", default="", help="Its scripted model, without /v1.")
@click.option("--barge-in", is_flag=True, help="It has ENABLE_BARGE_IN=1.")
def rehearse(
    files: tuple[str, ...],
    all_shipped: bool,
    workers: int,
    delivery: str | None,
    quiet: bool,
    record_core: Path | None,
    base_url: str | None,
    api_key: str | None,
    carrier_port: int,
    carrier_key: str | None,
    signing_seed: str | None,
    redis_url: str,
    model_url: str,
    barge_in: bool,
) -> None:
    """Play scenarios (files, or names of shipped ones) against a stack that is started for them."""
    if not files and not all_shipped:
        raise click.UsageError("name at least one scenario, or --all; shipped: " + ", ".join(shipped_names()))
    try:
        scenarios = [load_scenario(name) for name in (*files, *(shipped_names() if all_shipped else []))]
    except ScenarioError as error:
        raise click.UsageError(str(error)) from None
    if delivery:
        scenarios = [scenario.with_delivery(delivery) for scenario in scenarios]
    if base_url is None:
        finish(_rehearse(scenarios, workers, quiet, record_core))
    if record_core is not None:
        raise click.UsageError("--record-core needs a stack of its own; a running one has RECORD_CORE_DIR")
    if not (api_key and carrier_key and carrier_port and re.fullmatch(r"[0-9a-fA-F]{64}", signing_seed or "")):
        raise click.UsageError("--base-url needs --api-key, --carrier-port, --carrier-key and --signing-seed")
    product = RunningProduct(
        base_url, api_key, carrier_port, carrier_key, bytes.fromhex(signing_seed or ""), model_url, redis_url, barge_in
    )
    finish(_rehearse_before(scenarios, product, quiet))


async def _rehearse(scenarios: list[Scenario], workers: int, quiet: bool, record_core: Path | None) -> bool:
    """Two stacks at most: interruption is allowed or not for the whole life of a process."""
    folder, passed = _results_folder(), True
    for barge_in in (False, True):
        group = [scenario for scenario in scenarios if bool(scenario.needs.barge_in) is barge_in]
        if not group:
            continue
        settings = settings_for(group, web_workers=workers)
        if record_core is not None:
            settings.environment["RECORD_CORE_DIR"] = str(record_core.resolve())
        async with own_stage(settings, say) as (stage, _):
            _say_which_model(stage)
            passed = await _rehearse_all(group, stage, folder, quiet, record_core) and passed
    return _say_all(passed)


async def _rehearse_before(scenarios: list[Scenario], product: RunningProduct, quiet: bool) -> bool:
    async with stage_before(product) as stage:
        return _say_all(await _rehearse_all(scenarios, stage, _results_folder(), quiet))


async def _rehearse_all(
    scenarios: list[Scenario], stage: Stage, folder: Path, quiet: bool, record_core: Path | None = None
) -> bool:
    passed = True
    for scenario in scenarios:
        try:
            check_needs(scenario, stage)
        except CannotRun as reason:
            console.print(f"SKIPPED {reason}", style="yellow", markup=False)
            continue
        try:
            one = _rehearse_one(scenario, stage, folder / scenario.name, quiet=quiet, record_core=record_core)
            passed = await one and passed
        except (CannotRun, ApiError) as error:
            console.print(f"FAILED  {scenario.name}: {error}", style="bold red", markup=False)
            passed = False
    return passed


def _say_all(passed: bool) -> bool:
    console.print("ALL PASSED" if passed else "NOT ALL PASSED", style="bold green" if passed else "bold red")
    return passed


async def _rehearse_one(
    scenario: Scenario,
    stage: Stage,
    folder: Path,
    *,
    quiet: bool = False,
    check_keys: bool = True,
    record_core: Path | None = None,
) -> bool:
    """One call with its timeline, its files and its verdict. `record_core`: where the product wrote the call's core log;
    it gets the scenario's name."""
    console.print(f"\n{scenario.name}: {scenario.title}", style="bold", markup=False)
    stage.say = say
    timeline = Timeline(console)
    if not quiet:
        stage.carrier.log.subscribe(timeline.show)
    try:
        outcome = await run_scenario(scenario, stage, check_keys=check_keys)
    finally:
        timeline.close()
    await asyncio.to_thread(outcome.write, folder, stage.carrier)
    print_verdict(console, scenario.name, outcome.verdict)
    console.print(f"{folder}/recording.wav  result.json  carrier.jsonl", style="dim")
    if record_core is not None:
        written = core_log_path(record_core, call_key_of(outcome.leg.call_control_id))
        console.print(str(written.rename(record_core / f"{scenario.name}.jsonl")), style="dim")
    return outcome.verdict.passed


@click.command()
@click.option("--calls", default=30, show_default=True, help="Calls at once.")
@click.option("--workers", default=4, show_default=True, help="Web workers.")
@click.option("--spread", "spread_s", default=2.0, show_default=True, help="Seconds over which the calls arrive.")
@click.option("--scenario", "name", default="default_dead_air", show_default=True, help="File or shipped scenario.")
@click.option("--delivery", type=click.Choice(["stream", "playback"]), help="Instead of the scenario's own delivery.")
def load(calls: int, workers: int, spread_s: float, name: str, delivery: str | None) -> None:
    """Many calls at once, and what the callers heard."""
    finish(_load(calls, workers, spread_s, name, delivery))


async def _load(calls: int, workers: int, spread_s: float, name: str, delivery: str | None) -> bool:
    scenario = load_scenario(name)
    if delivery:
        scenario = scenario.with_delivery(delivery)
    async with own_stage(settings_for([scenario], web_workers=workers), say) as (stage, _):
        report, outcomes = await run_load(scenario, stage, calls=calls, spread_s=spread_s, say=say)
        folder = _results_folder()
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "load.json", {"report": as_json(report), "calls": [one.result for one in outcomes]})
        stage.carrier.log.write_jsonl(folder / "carrier.jsonl")
    print_load(console, report)
    console.print(f"{folder}/load.json  carrier.jsonl", style="dim")
    return report.right == report.calls


@click.command("bench-timeline")
@click.option("--runs", default=20, show_default=True, help="Calls for each delivery.")
@click.option("--at-once", default=5, show_default=True, help="Calls at the same time.")
@click.option("--workers", default=4, show_default=True, help="Web workers.")
@click.option("--delivery", type=click.Choice(["stream", "playback", "both"]), default="both", show_default=True)
def bench_timeline(runs: int, at_once: int, workers: int, delivery: str) -> None:
    """The default timeline, many times: each step against its setting, as the caller hears it."""
    finish(_bench_timeline(runs, at_once, workers, ["stream", "playback"] if delivery == "both" else [delivery]))


async def _bench_timeline(runs: int, at_once: int, workers: int, deliveries: list[str]) -> bool:
    scenario, passed = load_scenario("default_dead_air"), True
    async with own_stage(settings_for([scenario], web_workers=workers), say) as (stage, _):
        tables = []
        for delivery in deliveries:
            wanted = scenario.with_delivery(delivery)
            outcomes = await run_timeline(wanted, stage, runs=runs, at_once=at_once, say=say)
            passed = passed and all(outcome.verdict.passed for outcome in outcomes)
            tables.append((delivery, rows_of([outcome.verdict for outcome in outcomes])))
    for delivery, rows in tables:
        print_timeline(console, f"default timeline, delivery {delivery}, {runs} calls", rows)
    return passed


def _say_which_model(stage: Stage) -> None:
    if stage.model_url:
        say(f"no model is configured (OPENAI_API_KEY): the scripted one answers on {stage.model_url}")


def _results_folder() -> Path:
    """A new one: two runs may begin in the same second."""
    name = time.strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 1000))):
        folder = RESULTS / f"{name}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise StackError(f"{RESULTS}/{name}: too many runs in one second")

"""The command line: demo, up, ring, rehearse, load, bench-timeline, call, agents, voices, say, doctor.

Parses arguments, calls what does the work, prints and sets the exit code: 0 all is well, 1 something failed, 2 wrong
usage. Decides nothing else.
"""

import asyncio
import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from backend.call.agent_config import AgentConfig
from backend.doctor import examine
from backend.rehearsal.bell import NAME as BELL
from backend.rehearsal.bell import NobodyThere, bell, ring
from backend.rehearsal.bench import print_timeline, rows_of, run_timeline
from backend.rehearsal.load import as_json, print_load, run_load
from backend.rehearsal.product_api import ApiError, ProductApi
from backend.rehearsal.report import print_verdict, write_json
from backend.rehearsal.runner import CannotRun, Stage, check_needs, run_scenario
from backend.rehearsal.scenario import Scenario, ScenarioError, load_scenario, shipped_names
from backend.rehearsal.stack import StackError, StackSettings
from backend.rehearsal.stage import RunningProduct, own_stage, stage_before
from backend.rehearsal.timeline import Timeline
from backend.voices_cli import say as say_into_file
from backend.voices_cli import voices

RESULTS = Path("rehearsal-results")
WIDTH_ELSEWHERE = 120
"""Columns of a table that goes into a pipe or a file: nobody's window decides there, and no line is folded."""
console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH_ELSEWHERE)


def say(line: str) -> None:
    """A progress line."""
    console.print(line, style="dim", markup=False)


def finish(work: Coroutine[Any, Any, bool]) -> NoReturn:
    """Runs `work` and exits: 0 when it says True."""
    # A script's background job begins with SIGINT ignored; asyncio takes over what is there now, and only a handler.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        passed = asyncio.run(work)
    except (ScenarioError, CannotRun, ApiError, StackError, NobodyThere) as error:
        console.print(str(error), style="bold red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("interrupted", style="bold")
        sys.exit(130)
    sys.exit(0 if passed else 1)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """A polite kill ends like Ctrl-C: everything that was started is stopped."""
    signal.raise_signal(signal.SIGINT)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Offhook: an AI phone agent that you host yourself."""


@main.command()
@click.option("--workers", default=4, show_default=True, help="Web workers.")
@click.option("--scenario", "name", default="default_dead_air", show_default=True, help="File or shipped scenario.")
def demo(workers: int, name: str) -> None:
    """Start everything, take one real-time call, show it, judge it, stop everything."""
    finish(_demo(workers, name))


async def _demo(workers: int, name: str) -> bool:
    scenario = load_scenario(name)
    async with own_stage(_settings(workers, [scenario]), say) as (stage, _):
        _say_which_model(stage)
        # Redis forgets a finished call within a minute; `rehearse` waits to see that, somebody who wants to hear a call
        # need not.
        return await _rehearse_one(scenario, stage, _results_folder(), check_keys=False)


@main.command()
@click.option("--workers", default=4, show_default=True, help="Web workers.")
@click.option("--port", default=8000, show_default=True, help="Port of the web processes; 0: any free one.")
@click.option("--barge-in", is_flag=True, help="Set ENABLE_BARGE_IN=1.")
def up(workers: int, port: int, barge_in: bool) -> None:
    """Start everything with a rehearsal carrier and keep it running until Ctrl-C."""
    finish(_up(StackSettings.from_environment(web_workers=workers, port=port, barge_in=barge_in)))


async def _up(settings: StackSettings) -> bool:
    async with own_stage(settings, say) as (stage, stack):
        _say_which_model(stage)
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


@main.command("ring")
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


@main.command()
@click.argument("files", nargs=-1)
@click.option("--all", "all_shipped", is_flag=True, help="All shipped scenarios.")
@click.option("--workers", default=4, show_default=True, help="Web workers of the stack that is started.")
@click.option("--delivery", type=click.Choice(["stream", "playback"]), help="Instead of the scenario's own delivery.")
@click.option("--quiet", is_flag=True, help="Verdicts only, no timeline.")
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
        finish(_rehearse(scenarios, workers, quiet))
    if not (api_key and carrier_key and carrier_port and re.fullmatch(r"[0-9a-fA-F]{64}", signing_seed or "")):
        raise click.UsageError("--base-url needs --api-key, --carrier-port, --carrier-key and --signing-seed")
    product = RunningProduct(
        base_url, api_key, carrier_port, carrier_key, bytes.fromhex(signing_seed or ""), model_url, redis_url, barge_in
    )
    finish(_rehearse_before(scenarios, product, quiet))


async def _rehearse(scenarios: list[Scenario], workers: int, quiet: bool) -> bool:
    """Two stacks at most: interruption is allowed or not for the whole life of a process."""
    folder, passed = _results_folder(), True
    for barge_in in (False, True):
        group = [scenario for scenario in scenarios if bool(scenario.needs.barge_in) is barge_in]
        if not group:
            continue
        async with own_stage(_settings(workers, group), say) as (stage, _):
            _say_which_model(stage)
            passed = await _rehearse_all(group, stage, folder, quiet) and passed
    return _say_all(passed)


async def _rehearse_before(scenarios: list[Scenario], product: RunningProduct, quiet: bool) -> bool:
    async with stage_before(product) as stage:
        return _say_all(await _rehearse_all(scenarios, stage, _results_folder(), quiet))


async def _rehearse_all(scenarios: list[Scenario], stage: Stage, folder: Path, quiet: bool) -> bool:
    passed = True
    for scenario in scenarios:
        try:
            check_needs(scenario, stage)
        except CannotRun as reason:
            console.print(f"SKIPPED {reason}", style="yellow", markup=False)
            continue
        try:
            passed = await _rehearse_one(scenario, stage, folder / scenario.name, quiet=quiet) and passed
        except (CannotRun, ApiError) as error:
            console.print(f"FAILED  {scenario.name}: {error}", style="bold red", markup=False)
            passed = False
    return passed


def _say_all(passed: bool) -> bool:
    console.print("ALL PASSED" if passed else "NOT ALL PASSED", style="bold green" if passed else "bold red")
    return passed


async def _rehearse_one(
    scenario: Scenario, stage: Stage, folder: Path, *, quiet: bool = False, check_keys: bool = True
) -> bool:
    """One call with its timeline, its files and its verdict."""
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
    return outcome.verdict.passed


@main.command()
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
    async with own_stage(_settings(workers, [scenario]), say) as (stage, _):
        report, outcomes = await run_load(scenario, stage, calls=calls, spread_s=spread_s, say=say)
        folder = _results_folder()
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "load.json", {"report": as_json(report), "calls": [one.result for one in outcomes]})
        stage.carrier.log.write_jsonl(folder / "carrier.jsonl")
    print_load(console, report)
    console.print(f"{folder}/load.json  carrier.jsonl", style="dim")
    return report.right == report.calls


@main.command("bench-timeline")
@click.option("--runs", default=20, show_default=True, help="Calls for each delivery.")
@click.option("--at-once", default=5, show_default=True, help="Calls at the same time.")
@click.option("--workers", default=4, show_default=True, help="Web workers.")
@click.option("--delivery", type=click.Choice(["stream", "playback", "both"]), default="both", show_default=True)
def bench_timeline(runs: int, at_once: int, workers: int, delivery: str) -> None:
    """The default timeline, many times: each step against its setting, as the caller hears it."""
    finish(_bench_timeline(runs, at_once, workers, ["stream", "playback"] if delivery == "both" else [delivery]))


async def _bench_timeline(runs: int, at_once: int, workers: int, deliveries: list[str]) -> bool:
    scenario, passed = load_scenario("default_dead_air"), True
    async with own_stage(_settings(workers, [scenario]), say) as (stage, _):
        tables = []
        for delivery in deliveries:
            wanted = scenario.with_delivery(delivery)
            outcomes = await run_timeline(wanted, stage, runs=runs, at_once=at_once, say=say)
            passed = passed and all(outcome.verdict.passed for outcome in outcomes)
            tables.append((delivery, rows_of([outcome.verdict for outcome in outcomes])))
    for delivery, rows in tables:
        print_timeline(console, f"default timeline, delivery {delivery}, {runs} calls", rows)
    return passed


def _api_options(command: Callable[..., None]) -> Callable[..., None]:
    base_url = click.option(
        "--base-url", default="http://127.0.0.1:8000", envvar="OFFHOOK_URL", show_default=True, help="The product."
    )
    api_key = click.option("--api-key", envvar="OFFHOOK_API_KEY", required=True, help="Default: OFFHOOK_API_KEY.")
    return base_url(api_key(command))


@main.command()
@click.argument("to_number")
@click.option("--agent", "agent_id", required=True, help="Id of the agent that speaks.")
@click.option("--from", "from_number", help="Number shown to the called party; default: the agent's first one.")
@_api_options
def call(to_number: str, agent_id: str, from_number: str | None, base_url: str, api_key: str) -> None:
    """Let an agent call TO_NUMBER (+13125550100)."""

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            console.print(await api.dial(agent_id=agent_id, to_number=to_number, from_number=from_number))
        return True

    finish(work())


@main.group()
def agents() -> None:
    """List, show, make, change and remove agents."""


@agents.command("list")
@_api_options
def list_agents(base_url: str, api_key: str) -> None:
    """All agents."""

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            found = await api.list_agents()
        table = Table(show_edge=False)
        for column in ("id", "version", "name", "numbers"):
            table.add_column(column)
        for agent in found:
            config = agent["config"]
            table.add_row(agent["id"], str(agent["version"]), config["name"], ", ".join(config["phone_numbers"]))
        console.print(table)
        return True

    finish(work())


@agents.command("show")
@click.argument("agent_id")
@_api_options
def show_agent(agent_id: str, base_url: str, api_key: str) -> None:
    """One agent as JSON."""

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            click.echo(json.dumps(await api.show_agent(agent_id), indent=2, ensure_ascii=False))
        return True

    finish(work())


@agents.command("create")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_api_options
def create_agent(file: Path, base_url: str, api_key: str) -> None:
    """Make an agent from a YAML or JSON FILE; prints its id."""
    agent = _read_agent(file)

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            click.echo(await api.create_agent(agent.model_dump(mode="json")))
        return True

    finish(work())


@agents.command("update")
@click.argument("agent_id")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--version", type=int, help="The version that FILE was made from; refused when it is not the present one."
)
@_api_options
def update_agent(agent_id: str, file: Path, version: int | None, base_url: str, api_key: str) -> None:
    """Put FILE, a whole agent in YAML or JSON, in the place of an agent; prints the new version. Applies from the next
    call on."""
    agent = _read_agent(file)

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            present = version if version is not None else int((await api.show_agent(agent_id))["version"])
            click.echo(await api.update_agent(agent_id, agent.model_dump(mode="json"), present))
        return True

    finish(work())


@agents.command("delete")
@click.argument("agent_id")
@_api_options
def delete_agent(agent_id: str, base_url: str, api_key: str) -> None:
    """Take an agent out of use; its numbers are free again."""

    async def work() -> bool:
        async with ProductApi(base_url, api_key) as api:
            await api.delete_agent(agent_id)
        return True

    finish(work())


def _read_agent(file: Path) -> AgentConfig:
    try:
        return AgentConfig.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_url=False)]
        raise click.UsageError(f"{file}:\n" + "\n".join(lines)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file}: is neither YAML nor JSON: {str(error).splitlines()[0]}") from None


@main.command()
def doctor() -> None:
    """Check settings, Redis, database, voice, web and the carrier's public key."""
    signs = {"ok": "[green]✓[/]", "wrong": "[bold red]✗[/]", "skipped": "[yellow]–[/]"}
    findings = examine(os.environ)
    for finding in findings:
        console.print(signs[finding.state], f"{finding.part}: ", end="")
        console.print(finding.detail, markup=False)
    sys.exit(1 if any(finding.state == "wrong" for finding in findings) else 0)


main.add_command(voices)
main.add_command(say_into_file, "say")


def _settings(workers: int, scenarios: list[Scenario]) -> StackSettings:
    """The model as the shell has it, unless a scenario brings a script of its own."""
    barge_in = any(scenario.needs.barge_in for scenario in scenarios)
    if any(scenario.model or scenario.needs.scripted_model for scenario in scenarios):
        return StackSettings(web_workers=workers, barge_in=barge_in)
    return StackSettings.from_environment(web_workers=workers, barge_in=barge_in)


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

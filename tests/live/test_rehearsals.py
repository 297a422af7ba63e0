"""Rehearsals over the API: a real player beside the real stack, killed in between, and a stack of its own where no carrier
can be rung."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.rehearsal.bell import bell
from backend.rehearsal.product_api import ApiError, ProductApi
from backend.rehearsal.stack import REPOSITORY
from tests.fakes.live_stack import LiveStack

MINE = """
name: mine
agent: {greeting: Nobody hears this.}
caller: [{wait_until: agent_said_1}, {wait_s: 0.5}, {hang_up: true}]
expect: {heard: [{kind: greeting, text: I am the agent of the test.}], ends: {who: caller}}
"""
ENDLESS = """
name: endless
agent: {settings: {dead_air_settings: {silence_timeout_normal: 60}}}
caller: [{stay_silent: true}]
"""
GREETING = "I am the agent of the test."


@pytest.fixture
def player(live: LiveStack, tmp_path: Path) -> Iterator[Any]:
    """Starts `python -m backend.workers.rehearsals` with the environment of the stack; ends what it started."""
    started: list[subprocess.Popen[bytes]] = []

    def start(bell_path: Path) -> subprocess.Popen[bytes]:
        lines = [line.split("=", 1) for line in (live.stack.folder / "env").read_text().splitlines()]
        environment = {**os.environ, **{name: value.strip("'") for name, value in lines}}
        with (tmp_path / "player.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "backend.workers.rehearsals", "--bell", str(bell_path)],
                cwd=REPOSITORY,
                env=environment,
                stderr=output,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.wait(90)


class Rehearsals:
    """The API as a page uses it."""

    def __init__(self, api: ProductApi) -> None:
        self._api = api

    async def put(self, name: str, yaml: str) -> None:
        await self._api.ask("PUT", f"/api/rehearsals/{name}", {"yaml": yaml})

    async def begin(self, name: str, agent_id: str | None = None) -> str:
        reply = await self._api.ask("POST", f"/api/rehearsals/{name}/runs", {"agent_id": agent_id})
        return str(reply["run_id"])

    async def when(self, run_id: str, *states: str, call: bool = False) -> dict[str, Any]:
        """The run as soon as it is in one of these states (and its call known)."""
        while True:
            run: dict[str, Any] = await self._api.ask("GET", f"/api/rehearsals/runs/{run_id}")
            if run["state"] in states and (run["call_control_id"] or not call):
                return run
            await asyncio.sleep(0.2)

    async def call(self, call_control_id: str) -> dict[str, Any]:
        """Its record, once it is stored."""
        while True:
            try:
                return await self._api.show_call(call_control_id)
            except ApiError as error:
                assert error.status == 404, error
            await asyncio.sleep(0.2)


@asynccontextmanager
async def a_bell(live: LiveStack, path: Path) -> Any:
    async with bell(live.stage, path.parent, path, lambda: path.parent):
        yield


@pytest.mark.timeout(300)  # two players and a call; the machine may be busy
def test_a_run_asked_for_over_the_api_is_played_here_and_survives_its_players_death(
    live: LiveStack, player: Any, tmp_path: Path
) -> None:
    """With an agent's own settings; its call is read like any other. A killed player breaks its run, the next goes on."""
    path = tmp_path / "b"

    async def work() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        rehearsals = Rehearsals(live.stage.api)
        agent_id = await live.stage.api.create_agent({"name": "Tess", "greeting": GREETING})
        await rehearsals.put("mine", MINE)
        await rehearsals.put("endless", ENDLESS)
        killed = await rehearsals.begin("endless")
        async with a_bell(live, path):
            process = player(path)
            await rehearsals.when(killed, "running", call=True)
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            player(path)
            run_id = await rehearsals.begin("mine", agent_id)
            dead = await rehearsals.when(killed, "broken")
            run = await rehearsals.when(run_id, "passed", "failed", "broken")
        return dead, run, await rehearsals.call(run["call_control_id"])

    dead, run, call = live.run(work())

    assert "has died" in dead["problem"] and dead["timeline"][0]["kind"] == "ring"
    assert run["state"] == "passed", run
    assert run["recording_s"] > 1 and "hangup" in [line["kind"] for line in run["timeline"]]
    assert call["who_hung_up"] == "caller" and call["turns"][0]["text"] == GREETING


@pytest.mark.timeout(300)  # a whole stack is started
def test_where_no_carrier_can_be_rung_a_stack_of_its_own_plays_the_run(
    live: LiveStack, player: Any, tmp_path: Path
) -> None:
    """As on a server with a real carrier. Nothing of it is left."""

    async def work() -> dict[str, Any]:
        rehearsals = Rehearsals(live.stage.api)
        await rehearsals.put("mine", MINE.replace("Nobody hears this", "I am the agent of the test"))
        player(tmp_path / "nobody")
        return await rehearsals.when(await rehearsals.begin("mine"), "passed", "failed", "broken")

    run = live.run(work())

    assert run["state"] == "passed", run
    assert any("a stack of its own" in line["words"] for line in run["timeline"])
    assert list((live.stack.folder / "data" / "rehearsal-stacks").glob("*/supervisord.pid")) == []

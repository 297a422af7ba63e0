"""Plays the rehearsals that were asked for over the API, one at a time: `python -m backend.workers.rehearsals`.

One process beside the web workers, because a rehearsal lasts minutes, has a caller that speaks in real time and may start
a whole stack: none of that belongs into a process that answers phones. It takes runs out of the database
(`backend/records/rehearsal_runs.py`), plays them (`backend/rehearsal/playing.py`) and writes down what happens meanwhile.

| what happens                     | the run                       | the process                            |
|----------------------------------|-------------------------------|----------------------------------------|
| the call is judged               | passed or failed              | takes the next one                     |
| the call could not be placed     | broken, with the reason       | takes the next one                     |
| a bug                            | broken, the traceback is logged | takes the next one                   |
| somebody cancels it              | broken, “cancelled”           | the caller hangs up; takes the next one |
| SIGTERM                          | broken, “stopped”             | the caller hangs up; ends              |
| SIGKILL, power                   | broken, once it was silent for `SILENT_S` | is started again; ends what is left |
| the database does not answer     | as above, if that lasts        | goes on asking                         |
"""

import asyncio
import os
import shutil
import signal
import sys
import wave
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import structlog

from backend import logs
from backend.clock import SystemClock
from backend.errors import RecordsError, SettingsError
from backend.records.agents import Agents
from backend.records.database import Database
from backend.records.errors import RecordsUnavailable
from backend.records.migrate import migrate
from backend.records.rehearsal_runs import BROKEN, FAILED, PASSED, RehearsalRuns, Run, TimelineLine
from backend.rehearsal.bell import NobodyThere
from backend.rehearsal.carrier.log import LogEntry
from backend.rehearsal.playing import play, stop_left_over
from backend.rehearsal.product_api import ApiError
from backend.rehearsal.recording import RECORDING, RUNS_FOLDER
from backend.rehearsal.runner import CannotRun
from backend.rehearsal.scenario import Scenario
from backend.rehearsal.scenario_problems import ScenarioProblems, read_scenario
from backend.rehearsal.stack import StackError
from backend.rehearsal.timeline import TimelineLines
from backend.settings import Settings, load_settings

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.5
BEAT_EVERY_S = 1.0
WRITE_EVERY_S = 0.2
KEPT_RUNS = 20
"""Of each rehearsal, with their recordings; older ones are forgotten."""
_BESIDE_THE_CALL_S = 300.0
"""A run may last so long besides its call: a stack of its own has to start and to stop."""


class Diary:
    """Lines of one run on their way into the database, in order, without holding up the call."""

    def __init__(self, runs: RehearsalRuns, run_id: str) -> None:
        self._runs = runs
        self._run_id = run_id
        self._writing = asyncio.Lock()
        self._lines = TimelineLines()
        self._waiting: list[TimelineLine] = []
        self._count = 0
        self._call_control_id = ""

    def show(self, entry: LogEntry) -> None:
        """Takes an entry of the carrier's log."""
        self._call_control_id = entry.call_control_id or self._call_control_id
        line = self._lines.line_of(entry)
        if line is not None:
            self._add(round(line.at_s, 3), line.kind, line.words, line.is_trouble)

    def say(self, words: str) -> None:
        """Takes a line about what comes before the call."""
        self._add(0.0, "note", words.strip(), False)

    async def write(self) -> None:
        """Stores what is waiting; it goes on waiting where the database does not take it."""
        async with self._writing:
            lines, call = list(self._waiting), self._call_control_id
            if lines:
                await asyncio.to_thread(self._runs.add_lines, self._run_id, lines, call)
                del self._waiting[: len(lines)]

    def _add(self, at_s: float, kind: str, words: str, is_trouble: bool) -> None:
        self._waiting.append(TimelineLine(self._count, at_s, kind, words, is_trouble))
        self._count += 1


class Player:
    """Takes runs until stopped."""

    def __init__(self, runs: RehearsalRuns, agents: Agents, *, bell: Path, data_dir: Path) -> None:
        self._runs = runs
        self._agents = agents
        self._bell = bell
        self._folder = (data_dir / RUNS_FOLDER).absolute()
        self._stacks = (data_dir / "rehearsal-stacks").absolute()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """The present run is broken off."""
        self._stopping.set()

    async def run(self) -> None:
        left = await asyncio.to_thread(stop_left_over, self._stacks)
        if left:
            log.warning("left_over_stacks_stopped", stacks=left)
        while not self._stopping.is_set():
            try:
                run = await self.take()
            except RecordsUnavailable as error:
                log.warning("no_work_could_be_taken", error=str(error))
                run = None
            if run is None:
                await self._wait(LOOK_EVERY_S)
            else:
                await self.play(run)

    async def take(self) -> Run | None:
        """The next run; those whose player has died are broken first."""
        for dead in await asyncio.to_thread(self._runs.break_silent):
            log.warning("rehearsal_broken", run_id=dead.id, problem="its player has died")
        return await asyncio.to_thread(self._runs.take)

    async def play(self, run: Run) -> None:
        """From beginning to verdict; raises nothing."""
        log.info("rehearsal_begun", run_id=run.id, rehearsal=run.name)
        diary, folder = Diary(self._runs, run.id), self._folder / run.id
        playing = asyncio.create_task(self._play(run, diary, folder))
        watching = [
            asyncio.create_task(self._beat(run, playing)),
            asyncio.create_task(self._write(diary)),
            asyncio.create_task(self._cancel_on_stop(playing)),
        ]
        try:
            state, problem, result = await playing
        except asyncio.CancelledError:
            why = "the process that played it was stopped" if self._stopping.is_set() else "cancelled"
            state, problem, result = BROKEN, why, None
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        recording_s = _length_s(folder / RECORDING)
        end = partial(self._runs.finish, run.id, state, problem=problem, result=result, recording_s=recording_s)
        for work in (diary.write, partial(asyncio.to_thread, end), partial(self._forget, run.name)):
            await self._store(work)
        log.info("rehearsal_over", run_id=run.id, rehearsal=run.name, state=state, problem=problem)

    async def _play(self, run: Run, diary: Diary, folder: Path) -> tuple[str, str, dict[str, Any] | None]:
        try:
            scenario = await asyncio.to_thread(self._scenario, run)
            async with asyncio.timeout(scenario.time_limit_s + _BESIDE_THE_CALL_S):
                result = await play(
                    scenario, bell=self._bell, stacks=self._stacks, folder=folder, show=diary.show, say=diary.say
                )
        except (CannotRun, ApiError, StackError, NobodyThere, ScenarioProblems, RecordsError, TimeoutError) as error:
            return BROKEN, str(error) or "it did not end in time", None
        except Exception as error:  # one bug costs one run
            log.error("rehearsal_failed", run_id=run.id, exc_info=error)
            return BROKEN, f"an error of ours ({type(error).__name__}); it has been logged", None
        return PASSED if result["passed"] else FAILED, "", result

    def _scenario(self, run: Run) -> Scenario:
        scenario = read_scenario(run.yaml)
        if not run.agent_id:
            return scenario
        return scenario.played_with(self._agents.get_version(run.agent_id, run.agent_version).config)

    async def _beat(self, run: Run, playing: "asyncio.Task[Any]") -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            try:
                if not await asyncio.to_thread(self._runs.beat, run.id):
                    playing.cancel()
                    return
            except RecordsUnavailable as error:
                log.warning("beat_not_stored", run_id=run.id, error=str(error))

    async def _write(self, diary: Diary) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                await asyncio.shield(asyncio.ensure_future(diary.write()))
            except RecordsUnavailable:
                pass  # it waits

    async def _cancel_on_stop(self, playing: "asyncio.Task[Any]") -> None:
        await self._stopping.wait()
        playing.cancel()

    async def _forget(self, name: str) -> None:
        gone = await asyncio.to_thread(self._runs.forget, name, KEPT_RUNS)
        for run_id in gone:
            await asyncio.to_thread(shutil.rmtree, self._folder / run_id, ignore_errors=True)

    async def _store(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Again and again while the database is away; after that whoever notices breaks the run."""
        for pause_s in (1.0, 2.0, 5.0, 0.0):
            try:
                await work()
                return
            except RecordsUnavailable as error:
                log.warning("rehearsal_not_stored", error=str(error))
                await self._wait(pause_s)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            pass  # nobody stops us


def _length_s(recording: Path) -> float | None:
    try:
        with wave.open(str(recording), "rb") as file:
            return file.getnframes() / file.getframerate()
    except (OSError, EOFError, wave.Error):
        return None


async def _run(settings: Settings, bell: Path) -> None:
    database, clock = Database(settings.records_url), SystemClock()
    player = Player(RehearsalRuns(database, clock), Agents(database, clock), bell=bell, data_dir=settings.data_dir)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, player.stop)
    log.info("rehearsals_started", bell=str(bell))
    await player.run()
    database.close()


@click.command()
@click.option("--bell", type=click.Path(path_type=Path), required=True, help="Socket of the carrier of `make up`.")
def main(bell: Path) -> None:
    """Play rehearsals until stopped."""
    try:
        settings = load_settings(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    logs.configure(settings.log_level, worker="rehearsals", secrets=settings.secret_values())
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        migrate(settings.records_url)
    except RecordsUnavailable as error:
        sys.exit(str(error))
    asyncio.run(_run(settings, bell))


if __name__ == "__main__":
    main()

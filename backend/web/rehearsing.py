"""What /api/rehearsals does: those that come with the product and those of one's own in one list, and runs of both.

Nothing is played here; `backend/workers/rehearsals.py` does that. YAML is read beside the hub, because a long text takes a
tenth of a second.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import orjson

from backend.errors import RecordsError
from backend.records.agents import Agents
from backend.records.database import off_hub
from backend.records.errors import UnknownRecord
from backend.records.rehearsal_runs import QUEUED, RUNNING, RehearsalRuns, Run
from backend.records.rehearsals import OwnRehearsal, Rehearsals
from backend.rehearsal.recording import RECORDING, RUNS_FOLDER
from backend.rehearsal.scenario import SHIPPED, Scenario, shipped_names
from backend.rehearsal.scenario_problems import Problem, ScenarioProblems, check_scenario, read_scenario
from backend.rehearsal.words import caller_in_words
from backend.web.rehearsal_answers import (
    RehearsalAnswer,
    RehearsalList,
    RehearsalSummary,
    RunAnswer,
    answer_of,
    line_of,
    summary_of,
)

MOST_WAITING = 20
RESERVED = ("runs", "check")
"""Addresses of their own under /api/rehearsals."""
LOOK_EVERY_S = 0.25
COMMENT_EVERY_S = 15.0


class ShippedRehearsal(RecordsError):
    """It comes with the product and cannot be changed."""


class TooManyRuns(RecordsError):
    """So many wait already."""


class WrongRehearsal(RecordsError):
    """The YAML is not a rehearsal."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("the rehearsal is not valid")
        self.problems = problems


class Rehearsing:
    """All that the addresses need. One per process."""

    def __init__(self, rehearsals: Rehearsals, runs: RehearsalRuns, agents: Agents, data_dir: Path) -> None:
        self._rehearsals = rehearsals
        self._runs = runs
        self._agents = agents
        self._folder = data_dir.absolute() / RUNS_FOLDER

    # -- rehearsals ---------------------------------------------------------------------------------------------------

    def all(self) -> RehearsalList:
        last = self._runs.last_of_each()
        own, shipped = self._rehearsals.all(), off_hub(_shipped)
        summaries = [off_hub(lambda one=one: _summary(one, last.get(one.name))) for one in own]  # type: ignore[misc]  # mypy loses the lambda's default
        for name, scenario in shipped.items():
            run = last.get(name)
            summaries.append(_summary_of(scenario, is_own=False, run=run))
        return RehearsalList(rehearsals=summaries)

    def get(self, name: str) -> RehearsalAnswer:
        """Raises UnknownRecord."""
        if name in shipped_names():
            return RehearsalAnswer(name=name, yaml=_shipped_text(name), is_own=False, version=0)
        return _answer(self._rehearsals.get(name))

    def put(self, name: str, yaml: str, version: int | None) -> RehearsalAnswer:
        """Raises ShippedRehearsal, WrongRehearsal or StaleRehearsal; then nothing has changed."""
        self._refuse_shipped(name)
        problems = self.check(yaml)
        if not problems:
            scenario = off_hub(lambda: read_scenario(yaml))
            if scenario.name != name or name in RESERVED:
                why = (
                    "is needed for an address of its own" if name in RESERVED else f"must be {name}, as in the address"
                )
                problems = [Problem(*_place_of_name(yaml), "name", why)]
        if problems:
            raise WrongRehearsal(problems)
        return _answer(self._rehearsals.put(name, yaml, version))

    def delete(self, name: str) -> None:
        """With its finished runs. Raises ShippedRehearsal or UnknownRecord."""
        self._refuse_shipped(name)
        self._rehearsals.delete(name)
        for run_id in self._runs.forget(name, 0):
            shutil.rmtree(self._folder / run_id, ignore_errors=True)

    def check(self, yaml: str) -> list[Problem]:
        return off_hub(lambda: check_scenario(yaml))

    def _refuse_shipped(self, name: str) -> None:
        if name in shipped_names():
            raise ShippedRehearsal(f"{name} comes with the product: save it under another name")

    # -- runs ---------------------------------------------------------------------------------------------------------

    def begin(self, name: str, agent_id: str | None) -> str:
        """The run's id. Raises UnknownRecord, WrongRehearsal or TooManyRuns."""
        yaml = self.get(name).yaml
        problems = self.check(yaml)
        if problems:  # it was stored by a release that knew other fields
            raise WrongRehearsal(problems)
        if sum(run.state in (QUEUED, RUNNING) for run in self._runs.newest(limit=200)) >= MOST_WAITING:
            raise TooManyRuns(f"{MOST_WAITING} runs wait already; try again when some of them are over")
        if agent_id is None:
            return self._runs.queue(name, yaml)
        agent = self._agents.get(agent_id)
        return self._runs.queue(
            name, yaml, agent_id=agent.id, agent_version=agent.version, agent_name=agent.config.name
        )

    def runs(self, name: str | None, limit: int) -> list[Run]:
        return self._runs.newest(name, limit)

    def run(self, run_id: str) -> RunAnswer:
        """Raises UnknownRecord."""
        run = self._runs.get(run_id)
        before = self._runs.before(run) if run.result is not None else None
        return answer_of(run, self._runs.timeline(run_id), before, self._runs.ahead_of(run))

    def cancel(self, run_id: str) -> bool:
        """False: it is over. Raises UnknownRecord."""
        return self._runs.cancel(run_id)

    def recording(self, run_id: str) -> Path:
        """Raises UnknownRecord."""
        run = self._runs.get(run_id)
        path = self._folder / run.id / RECORDING
        if run.recording_s is None or not path.is_file():
            raise UnknownRecord("there is no recording of this run")
        return path

    def events(self, run_id: str, after: int, sleep: Callable[[float], None] = time.sleep) -> Iterator[str]:
        """The run as server-sent events: `run` whenever it stands differently, `line` for each line of the timeline after
        the number `after`, and when it is over `over`, the last. Raises UnknownRecord at once."""
        run = self._runs.get(run_id)
        return self._events(run, after, sleep)

    def _events(self, run: Run, after: int, sleep: Callable[[float], None]) -> Iterator[str]:
        told, quiet_s = "", 0.0
        while True:
            # The state first: all lines of a run that is over are there.
            run = self._runs.get(run.id)
            lines = self._runs.timeline(run.id, after)
            state = summary_of(run).model_dump_json()
            if state != told:
                told, quiet_s = state, 0.0
                yield f"event: run\ndata: {state}\n\n"
            for line in lines:
                after, quiet_s = line.number, 0.0
                yield f"id: {line.number}\nevent: line\ndata: {line_of(line).model_dump_json()}\n\n"
            if run.is_over:
                yield f"event: over\ndata: {orjson.dumps({'state': run.state}).decode()}\n\n"
                return
            if quiet_s >= COMMENT_EVERY_S:
                quiet_s = 0.0
                yield ": still there\n\n"  # a reader that has gone is noticed by writing to it
            sleep(LOOK_EVERY_S)
            quiet_s += LOOK_EVERY_S


@cache
def _shipped() -> dict[str, Scenario]:
    """Files that do not change while we run."""
    return {name: read_scenario(_shipped_text(name)) for name in shipped_names()}


@cache
def _shipped_text(name: str) -> str:
    return (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")


def _summary(own: OwnRehearsal, run: Run | None) -> RehearsalSummary:
    try:
        return _summary_of(read_scenario(own.yaml), is_own=True, run=run)
    except ScenarioProblems:  # stored by a release that knew other fields
        last = summary_of(run) if run else None
        return RehearsalSummary(name=own.name, title="", is_own=True, caller=[], is_valid=False, last_run=last)


def _summary_of(scenario: Scenario, *, is_own: bool, run: Run | None) -> RehearsalSummary:
    return RehearsalSummary(
        name=scenario.name,
        title=scenario.title,
        is_own=is_own,
        caller=caller_in_words(scenario),
        is_valid=True,
        last_run=summary_of(run) if run else None,
    )


def _answer(own: OwnRehearsal) -> RehearsalAnswer:
    return RehearsalAnswer(name=own.name, yaml=own.yaml, is_own=True, version=own.version)


def _place_of_name(yaml: str) -> tuple[int, int]:
    """Line and column of the top-level `name:`."""
    for number, line in enumerate(yaml.splitlines(), 1):
        if line.startswith("name:"):
            return number, 1
    return 1, 1

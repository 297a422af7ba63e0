"""backend/workers/rehearsals.py: what becomes of a run, with a bell that answers as it is told. Whole calls are in
tests/live/test_rehearsals.py."""

import asyncio
import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.call.agent_config import AgentConfig
from backend.records.agents import Agents
from backend.records.database import Database
from backend.records.rehearsal_runs import BROKEN, FAILED, PASSED, QUEUED, RehearsalRuns, Run
from backend.rehearsal.recording import write_stereo
from backend.workers.rehearsals import KEPT_RUNS, Player
from tests.records.conftest import StillClock, database

__all__ = ["database"]

YAML = "name: hello\nagent: {greeting: Hello.}\n"
ENTRIES = [
    {"at": 9.0, "call_control_id": "v3:abc", "kind": "ring", "data": {}},
    {"at": 10.0, "call_control_id": "v3:abc", "kind": "answered", "data": {}},
    {"at": 11.25, "call_control_id": "v3:abc", "kind": "agent_audio_started", "data": {}},
]


class Bell:
    """The socket of an `up` that answers each ring with `answers`, then closes; or, `is_endless`, waits until the ringer has
    gone."""

    def __init__(self, path: Path, *answers: dict[str, Any], is_endless: bool = False) -> None:
        self._path = path
        self._answers = answers
        self._is_endless = is_endless
        self.asked: list[dict[str, Any]] = []
        self.is_left = asyncio.Event()

    async def __aenter__(self) -> "Bell":
        self._server = await asyncio.start_unix_server(self._answer, str(self._path))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(json.loads(await reader.readline()))
        folder = Path(self.asked[-1]["folder"])
        for answer in self._answers:
            if "done" in answer:
                write_stereo(folder / "recording.wav", bytes(16000), bytes(16000))
                result = {"passed": answer["done"]["passed"], "checks": [], "heard": [], "said": []}
                (folder / "result.json").write_text(json.dumps(result))
            writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        if self._is_endless:
            await reader.read()
            self.is_left.set()
        writer.close()


class House:
    """A player and all that it works with."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.clock = StillClock()
        self.agents = Agents(database, self.clock)
        self.runs = RehearsalRuns(database, self.clock)
        self.bell = folder / "b"
        self.data_dir = folder / "data"
        self.player = Player(self.runs, self.agents, bell=self.bell, data_dir=self.data_dir)

    def queue(self, yaml: str = YAML, **agent: Any) -> str:
        self.clock.now += 1
        return self.runs.queue("hello", yaml, **agent)

    async def play_next(self) -> None:
        run = await self.player.take()
        assert run is not None
        await self.player.play(run)

    async def when(self, run_id: str, is_so: Callable[[Run], bool]) -> None:
        while not is_so(self.runs.get(run_id)):
            await asyncio.sleep(0.02)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> House:
    return House(database, tmp_path)


def answered(passed: bool = True) -> list[dict[str, Any]]:
    return [*({"entry": entry} for entry in ENTRIES), {"done": {"passed": passed, "checks": [], "folder": "x"}}]


@pytest.mark.parametrize(("passed", "state"), [(True, PASSED), (False, FAILED)])
def test_a_run_ends_with_its_verdict_timeline_call_and_recording(house: House, passed: bool, state: str) -> None:
    """Seconds are counted from the answer."""
    run_id = house.queue()

    async def work() -> None:
        async with Bell(house.bell, *answered(passed)):
            await house.play_next()

    asyncio.run(work())
    run = house.runs.get(run_id)

    assert (run.state, run.call_control_id, run.recording_s) == (state, "v3:abc", 1.0)
    assert [(one.at_s, one.kind) for one in house.runs.timeline(run_id)] == [
        (0.0, "ring"), (0.0, "answered"), (1.25, "agent_audio_started"),
    ]  # fmt: skip
    with wave.open(str(house.data_dir / "rehearsals" / run_id / "recording.wav")) as file:
        assert file.getnchannels() == 2


def test_an_agent_is_played_with_the_settings_it_had_when_the_run_was_asked_for(house: House) -> None:
    """Its numbers go on answering others."""
    agent = house.agents.create(AgentConfig(name="Ada", greeting="I am Ada.", phone_numbers=["+13125550100"]))
    house.agents.update(agent.id, agent.config.model_copy(update={"greeting": "Later."}), 1)
    house.queue(agent_id=agent.id, agent_version=1, agent_name="Ada")

    async def work() -> dict[str, Any]:
        async with Bell(house.bell, *answered()) as bell:
            await house.play_next()
        return bell.asked[0]["scenario"]["agent"]

    asked = asyncio.run(work())

    assert asked["greeting"] == "I am Ada." and "phone_numbers" not in asked


@pytest.mark.parametrize(
    ("yaml", "answers", "problem"),
    [
        (YAML, [{"error": "the product refuses"}], "the product refuses"),
        (YAML, [{"entry": ENTRIES[0]}], "has ended in the middle"),
        ("name: hello\ncaller: [{sya: x}]", [], "sya"),
    ],
)
def test_a_run_that_cannot_be_played_says_why_and_the_next_one_goes_on(
    house: House, yaml: str, answers: list[dict[str, Any]], problem: str
) -> None:
    broken = house.queue(yaml)

    async def work() -> None:
        async with Bell(house.bell, *answers):
            await house.play_next()
        house.bell.unlink(missing_ok=True)
        async with Bell(house.bell, *answered()):
            house.queue()
            await house.play_next()

    asyncio.run(work())

    assert house.runs.get(broken).state == BROKEN and problem in house.runs.get(broken).problem
    assert [run.state for run in house.runs.newest()] == [PASSED, BROKEN]


def test_a_cancelled_run_hangs_up_and_says_so(house: House) -> None:
    """The bell notices that nobody listens: that is how its caller is told to hang up."""
    run_id = house.queue()

    async def work() -> None:
        async with Bell(house.bell, {"entry": ENTRIES[0]}, is_endless=True) as bell:
            playing = asyncio.create_task(house.play_next())
            await house.when(run_id, lambda run: run.call_control_id != "")
            house.runs.cancel(run_id)
            await playing
            await bell.is_left.wait()

    asyncio.run(work())

    assert (house.runs.get(run_id).state, house.runs.get(run_id).problem) == (BROKEN, "cancelled")
    assert [one.kind for one in house.runs.timeline(run_id)] == ["ring"]


def test_a_player_that_is_stopped_breaks_its_run_off_and_leaves_the_others(house: House) -> None:
    """SIGTERM of supervisord."""
    run_id, waiting = house.queue(), house.queue()

    async def work() -> None:
        async with Bell(house.bell, {"entry": ENTRIES[0]}, is_endless=True) as bell:
            playing = asyncio.create_task(house.player.run())
            await house.when(run_id, lambda run: run.call_control_id != "")
            house.player.stop()
            await playing
            await bell.is_left.wait()

    asyncio.run(work())

    assert house.runs.get(run_id).problem == "the process that played it was stopped"
    assert house.runs.get(waiting).state == QUEUED


def test_only_the_last_runs_are_kept_with_their_recordings(house: House) -> None:
    ids = [house.queue() for _ in range(KEPT_RUNS + 1)]
    for run_id in ids:
        house.runs.take()
        house.runs.finish(run_id, PASSED)
        (house.data_dir / "rehearsals" / run_id).mkdir(parents=True)
    ids.append(house.queue())

    async def work() -> None:
        async with Bell(house.bell, *answered()):
            await house.play_next()

    asyncio.run(work())

    assert {path.name for path in (house.data_dir / "rehearsals").iterdir()} == set(ids[2:])
    assert len(house.runs.newest()) == KEPT_RUNS

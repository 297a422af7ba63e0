"""The door bell of a running `up`: a socket in its run folder over which `ring` lets its carrier place calls.

Only `up` can place them: its carrier is a part of that process, and the product trusts no other. `ring` sends a scenario
and gets the call as it happens, one JSON object per line:

    → {"scenario": {…}, "folder": …}      where the files of the call are wanted; without: in a new folder of its own
    ← {"entry": {…}}            a line of the carrier's log, for this call
    ← {"done": {"passed": …, "checks": […], "folder": …}}   or {"unsuited": "…"}, {"error": "…"}

When `ring` goes away in between, its caller hangs up. The socket is its owner's alone (0600).
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backend.rehearsal.carrier.far_end import Leg
from backend.rehearsal.carrier.log import LegLog, LogEntry
from backend.rehearsal.product_api import ApiError
from backend.rehearsal.runner import CannotRun, Stage, check_needs, run_scenario
from backend.rehearsal.scenario import Scenario
from backend.rehearsal.verdict import Check, Verdict

NAME = "bell.sock"
_LONGEST_LINE = 1024 * 1024


class NobodyThere(Exception):
    """No running `up` was found."""


class Unsuited(CannotRun):
    """This stack lacks what the scenario needs; another one might have it."""


@asynccontextmanager
async def bell(stage: Stage, folder: Path, path: Path, new_folder: Callable[[], Path]) -> AsyncIterator[None]:
    """Answers at `path` while open; `folder`, where `ring` looks, gets a link when that is elsewhere (the path of a socket
    must be short). `new_folder` makes a folder for the files of one call."""
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    link = folder / NAME
    if link != path:
        link.symlink_to(path)
    rings: set[asyncio.Task[None]] = set()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # a stream's callback runs in one
        rings.add(task)
        try:
            await _Ring(stage, reader, writer, new_folder).run()
        finally:
            rings.discard(task)
            writer.close()

    server = await asyncio.start_unix_server(take, sock=listening, limit=_LONGEST_LINE)
    try:
        yield
    finally:
        server.close()
        for task in list(rings):
            task.cancel()
        await asyncio.gather(*rings, return_exceptions=True)
        for left in {link, path}:
            left.unlink(missing_ok=True)


class _Ring:
    """One call for one `ring`."""

    def __init__(
        self, stage: Stage, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, new_folder: Callable[[], Path]
    ) -> None:
        self._stage = stage
        self._reader = reader
        self._writer = writer
        self._new_folder = new_folder
        self._leg: Leg | None = None

    async def run(self) -> None:
        try:
            asked = json.loads(await self._reader.readline())
            scenario, wanted_folder = Scenario.model_validate(asked["scenario"]), asked.get("folder")
        except (ValueError, KeyError, TypeError) as error:
            return self._tell("error", f"not a scenario: {error}")
        try:
            check_needs(scenario, self._stage)
        except CannotRun as reason:
            return self._tell("unsuited", str(reason))
        watch = asyncio.create_task(self._hang_up_when_left_alone())
        self._log = LegLog(self._stage.carrier.log, lambda entry: self._tell("entry", asdict(entry)))
        try:
            # As in `demo`: whoever listens need not wait until Redis has forgotten the call.
            outcome = await run_scenario(scenario, self._stage, on_leg=self._begin, check_keys=False)
            folder = Path(wanted_folder) if wanted_folder else await asyncio.to_thread(self._new_folder)
            await asyncio.to_thread(outcome.write, folder, self._stage.carrier)
            verdict = outcome.verdict
            checks = [asdict(check) for check in verdict.checks]
            self._tell("done", {"passed": verdict.passed, "checks": checks, "folder": str(folder.resolve())})
        except (CannotRun, ApiError) as error:
            self._tell("error", str(error))
        finally:
            watch.cancel()
            self._log.close()
        try:
            await self._writer.drain()
        except OSError:
            pass  # nobody listens any more

    async def _hang_up_when_left_alone(self) -> None:
        await self._reader.read()  # `ring` sends nothing more: this returns when it has gone
        while self._leg is None:
            await asyncio.sleep(0.05)
        if not self._leg.ended:
            await self._leg.hang_up()

    def _begin(self, leg: Leg) -> None:
        self._leg = leg
        self._log.begin(leg.call_control_id)

    def _tell(self, name: str, content: object) -> None:
        if not self._writer.is_closing():
            self._writer.write(json.dumps({name: content}, default=str).encode() + b"\n")


def find_bells(run_root: Path) -> list[Path]:
    """The sockets under the run folders, newest first. A folder with a long path holds a link to where its socket is."""
    return [path.resolve() for path in sorted(run_root.glob(f"*/{NAME}"), reverse=True)]


async def ring(run_root: Path, scenario: Scenario, show: Callable[[LogEntry], None]) -> tuple[Verdict, str]:
    """Let the newest `up` that runs under `run_root` place a call; `show` gets the call as it happens. Returns the verdict
    and the folder with its files. Raises NobodyThere or CannotRun."""
    for path in find_bells(run_root):
        try:
            return await ring_at(path, scenario, show)
        except NoBell:
            continue  # left behind by one that was killed
    raise NobodyThere(f"nothing runs in {run_root}; start it with `make up` and ring in another terminal")


class NoBell(NobodyThere):
    """Nobody answers at this socket."""


async def ring_at(
    path: Path, scenario: Scenario, show: Callable[[LogEntry], None], folder: Path | None = None
) -> tuple[Verdict, str]:
    """As `ring`, at this socket; `folder`: where the files are wanted. Raises NoBell, NobodyThere, Unsuited, CannotRun."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(path.resolve()), limit=_LONGEST_LINE)
    except OSError:
        raise NoBell(f"nobody answers at {path}") from None
    wanted = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    try:
        asked = {"scenario": wanted, **({"folder": str(folder.resolve())} if folder is not None else {})}
        writer.write(json.dumps(asked).encode() + b"\n")
        while line := await reader.readline():
            answer: dict[str, Any] = json.loads(line)
            if "error" in answer:
                raise CannotRun(answer["error"])
            if "unsuited" in answer:
                raise Unsuited(answer["unsuited"])
            if "done" in answer:
                done = answer["done"]
                return Verdict(done["passed"], [Check(**check) for check in done["checks"]]), done["folder"]
            show(LogEntry(**answer["entry"]))
    except (OSError, ValueError):
        pass  # cut off: said below
    finally:
        writer.close()
    raise NobodyThere("the stack has ended in the middle of the call")

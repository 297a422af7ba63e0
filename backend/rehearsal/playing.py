"""Plays one rehearsal for somebody who is not at the terminal: on this very stack where its carrier can be rung, else on a
stack of its own that is started for it and removed afterwards.

| `bell`                                  | where the call takes place                                            |
|-----------------------------------------|-----------------------------------------------------------------------|
| answers, and its stack suits the needs  | this stack: the call can be watched and is recorded like any other    |
| answers, its stack does not suit        | a stack of its own                                                    |
| nobody answers (a server with a carrier)| a stack of its own                                                    |

Run by `backend/workers/rehearsals.py`, in one asyncio loop. Decides nothing about calls.
"""

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from backend.rehearsal.bell import NoBell, Unsuited, ring_at
from backend.rehearsal.carrier.far_end import Leg
from backend.rehearsal.carrier.log import LegLog, LogEntry
from backend.rehearsal.runner import run_scenario
from backend.rehearsal.scenario import Scenario
from backend.rehearsal.stack import session_members
from backend.rehearsal.stage import own_stage, settings_for

RESULT = "result.json"
_WEB_WORKERS = 2
_GO_WITHIN_S = 30.0


async def play(
    scenario: Scenario,
    *,
    bell: Path,
    stacks: Path,
    folder: Path,
    show: Callable[[LogEntry], None],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """The result, as `report.py` builds it; recording.wav, result.json and carrier.jsonl lie in `folder`. `show` gets the
    call as it happens, `say` what happens before it. `stacks`: a folder for stacks of its own. Raises CannotRun, ApiError,
    StackError or NobodyThere. Cancelled, the caller hangs up and a stack of its own is stopped."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        await ring_at(bell, scenario, show, folder)
        result: dict[str, Any] = orjson.loads((folder / RESULT).read_bytes())
        return result
    except NoBell:
        say("no carrier to ring with here: starting a stack of its own")
    except Unsuited as reason:
        say(f"{reason}: starting a stack of its own")
    return await _play_on_own_stack(scenario, stacks, folder, show, say)


async def _play_on_own_stack(
    scenario: Scenario, stacks: Path, folder: Path, show: Callable[[LogEntry], None], say: Callable[[str], None]
) -> dict[str, Any]:
    settings = settings_for([scenario], web_workers=_WEB_WORKERS, run_root=stacks)
    own: Path | None = None
    try:
        async with own_stage(settings, say) as (stage, stack):
            own = stack.folder
            log = LegLog(stage.carrier.log, show)

            def begin(leg: Leg) -> None:
                log.begin(leg.call_control_id)

            try:
                outcome = await run_scenario(scenario, stage, on_leg=begin, check_keys=False)
                outcome.write(folder, stage.carrier)
            finally:
                log.close()
            return outcome.result
    finally:
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)


def stop_left_over(stacks: Path) -> list[str]:
    """Stacks whose player was killed go on running: end them. Only one player may use the folder. Returns their names."""
    found = []
    for pid_file in sorted(stacks.glob("*/supervisord.pid")):
        folder = pid_file.parent
        session = _supervisord_of(pid_file)
        if session is not None:
            found.append(folder.name)
            _end(session)
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _supervisord_of(pid_file: Path) -> int | None:
    """The process id in the file, if that is still the supervisord of this folder: ids are given again."""
    try:
        pid = int(pid_file.read_text())
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if f"RUN_DIR={pid_file.parent}".encode() in environment and pid in session_members(pid) else None


def _end(session: int) -> None:
    _signal(session, signal.SIGTERM)
    deadline = time.monotonic() + _GO_WITHIN_S
    while session_members(session) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in session_members(session):
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has just ended

"""backend/rehearsal/bell.py: the protocol over a real socket, and with a real `up` behind it."""

import asyncio
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.rehearsal.bell import NAME, NobodyThere, bell, ring
from backend.rehearsal.carrier.log import LogEntry
from backend.rehearsal.product_api import ProductApi
from backend.rehearsal.runner import CannotRun, Stage
from backend.rehearsal.scenario import Scenario, load_scenario, shipped_names
from backend.rehearsal.stack import session_members
from backend.rehearsal.stage import carrier_for

ROOT = Path(__file__).parents[2]


def unheard(entry: LogEntry) -> None:
    raise AssertionError(entry)


async def ring_nowhere(run_root: Path, name: str) -> None:
    """Rings at a stage whose product is not there."""
    async with ProductApi("http://127.0.0.1:9", "key") as api:
        stage = Stage(carrier_for("http://127.0.0.1:9/webhooks/telnyx"), api)
        folder = run_root / "1"
        folder.mkdir()
        async with bell(stage, folder, folder / NAME, lambda: run_root):
            assert stat.S_IMODE((folder / NAME).stat().st_mode) == 0o600
            await ring(run_root, load_scenario(name), unheard)


@pytest.mark.parametrize(
    ("name", "reason"), [("default_dead_air", "is the product running"), ("hold_on", "needs the scripted model")]
)
def test_a_call_that_cannot_be_placed_says_why(tmp_path: Path, name: str, reason: str) -> None:
    """As `rehearse` would; and the socket, its owner's alone, is gone afterwards."""
    with pytest.raises(CannotRun, match=reason):
        asyncio.run(ring_nowhere(tmp_path, name))

    assert list((tmp_path / "1").iterdir()) == []


def test_without_a_running_up_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    """Also when one was killed and left its socket behind."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / NAME).touch()
    with pytest.raises(NobodyThere, match="make up"):
        asyncio.run(ring(tmp_path, load_scenario("default_dead_air"), unheard))


def test_a_folder_with_a_long_path_has_a_link_to_the_socket(tmp_path: Path) -> None:
    """The path of a socket must be short."""
    folder, elsewhere = tmp_path / ("x" * 100) / "1", tmp_path / "short"
    folder.mkdir(parents=True)
    elsewhere.mkdir()

    async def work() -> None:
        async with ProductApi("http://127.0.0.1:9", "key") as api:
            stage = Stage(carrier_for("http://127.0.0.1:9/webhooks/telnyx"), api)
            async with bell(stage, folder, elsewhere / NAME, lambda: tmp_path):
                await ring(folder.parent, load_scenario("default_dead_air"), unheard)

    with pytest.raises(CannotRun):
        asyncio.run(work())
    assert list(folder.iterdir()) == list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_scenario_arrives_as_it_was_sent(name: str) -> None:
    """Over the socket it is JSON."""
    scenario = load_scenario(name)
    sent = scenario.model_dump_json(by_alias=True, exclude_unset=True)

    assert Scenario.model_validate_json(sent) == scenario


QUICK = """
name: quick
agent:
  greeting: Hello.
  settings: {dead_air_settings: {silence_timeout_normal: 60}}
caller: [{wait_until: agent_said_1}, {hang_up: true}]
expect: {heard: [{kind: greeting}], ends: {who: caller}}
"""


@pytest.mark.live
def test_up_in_the_background_of_a_script_is_rung_and_then_stopped_by_its_id(tmp_path: Path) -> None:
    """Begun with SIGINT ignored, as such a shell does it; TERM leaves no process behind."""
    (tmp_path / "quick.yaml").write_text(QUICK)
    command = [sys.executable, "-m", "backend"]
    output = tmp_path / "up.log"
    with open(output, "wb") as file:
        up = subprocess.Popen(
            [*command, "up", "--port", "0", "--workers", "1"], cwd=ROOT, stdout=file, stderr=file,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN), start_new_session=True,
        )  # fmt: skip
    try:
        give_up_at = time.monotonic() + 100
        while "Ctrl-C stops everything" not in output.read_text():
            assert up.poll() is None and time.monotonic() < give_up_at, output.read_text()
            time.sleep(0.2)
        folder = Path(re.findall(r"starting the stack in (\S+)", output.read_text())[0])
        session = int((folder / "supervisord.pid").read_text())
        rung = subprocess.run(
            [*command, "ring", "--scenario", str(tmp_path / "quick.yaml")], cwd=tmp_path, capture_output=True,
            text=True, timeout=40, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        up.terminate()
        code = up.wait(60)
    finally:
        up.kill()

    assert "the caller rings" in rung.stdout and "PASSED  quick" in rung.stdout, rung.stdout + rung.stderr
    assert (rung.returncode, code) == (0, 130), output.read_text()
    assert session_members(session) == session_members(up.pid) == []
    assert not (folder / NAME).exists() and "/openapi.json" in output.read_text()

"""backend/session/core_recorder.py: what a session writes down of its core, and when it does not."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.commands import FinishCall
from backend.call.core_log import CoreStart, read_log
from backend.call.events import CallHungUp, MediaStarted, SpeechEnded, SpeechStarted, TranscriptReceived
from backend.call.replay import replay
from backend.session.core_recorder import CoreRecorder, call_key_of, core_log_path
from tests.session.rig import CALL, Rig, settle

HUNG_UP = CallHungUp("normal_clearing", "caller")


def play_a_call(rig: Rig, agent: AgentConfig) -> None:
    """Greeting, a question, a check-in, the caller hangs up."""
    session = rig.open(agent)
    rig.advance(1.0)
    now = rig.clock.monotonic()
    session.post(SpeechStarted(now))
    session.post(SpeechEnded(now))
    session.post(TranscriptReceived("What is the time?", is_final=True))
    rig.advance(6.0)
    session.post(HUNG_UP)
    settle()


def test_a_sessions_call_is_recorded_and_replays(rig: Rig, agent: AgentConfig, tmp_path: Path) -> None:
    """Through the real session: what the file has is what the core did, deadlines included."""
    rig = Rig(rig.records, record_core_dir=tmp_path / "new" / "core")
    play_a_call(rig, agent)

    start, steps = read_log(core_log_path(tmp_path / "new" / "core", call_key_of(CALL)).read_text().splitlines())

    assert start.agent == agent and start.may_barge_in
    assert isinstance(steps[0].event, MediaStarted) and isinstance(steps[-1].commands[-1], FinishCall)
    assert any(step.event is None for step in steps) or len(steps) > 10
    difference = replay(start, steps)
    assert difference is None, str(difference)


def test_nothing_is_written_by_default(rig: Rig, agent: AgentConfig, tmp_path: Path) -> None:
    """Off unless a folder is named."""
    before = set(tmp_path.rglob("*.jsonl"))

    play_a_call(rig, agent)

    assert set(tmp_path.rglob("*.jsonl")) == before
    assert not CoreRecorder(None, start_of(agent)).is_on


def test_the_file_is_its_owners_alone(agent: AgentConfig, tmp_path: Path) -> None:
    """It holds what was said."""
    recorder = CoreRecorder(tmp_path, start_of(agent))
    recorder.close()

    assert stat.S_IMODE(os.stat(core_log_path(tmp_path, "key")).st_mode) == 0o600


def test_a_line_is_there_at_once(agent: AgentConfig, tmp_path: Path) -> None:
    """A process that dies leaves what had happened."""
    recorder = CoreRecorder(tmp_path, start_of(agent))
    recorder.step(1.0, MediaStarted(), [], 2.0)

    assert len(core_log_path(tmp_path, "key").read_text().splitlines()) == 2
    recorder.close()
    recorder.close()  # harmless


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_costs_the_log_only(agent: AgentConfig, tmp_path: Path, log_text: Callable[[], str]) -> None:
    """Said once; the call goes on."""
    core_log_path(tmp_path, "key").symlink_to("/dev/full")
    recorder = CoreRecorder(tmp_path, start_of(agent))
    recorder.step(1.0, MediaStarted(), [], None)
    recorder.close()

    assert not recorder.is_on and log_text().count("core_log_lost") == 1


def test_a_folder_that_is_a_file_costs_the_log_only(
    agent: AgentConfig, tmp_path: Path, log_text: Callable[[], str]
) -> None:
    """The same for one that cannot be made."""
    (tmp_path / "taken").write_text("")

    assert not CoreRecorder(tmp_path / "taken", start_of(agent)).is_on
    assert log_text().count("core_log_lost") == 1


def test_two_calls_have_two_keys() -> None:
    """And the key tells nothing of the id."""
    assert len({call_key_of("v3:a"), call_key_of("v3:b")}) == 2
    assert len(call_key_of(CALL)) == 12 and "call" not in call_key_of(CALL)


def start_of(agent: AgentConfig) -> CoreStart:
    return CoreStart(agent, "key", "incoming", False, "carrier")

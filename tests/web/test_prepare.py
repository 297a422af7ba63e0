"""backend/web/prepare.py, over a real Redis and an empty folder."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import SettingsError, StoreError
from backend.records.agents import Agents
from backend.records.database import Database
from backend.settings import Settings
from backend.web import prepare as module
from backend.web.prepare import prepare
from backend.web.secret_file import admin_password_file
from tests.fakes.fake_clock import FakeClock
from tests.fakes.redis_server import RedisServer

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


def settings(tmp_path: Path, redis_url: str) -> Settings:
    return Settings(offhook_env="test", data_dir=tmp_path / "data", redis_url=redis_url)


def test_on_a_fresh_machine_everything_is_made_once(
    tmp_path: Path, redis_server: RedisServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """Folder, schema, an agent to talk to, an admin, the API key, printed the first time only."""
    chosen = settings(tmp_path, redis_server.url)
    prepare(chosen)
    printed = capfd.readouterr().err
    key = (tmp_path / "data" / "api_key").read_text().strip()
    prepare(chosen)
    again = capfd.readouterr()
    database = Database(chosen.records_url)
    agents = Agents(database, FakeClock()).list()
    database.close()

    password = admin_password_file(chosen.data_dir).read_text().strip()
    assert printed.count(key) == 1 and key not in again.err + again.out
    assert password not in printed + again.err + again.out
    assert len(agents) == 1


def test_a_redis_that_forgets_under_pressure_is_refused(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would lose calls silently."""
    monkeypatch.setattr(module, "WAIT_FOR_REDIS_S", 0.2)
    with (
        RedisServer(tmp_path, "--maxmemory-policy", "allkeys-lru") as forgetful,
        pytest.raises(SettingsError, match="lru"),
    ):
        prepare(settings(tmp_path, forgetful.url))


def test_a_redis_that_is_not_there_is_waited_for_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be starting at the same moment as we are."""
    monkeypatch.setattr(module, "WAIT_FOR_REDIS_S", 0.2)
    with pytest.raises(StoreError):
        prepare(settings(tmp_path, "redis://127.0.0.1:1/0"))


@pytest.mark.parametrize("program", [["-m", "backend.web.prepare"], ["-m", "gunicorn", "-c", "gunicorn.conf.py"]])
@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [("PORT", "eighty", "from 1 to 65535"), ("TTS_ADDRESS", "nowhere", "host:port"), ("VAD", "ears", "silero, webrtc")],
)
def test_a_wrong_setting_stops_the_start_with_field_value_and_what_is_allowed(
    tmp_path: Path, program: list[str], name: str, value: str, allowed: str
) -> None:
    """One line that says it all, and no traceback (E4)."""
    environment = {**os.environ, "DATA_DIR": str(tmp_path), name: value}
    done = subprocess.run(
        [sys.executable, *program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode != 0 and "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith(f"{name}:")]
    assert value in line and allowed in line


def test_a_turn_detector_without_its_model_stops_the_start(tmp_path: Path) -> None:
    """A wheel of that name without the file is as good as none: the line says what to install."""
    (tmp_path / "pipecat").mkdir()
    (tmp_path / "pipecat" / "__init__.py").touch()
    environment = {
        **os.environ, "DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": str(tmp_path), "TURN_DETECTOR": "smart_turn",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"], cwd=ROOT, env=environment, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert any(
        line.startswith("TURN_DETECTOR:") and "requirements-turn.txt" in line for line in done.stderr.splitlines()
    )


def test_logs_are_json_lines_from_the_start(tmp_path: Path, redis_server: RedisServer) -> None:
    """Run as gunicorn runs it, in a process of its own."""
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path / "data"),
        "REDIS_URL": redis_server.url,
        "OFFHOOK_ENV": "test",
    }
    done = subprocess.run(
        [sys.executable, "-m", "backend.web.prepare"], cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if not line.startswith("API key")]

    assert done.returncode == 0, done.stderr
    assert all(line.startswith("{") for line in lines) and any("demo_agent_made" in line for line in lines)

"""The doctor: what it finds on a sick installation."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.call.agent_config import AgentConfig
from backend.clock import SystemClock
from backend.doctor import Finding, examine
from backend.engines.voice_routing import Voice, VoiceWorker
from backend.records.agents import Agents
from backend.records.database import Database
from backend.store.connection import connect
from backend.store.database import RedisDatabase
from backend.store.voice_workers import VoiceWorkers
from tests.fakes.redis_server import RedisServer
from tests.workers.tts.processes import voice_server

AWAY = "redis://127.0.0.1:9/0"
KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def states(**environ: str) -> dict[str, str]:
    return {finding.part: finding.state for finding in examine(environ)}


def test_wrong_settings_are_the_first_and_only_finding(tmp_path: Path) -> None:
    """Nothing else can be judged before they are right."""
    findings = examine({"PORT": "many", "DATA_DIR": str(tmp_path)})

    assert [(finding.part, finding.state) for finding in findings] == [("settings", "wrong")]
    assert "PORT" in findings[0].detail


def test_each_part_is_judged_by_itself(tmp_path: Path) -> None:
    """Redis, voice and web are away, the database and the key are fine."""
    found = states(
        DATA_DIR=str(tmp_path),
        TELNYX_PUBLIC_KEY=KEY,
        REDIS_URL="redis://127.0.0.1:9/0",
        PORT="9",
        TTS_ADDRESS="127.0.0.1:9",
    )

    assert found == {
        "settings": "ok",
        "public key": "ok",
        "redis": "wrong",
        "database": "ok",
        "recordings": "ok",
        "voice": "wrong",
        "agents' voices": "wrong",
        "web": "wrong",
    }


def test_a_missing_public_key_is_found(tmp_path: Path) -> None:
    """Without it no webhook could be trusted."""
    found = states(DATA_DIR=str(tmp_path), REDIS_URL="redis://127.0.0.1:9/0", PORT="9")

    assert found["public key"] == "wrong"


def test_every_line_of_a_wrong_setting_is_shown(tmp_path: Path) -> None:
    """The first one is only the heading."""
    found = {finding.part: finding for finding in examine({"DATA_DIR": str(tmp_path), "PORT": "9", "REDIS_URL": AWAY})}

    assert "TELNYX_PUBLIC_KEY: must be set" in found["public key"].detail


def test_a_missing_data_folder_is_named_and_not_made(tmp_path: Path) -> None:
    """Neither is a missing database: the doctor changes nothing."""
    missing = {"DATA_DIR": str(tmp_path / "nowhere"), "PORT": "9", "REDIS_URL": AWAY}
    found = {finding.part: finding for finding in examine(missing)}
    assert found["database"].state == "wrong" and str(tmp_path / "nowhere") in found["database"].detail

    found = {finding.part: finding for finding in examine({**missing, "DATA_DIR": str(tmp_path)})}
    assert found["database"].state == "ok" and "not there yet" in found["database"].detail
    assert list(tmp_path.iterdir()) == []


# --- voices ------------------------------------------------------------------------------------------------------------

ENGLISH = Voice("anna", "en", "pocket-tts@1")


class Installation:
    """A Redis with workers in it, a database with agents in it, and what the doctor finds there."""

    def __init__(self, redis: RedisServer, folder: Path) -> None:
        self._client = connect(redis.url, timeout_s=2)
        self._client.flushdb()
        self.workers = VoiceWorkers(RedisDatabase(self._client))
        self.records = Database(f"sqlite:///{folder / 'offhook.sqlite3'}")
        self._environ = {"DATA_DIR": str(folder), "PORT": "9", "REDIS_URL": redis.url}

    def add_agent(self, name: str, voice: str, fallback_voice: str = "") -> None:
        Agents(self.records, SystemClock()).create(
            AgentConfig(name=name, voice=voice, language="en", fallback_voice=fallback_voice)
        )

    def examine(self, **environ: str) -> dict[str, Finding]:
        return {finding.part: finding for finding in examine({**self._environ, **environ})}

    def close(self) -> None:
        self.records.close()
        self._client.connection_pool.disconnect()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def installation(redis: RedisServer, migrated: Path, tmp_path: Path) -> Iterator[Installation]:
    shutil.copy(migrated, tmp_path / "offhook.sqlite3")
    found = Installation(redis, tmp_path)
    yield found
    found.close()


@pytest.mark.live
def test_without_a_voice_worker_it_says_how_to_start_one(installation: Installation) -> None:
    """And what callers hear meanwhile; the agents' voices are not judged on top."""
    found = installation.examine()

    assert found["voice"].state == "wrong"
    for said in ("no TTS worker is registered", "the carrier's voice", "-m backend.workers.tts.server", "REDIS_URL"):
        assert said in found["voice"].detail
    assert found["agents' voices"].state == "skipped"


@pytest.mark.live
def test_it_lists_the_voice_workers_with_models_load_and_state(installation: Installation) -> None:
    """One line each; one that drains is counted."""
    installation.workers.register(
        VoiceWorker("gpu-1", "10.0.0.7:50051", 200, voices=(ENGLISH,), resident_models=("pocket-tts@1",), queue_depth=3)
    )
    installation.workers.register(VoiceWorker("gpu-2", "10.0.0.8:50051", 100, is_draining=True))
    voice = installation.examine()["voice"]

    assert voice.state == "ok"
    assert voice.detail.splitlines() == [
        "2 live, 1 of them draining",
        "gpu-1 at 10.0.0.7:50051: serving, pocket-tts@1, voices 1, load 3/200",
        "gpu-2 at 10.0.0.8:50051: draining, no model, voices 0, load 0/100",
    ]


@pytest.mark.live
@pytest.mark.parametrize(
    ("worker", "said"),
    [
        (VoiceWorker("gpu-1", "h:1", resident_models=("m",), is_draining=True), "every TTS worker is going down"),
        (VoiceWorker("gpu-1", "h:1"), "no TTS worker has a model loaded"),
    ],
)
def test_workers_that_cannot_speak_are_no_voice(installation: Installation, worker: VoiceWorker, said: str) -> None:
    """Registered is not enough."""
    installation.workers.register(worker)
    voice = installation.examine()["voice"]

    assert (voice.state, said in voice.detail, "gpu-1" in voice.detail) == ("wrong", True, True)


@pytest.mark.live
def test_an_agent_whose_voice_nobody_speaks_is_named(installation: Installation) -> None:
    """So is its fallback voice; a worker that drains does not count."""
    installation.workers.register(VoiceWorker("gpu-1", "h:1", voices=(ENGLISH,), resident_models=("m",)))
    bert = Voice("bert", "en", "m")
    installation.workers.register(VoiceWorker("gpu-2", "h:2", voices=(bert,), resident_models=("m",), is_draining=True))
    installation.add_agent("Front desk", "anna")
    assert installation.examine()["agents' voices"].detail == "agents looked at: 1; each of their voices is there"
    installation.add_agent("Night", "bert", fallback_voice="carla")
    found = installation.examine()["agents' voices"]

    assert found.state == "wrong"
    assert found.detail.splitlines()[:2] == [
        "agent 'Night': no worker has its voice 'bert'",
        "agent 'Night': no worker has its fallback voice 'carla'",
    ]
    assert "Front desk" not in found.detail and "voices --all" in found.detail


@pytest.mark.live
def test_a_fixed_worker_is_asked_itself(installation: Installation) -> None:
    """TTS_ADDRESS: no registry is looked at."""
    installation.add_agent("Front desk", "en-us+f3")
    with voice_server() as server:
        found = installation.examine(TTS_ADDRESS=server.address)

    assert f"{server.address}: serving, espeak-ng" in found["voice"].detail
    assert (found["voice"].state, found["agents' voices"].state) == ("ok", "ok")

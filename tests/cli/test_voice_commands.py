"""`voices` and `say`, against real workers and a real registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from backend.audio.wav import parse_wav
from backend.cli import main
from backend.engines.voice_routing import Voice, VoiceWorker
from backend.store.connection import connect
from backend.store.database import RedisDatabase
from backend.store.voice_workers import VoiceWorkers
from tests.fakes.redis_server import RedisServer
from tests.workers.tts.processes import Server, voice_server

NOBODY = "127.0.0.1:9"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def registry(redis: RedisServer) -> Iterator[VoiceWorkers]:
    client = connect(redis.url, timeout_s=2)
    client.flushdb()
    yield VoiceWorkers(RedisDatabase(client))
    client.connection_pool.disconnect()


@pytest.fixture(scope="module")
def worker() -> Iterator[Server]:
    with voice_server() as server:
        yield server


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.live
def test_voices_lists_workers_models_and_load(redis: RedisServer, registry: VoiceWorkers) -> None:
    """As a table, one line each."""
    anna = Voice("anna", "de", "pocket@1")
    registry.register(
        VoiceWorker("gpu-1", "10.0.0.7:50051", 200, voices=(anna,), resident_models=("pocket@1",), queue_depth=12)
    )
    registry.register(VoiceWorker("gpu-2", "10.0.0.8:50051", 200, is_draining=True, p50_latency_ms=80.4, rtf=0.04))
    code, output = run("voices", "--all", "--redis-url", redis.url)

    assert code == 0
    first, second = (next(line for line in output.splitlines() if name in line) for name in ("gpu-1", "gpu-2"))
    assert all(part in first for part in ("10.0.0.7:50051", "serving", "pocket@1", "de", "12/200"))
    assert all(part in second for part in ("draining", "none", "0/200", "80 ms", "0.040"))
    assert "anna  de  pocket@1" in output


@pytest.mark.live
def test_voices_of_one_address_are_asked_directly(worker: Server) -> None:
    """No registry is needed."""
    code, output = run("voices", "--address", worker.address)

    assert code == 0 and "espeak-ng" in output and worker.address in output


@pytest.mark.live
def test_without_a_worker_voices_says_what_may_be_wrong(redis: RedisServer, registry: VoiceWorkers) -> None:
    """Exit code 1."""
    code, output = run("voices", "--redis-url", redis.url)

    assert code == 1 and "no TTS worker is registered" in output


@pytest.mark.live
@pytest.mark.parametrize("rate", [8000, 24000])
def test_say_writes_what_was_spoken(worker: Server, tmp_path: Path, rate: int) -> None:
    """A WAV file at the wanted rate, with sound in it."""
    out = tmp_path / "x.wav"
    code, output = run(
        "say", "Hello there.", "--voice", "en-us", "--rate", str(rate), "--out", str(out), "--address", worker.address
    )
    wav = parse_wav(out.read_bytes())

    assert code == 0 and str(out) in output and "first audio after" in output
    assert wav.sample_rate == rate and 0.3 < len(wav.samples) / rate < 3 and abs(wav.samples).max() > 1000


@pytest.mark.live
def test_say_finds_a_worker_in_the_registry_and_passes_by_the_dead(
    redis: RedisServer, registry: VoiceWorkers, worker: Server, tmp_path: Path
) -> None:
    """By voice or by language."""
    english = Voice("en-us", "en-us", "espeak-ng")
    for name, address in (("a-dead", NOBODY), ("b-alive", worker.address)):
        registry.register(VoiceWorker(name, address, 4, voices=(english,), resident_models=("espeak-ng",)))
    for choice in (["--voice", "en-us"], ["--language", "en"]):
        code, output = run("say", "Hello.", *choice, "--out", str(tmp_path / "x.wav"), "--redis-url", redis.url)

        assert code == 0 and "by b-alive" in output


@pytest.mark.live
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Hello.", "--address", NOBODY], f"{NOBODY}: does not answer"),
        (["Hello.", "--redis-url", "redis://127.0.0.1:9/0"], "Redis did not answer"),
        (["Hello.", "--voice", "nobody"], "no voice available for voice 'nobody'; 1 workers are known"),
        (["", "--voice", "en-us"], "text: nothing to speak"),
        (["Hello.", "--out", "/nowhere/x.wav"], "/nowhere/x.wav: No such file"),
    ],
)
def test_what_goes_wrong_is_said_in_a_line(worker: Server, tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit code 1, no traceback."""
    where = [] if {"--address", "--redis-url"} & set(arguments) else ["--address", worker.address]
    out = [] if "--out" in arguments else ["--out", str(tmp_path / "x.wav")]
    code, output = run("say", *arguments, *where, *out)

    assert code == 1 and said in output
    assert not (tmp_path / "x.wav").exists()

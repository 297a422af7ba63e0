"""`voices` and `say`, against real workers and a real registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from backend.audio.wav import build_wav, parse_wav
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


@pytest.mark.live
def test_a_model_is_unloaded_and_loaded_again_while_the_worker_runs(tmp_path: Path) -> None:
    """Between the two nobody speaks, and that is said; the registry's name of a model, with its version, will do."""
    with voice_server() as server:
        where = ["--address", server.address]
        assert run("voices", "unload", "espeak-ng", *where) == (
            0, f"espeak-ng is no longer resident in {server.address}\n"
        )  # fmt: skip
        _, listed = run("voices", *where)
        code, refused = run("say", "Hello.", "--voice", "en-us", "--out", str(tmp_path / "x.wav"), *where)
        assert "none" in listed and (code, "no voice available" in refused) == (1, True)
        code, said = run("voices", *where, "load", "espeak-ng@1.52")
        assert code == 0 and f"espeak-ng is resident in {server.address}: " in said
        assert run("say", "Hello.", "--voice", "en-us", "--out", str(tmp_path / "x.wav"), *where)[0] == 0


@pytest.mark.live
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["load", "flite"], "NOT_FOUND: model: 'flite' is unknown; configured here are espeak-ng"),
        (["unload", "flite"], "NOT_FOUND: model: 'flite' is unknown; configured here are espeak-ng"),
        (["load", "espeak-ng", "--worker", "gpu-9"], "no worker has the name 'gpu-9'; there are "),
        (["load", "espeak-ng", "--address", NOBODY], f"{NOBODY}: does not answer"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_said_in_a_line(worker: Server, arguments: list[str], said: str) -> None:
    """Exit code 1, no traceback."""
    where = [] if "--address" in arguments else ["--address", worker.address]
    code, output = run("voices", *arguments, *where)

    assert code == 1 and said in output


@pytest.mark.live
def test_of_several_workers_one_is_named(redis: RedisServer, registry: VoiceWorkers, worker: Server) -> None:
    """To load a model everywhere by accident would be dear."""
    where = ["--redis-url", redis.url]
    assert "no TTS worker is registered" in run("voices", "load", "espeak-ng", *where)[1]
    registry.register(VoiceWorker("gpu-1", worker.address, 4))
    assert "resident in gpu-1" in run("voices", "load", "espeak-ng", *where)[1]
    registry.register(VoiceWorker("gpu-2", NOBODY, 4))
    code, output = run("voices", "load", "espeak-ng", *where)

    assert (code, "--worker names one of gpu-1, gpu-2" in output) == (1, True)
    assert "resident in gpu-1" in run("voices", "load", "espeak-ng", "--worker", "gpu-1", *where)[1]


def test_a_voice_is_not_made_of_a_bad_recording(tmp_path: Path) -> None:
    """Said before torch is even looked for; nothing is written."""
    (tmp_path / "short.wav").write_bytes(build_wav(b"\1\2" * 24000, 24000))
    for arguments, said in (
        (["anna", str(tmp_path / "short.wav")], "short.wav: 1.0 s is too short; allowed are 2 to 30 s"),
        (["anna", str(tmp_path / "none.wav")], "none.wav: No such file"),
        (["../anna", str(tmp_path / "short.wav")], "voice name: '../anna'; allowed are"),
    ):
        code, output = run("voices", "make", *arguments, "--models-dir", str(tmp_path / "models"))
        assert code == 1 and said in output
    assert not (tmp_path / "models").exists()

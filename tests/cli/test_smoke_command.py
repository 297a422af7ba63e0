"""`smoke`: a real worker speaks and its bytes are checked; a worker that cannot is said so, with exit code 1."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from backend.cli import main
from backend.engines.voice_routing import VoiceWorker
from backend.store.connection import connect
from backend.store.database import RedisDatabase
from backend.store.voice_workers import VoiceWorkers
from tests.fakes.redis_server import RedisServer
from tests.workers.tts.processes import Server, voice_server

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def worker() -> Iterator[Server]:
    with voice_server() as server:
        yield server


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["smoke", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_worker_that_speaks_passes(worker: Server) -> None:
    code, output = run("--address", worker.address)

    assert code == 0 and "PASSED" in output and "like speech" in output


def test_another_voice_and_text_are_checked_as_well(worker: Server) -> None:
    assert run("--address", worker.address, "--voice", "de", "--text", "Guten Tag, das ist eine Probe.")[0] == 0


def test_an_unknown_voice_is_a_failed_check(worker: Server) -> None:
    code, output = run("--address", worker.address, "--voice", "nobody")

    assert code == 1 and "INVALID_ARGUMENT" in output and "nobody" in output


@pytest.mark.parametrize("text", ["", " \t", "..."])
def test_a_text_with_nothing_to_say_is_wrong_usage(worker: Server, text: str) -> None:
    assert run("--address", worker.address, "--text", text)[0] == 2


def test_every_registered_worker_is_asked_and_one_dead_one_fails_all(
    worker: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with RedisServer(tmp_path_factory.mktemp("redis")) as redis:
        client = connect(redis.url, timeout_s=2)
        registry = VoiceWorkers(RedisDatabase(client))
        registry.register(VoiceWorker("alive", worker.address, 4))
        assert run("--redis-url", redis.url)[0] == 0
        registry.register(VoiceWorker("dead", "127.0.0.1:9", 4))
        code, output = run("--redis-url", redis.url)
        assert code == 1 and "PASSED  alive" in output and "FAILED  dead" in output
        client.flushdb()
        code, output = run("--redis-url", redis.url)
        assert code == 1 and "no TTS worker is registered" in output
        client.connection_pool.disconnect()

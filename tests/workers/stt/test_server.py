"""The sidecar's process: what keeps it from starting, that there is one, how it ends, what it needs after many sessions."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workers.stt.fake_recogniser import FIRST
from tests.workers.stt.sidecars import ROOT, TOKEN, audio, client_of, health, sidecar_process

pytestmark = pytest.mark.live

PRODUCTION = {
    "OFFHOOK_ENV": "production",
    "TELNYX_API_KEY": "KEY0123456789",
    "TELNYX_PUBLIC_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "TELNYX_CONNECTION_ID": "1494404757140276705",
    "PUBLIC_BASE_URL": "https://phone.example.com",
    "OPENAI_API_KEY": "sk-0123456789",
}


def start(data_dir: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A start that must not come to anything."""
    return subprocess.run(
        [sys.executable, "-m", "tests.workers.stt.fake_recogniser"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(data_dir), "STT_RECOGNISER": "fake", "STT_TOKEN": TOKEN, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"STT_TOKEN": ""}, "STT_TOKEN: must be set"),
        ({"STT_TOKEN": "   "}, "STT_TOKEN: must be set"),
        ({"STT_RECOGNISER": ""}, "STT_RECOGNISER: must name a recogniser"),
        ({"STT_RECOGNISER": "whisper"}, "STT_RECOGNISER: 'whisper' is wrong"),
        ({"STT_PORT": "-1"}, "STT_PORT: '-1'"),
        ({**PRODUCTION, "STT_TOKEN": "changeme"}, "STT_TOKEN: holds a placeholder"),
        ({**PRODUCTION, "STT_TOKEN": "short-token"}, "STT_TOKEN: must have at least 16 characters in production"),
        ({"FAKE_LOAD_S": "never"}, "fake: there is no model"),
        ({"DATA_DIR": "/proc/nowhere"}, "DATA_DIR"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    """One line with the reason, and a status that supervisors understand as final."""
    done = start(tmp_path, **environment)

    assert done.returncode == 2, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr and done.stdout == ""


def test_a_second_one_does_not_start_and_the_first_goes_on(tmp_path: Path) -> None:
    """Not with the same DATA_DIR, not on the same port; after the first has ended, even by force, the next one does."""
    (tmp_path / "other").mkdir()
    with sidecar_process(tmp_path / "one") as first:
        first.wait_until_ready()
        same_folder = start(tmp_path / "one", STT_PORT="1")
        same_port = start(tmp_path / "other", STT_PORT=str(first.port))

        assert same_folder.returncode == 2
        assert f"another STT sidecar (pid {first.process.pid}) runs" in same_folder.stderr
        assert same_port.returncode == 2
        assert f"cannot listen on 127.0.0.1:{first.port}" in same_port.stderr
        assert health(first.port)[0] == 200
    with sidecar_process(tmp_path / "one") as next_one:
        next_one.wait_until_ready()


def test_sigterm_gives_the_last_words_then_1001_then_ends_with_0(tmp_path: Path) -> None:
    """In a second or two, whatever its clients do; the lock is free."""

    async def story(port: int, pid: int) -> None:
        async with client_of(port) as client, client_of(port) as silent:
            await client.start()
            await silent.start()
            await client.send(audio(samples=FIRST + 100))
            await client.hear("transcript")
            silent.connection.transport.pause_reading()
            os.kill(pid, signal.SIGTERM)
            assert await client.close_code() == 1001
            assert client.texts(final=True) == ["w1 w2"]

    with sidecar_process(tmp_path) as sidecar:
        sidecar.wait_until_ready()
        asyncio.run(story(sidecar.port, sidecar.process.pid))
        assert sidecar.process.wait(10) == 0
        events = [line["event"] for line in sidecar.lines]

    assert events[0] == "stt.ready" and events[-1] == "stt.stopped"


def test_sigterm_while_it_loads_ends_it(tmp_path: Path) -> None:
    """A model takes its time; nobody waits for it."""
    with sidecar_process(tmp_path, FAKE_LOAD_S="60") as sidecar:
        while health(sidecar.port)[0] != 503:
            assert sidecar.process.poll() is None
        sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.process.wait(15) == 1  # something is left behind: the thread that loads


def test_killing_a_client_s_process_in_mid_audio_disturbs_no_other(tmp_path: Path) -> None:
    """SIGKILL, with audio on its way; its seat is free at once, the other one hears word after word."""
    script = (
        "import asyncio, sys\n"
        "from tests.workers.stt.sidecars import *\n"
        "async def main():\n"
        "    async with client_of(int(sys.argv[1])) as client:\n"
        "        await client.start()\n"
        "        while True:\n"
        "            await client.send(audio())\n"
        "            print('sent', flush=True)\n"
        "            await asyncio.sleep(0.001)\n"
        "asyncio.run(main())\n"
    )

    async def story(port: int, killed: "subprocess.Popen[bytes]") -> None:
        async with client_of(port) as client:
            await client.start()
            for number in range(1, 41):
                await client.send(audio(samples=FIRST if number == 1 else 640))
                assert (await client.hear("transcript"))["text"].endswith(f"w{number}")
                if number == 10:
                    killed.kill()
            async with asyncio.timeout(5):
                while (await asyncio.to_thread(health, port))[1]["sessions"] != 1:
                    await asyncio.sleep(0.02)

    with sidecar_process(tmp_path) as sidecar:
        sidecar.wait_until_ready()
        other = subprocess.Popen([sys.executable, "-c", script, str(sidecar.port)], cwd=ROOT, stdout=subprocess.PIPE)
        try:
            assert other.stdout is not None and other.stdout.readline() == b"sent\n"
            asyncio.run(story(sidecar.port, other))
        finally:
            other.kill()
            other.wait()
            if other.stdout is not None:
                other.stdout.close()


def test_sessions_leave_memory_where_it_was(tmp_path: Path) -> None:
    """120 of them, after 60 that filled the allocator's pools: at most 1 % more. The same with 500, and with the real
    recognisers: `python -m tests.bench stt_sidecar`."""
    with sidecar_process(tmp_path) as sidecar:
        sidecar.wait_until_ready()
        asyncio.run(many_sessions(sidecar.port, 60))
        before = sidecar.resident_kb()
        asyncio.run(many_sessions(sidecar.port, 120))
        after = sidecar.resident_kb()

    assert after <= before * 1.01, (before, after)


async def many_sessions(port: int, count: int) -> None:
    """One after the other, each with a second of audio in messages of 20 ms."""
    for _ in range(count):
        async with client_of(port) as client:
            await client.start(sample_rate=8000)
            for _ in range(50):
                await client.send(audio(samples=160))
            await client.say("stop")
            assert await client.close_code() == 1000


def test_no_word_and_no_token_is_in_the_log(tmp_path: Path) -> None:
    """Neither of good clients nor of bad ones."""

    async def story(port: int) -> None:
        async with client_of(port) as client:
            await client.start(call="v3:a")
            await client.send(audio(samples=FIRST))
            await client.say("stop")
            await client.close_code()
        async with client_of(port) as client:
            await client.say("auth", token="wrong-canary-991")
            await client.close_code()
        async with client_of(port) as client:
            await client.start()
            await client.send("words-canary-992")
            await client.close_code()

    with sidecar_process(tmp_path, LOG_LEVEL="DEBUG") as sidecar:
        sidecar.wait_until_ready()
        asyncio.run(story(sidecar.port))
        while len(codes := [line["code"] for line in sidecar.lines if line["event"] == "stt.session_over"]) < 3:
            time.sleep(0.02)
        lines = sidecar.lines

    text = repr(lines)
    assert codes == [1000, 1008, 1003]
    assert "v3:a" in text
    assert TOKEN not in text and "canary" not in text and "w1" not in text

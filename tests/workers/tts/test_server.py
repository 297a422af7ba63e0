"""The worker's process: settings, start, stop. The stream itself is tested in tests/engines/test_tts_grpc.py."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workers.tts.processes import ROOT, run_client, voice_server

LONG = "This sentence is one of very many that follow each other. " * 150
SOME = LONG[:2000]


@pytest.mark.live
def test_settings_come_from_the_secrets_file_and_the_yaml_file_too(tmp_path: Path) -> None:
    """As for every other process; TTS_MAX_SESSIONS from one, TTS_ENGINES from the other."""
    (tmp_path / "secrets").write_text("TTS_MAX_SESSIONS=3\n")
    (tmp_path / "offhook.yaml").write_text("TTS_ENGINES: ' espeak-ng '\n")
    files = {"OFFHOOK_SECRETS_FILE": str(tmp_path / "secrets"), "OFFHOOK_CONFIG": str(tmp_path / "offhook.yaml")}
    with voice_server(**files) as server:
        (ready,) = [line for line in server.lines if line["event"] == "tts.ready"]

    assert (ready["max_sessions"], ready["models"]) == (3, ["espeak-ng"])


@pytest.mark.live
def test_the_log_looks_like_that_of_every_other_process() -> None:
    """Time, worker, and of a synthesis the call that it belongs to."""
    with voice_server() as server:
        run_client("list(tts(arguments[0]).synthesize(ask(synthesis_id='v3:a:call:1-2:1')))", server.address)
        lines = server.lines

    assert all({"ts", "level", "event", "worker"} <= set(line) for line in lines)
    assert [line["call_control_id"] for line in lines if line["event"] == "synthesis.ended"] == ["v3:a:call"]


@pytest.mark.live
def test_a_wrong_setting_stops_the_start() -> None:
    """One line with the reason and a status that supervisors understand as final."""
    done = subprocess.run(
        [sys.executable, "-m", "backend.workers.tts.server"],
        cwd=ROOT,
        env={**os.environ, "TTS_PORT": "-1"},
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert done.returncode == 2
    assert "TTS_PORT: '-1'" in done.stderr and done.stdout == ""


@pytest.mark.live
def test_the_default_voice_of_a_language_is_a_setting() -> None:
    """A text in English without a voice is spoken by the one that was chosen; another language is nobody's business."""
    script = """
voice = tts(arguments[0])
list(voice.synthesize(ask(voice="", language="en")))
list(voice.synthesize(ask(voice="", language="de")))
result["first"] = [each.name for each in voice.voices()][0]
"""
    with voice_server(TTS_DEFAULT_VOICES="en-gb-scotland, fr-fr") as server:
        result = run_client(script, server.address)
        spoken = [line["voice"] for line in server.lines if line["event"] == "synthesis.ended"]

    assert spoken == ["en-gb-scotland", "de"]
    assert result["first"]


@pytest.mark.live
def test_a_default_voice_that_no_engine_has_stops_the_start() -> None:
    """By name: a spelling mistake must not end in another voice."""
    with (
        pytest.raises(AssertionError, match=r"TTS_DEFAULT_VOICES: 'nobody' is wrong; allowed: voices that espeak-ng"),
        voice_server(TTS_DEFAULT_VOICES="en-us,nobody"),
    ):
        pass


@pytest.mark.live
def test_a_second_worker_on_the_same_port_does_not_start() -> None:
    """Two workers that share a port by accident would each get half of the cancels."""
    with voice_server() as first:
        done = subprocess.run(
            [sys.executable, "-m", "backend.workers.tts.server"],
            cwd=ROOT,
            env={**os.environ, "TTS_HOST": "127.0.0.1", "TTS_PORT": first.address.rpartition(":")[2]},
            capture_output=True,
            text=True,
            timeout=20,
        )

    assert done.returncode == 2
    assert "tts.not_started" in done.stderr


@pytest.mark.live
def test_sigterm_lets_a_running_synthesis_finish_and_refuses_new_ones() -> None:
    """E5: the caller hears the end of the sentence; the next one is asked of another worker."""
    script = """
import os, signal
voice = tts(arguments[0])
frames = voice.synthesize(ask(arguments[2]))
next(frames)
os.kill(int(arguments[1]), signal.SIGTERM)
while not voice.health().is_draining:
    gevent.sleep(0.01)
try:
    list(voice.synthesize(ask()))
except EngineFailed as error:
    result["refusal"] = str(error)
result["ends_final"] = list(frames)[-1].is_final
"""
    with voice_server() as server:
        result = run_client(script, server.address, str(server.process.pid), SOME)

        assert "UNAVAILABLE" in result["refusal"]
        assert result["ends_final"]
        assert server.process.wait(8) == 0
        assert [line["event"] for line in server.lines][-1] == "tts.stopped"


@pytest.mark.live
def test_sigterm_does_not_wait_for_ever_for_a_client_that_does_not_read() -> None:
    """Five seconds, then the stream ends with a status and the process with zero."""
    script = """
import os, signal
frames = tts(arguments[0]).synthesize(ask(arguments[2], sample_rate=48000))
next(frames)
os.kill(int(arguments[1]), signal.SIGTERM)
began = clock()
while os.path.exists(f"/proc/{arguments[1]}/fd/0") and clock() - began < 8:
    gevent.sleep(0.05)
result["seconds"] = clock() - began
"""
    with voice_server() as server:
        result = run_client(script, server.address, str(server.process.pid), LONG)

        assert server.process.wait(3) == 0
        assert 4.0 < result["seconds"] < 7.0


@pytest.mark.live
def test_the_log_has_one_line_per_synthesis_and_none_of_its_words() -> None:
    """J2."""
    with voice_server() as server:
        run_client("list(tts(arguments[0]).synthesize(ask('Confidential words.')))", server.address)
        ended = [line for line in server.lines if line["event"] == "synthesis.ended"]

        assert [line["outcome"] for line in ended] == ["spoken"]
        assert "onfidential" not in str(server.lines)
        server.signal(signal.SIGTERM)
        assert server.process.wait(5) == 0

"""Starts the programs that the live tests of the voice plane talk to, and ends them: a voice server, a gevent client.

pytest's own process stays unpatched and opens no channel: everything gRPC happens in children.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[3]
READY_WITHIN_S = 90.0
"""Importing torch takes five seconds of a free processor and several times that of a shared one. A server that dies is
noticed at once, so patience costs nothing where all is well."""


@dataclass
class Server:
    """A voice server that listens. `lines` are its log so far."""

    process: subprocess.Popen[bytes]
    address: str
    _log: IO[bytes] = field(repr=False)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return _lines(self._log)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)


@contextmanager
def voice_server(module: str = "backend.workers.tts.server", **environment: str) -> Iterator[Server]:
    """Any module that prints a line with "event": "tts.ready" and "address"; on a port that the system chooses.
    It registers in the Redis that is named, else nowhere: least of all in one that happens to run here."""
    where = {} if "REDIS_URL" in environment else {"TTS_ADDRESS": "127.0.0.1:1"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**os.environ, "TTS_HOST": "127.0.0.1", "TTS_PORT": "0", **where, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Server(process, _wait_until_ready(process, log), log)
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", log: IO[bytes]) -> str:
    give_up_at = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up_at and process.poll() is None:
        for line in _lines(log):
            if line.get("event") == "tts.ready":
                return str(line["address"])
        time.sleep(0.02)
    raise AssertionError(f"the server did not start: {_lines(log)}")


def _lines(log: IO[bytes]) -> list[dict[str, Any]]:
    text = os.pread(log.fileno(), 10_000_000, 0).decode()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def run_client(script: str, *arguments: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """What the script leaves in `result`, run in a monkey-patched child like a web worker's. It finds `tts(…)`, which
    makes a GrpcTts, `ask(text, …)`, a SynthesisRequest, `clock`, `gevent`, the errors, and `arguments`."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.workers.tts.gevent_client", script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A greenlet that is still at work (a call's record being stored) may log behind the answer.
    line = next(line for line in reversed(done.stdout.splitlines()) if line.startswith("{"))
    answer: dict[str, Any] = json.loads(line)
    return answer

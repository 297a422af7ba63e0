"""The fake sidecar as a process of its own, to be stopped and killed: a final word for each second of audio, `alive` each
second. `python -m tests.fakes.sidecar_process PORT` prints a line when it listens and runs until it is killed; for tests:

with SidecarProcess(port) as process: process.pause(); process.resume(); process.kill()
"""

import subprocess
import sys
import time
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from types import TracebackType
from typing import Self

from websockets.exceptions import ConnectionClosed

from tests.fakes.fake_sidecar import FakeSidecar, Session

ROOT = Path(__file__).parents[2]


class SidecarProcess:
    """Started when it is entered, ready when that returns."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"ws://127.0.0.1:{port}/"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.sidecar_process", str(self.port)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def pause(self) -> None:
        self._process.send_signal(SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def serve(port: int) -> None:
    with FakeSidecar(port=port) as sidecar:
        print("listening", flush=True)
        told_s: dict[Session, float] = {}
        alive_at = 0.0
        while True:
            time.sleep(0.05)
            is_alive_due = time.monotonic() >= alive_at
            alive_at = time.monotonic() + 1 if is_alive_due else alive_at
            for session in [one for one in sidecar.sessions if not one.is_over.is_set()]:
                try:
                    if is_alive_due:
                        session.alive()
                    if session.audio_s >= told_s.get(session, 0.0) + 1:
                        told_s[session] = session.audio_s
                        session.say(f"word {session.utterance}", is_final=True)
                except (ConnectionClosed, OSError):
                    session.is_over.set()


if __name__ == "__main__":
    serve(int(sys.argv[1]))

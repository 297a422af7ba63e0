"""`python -m backend up`, as a new user starts it, on a free port: what the browser tests look at.

Its address, its admin's password and its API key are read from what it prints, so a message that stopped being true fails
here. Stopped with Ctrl-C, like everybody else does it.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 200.0
_SAID = {
    "url": re.compile(r"ready on (http://127\.0\.0\.1:\d+)"),
    "password": re.compile(r"sign in\s+admin, password (\S+)"),
    "api_key": re.compile(r"API key\s+(\S+)"),
    "ready": re.compile(r"Ctrl-C stops everything"),
}


class RunningUp:
    """`url`, `password` (of `admin`) and `api_key` are there while the context is open."""

    url: str
    password: str
    api_key: str

    def __init__(self, *, workers: int = 2) -> None:
        self._command = [sys.executable, "-m", "backend", "up", "--port", "0", "--workers", str(workers)]
        self._environment = {**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=REPOSITORY, env=self._environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        deadline = time.monotonic() + READY_WITHIN_S
        while not all(self._said(name) for name in _SAID):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise AssertionError("`up` did not start:\n" + self.output)
            time.sleep(0.1)
        self.url, self.password, self.api_key = (self._said(name) for name in ("url", "password", "api_key"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def output(self) -> str:
        """All it has printed."""
        return "".join(self._lines)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)

    def _said(self, name: str) -> str:
        found = _SAID[name].search(self.output)
        return "" if found is None else found[found.lastindex or 0]

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()

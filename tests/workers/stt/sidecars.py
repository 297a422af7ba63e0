"""A sidecar to talk to: in this process, to look inside, or as the process that it is; and a client for it."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from backend.rehearsal.ports import PortReservation
from backend.settings import Settings
from backend.workers.stt import recogniser_names
from backend.workers.stt.sidecar import Sidecar
from tests.workers.stt.fake_recogniser import FakeRecogniser

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "a-token-of-some-length"
SOON_S = 10.0
LOUD = 2000


def audio(first: int = LOUD, samples: int = 640) -> bytes:
    """A message of audio at 16 kHz; by its length one piece of the fake recogniser."""
    return np.full(samples, first, "<i2").tobytes()


@dataclass
class Client:
    """The client's end. Every wait is limited."""

    connection: ClientConnection
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def say(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def send(self, message: str | bytes) -> None:
        await self.connection.send(message)

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message of that kind; others are kept in `heard`."""
        async with asyncio.timeout(SOON_S):
            while True:
                message: dict[str, Any] = json.loads(await self.connection.recv())
                self.heard.append(message)
                if message["type"] == kind:
                    return message

    async def close_code(self) -> int | None:
        """The code that the sidecar closes with; what it says before is kept."""
        async with asyncio.timeout(SOON_S):
            try:
                while True:
                    self.heard.append(json.loads(await self.connection.recv()))
            except ConnectionClosed:
                return self.connection.close_code

    async def start(self, token: str = TOKEN, *, sample_rate: int = 16000, **fields: Any) -> None:
        """Through the door: auth, ready, start."""
        await self.say("auth", token=token)
        await self.hear("ready")
        await self.say("start", sample_rate=sample_rate, **fields)

    def texts(self, *, final: bool | None = None) -> list[str]:
        """What was heard so far."""
        said = [message for message in self.heard if message["type"] == "transcript"]
        return [message["text"] for message in said if final is None or message["is_final"] is final]


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    """A connection that has not said anything yet. It offers no compression, as the product's client."""
    connection = await connect(
        f"ws://127.0.0.1:{port}/", compression=None, ping_interval=None, close_timeout=1, max_queue=None, proxy=None
    )
    try:
        yield Client(connection)
    finally:
        if connection.state is State.OPEN:  # the library cannot close what was reset under it
            await connection.close()


@dataclass
class Running:
    """A sidecar in this event loop."""

    sidecar: Sidecar
    port: int
    recogniser: FakeRecogniser
    _stop: asyncio.Event
    _task: "asyncio.Task[bool]"

    def client(self) -> Any:
        return client_of(self.port)

    async def health(self) -> tuple[int, dict[str, Any]]:
        return await asyncio.to_thread(health, self.port)

    async def idle(self) -> None:
        """Returns when nobody has a seat."""
        async with asyncio.timeout(SOON_S):
            while (await self.health())[1]["sessions"]:
                await asyncio.sleep(0.01)

    async def stop(self) -> bool:
        """As SIGTERM does it: what `run` gives."""
        self._stop.set()
        return await asyncio.wait_for(self._task, SOON_S)


@asynccontextmanager
async def running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, seats: int = 2, wait: bool = True
) -> AsyncIterator[Running]:
    """A sidecar with the fake recogniser. `wait`: until it is loaded."""
    monkeypatch.setitem(recogniser_names.RECOGNISERS, "fake", "tests.workers.stt.fake_recogniser:FakeRecogniser")
    ports = PortReservation(tmp_path / "ports")
    settings = Settings(
        stt_recogniser="fake", stt_token=TOKEN, stt_port=ports.take(), stt_max_concurrent_sessions=seats,
        data_dir=tmp_path,
    )  # fmt: skip
    sidecar, stop = Sidecar(settings), asyncio.Event()
    task = asyncio.create_task(sidecar.run(stop))
    recogniser = sidecar._house.compute.recogniser
    assert isinstance(recogniser, FakeRecogniser)
    found = Running(sidecar, settings.stt_port, recogniser, stop, task)
    try:
        async with asyncio.timeout(SOON_S):
            while wait and (await found.health())[0] != 200:
                await asyncio.sleep(0.01)
        yield found
    finally:
        stop.set()
        await asyncio.wait_for(task, SOON_S)
        ports.release()


def health(port: int) -> tuple[int, dict[str, Any]]:
    """What /health says; 0 and nothing while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
    except (urllib.error.URLError, OSError):
        return 0, {}


@dataclass
class Process:
    """A sidecar's process. `lines` are its log so far."""

    process: "subprocess.Popen[bytes]"
    port: int
    _log: IO[bytes] = field(repr=False)

    @property
    def lines(self) -> list[dict[str, Any]]:
        text = os.pread(self._log.fileno(), 10_000_000, 0).decode()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def wait_until_ready(self, within_s: float = 30.0) -> None:
        give_up_at = time.monotonic() + within_s
        while health(self.port)[0] != 200:
            assert self.process.poll() is None and time.monotonic() < give_up_at, self.lines
            time.sleep(0.05)

    def resident_kb(self) -> int:
        """Memory of the process, as the system counts it."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@contextmanager
def sidecar_process(
    data_dir: Path, module: str = "tests.workers.stt.fake_recogniser", **environment: str
) -> Iterator[Process]:
    """The real process; with the fake recogniser unless another module or STT_RECOGNISER is named."""
    ports = PortReservation(data_dir / "ports")
    port = int(environment.pop("STT_PORT", 0)) or ports.take()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={
                **os.environ,
                "OPENBLAS_NUM_THREADS": "1",  # as supervisord.conf has it
                "STT_RECOGNISER": "fake", "STT_TOKEN": TOKEN, "STT_PORT": str(port), "DATA_DIR": str(data_dir),
                **environment,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield Process(process, port, log)
        finally:
            process.kill()
            process.wait()
            ports.release()

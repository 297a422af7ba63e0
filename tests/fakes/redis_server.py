"""A real redis-server of our own for tests: a free port, nothing on disk, ended by its process id."""

import socket
import subprocess
import time
from pathlib import Path

import redis
from redis.exceptions import RedisError

from backend.store.redis_binary import find_redis_server


class RedisServer:
    """Start, stop, start again on the same port; `with RedisServer(folder) as server: server.url`."""

    def __init__(self, folder: Path, *extra_options: str) -> None:
        self._folder = folder
        self._extra_options = extra_options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        command = [
            str(find_redis_server()),
            "--port", str(self.port),
            "--bind", "127.0.0.1",
            "--dir", str(self._folder),
            "--save", "",
            "--appendonly", "no",
            "--maxmemory-policy", "noeviction",
            *self._extra_options,
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                with redis.Redis(port=self.port, socket_timeout=1) as client:
                    client.ping()
                return
            except RedisError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

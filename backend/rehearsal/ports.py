"""Free loopback ports for a stack, such that two stacks started at the same time never get the same one.

A port is taken by making the file `FOLDER/PORT` with our pid in it; a file of a process that is gone does not count.
Ports lie below the range that the system hands out to outgoing connections.
"""

import os
import random
import socket
from pathlib import Path

_FIRST, _LAST = 20_000, 31_999
_TRIES = 500


class PortReservation:
    """Hands out ports and gives all of them back at `release`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mine: list[Path] = []
        folder.mkdir(parents=True, exist_ok=True)

    def take(self) -> int:
        for _ in range(_TRIES):
            port = random.randint(_FIRST, _LAST)
            if self._claim(port):
                return port
        raise RuntimeError(f"no free port between {_FIRST} and {_LAST}")

    def release(self) -> None:
        for path in self._mine:
            path.unlink(missing_ok=True)
        self._mine.clear()

    def _claim(self, port: int) -> bool:
        path = self._folder / str(port)
        if not _can_bind(port):
            return False
        try:
            with open(path, "x", encoding="ascii") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            if _owner_is_alive(path):
                return False
            path.unlink(missing_ok=True)
            return False  # another process may be taking it over at this moment: try another port
        self._mine.append(path)
        return True


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _owner_is_alive(path: Path) -> bool:
    try:
        pid = int(path.read_text(encoding="ascii") or 0)
    except (OSError, ValueError):
        return True  # just being made or removed
    return pid == 0 or Path(f"/proc/{pid}").exists()

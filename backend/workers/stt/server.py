"""The STT sidecar's process: `python -m backend.workers.stt.server`.

Reads the same settings as every other process (`backend/settings/recognition.py`), listens, loads the recogniser, and logs
one line when it can be used: `stt.ready`. SIGTERM or SIGINT: nobody new is let in, each client gets its last words and 1001.

It does not start without a token or a recogniser, nor a second time: a lock on DATA_DIR/stt.lock is held for as long as the
process lives, and the port is its alone. Each of these is one line in the log and exit code 2. Exit code 1: the model hung.
"""

import asyncio
import fcntl
import os
import signal
import sys
from typing import IO

import structlog

from backend import logs
from backend.errors import SettingsError
from backend.settings import Settings, load_settings
from backend.workers.stt.recogniser import RecogniserBroken
from backend.workers.stt.sidecar import Sidecar

LOCK_FILE = "stt.lock"
SWITCH_INTERVAL_S = 0.001
"""A fifth of Python's own: a step that computes in Python must not keep the sockets waiting."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def check(settings: Settings) -> None:
    """What the sidecar cannot run without. Raises SettingsError."""
    problems = []
    if not settings.stt_token.get_secret_value().strip():
        problems.append("STT_TOKEN: must be set, or anybody could be heard")
    if settings.stt_recogniser == "none":
        problems.append("STT_RECOGNISER: must name a recogniser; none means that no sidecar runs")
    if problems:
        raise SettingsError("\n".join(["wrong settings:", *problems]))


def lock(settings: Settings) -> IO[str]:
    """The only sidecar of this DATA_DIR, for as long as the file is open. Raises SettingsError naming the other one."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        file = open(settings.data_dir / LOCK_FILE, "a+", encoding="utf-8")  # noqa: SIM115  held until the process ends
    except OSError as error:
        raise SettingsError(f"DATA_DIR: {settings.data_dir / LOCK_FILE} cannot be opened ({error.strerror})") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        pid = file.read(20).strip() or "unknown"
        file.close()
        raise SettingsError(
            f"another STT sidecar (pid {pid}) runs with DATA_DIR {settings.data_dir}: only one may"
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


async def serve(settings: Settings) -> bool:
    """Run until told to stop. False: something hangs and is left behind."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await Sidecar(settings).run(stop)


def main() -> int:
    worker = f"stt-{os.getpid()}"
    logs.configure(worker=worker)  # until the settings are known, which say how much is logged and what never is
    try:
        settings = load_settings(os.environ)
        logs.configure(settings.log_level, worker=worker, secrets=settings.secret_values())
        check(settings)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        with lock(settings):
            is_idle = asyncio.run(serve(settings))
    except (SettingsError, RecogniserBroken) as error:
        log.error("stt.not_started", reason=str(error))
        return 2
    except OSError as error:
        log.error(
            "stt.not_started", reason=f"cannot listen on {settings.stt_host}:{settings.stt_port}: {error.strerror}"
        )
        return 2
    if not is_idle:
        # The compute thread hangs inside a step; an ordinary exit would wait for it.
        sys.stderr.flush()
        os._exit(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes down what goes into one call's conversation and what comes out, as `call/core_log.py` spells it.

For rehearsals only (RECORD_CORE_DIR, refused in production): the file holds what the caller said. One file per call, named
by its call key, written line by line so that a call that is cut off leaves all but its last line. A disk that fails is
logged once and costs the log, never the call.
"""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import structlog

from backend.call.commands import Command
from backend.call.core_log import CoreStart, CoreStep, write_start, write_step
from backend.call.events import Event

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def call_key_of(call_control_id: str) -> str:
    """Short, unlike any other call's, fit for a file name: 12 hex digits."""
    return hashlib.sha256(call_control_id.encode()).hexdigest()[:12]


def core_log_path(folder: Path, call_key: str) -> Path:
    return folder / f"{call_key}.jsonl"


class CoreRecorder:
    """One call's log. `folder` None: none is written."""

    def __init__(self, folder: Path | None, start: CoreStart) -> None:
        self._file: TextIO | None = None
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = core_log_path(folder, start.call_key)
            self._file = open(path, "w", encoding="utf-8", buffering=1, opener=_open_for_owner)  # noqa: SIM115 - the call's
        except OSError as error:
            self._failed(error)
        self._write(write_start(start))

    @property
    def is_on(self) -> bool:
        return self._file is not None

    def step(self, at: float, event: Event | None, commands: Sequence[Command], deadline: float | None) -> None:
        """One `handle`, just done."""
        if self._file is not None:
            self._write(write_step(CoreStep(at, event, tuple(commands), deadline)))

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # every line was written when it came: nothing is lost here
                file.close()

    def _write(self, line: str) -> None:
        if self._file is not None:
            try:
                self._file.write(line + "\n")
            except OSError as error:
                self._failed(error)

    def _failed(self, error: OSError) -> None:
        self.close()
        log.warning("core_log_lost", error=type(error).__name__)


def _open_for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

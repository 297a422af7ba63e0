"""The carrier's log: everything that happened, in the carrier's words and on the carrier's clock.

All figures of the product are measured from here, so that the product cannot grade itself. Decides nothing. Written by
every part of the carrier, read by the scenario runner. The kinds are listed in `KINDS`: nothing else can be written.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KINDS = frozenset(
    {
        "ring",
        "dialled",
        "answered",
        "command",
        "webhook_sent",
        "webhook_given_up",
        "stream_opened",
        "stream_started",
        "stream_refused",
        "stream_closed",
        "agent_audio_started",
        "agent_audio_ended",
        "agent_audio_refused",
        "agent_audio_dropped",
        "mark_received",
        "mark_returned",
        "cleared",
        "playback_started",
        "playback_ended",
        "caller_speech_started",
        "caller_speech_ended",
        "transcript_sent",
        "dtmf_sent",
        "dtmf_heard",
        "hangup",
        "fault",
    }
)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One thing that happened."""

    at: float
    """Seconds since the carrier started; of what is described, not of the writing."""
    call_control_id: str
    """"" when it concerns no leg."""
    kind: str
    data: dict[str, Any] = field(default_factory=dict)


class CarrierLog:
    """All entries in the order of writing; `subscribe` hears them as they come."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self._callbacks: list[Callable[[LogEntry], None]] = []

    def add(self, at: float, call_control_id: str, kind: str, data: dict[str, Any] | None = None) -> LogEntry:
        if kind not in KINDS:
            raise ValueError(f"not a kind of log entry: {kind!r}")
        entry = LogEntry(at, call_control_id, kind, data or {})
        self.entries.append(entry)
        for callback in self._callbacks:
            callback(entry)
        return entry

    def subscribe(self, callback: Callable[[LogEntry], None]) -> None:
        """`callback` is called in the carrier's event loop for each new entry; it must not block."""
        self._callbacks.append(callback)

    def unsubscribe(self, callback: Callable[[LogEntry], None]) -> None:
        """`callback` is not called any more. Not from inside a callback."""
        self._callbacks.remove(callback)

    def of(self, kind: str, call_control_id: str | None = None) -> list[LogEntry]:
        """The entries of one kind, of one leg when named."""
        return [
            entry
            for entry in self.entries
            if entry.kind == kind and (call_control_id is None or entry.call_control_id == call_control_id)
        ]

    def write_jsonl(self, path: str | Path) -> None:
        """One JSON object per line, ordered by time."""
        with open(path, "w", encoding="utf-8") as file:
            for entry in sorted(self.entries, key=lambda entry: entry.at):
                line = {
                    "at": round(entry.at, 4),
                    "call_control_id": entry.call_control_id,
                    "kind": entry.kind,
                    "data": entry.data,
                }
                file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")


class LegLog:
    """Everything about one leg, from its first entry on, although which leg it is becomes known a little later."""

    def __init__(self, log: CarrierLog, show: Callable[[LogEntry], None]) -> None:
        self._log = log
        self._show = show
        self._call_control_id = ""
        log.subscribe(self._take)

    def begin(self, call_control_id: str) -> None:
        """It is this leg."""
        self._call_control_id = call_control_id
        for entry in list(self._log.entries):
            self._take(entry)

    def close(self) -> None:
        self._log.unsubscribe(self._take)

    def _take(self, entry: LogEntry) -> None:
        if self._call_control_id and entry.call_control_id == self._call_control_id:
            self._show(entry)

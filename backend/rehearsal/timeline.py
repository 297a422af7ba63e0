"""Shows a call as it happens: one line per thing, in seconds since the answer. Decides what is worth a line, no more.

`TimelineLines` makes the lines, for the console's page as well; `Timeline` prints them.
"""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from backend.rehearsal.carrier.log import LogEntry

_SHOWN = {
    "ring": ("☎", "the caller rings", "bold"),
    "dialled": ("☎", "the product dials", "bold"),
    "answered": ("☎", "answered", "bold"),
    "stream_opened": ("·", "media stream open", "dim"),
    "stream_closed": ("·", "media stream closed", "dim"),
    "agent_audio_started": ("▶", "agent begins to speak", "cyan"),
    "agent_audio_ended": ("■", "agent is silent", "cyan"),
    "caller_speech_started": ("▶", "caller", "yellow"),
    "caller_speech_ended": ("■", "caller is silent", "yellow"),
    "dtmf_sent": ("#", "caller presses a key", "yellow"),
    "dtmf_heard": ("#", "agent presses a key", "cyan"),
    "fault": ("!", "fault", "magenta"),
    "webhook_given_up": ("!", "webhook given up", "red"),
    "stream_refused": ("!", "media stream refused", "red"),
    "hangup": ("☎", "hung up", "bold"),
}


_TROUBLE = ("fault", "webhook_given_up", "stream_refused")


@dataclass(frozen=True, slots=True)
class Line:
    """One of them. `at_s`: since the answer, before it since the first thing that happened."""

    at_s: float
    kind: str
    sign: str
    words: str
    style: str

    @property
    def is_trouble(self) -> bool:
        return self.sign == "!"


class TimelineLines:
    """One call or many; feed it a carrier's log in order."""

    def __init__(self) -> None:
        self._zero: dict[str, float] = {}
        self._last_agent_end: dict[str, float] = {}

    def line_of(self, entry: LogEntry) -> Line | None:
        """None: not worth a line."""
        if not entry.call_control_id:
            return None
        self._zero.setdefault(entry.call_control_id, entry.at)
        if entry.kind == "answered":
            self._zero[entry.call_control_id] = entry.at
        shown = _SHOWN.get(entry.kind)
        if entry.kind == "command" and int(entry.data.get("status") or 0) >= 400:
            shown = ("!", "command refused", "red")
        if shown is None:
            return None
        sign, words, style = shown
        line = Line(entry.at - self._zero[entry.call_control_id], entry.kind, sign, words + self._detail(entry), style)
        if entry.kind == "agent_audio_ended":
            self._last_agent_end[entry.call_control_id] = entry.at
        return line

    def _detail(self, entry: LogEntry) -> str:
        data: dict[str, Any] = entry.data
        since = self._last_agent_end.get(entry.call_control_id)
        if entry.kind in ("agent_audio_started", "hangup") and since is not None:
            silence = f"  ({entry.at - since:.2f} s after it fell silent)"
            return silence if entry.kind == "agent_audio_started" else f", {data.get('cause')}{silence}"
        if entry.kind == "caller_speech_started":
            return f": “{data['transcript']}”" if data.get("transcript") else " makes a noise"
        if entry.kind == "agent_audio_ended":
            return f" after {data['ended_at'] - data['started_at']:.2f} s"
        if entry.kind in ("dtmf_sent", "dtmf_heard"):
            return f" {data.get('digit') or data.get('digits')}"
        if entry.kind == "hangup":
            return f", {data.get('cause')}"
        if entry.kind == "command":
            return f": {data.get('name')} {data.get('status')} {data.get('error_code') or ''}"
        if entry.kind in _TROUBLE:
            return f": {data.get('what') or data.get('event_type') or data.get('problem')}"
        return ""


class Timeline:
    """Subscribe `show` to a carrier's log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_open = True
        self._lines = TimelineLines()

    def show(self, entry: LogEntry) -> None:
        """Prints the entry if it is worth a line."""
        line = self._lines.line_of(entry) if self._is_open else None
        if line is not None:
            self._console.print(Text(f"{line.at_s:8.2f} s  {line.sign} {line.words}", style=line.style))

    def close(self) -> None:
        """Shows nothing more: a carrier's log outlives one rehearsal."""
        self._is_open = False

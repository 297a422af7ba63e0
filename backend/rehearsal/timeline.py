"""Shows a call as it happens: one line per thing, in seconds since the answer. Decides what is worth a line, no more."""

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


class Timeline:
    """Subscribe `show` to a carrier's log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_open = True
        self._zero: dict[str, float] = {}
        self._last_agent_end: dict[str, float] = {}

    def show(self, entry: LogEntry) -> None:
        """Prints the entry if it is worth a line."""
        if not self._is_open or not entry.call_control_id:
            return
        self._zero.setdefault(entry.call_control_id, entry.at)
        if entry.kind == "answered":
            self._zero[entry.call_control_id] = entry.at
        shown = _SHOWN.get(entry.kind)
        if entry.kind == "command" and int(entry.data.get("status") or 0) >= 400:
            shown = ("!", "command refused", "red")
        if shown is None:
            return
        sign, words, style = shown
        seconds = entry.at - self._zero[entry.call_control_id]
        self._console.print(Text(f"{seconds:8.2f} s  {sign} {words}{self._detail(entry)}", style=style))
        if entry.kind == "agent_audio_ended":
            self._last_agent_end[entry.call_control_id] = entry.at

    def close(self) -> None:
        """Shows nothing more: a carrier's log outlives one rehearsal."""
        self._is_open = False

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
        return (
            f": {data.get('what') or data.get('event_type') or data.get('problem')}" if sign_is_bad(entry.kind) else ""
        )


def sign_is_bad(kind: str) -> bool:
    """Whether lines of this kind tell of trouble."""
    return kind in ("fault", "webhook_given_up", "stream_refused")

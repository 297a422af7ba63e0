"""The contracts between the product and a carrier, in the product's own words.

What comes in: `parse_webhook` turns a verified body into a `Webhook`; a media stream turns messages into the calls of
`MediaListener`. What we ask: `CarrierClient` (REST), `MediaStream` (the open media socket, or a browser's).
The vendor's words stop at the vendor's folder. Every command carries a `command_id`, so that repeating it is harmless.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from backend.call.events import Event
from backend.clock import Clock


@dataclass(frozen=True, slots=True)
class Webhook:
    """One verified webhook. `event` is None when we do not act on this type (still answered 200, counted)."""

    event_id: str
    event_type: str
    call_control_id: str
    call_session_id: str
    occurred_at: str
    client_state: dict[str, Any]
    """What we attached to the leg with an earlier command ({} when absent or not ours)."""
    event: Event | None


@dataclass(frozen=True, slots=True)
class DialledCall:
    """What the carrier answers to a dial."""

    call_control_id: str
    call_session_id: str


class CarrierClient(Protocol):
    """Commands to the carrier. All raise CallGone, Rejected or Unavailable; none retries for longer than ~5 s."""

    def answer(self, call_control_id: str, *, command_id: str, client_state: dict[str, Any]) -> None: ...

    def reject(self, call_control_id: str, *, command_id: str) -> None: ...

    def start_stream(self, call_control_id: str, *, command_id: str, stream_url: str, auth_token: str) -> None: ...

    def stop_stream(self, call_control_id: str, *, command_id: str) -> None: ...

    def start_transcription(self, call_control_id: str, *, command_id: str, language: str) -> None: ...

    def stop_transcription(self, call_control_id: str, *, command_id: str) -> None: ...

    def start_playback(self, call_control_id: str, *, command_id: str, audio_url: str) -> None: ...

    def stop_playback(self, call_control_id: str, *, command_id: str) -> None: ...

    def speak(self, call_control_id: str, *, command_id: str, text: str, language: str) -> None:
        """The carrier's own voice: the last resort when ours is gone."""
        ...

    def send_dtmf(self, call_control_id: str, *, command_id: str, digits: str) -> None: ...

    def transfer(
        self, call_control_id: str, *, command_id: str, to_number: str, timeout_s: int, time_limit_s: int
    ) -> None: ...

    def hang_up(self, call_control_id: str, *, command_id: str) -> None: ...

    def dial(
        self,
        *,
        command_id: str,
        from_number: str,
        to_number: str,
        client_state: dict[str, Any],
        detect_machine: bool,
        time_limit_s: int,
        ring_timeout_s: int,
    ) -> DialledCall: ...

    def is_alive(self, call_control_id: str) -> bool: ...

    def live_calls(self) -> dict[str, dict[str, Any]]:
        """call_control_id of every live leg of our connection → what we attached to it ({} when it is not ours)."""
        ...


class MediaStream(Protocol):
    """The agent's way to the caller's ear while the socket is open. Never blocks; never raises after `close`."""

    encoding: str
    """What `send_audio` takes: PCMU, PCMA or L16 (s16le), all at 8 kHz. The caller's own audio may come in another one
    (MediaListener)."""

    def send_audio(self, encoded: bytes) -> None:
        """20 ms to 30 s of audio in the stream's own encoding; the other side plays it after what it already has."""
        ...

    def send_mark(self, name: str) -> None:
        """Ask for `name` to come back when everything sent before it was played (or cleared)."""
        ...

    def clear(self) -> None:
        """Stop at once and throw away what was not played yet. Returns outstanding marks, which are then not heard."""
        ...

    def close(self) -> None: ...


class MediaListener(Protocol):
    """What a media stream reports. Called in the worker's hub: must not block."""

    def on_started(self, encoding: str, sample_rate: int) -> None: ...

    def on_audio(self, encoded: bytes) -> None:
        """One frame of caller audio, in order as far as could be restored."""
        ...

    def on_mark(self, name: str) -> None: ...

    def on_dtmf(self, digit: str) -> None: ...

    def on_stopped(self, reason: str) -> None:
        """The socket is gone or the stream has ended. The leg may live on."""
        ...


class OpenMediaStream(MediaStream, Protocol):
    """A media stream whose socket has just been accepted."""

    def pump(self, listener: MediaListener) -> None:
        """Report to `listener` until the stream has ended; `on_stopped` comes exactly once, last."""
        ...


class CarrierInbound(Protocol):
    """How this carrier's requests are told from forgeries and read. Pure but for the socket handed in."""

    name: str
    """Stands in the path of its webhooks."""

    def verify(self, raw_body: bytes, headers: Iterable[tuple[str, str]], now_wall: float) -> None:
        """Raises BadSignature unless the carrier sent it, recently."""
        ...

    def parse_webhook(self, raw_body: bytes) -> Webhook:
        """Raises MalformedMessage."""
        ...

    def stream_token(self, headers: Mapping[str, str]) -> str:
        """The secret that the opening media socket shows, "" if none."""
        ...

    def open_stream(self, socket: Any, clock: Clock, call_control_id: str) -> OpenMediaStream: ...

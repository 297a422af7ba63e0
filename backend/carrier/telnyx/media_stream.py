"""One open media stream of the carrier: the glue between the socket and the codec.

`pump` runs in the view's greenlet until the stream has ended; messages are taken in the hub as they arrive. Decides
which stream is the right one (the call it names, the token it shows), restores order, drops what is malformed and ends
the stream when that becomes a habit. Not decided here: what a call does with audio, marks and keys (MediaListener).
"""

import hmac
import logging

from backend.carrier.base import MediaListener
from backend.carrier.telnyx import stream
from backend.clock import Clock
from backend.errors import MalformedMessage
from backend.transports.wire_socket import POLICY, WireSocket

log = logging.getLogger(__name__)

_LARGEST_PIECE = 8000
"""Bytes of audio per message, one second of the telephone's encodings: the carrier's limit on messages is unknown."""
_SHORTEST_PIECE = 160
_SILENCE = {"PCMU": b"\xff", "PCMA": b"\xd5"}


class TelnyxMediaStream:
    """A MediaStream. `call_control_id` is the leg that must be meant; `token` the secret we gave with the command
    that started the stream ("" when none was given, or when the upgrade has been checked already)."""

    def __init__(
        self, socket: WireSocket, clock: Clock, *, call_control_id: str, token: str = "", encoding: str = "PCMU"
    ) -> None:
        self._socket = socket
        self._clock = clock
        self._call_control_id = call_control_id
        self._token = token
        self._order = stream.FrameOrder()
        self._malformed = stream.MalformedLimit()
        self._listener: MediaListener | None = None
        self._has_started = False
        self._has_stopped = False
        self.encoding = encoding
        self._incoming = "PCMU"
        """What the caller's audio arrives in: the leg's own codec, whatever we asked for our own direction."""

    @property
    def order(self) -> stream.FrameOrder:
        """Its counters."""
        return self._order

    @property
    def malformed_count(self) -> int:
        """Messages that were dropped."""
        return self._malformed.count

    # --- towards the caller -------------------------------------------------------------------------------------------

    def send_audio(self, encoded: bytes) -> None:
        if len(encoded) < _SHORTEST_PIECE:
            if not encoded:
                return
            encoded = encoded.ljust(_SHORTEST_PIECE, _SILENCE.get(self.encoding, b"\x00"))
        for start in range(0, len(encoded), _LARGEST_PIECE):
            self._socket.send(stream.build_media(encoded[start : start + _LARGEST_PIECE]), is_text=True)

    def send_mark(self, name: str) -> None:
        self._socket.send(stream.build_mark(name), is_text=True)

    def clear(self) -> None:
        self._socket.send(stream.build_clear(), is_text=True)

    def close(self) -> None:
        self._socket.close(1000)

    # --- from the carrier ---------------------------------------------------------------------------------------------

    def pump(self, listener: MediaListener) -> None:
        """Report to `listener` until the stream has ended; its `on_stopped` is called exactly once, last."""
        self._listener = listener
        try:
            self._socket.run(self._on_message)
        finally:
            self._stop(f"socket closed with {self._socket.close_code}")

    def _on_message(self, data: bytes, is_text: bool) -> None:
        try:
            self._take(stream.parse_message(data))
        except MalformedMessage as error:
            if self._malformed.note(self._clock.monotonic()):
                log.warning("media stream closed after too many malformed messages, last: %s", error)
                self._socket.close(POLICY, "too many malformed messages")

    def _take(self, message: stream.StreamMessage) -> None:
        listener = self._listener
        if listener is None or self._has_stopped:
            return
        if isinstance(message, stream.Media):
            if not self._has_started:
                raise MalformedMessage("audio before the start")
            if message.track == "inbound":
                stream.check_payload(self._incoming, message.payload)
                for payload in self._order.push(message.chunk, message.payload):
                    listener.on_audio(payload)
        elif isinstance(message, stream.Mark):
            listener.on_mark(message.name)
        elif isinstance(message, stream.Dtmf):
            listener.on_dtmf(message.digit)
        elif isinstance(message, stream.Connected):
            if self._token and message.token and not hmac.compare_digest(self._token.encode(), message.token.encode()):
                self._socket.close(POLICY, "wrong token")
        elif isinstance(message, stream.Started):
            self._start(message, listener)
        elif isinstance(message, stream.StreamError):
            log.warning("the carrier reports a stream error: %s %s", message.code, message.title)
        elif isinstance(message, stream.Stopped):
            self._stop("stopped by the carrier")
            self._socket.close(1000)

    def _start(self, message: stream.Started, listener: MediaListener) -> None:
        if message.call_control_id != self._call_control_id:
            log.warning("a media stream named another call than the one it was opened for")
            self._socket.close(POLICY, "wrong call")
            return
        if self._has_started:
            raise MalformedMessage("a second start")
        self._has_started = True
        self._incoming = message.encoding
        listener.on_started(message.encoding, message.sample_rate)

    def _stop(self, reason: str) -> None:
        if self._has_stopped or self._listener is None:
            return
        for payload in self._order.flush():
            self._listener.on_audio(payload)
        self._has_stopped = True
        self._listener.on_stopped(reason)

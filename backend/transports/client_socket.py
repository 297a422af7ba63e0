"""A browser or a program as a media stream: the contract of `carrier/base.py` over the client WebSocket.

Decides when agent audio counts as played (with `playout.py`), at which pace a client's audio goes on, and when a client is
given up. What the messages look like stands in `client_protocol.py`; what a call does with them is the listener's business.
`pump` runs in the view's greenlet, messages are taken in the hub, `tick` is called by the worker's ticker every 20 ms.

| the client                                               | what is done                                                  |
|----------------------------------------------------------|---------------------------------------------------------------|
| sends audio as fast as it is spoken, or after a stall    | each frame goes on at once, up to `BURST_S` behind its time   |
| sends faster than that                                   | `QUEUE_FRAMES` wait; then its socket is not read until half   |
|                                                          | of them have gone on, one every 20 ms                         |
| has sent audio and stops                                 | silence goes on in its place after `GAP_S`, so that a         |
|                                                          | sentence has an end                                           |
| does not answer a ping for `ANSWER_WITHIN_S`, or leaves  | it does not read: closed                                      |
| our messages lying for as long                           |                                                               |
| makes a mistake                                          | `error`; the 20th within 10 s closes                          |

Agent audio is sent as it comes: the call itself stays at most a second, 50 frames, ahead of what is being played.
"""

import logging
from collections import deque
from typing import Protocol

import numpy as np

from backend.audio.framing import Framer, frame_bytes
from backend.audio.resample import Resampler
from backend.call.captions import Caption
from backend.call.events import TYPED, CallHungUp, Event, SilenceRequested, TranscriptReceived
from backend.carrier.base import MediaListener
from backend.clock import Clock
from backend.metrics import CLIENT_ERRORS
from backend.transports import client_protocol as protocol
from backend.transports.client_protocol import SAMPLE_RATE, ClientError, ErrorCode
from backend.transports.playout import Playout
from backend.transports.ticker import Ticker
from backend.transports.watched_socket import WatchedSocket
from backend.transports.wire_socket import OVERLOADED, POLICY, RESTARTING, TOO_BIG

log = logging.getLogger(__name__)

FRAME_S = protocol.FRAME_MS / 1000
FRAME_BYTES = frame_bytes(SAMPLE_RATE, 2)
QUEUE_FRAMES = 50
BURST_S = 5.0
"""A client whose network stalled may catch up so much at once; at the beginning it has `FIRST_BURST_S`."""
FIRST_BURST_S = 1.0
GAP_S = 0.2
PING_EVERY_S = 2.0
ANSWER_WITHIN_S = 5.0
"""With the pings between and the closing handshake: less than 10 s after it stopped reading the client is gone."""
_SILENCE = bytes(FRAME_BYTES)
CLOSE_CODES = {
    ErrorCode.TOO_LARGE: TOO_BIG,
    ErrorCode.TOO_MANY_ERRORS: POLICY,
    ErrorCode.NOT_READING: POLICY,
    ErrorCode.NO_SUCH_AGENT: POLICY,
    ErrorCode.TOO_MANY_CONNECTIONS: OVERLOADED,
    ErrorCode.NO_CAPACITY: OVERLOADED,
    ErrorCode.STOPPING: RESTARTING,
    ErrorCode.UNAVAILABLE: OVERLOADED,
}
"""What the connection is closed with after an error that ends it."""


class ClientListener(MediaListener, Protocol):
    """A call whose leg is a socket: besides audio it is told what a client types and presses."""

    def post(self, event: Event) -> None: ...


class ClientStream:
    """An OpenMediaStream."""

    encoding = "L16"

    def __init__(self, socket: WatchedSocket, clock: Clock, ticker: Ticker) -> None:
        self._socket = socket
        self._clock = clock
        self._ticker = ticker
        self._listener: ClientListener | None = None
        self._has_stopped = False
        self._errors = protocol.ErrorLimit()
        self._hears_audio = True
        self._was_deafness_told = False
        self.end_reason = "failed"
        """What `session_end` will say: the outcome of the call."""
        self.gone = CallHungUp("socket_closed", "caller")
        """What the end of the socket means for the leg."""
        # The agent's audio
        self._playout = Playout()
        self._outgoing = Framer(FRAME_BYTES)
        # The client's audio
        self._resampler: Resampler | None = None
        self._incoming = Framer(FRAME_BYTES)
        self._waiting: deque[bytes] = deque()
        self._is_paused = False
        self._budget_s = FIRST_BURST_S
        self._ticked_at: float | None = None
        self._silent_from: float | None = None
        """When the client's audio will have been silent for `GAP_S`; None: it never sent any."""
        # Does it read?
        self._ping_at = clock.monotonic()
        self._asked_at: float | None = None
        """Since when a ping is unanswered."""
        self._stuck_from: float | None = None
        """Since when our messages lie."""
        socket.on_pong = self._answered
        socket.last_words = self._refuse_frame

    @property
    def has_sent_audio(self) -> bool:
        return self._silent_from is not None

    # --- towards the client -------------------------------------------------------------------------------------------

    def begin(self, start: protocol.SessionStart) -> None:
        """The first message. Before `pump`."""
        self._hears_audio = start.hears_audio
        self._send(protocol.build_session_start(start))

    def send_audio(self, encoded: bytes) -> None:
        for frame in self._outgoing.push(encoded):
            self._send_frame(frame)

    def send_mark(self, name: str) -> None:
        if rest := self._outgoing.take():
            self._send_frame(rest)
        self._playout.mark(name, self._clock.monotonic())

    def clear(self) -> None:
        self._outgoing.clear()
        self._send(protocol.build_clear())
        for name in self._playout.clear():
            self._returned(name)

    def caption(self, line: Caption) -> None:
        self._send(protocol.build_transcript(line.speaker, line.text, line.is_final, line.heard))

    def refuse(self, code: ErrorCode, message: str) -> None:
        """An error that ends the connection. Without a session there is no `session_end`."""
        CLIENT_ERRORS.count(code=code.value)
        self._send(protocol.build_error(code, message))
        self._socket.close(CLOSE_CODES[code], message)

    def close(self) -> None:
        """The call is over. Idempotent."""
        self._send(protocol.build_session_end(self.end_reason))
        self._socket.close(1000)

    def _send_frame(self, pcm: bytes) -> None:
        if self._has_stopped:
            return
        sequence = self._playout.sent(len(pcm) / 2 / SAMPLE_RATE, self._clock.monotonic())
        self._send(protocol.build_audio(pcm, sequence))

    def _send(self, message: bytes) -> None:
        self._socket.send(message, is_text=True)

    # --- from the client ----------------------------------------------------------------------------------------------

    def pump(self, listener: ClientListener) -> None:
        """Report to `listener` until the socket has ended; `on_started` comes first, `on_stopped` last, each once."""
        self._listener = listener
        self._ping_at = self._clock.monotonic()
        beat = self._ticker.add(self.tick)
        try:
            listener.on_started(self.encoding, SAMPLE_RATE)
            self._socket.run(self._on_message)
        finally:
            beat.cancel()
            self._has_stopped = True
            if self._socket.close_code == RESTARTING:
                self.gone = CallHungUp("worker_stopped")
            listener.on_stopped(f"socket closed with {self._socket.close_code}")

    def _on_message(self, data: bytes, is_text: bool) -> None:
        try:
            self._take(protocol.parse_message(data, is_text))
        except ClientError as error:
            self._complain(error)

    def _take(self, message: protocol.ClientMessage) -> None:
        listener = self._listener
        if listener is None:
            return
        match message:
            case protocol.Audio():
                self._take_audio(message)
            case protocol.Text(text=text):
                listener.post(TranscriptReceived(text, is_final=True, recogniser=TYPED))
            case protocol.Played(sequence=sequence):
                if not self._playout.played(sequence):
                    raise ClientError(ErrorCode.INVALID, "sequence is of an audio message that was not sent yet")
            case protocol.InterruptWanted():
                listener.post(SilenceRequested())
            case protocol.Ping(id=id_):
                self._send(protocol.build_pong(id_))
            case protocol.HangUpWanted():
                listener.post(CallHungUp("normal_clearing", "caller"))

    def _complain(self, error: ClientError) -> None:
        if self._errors.note(self._clock.monotonic()):
            self.gone = CallHungUp("too_many_errors")
            self.refuse(ErrorCode.TOO_MANY_ERRORS, "too many messages that cannot be understood")
            return
        CLIENT_ERRORS.count(code=error.code.value)
        self._send(protocol.build_error(error.code, str(error)))

    def _refuse_frame(self, close_code: int) -> bytes:
        self.gone = CallHungUp("protocol_error")
        code = ErrorCode.TOO_LARGE if close_code == TOO_BIG else ErrorCode.NOT_JSON
        CLIENT_ERRORS.count(code=code.value)
        limit = f"a message must have at most {protocol.LARGEST_MESSAGE} bytes"
        return protocol.build_error(code, limit if code is ErrorCode.TOO_LARGE else "not a WebSocket message")

    # --- the client's audio -------------------------------------------------------------------------------------------

    def _take_audio(self, message: protocol.Audio) -> None:
        if not self._hears_audio:
            if not self._was_deafness_told:
                self._was_deafness_told = True
                raise ClientError(ErrorCode.NOT_LISTENING, "spoken words are not understood here: send text")
            return
        if self._resampler is None or self._resampler.from_rate != message.sample_rate:
            self._resampler = Resampler(message.sample_rate, SAMPLE_RATE)
        samples = self._resampler.process(np.frombuffer(message.pcm, np.int16))
        self._waiting.extend(self._incoming.push(samples.tobytes()))
        # What was said took so long; the next message is due when as much has passed again.
        self._silent_from = self._clock.monotonic() + len(samples) / SAMPLE_RATE + GAP_S
        self._let_through()
        if len(self._waiting) >= QUEUE_FRAMES and not self._is_paused:
            self._is_paused = True
            self._socket.pause_reading()

    def _let_through(self) -> None:
        listener = self._listener
        while self._waiting and self._budget_s > FRAME_S / 2 and listener is not None:
            self._budget_s -= FRAME_S
            listener.on_audio(self._waiting.popleft())
        if self._is_paused and len(self._waiting) <= QUEUE_FRAMES // 2:
            self._is_paused = False
            self._socket.resume_reading()

    # --- time ---------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Time has passed. Every 20 ms, in the ticker's greenlet."""
        listener = self._listener
        if listener is None or self._has_stopped:
            return
        if self._ticked_at is not None:
            self._budget_s = min(BURST_S, self._budget_s + now - self._ticked_at)
        self._ticked_at = now
        self._let_through()
        while not self._waiting and self._silent_from is not None and now >= self._silent_from:
            self._silent_from += FRAME_S
            listener.on_audio(_SILENCE)
        for name in self._playout.take_due(now):
            self._returned(name)
        self._see_whether_it_reads(now)

    def _returned(self, name: str) -> None:
        if self._listener is not None and not self._has_stopped:
            self._listener.on_mark(name)

    def _see_whether_it_reads(self, now: float) -> None:
        if self._socket.is_closed:
            return
        if self._is_paused:  # its answer may lie behind what we do not read
            self._asked_at = None
        elif now >= self._ping_at:
            self._ping_at = now + PING_EVERY_S
            self._asked_at = now if self._asked_at is None else self._asked_at
            self._socket.ask()
        if self._socket.outbox_bytes == 0:
            self._stuck_from = None
        elif self._stuck_from is None:
            self._stuck_from = now
        since = min((at for at in (self._asked_at, self._stuck_from) if at is not None), default=now)
        if now - since >= ANSWER_WITHIN_S:
            self.gone = CallHungUp("not_reading")
            self.refuse(ErrorCode.NOT_READING, "this client does not read")

    def _answered(self) -> None:
        self._asked_at = None

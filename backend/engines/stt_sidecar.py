"""The recogniser in the STT sidecar: one WebSocket per call, in the words of `stt_protocol.py`.

Decides: which of several sidecars a stream asks, and in what order (in turn over the streams; one that refuses, is full or
does not answer is passed over for the next); how audio is bundled; what a close means. Does not decide when a stream is
opened again or counts as dead (`call/hearing_loss.py`): a stream that is over says so once, with an EngineError.

One greenlet per stream, which connects and then sleeps until the end; messages are read in the hub. Audio is sent in
pieces of `BUNDLE_S`: ten messages a second and call instead of fifty. A peer that stops reading costs memory only until
its silence is noticed: the outbox of the socket is bounded.

| what happens                                     | the stream ends with         | retryable |
|--------------------------------------------------|------------------------------|-----------|
| nobody listens, or no `ready` within `OPEN_S`    | EngineTimedOut, EngineFailed | yes       |
| every sidecar is full (1013)                     | EngineBusy                   | yes       |
| connection lost, 1001, 1011, anything else       | EngineFailed                 | yes       |
| 1003, 1008, 1009: a bug, a wrong token           | EngineFailed                 | no        |

Messages that do not have the documented form are skipped and counted, the stream goes on. Interim words of an utterance
whose final form is known already, and a second final form, are skipped and counted too.
"""

import itertools
import json
import logging
import math
from collections.abc import Sequence
from typing import Any

import gevent

from backend.engines import stt_protocol as protocol
from backend.engines.base import SttListener, Transcript
from backend.errors import EngineBusy, EngineError, EngineFailed, EngineTimedOut
from backend.metrics import TRANSCRIPTS_SKIPPED
from backend.transports.outgoing_socket import OutgoingSocket

NAME = "sidecar"
CONNECT_S = 1.0
"""Connection and upgrade."""
OPEN_S = 1.0
"""And then until `ready`."""
BUNDLE_S = 0.1

log = logging.getLogger(__name__)

_NOT_RETRYABLE = {protocol.UNSUPPORTED: "a bug", protocol.POLICY: "wrong STT_TOKEN?", protocol.TOO_BIG: "a bug"}


class SidecarStt:
    """Implements `Stt`. `urls` are WebSocket addresses (ws://host:port/), at least one."""

    tells_progress = True

    def __init__(
        self, urls: Sequence[str], token: str, *, connect_s: float = CONNECT_S, open_s: float = OPEN_S
    ) -> None:
        if not urls:
            raise ValueError("no sidecar to ask")
        self._urls = list(urls)
        self._token = token
        self._connect_s = connect_s
        self._open_s = open_s
        self._turn = itertools.cycle(range(len(self._urls)))

    def open(self, listener: SttListener, *, sample_rate: int, language: str, call: str = "") -> "SidecarStream":
        first = next(self._turn)
        urls = self._urls[first:] + self._urls[:first]
        start = {"type": "start", "sample_rate": sample_rate, "language": language, "call": call}
        hello = (json.dumps({"type": "auth", "token": self._token}), json.dumps(start))
        bundle_bytes = 2 * round(BUNDLE_S * sample_rate)
        return SidecarStream(listener, urls, hello, bundle_bytes, self._connect_s, self._open_s)


class SidecarStream:
    """Implements `SttStream`."""

    def __init__(
        self,
        listener: SttListener,
        urls: Sequence[str],
        hello: tuple[str, str],
        bundle_bytes: int,
        connect_s: float,
        open_s: float,
    ) -> None:
        self._listener: SttListener | None = listener
        self._hello = hello
        self._bundle_bytes = bundle_bytes
        self._connect_s = connect_s
        self._open_s = open_s
        self._socket: OutgoingSocket | None = None
        self._is_ready = False
        self._waiting = bytearray()
        self._flushes = itertools.count(1)
        self._final_utterance = 0
        self._greenlet = gevent.spawn(self._run, list(urls))

    # --- SttStream ---

    def feed(self, pcm: bytes) -> None:
        if not self._is_ready:
            return
        self._waiting += pcm
        if len(self._waiting) >= self._bundle_bytes:
            self._send_audio()

    def speech_started(self) -> None:
        """The sidecar hears that for itself."""

    def speech_ended(self) -> None:
        if self._is_ready and self._socket is not None:
            self._send_audio()
            self._socket.send(json.dumps({"type": "flush", "id": next(self._flushes)}))

    def close(self) -> None:
        self._listener = None
        self._is_ready = False
        self._waiting.clear()
        if self._socket is None:
            self._greenlet.kill(block=False)  # it is still connecting
        else:
            self._socket.close()

    # --- inside ---

    def _send_audio(self) -> None:
        """All that waits, in messages that the sidecar takes."""
        whole = len(self._waiting) & ~1
        audio = bytes(self._waiting[:whole])
        del self._waiting[:whole]
        if self._socket is not None:
            for start in range(0, len(audio), self._bundle_bytes):
                self._socket.send(audio[start : start + self._bundle_bytes])

    def _run(self, urls: list[str]) -> None:
        error: EngineError = EngineFailed("no sidecar", engine=NAME)
        for url in urls:
            error = self._serve(url)
            if self._listener is None:
                return
            if self._is_ready or not error.retryable:
                break
            log.warning("stt_sidecar_refused url=%s error=%s", url, error)
        self._is_ready = False
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.on_closed(error)

    def _serve(self, url: str) -> EngineError:
        """One sidecar, until it ends. Returns why."""
        try:
            socket = OutgoingSocket.connect(url, within_s=self._connect_s)
        except ConnectionError as error:
            is_slow = isinstance(error.__cause__, TimeoutError)
            return (EngineTimedOut if is_slow else EngineFailed)(f"the sidecar: {error}", engine=NAME)
        self._socket = socket
        watch = gevent.spawn_later(self._open_s, self._expect_ready, socket)
        try:
            for message in self._hello:
                socket.send(message)
            socket.run(self._take)
        finally:
            watch.kill(block=False)
            self._socket = None
        return self._reason(socket, url)

    def _expect_ready(self, socket: OutgoingSocket) -> None:
        if not self._is_ready:
            socket.abort()

    def _reason(self, socket: OutgoingSocket, url: str) -> EngineError:
        code = socket.close_code
        if code == protocol.TRY_AGAIN_LATER:
            return EngineBusy(f"the sidecar {url} has no seat free", engine=NAME)
        if code in _NOT_RETRYABLE:
            error = EngineFailed(f"the sidecar {url} closed with {code}: {_NOT_RETRYABLE[code]}", engine=NAME)
            error.retryable = False
            return error
        if not self._is_ready and socket.was_aborted:
            return EngineTimedOut(f"the sidecar {url} is not ready", engine=NAME)
        return EngineFailed(f"the sidecar {url} closed with {code}", engine=NAME)

    def _take(self, message: bytes, is_text: bool) -> None:
        """A hub callback."""
        listener = self._listener
        if listener is None:
            return
        fields = _parse(message) if is_text else None
        match fields and fields.get("type"):
            case "ready" if not self._is_ready:
                self._is_ready = True
                listener.on_ready()
            case "transcript" if fields and (transcript := self._parse_transcript(fields)) is not None:
                listener.on_transcript(transcript)
            case "alive" if fields and (audio_s := _seconds(fields.get("audio_s"))) is not None:
                listener.on_progress(audio_s)
            case "flushed" | "error" | "transcript":
                pass  # nobody waits for it; what is wrong with a transcript was counted
            case _:
                TRANSCRIPTS_SKIPPED.count(recogniser=NAME, reason="malformed")

    def _parse_transcript(self, fields: dict[str, Any]) -> Transcript | None:
        text, is_final, utterance = fields.get("text"), fields.get("is_final"), fields.get("utterance")
        if not isinstance(text, str) or not isinstance(is_final, bool) or type(utterance) is not int:
            TRANSCRIPTS_SKIPPED.count(recogniser=NAME, reason="malformed")
            return None
        if utterance <= self._final_utterance:
            TRANSCRIPTS_SKIPPED.count(recogniser=NAME, reason="after_its_final")
            return None
        if is_final:
            self._final_utterance = utterance
        return Transcript(text, is_final, start_s=_seconds(fields.get("start_s")), end_s=_seconds(fields.get("end_s")))


def _parse(message: bytes) -> dict[str, Any] | None:
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _seconds(value: Any) -> float | None:
    """A duration from outside; None for everything that is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None

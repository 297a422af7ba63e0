"""Caller audio in, a handful of events out: decode, voice activity, how long a sound lasts. A listener, if there is one,
gets the decoded audio: the recogniser of this worker (`transcriber.py`).

Decides nothing about turns. `on_audio` is called fifty times a second in the worker's hub, `report` after each shared
VAD step by the worker's ticker. Instants are counted in samples, so a burst of frames does not shift them.
"""

from collections.abc import Callable

from backend.audio import g711
from backend.call.events import Event, SpeechEnded, SpeechLasted, SpeechStarted
from backend.clock import Clock
from backend.engines.base import Vad

SAMPLE_RATE = 8000
DECODERS: dict[str, Callable[[bytes], bytes]] = {"PCMU": g711.decode_ulaw_bytes, "PCMA": g711.decode_alaw_bytes}
ENCODERS: dict[str, Callable[[bytes], bytes]] = {"PCMU": g711.encode_ulaw, "PCMA": g711.encode_alaw}


class Ear:
    """One caller's audio. `post` takes the events, `feed` the audio as mono s16le at `SAMPLE_RATE`; it must not block.
    `lasted_s`: of how long a sound SpeechLasted is told; None: of none."""

    def __init__(
        self,
        vad: Vad,
        encoding: str,
        clock: Clock,
        post: Callable[[Event], None],
        feed: Callable[[bytes], None] | None = None,
        lasted_s: float | None = None,
    ) -> None:
        self._decode = DECODERS[encoding]
        self._vad_stream = vad.open(SAMPLE_RATE)
        self._clock = clock
        self._post = post
        self._feed = feed
        self._lasted_s = lasted_s
        self._lasts_from: SpeechStarted | None = None
        """The speech that goes on and has not lasted long enough yet."""
        self._heard_s = 0.0
        self._last_frame_at = 0.0

    def on_audio(self, encoded: bytes) -> None:
        pcm = self._decode(encoded)
        self._vad_stream.push(pcm)
        self._heard_s += len(encoded) / SAMPLE_RATE
        self._last_frame_at = self._clock.monotonic()
        if self._feed is not None:
            self._feed(pcm)

    def report(self) -> None:
        """Post what the last VAD step found."""
        for edge in self._vad_stream.edges():
            at = self._at(edge.at_s)
            if edge.is_speech:
                self._lasts_from = SpeechStarted(at)
                self._post(self._lasts_from)
            else:
                self._tell_if_lasted(at)
                self._lasts_from = None
                self._post(SpeechEnded(at))
        if self._lasts_from is not None and (until_s := self._vad_stream.speech_until_s) is not None:
            self._tell_if_lasted(self._at(until_s))

    def _tell_if_lasted(self, until_at: float) -> None:
        if self._lasted_s is None or self._lasts_from is None:
            return
        if until_at - self._lasts_from.at >= self._lasted_s:
            self._post(SpeechLasted(self._lasts_from.at))
            self._lasts_from = None

    def _at(self, heard_s: float) -> float:
        """When the instant `heard_s` of the caller's audio was."""
        return self._last_frame_at - (self._heard_s - heard_s)

    def close(self) -> None:
        self._vad_stream.close()

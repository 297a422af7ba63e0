"""Caller audio in, a handful of events out: decode, voice activity. A listener, if there is one, gets the decoded audio:
the recogniser of this worker (`transcriber.py`).

Decides nothing about turns. `on_audio` is called fifty times a second in the worker's hub, `report` after each shared
VAD step by the worker's ticker. Instants are counted in samples, so a burst of frames does not shift them.
"""

from collections.abc import Callable

from backend.audio import g711
from backend.call.events import Event, SpeechEnded, SpeechStarted
from backend.clock import Clock
from backend.engines.base import Vad

SAMPLE_RATE = 8000
DECODERS: dict[str, Callable[[bytes], bytes]] = {"PCMU": g711.decode_ulaw_bytes, "PCMA": g711.decode_alaw_bytes}
ENCODERS: dict[str, Callable[[bytes], bytes]] = {"PCMU": g711.encode_ulaw, "PCMA": g711.encode_alaw}


class Ear:
    """One caller's audio. `post` takes the events, `feed` the audio as mono s16le at `SAMPLE_RATE`; it must not block."""

    def __init__(
        self,
        vad: Vad,
        encoding: str,
        clock: Clock,
        post: Callable[[Event], None],
        feed: Callable[[bytes], None] | None = None,
    ) -> None:
        self._decode = DECODERS[encoding]
        self._vad_stream = vad.open(SAMPLE_RATE)
        self._clock = clock
        self._post = post
        self._feed = feed
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
            at = self._last_frame_at - (self._heard_s - edge.at_s)
            self._post(SpeechStarted(at) if edge.is_speech else SpeechEnded(at))

    def close(self) -> None:
        self._vad_stream.close()

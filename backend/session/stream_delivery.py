"""Delivery `stream`: frames on the media stream, paced, a mark behind each piece that tells when it was heard.

The carrier queues what it gets and plays it in real time; at most `AHEAD_S` is sent ahead. Between two pieces that
follow each other without a pause there is a short breath, because the voice's own silence was trimmed. The breath is part
of the piece that it precedes: it is queued right behind the audio before it, so a piece that begins when the one before
it ends is over exactly its own length plus the breath later, and that is what is reported.

A voice that dies in mid-piece leaves what was sent so far at the carrier, up to `AHEAD_S` of it: the mark stands behind
that, and its return says when the caller has heard it.
"""

from collections.abc import Callable, Iterator

import gevent

from backend.audio.echo import EchoGuard
from backend.audio.pacing import Pacer
from backend.call.commands import Speak
from backend.call.events import Event, SynthesisFinished, SynthesisStarted
from backend.carrier.base import MediaStream
from backend.clock import Clock
from backend.engines.base import AudioFrame
from backend.errors import EngineFailed
from backend.session.ear import ENCODERS, SAMPLE_RATE

AHEAD_S = 1.0
BREATH_S = 0.15


class StreamDelivery:
    """The way of one call's audio over its media stream. `echo_guard` is told what is played, and when."""

    def __init__(
        self,
        stream: MediaStream,
        clock: Clock,
        post: Callable[[Event], None],
        echo_guard: EchoGuard | None = None,
    ) -> None:
        self._stream = stream
        self._encode = ENCODERS[stream.encoding]
        self._clock = clock
        self._post = post
        self._echo_guard = echo_guard
        self._pacer = Pacer(AHEAD_S)
        self._generation = 1
        self._breath = self._encode(bytes(2 * int(SAMPLE_RATE * BREATH_S)))
        self.sent_s = 0.0

    def deliver(self, command: Speak, frames: Iterator[AudioFrame]) -> None:
        self.sent_s = 0.0
        has_begun = is_whole = False
        for frame in frames:
            if command.generation < self._generation:
                return
            if frame.pcm and not has_begun:
                has_begun = True
                self._begin(command)
            if frame.pcm:
                self._send(frame)
            is_whole = frame.is_final
        if command.generation < self._generation:
            return
        if not is_whole:
            raise EngineFailed("the voice ended without its last frame", engine="tts")
        if not has_begun:
            self._begin(command)  # nothing audible in it: over as soon as it began
        self._stream.send_mark(command.playback_id)
        self._post(SynthesisFinished(command.playback_id, command.generation, self.sent_s))

    def broke_off(self, command: Speak) -> bool:
        if self.sent_s > 0:
            self._stream.send_mark(command.playback_id)
        return self.sent_s > 0

    def stop(self, generation: int) -> None:
        self._generation = max(self._generation, generation)
        self._pacer.cleared()
        self._stream.clear()
        if self._echo_guard is not None:
            self._echo_guard.cleared(self._clock.monotonic())

    def _begin(self, command: Speak) -> None:
        now = self._clock.monotonic()
        if self._pacer.playing_until(now) > now:
            self._stream.send_audio(self._breath)
            self._pacer.sent(BREATH_S, now)
            self.sent_s = BREATH_S
        self._post(SynthesisStarted(command.playback_id, command.generation))

    def _send(self, frame: AudioFrame) -> None:
        duration_s = len(frame.pcm) / 2 / frame.sample_rate
        now = self._clock.monotonic()
        wait_s = self._pacer.next_at(now, duration_s) - now
        if wait_s > 0:
            gevent.sleep(wait_s)
        self._stream.send_audio(self._encode(frame.pcm))
        now = self._clock.monotonic()
        if self._echo_guard is not None:
            self._echo_guard.played(frame.pcm, self._pacer.playing_until(now))
        self._pacer.sent(duration_s, now)
        self.sent_s += duration_s

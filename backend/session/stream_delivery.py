"""Delivery `stream`: frames on the media stream, paced, a mark behind each piece that tells when it was heard.

The carrier queues what it gets and plays it in real time; at most `AHEAD_S` is sent ahead. Between two pieces that
follow each other without a pause there is a short breath, because the voice's own silence was trimmed. The breath is part
of the piece that it precedes: it is queued right behind the audio before it, so a piece that begins when the one before
it ends is over exactly its own length plus the breath later, and that is what is reported.

Within a piece longer than `PROGRESS_EVERY_S` a mark stands behind about each second (`1-3@1200`: 1.2 s of piece 1-3), and
with it is told when the words up to there begin: their time is set against what the caller has heard by then. That is one
event a second, and always ahead of what is being played.

A voice that dies in mid-piece leaves what was sent so far at the carrier, up to `AHEAD_S` of it: the mark stands behind
that, and its return says when the caller has heard it.
"""

from collections.abc import Callable, Iterator

import gevent

from backend.audio.echo import EchoGuard
from backend.audio.pacing import Pacer
from backend.call.commands import Speak
from backend.call.events import Event, SynthesisFinished, SynthesisStarted, WordsTimed
from backend.carrier.base import MediaStream
from backend.clock import Clock
from backend.engines.base import AudioFrame, place_words
from backend.errors import EngineFailed
from backend.session.audio_taps import AudioTaps
from backend.session.ear import ENCODERS, SAMPLE_RATE

AHEAD_S = 1.0
BREATH_S = 0.15
PROGRESS = "@"
"""Between the name of a piece and the milliseconds of it that were sent, in the name of a mark."""
PROGRESS_EVERY_S = 0.8
"""Less than `AHEAD_S`: the times of words are known before the words are heard."""


class StreamDelivery:
    """The way of one call's audio over its media stream. `echo_guard` and `taps` are told what is played, and when."""

    clear_blocks = False

    def __init__(
        self,
        stream: MediaStream,
        clock: Clock,
        post: Callable[[Event], None],
        echo_guard: EchoGuard | None = None,
        taps: AudioTaps | None = None,
    ) -> None:
        self._stream = stream
        self._encode = ENCODERS[stream.encoding]
        self._clock = clock
        self._post = post
        self._echo_guard = echo_guard
        self._taps = taps
        self._pacer = Pacer(AHEAD_S)
        self._generation = 1
        self._breath = self._encode(bytes(2 * int(SAMPLE_RATE * BREATH_S)))
        self.sent_s = 0.0
        self._starts_s: list[float] = []
        self._told_words = 0
        self._told_s = 0.0

    def deliver(self, command: Speak, frames: Iterator[AudioFrame]) -> None:
        self.sent_s = self._told_s = 0.0
        self._starts_s, self._told_words = [], 0
        has_begun = is_whole = False
        for frame in frames:
            if command.generation < self._generation:
                return
            if frame.pcm and not has_begun:
                has_begun = True
                self._begin(command)
            if frame.pcm and not self._send(command, frame):
                return
            is_whole = frame.is_final
        if command.generation < self._generation:
            return
        if not is_whole:
            raise EngineFailed("the voice ended without its last frame", engine="tts")
        if not has_begun:
            self._begin(command)  # nothing audible in it: over as soon as it began
        self._stream.send_mark(command.playback_id)
        self._tell_words(command)
        self._post(SynthesisFinished(command.playback_id, command.generation, self.sent_s))

    def broke_off(self, command: Speak) -> bool:
        if self.sent_s > 0:
            self._stream.send_mark(command.playback_id)
        return self.sent_s > 0

    def stop_sending(self, generation: int) -> None:
        self._generation = max(self._generation, generation)
        self._pacer.cleared()

    def clear(self, generation: int) -> None:
        self._stream.clear()
        if self._echo_guard is not None:
            self._echo_guard.cleared(self._clock.monotonic())
        if self._taps is not None:
            self._taps.agent_silenced()

    def _begin(self, command: Speak) -> None:
        now = self._clock.monotonic()
        if self._pacer.playing_until(now) > now:
            self._stream.send_audio(self._breath)
            self._pacer.sent(BREATH_S, now)
            self.sent_s = BREATH_S
        self._post(SynthesisStarted(command.playback_id, command.generation))

    def _send(self, command: Speak, frame: AudioFrame) -> bool:
        """False: it became void while its time was awaited."""
        duration_s = len(frame.pcm) / 2 / frame.sample_rate
        now = self._clock.monotonic()
        wait_s = self._pacer.next_at(now, duration_s) - now
        if wait_s > 0:
            gevent.sleep(wait_s)
            if command.generation < self._generation:
                return False
        self._stream.send_audio(self._encode(frame.pcm))
        now = self._clock.monotonic()
        if self._echo_guard is not None:
            self._echo_guard.played(frame.pcm, self._pacer.playing_until(now))
        if self._taps is not None:
            self._taps.agent_plays(frame.pcm, self._pacer.playing_until(now))
        self._pacer.sent(duration_s, now)
        place_words(self._starts_s, frame.words, self.sent_s)
        self._told_words = min([self._told_words, *(word.number for word in frame.words)])
        self.sent_s += duration_s
        if self.sent_s - self._told_s >= PROGRESS_EVERY_S and not frame.is_final:
            self._told_s = self.sent_s
            self._stream.send_mark(f"{command.playback_id}{PROGRESS}{round(self.sent_s * 1000)}")
            self._tell_words(command)
        return True

    def _tell_words(self, command: Speak) -> None:
        fresh = tuple(round(at_s, 3) for at_s in self._starts_s[self._told_words :])
        if fresh:
            self._post(WordsTimed(command.playback_id, command.generation, self._told_words, fresh))
            self._told_words = len(self._starts_s)

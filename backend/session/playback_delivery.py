"""Delivery `playback`: each piece becomes a file of its own that the carrier fetches from any worker and plays.

The piece is made whole first, kept in Redis under an unguessable name, and then the carrier is asked to play it. Its
end comes as `playback.ended`, on whichever worker that reaches.
"""

import secrets
from collections.abc import Callable, Iterator

from backend.audio.wav import build_wav
from backend.call.commands import Speak
from backend.call.events import Event, SynthesisFinished, SynthesisStarted, WordsTimed
from backend.engines.base import AudioFrame, place_words
from backend.errors import BackendError, CallGone, EngineFailed
from backend.session.audio_taps import AudioTaps
from backend.session.ear import SAMPLE_RATE
from backend.session.leg_commands import LegCommands
from backend.session.services import CallServices


class PlaybackDelivery:
    """The way of one call's audio through files."""

    clear_blocks = True

    def __init__(
        self,
        services: CallServices,
        legs: LegCommands,
        call_control_id: str,
        post: Callable[[Event], None],
        taps: AudioTaps | None = None,
    ) -> None:
        self._services = services
        self._leg_commands = legs
        self._call_control_id = call_control_id
        self._post = post
        self._taps = taps
        self._generation = 1
        self.sent_s = 0.0

    def deliver(self, command: Speak, frames: Iterator[AudioFrame]) -> None:
        self.sent_s = 0.0
        made = list(frames)
        if command.generation < self._generation:
            return
        if not (made and made[-1].is_final):
            raise EngineFailed("the voice ended without its last frame", engine="tts")
        pcm = b"".join(frame.pcm for frame in made)
        secret = secrets.token_urlsafe(16)
        self._services.stores.audio_clips.put(
            self._call_control_id, command.playback_id, secret, build_wav(pcm, SAMPLE_RATE)
        )
        self._post(SynthesisStarted(command.playback_id, command.generation))
        starts_s, made_s = list[float](), 0.0
        for frame in made:
            place_words(starts_s, frame.words, made_s)
            made_s += len(frame.pcm) / 2 / SAMPLE_RATE
        if starts_s:
            self._post(WordsTimed(command.playback_id, command.generation, 0, tuple(starts_s)))
        if self._taps is not None:
            self._taps.piece_asked_for(command.playback_id, pcm)
        try:
            self._leg_commands.start_playback(command, secret)
        except BackendError:
            if self._taps is not None:
                self._taps.piece_refused(command.playback_id)
            raise
        self.sent_s = len(pcm) / 2 / SAMPLE_RATE
        self._post(SynthesisFinished(command.playback_id, command.generation, self.sent_s))

    def broke_off(self, command: Speak) -> bool:
        """The carrier was asked to play nothing: a piece is made whole first."""
        return False

    def stop_sending(self, generation: int) -> None:
        self._generation = max(self._generation, generation)

    def clear(self, generation: int) -> None:
        if self._taps is not None:
            self._taps.agent_silenced()
        try:
            self._leg_commands.stop_playback(generation)
        except CallGone:
            pass  # nothing plays there any more

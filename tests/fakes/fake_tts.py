"""A voice that makes a tone of a fixed length for every text, and fails, hangs or stays empty as told, per voice name.

tts.voices["broken"] = Voice(error=EngineBusy("full", engine="fake"))
tts.voices["slow"] = Voice(seconds=0.5, hangs_after=1)      # one frame, then nothing until it is cancelled
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gevent.event import Event

from backend.engines.base import AudioFrame, SynthesisRequest
from backend.errors import EngineError

SAMPLE = b"\x10\x20"


@dataclass(frozen=True, slots=True)
class Voice:
    """How one voice behaves. Counts are frames."""

    seconds: float = 0.1
    frame_s: float = 0.05
    error: EngineError | None = None
    error_after: int = 0
    """How many frames come before `error`."""
    hangs_after: int | None = None
    """After so many frames nothing comes until it is cancelled."""


class FakeTts:
    """A `Tts`."""

    def __init__(self, default: Voice | None = None) -> None:
        self.default = default or Voice()
        self.voices: dict[str, Voice] = {}
        self.requests: list[SynthesisRequest] = []
        self.cancelled: list[str] = []
        self.running: dict[str, Event] = {}
        """Syntheses under way; a call that is over leaves none."""

    def texts(self) -> list[tuple[str, str]]:
        """(voice, text) of everything that was asked for."""
        return [(request.voice, request.text) for request in self.requests]

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        self.requests.append(request)
        voice = self.voices.get(request.voice, self.default)
        cancelled = self.running[request.synthesis_id] = Event()
        try:
            yield from self._frames(request, voice, cancelled)
        finally:
            self.running.pop(request.synthesis_id, None)

    def cancel(self, synthesis_id: str) -> None:
        self.cancelled.append(synthesis_id)
        cancelled = self.running.get(synthesis_id)
        if cancelled is not None:
            cancelled.set()

    def _frames(self, request: SynthesisRequest, voice: Voice, cancelled: Event) -> Iterator[AudioFrame]:
        count = max(1, round(voice.seconds / voice.frame_s))
        length = int(request.sample_rate * voice.frame_s) if voice.seconds > 0 else 0
        for number in range(count):
            if voice.error is not None and number == voice.error_after:
                raise voice.error
            if number == voice.hangs_after:
                cancelled.wait()
            if cancelled.is_set():
                return
            yield AudioFrame(SAMPLE * length, request.sample_rate, number, is_final=number == count - 1)
        if voice.error is not None and voice.error_after >= count:
            raise voice.error

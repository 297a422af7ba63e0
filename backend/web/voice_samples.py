"""The voices that can be chosen, and a sentence in one of them, for whoever writes an agent.

A sample takes the way of a call's speech: the same routing over the same TTS workers, so what is heard is what callers will
hear, at the rate of the browser instead of the telephone's. It must never cost a caller anything: `SAMPLES_AT_ONCE` in each
web worker, `SAMPLES_OF_ONE` and `SAMPLES_OF_ALL` in `SAMPLES_WINDOW_S`, `LONGEST_TEXT` characters, `GIVE_UP_AFTER_S`. Frames
are awaited in greenlets (`engines/voices.py`); nothing here blocks the hub.
"""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gevent

from backend.audio.wav import build_wav
from backend.engines.base import SynthesisRequest, Tts
from backend.engines.voice_routing import VoiceWorker, Wanted
from backend.errors import BackendError, EngineTimedOut, Fault
from backend.store.tries import Tries

LONGEST_TEXT = 300
SAMPLE_RATE = 24_000
SAMPLES_AT_ONCE = 2
SAMPLES_OF_ONE = 20
SAMPLES_OF_ALL = 60
SAMPLES_WINDOW_S = 60.0
GIVE_UP_AFTER_S = 30.0
_MOST_BYTES = 2 * SAMPLE_RATE * 90
"""A minute and a half: no voice takes longer for `LONGEST_TEXT` characters."""

_SENTENCES = {
    "de": "Guten Tag, was kann ich für Sie tun?",
    "en": "Hello, how can I help you today?",
    "es": "Buenos días, ¿en qué puedo ayudarle?",
    "fr": "Bonjour, que puis-je faire pour vous ?",
    "it": "Buongiorno, come posso aiutarla?",
    "nl": "Goedendag, waarmee kan ik u helpen?",
    "pt": "Bom dia, em que posso ajudar?",
}


class TooManySamples(BackendError):
    """Others have listened to so many voices that callers could notice."""

    whose_fault: Fault = "client"

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("too many voices are being listened to; wait a moment")
        self.retry_after_s = retry_after_s


class UnknownVoice(BackendError):
    """No TTS worker has it."""

    whose_fault: Fault = "client"


@dataclass(frozen=True, slots=True)
class ListedVoice:
    """A voice that at least one TTS worker has now. `default`: what speaks its language when no voice is named."""

    name: str
    language: str
    engine: str
    default: bool


class VoiceSamples:
    """One per worker. `tts` speaks, `workers` says who there is."""

    def __init__(
        self,
        tts: Tts,
        workers: Callable[[], Sequence[VoiceWorker]],
        tries: Tries,
        give_up_after_s: float = GIVE_UP_AFTER_S,
    ) -> None:
        self._tts = tts
        self._workers = workers
        self._tries = tries
        self._give_up_after_s = give_up_after_s
        self._places = threading.BoundedSemaphore(SAMPLES_AT_ONCE)

    def voices(self) -> list[ListedVoice]:
        """By language and name; each once, however many workers have it."""
        workers = [worker for worker in self._workers() if not worker.is_draining]
        found: dict[tuple[str, str], ListedVoice] = {}
        for worker in workers:
            for voice in worker.voices or ():
                best = worker.find(Wanted("", voice.language))
                listed = ListedVoice(voice.name, voice.language, voice.model.partition("@")[0], best == voice)
                found.setdefault((voice.name, voice.language), listed)
        return sorted(found.values(), key=lambda voice: (voice.language, voice.name))

    def speak(self, voice: str, language: str, text: str, who: str) -> bytes:
        """A WAV file, mono, `SAMPLE_RATE`. Raises UnknownVoice, TooManySamples, EngineError, StoreError."""
        workers = [worker for worker in self._workers() if not worker.is_draining]
        are_known = bool(workers) and all(worker.voices is not None for worker in workers)
        if are_known and not any(worker.find(Wanted(voice, language)) for worker in workers):
            raise UnknownVoice("no TTS worker has this voice now")
        wait_s = self._tries.take("all", who)
        if wait_s:
            raise TooManySamples(wait_s)
        if not self._places.acquire(blocking=False):
            raise TooManySamples(1.0)
        try:
            return build_wav(self._collect(voice, language, text or sentence_in(language)), SAMPLE_RATE)
        finally:
            self._places.release()

    def _collect(self, voice: str, language: str, text: str) -> bytes:
        request = SynthesisRequest(
            synthesis_id=f"sample:{secrets.token_hex(8)}", text=text, voice=voice, language=language,
            sample_rate=SAMPLE_RATE,
        )  # fmt: skip
        pcm, endless = bytearray(), EngineTimedOut("the voice did not come to an end", engine="tts")
        try:
            with gevent.Timeout(self._give_up_after_s, endless):
                for frame in self._tts.synthesize(request):
                    pcm += frame.pcm
                    if frame.is_final:
                        return bytes(pcm)
                    if len(pcm) > _MOST_BYTES:
                        break
        finally:
            self._tts.cancel(request.synthesis_id)
        raise endless


def sentence_in(language: str) -> str:
    """What is said when nothing else is asked for; English for a language that we have no sentence in."""
    return _SENTENCES.get(language.lower().partition("-")[0], _SENTENCES["en"])

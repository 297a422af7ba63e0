"""Short utterances that are ready before they are needed: a check-in never waits for a voice that is busy or away.

Decides what is worth keeping (`READY_KINDS`, which say the same words in call after call) and what is made ahead (the
texts of an agent, once an hour, a moment after a call of it has begun). Where it is kept: `store/speech_cache.py`. Redis
or the voice being away costs nothing but the gain. One per worker.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

import gevent
import structlog

from backend.call.agent_config import AgentConfig
from backend.call.commands import SpeechKind
from backend.engines.base import AudioFrame, SynthesisRequest, Tts
from backend.errors import BackendError, EngineFailed, StoreError
from backend.session.ear import SAMPLE_RATE
from backend.store.speech_cache import LONGEST_S, SpeechCache, Utterance

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

READY_KINDS: frozenset[SpeechKind] = frozenset(
    {"greeting", "check_in", "filler", "goodbye", "apology", "repeat_request"}
)
WARM_AFTER_S = 1.0
"""After a call's start: its greeting comes first."""


class ReadySpeech:
    """`model_of(voice, language)`: the model with its version, "" when unknown; nothing is kept or found then."""

    def __init__(
        self,
        cache: SpeechCache,
        tts: Tts,
        model_of: Callable[[str, str], str],
        *,
        warm_after_s: float = WARM_AFTER_S,
    ) -> None:
        self._cache = cache
        self._tts = tts
        self._model_of = model_of
        self._warm_after_s = warm_after_s

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        """As `Tts.synthesize`, from the cache where possible; what had to be made is kept."""
        utterance = self._utterance(request.voice, request.language, request.text, request.sample_rate)
        pcm = self._find(utterance)
        if pcm is not None:
            yield from _frames(pcm, request)
            gevent.spawn(self._store, lambda: self._cache.used(utterance))
            return
        made: list[bytes] = []
        for frame in self._tts.synthesize(request):
            made.append(frame.pcm)
            yield frame
            if frame.is_final:
                gevent.spawn(self._keep, utterance, b"".join(made))

    def warm(self, agent: AgentConfig) -> None:
        """Make the agent's short utterances, unless some worker has done so within the hour. Does not block."""
        gevent.spawn_later(self._warm_after_s, self._warm, agent)

    def _warm(self, agent: AgentConfig) -> None:
        utterances = [
            self._utterance(agent.voice, agent.language, text, SAMPLE_RATE) for text in _texts(agent) if text.strip()
        ]
        if not utterances or not utterances[0].model:
            return  # nobody knows the voice yet: the next call tries again
        try:
            if not self._cache.claim_warming(utterances):
                return
            for utterance in utterances:
                if self._cache.get(utterance) is None:
                    self._cache.put(utterance, self._make(utterance))
        except BackendError as error:
            log.warning("speech_not_warmed", error=str(error))
            self._store(lambda: self._cache.release_warming(utterances))
        else:
            log.info("speech_warmed", utterances=len(utterances))

    def _make(self, utterance: Utterance) -> bytes:
        request = SynthesisRequest(
            f"ready:{secrets.token_hex(8)}", utterance.text, utterance.voice, utterance.language, utterance.sample_rate
        )
        made = list(self._tts.synthesize(request))
        if not (made and made[-1].is_final):
            raise EngineFailed("the voice ended without its last frame", engine="tts")
        return b"".join(frame.pcm for frame in made)

    def _utterance(self, voice: str, language: str, text: str, sample_rate: int) -> Utterance:
        return Utterance(voice, self._model_of(voice, language), language, sample_rate, text)

    def _find(self, utterance: Utterance) -> bytes | None:
        if not utterance.model:
            return None
        try:
            return self._cache.get(utterance)
        except StoreError:
            return None  # the voice says it, as if it had never been said

    def _keep(self, utterance: Utterance, pcm: bytes) -> None:
        # The model is asked again: a worker with another version may have come while this was spoken.
        is_same = utterance.model and utterance.model == self._model_of(utterance.voice, utterance.language)
        if is_same and len(pcm) <= 2 * utterance.sample_rate * LONGEST_S:
            self._store(lambda: self._cache.put(utterance, pcm))

    def _store(self, do: Callable[[], object]) -> None:
        try:
            do()
        except StoreError as error:
            log.warning("speech_not_kept", error=str(error))


def _texts(agent: AgentConfig) -> list[str]:
    """What this agent says in call after call, each text once, the most urgent first."""
    dead_air, no_progress = agent.settings.dead_air_settings, agent.settings.no_progress
    check_ins = [dead_air.checkin_text(number + 1) for number in range(max(1, len(dead_air.checkin_messages)))]
    texts = [
        *check_ins,
        no_progress.filler_message,
        dead_air.goodbye_message,
        no_progress.apology_message,
        agent.greeting,
    ]
    return list(dict.fromkeys(texts))


def _frames(pcm: bytes, request: SynthesisRequest) -> Iterator[AudioFrame]:
    size = 2 * (request.sample_rate * request.frame_duration_ms // 1000)
    frame = AudioFrame(b"", request.sample_rate, 0, is_final=False)
    for number, start in enumerate(range(0, len(pcm), size)):
        is_final = start + size >= len(pcm)
        yield replace(frame, pcm=pcm[start : start + size], sequence_number=number, is_final=is_final)

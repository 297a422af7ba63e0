"""Says what the conversation asks for, one piece after the other, and reports how far each came.

Decides what becomes of a piece whose voice fails:

| handed over until then | what is done                                                                              |
|------------------------|-------------------------------------------------------------------------------------------|
| nothing                | the whole piece, by the fallback voice, at once and in order                              |
| something              | the rest of the text from where the audio broke off (`call/resume.py`), by the same voice |
|                        | (on another worker), else by the fallback voice; to the listener it is one piece          |
| all but a word         | it ends there                                                                             |

What was not handed over in the end is told (`SpeechCutShort`), so that nobody takes it for said. Short utterances that
were made before come from `ready_speech.py`. Does not decide what is said, when a piece counts as heard
(`call/playback.py`), nor the pace of sending (the deliveries).

Two deliveries, one interface (`Delivery`): `stream_delivery.py` sends frames over the media stream and a mark behind
them, `playback_delivery.py` lets the carrier fetch a file. Each piece is registered in Redis before the carrier learns
of it. One greenlet per call; the legs of the abort chain may be called from any other.
"""

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Protocol

import gevent
import structlog
from gevent import Greenlet
from gevent.queue import Queue

from backend.call.agent_config import AgentConfig
from backend.call.commands import Speak
from backend.call.events import Event, PlaybackEnded, PlaybackProgressed, SpeechCutShort, SynthesisFailed
from backend.call.resume import Rest, rest_of, units, word_starts
from backend.engines.base import AudioFrame, SynthesisRequest, Tts, WordStart
from backend.errors import BackendError, EngineError, StoreError
from backend.metrics import SYNTHESIS_FAILURES
from backend.session.ear import SAMPLE_RATE
from backend.session.ready_speech import READY_KINDS, ReadySpeech
from backend.session.services import CallServices
from backend.session.stream_delivery import PROGRESS

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

FRAME_MS = 200
"""Frames after the first: each message costs the same whatever its size."""
REGISTERED_FOR_S = 120.0
"""Deadline of a playback in Redis: longer than any piece of speech and its end's delay."""
LEAST_WORDS_TO_RESUME = 2
MOST_RESUMES = 4
"""How often one piece is taken up again. A voice that breaks off again without having said a word more is not asked a third
time: the caller would hear a stutter."""


class Post(Protocol):
    def __call__(self, event: Event) -> None: ...


class Delivery(Protocol):
    """A way for audio to reach the caller."""

    def deliver(self, command: Speak, frames: Iterator[AudioFrame]) -> None:
        """Hand over all frames; posts SynthesisStarted and SynthesisFinished. Raises EngineError or CarrierError from
        the frames or the carrier, also when the frames end without a final one (cancelled); `sent_s` tells how much
        was handed over until then."""
        ...

    @property
    def sent_s(self) -> float: ...

    def broke_off(self, command: Speak) -> bool:
        """Nothing more of it will come. True if the carrier will report the end of what was handed over; until then
        the piece counts as outstanding."""
        ...

    def stop_sending(self, generation: int) -> None:
        """Hand over nothing more of generations below `generation`. Does not wait for anything."""
        ...

    clear_blocks: bool
    """Whether `clear` waits for the carrier's answer."""

    def clear(self, generation: int) -> None:
        """Have the carrier throw away what it has not played yet. After `stop_sending`. Raises CarrierError if it blocks."""
        ...


class Speaker:
    """The voice of one call."""

    def __init__(
        self, services: CallServices, agent: AgentConfig, call_control_id: str, delivery: Delivery, post: Post
    ) -> None:
        self._services = services
        self._tts: Tts = services.tts
        self._agent = agent
        self._call_control_id = call_control_id
        self._delivery = delivery
        self._post = post
        self._queue: Queue[Speak] = Queue()
        self._generation = 1
        self._cancelled: set[str] = set()
        self._current: tuple[Speak, str] | None = None
        """What is being made, and the id of its present synthesis."""
        self._abandoned: list[tuple[str, Greenlet]] = []
        """Syntheses that nobody wants any more and that still have to be cancelled, with the greenlets they ran in."""
        self._greenlet: Greenlet = self._spawn(self._run)
        if services.ready_speech is not None:
            services.ready_speech.warm(agent)

    def say(self, command: Speak) -> None:
        """Queue a piece."""
        self._queue.put(command)

    # The legs of the abort chain that concern speech, in its order (call/barge_in.py). None of the first three waits.

    def refuse(self, generation: int) -> None:
        """Every piece of generations below `generation` is void from here on, also one that is asked for later."""
        self._generation = max(self._generation, generation)

    def stop_sending(self, generation: int) -> None:
        """What is being said is not sent any further; the next piece can begin at once."""
        self._delivery.stop_sending(generation)
        if self._current is not None and self._is_void(self._current[0]):
            self._abandoned.append((self._current[1], self._greenlet))
            self._replace_greenlet()

    def clear_carrier(self, generation: int) -> None:
        self._delivery.clear(generation)

    def cancel_voice(self) -> None:
        """Cancel what `stop_sending` abandoned, down to the compute. Returns when our side of it has ended."""
        abandoned, self._abandoned = self._abandoned, []
        for synthesis_id, _ in abandoned:
            self._tts.cancel(synthesis_id)
        gevent.joinall([greenlet for _, greenlet in abandoned])

    def void_in_store(self, generation: int) -> None:
        """Raises StoreError."""
        self._services.stores.playbacks.clear(self._call_control_id, generation)

    def cancel(self, playback_id: str) -> None:
        """Stop making one piece that is not audible yet."""
        self._cancelled.add(playback_id)
        if self._current is not None and self._current[0].playback_id == playback_id:
            command = self._current[0]
            self._interrupt()
            # It was registered: left there, it would keep back the flag of every later end (A3).
            self._spawn(self._end_in_store, command.playback_id, command.generation, command.number)

    def mark_returned(self, name: str) -> None:
        """The carrier returned a mark: a piece was heard so far, or to its end; or cleared if its generation is void by
        now."""
        name, _, played_ms = name.partition(PROGRESS)
        generation, _, number = name.partition("-")
        if not (generation.isdecimal() and number.isdecimal()):
            return
        if played_ms.isdecimal():
            self._post(PlaybackProgressed(name, int(generation), int(played_ms) / 1000))
            return
        self._post(PlaybackEnded(name, int(generation)))
        self._spawn(self._end_in_store, name, int(generation), int(number))

    def close(self) -> None:
        self._generation += 1_000_000
        self._interrupt()
        self._greenlet.kill(block=False)

    def _interrupt(self) -> None:
        if self._current is not None:
            self._tts.cancel(self._current[1])
            self._replace_greenlet()

    def _replace_greenlet(self) -> None:
        # The greenlet that waits for a frame is woken by the engine itself; a greenlet that waits for its pace or for
        # the carrier is replaced, so that the next piece can start at once.
        self._current = None
        self._greenlet.kill(block=False)
        self._greenlet = self._spawn(self._run)

    def _spawn(self, work: Callable[..., None], *arguments: object) -> Greenlet:
        return gevent.spawn(self._in_call, work, *arguments)

    def _in_call(self, work: Callable[..., None], *arguments: object) -> None:
        """What was bound for the log is lost at every spawn."""
        with structlog.contextvars.bound_contextvars(call_control_id=self._call_control_id):
            work(*arguments)

    def _run(self) -> None:
        while True:
            self._say_one(self._queue.get())

    def _is_void(self, command: Speak) -> bool:
        return command.generation < self._generation or command.playback_id in self._cancelled

    def _say_one(self, command: Speak) -> None:
        if self._is_void(command):
            return
        voices = [self._agent.voice, self._agent.fallback_voice or self._agent.voice]
        if command.use_fallback_voice:
            voices = voices[1:]
        if not self._register(command):
            return  # void already, or the call is finished
        if self._is_void(command):  # it became void while Redis was asked
            self._end_in_store(command.playback_id, command.generation, command.number)
            return
        error: BackendError | None = None
        for attempt, voice in enumerate(voices, 1):
            name = f"{attempt}{'f' * command.use_fallback_voice}"
            try:
                with closing(self._frames(command, [voice, *voices[attempt:]], name)) as frames:
                    self._delivery.deliver(command, frames)
                error = None
                break
            except BackendError as failure:
                error = failure
                if self._is_void(command):
                    break
                SYNTHESIS_FAILURES.count(reason=type(failure).__name__)
                log.warning("synthesis_failed", playback_id=command.playback_id, attempt=attempt, error=str(failure))
                if self._delivery.sent_s > 0 or not isinstance(failure, EngineError):
                    break
            finally:
                self._current = None
        if error is not None and not self._is_void(command):
            if not self._delivery.broke_off(command):
                self._end_in_store(command.playback_id, command.generation, command.number)
            self._post(
                SynthesisFailed(
                    command.playback_id, command.generation, type(error).__name__, sent_s=self._delivery.sent_s
                )
            )

    def _frames(self, command: Speak, voices: Sequence[str], name: str) -> Generator[AudioFrame, None, None]:
        """The piece's audio by the first of `voices`. Once some of it was handed over, whoever can says the rest."""
        left, sequence_number = Rest(0, command.text), 0
        voice, others = voices[0], list[str]()
        for attempt in itertools.count():
            request = self._request(command, left.text, voice, f"{name}r{attempt}" if attempt else name)
            made_s, pace = 0.0, self._services.paces.of(voice)
            tells_words = False
            try:
                for frame in self._source(command, is_rest=attempt > 0).synthesize(request):
                    before_s, made_s = made_s, made_s + len(frame.pcm) / 2 / frame.sample_rate
                    tells_words = tells_words or bool(frame.words)
                    words = frame.words if tells_words else _estimated_words(left.text, pace, before_s, made_s, frame)
                    words = tuple(WordStart(left.said_words + word.number, word.offset_s) for word in words)
                    yield replace(frame, sequence_number=sequence_number, words=words)
                    sequence_number += 1
                    if frame.is_final:
                        self._services.paces.learn(voice, left.text, made_s)
                return
            except EngineError as failure:
                sent_s = self._delivery.sent_s
                if sent_s == 0 or self._is_void(command):
                    raise
                if made_s > 0:
                    # Every frame but the breath before the piece came through here, and was sent before the next one.
                    rest = rest_of(left.text, made_s, pace)
                    left = Rest(left.said_words + rest.said_words, rest.text)
                    if rest.said_words or attempt == 0:
                        others = list(voices)  # the same voice first: another worker may have it
                log.warning("speech_broke_off", playback_id=command.playback_id, sent_s=sent_s, error=str(failure))
                if left.words < LEAST_WORDS_TO_RESUME:
                    self._cut_short(command, left)
                    yield AudioFrame(b"", SAMPLE_RATE, sequence_number, is_final=True)
                    return
                if not others or attempt == MOST_RESUMES:
                    self._cut_short(command, left)
                    raise
                SYNTHESIS_FAILURES.count(reason=type(failure).__name__)
                voice = others.pop(0)

    def _request(self, command: Speak, text: str, voice: str, name: str) -> SynthesisRequest:
        synthesis_id = f"{self._call_control_id}:{command.playback_id}:{name}"
        self._current = (command, synthesis_id)
        return SynthesisRequest(
            synthesis_id, text, voice, self._agent.language, SAMPLE_RATE, frame_duration_ms=FRAME_MS
        )

    def _source(self, command: Speak, *, is_rest: bool) -> Tts | ReadySpeech:
        ready = self._services.ready_speech
        return self._tts if ready is None or is_rest or command.kind not in READY_KINDS else ready

    def _cut_short(self, command: Speak, left: Rest) -> None:
        if left.words:
            self._post(SpeechCutShort(command.playback_id, command.generation, left.said_words))

    # Redis may be away: the call goes on from memory, the ledger of the owner is complete without it.

    def _register(self, command: Speak) -> bool:
        """False when it must not be played any more."""
        try:
            return self._services.stores.playbacks.register(
                self._call_control_id, command.playback_id, command.generation, command.number, REGISTERED_FOR_S
            )
        except StoreError as error:
            log.warning("playback_not_registered", playback_id=command.playback_id, error=str(error))
            return True

    def _end_in_store(self, playback_id: str, generation: int, number: int) -> None:
        try:
            self._services.stores.playbacks.end(self._call_control_id, playback_id, generation, number)
        except StoreError as error:
            log.warning("playback_not_removed", playback_id=playback_id, error=str(error))


def _estimated_words(text: str, pace: float, from_s: float, until_s: float, frame: AudioFrame) -> tuple[WordStart, ...]:
    """For a voice that does not tell when its words begin: those that begin in this frame at its usual pace. With the last
    frame the length of all is known, and all are told again."""
    if frame.is_final and until_s > 0:
        starts = word_starts(text, units(text) / until_s or pace)
        return tuple(WordStart(number, at_s - from_s) for number, at_s in enumerate(starts))
    starts = word_starts(text, pace)
    return tuple(WordStart(number, at_s - from_s) for number, at_s in enumerate(starts) if from_s <= at_s < until_s)

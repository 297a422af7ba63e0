"""Says what the conversation asks for, one piece after the other, and reports how far each came.

Decides: the pace of sending (at most `AHEAD_S` lies at the carrier, so that a barge-in throws little away) and that a
voice which fails before its first sample is replaced by the fallback voice at once, in order. Does not decide what is
said, nor when a piece counts as heard (`call/playback.py`).

Two deliveries, one interface (`Delivery`): `stream_delivery.py` sends frames over the media stream and a mark behind
them, `playback_delivery.py` lets the carrier fetch a file. Each piece is registered in Redis before the carrier learns
of it. One greenlet per call; `stop` may be called from any other.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import gevent
import structlog
from gevent import Greenlet
from gevent.queue import Queue

from backend.call.agent_config import AgentConfig
from backend.call.commands import Speak
from backend.call.events import Event, PlaybackEnded, SynthesisFailed
from backend.engines.base import AudioFrame, SynthesisRequest, Tts
from backend.errors import BackendError, EngineError, StoreError
from backend.metrics import SYNTHESIS_FAILURES
from backend.session.ear import SAMPLE_RATE
from backend.session.services import CallServices

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

FRAME_MS = 200
"""Frames after the first: each message costs the same whatever its size."""
REGISTERED_FOR_S = 120.0
"""Deadline of a playback in Redis: longer than any piece of speech and its end's delay."""


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

    def stop(self, generation: int) -> None:
        """Silence everything of generations below `generation`. Does not block."""
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
        """What is being made, and its synthesis_id."""
        self._greenlet: Greenlet = self._spawn(self._run)

    def say(self, command: Speak) -> None:
        """Queue a piece."""
        self._queue.put(command)

    def stop(self, generation: int) -> None:
        """Void every piece of generations below `generation`, also the one being made."""
        self._generation = max(self._generation, generation)
        self._delivery.stop(generation)
        self._interrupt()
        self._spawn(self._store_cleared, generation)

    def cancel(self, playback_id: str) -> None:
        """Stop making one piece that is not audible yet."""
        self._cancelled.add(playback_id)
        if self._current is not None and self._current[0].playback_id == playback_id:
            command = self._current[0]
            self._interrupt()
            # It was registered: left there, it would keep back the flag of every later end (A3).
            self._spawn(self._end_in_store, command.playback_id, command.generation, command.number)

    def mark_returned(self, name: str) -> None:
        """The carrier returned a mark: that piece was heard, or cleared if its generation is void by now."""
        generation, _, number = name.partition("-")
        if not (generation.isdecimal() and number.isdecimal()):
            return
        self._post(PlaybackEnded(name, int(generation)))
        self._spawn(self._end_in_store, name, int(generation), int(number))

    def close(self) -> None:
        self._generation += 1_000_000
        self._interrupt()
        self._greenlet.kill(block=False)

    def _interrupt(self) -> None:
        # The greenlet that waits for a frame is woken by the engine itself; a greenlet that waits for its pace or for
        # the carrier is replaced, so that the next piece can start at once.
        if self._current is not None:
            self._tts.cancel(self._current[1])
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
            synthesis_id = f"{self._call_control_id}:{command.playback_id}:{attempt}{'f' * command.use_fallback_voice}"
            self._current = (command, synthesis_id)
            request = SynthesisRequest(
                synthesis_id, command.text, voice, self._agent.language, SAMPLE_RATE, frame_duration_ms=FRAME_MS
            )
            try:
                self._delivery.deliver(command, self._tts.synthesize(request))
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

    def _store_cleared(self, generation: int) -> None:
        try:
            self._services.stores.playbacks.clear(self._call_control_id, generation)
        except StoreError as error:
            log.warning("playbacks_not_cleared", error=str(error))

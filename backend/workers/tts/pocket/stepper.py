"""The one thread that owns the model: asks the scheduler, lets rows join, makes steps, hands frames out.

A text on its way is a Speech: its consumer takes frames of 80 ms from it, in any thread; this thread alone fills it, and
always closes it, with an error if need be. Between two steps every speech is asked whether it is still wanted; one that
is not is gone before the next step, and so is its row. A step that fails costs the speeches that were in it, not the
others, and not the thread.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue
from time import monotonic

import numpy as np
import structlog
import torch

from backend.workers.tts.adapter import EngineBroken, Samples, ShouldStop, Spend, not_counted
from backend.workers.tts.frames import AUDIBLE
from backend.workers.tts.pocket.batch import Batch
from backend.workers.tts.pocket.pieces import Ending, Piece
from backend.workers.tts.pocket.scheduler import Plan, Scheduler

LOOK_EVERY_S = 0.02
"""How often cancels and slow consumers are looked at while there is nothing to compute."""

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Speech:
    """One text. `next_frame` and `abandon` are its consumer's, the rest is the model thread's."""

    number: int
    pieces: deque[Piece]
    should_stop: ShouldStop
    spend: Spend = not_counted
    _frames: "SimpleQueue[Samples | EngineBroken | None]" = field(default_factory=SimpleQueue)
    _fetched: int = 0
    _is_abandoned: bool = False
    # The model thread's own.
    slot: int | None = None
    ending: Ending | None = None
    counted: int = 0
    """Of the fetched frames, those that the scheduler knows of."""

    def next_frame(self) -> Samples | None:
        """Waits for it; None is the end. Raises EngineBroken."""
        item = self._frames.get()
        if isinstance(item, EngineBroken):
            raise item
        self._fetched += item is not None
        return item

    def abandon(self) -> None:
        """Nobody takes frames any more."""
        self._is_abandoned = True

    def is_unwanted(self) -> bool:
        return self._is_abandoned or self.should_stop()

    def hand_over(self, item: Samples | EngineBroken | None) -> None:
        self._frames.put(item)

    def newly_fetched(self) -> int:
        fetched = self._fetched
        fresh, self.counted = fetched - self.counted, fetched
        return fresh


@dataclass(slots=True)
class Figures:
    """What the thread has done so far."""

    steps: int = 0
    frames: int = 0
    joins: int = 0
    step_s: "deque[float]" = field(default_factory=lambda: deque(maxlen=1000))


class Stepper:
    """`speak` from any thread; `close` once."""

    def __init__(
        self,
        batch: Batch,
        scheduler: Scheduler,
        ending: Callable[[Piece], Ending],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._batch, self._scheduler, self._ending, self._clock = batch, scheduler, ending, clock
        self.figures = Figures()
        self._numbers = count()
        self._speeches: dict[int, Speech] = {}
        self._wake = threading.Condition()
        # Under the condition's lock.
        self._arrived: list[Speech] = []
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="pocket-tts", daemon=True)
        self._thread.start()

    @property
    def slots_used(self) -> int:
        return self._batch.slots - self._batch.free_slots

    def speak(self, pieces: Sequence[Piece], should_stop: ShouldStop, spend: Spend = not_counted) -> Speech:
        """Raises EngineBroken once it is closed."""
        speech = Speech(next(self._numbers), deque(pieces), should_stop, spend)
        with self._wake:
            if self._is_closing:
                raise EngineBroken("pocket-tts is not loaded")
            self._arrived.append(speech)
            self._wake.notify()
        return speech

    def close(self) -> None:
        """What still speaks ends with an error."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        self._thread.join()

    # Everything below runs in the thread.

    def _run(self) -> None:
        wait_s: float | None = 0.0
        while self._take_arrivals(wait_s):
            self._drop_unwanted()
            plan = self._scheduler.plan(self._clock())
            if plan.steps or plan.joins:
                self._work(plan)
                wait_s = 0.0
            else:
                wait_s = self._patience_s(plan)
        for speech in self._speeches.values():
            speech.hand_over(EngineBroken("pocket-tts was unloaded"))

    def _take_arrivals(self, wait_s: float | None) -> bool:
        """False: it is time to end."""
        with self._wake:
            if not self._arrived and not self._is_closing and wait_s != 0.0:
                self._wake.wait(wait_s)
            arrived, self._arrived = self._arrived, []
            is_closing = self._is_closing
        for speech in arrived:
            self._speeches[speech.number] = speech
            self._scheduler.add(speech.number, self._clock())
        return not is_closing

    def _patience_s(self, plan: Plan) -> float | None:
        if not self._speeches:
            return None
        if plan.look_at is None:
            return LOOK_EVERY_S
        return min(LOOK_EVERY_S, max(0.001, plan.look_at - self._clock()))

    def _drop_unwanted(self) -> None:
        for speech in list(self._speeches.values()):
            if speech.is_unwanted():
                self._end(speech, None)
            else:
                self._scheduler.taken(speech.number, speech.newly_fetched())

    def _work(self, plan: Plan) -> None:
        began_at = self._clock()
        concerned = [self._speeches[number] for number in {*plan.joins, *plan.steps}]
        try:
            self._join([self._speeches[number] for number in plan.joins])
            self._step([self._speeches[number] for number in plan.steps])
        except Exception as error:  # torch raises what it likes; out of memory is one of many
            log.error("pocket.step_failed", speeches=len(concerned), exc_info=error)
            for speech in concerned:
                if speech.number in self._speeches:
                    self._end(speech, EngineBroken(f"pocket-tts failed: {type(error).__name__}"))
            return
        self.figures.steps += 1
        self.figures.step_s.append(self._clock() - began_at)

    def _join(self, speeches: list[Speech]) -> None:
        if not speeches:
            return
        pieces = [speech.pieces.popleft() for speech in speeches]
        began_at = self._clock()
        slots = self._batch.join([piece.start for piece in pieces])
        share_s = (self._clock() - began_at) / len(speeches)
        for speech, piece, slot in zip(speeches, pieces, slots, strict=True):
            speech.spend(share_s)
            speech.slot, speech.ending = slot, self._ending(piece)
        self.figures.joins += len(speeches)

    def _step(self, speeches: list[Speech]) -> None:
        rows = [(speech, speech.slot, speech.ending) for speech in speeches]
        began_at = self._clock()
        audio, ends = self._batch.step([slot for _, slot, _ in rows if slot is not None])
        frames = to_pcm(audio)
        now = self._clock()
        share_s = (now - began_at) / max(1, len(rows))
        self.figures.frames += len(frames)
        for (speech, slot, ending), frame, is_eos in zip(rows, frames, ends, strict=True):
            speech.spend(share_s)  # before its last frame is out
            assert slot is not None and ending is not None  # it has joined
            is_spoken, is_over = ending.on_frame(is_eos)
            if is_spoken:
                speech.hand_over(frame)
                self._scheduler.made(speech.number, now, is_audible=bool(np.abs(frame).max() > AUDIBLE))
            if is_over:
                self._leave(speech)
                if not speech.pieces:
                    self._end(speech, None)

    def _leave(self, speech: Speech) -> None:
        if speech.slot is not None:
            self._batch.leave(speech.slot)
            speech.slot = speech.ending = None
            self._scheduler.piece_ended(speech.number)

    def _end(self, speech: Speech, error: EngineBroken | None) -> None:
        self._leave(speech)
        del self._speeches[speech.number]
        self._scheduler.remove(speech.number)
        speech.hand_over(error)


def to_pcm(audio: torch.Tensor) -> list[Samples]:
    """One array of its own per row, so that a consumer keeps no other row's samples."""
    pcm = audio.clamp(-1.0, 1.0).mul(32767.0).round().to(torch.int16).cpu().numpy()
    return [row.copy() for row in pcm]

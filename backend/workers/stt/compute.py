"""The compute thread: the one thread that calls the recogniser, for all sessions together, off the event loop.

Decides when a step runs and which sessions it serves. A step begins as soon as one session has enough audio and nothing
else is running; it takes one piece of every session that has one by then. So an idle device answers at once, a busy one
works in batches that grow with the load, and a session that sends faster than others gets no more turns than they do.

    event loop (session.py)                         compute thread
    open, close        ──jobs──▶                    recogniser.open, close, load, unload: between two steps
    push(lane, item)   ──lane's inbox──▶            next_piece of each ready lane → step → took
    deliver(outputs)   ◀──call_soon_threadsafe──    once for all sessions of a step

What a recogniser raises in a step loses the sessions of that step and nobody else; what it gives as RecogniserBroken in a
session's place loses that session alone. A step that does not come back cannot be ended from here: `heartbeat` shows it, and
`sidecar.py` draws the conclusion.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from time import perf_counter
from typing import Any, Generic, Protocol

import structlog

from backend.workers.stt.lane import Item, Lane, Output
from backend.workers.stt.recogniser import Piece, Recogniser, RecogniserBroken, State

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Listener(Protocol):
    """Who hears what a lane gave; called on the event loop."""

    def on_step(self, outputs: Sequence[Output]) -> None:
        """A step of this lane is over, with or without words."""
        ...

    def on_broken(self, message: str) -> None:
        """The recogniser lost this lane: nothing more comes."""
        ...


class Figures(Protocol):
    """Who counts; called on the compute thread."""

    def step(self, pieces: int, audio_s: float, took_s: float) -> None: ...


_Told = tuple[Lane[Any], list[Output], str]
"""Whose, what, and why it is lost ("": it is not)."""


class Compute(Generic[State]):
    """`start`, then `load`; everything else only once that is done. All methods are the event loop's."""

    def __init__(self, recogniser: Recogniser[State], figures: Figures) -> None:
        self.recogniser = recogniser
        self._figures = figures
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work = threading.Condition()
        # Under the lock of `_work`:
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._ready: dict[Lane[State], None] = {}
        """A set in the order in which they became ready."""
        self._listeners: dict[Lane[State], Listener] = {}
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="stt-compute", daemon=True)
        self._passes = 0
        self._is_busy = False

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def load(self) -> None:
        """Raises RecogniserBroken."""
        await self._call(self.recogniser.load)

    async def open(self, language: str, client_rate: int, listener: Listener) -> Lane[State]:
        """A lane for a new session. Raises RecogniserBroken."""

        def make() -> Lane[State]:
            lane = Lane(self.recogniser, self.recogniser.open(language), client_rate)
            with self._work:
                self._listeners[lane] = listener
            return lane

        lane: Lane[State] = await self._call(make)
        return lane

    def push(self, lane: Lane[State], item: Item) -> None:
        """The next of that session. A lane that is closed or lost takes nothing."""
        with self._work:
            if lane not in self._listeners or lane.is_lost:
                return
            lane.push(item)
            if lane not in self._ready and lane.is_ready():
                self._ready[lane] = None
                self._work.notify()

    async def close(self, lane: Lane[State]) -> None:
        """Gives back what the session held. Nothing is delivered for it any more once this is called."""
        with self._work:
            self._listeners.pop(lane, None)
            self._ready.pop(lane, None)
        await self._call(lambda: self.recogniser.close(lane.state))

    async def stop(self, within_s: float) -> bool:
        """Unloads and ends the thread. False: it does not come back and is left behind."""
        with self._work:
            self._is_ending = True
            self._work.notify()
        await asyncio.to_thread(self._thread.join, within_s)
        return not self._thread.is_alive()

    def heartbeat(self) -> int | None:
        """A number that changes with every pass; None while the thread waits for work. Looked at again and again, the
        same number means that the thread hangs."""
        return self._passes if self._is_busy else None

    async def _call(self, job: Callable[[], Any]) -> Any:
        done: Future[Any] = Future()
        with self._work:
            self._jobs.append((job, done))
            self._work.notify()
        return await asyncio.wrap_future(done)

    # -- the compute thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._work:
                self._is_busy = False
                while not (self._jobs or self._ready or self._is_ending):
                    self._work.wait()
                self._passes += 1
                self._is_busy = True
                jobs, self._jobs = self._jobs, deque()
                chosen = self._choose() if not jobs else []
                is_ending = self._is_ending and not jobs
            for job, done in jobs:
                _do(job, done)
            if chosen:
                self._step(chosen)
            if is_ending:
                self.recogniser.unload()
                return

    def _choose(self) -> list[Lane[State]]:
        """The lanes that were ready first, as many as a step takes."""
        chosen = list(self._ready)[: self.recogniser.max_batch]
        for lane in chosen:
            del self._ready[lane]
            lane.collect()
        return chosen

    def _step(self, chosen: list[Lane[State]]) -> None:
        pieces: list[Piece[State]] = []
        waiting: list[Lane[State]] = []
        told: list[_Told] = []
        for lane in chosen:
            try:
                piece = lane.next_piece()
            except Exception as error:  # a reset that fails costs this session, not the thread
                told.append(self._lose(lane, error))
                continue
            if piece is not None:
                pieces.append(piece)
                waiting.append(lane)
            elif outputs := lane.outputs():
                told.append((lane, outputs, ""))
        if pieces:
            told += self._recognise(waiting, pieces)
        with self._work:
            for lane in chosen:
                if lane in self._listeners and not lane.is_lost and lane.is_ready():
                    self._ready[lane] = None
        if told and self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._deliver, told)
            except RuntimeError:
                pass  # the loop is closed: the process ends

    def _recognise(self, waiting: list[Lane[State]], pieces: list[Piece[State]]) -> list[_Told]:
        begun = perf_counter()
        results: Sequence[Any]
        try:
            results = self.recogniser.step(pieces)
            if len(results) != len(pieces):
                raise RecogniserBroken(f"{self.recogniser.name} answered for {len(results)} of {len(pieces)} sessions")
        except Exception as error:  # whatever a recogniser raises costs these sessions, not the thread
            log.exception("stt.step_failed", sessions=len(pieces))
            results = [RecogniserBroken(f"{self.recogniser.name}: {type(error).__name__}")] * len(pieces)
        audio_s = sum(len(piece.audio) for piece in pieces) / self.recogniser.sample_rate
        self._figures.step(len(pieces), audio_s, perf_counter() - begun)
        told: list[_Told] = []
        for lane, piece, result in zip(waiting, pieces, results, strict=True):
            try:
                if isinstance(result, RecogniserBroken):
                    raise result
                lane.took(piece, result)
            except Exception as error:  # also words that are none: they cost this session
                told.append(self._lose(lane, error))
                continue
            told.append((lane, lane.outputs(), ""))
        return told

    def _lose(self, lane: Lane[State], error: Exception) -> _Told:
        lane.is_lost = True
        if isinstance(error, RecogniserBroken):
            return lane, [], str(error)
        log.error("stt.session_lost", exc_info=error)
        return lane, [], f"{self.recogniser.name}: {type(error).__name__}"

    # -- the event loop again -----------------------------------------------------------------------------------------

    def _deliver(self, told: list[_Told]) -> None:
        for lane, outputs, broken in told:
            listener = self._listeners.get(lane)
            if listener is None:
                continue  # closed meanwhile
            if broken:
                listener.on_broken(broken)
            else:
                listener.on_step(outputs)


def _do(job: Callable[[], Any], done: Future[Any]) -> None:
    if not done.set_running_or_notify_cancel():
        return
    try:
        done.set_result(job())
    except Exception as error:  # handed to whoever asked
        done.set_exception(error)

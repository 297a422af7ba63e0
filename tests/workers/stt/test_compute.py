"""The compute thread: who is in a step, and what a failure costs."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.workers.stt.compute import Compute
from backend.workers.stt.lane import Flush, Flushed, Heard, Output, Reset
from backend.workers.stt.recogniser import Piece, RecogniserBroken
from tests.workers.stt.fake_recogniser import BREAKS, FAILS, FIRST, FakeRecogniser, FakeState
from tests.workers.stt.sidecars import SOON_S, audio


@dataclass(eq=False)
class Ears:
    """A listener that keeps what it hears."""

    outputs: list[Output] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_step(self, outputs: Sequence[Output]) -> None:
        self.threads.add(threading.get_ident())
        self.outputs += outputs
        self._changed.set()

    def on_broken(self, message: str) -> None:
        self.broken.append(message)
        self._changed.set()

    async def until(self, is_so: Callable[["Ears"], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not is_so(self):
                self._changed.clear()
                await self._changed.wait()


class Counted:
    """Figures that are kept."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, float]] = []

    def step(self, pieces: int, audio_s: float, took_s: float) -> None:
        self.steps.append((pieces, audio_s))


class GatedRecogniser(FakeRecogniser):
    """Each step waits until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_step = threading.Semaphore(0)
        self.is_stepping = threading.Event()
        self.threads: set[int] = set()

    def step(self, pieces: Sequence[Piece[FakeState]]) -> list[Any]:
        self.threads.add(threading.get_ident())
        self.is_stepping.set()
        assert self.may_step.acquire(timeout=SOON_S)
        return super().step(pieces)


@asynccontextmanager
async def computing(recogniser: FakeRecogniser, counted: Counted | None = None) -> AsyncIterator[Compute[FakeState]]:
    compute = Compute(recogniser, counted or Counted())
    compute.start()
    await compute.load()
    try:
        yield compute
    finally:
        assert await compute.stop(SOON_S)


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 60))


def test_words_come_on_the_event_loop_and_steps_run_elsewhere() -> None:
    """In the order in which the client asked."""

    async def story() -> None:
        recogniser, ears = GatedRecogniser(), Ears()
        recogniser.may_step.release(10)
        async with computing(recogniser) as compute:
            lane = await compute.open("en", 16000, ears)
            compute.push(lane, audio(samples=FIRST))
            compute.push(lane, Flush(1))
            await ears.until(lambda ears: Flushed(1) in ears.outputs)
            await compute.close(lane)

        assert [type(output) for output in ears.outputs] == [Heard, Heard, Flushed]
        assert ears.threads == {threading.get_ident()}
        assert len(recogniser.threads) == 1 and recogniser.threads != ears.threads
        assert (recogniser.opened, recogniser.closed, recogniser.is_loaded) == (1, 1, False)

    run(story)


def test_what_gathers_during_a_step_is_the_next_step() -> None:
    """One piece of each session; a session that has sent ten gets no more turns than the others."""

    async def story() -> None:
        recogniser, counted = GatedRecogniser(), Counted()
        async with computing(recogniser, counted) as compute:
            ears = [Ears() for _ in range(5)]
            lanes = [await compute.open("en", 16000, each) for each in ears]
            compute.push(lanes[0], audio(samples=FIRST))
            await asyncio.to_thread(recogniser.is_stepping.wait, SOON_S)
            for lane in lanes:
                compute.push(lane, audio(samples=FIRST))
            for _ in range(9):
                compute.push(lanes[1], audio())
            recogniser.may_step.release(100)
            for lane in lanes:
                compute.push(lane, Flush(1))
            for each in ears:
                await each.until(lambda each: Flushed(1) in each.outputs)

        assert recogniser.steps[0] == [FIRST]
        assert len(recogniser.steps[1]) == 5
        assert len(recogniser.steps) == 1 + 9 + 2  # the first, nine more of the one that sent ten, its own rest
        assert counted.steps[0] == (1, FIRST / 16000)

    run(story)


def test_no_step_is_larger_than_the_recogniser_takes() -> None:
    """The others are first in the next one."""

    async def story() -> None:
        recogniser = GatedRecogniser()
        recogniser.max_batch = 3
        async with computing(recogniser) as compute:
            ears = [Ears() for _ in range(8)]
            lanes = [await compute.open("en", 16000, each) for each in ears]
            compute.push(lanes[0], audio(samples=FIRST))
            await asyncio.to_thread(recogniser.is_stepping.wait, SOON_S)
            for lane in lanes[1:]:
                compute.push(lane, audio(samples=FIRST))
            recogniser.may_step.release(100)
            for each in ears:
                await each.until(lambda each: bool(each.outputs))

        assert [len(step) for step in recogniser.steps] == [1, 3, 3, 1]

    run(story)


def test_a_lost_session_loses_nobody_else() -> None:
    """The recogniser says that one session is lost: the others of the very same step get their words."""

    async def story() -> None:
        recogniser, bad, good = GatedRecogniser(), Ears(), Ears()
        async with computing(recogniser) as compute:
            lane, other = await compute.open("en", 16000, bad), await compute.open("en", 16000, good)
            compute.push(other, audio(samples=FIRST))
            await asyncio.to_thread(recogniser.is_stepping.wait, SOON_S)
            compute.push(other, audio())
            compute.push(lane, audio(BREAKS, FIRST))
            recogniser.may_step.release(100)
            await bad.until(lambda ears: bool(ears.broken))
            compute.push(other, Flush(1))
            compute.push(lane, Flush(1))
            await good.until(lambda ears: Flushed(1) in ears.outputs)
            await compute.close(lane)

        assert (bad.broken, bad.outputs) == (["fake: lost"], [])
        assert good.outputs[-2] == Heard("w1 w2", True, 1, 0.0, 0.12)
        assert sorted(recogniser.steps[1]) == [640, FIRST]
        assert recogniser.closed == 1

    run(story)


@pytest.mark.parametrize("breaks", [FAILS])
def test_a_step_that_raises_costs_its_own_sessions_only(breaks: int, caplog: pytest.LogCaptureFixture) -> None:
    """The thread goes on: whoever was not in that step notices nothing."""

    async def story() -> None:
        recogniser, bad, good = FakeRecogniser(), Ears(), Ears()
        async with computing(recogniser) as compute:
            lane, other = await compute.open("en", 16000, bad), await compute.open("en", 16000, good)
            compute.push(lane, audio(breaks, FIRST))
            await bad.until(lambda ears: bool(ears.broken))
            compute.push(other, audio(samples=FIRST))
            compute.push(other, Flush(1))
            await good.until(lambda ears: Flushed(1) in ears.outputs)

        assert bad.broken == ["fake: ZeroDivisionError"]
        assert not good.broken

    run(story)


def test_a_reset_that_fails_costs_one_session() -> None:
    """It runs in the compute thread, between steps."""

    class NoReset(FakeRecogniser):
        def reset(self, state: FakeState) -> None:
            raise KeyError("no such state")

    async def story() -> None:
        bad, good = Ears(), Ears()
        async with computing(NoReset()) as compute:
            lane, other = await compute.open("en", 16000, bad), await compute.open("en", 16000, good)
            compute.push(lane, Reset())
            await bad.until(lambda ears: bool(ears.broken))
            compute.push(other, audio(samples=FIRST))
            await good.until(lambda ears: bool(ears.outputs))

        assert bad.broken == ["fake: KeyError"]

    run(story)


def test_words_that_are_none_cost_one_session() -> None:
    """A recogniser that breaks its contract is found out where it does."""

    class NoWords(FakeRecogniser):
        def step(self, pieces: Sequence[Piece[FakeState]]) -> list[Any]:
            return [["words?"] for _ in pieces]

    class OneTooMany(FakeRecogniser):
        def step(self, pieces: Sequence[Piece[FakeState]]) -> list[Any]:
            return [[] for _ in (*pieces, None)]

    async def story(recogniser: FakeRecogniser, said: str) -> None:
        ears = Ears()
        async with computing(recogniser) as compute:
            compute.push(await compute.open("en", 16000, ears), audio(samples=FIRST))
            await ears.until(lambda ears: bool(ears.broken))

        assert ears.broken == [said]

    run(lambda: story(NoWords(), "fake: AttributeError"))
    run(lambda: story(OneTooMany(), "fake: RecogniserBroken"))


def test_a_language_that_cannot_be_opened_is_an_error_of_that_session() -> None:
    """Raised where it was asked."""

    async def story() -> None:
        async with computing(FakeRecogniser()) as compute:
            with pytest.raises(RecogniserBroken, match="does not know xx"):
                await compute.open("xx", 16000, Ears())

    run(story)


def test_nothing_is_delivered_once_closing_was_asked() -> None:
    """Not even of a step that was under way; and the state is given back after it."""

    async def story() -> None:
        recogniser, ears = GatedRecogniser(), Ears()
        async with computing(recogniser) as compute:
            lane = await compute.open("en", 16000, ears)
            compute.push(lane, audio(samples=FIRST))
            await asyncio.to_thread(recogniser.is_stepping.wait, SOON_S)
            closing = asyncio.create_task(compute.close(lane))
            await asyncio.sleep(0)
            assert recogniser.closed == 0
            recogniser.may_step.release(100)
            await closing
            compute.push(lane, audio())

        assert (recogniser.closed, ears.outputs, len(recogniser.steps)) == (1, [], 1)

    run(story)


def test_a_hanging_step_shows() -> None:
    """The heartbeat stands still while a step does not come back, and is None while there is nothing to do."""

    async def story() -> None:
        recogniser, ears = GatedRecogniser(), Ears()
        async with computing(recogniser) as compute:
            lane = await compute.open("en", 16000, ears)
            compute.push(lane, audio(samples=FIRST))
            await asyncio.to_thread(recogniser.is_stepping.wait, SOON_S)
            hanging = compute.heartbeat()
            assert hanging is not None and compute.heartbeat() == hanging
            recogniser.may_step.release(100)
            await ears.until(lambda ears: bool(ears.outputs))
            async with asyncio.timeout(SOON_S):
                while compute.heartbeat() is not None:
                    await asyncio.sleep(0)

    run(story)

"""Frames from a thread to the loop."""

import asyncio
import threading
from typing import Any

import pytest

from backend.workers.tts.cancels import Ticket
from backend.workers.tts.frames import Frame
from backend.workers.tts.outbox import Ended, Outbox


def frame(number: int) -> Frame:
    return Frame(b"\0\0", 1, number, False)


def test_frames_and_the_end_arrive_in_order() -> None:
    """What the thread put first is sent first, the end last."""

    async def run() -> Any:
        outbox = Outbox(asyncio.get_running_loop(), Ticket("a"))

        def give() -> None:
            for number in range(5):
                outbox.put(frame(number))
            outbox.close(None)

        thread = threading.Thread(target=give)
        thread.start()
        items = [await outbox.get(5.0) for _ in range(6)]
        thread.join()
        return items

    *frames, end = asyncio.run(run())
    assert [each.sequence_number for each in frames] == [0, 1, 2, 3, 4]
    assert end == Ended(None)


def test_a_slow_listener_holds_the_thread_back_and_a_cancel_frees_it() -> None:
    """Memory stays bounded; the thread does not outlive the wish for it."""

    async def run() -> None:
        ticket = Ticket("a")
        outbox = Outbox(asyncio.get_running_loop(), ticket, room=3)
        put: list[bool] = []
        thread = threading.Thread(target=lambda: put.extend(outbox.put(frame(n)) for n in range(4)))
        thread.start()
        await asyncio.to_thread(thread.join, 0.1)
        assert put == [True, True, True]
        ticket.is_cancelled = True
        await asyncio.to_thread(thread.join, 2.0)
        assert put == [True, True, True, False]

    asyncio.run(run())


def test_a_thread_that_gives_nothing_is_noticed() -> None:
    """The sender does not wait for ever."""

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await Outbox(asyncio.get_running_loop(), Ticket("a")).get(0.01)

    asyncio.run(run())


def test_a_frame_in_time_puts_the_end_of_patience_off() -> None:
    """Each wait has the whole time, whatever the ones before it took."""

    async def run() -> list[Any]:
        loop = asyncio.get_running_loop()
        outbox, items = Outbox(loop, Ticket("a")), []
        for number in range(4):
            loop.call_later(0.1, outbox.put, frame(number))
            items.append(await outbox.get(0.25))
        began = loop.time()
        with pytest.raises(TimeoutError):
            await outbox.get(0.25)
        assert loop.time() - began + 0.005 >= 0.25
        outbox.put(frame(4))
        return [*items, await outbox.get(0.25)]

    assert [each.sequence_number for each in asyncio.run(run())] == [0, 1, 2, 3, 4]


def test_one_that_was_left_keeps_no_timer() -> None:
    """A synthesis that has ended must not be held by the loop for the seconds of its patience."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        outbox = Outbox(loop, Ticket("a"))
        outbox.put(frame(0))
        await outbox.get(60.0)
        loop.call_later(0.01, outbox.close, None)
        await outbox.get(60.0)
        assert outbox._timer is not None
        outbox.leave()
        assert outbox._timer is None

    asyncio.run(run())


def test_a_listener_who_is_cancelled_loses_no_frame() -> None:
    """The one who waits next gets what came meanwhile."""

    async def run() -> Any:
        outbox = Outbox(asyncio.get_running_loop(), Ticket("a"))
        waiting = asyncio.create_task(outbox.get(5.0))
        await asyncio.sleep(0)
        outbox.put(frame(0))
        waiting.cancel()
        await asyncio.wait([waiting])
        return await outbox.get(5.0)

    assert asyncio.run(run()).sequence_number == 0


def test_no_frame_of_a_hurrying_thread_is_overlooked() -> None:
    """Twenty thousand frames through a small room, the listener sometimes slower, sometimes faster."""

    async def run() -> list[int]:
        outbox = Outbox(asyncio.get_running_loop(), Ticket("a"), room=3)
        thread = threading.Thread(target=lambda: [outbox.put(frame(number)) for number in range(20_000)])
        thread.start()
        numbers = []
        for number in range(20_000):
            item = await outbox.get(5.0)
            assert isinstance(item, Frame)
            numbers.append(item.sequence_number)
            if number % 100 == 0:
                await asyncio.sleep(0)
        thread.join()
        return numbers

    assert asyncio.run(run()) == list(range(20_000))


def test_a_thread_that_outlives_the_loop_is_not_harmed() -> None:
    """At the process' end nobody listens any more."""

    async def run() -> Any:
        return Outbox(asyncio.get_running_loop(), Ticket("a"))

    outbox = asyncio.run(run())
    outbox.put(frame(0))
    outbox.close(None)

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


def test_a_thread_that_outlives_the_loop_is_not_harmed() -> None:
    """At the process' end nobody listens any more."""

    async def run() -> Any:
        return Outbox(asyncio.get_running_loop(), Ticket("a"))

    outbox = asyncio.run(run())
    outbox.put(frame(0))
    outbox.close(None)

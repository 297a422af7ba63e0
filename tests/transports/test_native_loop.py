"""backend/transports/native_loop.py"""

import asyncio
from collections.abc import Iterator

import gevent
import pytest
from gevent.monkey import get_original

from backend.transports.native_loop import Crossing, NativeLoop

get_ident = get_original("_thread", "get_ident")
"""Of the thread, not of the greenlet, also in a patched process."""


@pytest.fixture
def loop() -> Iterator[NativeLoop]:
    loop = NativeLoop()
    yield loop
    loop.stop()


def test_work_runs_in_a_thread_of_its_own_and_answers_in_the_hub_in_order(loop: NativeLoop) -> None:
    """While the hub goes on."""
    here, threads = get_ident(), []
    got: list[tuple[int, int]] = []
    crossing: Crossing[int] = Crossing(lambda number: got.append((number, get_ident())))

    async def work() -> None:
        threads.append(get_ident())
        for number in range(100):
            crossing.put(number)
            await asyncio.sleep(0)

    loop.start(work())
    with gevent.Timeout(10):
        while len(got) < 100:
            gevent.sleep(0.001)
    crossing.close()

    assert [number for number, _ in got] == list(range(100))
    assert {thread for _, thread in got} == {here} and threads != [here]


def test_what_is_called_runs_in_the_order_of_the_calls(loop: NativeLoop) -> None:
    """From several greenlets that all come first."""
    ran: list[int] = []
    done = Crossing[int](ran.append)
    gevent.joinall([gevent.spawn(loop.call, lambda number=number: done.put(number)) for number in range(20)])
    with gevent.Timeout(10):
        while len(ran) < 20:
            gevent.sleep(0.001)
    done.close()

    assert ran == list(range(20))


def test_a_closed_crossing_takes_nothing_more() -> None:
    """And may be closed twice."""
    got: list[int] = []
    crossing: Crossing[int] = Crossing(got.append)
    crossing.close()
    crossing.put(1)
    crossing.close()
    gevent.sleep(0.01)

    assert got == []

"""An asyncio loop in a native thread of its own, beside gevent's hub: for libraries that know asyncio only.

Decides how the two sides speak, and nothing else. Nothing is shared but what crosses:

| from → to        | by                                                                                          |
|------------------|---------------------------------------------------------------------------------------------|
| hub → loop       | `start(coroutine)` and `call(function)`: run over there, in order; nobody waits for them     |
| loop → hub       | a `Crossing`: what is put in by any thread comes out in the hub, in order, one wake-up a burst |

The thread is started with the first use and belongs to the process; it must not be used before a fork. In a patched process
`threading` and `socket` are gevent's also over there: the loop's own selector then runs on a second hub in its thread.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

import gevent
from gevent.lock import BoundedSemaphore
from gevent.threadpool import ThreadPool

Thing = TypeVar("Thing")


class Crossing(Generic[Thing]):
    """`put` from any thread, `take` is called in the hub that made the crossing. It must not block."""

    def __init__(self, take: Callable[[Thing], None]) -> None:
        self._take = take
        self._things: deque[Thing] = deque()
        self._is_closed = False
        self._wake = gevent.get_hub().loop.async_()
        self._wake.start(self._take_all)

    def put(self, thing: Thing) -> None:
        self._things.append(thing)
        if not self._is_closed:
            self._wake.send()

    def close(self) -> None:
        """In the hub. What is put in afterwards is lost."""
        if not self._is_closed:
            self._is_closed = True
            self._wake.stop()
            self._wake.close()
            self._things.clear()

    def _take_all(self) -> None:
        while self._things and not self._is_closed:
            self._take(self._things.popleft())


class NativeLoop:
    """One thread with its loop, for all who need one."""

    def __init__(self) -> None:
        self._pool = ThreadPool(1)
        self._starting = BoundedSemaphore()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin it over there. What it raises is its own business: an uncaught error is asyncio's to log."""
        self.call(lambda: self._begin(work))

    def call(self, function: Callable[[], object]) -> None:
        self._running().call_soon_threadsafe(function)

    def stop(self) -> None:
        """Everything over there is cancelled and has ended when this returns. For tests and the end of a process."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(lambda: loop.create_task(self._wind_up(loop)))
            self._pool.join()
            loop.close()

    @staticmethod
    async def _wind_up(loop: asyncio.AbstractEventLoop) -> None:
        tasks = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        loop.stop()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)  # a loop holds its tasks by weak references only
        task.add_done_callback(self._tasks.discard)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = self._pool.apply(asyncio.new_event_loop)
                self._pool.spawn(self._run, self._loop)
            return self._loop

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()

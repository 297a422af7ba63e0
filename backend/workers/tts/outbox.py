"""From the thread that computes to the event loop that sends: frames in order, then the end, never more than a bounded
number of frames in between.

The thread waits when the listener is slow, so memory stays bounded; it looks at its ticket while it waits, so a cancel
frees it. The end is said once, by whoever knows that the thread has finished, and never waits for room.
"""

import asyncio
import threading
from dataclasses import dataclass

from backend.workers.tts.cancels import Ticket
from backend.workers.tts.frames import Frame

MOST_FRAMES = 50
LOOK_EVERY_S = 0.05
"""How often a thread that waits for room looks whether it is still wanted."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The thread has finished. `error` is what it raised."""

    error: BaseException | None = None


class Outbox:
    """One synthesis' outbox. `put` in the thread, `close` in any, `get` on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ticket: Ticket, room: int = MOST_FRAMES) -> None:
        self._loop = loop
        self._ticket = ticket
        self._queue: asyncio.Queue[Frame | Ended] = asyncio.Queue()
        self._room = threading.Semaphore(room)

    def put(self, frame: Frame) -> bool:
        """False: nobody wants it any more, stop."""
        while not self._ticket.is_cancelled:
            if self._room.acquire(timeout=LOOK_EVERY_S):
                self._hand_over(frame)
                return not self._ticket.is_cancelled
        return False

    def close(self, error: BaseException | None) -> None:
        self._hand_over(Ended(error))

    async def get(self, timeout_s: float) -> Frame | Ended:
        """The next frame or the end. Raises TimeoutError when the thread gives nothing for so long."""
        async with asyncio.timeout(timeout_s):
            item = await self._queue.get()
        self._room.release()
        return item

    def _hand_over(self, item: Frame | Ended) -> None:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
        except RuntimeError:
            pass  # the loop is closed: the process ends and nobody listens

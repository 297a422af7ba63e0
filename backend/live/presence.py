"""Who is with a browser's session: its own socket, or somebody who watches it, on whichever worker.

Each worker marks the calls that are attended on it, every `MARK_EVERY_S` and once more when the last one leaves, so the mark
of a call says when somebody was last there, whatever became of that worker. Decides nothing: `reaper.py` reads the marks.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import gevent
import structlog
from gevent import Greenlet

from backend.call.leg import kind_of
from backend.clock import Clock
from backend.errors import StoreError
from backend.store.live_feeds import LiveFeeds

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MARK_EVERY_S = 10.0


class Presence:
    """One per worker. `watched`: the calls that somebody watches here."""

    def __init__(self, live: LiveFeeds, clock: Clock, watched: Callable[[], Sequence[str]]) -> None:
        self._live = live
        self._clock = clock
        self._failed_at: float | None = None
        self._watched = watched
        self._attended: Counter[str] = Counter()
        self._greenlet: Greenlet | None = None

    @contextmanager
    def attending(self, call_control_id: str) -> Iterator[None]:
        """Somebody is there as long as this lasts."""
        self._attended[call_control_id] += 1
        try:
            yield
        finally:
            self._attended[call_control_id] -= 1
            if not self._attended[call_control_id]:
                del self._attended[call_control_id]
                self.left(call_control_id)

    def left(self, call_control_id: str) -> None:
        """Somebody who was there has gone. Does not wait."""
        if kind_of(call_control_id) == "browser":
            gevent.spawn(self._mark, [call_control_id])

    def mark(self) -> None:
        """All that are attended now. While Redis is away nothing is marked, and nothing is reaped either."""
        self._mark(sorted({*self._attended, *self._watched()}))

    def is_sure(self) -> bool:
        """Marks were written lately; else somebody may be there whose mark is old for want of Redis."""
        return self._failed_at is None or self._clock.monotonic() - self._failed_at > 2 * MARK_EVERY_S

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def _run(self) -> None:
        while True:
            gevent.sleep(MARK_EVERY_S)
            self.mark()

    def _mark(self, calls: Sequence[str]) -> None:
        browsers = [call for call in calls if kind_of(call) == "browser"]
        try:
            if browsers:
                self._live.mark_seen(browsers)
            else:
                self._live.seen_ages()  # only to know whether the other workers' marks can be written
        except StoreError as error:
            self._failed_at = self._clock.monotonic()
            log.warning("presence_not_marked", calls=len(calls), error=str(error))

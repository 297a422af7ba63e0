"""Browser sessions that everybody has left are ended (I3); phone calls never.

| a running call                                               | is ended                                               |
|--------------------------------------------------------------|--------------------------------------------------------|
| of a phone, or of a LiveKit room                             | not by this                                            |
| of a browser, attended (`presence.py`)                       | not by this                                            |
| of a browser, last attended more than `ttl_s` ago            | in the next pass                                       |
| of a browser, while Redis was away a moment ago              | not yet: its mark may be old for want of Redis         |
| of a browser, never attended, begun more than `ttl_s` ago    | in the next pass                                       |

A pass every max(15 s, `ttl_s` / 2), in every web worker: to end a session twice changes nothing, and one worker that dies
keeps no session alive. The end goes through the mailbox to the session's owner like any hang-up of the far side.
"""

from collections.abc import Callable

import gevent
import structlog
from gevent import Greenlet

from backend.call.events import CallHungUp
from backend.call.leg import kind_of
from backend.clock import Clock
from backend.errors import StoreError
from backend.store.stores import Stores

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

TIMED_OUT = CallHungUp("session_timed_out", "callee")
LEAST_INTERVAL_S = 15.0


class Reaper:
    """One per worker."""

    def __init__(self, stores: Stores, clock: Clock, ttl_s: float, is_sure: Callable[[], bool] = lambda: True) -> None:
        """`is_sure`: the marks can be trusted (`Presence.is_sure`)."""
        self._stores = stores
        self._is_sure = is_sure
        self._clock = clock
        self._ttl_s = ttl_s
        self._greenlet: Greenlet | None = None

    @property
    def interval_s(self) -> float:
        return max(LEAST_INTERVAL_S, self._ttl_s / 2)

    def run_pass(self) -> list[str]:
        """Look once at all running calls; returns those that were ended. Raises StoreError."""
        running = self._stores.legs.live()
        browsers = {call: began_at for call, began_at in running.items() if kind_of(call) == "browser"}
        if not browsers or not self._is_sure():
            return []
        ages = self._stores.live.seen_ages()
        now = self._clock.wall()
        left = [call for call, began_at in browsers.items() if ages.get(call, now - began_at) > self._ttl_s]
        for call_control_id in left:
            log.info("session_timed_out", call_control_id=call_control_id)
            self._stores.mailbox.post(call_control_id, TIMED_OUT, "reaper")
        return left

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def _run(self) -> None:
        while True:
            gevent.sleep(self.interval_s)
            try:
                self.run_pass()
            except StoreError as error:
                log.warning("reaper_skipped", error=str(error))

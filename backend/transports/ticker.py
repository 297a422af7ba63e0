"""One 20 ms heartbeat for all calls of a worker.

A greenlet that sleeps for each call would cost fifty switches a second and call; this one wakes for all of them. Calls
are spread over phases, so that not everything happens in the same millisecond. The schedule is absolute: a late tick
does not delay the next, and when the worker was stuck for longer than a period, the missed ticks are skipped and
counted, not run in a burst. Nothing ticks while nobody is registered.

Callbacks run in the ticker's greenlet, are given `now` (monotonic) and must not block. One that raises is taken out
and logged: its call has a bug, the others go on.
"""

import logging
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from backend.clock import Clock

log = logging.getLogger(__name__)

Callback = Callable[[float], None]

_FILL = 16
"""Callbacks that share a phase before the next one is used: each phase in use is fifty more wake-ups a second."""


class Registration:
    """A callback's place in the ticker. `cancel` is idempotent and may be called from inside the callback."""

    def __init__(self, phase: "dict[Registration, Callback]", callback: Callback) -> None:
        self._phase = phase
        phase[self] = callback

    def cancel(self) -> None:
        self._phase.pop(self, None)


class Ticker:
    """Created after the fork, one per worker. `start` once; `stop` ends it."""

    def __init__(self, clock: Clock, *, period_s: float = 0.02, phases: int = 4) -> None:
        self._clock = clock
        self._step_s = period_s / phases
        self._phases: list[dict[Registration, Callback]] = [{} for _ in range(phases)]
        self._somebody = Event()
        self._greenlet: gevent.Greenlet[..., Any] | None = None
        self.missed = 0
        """Steps that were skipped because the worker was stuck."""

    def add(self, callback: Callback) -> Registration:
        """Call it once per period from now on."""
        for phase in self._phases:
            if len(phase) < _FILL:
                break
        else:
            phase = min(self._phases, key=len)
        registration = Registration(phase, callback)
        self._somebody.set()
        return registration

    def start(self) -> None:
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
            self._greenlet = None

    def _run(self) -> None:
        while True:
            if not any(self._phases):
                self._somebody.clear()
                self._somebody.wait()
            self._run_until_empty()

    def _run_until_empty(self) -> None:
        clock, step_s, phases = self._clock, self._step_s, self._phases
        started_at, step = clock.monotonic(), 0
        while True:
            for ahead in range(1, len(phases) + 1):
                if phases[(step + ahead) % len(phases)]:
                    break
            else:
                return
            step += ahead
            wait_s = started_at + step * step_s - clock.monotonic()
            if wait_s < -len(phases) * step_s:
                missed = int(-wait_s / step_s) // len(phases) * len(phases)
                self.missed += missed
                step += missed
                wait_s = 0
            gevent.sleep(max(0.0, wait_s))
            self._tick(phases[step % len(phases)])

    def _tick(self, phase: dict[Registration, Callback]) -> None:
        now = self._clock.monotonic()
        for registration, callback in list(phase.items()):
            if registration not in phase:
                continue
            try:
                callback(now)
            except Exception:  # whatever it is, it is one call's bug and must not stop the others' heartbeat
                log.exception("a ticker callback failed and was taken out")
                registration.cancel()

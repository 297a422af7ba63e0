"""What this worker's calls tell their watchers, on its way to Redis.

`publish` is called in the middle of a call: it puts one event into memory and returns; it never waits and never raises. One
greenlet per worker writes what has gathered, all calls in one round trip, `GATHER_S` after the first event of a batch.
Decides how much may wait while Redis is away, and nothing about what is told (`story.py`, and whoever else calls `publish`).

| Redis                 | events                                                                                   |
|-----------------------|------------------------------------------------------------------------------------------|
| is there              | written within `GATHER_S` and a round trip                                               |
| is away               | wait, `MOST_WAITING` per call; the oldest go, are counted, and a `gap` says how many     |
| is back               | written in order; what an unanswered request had written already is not written again    |
| away when a call ends | wait like all others, for as long as the call's story may live (`KEPT_AFTER_END_S`)      |

A running call gives a sign of life every few seconds, so that one whose worker was killed is not shown for ever.
"""

import dataclasses
import json
import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any

import gevent
import structlog
from gevent import Greenlet
from gevent.event import Event

from backend.call.leg import CallKind
from backend.clock import Clock
from backend.errors import StoreError
from backend.metrics import LIVE_EVENTS_DROPPED
from backend.store.live_feeds import ENDED, SIGN_OF_LIFE_S, Batch, LiveFeeds

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

GATHER_S = 0.02
"""How long the first event of a batch waits for others."""
RETRY_S = 1.0
MOST_WAITING = 1000
"""Events of one call that wait for Redis."""
MOST_PER_BATCH = 250
"""Events of one call in one request: a long outage must not end in one that Redis cannot answer in time."""
KEPT_AFTER_END_S = 60.0


@dataclass(frozen=True, slots=True)
class LiveCall:
    """One running call, as GET /api/live shows it."""

    call_control_id: str
    kind: CallKind
    agent_id: str
    agent_version: int
    agent_name: str
    from_number: str
    to_number: str
    direction: str
    started_at: float
    """Seconds since 1970."""
    worker: str
    state: str = "listening"
    """`call/doing.py`."""
    check_ins: int = 0
    """So far in the present silence."""


class CallFeed:
    """What one call tells. Made by `Feed.open`."""

    def __init__(self, feed: "Feed", call: LiveCall) -> None:
        self.call = call
        self._feed = feed
        self._writer = secrets.token_hex(6)
        self._waiting: deque[tuple[str, str]] = deque()
        self._first = 1
        """The number of the event that waits longest, or of the next one."""
        self._lost = 0
        """Dropped just before the event that waits longest."""
        self.is_ended = False
        self.is_state_news = True
        self.ended_at = 0.0

    def publish(self, name: str, data: dict[str, Any]) -> None:
        """Tell the call's watchers. `data`: what JSON can hold; `at`, seconds since 1970, is added where it is missing.
        After `ended` nothing is told. Never waits, never raises."""
        if self.is_ended:
            return
        try:
            text = json.dumps({"at": round(self._feed.clock.wall(), 3), **data}, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:  # a bug of ours: it costs the event, not the call
            log.error("live_event_unspeakable", name=name, error=type(error).__name__)
            LIVE_EVENTS_DROPPED.count(reason="not_json")
            return
        if name == ENDED:
            self.is_ended = True
            self.ended_at = self._feed.clock.monotonic()
        self._waiting.append((name, text))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._first += 1
            self._lost += 1
            LIVE_EVENTS_DROPPED.count(reason="redis_away")
        self._feed.wake(self)

    def leave(self) -> None:
        """This worker tells nothing more of the call, which may go on elsewhere."""
        self.is_ended = True
        self.ended_at = self._feed.clock.monotonic()
        self._feed.wake(self)

    def show(self, state: str, check_ins: int) -> None:
        """What the call is at, for the list of all calls."""
        if (state, check_ins) != (self.call.state, self.call.check_ins):
            self.call = dataclasses.replace(self.call, state=state, check_ins=check_ins)
            self.is_state_news = True
            self._feed.wake(self)

    @property
    def waiting(self) -> int:
        """Events not yet written."""
        return len(self._waiting)

    def batch(self) -> Batch:
        """What is written next; empty: a sign of life."""
        events = [self._waiting[index] for index in range(min(len(self._waiting), MOST_PER_BATCH))]
        first = self._first
        if self._lost:
            # In the place, and under the number, of the last one that was dropped.
            at = json.loads(events[0][1])["at"] if events else self._feed.clock.wall()
            events.insert(0, ("gap", json.dumps({"at": at, "lost": self._lost})))
            first -= 1
        return Batch(self.call.call_control_id, self._writer, first, events)

    def written(self, batch: Batch) -> None:
        """It is in Redis. Events that were dropped meanwhile were in it: they are not lost."""
        until = batch.first + len(batch.events)
        while self._waiting and self._first < until:
            self._waiting.popleft()
            self._first += 1
        self._lost = max(0, self._first - until)


class Feed:
    """One per worker. `start` after the fork."""

    def __init__(self, live: LiveFeeds, clock: Clock) -> None:
        self.clock = clock
        self._live = live
        self._running: set[CallFeed] = set()
        """Those that have told something and not their end, or still have something to write."""
        self._dirty: set[CallFeed] = set()
        self._news = Event()
        self._signs_at = 0.0
        self._greenlet: Greenlet | None = None

    def open(self, call: LiveCall) -> CallFeed:
        """For a call that begins. Nobody learns of it before it tells something."""
        return CallFeed(self, call)

    def wake(self, feed: CallFeed) -> None:
        """It has something to write."""
        self._running.add(feed)
        self._dirty.add(feed)
        self._news.set()

    def __len__(self) -> int:
        """Calls that are told of."""
        return len(self._running)

    # --- the writer ---

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Write nothing more."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def write(self) -> bool:
        """One pass: everything that waits. False if Redis did not take it. Also for the end of a worker."""
        now = self.clock.monotonic()
        if now - self._signs_at >= SIGN_OF_LIFE_S:
            self._signs_at = now
            self._dirty |= self._running
            for feed in self._running:
                feed.is_state_news = True
        try:
            while self._dirty:
                self._write_once()
        except StoreError as error:
            log.warning("live_events_wait", calls=len(self._dirty), error=str(error))
            self._give_up_on_old(now)
            return False
        return True

    def _write_once(self) -> None:
        feeds, self._dirty = self._dirty, set()
        shown = [(feed, feed.call) for feed in feeds if feed.is_state_news and not feed.is_ended]
        batches = [(feed, feed.batch()) for feed in feeds]
        try:
            self._live.append([batch for _, batch in batches])
            self._live.put_calls([(call.call_control_id, _dumps(call)) for _, call in shown])
        except StoreError:
            self._dirty |= feeds
            raise
        for feed, call in shown:
            feed.is_state_news = feed.call is not call
        for feed, batch in batches:
            feed.written(batch)
            if feed.waiting or feed.is_state_news and not feed.is_ended:
                self._dirty.add(feed)
            elif feed.is_ended:
                self._forget(feed)

    def _forget(self, feed: CallFeed) -> None:
        self._running.discard(feed)
        self._dirty.discard(feed)

    def _give_up_on_old(self, now: float) -> None:
        for feed in [feed for feed in self._running if feed.is_ended and now - feed.ended_at > KEPT_AFTER_END_S]:
            LIVE_EVENTS_DROPPED.count(feed.waiting, reason="redis_away")
            self._forget(feed)

    def _run(self) -> None:
        while True:
            self._news.wait(timeout=SIGN_OF_LIFE_S)
            gevent.sleep(GATHER_S)
            self._news.clear()
            if not self.write():
                gevent.sleep(RETRY_S)
                self._news.set()


def _dumps(call: LiveCall) -> str:
    return json.dumps(dataclasses.asdict(call), separators=(",", ":"))

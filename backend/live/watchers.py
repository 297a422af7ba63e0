"""Who watches this worker's event streams: one reader of Redis for all of them.

A watcher first reads what it has missed by itself, then gets what the reader finds. It is listed before it begins to read,
and takes nothing twice (ids rise), so that events which are written in between are neither missed nor doubled, on whichever
worker it comes back. The reader is woken over one channel (`live:news`) and looks every two seconds anyway.

| what happens                                            | what the watcher gets                                       |
|---------------------------------------------------------|-------------------------------------------------------------|
| it comes for the first time                             | everything from the call's beginning                        |
| it comes back with the id of its last event             | everything after it                                         |
| that id is not there (trimmed, Redis lost it, made up)  | `reset`: forget what you had; then all that is kept         |
| nothing happens for `HEARTBEAT_S`                       | a comment, so that nobody on the way closes the connection  |
| it does not read, `MOST_WAITING` events wait            | its connection is cut; it may come back                     |
| `ended`                                                 | that, and the end of the stream                             |
| the worker stops                                        | the end of the stream; it comes back elsewhere              |
| its call's stream is gone (Redis lost it) for a while   | the end of the stream; it finds out when it asks again      |

Watchers of all calls get the running calls first, as `call_started`; the place in the stream is that of the last of these.

One per worker; decides nothing about calls. Bound: `most` watchers. No command touches two slots of a cluster.
"""

import json
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import gevent
import structlog
from gevent import Greenlet
from gevent.event import Event

from backend.clock import Clock
from backend.errors import BackendError, Fault, StoreError
from backend.metrics import LIVE_WATCHERS, LIVE_WATCHERS_ENDED
from backend.store import keys
from backend.store.database import Database
from backend.store.listener import Listener
from backend.store.live_feeds import ENDED, START, LiveFeeds, Page, Told, event_key, is_event_id

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

HEARTBEAT_S = 15.0
MOST_WAITING = 500
PAGE = 250
MISSING_FOR_S = 6.0
RETRY_S = 0.5
HEARTBEAT = b": still here\n\n"
COME_BACK_AFTER_MS = 1000
ALL_CALLS = ""
"""In place of a call_control_id."""


class TooManyWatchers(BackendError):
    """This worker holds as many event streams as it may."""

    whose_fault: Fault = "operator"
    retryable = True


class NotLive(BackendError):
    """No such call is running."""

    whose_fault: Fault = "client"


@dataclass(frozen=True, slots=True)
class Frame:
    """One event as it goes over the wire, made once for all watchers. `at`: its id, to be compared."""

    at: tuple[int, int]
    wire: bytes
    is_reset: bool = False
    is_last: bool = False


class Watcher:
    """One open stream. `frames` runs in the greenlet of its request."""

    def __init__(self, watchers: "Watchers", topic: str, backlog: Iterator[Frame], cut: Callable[[], None]) -> None:
        self.topic = topic
        self._watchers = watchers
        self._backlog = backlog
        self._cut = cut
        """Ends the connection under a writer that hangs."""
        self._waiting: deque[Frame] = deque()
        self._news = Event()
        self._taken: tuple[int, int] = (0, 0)
        self._ended_by = ""

    def give(self, frame: Frame) -> None:
        """From the reader. Does not wait."""
        if self._ended_by:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.end("too_slow")
            self._cut()
            return
        self._waiting.append(frame)
        self._news.set()

    def end(self, reason: str) -> None:
        """Nothing more comes. Does not wait."""
        self._ended_by = self._ended_by or reason
        self._waiting.clear()
        self._news.set()

    def frames(self) -> Iterator[bytes]:
        """What goes to the client, piece by piece; ends when the stream does."""
        yield b"retry: %d\n\n" % COME_BACK_AFTER_MS
        for frame in self._backlog:
            if self._ended_by:
                return
            yield from self._take(frame)
        while not self._ended_by:
            if not self._news.wait(timeout=HEARTBEAT_S):
                yield HEARTBEAT
                continue
            self._news.clear()
            while self._waiting:
                yield from self._take(self._waiting.popleft())
        if self._ended_by == ENDED:
            yield b": the call is over\n\n"

    def close(self) -> None:
        """The stream is over, whoever ended it. Idempotent."""
        self._watchers.leave(self, self._ended_by or "left")

    def _take(self, frame: Frame) -> Iterator[bytes]:
        if frame.is_reset:
            self._taken = (0, 0)
        elif frame.at <= self._taken:
            return
        else:
            self._taken = frame.at
        yield frame.wire
        if frame.is_last:
            self.end(ENDED)


@dataclass(slots=True)
class _Topic:
    """A stream that somebody here watches. `position`: up to where the reader has read; None: not yet known."""

    call_control_id: str
    watchers: set[Watcher]
    position: str | None = None
    missing_since: float | None = None


class Watchers:
    """All of this worker."""

    def __init__(self, database: Database, live: LiveFeeds, clock: Clock, *, most: int) -> None:
        self._database = database
        self._live = live
        self._clock = clock
        self._most = most
        self._topics: dict[str, _Topic] = {}
        self._count = 0
        self._dirty: set[str] = set()
        self._news = Event()
        self._listener: Listener | None = None
        self._reader: Greenlet | None = None
        self._is_stopping = False
        self.on_left: Callable[[str], None] = lambda call_control_id: None
        """Told when the last watcher of a call has left this worker."""
        self._hub = gevent.get_hub()

    def __len__(self) -> int:
        return self._count

    def watched(self) -> list[str]:
        """The calls that somebody watches here, besides those who watch all."""
        return [name for name in self._topics if name != ALL_CALLS]

    # --- coming and going ---

    def watch(self, call_control_id: str, last_event_id: str, cut: Callable[[], None] = lambda: None) -> Watcher:
        """A new stream; ALL_CALLS: of all. `last_event_id`: as the client sent it, START where it sent none. Raises NotLive,
        TooManyWatchers, StoreError."""
        if self._is_stopping or self._count >= self._most:
            raise TooManyWatchers("no place for another watcher here")
        if call_control_id != ALL_CALLS and not self._live.read(call_control_id, START, 1).exists:
            raise NotLive(f"no running call {call_control_id!r}")
        if self._is_stopping or self._count >= self._most:  # others came while Redis was asked
            raise TooManyWatchers("no place for another watcher here")
        watcher = Watcher(self, call_control_id, self._backlog(call_control_id, last_event_id), cut)
        self._count += 1
        LIVE_WATCHERS.set(self._count)
        topic = self._topics.setdefault(call_control_id, _Topic(call_control_id, set()))
        topic.watchers.add(watcher)
        self._listen()
        return watcher

    def leave(self, watcher: Watcher, reason: str) -> None:
        topic = self._topics.get(watcher.topic)
        if topic is None or watcher not in topic.watchers:
            return
        topic.watchers.discard(watcher)
        if not topic.watchers:
            del self._topics[watcher.topic]
            self.on_left(watcher.topic)
        self._count -= 1
        LIVE_WATCHERS.set(self._count)
        LIVE_WATCHERS_ENDED.count(reason=reason)

    def stop(self) -> None:
        """End all streams and take no more. Does not wait."""
        self._is_stopping = True
        for topic in self._topics.values():
            for watcher in list(topic.watchers):
                watcher.end("worker_stops")
        self._stop_listening()

    # --- what was missed ---

    def _backlog(self, name: str, after: str) -> Iterator[Frame]:
        """Runs in the watcher's greenlet, when it is listed already."""
        if name == ALL_CALLS and not (after != START and is_event_id(after)):
            position = yield from self._running_calls(is_reset=after != START)
        else:
            position = yield from self._missed(name, after)
        topic = self._topics.get(name)
        if topic is not None:
            if topic.position is None or event_key(position) < event_key(topic.position):
                topic.position = position
            self._look_at(name)

    def _missed(self, name: str, after: str) -> Generator[Frame, None, str]:
        """Returns the id from which the reader goes on."""
        position = after
        while True:
            page = self._read(name, position)
            if page.is_broken or (name == ALL_CALLS and not page.exists):
                if name == ALL_CALLS:
                    return (yield from self._running_calls(is_reset=True))
                yield reset(self._clock.wall(), page)
            for told in page.events:
                yield frame_of(told)
                position = told.id
            if len(page.events) < PAGE:
                return position if position else "0-0"

    def _running_calls(self, *, is_reset: bool) -> Generator[Frame, None, str]:
        newest, states = self._live.calls()
        if is_reset:
            yield reset(self._clock.wall(), None)
        for number, state in enumerate(states, 1):
            # The place in the stream goes with the last one: who loses the line before it gets them all again.
            yield Frame((0, number), _wire("call_started", state, newest if number == len(states) else ""))
        if not states:
            yield Frame((0, 1), b"id: %s\n\n" % newest.encode())
        return newest

    # --- the reader ---

    def _listen(self) -> None:
        if self._reader is None:
            self._reader = gevent.spawn(self._run)
        if self._listener is None:
            self._listener = Listener(self._database, "", self._look_at, self._look_at_all, channel=keys.live_news())
            self._listener.start()

    def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop(timeout_s=0)

    def _look_at(self, name: str) -> None:
        """There is news. From the listener, whose thread is a greenlet in the web workers and a real one in tests."""
        if name in self._topics:
            self._dirty.add(name)
            if gevent.get_hub() is self._hub:
                self._news.set()
            else:
                self._hub.loop.run_callback_threadsafe(self._news.set)

    def _look_at_all(self) -> None:
        for name in list(self._topics):
            self._look_at(name)
        if not self._topics:
            self._stop_listening()

    def _run(self) -> None:
        while not self._is_stopping:
            self._news.wait()
            self._news.clear()
            names, self._dirty = self._dirty, set()
            for name in names:
                try:
                    self.read(name)
                except StoreError as error:
                    log.warning("watchers_wait", error=str(error))
                    self._dirty.add(name)
                    gevent.sleep(RETRY_S)
                    self._news.set()

    def read(self, name: str) -> None:
        """Hand everything new of one stream to its watchers."""
        topic = self._topics.get(name)
        while topic is not None and topic.position is not None and self._topics.get(name) is topic:
            page = self._read(name, topic.position)
            if not page.exists and name != ALL_CALLS:
                self._is_missing(topic)
                return
            topic.missing_since = None
            if page.is_broken:
                self._begin_again(topic, page)
            for told in page.events:
                frame = frame_of(told)
                for watcher in list(topic.watchers):
                    watcher.give(frame)
                topic.position = told.id
            if len(page.events) < PAGE:
                return

    def _begin_again(self, topic: _Topic, page: Page) -> None:
        """What the watchers have cannot be continued."""
        for watcher in list(topic.watchers):
            if topic.call_control_id == ALL_CALLS:
                watcher.end("reset")  # it comes back, and begins with the running calls
            else:
                watcher.give(reset(self._clock.wall(), page))

    def _is_missing(self, topic: _Topic) -> None:
        now = self._clock.monotonic()
        if topic.missing_since is None:
            topic.missing_since = now
        elif now - topic.missing_since > MISSING_FOR_S:
            for watcher in list(topic.watchers):
                watcher.end("stream_gone")

    def _read(self, name: str, after: str) -> Page:
        return self._live.read_all_calls(after, PAGE) if name == ALL_CALLS else self._live.read(name, after, PAGE)


def frame_of(told: Told) -> Frame:
    """As it goes over the wire."""
    return Frame(event_key(told.id), _wire(told.name, told.data, told.id), is_last=told.name == ENDED)


def reset(at_wall: float, page: Page | None) -> Frame:
    """Forget what you had: what follows begins anew. It has no id: who loses the line now gets it again."""
    data = json.dumps({"at": round(at_wall, 3)}, separators=(",", ":")).encode()
    return Frame((0, 0), _wire("reset", data, ""), is_reset=True)


def _wire(name: str, data: bytes, event_id: str) -> bytes:
    """`data` is JSON on one line: it holds no line break that would end it, whatever a caller said."""
    head = b"id: %s\n" % event_id.encode() if event_id else b""
    return b"%sevent: %s\ndata: %s\n\n" % (head, name.encode(), data)

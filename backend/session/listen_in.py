"""Listening in, on the owner: both sides of a call to Redis's pub/sub, only while somebody listens on any worker.

Whoever listens says so through the call's mailbox, every few seconds (`ListenerPresent`); the session hands that in here and
asks nobody. `LISTENED_FOR_S` after the last word the tap is taken off the call: then this costs nothing. Pieces of
`PIECE_S` are gathered per side; what Redis does not take in time is dropped, oldest first: the call never waits.

| message   | fields                                                                                        |
|-----------|-----------------------------------------------------------------------------------------------|
| `audio`   | speaker: caller, agent; at_s of the stream at which it is heard; sample_rate 8000; audio: base64 of s16le |
| `cleared` | from_s: what the agent would have said from here on was not heard                             |
| `ended`   | the call is over                                                                              |
"""

import base64
import json
from collections import deque
from typing import Literal

import gevent
import structlog
from gevent import Greenlet
from gevent.event import Event

from backend.call.events import Event as CallEvent
from backend.call.events import ListenerPresent
from backend.clock import Clock
from backend.errors import StoreError
from backend.session.audio_taps import BYTES_PER_S, AudioTaps
from backend.store import keys
from backend.store.database import Database

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LISTENED_FOR_S = 12.0
"""After a listener's last word: two of them may get lost."""
PIECE_S = 0.1
LONGEST_PIECE_S = 0.2
MOST_WAITING = 100
"""Messages: about five seconds of both sides."""
ENDED_MESSAGE = '{"type":"ended"}'

Side = Literal["caller", "agent"]


class ListenIn:
    """Of one call; an AudioTap."""

    def __init__(self, taps: AudioTaps, clock: Clock, database: Database, call_control_id: str) -> None:
        self._taps = taps
        self._clock = clock
        self._database = database
        self._channel = keys.live_audio(call_control_id)
        self._until = 0.0
        self._gathered: dict[Side, bytearray] = {"caller": bytearray(), "agent": bytearray()}
        self._begins_s: dict[Side, float] = {"caller": 0.0, "agent": 0.0}
        self._waiting: deque[str] = deque(maxlen=MOST_WAITING)
        self._news = Event()
        self._greenlet: Greenlet | None = None
        self.is_on = False

    def takes(self, event: CallEvent) -> bool:
        """True for the fact that somebody listens: it is none of the core's."""
        if isinstance(event, ListenerPresent):
            self.somebody_listens()
            return True
        return False

    def somebody_listens(self) -> None:
        """From now on, and for a while. Does not wait."""
        self._until = self._clock.monotonic() + LISTENED_FOR_S
        if not self.is_on:
            self.is_on = True
            self._greenlet = gevent.spawn(self._run)
            self._taps.add(self)

    # --- the tap: called in the hub ---

    def caller(self, pcm: bytes, at_s: float) -> None:
        if self._clock.monotonic() > self._until:
            self._stop()
            return
        self._gather("caller", pcm, at_s)

    def agent(self, pcm: bytes, at_s: float) -> None:
        self._gather("agent", pcm, at_s)

    def agent_cleared(self, from_s: float) -> None:
        self._flush("agent")
        self._say(json.dumps({"type": "cleared", "from_s": round(from_s, 3)}))

    def ended(self) -> None:
        self._flush("caller")
        self._flush("agent")
        self._say(ENDED_MESSAGE)
        self.is_on = False  # the writer ends when it has said so

    # --- inside ---

    def _gather(self, side: Side, pcm: bytes, at_s: float) -> None:
        """Pieces join while they follow each other; a jump in time begins a new one."""
        gathered = self._gathered[side]
        expected_s = self._begins_s[side] + len(gathered) / BYTES_PER_S
        if gathered and abs(at_s - expected_s) > 0.005:
            self._flush(side)
        step = round(LONGEST_PIECE_S * BYTES_PER_S)
        for start in range(0, len(pcm), step):
            if not gathered:
                self._begins_s[side] = at_s + start / BYTES_PER_S
            gathered += pcm[start : start + step]
            if len(gathered) >= PIECE_S * BYTES_PER_S:
                self._flush(side)

    def _flush(self, side: Side) -> None:
        gathered = self._gathered[side]
        step = round(LONGEST_PIECE_S * BYTES_PER_S)
        for start in range(0, len(gathered), step):
            audio = base64.b64encode(gathered[start : start + step]).decode()
            at_s = self._begins_s[side] + start / BYTES_PER_S
            self._say(f'{{"type":"audio","speaker":"{side}","at_s":{at_s:.3f},"sample_rate":8000,"audio":"{audio}"}}')
        gathered.clear()

    def _say(self, message: str) -> None:
        self._waiting.append(message)
        self._news.set()

    def _stop(self) -> None:
        """Nobody listens any more."""
        self.is_on = False
        self._taps.remove(self)
        for gathered in self._gathered.values():
            gathered.clear()
        self._waiting.clear()
        self._news.set()

    def _run(self) -> None:
        while self.is_on or self._waiting:
            self._news.wait()
            self._news.clear()
            while self._waiting:
                try:
                    self._database.publish(self._channel, self._waiting.popleft())
                except StoreError as error:
                    log.warning("listeners_miss_audio", error=str(error))
                    gevent.sleep(0.5)

"""The carrier's end of a media stream: plays what it gets, one piece after the other, and returns marks when they are
reached, all of them at once on `clear`.

Virtual time (a FakeClock): marks come back when the test moved the clock and called `play_on`. Real time: they come back
by themselves. Nothing that was sent is forgotten: `sent` is the whole story, in order.
"""

from typing import Literal

import gevent
from gevent import Greenlet

from backend.carrier.base import MediaListener
from backend.clock import Clock

RATE = 8000
Sent = tuple[Literal["audio", "mark", "clear", "close"], str]


class FakeStream:
    """A `MediaStream`."""

    def __init__(
        self, clock: Clock, *, real_time: bool = False, returns_marks: bool = True, encoding: str = "PCMU"
    ) -> None:
        self.encoding = encoding
        self.sent: list[Sent] = []
        """("audio", seconds), ("mark", name), ("clear", ""), ("close", "")."""
        self.audio = b""
        self.listener: MediaListener | None = None
        self.returns_marks = returns_marks
        self._clock = clock
        self._real_time = real_time
        self._playing_until = 0.0
        self._marks: list[tuple[float, str]] = []
        self._players: set[Greenlet] = set()

    # --- for the test ---

    def play_on(self) -> None:
        """Return the marks whose audio is over by now."""
        now = self._clock.monotonic()
        due = [name for at, name in self._marks if at <= now]
        self._marks = [(at, name) for at, name in self._marks if at > now]
        for name in due:
            self._return(name)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.sent]

    def marks(self) -> list[str]:
        return [name for kind, name in self.sent if kind == "mark"]

    @property
    def seconds_sent(self) -> float:
        return len(self.audio) / RATE

    @property
    def is_closed(self) -> bool:
        return "close" in self.kinds()

    # --- the contract ---

    def send_audio(self, encoded: bytes) -> None:
        if self.is_closed:
            return
        seconds = len(encoded) / RATE
        self.sent.append(("audio", f"{seconds:.3f}"))
        self.audio += encoded
        self._playing_until = max(self._playing_until, self._clock.monotonic()) + seconds

    def send_mark(self, name: str) -> None:
        if self.is_closed:
            return
        self.sent.append(("mark", name))
        at = max(self._playing_until, self._clock.monotonic())
        self._marks.append((at, name))
        if self._real_time:
            player = gevent.spawn_later(max(0.0, at - self._clock.monotonic()) + 0.001, self.play_on)
            self._players.add(player)
            player.link(self._players.discard)

    def clear(self) -> None:
        if self.is_closed:
            return
        self.sent.append(("clear", ""))
        self._playing_until = 0.0
        cleared, self._marks = self._marks, []
        for _, name in cleared:
            self._return(name)

    def close(self) -> None:
        if not self.is_closed:
            self.sent.append(("close", ""))
            gevent.killall(list(self._players), block=False)

    def _return(self, name: str) -> None:
        if self.listener is not None and self.returns_marks and not self.is_closed:
            self.listener.on_mark(name)

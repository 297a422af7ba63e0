"""What a client has played of the agent's audio: which marks are due, and when.

Pure: time comes in as an argument. Decides when a mark counts as reached; sends nothing. `client_socket.py` runs it.

| the client                                  | a mark is reached when the audio before it …                               |
|---------------------------------------------|----------------------------------------------------------------------------|
| never told what it played                   | is over by the clock: played from its arrival, one frame behind the other  |
| tells it (`played`)                         | was told, and is over by the clock: telling early hastens nothing          |
| told it, and tells no more                  | was over by the clock `PATIENCE_S` ago: nobody waits for ever              |
| `clear`                                     | all marks come back at once; who asked for the clear knows they are void   |
"""

from collections import deque
from dataclasses import dataclass

PATIENCE_S = 3.0
"""How much later than by the clock a frame may be told to be played. Longer than the ledger of the call waits."""


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str
    sequence: int
    at: float


class Playout:
    """One client's. Frames are numbered from 1, in the order in which they were sent."""

    def __init__(self) -> None:
        self.last_sent = 0
        self._last_played: int | None = None
        self._playing_until = 0.0
        self._marks: deque[_Mark] = deque()

    def sent(self, duration_s: float, now: float) -> int:
        """One more frame is on its way. Returns its number."""
        self.last_sent += 1
        self._playing_until = max(self._playing_until, now) + duration_s
        return self.last_sent

    def mark(self, name: str, now: float) -> None:
        """`name` stands behind what was sent so far."""
        self._marks.append(_Mark(name, self.last_sent, max(self._playing_until, now)))

    def played(self, sequence: int) -> bool:
        """The client says that it has played everything up to frame `sequence`. False: it cannot have."""
        if not 0 < sequence <= self.last_sent:
            return False
        self._last_played = max(sequence, self._last_played or 0)
        return True

    def clear(self) -> list[str]:
        """What was not played will not be. Returns the marks that stood behind it."""
        names = [mark.name for mark in self._marks]
        self._marks.clear()
        self._playing_until = 0.0
        return names

    def take_due(self, now: float) -> list[str]:
        """The marks that are reached by now, each once."""
        names = []
        while self._marks and self._is_due(self._marks[0], now):
            names.append(self._marks.popleft().name)
        return names

    def _is_due(self, mark: _Mark, now: float) -> bool:
        if self._last_played is None or self._last_played >= mark.sequence:
            return now >= mark.at
        return now >= mark.at + PATIENCE_S

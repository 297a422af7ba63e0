"""A recogniser that we feed ourselves: when its stream is opened, when it counts as dead, when it stays away.

Decides: OPEN and CLOSE of the stream; that what the caller says is LOST, that the recogniser is AWAY (somebody else must
hear) and that it is BACK. Does not decide what is said to the caller then (`listening.py`, in the conversation), nor what
audio a new stream is fed with (`session/transcriber.py`, which runs this one: it tells the facts, and asks `due` at each
voice step of the worker, some fifty times a second, so there is no deadline to compute).

A connection that is open proves nothing: a process that is stopped or stuck keeps its sockets. So, while a stream is open
and the engine promises signs of life (`tells_progress`):

| what is seen                                                            | for              | then          |
|-------------------------------------------------------------------------|------------------|---------------|
| no sign of life: neither progress nor words                             | `SIGN_WITHIN_S`  | CLOSE, LOST   |
| audio goes in, but what was recognised stands still                     | `STILL_S`        | CLOSE, LOST   |
| voice without words: its sum, within the last `WINDOW_S`                | `WORDLESS_S`     | CLOSE, LOST   |
| the engine says that the stream is over                                 | at once          | LOST          |

| afterwards                                                              | then                                       |
|-------------------------------------------------------------------------|--------------------------------------------|
| no stream                                                               | OPEN at once, then after `OPEN_AGAIN_S`    |
| an opening takes longer than `OPEN_WITHIN_S`                            | CLOSE, and it has failed                   |
| no stream for `AWAY_AFTER_S`, counted from the loss or the first OPEN   | AWAY, once; OPEN goes on                   |
| open again                                                              | BACK; after AWAY not before the caller has |
|                                                                         | paused for `PAUSE_S`: until then the words |
|                                                                         | are somebody else's                        |
| lost `STRIKES` times with a voice, and no words between                 | AWAY for the rest of the call              |
| an error of which more tries make no end (`retryable` false)            | AWAY for the rest of the call              |
| the agent is interrupted                                                | CLOSE, OPEN after `REOPEN_AFTER_S`; no loss |

A cough a minute is no voice without words (the window), and a voice that nobody understands costs the caller one question,
not one every three seconds (the strikes).
"""

import enum
from collections import deque

SIGN_WITHIN_S = 2.5
"""Two and a half periods of the sidecar's `alive`: noticed within 3 s."""
STILL_S = 2.5
BACKLOG_S = 0.5
"""Audio that may be on its way or in a batch."""
FLOW_GAP_S = 1.0
"""A line that brings nothing for so long has paused: a recogniser that works in chunks waits for the rest of one."""
WORDLESS_S = 3.0
WINDOW_S = 8.0
SHORTEST_VOICE_S = 0.3
"""Less voice than that was no word."""
OPEN_WITHIN_S = 2.5
OPEN_AGAIN_S = (0.0, 0.25, 0.5, 1.0, 1.5)
"""The last one repeats: a sidecar that comes back is used within two seconds."""
AWAY_AFTER_S = 1.2
REOPEN_AFTER_S = 0.2
PAUSE_S = 1.0
STRIKES = 2


class HearingStep(enum.Enum):
    OPEN = "open"
    CLOSE = "close"
    LOST = "lost"
    AWAY = "away"
    BACK = "back"


class HearingLoss:
    """Whether one call's stream to its recogniser is worth anything. Times are on one monotonic clock."""

    def __init__(self, *, tells_progress: bool) -> None:
        self._tells_progress = tells_progress
        self._steps: list[HearingStep] = []
        """What follows from facts alone, until `due` hands it out."""
        self._opens_at: float | None = None
        self._opening_since: float | None = None
        self._is_open = False
        self._absent_since: float | None = None
        self._is_away = False
        self._is_absence_told = True
        """Somebody believes that we do not hear: at the start, after LOST and after AWAY."""
        self._failures = 0
        self._strikes = 0
        self._sign_at = self._opened_at = 0.0
        self._fed_s = 0.0
        self._recognised_s = 0.0
        self._fed_at = float("-inf")
        self._backlog_since: float | None = None
        self._voice_since: float | None = None
        self._voice_ended_at = float("-inf")
        self._voices: deque[tuple[float, float]] = deque()
        """Stretches of voice that are over and brought no words."""
        self._words_at = float("-inf")

    # --- facts of the stream ---

    def start(self, now: float) -> None:
        """The call wants to be heard."""
        self._opens_at = self._absent_since = now

    def opened(self, now: float) -> None:
        """The recogniser listens."""
        if self._opening_since is None:
            return
        self._opening_since = None
        self._is_open = True
        self._failures = 0
        self._absent_since = None
        self._sign_at = self._opened_at = now
        self._fed_s = self._recognised_s = 0.0
        self._backlog_since = None

    def closed(self, now: float, *, retryable: bool) -> None:
        """The engine says that the stream is over, or could not be opened."""
        if self._is_open:
            self._lose(now)
        elif self._opening_since is not None:
            self._fail(now)
        if not retryable:
            self._give_up()

    def fed(self, seconds: float, now: float) -> None:
        """So much more audio went into the open stream."""
        if now > self._fed_at + FLOW_GAP_S:
            self._backlog_since = None
        self._fed_at = now
        self._fed_s += seconds
        if self._backlog_since is None and self._fed_s > self._recognised_s + BACKLOG_S:
            self._backlog_since = now

    def progressed(self, recognised_s: float, now: float) -> None:
        """The recogniser has come so far in the stream's audio."""
        self._sign_at = now
        if recognised_s > self._recognised_s:
            self._recognised_s = recognised_s
            self._backlog_since = now if self._fed_s > recognised_s + BACKLOG_S else None

    def words_heard(self, now: float) -> None:
        """The best sign of life."""
        self._sign_at = self._words_at = now
        self._strikes = 0
        self._voices.clear()

    def interrupted(self, now: float) -> None:
        """The caller interrupts the agent: the stream is begun anew."""
        if self._is_open or self._opening_since is not None:
            self._shut()
            self._opens_at = self._absent_since = now + REOPEN_AFTER_S

    # --- facts of the caller's voice ---

    def voice_started(self, at: float) -> None:
        self._voice_since = at

    def voice_ended(self, at: float) -> None:
        if self._voice_since is not None and at > self._voice_since:
            self._voices.append((self._voice_since, at))
        self._voice_since = None
        self._voice_ended_at = at

    # --- answers ---

    @property
    def is_open(self) -> bool:
        return self._is_open

    def is_voice_lost(self, now: float) -> bool:
        """The caller said something lately that brought no words."""
        return self._voiced_s(now, self._words_at) >= SHORTEST_VOICE_S

    def due(self, now: float) -> list[HearingStep]:
        """What is to be done now, in this order; each is told once."""
        if self._is_open and self._is_dead(now):
            self._steps.append(HearingStep.CLOSE)
            self._lose(now)
        elif self._opening_since is not None and now >= self._opening_since + OPEN_WITHIN_S:
            self._steps.append(HearingStep.CLOSE)
            self._fail(now)
        if self._absent_since is not None and now >= self._absent_since + AWAY_AFTER_S:
            self._go_away()
        if self._opens_at is not None and now >= self._opens_at:
            self._opens_at = None
            self._opening_since = now
            self._steps.append(HearingStep.OPEN)
        if self._is_open and self._is_absence_told and (not self._is_away or self._is_pause(now)):
            self._is_absence_told = self._is_away = False
            self._steps.append(HearingStep.BACK)
        steps, self._steps = self._steps, []
        return steps

    # --- inside ---

    def _is_dead(self, now: float) -> bool:
        if not self._tells_progress:
            return False
        if now >= self._sign_at + SIGN_WITHIN_S:
            return True
        is_flowing = now <= self._fed_at + FLOW_GAP_S
        if is_flowing and self._backlog_since is not None and now >= self._backlog_since + STILL_S:
            return True
        return self._voiced_s(now, max(self._words_at, self._opened_at)) >= WORDLESS_S

    def _voiced_s(self, now: float, since: float) -> float:
        """Seconds of voice since then, within the window."""
        while self._voices and self._voices[0][1] <= now - WINDOW_S:
            self._voices.popleft()
        since = max(since, now - WINDOW_S)
        total = sum(max(0.0, ended - max(started, since)) for started, ended in self._voices)
        return total if self._voice_since is None else total + max(0.0, now - max(self._voice_since, since))

    def _is_pause(self, now: float) -> bool:
        return self._voice_since is None and now >= self._voice_ended_at + PAUSE_S

    def _shut(self) -> None:
        self._is_open = False
        self._opening_since = None
        self._steps.append(HearingStep.CLOSE)

    def _lose(self, now: float) -> None:
        self._is_open = False
        if not self._is_away:
            self._is_absence_told = True
            self._steps.append(HearingStep.LOST)
        self._strikes += self.is_voice_lost(now)
        self._absent_since = self._opens_at = now
        if self._strikes >= STRIKES:
            self._give_up()

    def _fail(self, now: float) -> None:
        self._opening_since = None
        self._failures += 1
        self._opens_at = now + OPEN_AGAIN_S[min(self._failures, len(OPEN_AGAIN_S) - 1)]

    def _give_up(self) -> None:
        self._opens_at = None
        self._go_away()

    def _go_away(self) -> None:
        self._absent_since = None
        if not self._is_away:
            self._is_away = self._is_absence_told = True
            self._steps.append(HearingStep.AWAY)

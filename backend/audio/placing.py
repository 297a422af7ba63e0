"""Where on the stream's own time scale a frame of caller audio belongs.

A line brings sound without a gap, but its frames come late, in bursts, or not at all. So a frame stands behind the one
before it (counted in samples), and the time at which it came only corrects the count. Decides: when.

| the frame, against the count                        | means                       | it is placed                   |
|-----------------------------------------------------|-----------------------------|--------------------------------|
| the first one                                       |                             | so that it ends when it came   |
| came before it can have been said                   | an earlier one came late    | so that it ends when it came   |
| at most `LATE_S` late                               | the line's usual jitter     | behind the one before          |
| later, for less than `LOST_AFTER_S`                 | a stall, a burst follows    | behind the one before          |
| every one of `LOST_AFTER_S` was later               | frames were lost            | later, by the least lateness   |
| later by `GAP_S`                                    | the line was silent or gone | so that it ends when it came   |

Pure: time is an argument, seconds of any one clock.
"""

EARLY_S = 0.005
LATE_S = 0.06
LOST_AFTER_S = 0.5
GAP_S = 1.0


class Placing:
    """One caller's frames."""

    def __init__(self) -> None:
        self._next_at: float | None = None
        """Where the next frame stands if nothing is wrong."""
        self._late_since: float | None = None
        self._least_late_s = 0.0

    def place(self, duration_s: float, came_at: float) -> float:
        """Where the frame begins that came complete at `came_at`."""
        by_arrival = came_at - duration_s
        begins_at = by_arrival if self._next_at is None else self._corrected(self._next_at, by_arrival)
        self._next_at = begins_at + duration_s
        return begins_at

    def _corrected(self, expected_at: float, by_arrival: float) -> float:
        late_s = by_arrival - expected_at
        if late_s < -EARLY_S or late_s >= GAP_S:
            self._late_since = None
            return by_arrival
        if late_s <= LATE_S:
            self._late_since = None
            return expected_at
        if self._late_since is None:
            self._late_since, self._least_late_s = by_arrival, late_s
        self._least_late_s = min(self._least_late_s, late_s)
        if by_arrival - self._late_since < LOST_AFTER_S:
            return expected_at
        self._late_since = None
        return expected_at + self._least_late_s

"""A clock that stands until it is moved. Both its faces show the same seconds, the wall face with an offset."""

WALL_AT_ZERO = 1_700_000_000.0


class FakeClock:
    """A `Clock`. `monotonic` starts at `now`."""

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now

    def monotonic(self) -> float:
        return self._now

    def wall(self) -> float:
        return WALL_AT_ZERO + self._now

    def advance(self, seconds: float) -> None:
        """Time passes. It never goes back."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._now += seconds

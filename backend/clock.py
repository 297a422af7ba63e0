"""The two clocks, as one object that is handed in.

`monotonic()` orders what happens inside one process and drives every deadline; `wall()` is only for signatures,
records and what people read. Pure code never sees this object: it is given `now`. Tests use `tests/fakes/fake_clock.py`.
"""

import time
from typing import Protocol


class Clock(Protocol):
    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes backwards."""
        ...

    def wall(self) -> float:
        """Seconds since 1970-01-01 UTC; may jump."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()

"""How many calls we place: per number and in all, in a sliding window (C5). Exact under racing workers: one script
looks at both limits and enters the dial, or does neither."""

from dataclasses import dataclass
from typing import Literal, cast

from backend.store import keys
from backend.store.database import Database


@dataclass(frozen=True, slots=True)
class DialPermit:
    """`retry_after_s`: when the first of the limits is free again; `exhausted` names the one that is free last."""

    is_allowed: bool
    retry_after_s: float = 0.0
    exhausted: Literal["", "all", "number"] = ""


class DialLimits:
    """`per_number` and `overall` dials in any `window_s` seconds (at most a day). 0 allows none."""

    def __init__(self, database: Database, *, per_number: int = 3, overall: int = 30, window_s: float = 60.0) -> None:
        if not 0 < window_s <= 86_400:
            raise ValueError("window_s must be above 0 and at most 86400")
        self._database = database
        self._per_number = per_number
        self._overall = overall
        self._window_ms = max(1, round(window_s * 1000))

    def take(self, number: str, dial_id: str) -> DialPermit:
        """May `number` be dialled now? The same `dial_id` asked again gets the same permit and counts once."""
        allowed, wait_ms, exhausted = self._database.run(
            "dial_take",
            [keys.dials_all(), keys.dials_of(number)],
            [dial_id, self._window_ms, self._overall, self._per_number],
        )
        return DialPermit(bool(allowed), int(wait_ms) / 1000, cast(Literal["", "all", "number"], exhausted.decode()))

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
    """`overall` dials in any `window_s` seconds, `per_number` to one number in any `number_window_s` (each at most a
    day; the same unless said otherwise). 0 allows none."""

    def __init__(
        self,
        database: Database,
        *,
        per_number: int = 3,
        overall: int = 30,
        window_s: float = 60.0,
        number_window_s: float | None = None,
    ) -> None:
        number_window_s = window_s if number_window_s is None else number_window_s
        if not (0 < window_s <= 86_400 and 0 < number_window_s <= 86_400):
            raise ValueError("window_s and number_window_s must be above 0 and at most 86400")
        self._database = database
        self._per_number = per_number
        self._overall = overall
        self._windows_ms = [max(1, round(seconds * 1000)) for seconds in (window_s, number_window_s)]

    def take(self, number: str, dial_id: str) -> DialPermit:
        """May `number` be dialled now? The same `dial_id` asked again gets the same permit and counts once."""
        allowed, wait_ms, exhausted = self._database.run(
            "dial_take",
            [keys.dials_all(), keys.dials_of(number)],
            [dial_id, *self._windows_ms, self._overall, self._per_number],
        )
        return DialPermit(bool(allowed), int(wait_ms) / 1000, cast(Literal["", "all", "number"], exhausted.decode()))

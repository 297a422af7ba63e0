"""How often something may be tried: by one within a group, and by the whole group, in a sliding window.

For signing in, the group is an address and the one a name typed there: whoever guesses is stopped, at this address, and
nobody who signs in elsewhere is kept out, not even under the same name. Exact under racing workers (`dial_take.lua`).
"""

import hashlib
import secrets

from backend.store import keys
from backend.store.database import Database


class Tries:
    """`kind` names what is tried. In any `window_s` seconds (a day at most) `of_one` tries by one, `of_group` by all of a
    group together."""

    def __init__(self, database: Database, kind: str, *, of_one: int, of_group: int, window_s: float) -> None:
        if not 0 < window_s <= keys.TRIES_TTL_S:
            raise ValueError(f"window_s must be above 0 and at most {keys.TRIES_TTL_S}")
        self._database = database
        self._kind = kind
        self._limits = (of_group, of_one)
        self._window_ms = max(1, round(window_s * 1000))

    def take(self, group: str, one: str) -> float:
        """0.0: this try may be made, and has been counted. Else the seconds until the next may, at least 0.001."""
        allowed, wait_ms, _ = self._database.run(
            "dial_take",
            self._keys(group, one),
            [secrets.token_hex(12), self._window_ms, self._window_ms, *self._limits],
        )
        return 0.0 if allowed else max(1, int(wait_ms)) / 1000

    def forgive(self, group: str, one: str) -> None:
        """The last try was a good one: those of the one before it no longer count. The group's do."""
        self._database.delete(self._keys(group, one)[1])

    def _keys(self, group: str, one: str) -> list[str]:
        of_group = _digest(f"{self._kind}\n{group}")
        return [keys.tries_of_group(of_group), keys.tries_of_one(of_group, _digest(one))]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]

"""Which webhooks were acted upon (F9, F40): each acts once, and one whose handling failed may come again.

`first_time` claims an event for 10 s; `done` makes that 660 s, longer than a signature stays valid; `forget` gives it
back, so that the carrier's retry after our 503 is handled. A worker that dies in between leaves a claim of 10 s:
answer 503 to "working", and the retry after it finds the way free.
"""

import secrets
from typing import Literal, cast

from backend.store import keys
from backend.store.database import Database

Claim = Literal["first", "working", "done"]


class SeenEvents:
    """The memory of all workers together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def first_time(self, event_id: str) -> bool:
        """True for exactly one of all who ask, until it is forgotten."""
        return self.claim(event_id) == "first"

    def claim(self, event_id: str) -> Claim:
        """As `first_time`, but tells "working" (claimed a moment ago, not done yet) from "done"."""
        mark = "working:" + secrets.token_hex(8)
        answer = self._database.run("seen_claim", [keys.seen(event_id)], [mark, keys.EVENT_WORKING_TTL_S])
        return cast(Claim, answer.decode())

    def done(self, event_id: str) -> None:
        """Its effects are stored: a duplicate is ignored from now on."""
        self._database.set(keys.seen(event_id), "done", keys.EVENT_SEEN_TTL_S)

    def forget(self, event_id: str) -> None:
        """Handling it failed: let the retry in."""
        self._database.run("seen_forget", [keys.seen(event_id)])

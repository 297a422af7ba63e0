"""What watchers are told: one stream of events per call, one for all calls, and what each running call is at.

Any worker reads them, each call's owner writes them. Writing is safe to repeat: an event has the writer's name and a
number, so one that is there already is not added again, and nothing follows a call's `ended`. Reading from an event on
says whether something is missing since then. Decides nothing about what is told (`live/story.py`) nor when it is written
and read (`live/feed.py`, `live/watchers.py`).

Every command touches one slot: a call's stream lies with the call's other keys, the three keys of all calls lie together.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from backend.store import keys
from backend.store.database import Argument, Database

MOST_EVENTS = 5000
"""Of one call: its longest 25 minutes at three events a second."""
MOST_CALL_EVENTS = 2000
MOST_SEEN = 20_000
SIGN_OF_LIFE_S = 10.0
"""How often an owner says that a call is running."""
LOST_AFTER_S = 35.0
"""Without a sign of life for so long a call is not running any more."""
START = ""
"""Instead of an event's id: from the call's beginning."""
ENDED = "ended"
"""The last event of every call."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it was stored. `id` orders the events of one stream; `data` is a JSON object."""

    id: str
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """What follows an event. `exists`: there is such a stream. `is_broken`: events are missing before the first of these,
    which are then from the oldest one that is kept. Fewer `events` than asked for: there are no more yet."""

    exists: bool
    is_broken: bool
    events: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Events of one call, not yet written. `writer` is unlike any other; `first`: the number of the first event, counted
    from 1 by this writer. Without events: the stream's life is renewed."""

    call_control_id: str
    writer: str
    first: int
    events: Sequence[tuple[str, str]]
    """Name and data."""


class LiveFeeds:
    """One per worker."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- the owner ---

    def append(self, batches: Sequence[Batch], *, may_begin: bool = True) -> None:
        """Write them all in one round trip. `may_begin` False: nothing is written of calls that nothing was told of."""
        runs: list[tuple[list[str], list[Argument]]] = [
            (
                [keys.gone(batch.call_control_id), keys.live(batch.call_control_id)],
                [
                    keys.LIVE_TTL_S, keys.LIVE_ENDED_TTL_S, MOST_EVENTS, batch.writer, batch.first, keys.live_news(),
                    batch.call_control_id, int(may_begin), *(part for event in batch.events for part in event),
                ],
            )
            for batch in batches
        ]  # fmt: skip
        self._database.run_many("feed_append", runs)

    def put_calls(self, states: Sequence[tuple[str, str]]) -> None:
        """(call_control_id, what it is at as JSON): a sign of life, and news if it changed."""
        arguments = (keys.LIVE_CALLS_TTL_S, MOST_CALL_EVENTS, keys.live_news())
        self._database.run_many("feed_call_put", [(_all(), [call, state, *arguments]) for call, state in states])

    # --- whoever finishes a call ---

    def close(self, call_control_id: str, ended: dict[str, object]) -> None:
        """The call is over. Its story ends with `ended`, if its owner has not said so already."""
        batch = Batch(call_control_id, "", 1, [(ENDED, json.dumps(ended, separators=(",", ":")))])
        self.append([batch], may_begin=False)
        self._calls(over=call_control_id)
        self._database.run("rank_drop", [keys.live_seen()], [call_control_id])

    # --- any worker ---

    def mark_seen(self, calls: Sequence[str]) -> None:
        """Somebody is at these calls now."""
        runs: list[tuple[list[str], list[Argument]]] = [
            ([keys.live_seen()], [call, keys.LIVE_CALLS_TTL_S, MOST_SEEN]) for call in calls
        ]
        self._database.run_many("rank_now", runs)

    def seen_ages(self) -> dict[str, float]:
        """call_control_id → seconds since somebody was there, for calls at which anybody ever was."""
        now, *flat = self._database.run("feed_seen", [keys.live_seen()])
        parts = iter(flat)
        return {call.decode(): (int(now) - float(at)) / 1000 for call, at in zip(parts, parts, strict=True)}

    def calls(self) -> tuple[str, list[bytes]]:
        """The id of the newest event of all calls, and what each running call is at as of that event, as JSON."""
        newest, *states = self._calls()
        return newest.decode(), states

    def read(self, call_control_id: str, after: str, most: int) -> Page:
        """At most `most` events of a call after the one with the id `after`, or from its START."""
        return self._read(keys.live(call_control_id), after, most)

    def read_all_calls(self, after: str, most: int) -> Page:
        """Likewise of all calls."""
        return self._read(keys.live_events(), after, most)

    def _read(self, key: str, after: str, most: int) -> Page:
        how, *flat = self._database.run("feed_read", [key], [after if is_event_id(after) else "0-1", most])
        parts = iter(flat)
        events = tuple(
            Told(id_.decode(), name.decode(), data) for id_, name, data in zip(parts, parts, parts, strict=True)
        )
        return Page(how != 0, how == 2, events)

    def _calls(self, over: str = "") -> list[bytes]:
        arguments: list[Argument] = [
            int(LOST_AFTER_S * 1000),
            MOST_CALL_EVENTS,
            keys.live_news(),
            over,
            keys.LIVE_CALLS_TTL_S,
        ]
        found: list[bytes] = self._database.run("feed_calls", _all(), arguments)
        return found


def is_event_id(text: str) -> bool:
    """Could be the id of an event, or is START. What a browser sends back may be anything."""
    first, dash, second = text.partition("-")
    return text == START or bool(
        dash and first.isascii() and second.isascii() and first.isdigit() and second.isdigit() and len(text) <= 32
        and max(int(first), int(second)) < 1 << 63
    )  # fmt: skip


def event_key(event_id: str) -> tuple[int, int]:
    """Orders ids of one stream."""
    first, _, second = event_id.partition("-")
    return int(first), int(second)


def _all() -> list[str]:
    return [keys.live_calls(), keys.live_states(), keys.live_events()]

"""The ledger of playbacks over all workers (A2-A4): what the carrier was asked to play and has not finished.

`register` before the carrier is asked, `end` when any worker learned the end; the last end raises the flag
`agent_done_speaking` and wakes the owner. Each is one script: duplicates change nothing, an end that overtakes its
start leaves nothing that could count later, and what a barge-in cleared stays void for ever. An entry whose deadline
has passed no longer counts, so a lost end delays nothing for longer than that.

Decides nothing about the conversation; `call/playback.py` is the owner's own, finer ledger.
"""

from dataclasses import dataclass

from backend.errors import StoreError
from backend.store import keys
from backend.store.database import Argument, Database

ENDED_KEPT = 1000


@dataclass(frozen=True, slots=True)
class PlaybackEnd:
    """What one `end` did. All zero for a duplicate."""

    was_outstanding: bool
    remaining: int
    flag_raised: bool
    owner: str | None


@dataclass(frozen=True, slots=True)
class OutstandingPlayback:
    """One entry of the ledger. `left_s`: seconds until it stops counting by itself."""

    playback_id: str
    generation: int
    number: int
    left_s: float


class Playbacks:
    """Every call's ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, call_control_id: str, playback_id: str, generation: int, number: int, deadline_s: float) -> bool:
        """Count it as outstanding for at most `deadline_s` seconds from now. False when it must not be played any
        more: its generation is void, it has ended already, or the call is finished."""
        key_names = [
            keys.gone(call_control_id),
            keys.playbacks(call_control_id),
            keys.ended_playbacks(call_control_id),
            keys.playback_progress(call_control_id),
        ]
        arguments: list[Argument] = [playback_id, generation, number, round(deadline_s * 1000), keys.CALL_TTL_S]
        return bool(self._database.run("playback_register", key_names, arguments))

    def started(self, call_control_id: str, playback_id: str, generation: int, number: int, deadline_s: float) -> bool:
        """The carrier says that it plays it. Normally only prolongs the deadline; enters it if `register` was lost."""
        return self.register(call_control_id, playback_id, generation, number, deadline_s)

    def end(self, call_control_id: str, playback_id: str, generation: int, number: int) -> PlaybackEnd:
        """It ended, however. Wakes the owner when it was the last."""
        was, remaining, raised, owner = self._database.run(
            "playback_end",
            [
                keys.gone(call_control_id),
                keys.playbacks(call_control_id),
                keys.ended_playbacks(call_control_id),
                keys.playback_progress(call_control_id),
                keys.flag(call_control_id, keys.AGENT_DONE_SPEAKING),
                keys.owner(call_control_id),
            ],
            [playback_id, generation, number, keys.CALL_TTL_S, keys.FLAG_TTL_S, ENDED_KEPT],
        )
        ended = PlaybackEnd(bool(was), remaining, bool(raised), owner.decode() if owner else None)
        if ended.flag_raised:
            wake(self._database, ended.owner, call_control_id)
        return ended

    def clear(self, call_control_id: str, below_generation: int) -> int:
        """Barge-in: void all generations below, with their flag. Returns how many were outstanding."""
        removed: int = self._database.run(
            "playback_clear",
            [
                keys.gone(call_control_id),
                keys.playbacks(call_control_id),
                keys.playback_progress(call_control_id),
                keys.flag(call_control_id, keys.AGENT_DONE_SPEAKING),
            ],
            [below_generation, keys.CALL_TTL_S],
        )
        return removed

    def outstanding(self, call_control_id: str) -> list[OutstandingPlayback]:
        """What still counts, in the order of the numbers."""
        flat = self._database.run("playback_list", [keys.playbacks(call_control_id)])
        found = []
        for index in range(0, len(flat), 3):
            generation, number, _ = flat[index + 1].split(b":")
            left_s = int(flat[index + 2]) / 1000
            found.append(OutstandingPlayback(flat[index].decode(), int(generation), int(number), left_s))
        return sorted(found, key=lambda playback: (playback.generation, playback.number))


def wake(database: Database, owner: str | None, call_control_id: str) -> None:
    """Tell the owner to look. Only a hint: an owner that misses it looks 500 ms later anyway, so no error is worth
    failing what has already been written."""
    if not owner:
        return
    try:
        database.publish(keys.wake_channel(owner), call_control_id)
    except StoreError:
        pass  # see above

"""Expiring signals from any worker to the owner of a call (A3). A flag is only a signal: one that expires unread
changes nothing, because the ledger with its deadlines is the truth."""

from backend.store import keys
from backend.store.database import Database
from backend.store.playbacks import wake


class Flags:
    """Raise on any worker, take on the owner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_agent_done_speaking(self, call_control_id: str) -> tuple[int, int] | None:
        """(generation, up_to) of the flag, which is down afterwards; None when it is not up."""
        value = self.take(call_control_id, keys.AGENT_DONE_SPEAKING)
        if value is None:
            return None
        try:
            generation, up_to = (int(part) for part in value.split(":"))
        except ValueError:
            return None  # not written by us; it is down now
        return generation, up_to

    def raise_flag(self, call_control_id: str, name: str, value: str) -> bool:
        """Put it up for 10 s and wake the owner. False when the call is finished."""
        raised, owner = self._database.run(
            "flag_raise",
            [keys.gone(call_control_id), keys.flag(call_control_id, name), keys.owner(call_control_id)],
            [value, keys.FLAG_TTL_S],
        )
        if raised:
            wake(self._database, owner.decode() if owner else None, call_control_id)
        return bool(raised)

    def take(self, call_control_id: str, name: str) -> str | None:
        """Its value, for exactly one of all who ask."""
        value = self._database.run("flag_take", [keys.flag(call_control_id, name)])
        return value.decode() if value else None

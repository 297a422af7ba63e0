"""Who owns a call: the worker that holds its media stream. A lease of 15 s, renewed by the owner, so that a dead
owner is noticed. Decides nothing about taking over; whoever may (the holder of a redeemed stream token) says so."""

from collections.abc import Sequence

from backend.store import keys
from backend.store.database import Database


class Owners:
    """The lease of every call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, call_control_id: str, worker_id: str, *, take_over: bool = False) -> bool:
        """Become the owner. False when another worker is (unless `take_over`) or the call is finished."""
        return bool(self._database.run("owner_claim", *_claim(call_control_id, worker_id, take_over)))

    def renew(self, call_control_ids: Sequence[str], worker_id: str) -> list[str]:
        """Prolong all leases in one round trip. An expired one is claimed anew (Redis was empty or away). Returns the
        calls that are no longer ours."""
        runs = [_claim(call_control_id, worker_id, False) for call_control_id in call_control_ids]
        kept = self._database.run_many("owner_claim", runs)
        return [call for call, is_kept in zip(call_control_ids, kept, strict=True) if not is_kept]

    def owner(self, call_control_id: str) -> str | None:
        """The owner's worker_id."""
        value = self._database.get(keys.owner(call_control_id))
        return value.decode() if value else None

    def release(self, call_control_id: str, worker_id: str) -> bool:
        """Give it up, if it is ours."""
        return bool(self._database.run("owner_release", [keys.owner(call_control_id)], [worker_id]))


def _claim(call_control_id: str, worker_id: str, take_over: bool) -> tuple[list[str], list[str | int]]:
    names = [keys.gone(call_control_id), keys.owner(call_control_id)]
    return names, [worker_id, keys.OWNER_TTL_S, "1" if take_over else "0"]

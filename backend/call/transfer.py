"""Handing the caller to somebody else: wanted, ringing, bridged or failed.

Decides: when a wanted transfer is asked for, until when we wait for it, and when we stop waiting for a bridged call's end.
Does not decide what the caller is told, nor which target it is (`tools.py`, the agent's settings). `conversation.py` runs
it.

| fact                            | follows                                                                       |
|---------------------------------|-------------------------------------------------------------------------------|
| wanted                          | ASK as soon as nothing is being said or made any more, until it is taken back |
| asked for                       | it rings: `TRANSFER_PATIENCE_S` at most, then FAILED                          |
| the carrier says that it failed | FAILED, if it rings                                                           |
| the carrier says “bridged”      | bridged, however late that comes; `is_over` after `BRIDGED_AT_MOST_S`         |

A report about a transfer that nobody asked for changes nothing.
"""

import enum

from backend.call.agent_config import TransferTarget
from backend.call.commands import Transfer

TRANSFER_RING_S = 30
TRANSFER_PATIENCE_S = TRANSFER_RING_S + 5.0
BRIDGED_AT_MOST_S = 4 * 3600.0
"""The carrier's own limit of a transferred leg: then we stop waiting for its hang-up."""


class TransferStep(enum.Enum):
    ASK = "ask"
    FAILED = "failed"


class Transferring:
    """One call's transfers, one after the other."""

    def __init__(self) -> None:
        self._wanted: TransferTarget | None = None
        self._attempts = 0
        self._ringing_until: float | None = None
        self._bridged_until: float | None = None

    # --- facts ---

    def want(self, target: TransferTarget | None) -> None:
        """As soon as what is being said was heard; None takes it back."""
        self._wanted = target

    def bridged(self, now: float) -> bool:
        """The legs were joined. False if nobody had asked for that, or it is known already."""
        if self._attempts == 0 or self._bridged_until is not None:
            return False
        self._bridged_until = now + BRIDGED_AT_MOST_S
        self._ringing_until = None
        return True

    def failed(self, now: float) -> bool:
        """It could not be made. False if none is being made."""
        if self._ringing_until is None:
            return False
        self._ringing_until = now
        return True

    # --- answers ---

    @property
    def is_wanted(self) -> bool:
        return self._wanted is not None

    @property
    def is_bridged(self) -> bool:
        return self._bridged_until is not None

    @property
    def is_handed_over(self) -> bool:
        """Somebody else has the caller, or is being rung for."""
        return self._bridged_until is not None or self._ringing_until is not None

    def deadline(self) -> float | None:
        return min((at for at in (self._ringing_until, self._bridged_until) if at is not None), default=None)

    def due(self, now: float, is_line_free: bool) -> TransferStep | None:
        """`is_line_free`: nothing is being said or made. FAILED is returned once."""
        if self._wanted is not None and is_line_free:
            return TransferStep.ASK
        if self._ringing_until is not None and now >= self._ringing_until:
            self._ringing_until = None
            return TransferStep.FAILED
        return None

    def ask(self, now: float) -> Transfer:
        """Make the wanted transfer."""
        assert self._wanted is not None  # `due` said ASK
        target, self._wanted = self._wanted, None
        self._attempts += 1
        self._ringing_until = now + TRANSFER_PATIENCE_S
        return Transfer(target.name, target.number, self._attempts)

    def is_over(self, now: float) -> bool:
        """The bridged call must have ended by now, even if nobody told us."""
        return self._bridged_until is not None and now >= self._bridged_until

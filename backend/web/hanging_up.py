"""Ending a running call at an operator's word: ask the carrier; everything else follows from its `call.hangup`.

Not through the call's owner: the wish must also work on a call whose owner is stuck or gone. The conversation takes the
hang-up for what it is, one of our side that it did not ask for (`ended_by_command`). Asking twice is harmless. A leg that
is a socket has no carrier: there the owner is told, and an owner that is gone has taken the socket with it.
"""

import uuid

import structlog

from backend.call.leg import LegPhase, kind_of
from backend.carrier.base import CarrierClient
from backend.errors import BackendError, CallGone, Fault
from backend.records.calls import Calls
from backend.session.socket_call import end_from_elsewhere
from backend.store.stores import Stores

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class CallOver(BackendError):
    """The call has ended already."""

    whose_fault: Fault = "client"


def hang_up(call_control_id: str, *, stores: Stores, calls: Calls, carrier: CarrierClient) -> None:
    """Returns when the carrier has taken the command. Raises UnknownRecord for a call that is not ours, CallOver, or what
    storage and carrier raise."""
    leg = stores.legs.get(call_control_id)
    # Its facts may have been lost with Redis, while the carrier still holds the line: then the record says it is running.
    is_over = leg.phase == LegPhase.ENDED if leg else calls.get(call_control_id).summary.ended_at is not None
    if is_over:
        raise CallOver("the call has ended already")
    if kind_of(call_control_id) != "phone":
        end_from_elsewhere(stores, call_control_id)
    else:
        try:
            carrier.hang_up(call_control_id, command_id=uuid.uuid4().hex)
        except CallGone:
            raise CallOver("the call has ended already") from None
    log.info("hang_up_by_command", call_control_id=call_control_id)

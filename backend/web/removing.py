"""Removing a finished call: every trace, or nothing.

The recording goes first, then the record: when the disk refuses, the call is still there and can be removed again.
"""

import structlog

from backend.records.errors import RecordsUnavailable, UnknownRecord
from backend.web.services import Services

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def remove_call(services: Services, call_control_id: str) -> None:
    """Raises UnknownRecord, also while the call is running; RecordsUnavailable when its recording cannot be removed."""
    if services.calls.get(call_control_id).summary.ended_at is None:
        raise UnknownRecord("there is no such finished call")
    if services.recordings is not None:
        try:
            services.recordings.delete(call_control_id)
        except OSError as error:
            log.error("recording_not_removed", call_control_id=call_control_id, errno=error.errno)
            raise RecordsUnavailable("the recording cannot be removed") from error
    services.calls.delete(call_control_id)

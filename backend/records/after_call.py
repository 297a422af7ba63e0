"""What is still to be done for finished calls: the outbox. One row per call for which there is anything to do.

The row is written in the transaction that stores the call's end (`Calls.finish`), so there is no moment at which a call is
over and its webhook forgotten. `workers/after_call.py` works the rows off; this file decides nothing about pauses.

| `summary_state` | means                              | `webhook_state` | means                                        |
|-----------------|------------------------------------|-----------------|----------------------------------------------|
| off             | none is wanted, or nothing was said| off             | the agent has no address                     |
| waiting         | not tried yet, or to be tried again| waiting         | the same                                     |
| done            | `summary` holds it                 | delivered       | the receiver has answered with 2xx           |
| failed          | given up; `summary_error` says why | given_up        | given up; a person may have it tried again   |

`next_at` is when the row is due, None when nothing is left to do. Whoever takes a row moves `next_at` into the future first:
a second worker finds nothing, and one that dies in between leaves a row that is due again. So everything is done at least
once; a receiver tells a repetition by `webhook_id`.
"""

import uuid
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.call.agent_config import AfterCallSettings
from backend.records.database import Database, reject_unstorable
from backend.records.errors import UnknownRecord
from backend.records.models import AfterCallRow, AgentVersionRow

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

OFF, WAITING, DONE, FAILED, DELIVERED, GIVEN_UP = "off", "waiting", "done", "failed", "delivered", "given_up"
_LONGEST_ERROR = 200


@dataclass(frozen=True, slots=True)
class AfterCall:
    """One row. Instants are wall-clock seconds."""

    call_control_id: str
    webhook_id: str
    created_at: float
    next_at: float | None
    summary_state: str
    summary: dict[str, Any] | None
    summary_attempts: int
    summary_error: str
    webhook_state: str
    webhook_attempts: int
    webhook_since: float
    """When its delivery began to be tried; anew when somebody had it tried again."""
    webhook_status: int | None
    """The receiver's last HTTP status."""
    webhook_error: str
    delivered_at: float | None


def note_finished(session: Session, call_control_id: str, agent_id: str, version: int, said: bool, now: float) -> None:
    """In the transaction that ends a call: put down what its agent wants done. `said`: the caller was heard in it."""
    kept = session.get(AgentVersionRow, (agent_id, version))
    try:
        settings = AfterCallSettings.model_validate(
            (kept.config if kept else {}).get("settings", {}).get("after_call", {})
        )
    except ValidationError:  # of another release: the call's record must not be lost for it
        log.error("after_call_settings_not_understood", call_control_id=call_control_id)
        return
    summary = WAITING if settings.summary and said else OFF
    webhook = WAITING if settings.webhook_url else OFF
    if summary == webhook == OFF:
        return
    session.add(
        AfterCallRow(
            call_control_id=call_control_id, webhook_id=f"call_{uuid.uuid4().hex}", created_at=now, next_at=now,
            summary_state=summary, summary_attempts=0, summary_error="", webhook_state=webhook, webhook_attempts=0,
            webhook_since=now, webhook_error="",
        )
    )  # fmt: skip


class AfterCalls:
    """The outbox."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_due(self, now: float, lease_s: float, limit: int) -> list[AfterCall]:
        """Rows that are due, at most `limit`; nobody else gets them for `lease_s`. Those tried least come first: a receiver
        that is down does not keep the others' calls waiting."""
        due = (AfterCallRow.next_at.is_not(None)) & (AfterCallRow.next_at <= now)
        if (
            self._database.read(
                lambda session: session.scalar(select(AfterCallRow.call_control_id).where(due).limit(1))
            )
            is None
        ):
            return []
        tries = AfterCallRow.webhook_attempts + AfterCallRow.summary_attempts

        def write(session: Session) -> list[AfterCall]:
            query = select(AfterCallRow).where(due).order_by(tries, AfterCallRow.next_at).limit(limit)
            rows = session.scalars(query.with_for_update(skip_locked=True)).all()
            for row in rows:
                row.next_at = now + lease_s
            return [_after_call(row) for row in rows]

        return self._database.write(write)

    def get(self, call_control_id: str) -> AfterCall | None:
        """What is known of one call; None when there was nothing to do."""

        def read(session: Session) -> AfterCall | None:
            row = session.get(AfterCallRow, call_control_id)
            return _after_call(row) if row is not None else None

        return self._database.read(read)

    def summarised(self, call_control_id: str, summary: dict[str, Any]) -> None:
        reject_unstorable(summary, "summary")
        self._note(call_control_id, summary_state=DONE, summary=summary, summary_error="", _tried="summary_attempts")

    def summary_failed(self, call_control_id: str, error: str, *, is_last: bool) -> None:
        state = FAILED if is_last else WAITING
        self._note(call_control_id, summary_state=state, summary_error=error, _tried="summary_attempts")

    def delivered(self, call_control_id: str, status: int, now: float) -> None:
        self._note(
            call_control_id, webhook_state=DELIVERED, webhook_status=status, webhook_error="", delivered_at=now,
            _tried="webhook_attempts",
        )  # fmt: skip

    def delivery_failed(self, call_control_id: str, error: str, status: int | None, *, is_last: bool) -> None:
        state = GIVEN_UP if is_last else WAITING
        self._note(
            call_control_id, webhook_state=state, webhook_status=status, webhook_error=error, _tried="webhook_attempts"
        )

    def due_again(self, call_control_id: str, next_at: float | None) -> None:
        """None: nothing is left to do."""
        self._note(call_control_id, next_at=next_at)

    def try_again(self, call_control_id: str, now: float) -> AfterCall:
        """Somebody wants what failed, or what was delivered, to be done once more, now. Raises UnknownRecord when there is
        nothing to do for this call."""

        def write(session: Session) -> AfterCall:
            row = session.get(AfterCallRow, call_control_id, with_for_update=True)
            if row is None:
                raise UnknownRecord("nothing was to be done after this call")
            if row.summary_state == FAILED:
                row.summary_state, row.summary_attempts = WAITING, 0
            if row.webhook_state != OFF:
                row.webhook_state, row.webhook_attempts, row.webhook_since = WAITING, 0, now
            row.next_at = now if WAITING in (row.summary_state, row.webhook_state) else None
            session.flush()
            return _after_call(row)

        return self._database.write(write)

    def _note(self, call_control_id: str, _tried: str = "", **values: Any) -> None:
        for name in ("summary_error", "webhook_error"):
            if name in values:
                values[name] = values[name][:_LONGEST_ERROR]
        if _tried:
            values[_tried] = getattr(AfterCallRow, _tried) + 1
        which = AfterCallRow.call_control_id == call_control_id
        # A call that was deleted meanwhile has no row any more: then there is nothing to note.
        self._database.write(
            lambda session: session.execute(update(AfterCallRow).where(which).values(**values)) and None
        )


def _after_call(row: AfterCallRow) -> AfterCall:
    return AfterCall(**{name: getattr(row, name) for name in AfterCall.__slots__})

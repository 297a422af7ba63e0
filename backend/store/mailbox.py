"""Facts for the owner of a call, from workers that learned them: transcripts, keys pressed, hang-up, machine results.

Posting wakes the owner. Taking is atomic: each fact is taken once, even when an answer of Redis got lost (the same
taking is asked again) or a post was repeated (facts have ids). A call keeps at most `CAPACITY` facts, the newest.
"""

import json
import logging
import secrets

from backend.call.events import Event
from backend.errors import MalformedMessage, StoreError
from backend.store import keys
from backend.store.database import Database
from backend.store.event_json import build_event, dumps, parse_event
from backend.store.playbacks import wake

CAPACITY = 500
REMEMBERED_IDS = 4096

log = logging.getLogger(__name__)


class Mailbox:
    """One per worker: it remembers what this worker took last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unanswered: dict[str, str] = {}
        """call_control_id → mark of a taking that got no answer: its facts may already be set aside under it."""
        self._taken_ids: dict[str, None] = {}
        """In the order of taking; the oldest is forgotten first."""

    def post(self, call_control_id: str, event: Event, fact_id: str = "") -> bool:
        """Append it. `fact_id` (a webhook's event id) makes posting the same fact twice harmless. False when the call
        is finished."""
        fact = dumps({"id": fact_id or secrets.token_hex(8), **build_event(event)})
        posted, owner = self._database.run(
            "mailbox_post",
            [keys.gone(call_control_id), keys.mailbox(call_control_id), keys.owner(call_control_id)],
            [fact, keys.MAILBOX_TTL_S, CAPACITY],
        )
        if posted:
            wake(self._database, owner.decode() if owner else None, call_control_id)
        return bool(posted)

    def take_all(self, call_control_id: str) -> list[Event]:
        """Everything posted so far, oldest first."""
        events = []
        if call_control_id in self._unanswered:
            events = self._take(call_control_id, self._unanswered[call_control_id])
        return events + self._take(call_control_id, secrets.token_hex(8))

    def forget(self, call_control_id: str) -> None:
        """The call is over: nothing of it is kept in this worker."""
        self._unanswered.pop(call_control_id, None)

    def _take(self, call_control_id: str, mark: str) -> list[Event]:
        try:
            facts = self._database.run(
                "mailbox_take",
                [keys.mailbox(call_control_id), keys.mailbox_taken(call_control_id)],
                [mark, keys.MAILBOX_TAKEN_TTL_S],
            )
        except StoreError:
            self._unanswered[call_control_id] = mark
            raise
        self._unanswered.pop(call_control_id, None)
        events = []
        for text in facts:
            try:
                fact = json.loads(text)
                event = parse_event(fact)
            except (ValueError, MalformedMessage) as error:
                # Posted by a worker of another version during a deploy; the other facts are still wanted.
                log.warning("mailbox: a fact was dropped: %s", type(error).__name__)
                continue
            name = f"{call_control_id} {fact.get('id')}"
            if name not in self._taken_ids:
                self._taken_ids[name] = None
                events.append(event)
        while len(self._taken_ids) > REMEMBERED_IDS:
            del self._taken_ids[next(iter(self._taken_ids))]
        return events

"""The carrier's webhooks: verify, parse, seen before?, act, answer. At once; slow work never runs in the request.

| what came                              | answer | because                                                       |
|----------------------------------------|--------|---------------------------------------------------------------|
| bad signature, stale timestamp         | 403    | not the carrier: never to be retried                          |
| larger than 256 KiB                    | 413    | nothing the carrier sends                                     |
| signed, but does not parse             | 200    | a retry would not parse either; counted as a dead letter      |
| seen before                            | 200    | the first copy acts                                           |
| being handled elsewhere at this moment | 503    | if that worker dies, the carrier's next try must get in       |
| Redis away                             | 503    | the carrier sends it again                                    |
| anything else                          | 200    | acted upon, or of a type we do not act on                     |
"""

import time

import structlog
from flask import Blueprint, Response, request

from backend.carrier.base import CarrierInbound
from backend.errors import BadSignature, MalformedMessage, StoreError
from backend.metrics import DEAD_LETTERS, WEBHOOK_SECONDS, WEBHOOKS
from backend.web.worker import worker

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MAX_BODY = 256 * 1024


def webhooks_blueprint(inbound: CarrierInbound) -> Blueprint:
    """`POST /webhooks/<carrier>` for this carrier."""
    blueprint = Blueprint("webhooks", __name__)

    @blueprint.post(f"/webhooks/{inbound.name}")
    def take_webhook() -> Response:
        started_at = time.perf_counter()
        event_type, outcome, status = _take(inbound)
        WEBHOOKS.count(event_type=event_type, outcome=outcome)
        WEBHOOK_SECONDS.observe(time.perf_counter() - started_at)
        return Response(status=status)

    return blueprint


def _take(inbound: CarrierInbound) -> tuple[str, str, int]:
    """(event type, what became of it, HTTP status)."""
    if (request.content_length or 0) > MAX_BODY:
        return "unknown", "too_large", 413
    request.max_content_length = MAX_BODY
    raw_body = request.get_data(cache=False)
    running = worker()
    try:
        inbound.verify(raw_body, request.headers.items(), running.services.clock.wall())
    except BadSignature as error:
        log.warning("webhook_refused", reason=str(error))
        return "unknown", "bad_signature", 403
    try:
        webhook = inbound.parse_webhook(raw_body)
    except MalformedMessage as error:
        DEAD_LETTERS.count(reason="webhook")
        log.warning("webhook_does_not_parse", reason=str(error), size=len(raw_body))
        return "unknown", "dead_letter", 200
    seen = running.services.stores.seen_events
    try:
        claim = seen.claim(webhook.event_id)
        if claim == "done":
            return webhook.event_type, "duplicate", 200
        if claim == "working":
            return webhook.event_type, "in_progress", 503
        with structlog.contextvars.bound_contextvars(call_control_id=webhook.call_control_id):
            outcome = running.router.take(webhook)
        log.info("webhook", call_control_id=webhook.call_control_id, event_type=webhook.event_type, outcome=outcome)
        seen.done(webhook.event_id)
    except StoreError as error:
        log.warning("webhook_put_off", event_type=webhook.event_type, error=str(error))
        try:
            seen.forget(webhook.event_id)
        except StoreError:
            pass  # Redis is away; the claim expires within seconds, before the carrier's later retries
        return webhook.event_type, "store_unavailable", 503
    return webhook.event_type, outcome, 200

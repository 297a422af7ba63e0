"""Webhooks as the carrier sends them: enveloped, signed, concurrent, unordered, and tried again.

Decides: how often and after how long an attempt is repeated (timeout, 408, 429, 5xx and network failures; never
another 4xx, never a redirect). Each attempt goes over its own connection, so that the workers of the product all get
their share, and is signed anew, because `meta.attempt` changes the body. Which event goes when: `line.py`.
"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp
from nacl.signing import SigningKey

from backend.rehearsal.carrier.config import CarrierConfig
from backend.rehearsal.carrier.faults import Dice
from backend.rehearsal.carrier.leg import iso

_RETRIED = frozenset({408, 429})


def sign(key: SigningKey, timestamp: str, body: bytes) -> str:
    """The signature header for this body at this time (unix seconds, as sent)."""
    return base64.b64encode(key.sign(timestamp.encode() + b"|" + body).signature).decode()


def build_envelope(event_type: str, event_id: str, occurred_at: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "record_type": "event",
        "event_type": event_type,
        "id": event_id,
        "occurred_at": occurred_at,
        "payload": payload,
    }


class WebhookSender:
    """Delivers events, each in its own task. `log(call_control_id, kind, data)` writes to the carrier's log."""

    def __init__(
        self, config: CarrierConfig, key: SigningKey, dice: Dice, log: Callable[[str, str, dict[str, Any]], None]
    ) -> None:
        self._config = config
        self._key = key
        self._dice = dice
        self._log = log
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, event_type: str, payload: dict[str, Any], url: str = "") -> str:
        """Starts the delivery and returns the event's id. `payload` is taken as it is now."""
        event_id = str(uuid.uuid4())
        call_control_id = str(payload.get("call_control_id", ""))
        if self._dice.loses_webhook(event_type):
            self._log(call_control_id, "fault", {"what": "webhook dropped", "event_type": event_type})
            return event_id
        data = build_envelope(event_type, event_id, iso(time.time()), dict(payload))
        copies = 1
        if self._dice.doubles_webhook():
            copies = 2
            self._log(call_control_id, "fault", {"what": "webhook doubled", "event_type": event_type})
        for _ in range(copies):
            delay_s = self._dice.webhook_delay_s()
            task = asyncio.create_task(self._deliver(data, call_control_id, url or self._config.webhook_url, delay_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return event_id

    async def drain(self, timeout_s: float) -> None:
        """Waits for deliveries under way."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=timeout_s)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, data: dict[str, Any], call_control_id: str, url: str, delay_s: float) -> None:
        if delay_s > 0:
            await asyncio.sleep(delay_s)
        attempt = 0
        for target in (url, self._config.webhook_failover_url):
            if not target:
                continue
            for tries in range(self._config.webhook_attempts):
                if tries:
                    await asyncio.sleep(self._config.webhook_backoff_s * 2 ** (tries - 1))
                attempt += 1
                status = await self._attempt(data, call_control_id, target, attempt)
                if 200 <= status < 300:
                    return
                if 300 <= status < 500 and status not in _RETRIED:
                    break
        given_up = {"event_type": data["event_type"], "event_id": data["id"], "attempts": attempt}
        self._log(call_control_id, "webhook_given_up", given_up)

    async def _attempt(self, data: dict[str, Any], call_control_id: str, url: str, attempt: int) -> int:
        """The HTTP status, 0 when there was none."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
        meta = {"attempt": attempt, "delivered_to": url}
        body = json.dumps({"data": data, "meta": meta}, separators=(",", ":")).encode()
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "telnyx-webhooks",
            "Telnyx-Timestamp": timestamp,
            "Telnyx-Signature-Ed25519": sign(self._key, timestamp, body),
        }
        begun = time.monotonic()
        status, worker, problem = 0, "", ""
        try:
            timeout = aiohttp.ClientTimeout(total=self._config.webhook_timeout_s)
            async with self._session.post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                await response.read()
                status, worker = response.status, response.headers.get("X-Worker", "")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            problem = type(error).__name__
        self._log(
            call_control_id,
            "webhook_sent",
            {
                "event_type": data["event_type"],
                "event_id": data["id"],
                "attempt": attempt,
                "status": status,
                "latency_ms": round(1000 * (time.monotonic() - begun), 1),
                "pid": worker,
                "worker": worker,
                "problem": problem,
            },
        )
        return status

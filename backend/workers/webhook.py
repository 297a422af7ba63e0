"""The webhook after a call: what it says, and how it is signed. Pure; `after_call.py` sends it.

The form is that of https://www.standardwebhooks.com, for which there are libraries in most languages: `webhook-id` names
the message (the same in every attempt), `webhook-timestamp` is the attempt's time, `webhook-signature` is `v1,` and the
base64 of HMAC-SHA256 over `id.timestamp.body`. docs/after-call.md has an example.

Each agent has a secret of its own, derived from one key of the installation: it is in no agent's settings, which viewers
read, and in no database.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import asdict
from typing import Any

from backend.records.after_call import AfterCall
from backend.records.calls import TOOL_ANSWERED, Call, Turn

TYPE = "call.finished"
PREFIX = "whsec_"


class WebhookSecrets:
    """Every agent's secret."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def of(self, agent_id: str) -> str:
        """As the receiver is told it: `whsec_` and base64."""
        derived = hmac.digest(self._key, f"webhook of agent {agent_id}".encode(), hashlib.sha256)
        return PREFIX + base64.b64encode(derived).decode()


def build_body(call: Call, after: AfterCall, agent_name: str) -> bytes:
    """The message. The same in every attempt, unless the summary came in between."""
    summary = asdict(call.summary)
    # Of the timeline only the tools: the rest is about us. GET /api/calls/{id} has it.
    tools = [{"at": event.at, **event.detail} for event in call.events if event.name == TOOL_ANSWERED]
    content = {
        "type": TYPE,
        "timestamp": call.summary.ended_at,
        "data": {
            **summary,
            "agent_name": agent_name,
            "turns": [_heard(turn) for turn in call.turns if turn.text],
            "latencies": [asdict(latency) for latency in call.latencies],
            "tools": tools,
            "summary": after.summary,
            "summary_state": after.summary_state,
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _heard(turn: Turn) -> dict[str, Any]:
    return {"speaker": turn.speaker, "text": turn.text, "at": turn.at, "heard": turn.heard}


def headers_of(body: bytes, webhook_id: str, secret: str, now: float) -> dict[str, str]:
    """What goes with it. `now`: wall-clock seconds."""
    timestamp = str(int(now))
    return {
        "Content-Type": "application/json",
        "User-Agent": "Offhook",
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": sign(body, webhook_id, timestamp, secret),
    }


def sign(body: bytes, webhook_id: str, timestamp: str, secret: str) -> str:
    """The value of `webhook-signature`."""
    signed = b".".join((webhook_id.encode(), timestamp.encode(), body))
    digest = hmac.digest(base64.b64decode(secret.removeprefix(PREFIX)), signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()

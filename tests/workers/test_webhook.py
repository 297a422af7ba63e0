"""backend/workers/webhook.py"""

import base64
import hashlib
import hmac
import json
from dataclasses import replace

from backend.records.after_call import AfterCall
from backend.records.calls import TOOL_ANSWERED, Call, CallSummary, Latency, TimelineEvent, Turn
from backend.workers.webhook import WebhookSecrets, build_body, headers_of, sign

AFTER = AfterCall(
    "v3:abc", "call_1", 1060.0, 1060.0, "done", {"text": "A table.", "fields": {"people": 4}}, 1, "", "waiting", 0, 1060.0,
    None, "", None,
)  # fmt: skip
CALL = Call(
    CallSummary(
        "v3:abc", "incoming", "a1", 3, "+13125550100", "+13125550101", 1000.0, 1002.5, 1060.0, "completed", "caller",
        "normal_clearing", 1,
    ),
    [Turn("agent", "Hello", 1003.0), Turn("caller", "Grüße 🙂", 1005.0), Turn("agent", "", 1007.0, "unheard", "And then")],
    [Latency("t1", 0.4, 0.7, 0.9)],
    [
        TimelineEvent(1010.0, "ToolCalled", {}),
        TimelineEvent(1010.0, TOOL_ANSWERED, {"name": "transfer", "arguments": "{}", "result": "ok"}),
    ],
)  # fmt: skip


def test_the_signature_is_that_of_the_standard() -> None:
    """The example that standardwebhooks.com gives to those who write a library."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    signature = sign(b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", secret)

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_can_check_it_in_three_lines() -> None:
    """As docs/after-call.md says."""
    secret = WebhookSecrets("the installation's key").of("a1")
    body = build_body(CALL, AFTER, "Ada")
    headers = headers_of(body, "call_1", secret, 1061.9)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()

    assert headers["webhook-signature"] == f"v1,{expected}" and headers["webhook-timestamp"] == "1061"


def test_every_agent_has_a_secret_of_its_own() -> None:
    """Who knows one knows no other, and none tells the installation's key."""
    secrets = WebhookSecrets("the installation's key")

    assert secrets.of("a1") == WebhookSecrets("the installation's key").of("a1")
    assert len({secrets.of("a1"), secrets.of("a2"), WebhookSecrets("another").of("a1")}) == 3


def test_the_message_tells_what_was_heard_and_done() -> None:
    """Not what nobody heard, nor our own timeline."""
    content = json.loads(build_body(CALL, AFTER, "Ada"))
    data = content["data"]

    assert (content["type"], content["timestamp"]) == ("call.finished", 1060.0)
    assert [turn["text"] for turn in data["turns"]] == ["Hello", "Grüße 🙂"]
    assert data["tools"] == [{"at": 1010.0, "name": "transfer", "arguments": "{}", "result": "ok"}]
    assert data["latencies"][0]["first_audio_s"] == 0.9
    assert (data["summary"], data["summary_state"]) == ({"text": "A table.", "fields": {"people": 4}}, "done")
    assert (data["agent_id"], data["agent_name"], data["outcome"], data["call_control_id"]) == (
        "a1", "Ada", "completed", "v3:abc",
    )  # fmt: skip
    assert "events" not in data


def test_the_message_is_the_same_in_every_attempt() -> None:
    """What has changed since in the outbox is not part of it."""
    later = replace(AFTER, webhook_attempts=7, webhook_error="answered 500", next_at=9.0)

    assert build_body(CALL, AFTER, "Ada") == build_body(CALL, later, "Ada")

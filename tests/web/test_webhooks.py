"""backend/web/webhooks.py: real signatures, a real worker, the store in memory."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from nacl.signing import SigningKey

from backend.call.leg import LegPhase
from backend.carrier.telnyx.inbound import TelnyxInbound
from backend.web.webhooks import MAX_BODY, webhooks_blueprint
from backend.web.worker import Worker, install
from tests.session.rig import CALL, CALLER, US, Rig, make_agent, settle, wait_until

KEY = SigningKey(bytes(range(32)))


class Carrier:
    """Signs and posts webhooks as Telnyx does."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        app = Flask("test")
        app.register_blueprint(webhooks_blueprint(TelnyxInbound(base64.b64encode(bytes(KEY.verify_key)).decode())))
        install(app, Worker(rig.services, max_live_calls=10))
        self.client: FlaskClient = app.test_client()

    def send(self, body: bytes, *, key: SigningKey = KEY, age_s: float = 0, signature: str | None = None) -> int:
        timestamp = str(int(self.rig.clock.wall() - age_s))
        right = base64.b64encode(key.sign(timestamp.encode() + b"|" + body).signature).decode()
        signed = {"Telnyx-Timestamp": timestamp, "Telnyx-Signature-Ed25519": right if signature is None else signature}
        answer = self.client.post("/webhooks/telnyx", data=body, headers=signed)
        settle()
        return answer.status_code


def event(event_type: str, event_id: str = "e-1", **payload: Any) -> bytes:
    payload = {"call_control_id": CALL, **payload}
    fields = {"record_type": "event", "event_type": event_type, "id": event_id, "payload": payload}
    return json.dumps({"data": fields}).encode()


INITIATED = {"direction": "incoming", "state": "parked", "from": CALLER, "to": US}


@pytest.fixture
def carrier(rig: Rig) -> Iterator[Carrier]:
    rig.agents.create(make_agent(phone_numbers=[US]))
    yield Carrier(rig)
    settle()


def test_a_verified_webhook_acts_and_is_answered_200(rig: Rig, carrier: Carrier) -> None:
    """The call is answered; the slow part happens after the answer."""
    status = carrier.send(event("call.initiated", **INITIATED))
    wait_until(lambda: rig.carrier.asked)

    assert status == 200 and rig.carrier.names() == ["answer"]


@pytest.mark.parametrize("wrong", ["key", "body", "old", "new", "missing", "rubbish"])
def test_a_webhook_that_is_not_the_carriers_is_403_and_does_nothing(rig: Rig, carrier: Carrier, wrong: str) -> None:
    """Whatever is wrong with it; a forged one does not use up the id of the true one."""
    body = event("call.initiated", **INITIATED)
    status = {
        "key": lambda: carrier.send(body, key=SigningKey.generate()),
        "body": lambda: carrier.client.post("/webhooks/telnyx", data=body).status_code,
        "old": lambda: carrier.send(body, age_s=301),
        "new": lambda: carrier.send(body, age_s=-302),
        "missing": lambda: carrier.send(body, signature=""),
        "rubbish": lambda: carrier.send(body, signature="ä"),
    }[wrong]()

    assert status == 403 and rig.carrier.asked == [] and rig.database.ttls() == {}
    assert carrier.send(body) == 200 and rig.stores.legs.get(CALL) is not None


def test_a_huge_body_is_413(rig: Rig, carrier: Carrier) -> None:
    """Before it is read; also when its length is not told."""
    body = event("call.initiated", **INITIATED, padding="x" * MAX_BODY)

    assert carrier.send(body) == 413 and rig.database.ttls() == {}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b"\xff\xfe", b"null", b'{"data": 1}', b'{"data": {"payload": {}}}', b"[" * 100,
        event("call.hangup", event_id=""), event("call.hangup", event_id="x {y}"),
        event("call.answered", call_control_id="v3:{brace}"),
    ],
)  # fmt: skip
def test_a_signed_body_that_does_not_parse_is_a_dead_letter(rig: Rig, carrier: Carrier, body: bytes) -> None:
    """200: it would not parse the next time either."""
    assert carrier.send(body) == 200
    assert rig.database.ttls() == {}


def test_a_duplicate_is_200_and_acts_once(rig: Rig, carrier: Carrier) -> None:
    """The same id, signed anew."""
    for attempt in range(3):
        assert carrier.send(event("call.initiated", **INITIATED, attempt=attempt)) == 200
    wait_until(lambda: rig.carrier.asked)

    assert rig.carrier.names() == ["answer"]


def test_an_event_that_is_being_handled_elsewhere_is_503(rig: Rig, carrier: Carrier) -> None:
    """If that worker dies, the carrier's next try finds the way free ten seconds later."""
    rig.stores.seen_events.claim("e-1")

    assert carrier.send(event("call.initiated", **INITIATED)) == 503 and rig.stores.legs.get(CALL) is None
    rig.clock.advance(11)
    assert carrier.send(event("call.initiated", **INITIATED)) == 200 and rig.stores.legs.get(CALL) is not None


def test_without_redis_it_is_503_and_the_retry_acts(rig: Rig, carrier: Carrier) -> None:
    """Nothing is lost."""
    rig.database.is_away = True
    assert carrier.send(event("call.initiated", **INITIATED)) == 503
    rig.database.is_away = False
    assert carrier.send(event("call.initiated", **INITIATED)) == 200
    wait_until(lambda: rig.carrier.asked)

    assert rig.carrier.names() == ["answer"]


@pytest.mark.parametrize("script", ["leg_read", "leg_swap", "live_add"])
def test_redis_that_goes_away_in_the_middle_gives_the_event_back(rig: Rig, carrier: Carrier, script: str) -> None:
    """Whatever had been done by then: the retry completes it, once."""
    run = rig.database.run
    seen: list[str] = []

    def fail_once(name: str, *arguments: Any) -> Any:
        seen.append(name)
        if name == script and seen.count(script) == 1:
            from backend.errors import StoreError

            raise StoreError("away")
        return run(name, *arguments)

    rig.database.run = fail_once  # type: ignore[method-assign,assignment]  # away for one request
    statuses = [carrier.send(event("call.initiated", **INITIATED)) for _ in range(3)]
    wait_until(lambda: rig.carrier.asked)

    assert statuses == [503, 200, 200] and rig.carrier.names() == ["answer"]


@pytest.mark.parametrize("event_type", ["call.new_thing", "call.speak.ended", "call.recording.saved"])
def test_an_event_that_we_do_not_know_is_200(rig: Rig, carrier: Carrier, event_type: str) -> None:
    """Counted, not acted upon."""
    assert carrier.send(event(event_type)) == 200
    assert rig.carrier.asked == [] and rig.stores.legs.live() == {}


def test_a_whole_call_of_webhooks_in_any_case_ends_without_a_key(rig: Rig, carrier: Carrier) -> None:
    """Initiated, answered, streaming, hang-up; the record is written because nobody held the stream."""
    for number, (event_type, payload) in enumerate(
        [("call.initiated", INITIATED), ("call.answered", {}), ("streaming.started", {}),
         ("call.hangup", {"hangup_cause": "normal_clearing", "hangup_source": "caller"})]
    ):  # fmt: skip
        assert carrier.send(event(event_type, f"e-{number}", **payload)) == 200
        wait_until(lambda: rig.carrier.asked)
        leg = rig.stores.legs.get(CALL)
        assert leg is None or leg.phase == LegPhase(number + 1)
    wait_until(lambda: rig.stores.legs.get(CALL) is None)

    assert rig.carrier.names() == ["answer", "start_stream"]
    assert [key for key in rig.database.ttls() if CALL in key] == [f"call:{{{CALL}}}:gone"]
    assert rig.calls.get(CALL).summary.outcome == "ended_without_owner"


def test_only_posts_are_taken(carrier: Carrier) -> None:
    """A browser that looks at the address gets nothing."""
    assert carrier.client.get("/webhooks/telnyx").status_code == 405

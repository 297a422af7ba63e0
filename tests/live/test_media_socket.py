"""The media socket and the webhooks against people who are not the carrier."""

import asyncio
import base64
import json
import time
import urllib.error
import urllib.request

import pytest
from nacl.signing import SigningKey
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from backend.carrier.telnyx.wire import STREAM_TOKEN_HEADER
from backend.rehearsal.carrier.far_end import Leg
from backend.rehearsal.carrier.webhooks import sign
from tests.fakes.live_stack import LiveStack
from tests.live.conftest import begin

WRONG = "x" * 43


async def _two_calls(live: LiveStack) -> list[Leg]:
    return list(await asyncio.gather(begin(live.stage, "victim"), begin(live.stage, "other")))


async def _hang_up(*legs: Leg) -> None:
    for leg in legs:
        await leg.hang_up()


def status_of(url: str, token: str | None) -> int:
    """What the upgrade is answered with."""
    headers = {} if token is None else {STREAM_TOKEN_HEADER: token}
    try:
        with connect(url, additional_headers=headers, open_timeout=5):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_nobody_but_the_carrier_gets_a_calls_media_socket(live: LiveStack) -> None:
    """No token, a wrong one, the used one, another call's, no such call, no such path: refused, and the call goes on."""
    victim, other = legs = live.run(_two_calls(live))
    assert victim.stream is not None and other.stream is not None
    url, token = victim.stream.params.url, victim.stream.params.auth_token
    nobody = url.rpartition("/")[0] + "/" + base64.urlsafe_b64encode(b"v3:nobody").decode().rstrip("=")
    refused = [
        status_of(url, None), status_of(url, ""), status_of(url, WRONG), status_of(url, token),
        status_of(url, other.stream.params.auth_token), status_of(other.stream.params.url, token),
        status_of(nobody, token), status_of(url.rpartition("/")[0] + "/%20", token),
        status_of(url.rpartition("/")[0] + "/e30", token),
    ]  # fmt: skip
    streams = [len(live.stage.carrier.log.of("stream_closed", leg.call_control_id)) for leg in legs]

    assert len(token) >= 43 and set(refused) == {403}
    assert streams == [0, 0] and not victim.ended and not other.ended
    live.run(_hang_up(*legs))


@pytest.mark.parametrize("forged", ["no signature", "other key", "other body", "old"])
def test_a_forged_webhook_is_403_and_hangs_nobody_up(live: LiveStack, forged: str) -> None:
    """Only what the carrier signed, and lately, counts."""
    fields = {"record_type": "event", "event_type": "call.initiated", "id": f"forged-{forged}", "payload": {}}
    body = json.dumps({"data": fields}).encode()
    key = SigningKey(live.stage.carrier._key.encode()) if forged in ("other body", "old") else SigningKey.generate()
    timestamp = str(int(time.time()) - (400 if forged == "old" else 0))
    signature = sign(key, timestamp, b"{}" if forged == "other body" else body)
    headers = {"Telnyx-Timestamp": timestamp, "Telnyx-Signature-Ed25519": signature}
    request = urllib.request.Request(live.stack.webhook_url, body, headers if forged != "no signature" else {})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    refused.value.close()

    assert refused.value.code == 403


def test_malformed_media_closes_that_socket_and_disturbs_no_other_call(live: LiveStack) -> None:
    """A few are dropped; twenty within ten seconds are a habit. The other call of the same worker or not goes on."""
    victim, other = live.run(_two_calls(live))
    log = live.stage.carrier.log

    async def spoil(count: int) -> None:
        assert victim.stream is not None
        for number in range(count):
            victim.stream._put(
                (b"{", b"[]", b'{"event":"media"}', b'{"event":"media","media":{"payload":"?"}}')[number % 4]
            )
        await asyncio.sleep(0.5)

    live.run(spoil(10))
    assert log.of("stream_closed", victim.call_control_id) == []
    live.run(spoil(15))
    (closed,) = log.of("stream_closed", victim.call_control_id)

    assert (closed.data["by"], closed.data["code"]) == ("product", 1008)
    assert live.run(victim.wait_ended(8)), "a call without its media ends by itself"
    assert not other.ended and log.of("stream_closed", other.call_control_id) == []
    live.run(_hang_up(other))

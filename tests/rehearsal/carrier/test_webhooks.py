"""Delivery of webhooks: signature, envelope, retries, faults."""

import pytest
from telnyx import Telnyx

from backend.rehearsal.carrier.faults import Faults

from .product import API_KEY, CALLED, CALLER, call, running, until


async def ring(carrier):
    return await carrier.ring(from_number=CALLER, to_number=CALLED)


def test_the_vendors_own_sdk_verifies_the_signature():
    """unwrap accepts what we signed and refuses a changed body."""

    async def body():
        async with running() as (product, carrier):
            await ring(carrier)
            await until(lambda: product.webhooks)
            client = Telnyx(api_key=API_KEY, public_key=carrier.public_key)

            event = client.webhooks.unwrap(product.raw[0], headers=product.headers[0])
            assert event.data.event_type == "call.initiated"
            with pytest.raises(ValueError, match="[Ss]ignature"):
                client.webhooks.unwrap(product.raw[0].replace("parked", "bridging"), headers=product.headers[0])
            client.close()

    call(body)


def test_the_envelope_is_the_documented_one():
    """data with its id, meta beside it, the worker's name in the log."""

    async def body():
        async with running() as (product, carrier):
            leg = await ring(carrier)
            await until(lambda: carrier.log.of("webhook_sent"))

            webhook, sent = product.webhooks[0], carrier.log.of("webhook_sent")[0]
            assert {"data", "meta"} == set(webhook)
            assert {"attempt": 1, "delivered_to": product.url + "/hook"} == webhook["meta"]
            assert {"record_type", "event_type", "id", "occurred_at", "payload"} == set(webhook["data"])
            assert product.headers[0]["User-Agent"] == "telnyx-webhooks"
            assert (leg.call_control_id, 200, "4711", webhook["data"]["id"]) == (
                sent.call_control_id,
                sent.data["status"],
                sent.data["pid"],
                sent.data["event_id"],
            )

    call(body)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_failure_that_may_pass_is_tried_again(status):
    """Same event id, counted attempts."""

    async def body():
        async with running() as (product, carrier):
            product.statuses = [status, status]
            await ring(carrier)
            await until(lambda: len(product.webhooks) == 3)

            assert [webhook["meta"]["attempt"] for webhook in product.webhooks] == [1, 2, 3]
            assert len({event["id"] for event in product.events()}) == 1
            assert carrier.log.of("webhook_given_up") == []

    call(body)


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404])
def test_another_refusal_loses_the_event(status):
    """4xx is never retried, redirects are not followed."""

    async def body():
        async with running() as (product, carrier):
            product.statuses = [status]
            await ring(carrier)
            await until(lambda: carrier.log.of("webhook_given_up"))

            assert len(product.webhooks) == 1

    call(body)


def test_after_three_tries_the_failover_gets_it():
    """Three attempts per address, six in all, then it is given up."""

    async def body():
        async with running(webhook_attempts=3) as (product, carrier):
            carrier.config.webhook_failover_url = product.url + "/hook"
            product.statuses = [500] * 6
            await ring(carrier)
            await until(lambda: carrier.log.of("webhook_given_up"))

            assert carrier.log.of("webhook_given_up")[0].data["attempts"] == 6
            assert len(product.webhooks) == 6

    call(body)


def test_a_slow_product_is_asked_again():
    """The answer came after the time-out: the product sees the event twice."""

    async def body():
        async with running(webhook_timeout_s=0.1) as (product, carrier):
            product.webhook_delay_s = 0.15
            await ring(carrier)
            await until(lambda: len(product.webhooks) >= 2)
            product.webhook_delay_s = 0

            assert tuple(carrier.log.of("webhook_sent")[0].data[key] for key in ("status", "problem")) == (
                0,
                "TimeoutError",
            )

    call(body)


def test_a_product_that_is_down_is_tried_again():
    """A refused connection counts like a 5xx."""

    async def body():
        async with running() as (product, carrier):
            carrier.config.webhook_url = "http://127.0.0.1:9/hook"
            await ring(carrier)
            await until(lambda: carrier.log.of("webhook_given_up"))

            assert [entry.data["status"] for entry in carrier.log.of("webhook_sent")] == [0, 0, 0]

    call(body)


def test_webhooks_are_doubled_on_request():
    """The same event id, twice."""

    async def body():
        async with running(faults=Faults(duplicate_webhooks=1.0)) as (product, carrier):
            await ring(carrier)
            await until(lambda: len(product.webhooks) == 2)

            assert len({event["id"] for event in product.events()}) == 1

    call(body)


def test_webhooks_are_lost_on_request():
    """By type, or by chance with the same seed the same ones."""

    async def lost(seed):
        async with running(faults=Faults(drop_webhooks=0.5), seed=seed) as (product, carrier):
            for _ in range(12):
                await ring(carrier)
            await carrier.webhooks.drain(2)
            got = {event["payload"]["call_control_id"] for event in product.events("call.initiated")}
            return [leg in got for leg in carrier.legs]

    async def body():
        async with running(faults=Faults(drop_webhooks=["call.initiated"])) as (product, carrier):
            leg = await ring(carrier)
            await leg.hang_up()
            await until(lambda: product.events("call.hangup"))
            assert product.events("call.initiated") == []
            assert carrier.log.of("fault")[0].data["what"] == "webhook dropped"
        once, again = await lost(7), await lost(7)
        assert once == again
        assert 0 < sum(once) < 12

    call(body)


def test_webhooks_overtake_each_other_on_request():
    """Random delays, up to the given one."""

    async def body():
        async with running(faults=Faults(reorder_webhooks=0.3), seed=1) as (product, carrier):
            legs = [await ring(carrier) for _ in range(8)]
            await until(lambda: len(product.webhooks) == 8)

            order = [event["payload"]["call_control_id"] for event in product.events()]
            assert order != [leg.call_control_id for leg in legs]
            assert sorted(order) == sorted(leg.call_control_id for leg in legs)

    call(body)

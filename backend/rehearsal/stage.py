"""Puts a rehearsal carrier in front of a product: one that is started for it, or one that runs already."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from backend.rehearsal.carrier.carrier import RehearsalCarrier
from backend.rehearsal.carrier.config import CarrierConfig
from backend.rehearsal.product_api import ProductApi
from backend.rehearsal.runner import Stage
from backend.rehearsal.scenario import Scenario
from backend.rehearsal.stack import CarrierAccess, Stack, StackSettings

CONNECTION_ID = "1234567890"


@dataclass(frozen=True, slots=True)
class RunningProduct:
    """A product that somebody else started, set up to talk to a carrier on `carrier_port` with this key."""

    base_url: str
    api_key: str
    carrier_port: int
    carrier_api_key: str
    signing_key_seed: bytes
    model_url: str = ""
    redis_url: str = ""
    barge_in: bool = False


def settings_for(scenarios: Sequence[Scenario], **changes: Any) -> StackSettings:
    """A stack that can play all of these: the model as the shell has it, unless a scenario brings a script of its own."""
    barge_in = any(scenario.needs.barge_in for scenario in scenarios)
    if any(scenario.model or scenario.needs.scripted_model for scenario in scenarios):
        return StackSettings(barge_in=barge_in, **changes)
    return StackSettings.from_environment(barge_in=barge_in, **changes)


def carrier_for(webhook_url: str, **changes: object) -> RehearsalCarrier:
    """A carrier that calls this product."""
    values: dict[str, object] = {
        "api_key": f"KEY{secrets.token_hex(16)}",
        "connection_id": CONNECTION_ID,
        "webhook_url": webhook_url,
        **changes,
    }
    return RehearsalCarrier(CarrierConfig.model_validate(values))


def access_to(carrier: RehearsalCarrier) -> CarrierAccess:
    """What the product must know of a started carrier."""
    config = carrier.config
    return CarrierAccess(carrier.base_url, carrier.public_key, config.api_key, config.connection_id)


@asynccontextmanager
async def own_stage(
    settings: StackSettings | None = None, say: Callable[[str], None] = print
) -> AsyncIterator[tuple[Stage, Stack]]:
    """A whole stack of its own, stopped at the end whatever happens."""
    stack = Stack(settings, say)
    carrier = carrier_for(stack.webhook_url)
    try:
        await carrier.start()
        starting = asyncio.create_task(asyncio.to_thread(stack.start, access_to(carrier)))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            stack.give_up()
            await asyncio.gather(starting, return_exceptions=True)  # the thread cannot be cancelled, only asked to end
            raise
        async with ProductApi(stack.base_url, stack.api_key) as api:
            settings = stack.settings
            yield (
                Stage(
                    carrier, api, stack.model_url, stack.redis_url, settings.barge_in, voice_address=stack.tts_address
                ),
                stack,
            )
    finally:
        try:
            await carrier.stop()
        finally:
            await asyncio.shield(asyncio.to_thread(stack.stop))


@asynccontextmanager
async def stage_before(product: RunningProduct) -> AsyncIterator[Stage]:
    """A carrier for a product that runs already."""
    carrier = carrier_for(
        f"{product.base_url.rstrip('/')}/webhooks/telnyx",
        port=product.carrier_port,
        api_key=product.carrier_api_key,
        signing_key_seed=product.signing_key_seed,
    )
    await carrier.start()
    try:
        async with ProductApi(product.base_url, product.api_key) as api:
            yield Stage(carrier, api, product.model_url, product.redis_url, product.barge_in)
    finally:
        await carrier.stop()

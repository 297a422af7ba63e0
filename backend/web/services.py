"""What the blueprints work with, in one object: made once per process by `create_app`, found again in every request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from flask import Flask, current_app

from backend.carrier.base import CarrierClient
from backend.clock import Clock
from backend.records.after_call import AfterCalls
from backend.records.agents import Agents
from backend.records.calls import Calls
from backend.records.recordings import Recordings
from backend.settings import Settings
from backend.web.accounts import Accounts
from backend.web.rehearsing import Rehearsing
from backend.web.voice_samples import VoiceSamples

EXTENSION = "offhook"


class DialOut(Protocol):
    """`dialling.dial_out` with everything but the request filled in."""

    def __call__(self, *, agent_id: str, from_number: str | None, to_number: str, idempotency_key: str) -> str: ...


ReadinessCheck = Callable[[], None]
"""Returns when the part is fine, raises when it is not. Need not bound its own time."""


@dataclass(frozen=True)
class Services:
    """`store` is whatever the lead's blueprints need of Redis; nothing under `web/` made here looks into it."""

    settings: Settings
    clock: Clock
    agents: Agents
    calls: Calls
    carrier: CarrierClient
    dial_out: DialOut
    hang_up: Callable[[str], None]
    """`hanging_up.hang_up` with everything but the call filled in."""
    after_calls: AfterCalls
    webhook_secret: Callable[[str], str]
    """Agent id → what its webhooks are signed with."""
    rehearsing: Rehearsing
    accounts: Accounts
    voice_samples: VoiceSamples
    api_key: str = field(repr=False)
    readiness: Mapping[str, ReadinessCheck] = field(default_factory=dict)
    """By name: "redis", "database", "voices"."""
    recordings: Recordings | None = None
    """None: this process has none to show."""
    store: Any = None


def install(app: Flask, services: Services) -> None:
    """Make `services` findable from the requests of `app`."""
    app.extensions[EXTENSION] = services


def services() -> Services:
    """The services of the app that handles the present request."""
    return cast(Services, current_app.extensions[EXTENSION])

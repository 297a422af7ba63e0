"""Stories run in every way in which audio can reach the caller and news of it can come back."""

from collections.abc import Callable
from typing import Any

import pytest

from backend.call.agent_config import AgentConfig
from tests.fakes.call_sim import CallSim

WAYS = {
    "stream": {"delivery": "stream"},
    "playback": {"delivery": "playback"},
    "playback, other worker": {"delivery": "playback", "webhooks_reach": "another_worker"},
}

Begin = Callable[..., CallSim]


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def begin(request: pytest.FixtureRequest) -> Begin:
    """`begin(agent fields…, sim=dict(…))` starts a call."""

    def start(sim: dict[str, Any] | None = None, **agent: Any) -> CallSim:
        return CallSim(AgentConfig.model_validate({"name": "Test", **agent}), **request.param, **(sim or {}))

    return start


def dead_air(**settings: Any) -> dict[str, Any]:
    return {"dead_air_settings": settings}

"""Two things: the mirror of backend/live/, and the tests of the whole product, started once for all of them: supervisord,
Redis, gunicorn with four workers, voice, model, sweeper, and the rehearsal carrier in front. These place calls side by side
where they can: real time is dear."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.rehearsal.carrier.far_end import Leg
from backend.rehearsal.runner import Stage, prepare_agent
from backend.rehearsal.scenario import Scenario
from tests.conftest import MIRROR_OF_LIVE
from tests.fakes.live_stack import LiveStack

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the real processes, but for the mirror of backend/live/."""
    for item in items:
        if HERE in item.path.parents and item.path.name not in MIRROR_OF_LIVE:
            item.add_marker(pytest.mark.live)


@pytest.fixture(scope="session")
def live() -> Iterator[LiveStack]:
    with LiveStack() as running:
        yield running
    gc.collect()  # what the stack left open is reported here, not at the very end


def scenario(name: str, agent: dict[str, Any] | None = None, **changes: Any) -> Scenario:
    """A quick agent: one check-in after 1.5 s, hang-up 1 s after it was heard."""
    dead_air = {"silence_timeout_normal": 1.5, "max_checkins_before_disconnect": 1, "final_wait": 1}
    values = {"greeting": "Hello.", "settings": {"dead_air_settings": dead_air}, **(agent or {})}
    return Scenario.model_validate({"name": name, "agent": values, "time_limit_s": 30, **changes})


PATIENT = {"settings": {"dead_air_settings": {"silence_timeout_normal": 60}}}


async def begin(stage: Stage, name: str) -> Leg:
    """A call with an agent that has said hello and now waits for a minute. The far end hangs up, or the test does."""
    _, number, _ = await prepare_agent(scenario(name, PATIENT), stage)
    leg = await stage.carrier.ring(from_number=stage.new_number(), to_number=number)
    for _ in range(500):
        if leg.agent_segments and leg.stream is not None:
            return leg
        await asyncio.sleep(0.02)
    raise AssertionError(f"{name}: the agent did not speak within 10 s")


def owner_of(stage: Stage, leg: Leg) -> str:
    """The worker that holds the call's media stream."""
    return str(stage.carrier.log.of("stream_opened", leg.call_control_id)[-1].data["worker"])

"""backend/web/listen.py: who is let in; what is heard then is in tests/live/test_watching.py."""

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.events import CallHungUp
from backend.transports.wire_socket import UpgradeRefused
from backend.web.listen import MOST_LISTENERS, _check
from backend.web.worker import Worker
from tests.session.rig import CALL, Rig, settle, wait_until


@pytest.fixture
def running(rig: Rig) -> Worker:
    return Worker(rig.services, max_live_calls=10)


def refused(running: Worker, call: str) -> int | None:
    try:
        _check(running, call)
    except UpgradeRefused as refusal:
        return refusal.code
    return None


def test_a_running_call_may_be_listened_to(rig: Rig, running: Worker, agent: AgentConfig) -> None:
    """As long as it runs."""
    session = rig.open(agent)
    settle()
    assert refused(running, CALL) is None
    session.post(CallHungUp())
    wait_until(lambda: rig.stores.legs.get(CALL) is None)

    assert refused(running, CALL) == 404


@pytest.mark.parametrize("call", ["v3:unknown", "a{b", "{}"])
def test_a_call_that_does_not_run_is_refused(running: Worker, call: str) -> None:
    assert refused(running, call) == 404


def test_a_worker_that_is_full_stopping_or_without_redis_refuses(rig: Rig, running: Worker, agent: AgentConfig) -> None:
    """For now: 503."""
    session = rig.open(agent)
    settle()
    running.listeners = MOST_LISTENERS
    assert refused(running, CALL) == 503
    running.listeners = 0
    rig.database.is_away = True
    assert refused(running, CALL) == 503
    rig.database.is_away = False
    running.is_draining = True
    assert refused(running, CALL) == 503
    session.post(CallHungUp())
    wait_until(lambda: rig.stores.legs.get(CALL) is None)

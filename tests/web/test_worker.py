"""backend/web/worker.py"""

import gc
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from flask import Flask
from gevent import Greenlet

from backend.call.agent_config import AgentConfig
from backend.call.events import CallHungUp
from backend.session.session import Session
from backend.web import worker as worker_module
from backend.web.worker import Worker, install, new_worker_id, worker
from tests.session.rig import CALL, Rig, settle, wait_until


@pytest.fixture
def running(rig: Rig) -> Worker:
    """A worker whose calls tell it when they are over. Its clockwork does not run."""
    made = Worker(rig.services, max_live_calls=10)
    rig.registry = made.registry
    rig.session_over = made.session_over  # type: ignore[method-assign]  # the worker's own, as in the product
    return made


def finish(rig: Rig, session: Session) -> None:
    session.post(CallHungUp())
    wait_until(lambda: rig.stores.legs.get(session.call_control_id) is None)


def test_every_worker_has_a_name_of_its_own() -> None:
    """Also after a restart with the same process id."""
    assert len({new_worker_id(1) for _ in range(50)}) == 50


def test_the_worker_of_the_app_is_found_in_every_request(running: Worker) -> None:
    """Each app has its own."""
    app = Flask("test")
    install(app, running)
    with app.app_context():
        assert worker() is running


def test_a_call_that_is_over_gives_its_lease_back(rig: Rig, running: Worker, agent: AgentConfig) -> None:
    """At once, not after fifteen seconds; another worker's lease is not touched."""
    session = rig.open(agent)
    settle()
    assert rig.stores.owners.owner(CALL) == "worker-1"
    finish(rig, session)
    wait_until(lambda: rig.stores.owners.owner(CALL) is None)

    assert len(running.registry) == 0


def test_a_worker_without_calls_drains_at_once(running: Worker) -> None:
    """And takes nothing new."""
    began = gevent.get_hub().loop.now()
    running.drain(60)
    gevent.get_hub().loop.update_now()

    assert running.is_draining and gevent.get_hub().loop.now() - began < 1


def test_running_calls_may_finish_while_the_worker_drains(
    rig: Rig, running: Worker, agent: AgentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller notices nothing; the worker is gone when the last one is."""
    session = rig.open(agent)
    settle()
    draining = gevent.spawn(running.drain, 60)
    settle()
    assert not draining.dead and "DrainRequested" not in str(session._trace)
    finish(rig, session)
    draining.join(1)

    assert draining.dead and "DrainRequested" not in str(session._trace)


def test_what_is_left_when_the_time_is_up_apologises_and_hangs_up(
    rig: Rig, running: Worker, agent: AgentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight seconds before the end (here at once)."""
    session = rig.open(agent)
    settle()
    for _ in range(2):
        rig.advance(0.25)
    draining = gevent.spawn(running.drain, worker_module.GOODBYE_S + 0.01)
    wait_until(lambda: len(rig.tts.requests) == 2)
    for _ in range(4):
        rig.advance(0.25)
    wait_until(lambda: rig.carrier.of("hang_up"))
    finish(rig, session)
    draining.join(1)

    assert draining.dead and "sorry" in rig.tts.requests[-1].text
    assert rig.calls.get(CALL).summary.outcome == "worker_stopped"


def test_a_worker_that_drains_waits_for_the_records(rig: Rig, running: Worker, agent: AgentConfig) -> None:
    """The call is over, the database is slow: the process must not end before the transcript is stored."""
    session = rig.open(agent)
    settle()
    rig.calls.failures_left = 1  # tried again half a second later
    session.post(CallHungUp("normal_clearing", "caller"))
    wait_until(lambda: len(running.registry) == 0)
    running.drain(60)

    assert rig.calls.finish_asked == 2 and rig.calls.get(CALL).summary.outcome == "caller_hung_up"


def test_a_worker_that_was_stopped_leaves_no_greenlet(rig: Rig) -> None:
    """Nor a listener. (Over memory: the listener is a thread of its own here.)"""
    gc.collect()
    before = {id(thing) for thing in gc.get_objects() if isinstance(thing, Greenlet) and not thing.dead}
    made = Worker(rig.services, max_live_calls=10)
    made.start()
    gevent.sleep(0.03)
    made.stop()
    gevent.sleep(0.03)
    gc.collect()

    assert [
        thing for thing in gc.get_objects()
        if isinstance(thing, Greenlet) and not thing.dead and id(thing) not in before
    ] == []  # fmt: skip


def test_a_lease_that_cannot_be_given_back_expires(
    rig: Rig, running: Worker, agent: AgentConfig, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """Redis was away at the end of the call: the log says so, nothing else happens."""
    session = rig.open(agent)
    settle()
    rig.database.is_away = True
    session.post(CallHungUp())
    wait_until(lambda: "owner_not_released" in [line["event"] for line in logged()])
    wait_until(lambda: "keys_left_to_the_sweeper" in [line["event"] for line in logged()])
    rig.database.is_away = False
    rig.clock.advance(16)

    assert rig.stores.owners.owner(CALL) is None

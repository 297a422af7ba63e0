"""backend/session/registry.py"""

from collections.abc import Iterator

import gevent
import pytest

from backend.call.agent_config import AgentConfig
from backend.call.events import CallHungUp, DtmfReceived
from backend.session import registry as registry_module
from backend.session.session import Session
from tests.session.rig import CALL, Rig, settle, wait_until


@pytest.fixture
def session(rig: Rig, agent: AgentConfig) -> Iterator[Session]:
    opened = rig.open(agent)
    settle()
    yield opened
    rig.database.is_away = False
    opened.post(CallHungUp())
    wait_until(lambda: rig.over)
    wait_until(lambda: rig.stores.legs.get(CALL) is None)


def test_a_session_is_found_by_its_call_until_it_is_removed(rig: Rig, session: Session) -> None:
    """A session that was replaced does not remove its successor."""
    other = Rig(rig.records)
    successor = other.open(session._agent)

    assert rig.registry.get(CALL) is session and rig.registry.get("v3:x") is None and len(rig.registry) == 1
    rig.registry.remove(successor)
    assert rig.registry.get(CALL) is session
    rig.registry.remove(session)
    rig.registry.remove(session)
    assert len(rig.registry) == 0
    successor.post(CallHungUp())
    wait_until(lambda: other.over)


def test_news_for_calls_of_other_workers_is_not_looked_for(rig: Rig, session: Session) -> None:
    """A wake-up may come late, after the call is over."""
    before = len(rig.database.ran)
    rig.registry.wake("v3:unknown")
    settle()

    assert len(rig.database.ran) == before


def test_many_wake_ups_at_once_are_one_look(rig: Rig, session: Session) -> None:
    """But one that comes while we look is not missed."""
    rig.database.ran.clear()
    for _ in range(10):
        rig.registry.wake(CALL)
    settle()
    assert rig.database.ran.count("flag_take") == 1
    rig.registry.wake(CALL)
    settle()

    assert rig.database.ran.count("flag_take") == 2


def test_lost_messages_cost_no_more_than_the_time_until_the_next_look(
    rig: Rig, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody wakes us: the worker looks by itself, half a second apart (here 20 ms)."""
    assert registry_module.LOOK_EVERY_S == 0.5
    monkeypatch.setattr(registry_module, "LOOK_EVERY_S", 0.02)
    rig.registry.start()
    rig.stores.mailbox.post(CALL, DtmfReceived("1"), "f1")
    wait_until(lambda: session._conversation._endpointing.has_words, timeout_s=1)
    rig.registry.stop()
    rig.database.ran.clear()
    gevent.sleep(0.05)

    assert rig.database.ran == []


def test_a_look_without_redis_is_made_up_for_later(rig: Rig, session: Session) -> None:
    """No fact is lost in between."""
    rig.stores.mailbox.post(CALL, DtmfReceived("1"), "f1")
    rig.database.is_away = True
    rig.registry.look_at_all()
    settle()
    assert not session._conversation._endpointing.has_words
    rig.database.is_away = False
    rig.registry.look_at_all()
    settle()

    assert session._conversation._endpointing.has_words


def test_leases_are_renewed_while_the_worker_lives(rig: Rig, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease of 15 s outlives its time; Redis being away in between does not end the renewing."""
    monkeypatch.setattr(registry_module, "RENEW_EVERY_S", 0.01)
    rig.registry.start()
    rig.database.is_away = True
    gevent.sleep(0.03)
    rig.database.is_away = False
    rig.clock.advance(20)  # expired
    wait_until(lambda: rig.stores.owners.owner(CALL) == "worker-1", timeout_s=1)
    rig.registry.stop()


def test_one_step_of_the_detector_serves_all_calls(rig: Rig, session: Session) -> None:
    """And none is made when there is no call."""
    rig.registry.voice_step()
    assert rig.vad.steps == 1
    Rig(rig.records).registry.voice_step()

    assert rig.vad.steps == 1

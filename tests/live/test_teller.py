"""backend/live/teller.py: calls in virtual time, told by their session."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.events import CallHungUp
from backend.errors import CallGone
from backend.live.story import Story
from backend.session.session import Session
from backend.store import keys
from backend.store.live_feeds import START
from tests.session.rig import CALL, CALLER, US, Rig, settle, wait_until

HUNG_UP = CallHungUp("normal_clearing", "caller")


def told(rig: Rig) -> list[tuple[str, dict[str, Any]]]:
    rig.feed.write()
    return [(event.name, json.loads(event.data)) for event in rig.stores.live.read(CALL, START, 1000).events]


def end(rig: Rig, session: Session) -> None:
    """What was told so far is written before, as it is in life: the writer waits for milliseconds only."""
    rig.feed.write()
    session.post(HUNG_UP)
    wait_until(lambda: rig.stores.legs.get(CALL) is None)
    settle()


def test_a_whole_call_is_told_while_it_runs(rig: Rig, agent: AgentConfig) -> None:
    """From the greeting to the end, with what others of the call publish in between."""
    session = rig.open(agent)
    settle()
    rig.advance(1)
    session.live.publish("tone", {"label": "calm"})
    end(rig, session)
    story = told(rig)

    assert story[0] == ("state", {"at": story[0][1]["at"], "state": "thinking"})
    assert [data["text"] for name, data in story if name == "transcript"][-1] == "Hello."
    assert ("tone", "calm") in [(name, data.get("label")) for name, data in story]
    assert story[-1][0] == "ended" and story[-1][1]["outcome"] == "caller_hung_up"
    assert [name for name, _ in story].count("ended") == 1


def test_a_running_call_is_shown_with_its_facts(rig: Rig, agent: AgentConfig) -> None:
    """As GET /api/live gives them; a call that is over is not shown."""
    session = rig.open(agent)
    settle()
    rig.advance(1)
    rig.feed.write()
    (state,) = [json.loads(state) for state in rig.stores.live.calls()[1]]
    facts = {
        "call_control_id": CALL, "kind": "phone", "agent_id": "a1", "agent_version": 1, "agent_name": "Ada",
        "from_number": CALLER, "to_number": US, "direction": "incoming", "worker": "worker-1", "check_ins": 0,
    }  # fmt: skip
    assert facts.items() <= state.items() and state["state"] in ("listening", "speaking")
    assert state["started_at"] == pytest.approx(rig.clock.wall(), abs=5)
    end(rig, session)
    rig.feed.write()

    assert rig.stores.live.calls()[1] == []


def test_a_finished_call_leaves_its_story_no_longer_than_its_tombstone(rig: Rig, agent: AgentConfig) -> None:
    """A7, whether the end was written before the record was stored or after."""
    session = rig.open(agent)
    settle()
    end(rig, session)
    rig.feed.write()
    left = {key: ttl for key, ttl in rig.database.ttls().items() if CALL in key}

    assert set(left) <= {keys.gone(CALL), keys.live(CALL)}
    assert all(ttl <= keys.GONE_TTL_S for ttl in left.values())
    rig.clock.advance(keys.GONE_TTL_S + 1)
    rig.feed.write()
    assert not [key for key in rig.database.ttls() if CALL in key]


def test_a_bug_in_the_story_costs_the_watchers_and_not_the_caller(
    rig: Rig, agent: AgentConfig, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """The call goes on, what others publish is still told, and the end comes from whoever stores the record."""

    def broken(*_: object) -> list[Any]:
        raise KeyError("story")

    monkeypatch.setattr(Story, "tell", broken)
    session = rig.open(agent)
    settle()
    session.live.publish("tone", {"label": "calm"})
    rig.feed.write()
    rig.advance(1)
    assert [request.text for request in rig.tts.requests] == ["Hello."]
    end(rig, session)

    assert [name for name, _ in told(rig)] == ["tone", "ended"]
    assert [line["event"] for line in logged()].count("story_failed") == 1


def test_a_call_that_a_bug_ends_is_told_to_have_failed(
    rig: Rig, agent: AgentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watchers learn of the end as of any other."""
    rig.carrier.always("speak", CallGone("over"))  # nobody is left to apologise to
    session = rig.open(agent)
    settle()
    rig.feed.write()
    monkeypatch.setattr(session._conversation, "handle", lambda *_: 1 / 0)
    session.post(HUNG_UP)
    wait_until(lambda: session in rig.over and rig.stores.legs.get(CALL) is None)

    assert told(rig)[-1][0] == "ended" and told(rig)[-1][1]["outcome"] == "failed"


def test_a_call_goes_on_while_redis_is_away(rig: Rig, agent: AgentConfig) -> None:
    """The greeting is heard; its story is there when Redis is."""
    session = rig.open(agent)
    rig.database.is_away = True
    settle()
    rig.advance(1)
    assert not rig.feed.write()
    rig.database.is_away = False

    assert "Hello." in [data.get("text") for _, data in told(rig)]
    assert rig.registry.get(CALL) is session
    end(rig, session)


def test_where_nobody_can_watch_nothing_is_told(rig: Rig, agent: AgentConfig) -> None:
    """The sweeper and other processes have no feed."""
    rig.services = dataclasses.replace(rig.services, feed=None)
    session = rig.open(agent)
    settle()
    session.live.publish("tone", {})
    end(rig, session)

    assert not rig.stores.live.read(CALL, START, 10).exists

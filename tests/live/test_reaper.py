"""backend/live/reaper.py: in virtual time."""

import random

from backend.call.agent_config import AgentConfig
from backend.call.events import CallHungUp, CallInitiated
from backend.live.presence import MARK_EVERY_S, Presence
from backend.live.reaper import TIMED_OUT, Reaper
from backend.store.stores import Stores, stores_over
from tests.fakes.fake_clock import FakeClock
from tests.session.rig import FailingDatabase, Rig, settle, wait_until

TTL_S = 90.0


class World:
    """Calls without sessions: what happens to them stands in their mailbox."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.database = FailingDatabase(self.clock)
        self.stores: Stores = stores_over(self.database, self.clock)
        self.watched: set[str] = set()
        self.presence = Presence(self.stores.live, self.clock, lambda: sorted(self.watched))
        self.reaper = Reaper(self.stores, self.clock, TTL_S, self.presence.is_sure)

    def begin(self, call: str) -> None:
        self.stores.legs.apply(call, CallInitiated("outgoing", "+1", "+2"), self.clock.wall())


def test_a_hundred_sessions_that_everybody_left_are_ended_in_time_and_nobody_else() -> None:
    """I3: each within the TTL and one interval of its last viewer's leaving; the watched and the phone calls live on."""
    world, luck = World(), random.Random(5)
    leaving = {f"web-left-{number}": luck.uniform(5, 300) for number in range(100)}
    spared = [*(f"web-watched-{number}" for number in range(20)), *(f"v3:phone-{number}" for number in range(20)),
              *(f"livekit-{number}" for number in range(5))]  # fmt: skip
    for call in [*leaving, *spared]:
        world.begin(call)
    world.watched = {*leaving, *spared[:20]}
    began, next_mark, next_pass = world.clock.wall(), MARK_EVERY_S, luck.uniform(1, world.reaper.interval_s)
    ended: dict[str, float] = {}
    for second in range(1, 500):
        world.clock.advance(1.0)
        for call in [call for call in world.watched if leaving.get(call, 1e9) <= second]:
            world.watched.discard(call)
            leaving[call] = float(second)
            world.presence.left(call)
            settle(2)
        if second >= next_mark:
            next_mark += MARK_EVERY_S
            world.presence.mark()
        if second >= next_pass:
            next_pass += world.reaper.interval_s
            for call in world.reaper.run_pass():
                ended.setdefault(call, world.clock.wall() - began)

    assert world.reaper.interval_s == 45.0
    assert set(ended) == set(leaving) and len(ended) == 100
    late = {call: at - leaving[call] for call, at in ended.items()}
    assert all(TTL_S < after <= TTL_S + world.reaper.interval_s + 1 for after in late.values()), late
    for call in leaving:
        assert world.stores.mailbox.take_all(call)[:1] == [TIMED_OUT]
    for call in spared:
        assert world.stores.mailbox.take_all(call) == []


def test_a_session_that_nobody_ever_attended_is_ended_too() -> None:
    """Its socket broke while it was being opened."""
    world = World()
    world.begin("web-lost")
    world.clock.advance(TTL_S - 1)
    assert world.reaper.run_pass() == []
    world.clock.advance(2)

    assert world.reaper.run_pass() == ["web-lost"]


def test_passes_of_several_workers_end_a_session_once() -> None:
    """The owner takes the fact once, however often it is posted."""
    world = World()
    world.begin("web-lost")
    world.clock.advance(TTL_S + 1)
    assert world.reaper.run_pass() == world.reaper.run_pass() == ["web-lost"]

    assert world.stores.mailbox.take_all("web-lost") == [TIMED_OUT]


def test_a_redis_that_was_away_costs_no_session_its_life() -> None:
    """All marks are old when it is back: nothing is ended before everybody could mark again."""
    world = World()
    world.begin("web-attended")
    with world.presence.attending("web-attended"):
        world.presence.mark()
        world.database.is_away = True
        for _ in range(20):
            world.clock.advance(MARK_EVERY_S)
            world.presence.mark()
        world.database.is_away = False
        world.clock.advance(1.0)
        assert world.reaper.run_pass() == []
        for _ in range(3):
            world.clock.advance(MARK_EVERY_S)
            world.presence.mark()
        assert world.presence.is_sure() and world.reaper.run_pass() == []
    settle()


def test_the_session_itself_ends(rig: Rig, agent: AgentConfig) -> None:
    """Through its mailbox, with a record like any other."""
    call = "web-left"
    session = rig.open(agent, call)
    settle()
    rig.clock.advance(TTL_S + 1)
    assert Reaper(rig.stores, rig.clock, TTL_S).run_pass() == [call]
    rig.registry.wake(call)
    wait_until(lambda: session in rig.over and rig.stores.legs.get(call) is None)

    assert rig.calls.get(call).summary.hangup_cause == "session_timed_out"


def test_intervals_follow_the_ttl_and_have_a_least() -> None:
    world = World()
    assert [Reaper(world.stores, world.clock, ttl).interval_s for ttl in (10.0, 90.0, 600.0)] == [15.0, 45.0, 300.0]
    assert CallHungUp("session_timed_out", "callee") == TIMED_OUT

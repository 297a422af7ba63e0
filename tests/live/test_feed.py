"""backend/live/feed.py: over the store in memory, which can be away."""

import json

import pytest
from prometheus_client import REGISTRY

from backend.live.feed import KEPT_AFTER_END_S, MOST_PER_BATCH, MOST_WAITING, CallFeed, Feed, LiveCall
from backend.store.live_feeds import LOST_AFTER_S, SIGN_OF_LIFE_S, START
from backend.store.stores import stores_over
from tests.fakes.fake_clock import FakeClock
from tests.session.rig import FailingDatabase

CALL = LiveCall("v3:call", "phone", "a1", 1, "Ada", "+13125550100", "+13125550101", "incoming", 1e9, "worker-1")


class Bench:
    """A feed whose writer runs when it is told to."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.database = FailingDatabase(self.clock)
        self.live = stores_over(self.database, self.clock).live
        self.feed = Feed(self.live, self.clock)

    def call(self, name: str = "v3:call") -> CallFeed:
        return self.feed.open(
            LiveCall(**{**{field: getattr(CALL, field) for field in CALL.__slots__}, "call_control_id": name})
        )

    def stored(self, name: str = "v3:call") -> list[tuple[str, dict[str, object]]]:
        return [(event.name, json.loads(event.data)) for event in self.live.read(name, START, 10_000).events]

    def numbers(self) -> list[object]:
        return [data["n"] for name, data in self.stored() if name == "e"]

    def shown(self) -> list[dict[str, object]]:
        return [json.loads(state) for state in self.live.calls()[1]]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def dropped(reason: str) -> float:
    return REGISTRY.get_sample_value("offhook_live_events_dropped_total", {"reason": reason}) or 0.0


def test_what_is_published_is_written_in_order_with_its_time(bench: Bench) -> None:
    """`at` is the wall's; somebody who knows better says so."""
    call = bench.call()
    call.publish("state", {"state": "listening"})
    call.publish("tone", {"label": "calm", "at": 5.0})
    assert bench.stored() == []
    assert bench.feed.write()

    wall = round(bench.clock.wall(), 3)
    assert bench.stored() == [("state", {"at": wall, "state": "listening"}), ("tone", {"at": 5.0, "label": "calm"})]


def test_a_call_that_told_nothing_is_not_shown(bench: Bench) -> None:
    """A media socket that never brought a stream."""
    call = bench.call()
    bench.feed.write()
    assert bench.shown() == [] and len(bench.feed) == 0
    call.publish("state", {})
    bench.feed.write()
    assert [state["agent_name"] for state in bench.shown()] == ["Ada"] and len(bench.feed) == 1


def test_what_a_call_is_at_is_shown_when_it_changes(bench: Bench) -> None:
    """And told to those who watch all calls, once."""
    call = bench.call()
    call.show("speaking", 0)
    bench.feed.write()
    call.show("speaking", 0)
    call.show("listening", 1)
    bench.feed.write()

    assert [(state["state"], state["check_ins"]) for state in bench.shown()] == [("listening", 1)]
    names = [event.name for event in bench.live.read_all_calls("0-0", 10).events]
    assert names == ["call_started", "call_changed"]


def test_nothing_follows_the_end(bench: Bench) -> None:
    """And the feed forgets the call."""
    call = bench.call()
    call.publish("ended", {"outcome": "completed"})
    call.publish("state", {})
    bench.feed.write()

    assert [name for name, _ in bench.stored()] == ["ended"] and len(bench.feed) == 0


def test_a_call_that_goes_on_elsewhere_is_left_without_an_end(bench: Bench) -> None:
    """What was told before is still written; the next worker goes on in the same stream."""
    call = bench.call()
    call.publish("e", {"n": 1})
    call.leave()
    call.publish("e", {"n": 2})
    bench.feed.write()
    again = bench.call()
    again.publish("e", {"n": 3})
    bench.feed.write()

    assert bench.numbers() == [1, 3] and len(bench.feed) == 1


@pytest.mark.parametrize("data", [{"x": object()}, {"x": float("nan")}, {"x": {1, 2}}, {("a",): 1}])
def test_what_json_cannot_hold_costs_the_event(bench: Bench, data: dict[str, object]) -> None:
    """Not the call: publish never raises."""
    before, call = dropped("not_json"), bench.call()
    call.publish("bad", data)
    call.publish("e", {"n": 1})
    bench.feed.write()

    assert bench.numbers() == [1] and dropped("not_json") == before + 1


def test_while_redis_is_away_events_wait(bench: Bench) -> None:
    """And are written once it is back, in order."""
    call = bench.call()
    call.publish("e", {"n": 0})
    bench.feed.write()
    bench.database.is_away = True
    for number in range(1, 6):
        call.publish("e", {"n": number})
        assert not bench.feed.write()
    bench.database.is_away = False
    assert bench.feed.write()

    assert bench.numbers() == list(range(6)) and call.waiting == 0


def test_what_waits_is_bounded_and_a_gap_says_how_much_went(bench: Bench) -> None:
    """The newest stay: what matters when Redis is back is how the call goes on."""
    before, call = dropped("redis_away"), bench.call()
    bench.database.is_away = True
    for number in range(MOST_WAITING + 7):
        call.publish("e", {"n": number})
    assert not bench.feed.write() and call.waiting == MOST_WAITING
    bench.database.is_away = False
    bench.feed.write()

    assert dropped("redis_away") == before + 7
    assert bench.stored()[0][0] == "gap" and bench.stored()[0][1]["lost"] == 7
    assert bench.numbers() == list(range(7, MOST_WAITING + 7)) and MOST_WAITING > MOST_PER_BATCH


def test_an_answer_that_got_lost_doubles_nothing(bench: Bench) -> None:
    """Redis wrote it and could not say so; meanwhile more came, and some of what was written had to go."""
    call = bench.call()
    for number in range(5):
        call.publish("e", {"n": number})
    bench.live.append([call.batch()])  # the writer does not learn of it
    for number in range(5, MOST_WAITING + 3):
        call.publish("e", {"n": number})
    bench.feed.write()

    assert bench.numbers() == list(range(MOST_WAITING + 3))
    assert "gap" not in [name for name, _ in bench.stored()]


def test_a_running_call_gives_signs_of_life(bench: Bench) -> None:
    """However quiet it is; one whose worker died does not."""
    call = bench.call()
    call.publish("state", {})
    bench.feed.write()
    for _ in range(10):
        bench.clock.advance(SIGN_OF_LIFE_S + 0.1)
        bench.feed.write()
        assert len(bench.shown()) == 1 and bench.live.read("v3:call", START, 10).exists
    bench.clock.advance(LOST_AFTER_S + 1)

    assert bench.shown() == []


def test_a_call_that_ended_while_redis_was_away_is_forgotten_in_time(bench: Bench) -> None:
    """Its events wait for as long as they could still be read."""
    before, call = dropped("redis_away"), bench.call()
    bench.database.is_away = True
    call.publish("ended", {})
    bench.feed.write()
    bench.clock.advance(KEPT_AFTER_END_S - 1)
    bench.feed.write()
    assert len(bench.feed) == 1
    bench.clock.advance(2)
    bench.feed.write()

    assert len(bench.feed) == 0 and dropped("redis_away") == before + 1


def test_what_is_published_is_what_is_told(bench: Bench) -> None:
    """Whoever published it may go on changing it."""
    call, data = bench.call(), {"n": 1}
    call.publish("e", data)
    data["n"] = 2
    bench.feed.write()

    assert bench.numbers() == [1]

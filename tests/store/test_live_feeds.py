"""backend/store/live_feeds.py, over Redis and over its twin."""

import json

import pytest

from backend.store import keys
from backend.store.database import Database
from backend.store.live_feeds import MOST_EVENTS, START, Batch, Page, event_key, is_event_id
from backend.store.memory import MemoryDatabase
from backend.store.stores import Stores, stores_over
from tests.fakes.fake_clock import FakeClock
from tests.store.conftest import keys_left


def names(page: Page) -> list[str]:
    return [event.name for event in page.events]


def tell(stores: Stores, call: str, first: int, *told: str, writer: str = "w1") -> None:
    stores.live.append([Batch(call, writer, first, [(name, "{}") for name in told])])


def test_events_come_back_in_order_with_rising_ids(stores: Stores, call: str) -> None:
    """Also those of one millisecond."""
    tell(stores, call, 1, *[f"e{number}" for number in range(20)])
    page = stores.live.read(call, START, 100)

    assert names(page) == [f"e{number}" for number in range(20)]
    assert page.exists and not page.is_broken and page.events[0].data == b"{}"
    ids = [event_key(event.id) for event in page.events]
    assert ids == sorted(set(ids))


def test_reading_goes_on_after_an_event(stores: Stores, call: str) -> None:
    """In pages, without a gap and without a repetition."""
    tell(stores, call, 1, "a", "b", "c", "d", "e")
    first = stores.live.read(call, START, 2)
    second = stores.live.read(call, first.events[-1].id, 2)
    third = stores.live.read(call, second.events[-1].id, 2)
    last = stores.live.read(call, third.events[-1].id, 2)

    assert [names(page) for page in (first, second, third, last)] == [["a", "b"], ["c", "d"], ["e"], []]
    assert not any(page.is_broken for page in (first, second, third, last))


def test_writing_the_same_again_adds_nothing(stores: Stores, call: str) -> None:
    """The answer of Redis got lost, and the writer asks once more, with what has come meanwhile."""
    tell(stores, call, 1, "a", "b")
    tell(stores, call, 1, "a", "b", "c")
    tell(stores, call, 3, "c")

    assert names(stores.live.read(call, START, 100)) == ["a", "b", "c"]


def test_another_writer_counts_from_one_again(stores: Stores, call: str) -> None:
    """The call went to another worker."""
    tell(stores, call, 1, "a", "b")
    tell(stores, call, 1, "c", writer="w2")

    assert names(stores.live.read(call, START, 100)) == ["a", "b", "c"]


def test_nothing_follows_the_end(stores: Stores, call: str) -> None:
    """Neither in the same batch nor later, nor a second end by whoever stores the record."""
    tell(stores, call, 1, "a", "ended", "b")
    tell(stores, call, 4, "c")
    stores.live.close(call, {"outcome": "lost"})

    assert names(stores.live.read(call, START, 100)) == ["a", "ended"]
    assert keys_left(stores.database)[keys.live(call)] <= keys.LIVE_ENDED_TTL_S


def test_whoever_finishes_a_call_ends_its_story(stores: Stores, call: str) -> None:
    """Its owner died. A call that nobody told of gets no story."""
    tell(stores, call, 1, "a")
    stores.live.put_calls([(call, "{}")])
    stores.live.close(call, {"outcome": "lost"})
    stores.live.close("v3:untold", {"outcome": "lost"})
    page = stores.live.read(call, START, 100)

    assert names(page) == ["a", "ended"] and json.loads(page.events[-1].data) == {"outcome": "lost"}
    assert stores.live.calls()[1] == []
    assert not stores.live.read("v3:untold", START, 100).exists


@pytest.mark.parametrize(
    "after", ["1-1", "99999999999999-0", "hello", "-", "5", "1-1-1", "٣-١", "9" * 30 + "-1", "x" * 500]
)
def test_an_event_that_is_not_there_means_that_something_is_missing(stores: Stores, call: str, after: str) -> None:
    """Trimmed away, from before a loss of Redis, or made up: everything that is kept comes again."""
    tell(stores, call, 1, "a", "b")
    page = stores.live.read(call, after, 100)

    assert page.is_broken and names(page) == ["a", "b"]


def test_a_call_that_told_too_much_loses_its_beginning(stores: Stores, call: str) -> None:
    """And whoever reads from there is told so."""
    tell(stores, call, 1, "first", "second")
    known = stores.live.read(call, START, 100).events
    many = 500
    for start in range(3, MOST_EVENTS + 2, many):
        tell(stores, call, start, *["e"] * min(many, MOST_EVENTS + 2 - start))
    page = stores.live.read(call, START, 1)

    assert page.is_broken and names(page) == ["second"]
    assert stores.live.read(call, known[0].id, 1).is_broken
    assert not stores.live.read(call, known[1].id, 1).is_broken


def test_an_unknown_call_has_no_stream(stores: Stores, call: str) -> None:
    assert stores.live.read(call, START, 10) == Page(False, False, ())


def test_the_calls_and_their_place_in_the_stream_are_of_one_instant(stores: Stores, call: str) -> None:
    """Whoever reads on from there misses nothing and hears nothing twice."""
    other = call + "-other"
    assert stores.live.calls() == ("0-0", [])
    stores.live.put_calls([(call, '{"state":"listening"}'), (other, "{}")])
    stores.live.put_calls([(call, '{"state":"listening"}')])
    newest, states = stores.live.calls()
    stores.live.put_calls([(call, '{"state":"speaking"}')])
    stores.live.close(other, {})
    page = stores.live.read_all_calls(newest, 10)

    assert states == [b'{"state":"listening"}', b"{}"]
    assert [(event.name, json.loads(event.data)) for event in page.events] == [
        ("call_changed", {"state": "speaking"}), ("call_ended", {"call_control_id": other}),
    ]  # fmt: skip
    assert names(stores.live.read_all_calls("0-0", 10)) == [
        "call_started",
        "call_started",
        "call_changed",
        "call_ended",
    ]


def test_a_call_without_a_sign_of_life_is_forgotten() -> None:
    """Its owner was killed: nobody else would say that it ended."""
    clock = FakeClock()
    stores = stores_over(MemoryDatabase(clock), clock)
    stores.live.put_calls([("v3:dead", "{}"), ("v3:alive", '{"a":1}')])
    clock.advance(20)
    stores.live.put_calls([("v3:alive", '{"a":1}')])
    clock.advance(20)

    assert stores.live.calls()[1] == [b'{"a":1}']
    last = stores.live.read_all_calls("0-0", 10).events[-1]
    assert (last.name, json.loads(last.data)) == ("call_ended", {"call_control_id": "v3:dead"})


def test_news_is_announced(database: Database, stores: Stores, call: str) -> None:
    """To workers with watchers; what changes nothing is not."""
    ear = database.subscribe(keys.live_news())
    assert ear.next(5) == ("subscribed", "")
    tell(stores, call, 1, "a")
    tell(stores, call, 1, "a")
    stores.live.put_calls([(call, "{}")])
    stores.live.put_calls([(call, "{}")])
    stores.live.close(call, {})

    heard = [ear.next(5) for _ in range(4)]
    assert heard == [("message", call), ("message", ""), ("message", call), ("message", "")]
    assert ear.next(0.05) is None
    ear.close()


def test_ids_are_told_from_what_browsers_may_send() -> None:
    assert is_event_id("1700000000000-12") and is_event_id(START)
    assert not any(map(is_event_id, ["x", "1", "1-", "-1", "1_0-1", "+1-1", " 1-1"]))

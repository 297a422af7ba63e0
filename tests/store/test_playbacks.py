"""The ledger of playbacks over all workers."""

import queue
import threading
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.store import keys
from backend.store.database import Database
from backend.store.playbacks import PlaybackEnd, Playbacks
from backend.store.stores import Stores, stores_over
from tests.store.conftest import keys_left

NOTHING = PlaybackEnd(was_outstanding=False, remaining=0, flag_raised=False, owner=None)


def begin(stores: Stores, call: str, *numbers: int, generation: int = 1, deadline_s: float = 60) -> None:
    for number in numbers:
        assert stores.playbacks.register(call, f"{generation}-{number}", generation, number, deadline_s)


def numbers_of(stores: Stores, call: str) -> list[int]:
    return [playback.number for playback in stores.playbacks.outstanding(call)]


def test_the_last_end_raises_the_flag(stores: Stores, call: str) -> None:
    """Not the first: the agent is done when everything was heard."""
    begin(stores, call, 1, 2)

    first = stores.playbacks.end(call, "1-1", 1, 1)
    flag_before = stores.flags.take_agent_done_speaking(call)
    last = stores.playbacks.end(call, "1-2", 1, 2)

    assert first == PlaybackEnd(True, 1, False, None)
    assert flag_before is None
    assert last == PlaybackEnd(True, 0, True, None)
    assert stores.flags.take_agent_done_speaking(call) == (1, 2)


def test_ends_may_come_in_any_order(stores: Stores, call: str) -> None:
    """`up_to` names the newest registered one, whichever ended last."""
    begin(stores, call, 1, 2, 3)

    for number in (3, 1, 2):
        last = stores.playbacks.end(call, f"1-{number}", 1, number)

    assert last.flag_raised
    assert stores.flags.take_agent_done_speaking(call) == (1, 3)


def test_a_duplicate_end_does_nothing(stores: Stores, call: str) -> None:
    """Webhooks are delivered twice; the flag stays down once taken."""
    begin(stores, call, 1)
    stores.playbacks.end(call, "1-1", 1, 1)
    stores.flags.take_agent_done_speaking(call)

    assert stores.playbacks.end(call, "1-1", 1, 1) == NOTHING
    assert stores.flags.take_agent_done_speaking(call) is None


def test_a_start_after_its_end_adds_nothing(stores: Stores, call: str) -> None:
    """`playback.ended` overtook `playback.started`, or even our own registration."""
    assert stores.playbacks.end(call, "1-1", 1, 1) == NOTHING

    assert not stores.playbacks.register(call, "1-1", 1, 1, 60)
    assert not stores.playbacks.started(call, "1-1", 1, 1, 60)
    assert stores.playbacks.outstanding(call) == []
    assert stores.flags.take_agent_done_speaking(call) is None


def test_a_duplicate_start_counts_once(stores: Stores, call: str) -> None:
    """Registered, and then said to have started: one playback, one end."""
    begin(stores, call, 1)
    stores.playbacks.started(call, "1-1", 1, 1, 5)

    assert numbers_of(stores, call) == [1]
    assert stores.playbacks.outstanding(call)[0].left_s > 50  # a start never shortens the time
    assert stores.playbacks.end(call, "1-1", 1, 1).flag_raised


def test_barge_in_takes_playbacks_and_flag_away(stores: Stores, call: str) -> None:
    """A6: after it nothing of the old generation counts or signals."""
    begin(stores, call, 1)
    stores.playbacks.end(call, "1-1", 1, 1)
    begin(stores, call, 2, 3)

    assert stores.playbacks.clear(call, below_generation=2) == 2

    assert stores.playbacks.outstanding(call) == []
    assert stores.flags.take_agent_done_speaking(call) is None
    assert not stores.playbacks.end(call, "1-2", 1, 2).flag_raised
    assert not stores.playbacks.end(call, "1-3", 1, 3).flag_raised
    assert not stores.playbacks.register(call, "1-4", 1, 4, 60)
    assert stores.flags.take_agent_done_speaking(call) is None


def test_an_end_of_an_old_generation_never_ends_a_new_one(stores: Stores, call: str) -> None:
    """A3: the check-in was cut off; its late end must not pass for the end of the answer."""
    begin(stores, call, 1)
    stores.playbacks.clear(call, 2)
    begin(stores, call, 2, generation=2)

    late = stores.playbacks.end(call, "1-1", 1, 1)

    assert (late.was_outstanding, late.remaining, late.flag_raised) == (False, 1, False)
    assert numbers_of(stores, call) == [2]


def test_a_late_clear_spares_the_newer_generation(stores: Stores, call: str) -> None:
    """Clear and register may change places between workers."""
    begin(stores, call, 1)
    begin(stores, call, 2, generation=2)

    assert stores.playbacks.clear(call, 2) == 1
    assert numbers_of(stores, call) == [2]
    assert stores.playbacks.end(call, "2-2", 2, 2).flag_raised
    assert stores.playbacks.clear(call, 2) == 0
    assert stores.flags.take_agent_done_speaking(call) == (2, 2)


def test_an_overdue_playback_counts_no_longer(stores: Stores, call: str) -> None:
    """B7: its end got lost; the others still lead to a flag, and its own late end to no second one."""
    begin(stores, call, 1, deadline_s=-1)
    begin(stores, call, 2)

    assert numbers_of(stores, call) == [2]
    assert stores.playbacks.end(call, "1-2", 1, 2).flag_raised
    assert not stores.playbacks.end(call, "1-1", 1, 1).flag_raised


def test_a_late_end_of_the_only_playback_still_raises_the_flag(stores: Stores, call: str) -> None:
    """Past its deadline the end is still news; who has moved on sees by its number that it is old."""
    begin(stores, call, 1, deadline_s=-1)

    assert stores.playbacks.end(call, "1-1", 1, 1).flag_raised


def test_the_same_news_is_not_flagged_twice(stores: Stores, call: str) -> None:
    """A playback that was registered late, below one that has ended, adds nothing to "up to number 2"."""
    begin(stores, call, 2)
    stores.playbacks.end(call, "1-2", 1, 2)
    begin(stores, call, 1)

    assert stores.playbacks.end(call, "1-1", 1, 1) == PlaybackEnd(True, 0, False, None)


def test_the_owner_is_woken_once(stores: Stores, call: str) -> None:
    """The last end publishes the call on the owner's channel; a duplicate does not."""
    stores.owners.claim(call, "w1")
    begin(stores, call, 1)
    subscription = stores.database.subscribe(keys.wake_channel("w1"))
    assert subscription.next(5) == ("subscribed", "")

    ended = stores.playbacks.end(call, "1-1", 1, 1)
    stores.playbacks.end(call, "1-1", 1, 1)
    stores.database.publish(keys.wake_channel("w1"), "the end")
    heard = []
    while "the end" not in heard:
        one = subscription.next(5)
        assert one is not None
        if one[0] == "message":
            heard.append(one[1])
    subscription.close()

    assert ended.owner == "w1"
    assert heard == [call, "the end"]


def test_a_finished_call_takes_nothing_more(stores: Stores, call: str) -> None:
    """Late duplicates recreate no key."""
    begin(stores, call, 1)
    stores.legs.finish(call)

    assert not stores.playbacks.register(call, "1-2", 1, 2, 60)
    assert stores.playbacks.end(call, "1-1", 1, 1) == NOTHING
    assert stores.playbacks.clear(call, 5) == 0
    assert list(keys_left(stores.database)) == [keys.gone(call)]


def test_calls_do_not_disturb_each_other(stores: Stores, call: str) -> None:
    """A7: the same playback ids in two calls."""
    begin(stores, call, 1)
    begin(stores, "v3:other", 1)

    assert stores.playbacks.end(call, "1-1", 1, 1).flag_raised
    assert numbers_of(stores, "v3:other") == [1]


def test_what_is_remembered_of_ended_ones_is_bounded(
    stores: Stores, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A four-hour call does not grow without end; the newest are what matters."""
    monkeypatch.setattr("backend.store.playbacks.ENDED_KEPT", 3)

    for number in range(1, 8):
        stores.playbacks.end(call, f"1-{number}", 1, number)

    assert not stores.playbacks.register(call, "1-7", 1, 7, 60)
    assert not stores.playbacks.register(call, "1-5", 1, 5, 60)
    assert stores.playbacks.register(call, "1-4", 1, 4, 60)


def test_racing_workers_raise_exactly_one_flag(database: Database, call: str) -> None:
    """Eight workers are told of all the same ends at once."""
    for round_number in range(5):
        racing = f"{call}-{round_number}"
        playbacks = Playbacks(database)
        for number in range(1, 6):
            playbacks.register(racing, f"1-{number}", 1, number, 60)
        raised: queue.Queue[bool] = queue.Queue()
        start = threading.Barrier(8)

        def worker(name: str, start: threading.Barrier, raised: "queue.Queue[bool]") -> None:
            start.wait(10)
            for number in (3, 1, 5, 2, 4):
                raised.put(Playbacks(database).end(name, f"1-{number}", 1, number).flag_raised)

        threads = [threading.Thread(target=worker, args=(racing, start, raised)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert sorted(raised.queue, reverse=True) == [True] + [False] * 39


STEPS = st.one_of(
    st.tuples(st.sampled_from(["register", "started", "end"]), st.integers(1, 2), st.integers(1, 3)),
    st.tuples(st.just("clear"), st.integers(1, 3), st.just(0)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=30))
def test_no_order_gets_it_stuck_or_flags_twice(database: Database, steps: list[tuple[str, int, int]]) -> None:
    """Whatever comes, however often: after every end has come, nothing is outstanding; no flag is raised twice; the
    flag never speaks of a void generation; and no flag is raised while something is outstanding."""
    stores = stores_over(database)
    call = "v3:any-order"
    stores.legs.finish(call)
    database.delete(keys.gone(call))
    flags: Counter[tuple[int, int]] = Counter()
    floor = 0
    ended: set[tuple[int, int]] = set()
    outstanding: set[tuple[int, int]] = set()

    for kind, generation, number in steps:
        name = (generation, number)
        playback_id = f"{generation}-{number}"
        if kind == "clear":
            stores.playbacks.clear(call, generation)
            floor = max(floor, generation)
            outstanding = {one for one in outstanding if one[0] >= floor}
            flag = stores.flags.take_agent_done_speaking(call)
            assert flag is None or flag[0] >= floor
        elif kind == "end":
            done = stores.playbacks.end(call, playback_id, generation, number)
            assert done.was_outstanding == (name in outstanding)
            outstanding.discard(name)
            if generation >= floor:
                ended.add(name)
            assert done.remaining == len(outstanding)
            if done.flag_raised:
                flag = stores.flags.take_agent_done_speaking(call)
                assert flag is not None and flag[0] >= floor and not outstanding
                flags[flag] += 1
        else:
            counts = getattr(stores.playbacks, kind)(call, playback_id, generation, number, 60)
            assert counts == (generation >= floor and name not in ended)
            if counts:
                outstanding.add(name)
        assert {(one.generation, one.number) for one in stores.playbacks.outstanding(call)} == outstanding

    for generation, number in sorted(outstanding):
        stores.playbacks.end(call, f"{generation}-{number}", generation, number)
    assert stores.playbacks.outstanding(call) == []
    assert not flags or max(flags.values()) == 1

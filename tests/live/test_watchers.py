"""backend/live/watchers.py: over the store in memory; what only Redis and gunicorn can show is in test_watching.py."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest
from gevent import Greenlet

from backend.live.watchers import (
    ALL_CALLS,
    HEARTBEAT,
    MISSING_FOR_S,
    MOST_WAITING,
    PAGE,
    NotLive,
    TooManyWatchers,
    Watcher,
    Watchers,
)
from backend.store import keys
from backend.store.live_feeds import MOST_EVENTS, START, Batch
from backend.store.stores import stores_over
from tests.fakes.fake_clock import FakeClock
from tests.session.rig import FailingDatabase, settle, wait_until

CALL = "v3:call"


class Client:
    """A browser's EventSource: reads, and remembers the id of its last event."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.last_id = ""
        self.heartbeats = 0
        self.may_read = True
        self.greenlet: Greenlet = gevent.spawn(self._read)

    def _read(self) -> None:
        try:
            for piece in self.watcher.frames():
                self._take(piece)
                while not self.may_read:
                    gevent.sleep(0.001)
        finally:
            self.watcher.close()

    def _take(self, piece: bytes) -> None:
        self.heartbeats += piece == HEARTBEAT
        fields = dict(line.split(": ", 1) for line in piece.decode().splitlines() if line and not line.startswith(":"))
        self.last_id = fields.get("id", self.last_id)
        if "event" in fields:
            self.events.append((fields["event"], json.loads(fields["data"])))

    @property
    def numbers(self) -> list[int]:
        return [data["n"] for name, data in self.events if name == "e"]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def leave(self) -> None:
        self.watcher.end("left")
        self.greenlet.join(5)


class World:
    """One Redis, its time, and as many workers as a test wants."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.database = FailingDatabase(self.clock)
        self.stores = stores_over(self.database, self.clock)
        self.live = self.stores.live
        self.told = 0
        self.workers: list[Watchers] = []

    def worker(self, most: int = 100) -> Watchers:
        watchers = Watchers(self.database, self.live, self.clock, most=most)
        self.workers.append(watchers)
        return watchers

    def tell(self, count: int = 1) -> None:
        """The call's next events, numbered from 1."""
        for start in range(self.told + 1, self.told + count + 1, 200):
            end = min(start + 200, self.told + count + 1)
            self.live.append([Batch(CALL, "w", start, [("e", json.dumps({"n": n})) for n in range(start, end)])])
        self.told += count

    def end(self) -> None:
        self.live.append([Batch(CALL, "w", self.told + 1, [("ended", "{}")])])


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    for watchers in made.workers:
        watchers.stop()
        wait_until(lambda watchers=watchers: len(watchers) == 0)
    settle()


def test_a_watcher_hears_the_call_from_its_beginning_and_as_it_goes_on(world: World) -> None:
    world.tell(3)
    client = Client(world.worker().watch(CALL, START))
    wait_until(lambda: client.numbers == [1, 2, 3])
    world.tell(2)
    wait_until(lambda: client.numbers == [1, 2, 3, 4, 5])
    world.end()
    client.greenlet.join(5)

    assert client.names[-1] == "ended" and client.greenlet.dead


def test_who_comes_back_misses_nothing_and_hears_nothing_twice(world: World) -> None:
    """On another worker, after having been away."""
    world.tell(3)
    first = Client(world.worker().watch(CALL, START))
    wait_until(lambda: len(first.numbers) == 3)
    first.leave()
    world.tell(PAGE * 2 + 7)
    second = Client(world.worker().watch(CALL, first.last_id))
    wait_until(lambda: len(second.numbers) >= world.told - 3)
    world.tell(2)
    wait_until(lambda: second.numbers and second.numbers[-1] == world.told)

    assert first.numbers + second.numbers == list(range(1, world.told + 1))


@pytest.mark.parametrize("seed", range(12))
def test_events_that_are_written_while_watchers_come_are_neither_missed_nor_doubled(world: World, seed: int) -> None:
    """Watchers join, leave and come back on two workers while the call goes on, a step of everybody at a time."""
    workers = [world.worker(), world.worker()]
    world.tell(1 + seed)
    seen: dict[int, list[int]] = {}
    clients: dict[int, Client] = {}
    for step in range(60):
        who = (step * 7 + seed) % 5
        client = clients.pop(who, None)
        if client is None or step % 3 == 0:
            last_id = ""
            if client is not None:
                client.leave()
                seen[who] = seen.get(who, []) + client.numbers
                last_id = client.last_id
            else:
                seen[who] = []
            clients[who] = Client(workers[(step + who) % 2].watch(CALL, last_id))
        else:
            clients[who] = client
        if step % 2:
            world.tell(1 + step % 3)
        settle(step % 5)
    wait_until(lambda: all(client.numbers and client.numbers[-1] == world.told for client in clients.values()))

    for who, client in clients.items():
        assert seen[who] + client.numbers == list(range(1, world.told + 1)), who


@pytest.mark.parametrize("last_id", ["1-1", "99999999999999-0", "nonsense", "٣-٣"])
def test_an_id_that_is_not_there_begins_anew(world: World, last_id: str) -> None:
    """`reset` says: forget what you had."""
    world.tell(3)
    client = Client(world.worker().watch(CALL, last_id))
    wait_until(lambda: client.numbers == [1, 2, 3])
    world.tell()
    wait_until(lambda: client.numbers == [1, 2, 3, 4])

    assert client.names[0] == "reset" and client.names.count("reset") == 1


def test_a_stream_that_was_trimmed_meanwhile_says_so(world: World) -> None:
    """To one who was away, and to one who comes for the first time."""
    world.tell(2)
    away = Client(world.worker().watch(CALL, START))
    wait_until(lambda: len(away.numbers) == 2)
    away.leave()
    world.tell(MOST_EVENTS + 1)
    back = Client(world.worker().watch(CALL, away.last_id))
    new = Client(world.worker().watch(CALL, START))
    wait_until(lambda: len(back.numbers) >= MOST_EVENTS and len(new.numbers) >= MOST_EVENTS, 30)

    for client in (back, new):
        assert client.names[0] == "reset" and client.numbers == list(range(4, world.told + 1))


def test_a_redis_that_lost_everything_is_a_new_beginning_for_those_who_watch(world: World) -> None:
    """The owner goes on telling."""
    world.tell(3)
    client = Client(world.worker().watch(CALL, START))
    wait_until(lambda: len(client.numbers) == 3)
    world.database.delete(keys.live(CALL))
    world.tell(2)
    wait_until(lambda: client.numbers == [1, 2, 3, 4, 5])

    assert client.names == ["e", "e", "e", "reset", "e", "e"]


def test_a_stream_that_is_gone_for_good_ends(world: World) -> None:
    """Nobody will ever say `ended`."""
    world.tell(1)
    watchers = world.worker()
    client = Client(watchers.watch(CALL, START))
    wait_until(lambda: client.numbers == [1])
    world.database.delete(keys.live(CALL))
    watchers.read(CALL)
    assert not client.greenlet.dead
    world.clock.advance(MISSING_FOR_S + 0.1)
    watchers.read(CALL)
    client.greenlet.join(5)

    assert client.greenlet.dead and len(watchers) == 0


def test_redis_away_for_a_while_costs_watchers_nothing(world: World) -> None:
    """What was told is read when it is back."""
    world.tell(2)
    watchers = world.worker()
    client = Client(watchers.watch(CALL, START))
    wait_until(lambda: client.numbers == [1, 2])
    world.tell(1)
    world.database.is_away = True
    settle()
    world.database.is_away = False
    world.tell(1)
    wait_until(lambda: client.numbers == [1, 2, 3, 4])


def test_a_watcher_that_does_not_read_is_cut_off_and_may_come_back(world: World) -> None:
    """The others notice nothing."""
    world.tell(1)
    cut: list[str] = []
    watchers = world.worker()
    slow = Client(watchers.watch(CALL, START, lambda: cut.append("cut")))
    quick = Client(watchers.watch(CALL, START))
    wait_until(lambda: slow.numbers == [1] and quick.numbers == [1])
    slow.may_read = False
    world.tell(1)
    wait_until(lambda: slow.numbers == [1, 2])
    for _ in range(0, MOST_WAITING + 100, 100):
        world.tell(100)
        wait_until(lambda: quick.numbers[-1] == world.told)
    assert cut == ["cut"] and not quick.greenlet.dead
    slow.may_read = True
    slow.greenlet.join(5)
    back = Client(watchers.watch(CALL, slow.last_id))
    wait_until(lambda: len(slow.numbers + back.numbers) >= world.told)

    assert slow.numbers + back.numbers == list(range(1, world.told + 1)) == quick.numbers


def test_a_quiet_call_sends_a_comment(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no proxy takes the connection for dead."""
    monkeypatch.setattr("backend.live.watchers.HEARTBEAT_S", 0.01)
    world.tell(1)
    client = Client(world.worker().watch(CALL, START))
    wait_until(lambda: client.heartbeats >= 2)

    assert client.numbers == [1]


def test_a_worker_that_stops_ends_its_streams_and_takes_no_more(world: World) -> None:
    world.tell(1)
    watchers = world.worker()
    clients = [Client(watchers.watch(CALL, START)), Client(watchers.watch(ALL_CALLS, START))]
    settle()
    watchers.stop()
    for client in clients:
        client.greenlet.join(5)

    assert all(client.greenlet.dead for client in clients) and len(watchers) == 0
    with pytest.raises(TooManyWatchers):
        watchers.watch(CALL, START)


def test_a_worker_takes_so_many_watchers_and_no_more(world: World) -> None:
    """A place that was left can be taken again."""
    world.tell(1)
    watchers = world.worker(most=2)
    clients = [Client(watchers.watch(CALL, START)) for _ in range(2)]
    with pytest.raises(TooManyWatchers):
        watchers.watch(CALL, START)
    clients[0].leave()

    assert Client(watchers.watch(CALL, START)) and len(watchers) == 2


def test_a_stream_that_nobody_began_to_read_gives_its_place_back(world: World) -> None:
    """The client was gone before the first byte."""
    world.tell(1)
    watchers = world.worker()
    watcher = watchers.watch(CALL, START)
    assert len(watchers) == 1 and watchers.watched() == [CALL]
    watcher.close()
    watcher.close()

    assert len(watchers) == 0 and watchers.watched() == []


def test_a_call_that_does_not_run_cannot_be_watched(world: World) -> None:
    with pytest.raises(NotLive):
        world.worker().watch("v3:unknown", START)


# --- all calls -------------------------------------------------------------------------------------------------------


def put(world: World, call: str, state: str) -> None:
    world.live.put_calls([(call, json.dumps({"call_control_id": call, "state": state}))])


def test_who_watches_all_calls_gets_the_running_ones_first(world: World) -> None:
    put(world, "v3:a", "listening")
    put(world, "v3:b", "listening")
    put(world, "v3:b", "speaking")
    client = Client(world.worker().watch(ALL_CALLS, START))
    wait_until(lambda: len(client.events) == 2)
    put(world, "v3:a", "thinking")
    world.live.close("v3:b", {})
    wait_until(lambda: len(client.events) == 4)

    assert [(name, data["call_control_id"], data.get("state")) for name, data in client.events] == [
        ("call_started", "v3:a", "listening"), ("call_started", "v3:b", "speaking"),
        ("call_changed", "v3:a", "thinking"), ("call_ended", "v3:b", None),
    ]  # fmt: skip


@pytest.mark.parametrize("are_calls", [True, False])
def test_who_comes_back_to_all_calls_gets_what_changed(world: World, are_calls: bool) -> None:
    """Also if nothing ran before: the place in the stream is told with no event at all."""
    if are_calls:
        put(world, "v3:a", "listening")
    first = Client(world.worker().watch(ALL_CALLS, START))
    wait_until(lambda: first.last_id != "")
    first.leave()
    put(world, "v3:b", "listening")
    second = Client(world.worker().watch(ALL_CALLS, first.last_id))
    wait_until(lambda: second.events)
    put(world, "v3:b", "speaking")
    wait_until(lambda: len(second.events) == 2)

    assert [(name, data["call_control_id"]) for name, data in second.events] == [
        ("call_started", "v3:b"), ("call_changed", "v3:b"),
    ]  # fmt: skip


def test_all_calls_begin_anew_when_the_place_is_not_known(world: World) -> None:
    put(world, "v3:a", "listening")
    client = Client(world.worker().watch(ALL_CALLS, "1-1"))
    wait_until(lambda: len(client.events) == 2)

    assert client.names == ["reset", "call_started"]


def test_nothing_a_caller_says_can_break_the_lines(world: World, make_told: Callable[[str], str]) -> None:
    """JSON holds line breaks as escapes: one event stays one event."""
    world.live.append([Batch(CALL, "w", 1, [("transcript", make_told("a\n\ndata: x\r\nid: 5\u2028\u0085"))])])
    client = Client(world.worker().watch(CALL, START))
    wait_until(lambda: client.events)

    assert client.events[0][1]["text"] == "a\n\ndata: x\r\nid: 5\u2028\u0085" and client.last_id != "5"


@pytest.fixture
def make_told() -> Callable[[str], str]:
    """As the feed writes it."""
    return lambda text: json.dumps({"at": 1.0, "text": text})

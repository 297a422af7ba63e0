"""The legs, shared by all workers."""

import queue
import threading
from typing import Any

import pytest

from backend.call.commands import Answer, StartStream
from backend.call.events import CallAnswered, CallHungUp, CallInitiated, DtmfReceived, StreamingStarted
from backend.call.leg import LegPhase, LegState
from backend.clock import SystemClock
from backend.errors import StoreError
from backend.store import keys
from backend.store.database import Database
from backend.store.legs import Legs
from backend.store.stores import Stores
from tests.store.conftest import keys_left

RINGS = CallInitiated("incoming", "+13125550100", "+13125550199")
NOW = round(SystemClock().wall(), 3)


class TroubledDatabase:
    """A database whose next answers to one script get lost, although it has run."""

    def __init__(self, database: Database, script: str, lost: int) -> None:
        self._database = database
        self._script = script
        self.lost = lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def run(self, script: str, key_names: Any, arguments: Any = ()) -> Any:
        answer = self._database.run(script, key_names, arguments)
        if script == self._script and self.lost:
            self.lost -= 1
            # As the client does it: the same request once more.
            return self._database.run(script, key_names, arguments)
        return answer


def test_an_incoming_call_is_answered_and_streamed(stores: Stores, call: str) -> None:
    """The moves of `call/leg.py`, kept over several workers."""
    ringing, first = stores.legs.apply(call, RINGS, NOW)
    answered, second = stores.legs.apply(call, CallAnswered(), NOW + 1)
    streaming, third = stores.legs.apply(call, StreamingStarted(), NOW + 2)

    assert (first, second, third) == ([Answer()], [StartStream(attempt=1)], [])
    assert [ringing.phase, answered.phase, streaming.phase] == [
        LegPhase.RINGING, LegPhase.ANSWERED, LegPhase.STREAMING,
    ]  # fmt: skip
    assert stores.legs.get(call) == streaming
    assert streaming.started_at == NOW


def test_a_duplicate_asks_for_nothing(stores: Stores, call: str) -> None:
    """One answer per call, however often it is said to ring."""
    stores.legs.apply(call, RINGS, NOW)

    assert stores.legs.apply(call, RINGS, NOW)[1] == []


def test_racing_workers_get_one_command_between_them(database: Database, call: str) -> None:
    """Eight workers, the same two webhooks."""
    commands: queue.Queue[Any] = queue.Queue()
    start = threading.Barrier(8)

    def worker() -> None:
        start.wait(10)
        for event in (RINGS, CallAnswered()):
            for command in Legs(database).apply(call, event, NOW)[1]:
                commands.put(command)

    threads = [threading.Thread(target=worker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(map(repr, commands.queue)) in (
        [repr(Answer()), repr(StartStream(attempt=1))],
        [repr(StartStream(attempt=1))],  # `answered` overtook `initiated`: nothing is left to answer
    )


def test_a_lost_answer_loses_no_command(database: Database, call: str) -> None:
    """The swap happened, its answer did not arrive, the client asked again: the command must still be given."""
    legs = Legs(TroubledDatabase(database, "leg_swap", lost=1))

    assert legs.apply(call, RINGS, NOW)[1] == [Answer()]
    assert legs.apply(call, RINGS, NOW)[1] == []


def test_a_swap_that_hung_too_long_does_not_happen(database: Database, call: str) -> None:
    """Its sender has answered 503 by then, and the retry must find the leg untouched."""
    names = [keys.gone(call), keys.leg(call)]
    now_ms = int(database.run("leg_read", names)[2])

    assert database.run("leg_swap", names, ["", "{}", 60, now_ms - 1]) == -2
    assert database.run("leg_swap", names, ["", "{}", 60, now_ms + 60_000]) == 1


def test_a_call_finished_during_a_swap_is_not_live(database: Database, call: str) -> None:
    """It had been listed already, and must not stay so."""

    class FinishesFirst(TroubledDatabase):
        def run(self, script: str, key_names: Any, arguments: Any = ()) -> Any:
            if script == "leg_swap":
                Legs(database).finish(call)
            return database.run(script, key_names, arguments)

    assert Legs(FinishesFirst(database, "", lost=0)).apply(call, RINGS, NOW) == (LegState(phase=LegPhase.ENDED), [])
    assert Legs(database).live() == {}
    assert set(keys_left(database)) == {keys.gone(call)}


def test_a_hang_up_that_comes_first_ends_it(stores: Stores, call: str) -> None:
    """A caller who gave up at once is not answered afterwards, and is not listed as live."""
    stores.legs.apply(call, CallHungUp("originator_cancel", "caller"), NOW)

    assert stores.legs.apply(call, RINGS, NOW) == (stores.legs.get(call), [])
    assert stores.legs.live() == {}


def test_an_event_that_moves_nothing_writes_nothing(stores: Stores, call: str) -> None:
    """A stray key press of a call we never heard of."""
    assert stores.legs.apply(call, DtmfReceived("1"), NOW) == (LegState(), [])
    assert stores.legs.get(call) is None
    assert keys_left(stores.database) == {}


def test_the_agent_is_put_to_the_leg(stores: Stores, call: str) -> None:
    """And stays there while webhooks move the leg."""
    stores.legs.apply(call, RINGS, NOW)
    stores.legs.put_agent(call, "agent-7", 3)
    stores.legs.apply(call, CallAnswered(), NOW)

    leg = stores.legs.get(call)

    assert leg is not None
    assert (leg.agent_id, leg.agent_version, leg.phase) == ("agent-7", 3, LegPhase.ANSWERED)


@pytest.mark.parametrize("is_late", [False, True])
def test_an_outgoing_call_begins_before_or_after_its_webhooks(stores: Stores, call: str, is_late: bool) -> None:
    """The answer to a dial and its first webhook race; the same leg results."""
    if is_late:
        stores.legs.apply(call, CallAnswered(), NOW)
    stores.legs.begin_outgoing(call, "+13125550199", "+13125550100", "agent-7", 3)
    if not is_late:
        stores.legs.apply(call, CallAnswered(), NOW)

    leg = stores.legs.get(call)

    assert leg is not None
    assert leg.phase == LegPhase.ANSWERED
    assert (leg.direction, leg.from_number, leg.to_number) == ("outgoing", "+13125550199", "+13125550100")
    assert (leg.agent_id, leg.agent_version) == ("agent-7", 3)
    assert list(stores.legs.live()) == [call]


def test_live_calls_are_those_not_finished(stores: Stores, call: str) -> None:
    """Hung up is not finished: the sweeper still has to see to its record."""
    stores.legs.apply(call, RINGS, NOW)
    stores.legs.apply("v3:second", RINGS, NOW - 5)
    stores.legs.apply(call, CallHungUp(), NOW)

    assert list(stores.legs.live()) == ["v3:second", call]
    stores.legs.finish(call)
    assert stores.legs.live() == {"v3:second": pytest.approx(NOW - 5, abs=0.01)}


def test_a_call_of_yesterday_is_not_live(stores: Stores, call: str) -> None:
    """No leg lasts longer than the carrier allows."""
    stores.legs.apply(call, RINGS, NOW - 1e6)

    assert stores.legs.live() == {}


def test_rubbish_in_the_store_is_a_store_error(stores: Stores, call: str) -> None:
    """Written by somebody else; not a crash of the worker."""
    stores.database.set(keys.leg(call), "[1]", 60)

    with pytest.raises(StoreError):
        stores.legs.get(call)


def test_a_leg_that_is_a_socket_streams_from_the_first_moment(stores: Stores, call: str) -> None:
    """Listed as live, with its agent; finished like any other."""
    leg = stores.legs.begin_socket(call, "a1", 3)
    listed = call in stores.legs.live()
    stores.legs.finish(call)

    assert (leg.phase, leg.direction, leg.agent_id, leg.agent_version) == (LegPhase.STREAMING, "incoming", "a1", 3)
    assert leg.was_answered and leg.started_at > 0 and listed
    assert call not in stores.legs.live() and stores.legs.begin_socket(call, "a1", 3).phase == LegPhase.ENDED

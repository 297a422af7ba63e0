"""backend/workers/livekit_caller.py: an agent in a room, over the SDK's own objects; the room is a stand-in."""

from collections.abc import Iterator

import gevent
import pytest

from backend.clock import SystemClock
from backend.transports.livekit import LiveKitStream
from backend.transports.native_loop import NativeLoop
from backend.web.worker import Worker
from backend.workers.livekit_caller import join
from tests.session.rig import Rig, make_agent, wait_until
from tests.transports.livekit_room import StandInRoom

pytestmark = pytest.mark.needs("livekit")


@pytest.fixture
def loop() -> Iterator[NativeLoop]:
    loop = NativeLoop()
    yield loop
    loop.stop()


@pytest.fixture
def worker(rig: Rig) -> Iterator[Worker]:
    worker = Worker(rig.services, max_live_calls=10)
    worker.ticker.start()
    yield worker
    worker.ticker.stop()


def stream_to(room: StandInRoom, worker: Worker, loop: NativeLoop) -> LiveKitStream:
    return LiveKitStream("ws://room", "token", SystemClock(), worker.ticker, loop, lambda: room)


def test_an_agent_talks_in_a_room_until_it_is_left(rig: Rig, worker: Worker, loop: NativeLoop) -> None:
    """Greets, is listed as a call of its kind, recorded when the room is left."""
    room = StandInRoom()
    agent_id = rig.agents.create(make_agent()).id
    talking = gevent.spawn(join, worker, agent_id, stream_to(room, worker, loop))
    wait_until(lambda: room.published and rig.tts.texts(), 15)
    (call,) = rig.stores.legs.live()
    loop.call(lambda: room.callbacks["disconnected"]("ROOM_DELETED"))
    wait_until(lambda: rig.stores.legs.get(call) is None, 15)
    summary = rig.calls.get(call).summary

    assert talking.get(timeout=15) is True and room.is_left and call.startswith("livekit-")
    assert [text for _, text in rig.tts.texts()] == ["Hello."]
    assert (summary.outcome, summary.hangup_cause) == ("caller_hung_up", "room_left")


def test_an_agent_that_is_not_there_and_a_room_that_cannot_be_joined(
    rig: Rig, worker: Worker, loop: NativeLoop
) -> None:
    """Said so; nothing stays behind."""
    agent_id = rig.agents.create(make_agent()).id
    nobody = join(worker, "nobody", stream_to(StandInRoom(), worker, loop))
    no_room = join(worker, agent_id, stream_to(StandInRoom(refuses=True), worker, loop))
    wait_until(lambda: len(worker.registry) == 0)

    assert (nobody, no_room) == (False, False)

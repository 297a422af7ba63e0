"""backend/session/listen_in.py"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.events import CallHungUp, ListenerPresent
from backend.session.audio_taps import AudioTaps
from backend.session.listen_in import LISTENED_FOR_S, MOST_WAITING, ListenIn
from backend.store import keys
from tests.fakes.fake_clock import FakeClock
from tests.session.rig import CALL, FailingDatabase, Rig, settle, wait_until

FRAME = b"\x01\x00" * 160
"""20 ms."""


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.taps = AudioTaps(self.clock)
        self.taps.began()
        self.database = FailingDatabase(self.clock)
        self._ear = self.database.subscribe(keys.live_audio(CALL))
        self._ear.next(1)
        self._told: list[dict[str, Any]] = []
        self.listen_in = ListenIn(self.taps, self.clock, self.database, CALL)

    @property
    def told(self) -> list[dict[str, Any]]:
        """What a listener on another worker has heard so far."""
        while (heard := self._ear.next(0.001)) is not None:
            self._told.append(json.loads(heard[1]))
        return self._told

    def caller_speaks(self, frames: int) -> None:
        for _ in range(frames):
            self.clock.advance(0.02)
            self.taps.caller_said(FRAME)
        settle()

    def audio(self, speaker: str) -> list[tuple[float, int]]:
        """at_s and length in ms of each piece."""
        return [
            (message["at_s"], len(base64.b64decode(message["audio"])) // 16)
            for message in self.told
            if message["type"] == "audio" and message["speaker"] == speaker
        ]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.taps.close()
    settle()


def test_nothing_is_tapped_while_nobody_listens(world: World) -> None:
    """It costs the call nothing."""
    world.caller_speaks(50)

    assert world.told == [] and world.taps._taps == []


def test_a_listener_hears_both_sides_on_one_time_scale(world: World) -> None:
    """In pieces of at most 200 ms that follow each other."""
    world.listen_in.somebody_listens()
    world.caller_speaks(50)
    world.taps.agent_plays(FRAME * 50, world.clock.monotonic() + 0.5)
    settle()
    caller, agent = world.audio("caller"), world.audio("agent")

    assert sum(length for _, length in caller) == 1000 and max(length for _, length in caller) <= 200
    assert all(abs(one[0] + one[1] / 1000 - two[0]) < 0.002 for one, two in zip(caller, caller[1:], strict=False))
    assert sum(length for _, length in agent) == 1000 and max(length for _, length in agent) <= 200
    assert agent[0][0] == pytest.approx(1.5, abs=0.03)


def test_it_stops_when_nobody_says_any_more_that_they_listen(world: World) -> None:
    """A listener whose worker died renews nothing; one who comes again is heard again."""
    world.listen_in.somebody_listens()
    world.caller_speaks(10)
    world.clock.advance(LISTENED_FOR_S)
    world.caller_speaks(10)
    before = len(world.told)
    world.caller_speaks(50)
    assert len(world.told) == before and not world.listen_in.is_on and world.taps._taps == []
    world.listen_in.somebody_listens()
    world.caller_speaks(10)

    assert len(world.told) > before


def test_an_interruption_voids_what_was_not_heard(world: World) -> None:
    """The agent's audio was told up to a second ahead."""
    world.listen_in.somebody_listens()
    world.taps.agent_plays(FRAME * 3, world.clock.monotonic())
    world.taps.agent_silenced()
    settle()

    assert [message["type"] for message in world.told] == ["audio", "cleared"]


def test_the_end_is_told(world: World) -> None:
    """After the last piece."""
    world.listen_in.somebody_listens()
    world.caller_speaks(2)
    world.taps.close()
    settle()

    assert [message["type"] for message in world.told if message["type"] != "cleared"] == ["audio", "ended"]
    assert world.told[-1]["type"] == "ended"


def test_what_redis_does_not_take_is_dropped(world: World) -> None:
    """The oldest first; the call never waits."""
    world.listen_in.somebody_listens()
    world.database.is_away = True
    world.caller_speaks(5 * (MOST_WAITING + 50))

    assert len(world.listen_in._waiting) <= MOST_WAITING and world.told == []


def test_the_session_learns_of_listeners_through_its_mailbox(rig: Rig, agent: AgentConfig) -> None:
    """From another worker, over the way that it looks at anyway; the core never sees it."""
    session = rig.open(agent)
    settle()
    ear = rig.database.subscribe(keys.live_audio(CALL))
    assert ear.next(1) == ("subscribed", "")
    rig.stores.mailbox.post(CALL, ListenerPresent())
    session.look()
    session.on_audio(b"\xff" * 1600)
    settle()
    heard = ear.next(1)
    session.post(CallHungUp())
    wait_until(lambda: rig.stores.legs.get(CALL) is None)

    assert heard is not None and json.loads(heard[1])["speaker"] == "caller"
    assert "ListenerPresent" not in str(session._trace)

"""One worker's insides without its sockets: real session code, real stores over memory, real SQL, fakes for the outside.

Time stands still until `advance`; waits for greenlets and for the database's threads are bounded and short.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import pytest

from backend.call.agent_config import AgentConfig
from backend.call.events import CallInitiated, Event, HangUpAccepted
from backend.call.leg import LegState
from backend.carrier.base import Webhook
from backend.carrier.telnyx.audio_url import audio_path
from backend.clock import Clock
from backend.engines.base import TurnModel
from backend.errors import StoreError
from backend.live.feed import Feed
from backend.records.agents import Agents
from backend.records.calls import Calls
from backend.records.database import Database
from backend.session.call_setup import CallSetup
from backend.session.registry import Registry
from backend.session.services import CallServices
from backend.session.session import Session
from backend.session.webhook_router import WebhookRouter
from backend.store.database import Argument
from backend.store.memory import MemoryDatabase, MemorySubscription
from backend.store.stores import Stores, stores_over
from tests.fakes.fake_carrier import FakeCarrier
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_llm import FakeLlm
from tests.fakes.fake_stream import FakeStream
from tests.fakes.fake_stt import FakeStt
from tests.fakes.fake_tts import FakeTts
from tests.fakes.fake_vad import FakeVad

US = "+13125550101"
CALLER = "+13125550100"
CALL = "v3:the-call"
near: Any = pytest.approx
"""So that it may stand where a number is wanted."""


class FailingDatabase(MemoryDatabase):
    """The store in memory, which can be away: every request is a StoreError then."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.is_away = False
        self.ran: list[str] = []
        """Names of the scripts that were run."""

    def _check(self) -> None:
        if self.is_away:
            raise StoreError("Redis: away")

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[Argument] = ()) -> Any:
        self._check()
        self.ran.append(script)
        return super().run(script, keys, arguments)

    def get(self, key: str) -> bytes | None:
        self._check()
        return super().get(key)

    def set(self, key: str, value: str | bytes, ttl_s: int) -> None:
        self._check()
        super().set(key, value, ttl_s)

    def delete(self, key: str) -> None:
        self._check()
        super().delete(key)

    def publish(self, channel: str, message: str) -> None:
        self._check()
        super().publish(channel, message)

    def subscribe(self, channel: str) -> MemorySubscription:
        self._check()
        return super().subscribe(channel)  # type: ignore[return-value]


class FailingCalls(Calls):
    """The table of calls, whose next writes can fail; `finished` counts the calls of `finish` that went through."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.failures_left = 0
        self.finish_asked = 0

    def finish(self, *arguments: Any) -> bool:
        self.finish_asked += 1
        if self.failures_left > 0:
            self.failures_left -= 1
            raise ConnectionError("the database is away")
        return super().finish(*arguments)


@dataclass
class Rig:
    """One worker, `worker_id`, and the world around it."""

    records: Database
    worker_id: str = "worker-1"
    clock: FakeClock = field(default_factory=FakeClock)
    may_barge_in: bool = True
    turn_model: TurnModel | None = None
    record_core_dir: Path | None = None
    real_time: Clock | None = None
    """Instead of `clock`, for the few tests in which time must pass by itself."""

    def __post_init__(self) -> None:
        self.time: Clock = self.real_time or self.clock
        self.carrier, self.tts, self.llm, self.vad = FakeCarrier(), FakeTts(), FakeLlm(), FakeVad()
        self.stt = FakeStt()
        self.database = FailingDatabase(self.time)
        self.stores: Stores = stores_over(self.database, self.time)
        self.agents = Agents(self.records, self.time)
        self.calls = FailingCalls(self.records)
        self.feed = Feed(self.stores.live, self.time)
        self.services = CallServices(
            worker_id=self.worker_id,
            clock=self.time,
            carrier=self.carrier,
            stores=self.stores,
            agents=self.agents,
            calls=self.calls,
            tts=self.tts,
            llm=self.llm,
            vad=self.vad,
            turn_model=self.turn_model,
            recognisers={"sidecar": self.stt},
            may_barge_in=self.may_barge_in,
            max_calls=50,
            record_core_dir=self.record_core_dir,
            feed=self.feed,
            media_url=lambda call: f"ws://offhook.test/media/{call}",
            audio_url=lambda *piece: "http://offhook.test" + audio_path(*piece),
        )
        self.registry = Registry(self.services)
        self.setup = CallSetup(self.services, max_live=100)
        self.router = WebhookRouter(self.services, self.registry, self.setup)
        self.streams: dict[str, FakeStream] = {}
        self.over: list[Session] = []

    # --- a call ---

    def ring(self, call: str = CALL, agent_id: str = "") -> LegState:
        """A leg that has got as far as streaming, with its agent."""
        self.stores.legs.apply(call, CallInitiated("incoming", CALLER, US), self.time.wall())
        return self.stores.legs.put_agent(call, agent_id or "a1", 1)

    def open(self, agent: AgentConfig, call: str = CALL, *, real_time: bool = False) -> Session:
        """A session whose media stream has started."""
        leg = self.ring(call)
        stream = self.streams[call] = FakeStream(self.time, real_time=real_time)
        self.stores.owners.claim(call, self.worker_id, take_over=True)
        session = Session(self.services, call, leg, agent, stream, self.session_over)
        stream.listener = session
        self.registry.add(session)
        session.on_started("PCMU", 8000)
        return session

    def session_over(self, session: Session) -> None:
        self.over.append(session)
        self.registry.remove(session)

    def hook(self, event: Event | None, call: str = CALL, event_id: str = "e1", **client_state: Any) -> Webhook:
        return Webhook(event_id, "some.event", call, "session-1", "", client_state, event)

    # --- time ---

    def advance(self, seconds: float, step_s: float = 0.25) -> None:
        """Time passes for everybody, in small steps."""
        left = seconds
        while left > 1e-9:
            step = min(step_s, left)
            self.clock.advance(step)
            left -= step
            for stream in list(self.streams.values()):
                stream.play_on()
            self.registry.post_all(HangUpAccepted())  # changes nothing, but makes a session look at the clock
            settle()


def settle(rounds: int = 12) -> None:
    """Let every greenlet that can run do so."""
    for _ in range(rounds):
        gevent.sleep(0)


def wait_until(condition: Callable[[], object], timeout_s: float = 5.0) -> None:
    """Let greenlets and threads run until it holds."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "did not happen in time"
        gevent.sleep(0.001)


def make_agent(**changes: Any) -> AgentConfig:
    dead_air = {
        "silence_timeout_normal": 2, "silence_timeout_hold_on": 4, "max_checkins_before_disconnect": 1,
        "checkin_message": "Still there?", "final_wait": 1, "goodbye_message": "Goodbye now.",
    }  # fmt: skip
    values: dict[str, Any] = {
        "name": "Ada", "greeting": "Hello.", "voice": "first", "fallback_voice": "second",
        "settings": {"dead_air_settings": dead_air, "turn_taking": {"longest_backchannel_s": 0}}, **changes,
    }  # fmt: skip
    return AgentConfig.model_validate(values)

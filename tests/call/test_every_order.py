"""Every order in which six webhooks can come, with at most one of them doubled: 32,293 calls (T08a).

Each webhook goes through the pure leg machine and the shared playback ledger, as any worker would do it; where the media
stream opens, there is an owner with a conversation. After the webhooks time passes: every call that has an owner must
come to check-ins and a hang-up, nobody may count as speaking 2 s after the audio, and nothing may be asked twice.
"""

import itertools
from collections import Counter
from collections.abc import Iterator

import pytest

from backend.call import leg
from backend.call.agent_config import AgentConfig
from backend.call.commands import Answer, Command, FinishCall, HangUp, Speak, StartStream
from backend.call.conversation import Conversation
from backend.call.events import (
    AgentDoneSpeaking,
    CallAnswered,
    CallHungUp,
    CallInitiated,
    Event,
    MediaStarted,
    PlaybackEnded,
    PlaybackStarted,
    StreamingStarted,
    SynthesisFinished,
    SynthesisStarted,
)
from backend.call.leg import LegPhase, LegState
from backend.store.memory import MemoryDatabase
from backend.store.stores import Stores, stores_over
from tests.fakes.call_sim import SimClock

pytestmark = pytest.mark.timeout(300)

CALL = "v3:any-order"
STEP_S = 0.25
AUDIO_S = 1.5
WEBHOOKS: dict[str, Event] = {
    "initiated": CallInitiated("incoming", "+13125550100", "+13125550101"),
    "answered": CallAnswered(),
    "streaming.started": StreamingStarted(),
    "playback.started": PlaybackStarted("1-1", 1),
    "playback.ended": PlaybackEnded("1-1", 1),
    "hangup": CallHungUp("normal_clearing", "caller"),
}
AGENT = AgentConfig(name="Test", audio_delivery="playback")


def every_order() -> Iterator[tuple[str, ...]]:
    """Each order of each subset, plain and with one of its webhooks doubled."""
    for size in range(len(WEBHOOKS) + 1):
        for subset in itertools.combinations(WEBHOOKS, size):
            yield from itertools.permutations(subset)
            for doubled in subset:
                # The two copies are alike: count each order of them once.
                yield from set(itertools.permutations((*subset, doubled)))


class OneCall:
    """The leg, the ledger and, once the stream is open, the conversation of one call."""

    def __init__(self, stores: Stores, clock: SimClock) -> None:
        self.stores = stores
        self.clock = clock
        self.leg = LegState()
        self.conversation: Conversation | None = None
        self.commands: list[Command] = []
        self.flags = 0
        self.audio_over_at = 0.0
        self.is_caller_gone = False

    def webhook(self, event: Event) -> None:
        """What the router does with it."""
        match event:
            case PlaybackStarted():
                self.to_owner(event)
            case PlaybackEnded():
                self.to_owner(event)
                end = self.stores.playbacks.end(CALL, event.playback_id, event.generation, 1)
                self.flags += end.flag_raised
                self.look()
            case _:
                before = self.leg.phase
                self.leg, asked = leg.handle(self.leg, event, self.clock.wall())
                self.commands += asked
                assert self.leg.phase >= before
                if isinstance(event, StreamingStarted) and self.conversation is None and before < LegPhase.ENDED:
                    self.conversation = Conversation(AGENT, call_key="order")
                    self.to_owner(MediaStarted())
                if isinstance(event, CallHungUp):
                    self.is_caller_gone = True
                    self.to_owner(event)

    def look(self) -> None:
        flag = self.stores.flags.take_agent_done_speaking(CALL)
        if flag is not None:
            self.to_owner(AgentDoneSpeaking(*flag))

    def to_owner(self, event: Event | None) -> None:
        if self.conversation is None:
            return
        commands = self.conversation.handle(event, self.clock.now)
        self.commands += commands
        for command in commands:
            if isinstance(command, Speak):
                self.play(command)
        if self.conversation.is_agent_speaking:
            assert self.clock.now <= self.audio_over_at + 2.0 + 1e-6, "speaking longer than its audio + 2 s"

    def play(self, command: Speak) -> None:
        self.stores.playbacks.register(CALL, command.playback_id, command.generation, command.number, 60.0)
        self.audio_over_at = max(self.clock.now, self.audio_over_at) + AUDIO_S
        self.to_owner(SynthesisStarted(command.playback_id, command.generation))
        self.to_owner(SynthesisFinished(command.playback_id, command.generation, AUDIO_S))

    def let_time_pass(self) -> None:
        """No further webhook comes; the conversation only has its own deadlines."""
        assert self.conversation is not None
        for _ in range(60):
            deadline = self.conversation.deadline()
            if deadline is None:
                return
            self.clock.now = max(self.clock.now, deadline)
            self.to_owner(None)
        raise AssertionError("stuck")


def asked_most_often(commands: list[Command]) -> int:
    """How often the most frequent action was asked for, over answer, stream, each playback and each hang-up attempt."""
    actions: Counter[object] = Counter()
    for command in commands:
        match command:
            case Answer() | FinishCall():
                actions[type(command)] += 1
            case StartStream(attempt=attempt) | HangUp(attempt=attempt):
                actions[type(command), attempt] += 1
            case Speak(playback_id=playback_id):
                actions[playback_id] += 1
    return max(actions.values(), default=0)


def test_no_order_of_webhooks_leaves_a_call_stuck_or_acts_twice() -> None:
    """All 32,293 of them: 0 stuck, 0 double actions."""
    played = 0

    for order in every_order():
        clock = SimClock()
        call = OneCall(stores_over(MemoryDatabase(clock), clock), clock)
        for name in order:
            clock.now += STEP_S
            call.webhook(WEBHOOKS[name])
        if call.conversation is not None:
            begun_at = clock.now
            call.let_time_pass()
            call.look()
            if not call.is_caller_gone:
                kinds = [command.kind for command in call.commands if isinstance(command, Speak)]
                assert kinds == ["greeting", "check_in", "check_in"], order
                assert [command.attempt for command in call.commands if isinstance(command, HangUp)] == [1, 2, 3, 4]
            assert isinstance(call.commands[-1], FinishCall), order
            assert clock.now - begun_at < 45.0, order
        assert asked_most_often(call.commands) <= 1, order
        assert sum(isinstance(command, StartStream) for command in call.commands) <= 1, order
        assert call.flags <= 1, order
        assert call.leg.phase == LegPhase.ENDED or "hangup" not in order, order
        played += 1

    assert played == 32_293

"""backend/session/webhook_router.py: every kind of fact × where its owner is."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from backend.call.agent_config import AgentConfig
from backend.call.events import (
    CallAnswered,
    CallHungUp,
    CallInitiated,
    DtmfReceived,
    Event,
    MachineDetected,
    PlaybackEnded,
    PlaybackStarted,
    StreamingStarted,
    StreamingStopped,
    TranscriptReceived,
)
from backend.call.leg import LegPhase
from backend.metrics import TRANSCRIPTS_SKIPPED
from backend.records.calls import CallFilter
from tests.session.rig import CALL, CALLER, US, Rig, make_agent, settle, wait_until

Place = Literal["here", "elsewhere", "nobody", "unknown"]
PLACES: tuple[Place, ...] = ("here", "elsewhere", "nobody", "unknown")
FACTS: list[Event] = [
    TranscriptReceived("Hello.", is_final=True),
    DtmfReceived("1"),
    MachineDetected("human"),
    PlaybackStarted("1-1", 1),
]
"""What only the owner acts upon."""
INCOMING = CallInitiated("incoming", CALLER, US)
OUTGOING = CallInitiated("outgoing", US, CALLER)


def place(rig: Rig, where: Place, agent: AgentConfig) -> list[Event]:
    """The call's owner is there. Returns what will be posted to the session of this worker."""
    posted: list[Event] = []
    if where == "here":
        session = rig.open(agent)
        settle()
        post = session.post
        session.post = lambda event: (posted.append(event), post(event))[1]  # type: ignore[method-assign,func-returns-value]  # listens in
    elif where != "unknown":
        rig.ring()
        if where == "elsewhere":
            rig.stores.owners.claim(CALL, "worker-2")
    return posted


def finish(rig: Rig) -> None:
    session = rig.registry.get(CALL)
    if session is not None:
        session.post(CallHungUp())
        wait_until(lambda: rig.over)
        wait_until(lambda: rig.stores.legs.get(CALL) is None)
    settle()


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_a_fact_for_the_owner_reaches_the_owner_once(rig: Rig, agent: AgentConfig, where: Place, fact: Event) -> None:
    """Directly here; through the mailbox elsewhere, or for the owner to come; an unknown call is not ours."""
    posted = place(rig, where, agent)
    outcome = rig.router.take(rig.hook(fact))
    in_mailbox = rig.stores.mailbox.take_all(CALL)

    assert outcome == ("foreign" if where == "unknown" else "ok")
    assert posted == ([fact] if where == "here" else [])
    assert in_mailbox == ([fact] if where in ("elsewhere", "nobody") else [])
    if where == "unknown":
        assert rig.database.ttls() == {}
    finish(rig)


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_the_end_of_a_playback_ends_it_in_the_ledger_and_raises_the_flag(
    rig: Rig, agent: AgentConfig, where: Place, status: Literal["completed", "failed", "cancelled"]
) -> None:
    """Here the session is told as well; elsewhere the flag tells, and how it ended when it was not heard."""
    posted = place(rig, where, agent)
    if where != "unknown":
        rig.stores.playbacks.register(CALL, "1-7", 1, 7, 60)
        for left in rig.stores.playbacks.outstanding(CALL):
            if left.number != 7:
                rig.stores.playbacks.end(CALL, left.playback_id, 1, left.number)
    ended = PlaybackEnded("1-7", 1, status)
    outcome = rig.router.take(rig.hook(ended))

    assert outcome == ("foreign" if where == "unknown" else "ok")
    assert rig.stores.playbacks.outstanding(CALL) == []
    assert rig.stores.flags.take_agent_done_speaking(CALL) == (None if where == "unknown" else (1, 7))
    assert posted == ([ended] if where == "here" else [])
    told = where in ("elsewhere", "nobody") and status != "completed"
    assert rig.stores.mailbox.take_all(CALL) == ([ended] if told else [])
    finish(rig)


def test_a_failed_playback_is_told_before_the_flag_is_seen(rig: Rig, agent: AgentConfig) -> None:
    """The flag alone says "heard"; what is in the mailbox is read first."""
    place(rig, "elsewhere", agent)
    rig.stores.playbacks.register(CALL, "1-1", 1, 1, 60)
    rig.database.ran.clear()
    rig.router.take(rig.hook(PlaybackEnded("1-1", 1, "failed")))

    assert rig.database.ran == ["mailbox_post", "playback_end"]


@pytest.mark.parametrize("where", PLACES)
def test_a_hang_up_reaches_whoever_must_write_the_record(rig: Rig, agent: AgentConfig, where: Place) -> None:
    """The session here, the owner's mailbox elsewhere, this worker when there is no owner; once."""
    posted = place(rig, where, agent)
    hung_up = CallHungUp("normal_clearing", "caller")
    outcome = rig.router.take(rig.hook(hung_up))
    if where == "here":
        assert posted == [hung_up]
        wait_until(lambda: rig.over)
    if where == "elsewhere":
        leg = rig.stores.legs.get(CALL)
        assert leg is not None and (leg.phase, leg.hangup_cause) == (LegPhase.ENDED, "normal_clearing")
        assert rig.stores.mailbox.take_all(CALL) == [hung_up] and rig.calls.finish_asked == 0
    elif where == "unknown":
        assert outcome == "foreign" and rig.database.ttls() == {}
    else:
        wait_until(lambda: rig.stores.legs.get(CALL) is None)
        assert rig.calls.finish_asked == 1


def test_an_incoming_call_is_answered_then_streamed(rig: Rig) -> None:
    """Each once, however often the webhooks come."""
    rig.agents.create(make_agent(phone_numbers=[US]))
    for event in (INCOMING, INCOMING, CallAnswered(), CallAnswered(), INCOMING, StreamingStarted(), StreamingStarted()):
        rig.router.take(rig.hook(event))
        wait_until(lambda: rig.carrier.asked)
        settle()
    leg = rig.stores.legs.get(CALL)

    assert rig.carrier.names() == ["answer", "start_stream"]
    assert leg is not None and leg.phase == LegPhase.STREAMING and leg.agent_version == 1
    wait_until(lambda: len(rig.calls.list(CallFilter()).calls) == 1)


def test_answered_may_overtake_initiated(rig: Rig) -> None:
    """The stream is asked for at once; the late news only adds its facts and begins the record."""
    state: dict[str, Any] = {"agent_id": "a1", "agent_version": 3}
    rig.router.take(rig.hook(CallAnswered(), **state))
    rig.router.take(rig.hook(OUTGOING, **state))
    settle()
    leg = rig.stores.legs.get(CALL)

    assert rig.carrier.names() == ["start_stream"]
    assert leg is not None and (leg.phase, leg.direction, leg.agent_id, leg.agent_version) == (
        LegPhase.ANSWERED, "outgoing", "a1", 3,
    )  # fmt: skip
    wait_until(lambda: len(rig.calls.list(CallFilter()).calls) == 1)


@pytest.mark.parametrize("version", [2, None, "x"])
def test_an_outgoing_call_is_known_by_what_we_attached_to_it(rig: Rig, version: object) -> None:
    """Before the worker that dialled has noted it; a version that is none is 1."""
    rig.router.take(rig.hook(OUTGOING, agent_id="a9", agent_version=version))
    leg = rig.stores.legs.get(CALL)
    settle()

    assert leg is not None and (leg.agent_id, leg.agent_version) == ("a9", 2 if version == 2 else 1)
    assert rig.carrier.names() == []
    wait_until(lambda: len(rig.calls.list(CallFilter()).calls) == 1)


@pytest.mark.parametrize("event", [OUTGOING, CallAnswered(), StreamingStarted(), StreamingStopped("x"), CallHungUp()])
def test_the_far_end_of_a_transfer_is_not_ours(rig: Rig, event: Event) -> None:
    """It carries nothing of ours: no command, no key, no record."""
    assert rig.router.take(rig.hook(event)) == "foreign"
    settle()

    assert rig.carrier.asked == [] and rig.database.ttls() == {}


def test_a_stream_that_could_not_be_opened_is_asked_for_again(rig: Rig, agent: AgentConfig) -> None:
    """Three times in all."""
    rig.ring()
    rig.router.take(rig.hook(CallAnswered()))
    for _ in range(4):
        rig.router.take(rig.hook(StreamingStopped("connection_failed")))
    settle()

    assert rig.carrier.names() == ["start_stream"] * 3


@pytest.mark.parametrize("after_s", [0, 50])
@pytest.mark.parametrize(
    "event",
    [
        INCOMING,
        OUTGOING,
        CallAnswered(),
        StreamingStarted(),
        CallHungUp(),
        PlaybackEnded("1-1", 1),
        PlaybackEnded("1-1", 1, "failed"),
        *FACTS,
    ],
    ids=repr,
)
def test_late_news_of_a_finished_call_recreates_nothing(rig: Rig, event: Event, after_s: float) -> None:
    """No key, no command, no record; at once, and when the tombstone has gone (A7)."""
    rig.ring()
    rig.router.take(rig.hook(CallHungUp("normal_clearing", "caller")))
    wait_until(lambda: rig.stores.legs.get(CALL) is None)
    rig.clock.advance(after_s)
    if event == INCOMING and after_s:
        return  # without a tombstone this is a new call, and nothing can tell; the sweeper ends it
    rig.router.take(rig.hook(event))
    settle(40)

    assert [key for key in rig.database.ttls() if CALL in key and not key.endswith(":gone")] == []
    assert rig.carrier.asked == [] and rig.calls.finish_asked == 1 and rig.stores.legs.live() == {}
    assert rig.calls.get(CALL).summary.outcome == "not_answered"


def test_a_type_that_we_do_not_act_on_is_ignored(rig: Rig) -> None:
    """It is still answered and counted by the view."""
    assert rig.router.take(rig.hook(None)) == "ignored"
    assert rig.database.ttls() == {}


@pytest.mark.parametrize(
    "make", [lambda: CallAnswered(), lambda: DtmfReceived("1"), lambda: PlaybackEnded("1-1", 1), lambda: CallHungUp()]
)
def test_without_redis_the_view_is_told(rig: Rig, make: Callable[[], Event]) -> None:
    """It lets the carrier send the webhook again."""
    from backend.errors import StoreError

    rig.ring()
    rig.database.is_away = True
    with pytest.raises(StoreError):
        rig.router.take(rig.hook(make()))


def test_a_transcript_that_had_to_be_cut_is_counted(rig: Rig) -> None:
    """Whoever's call it is."""
    count = TRANSCRIPTS_SKIPPED._counter.labels(recogniser="carrier", reason="cut")._value.get
    before = count()
    rig.router.take(rig.hook(TranscriptReceived("x" * 5000, is_final=True, was_cut=True)))
    rig.router.take(rig.hook(TranscriptReceived("Hello.", is_final=True)))

    assert count() - before == 1

"""backend/session/socket_call.py: who is let in, and that such a call is one like any other."""

import pytest

from backend.call.events import TYPED, CallHungUp, TranscriptReceived
from backend.call.leg import LegPhase, kind_of
from backend.engines.base import TextDelta
from backend.session.socket_call import CallRefused, SocketCall, SocketCalls, end_from_elsewhere
from tests.fakes.fake_stream import FakeStream
from tests.session.rig import Rig, make_agent, settle, wait_until


def calls_of(rig: Rig, *, max_connections: int = 100, max_live: int = 100) -> SocketCalls:
    return SocketCalls(
        rig.services, rig.registry, rig.setup, rig.session_over, max_connections=max_connections, max_live=max_live
    )


def open_call(rig: Rig, calls: SocketCalls | None = None, **agent: object) -> tuple[SocketCall, FakeStream]:
    agent_id = rig.agents.create(make_agent(**agent)).id
    stream = FakeStream(rig.clock, encoding="L16")
    call = (calls or calls_of(rig)).open("browser", agent_id, stream, lambda: False)
    stream.listener = call.session
    rig.streams[call.session.call_control_id] = stream
    call.session.on_started("L16", 8000)
    settle()
    for heard in rig.stt.open_streams:
        heard.ready()
    return call, stream


def over(rig: Rig, *calls: SocketCall) -> None:
    for call in calls:
        call.session.post(CallHungUp("normal_clearing", "caller"))
    wait_until(lambda: len(rig.registry) == 0)
    for call in calls:
        wait_until(lambda id_=call.session.call_control_id: rig.stores.legs.get(id_) is None)  # type: ignore[misc]


def refusal(rig: Rig, calls: SocketCalls, agent_id: str) -> str:
    with pytest.raises(CallRefused) as refused:
        calls.open("browser", agent_id, FakeStream(rig.clock, encoding="L16"), lambda: False)
    return refused.value.code


def test_typed_words_are_answered_and_the_call_is_recorded(rig: Rig) -> None:
    """As on a telephone: turns, who hung up, no key left."""
    call, _ = open_call(rig)
    id_ = call.session.call_control_id
    rig.advance(0.5)
    rig.llm.script.append([TextDelta("At nine.")])
    call.session.post(TranscriptReceived("When do you open?", True, recogniser=TYPED))
    rig.advance(2.0)
    live = rig.stores.legs.live()
    over(rig, call)
    record = rig.calls.get(id_)

    assert kind_of(id_) == "browser" and id_.startswith("web-") and list(live) == [id_]
    assert [(turn.speaker, turn.text) for turn in record.turns] == [
        ("agent", "Hello."), ("caller", "When do you open?"), ("agent", "At nine."),
    ]  # fmt: skip
    assert (record.summary.outcome, record.summary.direction) == ("caller_hung_up", "incoming")
    assert [key for key in rig.database.ttls() if id_ in key and not key.endswith(":gone")] == []
    assert rig.carrier.asked == [], "the telephone's carrier knows nothing of it"


def test_a_silent_caller_meets_the_same_dead_air(rig: Rig) -> None:
    """Check-in, goodbye, hang-up; the socket is closed by the session."""
    call, stream = open_call(rig)
    rig.advance(8.0)
    wait_until(lambda: stream.is_closed)
    over(rig, call)
    record = rig.calls.get(call.session.call_control_id)

    assert [text for _, text in rig.tts.texts()] == ["Hello.", "Still there?", "Goodbye now."]
    assert (record.summary.outcome, record.summary.who_hung_up, record.summary.check_ins) == (
        "caller_silent", "agent", 1,
    )  # fmt: skip


def test_what_the_caller_says_is_heard_by_our_own_recogniser(rig: Rig) -> None:
    """And told so; where there is none, that is told."""
    call, _ = open_call(rig, recogniser="carrier")
    deaf = Rig(rig.records, worker_id="worker-2")
    object.__setattr__(deaf.services, "recognisers", {})
    other, _ = open_call(deaf, recogniser="sidecar")

    assert (call.hears_audio, other.hears_audio) == (True, False)
    assert len(rig.stt.streams) == 1
    over(rig, call)
    over(deaf, other)


def test_the_one_too_many_is_refused_and_leaves_nothing(rig: Rig) -> None:
    """100 of them, then a polite word; when one leaves there is room again."""
    calls = calls_of(rig, max_connections=100, max_live=1000)
    agent_id = rig.agents.create(make_agent()).id
    for number in range(99):
        rig.stores.legs.begin_socket(f"web-{number}", agent_id, 1)
    rig.stores.legs.begin_socket("livekit-1", agent_id, 1)
    rig.ring("v3:phone")
    last, _ = open_call(rig, calls)
    before = set(rig.stores.legs.live())

    assert refusal(rig, calls, agent_id) == "too_many_connections"
    assert set(rig.stores.legs.live()) == before and len(rig.registry) == 1
    rig.stores.legs.finish("web-0")
    another, _ = open_call(rig, calls)
    over(rig, last, another)


def test_a_full_house_an_unknown_agent_and_a_store_that_is_away_are_refused(rig: Rig) -> None:
    """Each by its name."""
    agent_id = rig.agents.create(make_agent()).id
    rig.ring("v3:phone")
    refused = [refusal(rig, calls_of(rig, max_live=1), agent_id), refusal(rig, calls_of(rig), "nobody")]
    rig.database.is_away = True
    refused.append(refusal(rig, calls_of(rig), agent_id))

    assert refused == ["no_capacity", "no_such_agent", "unavailable"]
    assert len(rig.registry) == 0


def test_this_worker_holds_only_so_many_calls(rig: Rig) -> None:
    """Telephone calls count."""
    object.__setattr__(rig.services, "max_calls", 1)
    call, _ = open_call(rig)
    agent_id = rig.agents.create(make_agent()).id

    assert refusal(rig, calls_of(rig), agent_id) == "no_capacity"
    over(rig, call)


def test_it_is_ended_from_any_worker(rig: Rig) -> None:
    """The owner finds the wish in its mailbox."""
    call, stream = open_call(rig)
    end_from_elsewhere(rig.stores, call.session.call_control_id)
    rig.registry.wake(call.session.call_control_id)
    wait_until(lambda: stream.is_closed)
    over(rig, call)

    assert rig.calls.get(call.session.call_control_id).summary.outcome == "ended_by_command"


@pytest.mark.parametrize("is_away", [False, True], ids=["store there", "store away"])
def test_a_socket_that_ends_is_a_caller_who_hung_up(rig: Rig, is_away: bool) -> None:
    """Told by the shell once the socket is gone; a store that is away costs nothing but the leg's own word."""
    calls = calls_of(rig)
    call, _ = open_call(rig, calls)
    rig.database.is_away = is_away
    calls.over(call.session.call_control_id, call.session, CallHungUp("socket_closed", "caller"))
    rig.database.is_away = False
    leg = rig.stores.legs.get(call.session.call_control_id)
    over(rig, call)
    summary = rig.calls.get(call.session.call_control_id).summary

    assert (summary.outcome, summary.hangup_cause) == ("caller_hung_up", "socket_closed")
    assert is_away or leg is None or leg.phase == LegPhase.ENDED

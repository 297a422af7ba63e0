"""The carrier leg before it has an owner: every (phase, event) cell."""

import itertools

import pytest

from backend.call.commands import Answer, Command, StartStream
from backend.call.events import (
    CallAnswered,
    CallHungUp,
    CallInitiated,
    Event,
    MediaStarted,
    PlaybackEnded,
    StreamingStarted,
    StreamingStopped,
)
from backend.call.leg import ID_PREFIXES, MAX_STREAM_ATTEMPTS, LegPhase, LegState, handle, kind_of

P = LegPhase
IN = CallInitiated("incoming", "+13125550100", "+13125550101")
OUT = CallInitiated("outgoing", "+13125550101", "+13125550100")
EVENTS: dict[str, Event] = {
    "initiated in": IN,
    "initiated out": OUT,
    "answered": CallAnswered(),
    "streaming started": StreamingStarted(),
    "streaming stopped": StreamingStopped("connection_failed"),
    "hung up": CallHungUp("normal_clearing", "caller"),
    "other": PlaybackEnded("1-1", 1),
    "other, of the stream": MediaStarted(),
}
MOVES: dict[tuple[LegPhase, str], tuple[LegPhase, list[Command]]] = {
    (P.UNKNOWN, "initiated in"): (P.RINGING, [Answer()]),
    (P.UNKNOWN, "initiated out"): (P.RINGING, []),
    (P.UNKNOWN, "answered"): (P.ANSWERED, [StartStream(1)]),
    (P.RINGING, "answered"): (P.ANSWERED, [StartStream(1)]),
    (P.UNKNOWN, "streaming started"): (P.STREAMING, []),
    (P.RINGING, "streaming started"): (P.STREAMING, []),
    (P.ANSWERED, "streaming started"): (P.STREAMING, []),
    (P.ANSWERED, "streaming stopped"): (P.ANSWERED, [StartStream(1)]),
    **{(phase, "hung up"): (P.ENDED, []) for phase in LegPhase if phase != P.ENDED},
}


@pytest.mark.parametrize(("phase", "name"), list(itertools.product(LegPhase, EVENTS)))
def test_every_cell_is_a_move_or_ignored(phase: LegPhase, name: str) -> None:
    """What is not in the table returns the very same state and asks for nothing."""
    state = LegState(phase=phase, direction="incoming")

    after, commands = handle(state, EVENTS[name], 100.0)

    if (phase, name) in MOVES:
        assert (after.phase, commands) == MOVES[phase, name]
    else:
        assert (after is state, commands) == (True, [])


@pytest.mark.parametrize("phase", [P.ANSWERED, P.STREAMING])
def test_a_late_initiated_only_brings_its_facts(phase: LegPhase) -> None:
    """It was overtaken: the numbers are still wanted, an answer is not."""
    after, commands = handle(LegState(phase=phase), IN, 100.0)

    assert (after.phase, after.from_number, commands) == (phase, "+13125550100", [])


def test_a_stream_is_asked_for_a_bounded_number_of_times() -> None:
    """Then the sweeper ends the call."""
    state, commands = handle(LegState(), CallAnswered(), 1.0)

    for _ in range(5):
        state, more = handle(state, StreamingStopped(), 2.0)
        commands += more

    assert commands == [StartStream(1), StartStream(2), StartStream(3)]
    assert state.stream_attempts == MAX_STREAM_ATTEMPTS


def test_who_ended_it_is_kept_of_the_first_report() -> None:
    """ENDED absorbs everything."""
    state, _ = handle(LegState(phase=P.STREAMING), CallHungUp("normal_clearing", "caller"), 1.0)
    state, _ = handle(state, CallHungUp("timeout", "carrier"), 2.0)

    assert (state.hangup_cause, state.hangup_source) == ("normal_clearing", "caller")


def test_the_beginning_is_the_first_that_was_heard_of_it() -> None:
    """Whichever webhook came first sets `started_at`, later ones keep it."""
    state, _ = handle(LegState(), CallAnswered(), 10.0)
    state, _ = handle(state, IN, 11.0)
    state, _ = handle(state, StreamingStarted(), 12.0)

    assert state.started_at == 10.0


def test_the_state_survives_json_and_unknown_fields() -> None:
    """Another version of this code may have written it."""
    state, _ = handle(LegState(), IN, 10.0)

    assert LegState.from_json({**state.to_json(), "from_the_future": 1}) == state


def test_the_id_of_a_call_says_what_connects_the_caller() -> None:
    """The carrier's ids begin otherwise."""
    kinds = [kind_of(prefix + "abc") for prefix in ID_PREFIXES.values()]

    assert kinds == list(ID_PREFIXES) == ["browser", "livekit"]
    assert [kind_of(id_) for id_ in ("v3:abc", "", "web", "xweb-1")] == ["phone"] * 4

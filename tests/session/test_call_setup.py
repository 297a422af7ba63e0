"""backend/session/call_setup.py"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest

from backend.call.commands import Answer, StartStream
from backend.call.events import CallAnswered, CallHungUp, CallInitiated
from backend.call.leg import LegState
from backend.errors import CallGone, CarrierError, Rejected, Unavailable
from backend.session.call_setup import CallSetup
from tests.session.rig import CALL, CALLER, US, Rig, make_agent, settle, wait_until


@pytest.fixture
def leg(rig: Rig) -> Iterator[LegState]:
    """A ringing leg."""
    found, _ = rig.stores.legs.apply(CALL, CallInitiated("incoming", CALLER, US), rig.clock.wall())
    yield found
    settle()


def answer(rig: Rig, leg: LegState) -> None:
    rig.setup.carry_out(CALL, leg, [Answer()])
    wait_until(lambda: rig.carrier.asked)
    settle()


def test_the_called_number_picks_the_agent_and_its_version(rig: Rig, leg: LegState) -> None:
    """Noted before the carrier is asked, and attached to the leg, so that any worker knows it (C5)."""
    rig.agents.create(make_agent(name="Other"))
    ada = rig.agents.create(make_agent(phone_numbers=[US]))
    noted: list[str] = []
    rig.carrier.on_ask = lambda asked: noted.append(rig.stores.legs.get(CALL).agent_id)  # type: ignore[union-attr]
    answer(rig, leg)

    assert rig.carrier.names() == ["answer"] and noted == [ada.id]
    assert rig.carrier.asked[0].arguments == {"client_state": {"agent_id": ada.id, "agent_version": 1}}


def test_a_call_that_no_agent_answers_is_rejected(rig: Rig, leg: LegState) -> None:
    """Politely: the caller hears busy, not silence."""
    assert rig.agents.for_number(US) is None
    answer(rig, leg)

    assert rig.carrier.names() == ["reject"]


def test_a_full_house_rejects(rig: Rig, leg: LegState) -> None:
    """The bound is over all workers."""
    rig.agents.create(make_agent(phone_numbers=[US]))
    rig.setup = CallSetup(rig.services, max_live=0)
    answer(rig, leg)

    assert rig.carrier.names() == ["reject"]


def test_a_stream_is_asked_for_with_its_attempt(rig: Rig, leg: LegState) -> None:
    """Each attempt is a command of its own."""
    rig.setup.carry_out(CALL, leg, [StartStream(1), StartStream(2)])
    settle()

    assert rig.carrier.names() == ["start_stream", "start_stream"]
    assert len({asked.command_id for asked in rig.carrier.asked}) == 2


def test_a_call_that_is_gone_before_it_was_answered_leaves_a_record_and_no_key(rig: Rig, leg: LegState) -> None:
    """Its hang-up overtook its ring and was ignored, since nobody knew the leg yet."""
    rig.agents.create(make_agent(phone_numbers=[US]))
    rig.carrier.will("answer", CallGone("gone"))
    answer(rig, leg)
    wait_until(lambda: CALL not in rig.stores.legs.live())

    assert rig.stores.legs.get(CALL) is None
    assert rig.calls.get(CALL).summary.outcome == "not_answered"


@pytest.mark.parametrize("error", [Rejected("no"), Unavailable("away")])
def test_a_setup_that_fails_is_logged_and_harms_nobody(
    rig: Rig, leg: LegState, error: CarrierError, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """The leg stays in the list of live calls: the sweeper ends what never got further."""
    rig.agents.create(make_agent(phone_numbers=[US]))
    rig.carrier.will("answer", error)
    answer(rig, leg)
    events = [line["event"] for line in logged() if line.get("call_control_id") == CALL]

    assert "call_setup_failed" in events
    assert CALL in rig.stores.legs.live()


def test_redis_away_during_the_setup_is_logged(
    rig: Rig, leg: LegState, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """Nothing is asked without its token."""
    rig.database.is_away = True
    rig.setup.carry_out(CALL, leg, [StartStream(1)])
    wait_until(lambda: "call_setup_failed" in [line["event"] for line in logged()])

    assert rig.carrier.asked == []


def test_a_new_leg_begins_its_record(rig: Rig, leg: LegState) -> None:
    """The call is seen in the list while it runs."""
    rig.setup.began(CALL, leg)
    wait_until(lambda: rig.calls.list(_all()).calls)

    assert rig.calls.get(CALL).summary.ended_at is None


@pytest.mark.parametrize(
    ("direction", "cause", "source", "is_answered", "outcome", "who"),
    [
        ("outgoing", "user_busy", "callee", False, "busy", "caller"),
        ("outgoing", "call_rejected", "callee", False, "rejected", "caller"),
        ("outgoing", "no_answer", "unknown", False, "no_answer", "carrier"),
        ("outgoing", "timeout", "", False, "no_answer", "carrier"),
        ("outgoing", "not_found", "", False, "unreachable", "carrier"),
        ("outgoing", "originator_cancel", "caller", False, "not_answered", "agent"),
        ("outgoing", "originator_cancel", "unknown", False, "not_answered", "agent"),
        ("incoming", "originator_cancel", "caller", False, "not_answered", "caller"),
        ("incoming", "call_rejected", "callee", False, "rejected", "agent"),
        ("incoming", "normal_clearing", "caller", False, "not_answered", "caller"),
        ("incoming", "normal_clearing", "caller", True, "ended_without_owner", "caller"),
        ("incoming", "normal_clearing", "callee", True, "ended_without_owner", "agent"),
    ],
)
def test_a_call_that_nobody_owned_gets_its_record_here(
    rig: Rig,
    logged: Callable[[], list[dict[str, Any]]],
    direction: Literal["incoming", "outgoing"],
    cause: str,
    source: str,
    is_answered: bool,
    outcome: str,
    who: str,
) -> None:
    """Named by what the carrier says, its keys are deleted, the log says so. On a leg that we dialled we are the
    carrier's caller."""
    rig.stores.legs.apply(CALL, CallInitiated(direction, CALLER, US), rig.clock.wall())
    if is_answered:
        rig.stores.legs.apply(CALL, CallAnswered(), rig.clock.wall())
    ended, _ = rig.stores.legs.apply(CALL, CallHungUp(cause, source), rig.clock.wall())
    rig.setup.ended_without_owner(CALL, ended)
    wait_until(lambda: rig.stores.legs.get(CALL) is None)
    summary = rig.calls.get(CALL).summary

    (line,) = [line for line in logged() if line["event"] == "call_finished"]
    assert (line["call_control_id"], line["outcome"], line["who_hung_up"]) == (CALL, outcome, who)
    assert (summary.outcome, summary.who_hung_up, summary.hangup_cause) == (outcome, who, cause)


def _all() -> Any:
    from backend.records.calls import CallFilter

    return CallFilter()

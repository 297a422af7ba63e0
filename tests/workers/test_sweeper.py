"""backend/workers/sweeper.py"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.call.events import CallAnswered, CallHungUp, CallInitiated
from backend.call.leg import LegPhase, LegState
from backend.errors import CallGone, Unavailable
from backend.records.database import Database
from backend.records.recording_files import RecordingFiles
from backend.records.recordings import RecordingFacts, Recordings
from backend.workers.sweeper import OLDEST_CALL_S, RECORDINGS_EVERY_S, ROUND_S, SETUP_S, Sweeper, Verdict, judge
from tests.session.rig import CALL, CALLER, US, Rig

RINGING, STREAMING = LegState(phase=LegPhase.RINGING), LegState(phase=LegPhase.STREAMING)
ENDED = LegState(phase=LegPhase.ENDED)
ANSWERED = LegState(phase=LegPhase.ANSWERED)
RINGS_S, ANSWERED_S = SETUP_S[LegPhase.RINGING], SETUP_S[LegPhase.ANSWERED]
YOUNG, GROWN, ORPHAN, ANCIENT = ROUND_S, ROUND_S + 1, RINGS_S + 1, OLDEST_CALL_S + 1
ANY_AGE = (0.0, YOUNG, GROWN, ANSWERED_S, ANSWERED_S + 1, RINGS_S, ORPHAN, OLDEST_CALL_S, ANCIENT)


def expected(leg: LegState | None, has_owner: bool, is_alive: bool, age_s: float) -> Verdict:
    """The table of the module, read row by row."""
    if leg is None:
        return Verdict.FORGET
    if leg is ENDED:
        return Verdict.LEAVE if has_owner else Verdict.FINISH
    if has_owner:
        return Verdict.HANG_UP if age_s == ANCIENT else Verdict.LEAVE
    if is_alive:
        patience_s = {id(RINGING): 90, id(ANSWERED): 45, id(STREAMING): 10}[id(leg)]
        return Verdict.HANG_UP if age_s > patience_s else Verdict.LEAVE
    return Verdict.LEAVE if age_s in (0.0, YOUNG) else Verdict.FINISH


@pytest.mark.parametrize("age_s", ANY_AGE)
@pytest.mark.parametrize("is_alive", [False, True])
@pytest.mark.parametrize("has_owner", [False, True])
@pytest.mark.parametrize(
    "leg", [None, RINGING, ANSWERED, STREAMING, ENDED], ids=lambda leg: leg.phase.name if leg else "unknown"
)
def test_every_cell_of_the_table(leg: LegState | None, has_owner: bool, is_alive: bool, age_s: float) -> None:
    """All legs, owners, carriers and ages."""
    assert judge(leg, has_owner, is_alive, age_s) == expected(leg, has_owner, is_alive, age_s)


def begin(rig: Rig, *, answered: bool = True, ended: bool = False) -> None:
    now = rig.clock.wall()
    rig.stores.legs.apply(CALL, CallInitiated("incoming", CALLER, US), now)
    rig.stores.legs.put_agent(CALL, "a1", 1)
    if answered:
        rig.stores.legs.apply(CALL, CallAnswered(), now)
    if ended:
        rig.stores.legs.apply(CALL, CallHungUp("normal_clearing", "caller"), now)


def sweep(rig: Rig, rounds: int = 1) -> None:
    sweeper = Sweeper(rig.services)
    for _ in range(rounds):
        sweeper.sweep()


def left(rig: Rig) -> list[str]:
    return [key for key in rig.database.ttls() if CALL in key and not key.endswith(":gone")]


def test_a_leg_that_expired_is_taken_off_the_list(rig: Rig) -> None:
    """Nothing else is known of it."""
    begin(rig)
    rig.database.drop(f"call:{{{CALL}}}:leg")
    sweep(rig)

    assert rig.stores.legs.live() == {} and rig.carrier.of("hang_up") == [] and rig.calls.finish_asked == 0


def test_a_leg_that_ended_without_an_owner_gets_its_record(rig: Rig) -> None:
    """Its owner died with it; its keys are deleted."""
    begin(rig, ended=True)
    sweep(rig, 2)
    summary = rig.calls.get(CALL).summary

    assert (summary.outcome, summary.hangup_cause, left(rig), rig.stores.legs.live()) == (
        "lost", "normal_clearing", [], {},
    )  # fmt: skip


def test_a_leg_that_has_just_ended_is_left_to_its_owner_for_a_round(rig: Rig) -> None:
    """The owner lets go of the lease before its record is stored; whoever writes first, wins."""
    begin(rig, ended=True)
    sweep(rig)

    assert rig.calls.finish_asked == 0 and left(rig) != []


def test_a_leg_that_ended_with_an_owner_is_the_owners(rig: Rig) -> None:
    """However long it takes."""
    begin(rig, ended=True)
    rig.stores.owners.claim(CALL, "worker-2")
    sweep(rig, 3)

    assert rig.calls.finish_asked == 0


def test_a_running_call_is_left_alone(rig: Rig) -> None:
    """The carrier is not even asked."""
    begin(rig)
    rig.clock.advance(ORPHAN)
    rig.stores.owners.claim(CALL, "worker-2")
    sweep(rig, 2)

    assert set(rig.carrier.names()) == {"live_calls"}


def test_a_call_older_than_any_may_be_is_hung_up_in_spite_of_its_owner(rig: Rig) -> None:
    """It costs money."""
    begin(rig)
    rig.clock.advance(ANCIENT)
    rig.stores.owners.claim(CALL, "worker-2")
    sweep(rig)

    assert [asked.call_control_id for asked in rig.carrier.of("hang_up")] == [CALL]


def test_a_call_that_the_carrier_does_not_know_is_lost(rig: Rig) -> None:
    """All webhooks of its end were lost."""
    begin(rig)
    rig.clock.advance(GROWN)
    sweep(rig)
    summary = rig.calls.get(CALL).summary

    assert (summary.outcome, summary.who_hung_up, summary.hangup_cause) == ("lost", "unknown", "nobody_drove_it")
    assert left(rig) == []


def test_an_orphan_is_hung_up_after_its_time_and_recorded_once_it_is_gone(rig: Rig) -> None:
    """It may be ringing until then; each round's request is a command of its own."""
    begin(rig, answered=False)
    rig.carrier.alive[CALL] = {"agent_id": "a1"}
    rig.clock.advance(RINGS_S)
    sweep(rig)
    assert rig.carrier.of("hang_up") == []
    rig.carrier.will("hang_up", Unavailable("away"))
    for _ in range(3):
        rig.clock.advance(ROUND_S)
        sweep(rig)

    asked = rig.carrier.of("hang_up")
    assert len(asked) == 2 and asked[0].command_id != asked[1].command_id
    assert rig.calls.get(CALL).summary.outcome == "lost"


def test_a_call_that_is_gone_when_it_is_hung_up_is_no_failure(
    rig: Rig, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """It ended at this very moment."""
    begin(rig)
    rig.carrier.alive[CALL] = {}
    rig.carrier.will("hang_up", CallGone("ended"))
    rig.clock.advance(ORPHAN)
    sweep(rig)

    assert "sweep_of_call_failed" not in [line["event"] for line in logged()]


def test_a_stranger_of_ours_is_hung_up_in_the_second_round(rig: Rig) -> None:
    """Redis was lost; somebody else's leg on the same connection is left alone."""
    rig.carrier.alive.update({"v3:ours": {"agent_id": "a1"}, "v3:theirs": {}})
    sweeper = Sweeper(rig.services)
    sweeper.sweep()
    assert rig.carrier.of("hang_up") == []
    sweeper.sweep()
    sweeper.sweep()

    assert [asked.call_control_id for asked in rig.carrier.of("hang_up")] == ["v3:ours"]


def test_one_call_that_cannot_be_swept_does_not_stop_the_others(rig: Rig) -> None:
    """The round goes on."""
    begin(rig)
    rig.stores.legs.apply("v3:second", CallInitiated("incoming", CALLER, US), rig.clock.wall() + 1)
    rig.carrier.will("is_alive", Unavailable("away"))
    rig.clock.advance(ORPHAN)
    sweep(rig)

    assert rig.stores.legs.get(CALL) is not None and rig.stores.legs.get("v3:second") is None


def test_a_round_without_redis_or_carrier_is_skipped(rig: Rig, logged: Callable[[], list[dict[str, Any]]]) -> None:
    """The next one sees the same."""
    rig.database.is_away = True
    sweep(rig)
    rig.database.is_away = False
    rig.carrier.will("live_calls", Unavailable("away"))
    sweep(rig)
    events = [line["event"] for line in logged()]

    assert "sweep_skipped" in events and "carrier_not_compared" in events


def test_a_signal_ends_the_sweeper_between_two_rounds(rig: Rig) -> None:
    """Not after the ten seconds."""
    sweeper = Sweeper(rig.services)
    rig.carrier.on_ask = lambda asked: sweeper.stop()
    sweeper.run()

    assert rig.carrier.names() == ["live_calls"]


def test_a_call_whose_owner_lives_is_no_stranger_when_redis_was_emptied(rig: Rig) -> None:
    """Its owner renews the lease within seconds, and the call goes on."""
    rig.carrier.alive[CALL] = {"agent_id": "a1"}
    rig.stores.owners.claim(CALL, "worker-2")
    sweep(rig, 3)

    assert rig.carrier.of("hang_up") == []


def test_recordings_are_looked_after_every_ten_minutes(rig: Rig, records: Database, tmp_path: Path) -> None:
    """A round of calls is every ten seconds; a database that is away is asked again later."""
    recordings = Recordings(records, RecordingFiles(tmp_path / "recordings"), keep_days=1)
    object.__setattr__(rig.services, "recordings", recordings)
    old = RecordingFacts("complete", rig.clock.wall() - 2 * 86_400, 1.0, 10)
    sweeper = Sweeper(rig.services)
    sweeper.sweep_recordings()
    recordings.ended(CALL, old)
    sweeper.sweep_recordings()
    before = recordings.get(CALL)
    rig.clock.advance(RECORDINGS_EVERY_S)
    sweeper.sweep_recordings()

    assert (before, recordings.get(CALL)) == (old, None)


def test_a_sweep_of_recordings_that_fails_is_made_later(rig: Rig, tmp_path: Path) -> None:
    """The sweeper lives on."""
    away = Database(f"sqlite:///{tmp_path}")
    object.__setattr__(rig.services, "recordings", Recordings(away, RecordingFiles(tmp_path / "recordings")))

    Sweeper(rig.services).sweep_recordings()


def test_a_socket_whose_worker_died_is_finished_without_asking_the_carrier(rig: Rig) -> None:
    """The carrier never knew it."""
    rig.stores.legs.begin_socket("web-1", "a1", 1)
    sweep(rig)
    young = rig.stores.legs.get("web-1")
    rig.clock.advance(ROUND_S + 1)
    sweep(rig)

    assert young is not None and rig.stores.legs.get("web-1") is None
    assert rig.calls.get("web-1").summary.outcome == "lost" and rig.carrier.of("is_alive") == []


def test_a_socket_that_lives_too_long_is_ended_by_its_owner(rig: Rig) -> None:
    """Through the mailbox."""
    rig.stores.legs.begin_socket("web-1", "a1", 1)
    rig.clock.advance(OLDEST_CALL_S + 1)
    rig.stores.owners.claim("web-1", "worker-9")
    sweep(rig)

    assert rig.stores.mailbox.take_all("web-1") == [CallHungUp("ended_by_command", "callee")]
    assert rig.carrier.of("hang_up") == []

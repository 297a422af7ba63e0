"""backend/records/rehearsal_runs.py"""

import pytest

from backend.records.database import Database
from backend.records.errors import UnknownRecord
from backend.records.rehearsal_runs import (
    BROKEN,
    FAILED,
    PASSED,
    QUEUED,
    RUNNING,
    SILENT_S,
    RehearsalRuns,
    TimelineLine,
)
from tests.records.conftest import StillClock


@pytest.fixture
def runs(database: Database, clock: StillClock) -> RehearsalRuns:
    return RehearsalRuns(database, clock)


def queue(runs: RehearsalRuns, clock: StillClock, name: str = "hello") -> str:
    clock.now += 1
    return runs.queue(name, f"name: {name}\n")


def line(number: int, words: str = "answered") -> TimelineLine:
    return TimelineLine(number, number / 10, "answered", words, False)


def test_runs_are_taken_one_at_a_time_the_oldest_first(runs: RehearsalRuns, clock: StillClock) -> None:
    """Whoever asks while one is running gets nothing, also another process."""
    first, second = queue(runs, clock), queue(runs, clock)
    taken = runs.take()

    assert taken is not None and (taken.id, taken.state, taken.started_at) == (first, RUNNING, clock.now)
    assert runs.take() is None
    assert runs.ahead_of(runs.get(second)) == 1 and runs.ahead_of(taken) == 0
    assert runs.finish(first, PASSED, result={"passed": True}, recording_s=3.5)
    after = runs.take()
    assert after is not None and after.id == second
    assert runs.get(first).recording_s == 3.5


def test_the_timeline_grows_and_is_read_from_where_a_reader_was(runs: RehearsalRuns, clock: StillClock) -> None:
    """And the call is known as soon as the first line is."""
    run_id = queue(runs, clock)
    runs.take()
    runs.add_lines(run_id, [line(0), line(1, "half a pair: \ud800")], "v3:abc")
    runs.add_lines(run_id, [line(2)])

    assert [one.number for one in runs.timeline(run_id)] == [0, 1, 2]
    assert [one.number for one in runs.timeline(run_id, after=1)] == [2]
    assert runs.timeline(run_id)[1].words == "half a pair: ?"
    assert runs.get(run_id).call_control_id == "v3:abc"


def test_a_run_whose_player_has_died_is_broken_and_the_next_one_goes_on(runs: RehearsalRuns, clock: StillClock) -> None:
    """What the dead one still writes changes nothing."""
    dead, alive = queue(runs, clock), queue(runs, clock)
    runs.take()
    clock.now += SILENT_S - 1
    assert runs.beat(dead)
    clock.now += SILENT_S
    assert runs.break_silent() == []
    clock.now += 1

    assert [run.id for run in runs.break_silent()] == [dead]
    assert runs.get(dead).state == BROKEN and "has died" in runs.get(dead).problem
    assert not runs.beat(dead) and not runs.finish(dead, PASSED)
    runs.add_lines(dead, [line(0)], "v3:abc")
    assert runs.timeline(dead) == [] and runs.get(dead).state == BROKEN
    taken = runs.take()
    assert taken is not None and taken.id == alive


def test_a_run_can_be_cancelled_while_it_waits_and_while_it_is_running(runs: RehearsalRuns, clock: StillClock) -> None:
    """The player of a running one learns it with its next beat."""
    running, waiting = queue(runs, clock), queue(runs, clock)
    runs.take()

    assert runs.cancel(waiting) and runs.get(waiting).state == BROKEN
    assert runs.cancel(running) and runs.get(running).state == RUNNING
    assert not runs.beat(running)
    assert runs.finish(running, BROKEN, problem="cancelled")
    assert not runs.cancel(running) and not runs.cancel(waiting)
    with pytest.raises(UnknownRecord):
        runs.cancel("f" * 32)


def test_a_run_is_compared_with_the_last_one_that_came_to_a_verdict(runs: RehearsalRuns, clock: StillClock) -> None:
    """Not with a broken one, not with another rehearsal, not with a later one."""
    ends = [("hello", PASSED), ("hello", BROKEN), ("other", PASSED), ("hello", FAILED), ("hello", PASSED)]
    ids = []
    for name, state in ends:
        ids.append(queue(runs, clock, name))
        runs.take()
        runs.finish(ids[-1], state, result={"passed": state == PASSED})

    before = runs.before(runs.get(ids[3]))
    assert before is not None and before.id == ids[0]
    assert runs.before(runs.get(ids[0])) is None
    assert {name: run.id for name, run in runs.last_of_each().items()} == {"hello": ids[4], "other": ids[2]}
    assert [run.id for run in runs.newest("hello", limit=2)] == [ids[4], ids[3]]


def test_old_runs_are_forgotten_with_their_timeline_those_under_way_stay(
    runs: RehearsalRuns, clock: StillClock
) -> None:
    """So the database does not grow for ever."""
    ids = [queue(runs, clock) for _ in range(5)]
    for _ in range(3):
        run = runs.take()
        assert run is not None
        runs.add_lines(run.id, [line(0)])
        runs.finish(run.id, PASSED)
    runs.take()

    assert sorted(runs.forget("hello", keep=1)) == sorted(ids[:2])
    assert runs.timeline(ids[0]) == [] and len(runs.timeline(ids[2])) == 1
    assert [run.state for run in runs.newest("hello")] == [QUEUED, RUNNING, PASSED]

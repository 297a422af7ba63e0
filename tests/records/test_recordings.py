"""backend/records/recordings.py"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from backend.records.calls import Calls
from backend.records.database import Database
from backend.records.recording_files import BYTES_PER_S, RecordingFiles
from backend.records.recordings import LONGEST_S, ORPHAN_S, SETTLE_AFTER_S, RecordingFacts, Recordings
from tests.records.test_calls import FINISH, START

CALL = START.call_control_id
DONE = RecordingFacts("complete", 1003.0, 50.0, 800_058)
NOW = 2_000_000_000.0


@pytest.fixture
def recordings(database: Database, tmp_path: Path) -> Recordings:
    return Recordings(database, RecordingFiles(tmp_path / "recordings"), keep_days=7)


def write(recordings: Recordings, call: str = CALL, seconds: int = 2, age_s: float = 0.0) -> Path:
    file = recordings.files.create(call)
    file.append(b"\xff" * BYTES_PER_S * seconds)
    file.close()
    path = recordings.files.path(call)
    os.utime(path, (NOW - age_s, NOW - age_s))
    return path


def test_a_recording_begins_and_ends(recordings: Recordings) -> None:
    """What was known at its beginning is replaced by what came of it."""
    assert recordings.get(CALL) is None
    recordings.began(CALL, 1003.0)
    assert recordings.get(CALL) == RecordingFacts("recording", 1003.0, 0.0, 0)
    recordings.ended(CALL, DONE)

    assert recordings.get(CALL) == DONE


def test_an_end_is_stored_whose_beginning_was_lost(recordings: Recordings) -> None:
    """The database was away then."""
    recordings.ended(CALL, DONE)

    assert recordings.get(CALL) == DONE


def test_deleting_removes_file_waveform_and_row(recordings: Recordings) -> None:
    """And may be repeated."""
    recordings.ended(CALL, DONE)
    write(recordings)
    recordings.waveform(CALL, is_final=True)
    recordings.delete(CALL)
    recordings.delete(CALL)

    assert recordings.get(CALL) is None and list(recordings.files.folder.iterdir()) == []


def test_a_file_that_cannot_be_removed_keeps_its_row(recordings: Recordings) -> None:
    """Or nobody would know of it any more. Here a folder stands in its place."""
    recordings.ended(CALL, DONE)
    (recordings.files.path(CALL) / "x").mkdir(parents=True)
    with pytest.raises(OSError):
        recordings.delete(CALL)

    assert recordings.get(CALL) == DONE


@pytest.mark.parametrize(("seconds", "state"), [(2, "incomplete"), (0, "failed")])
def test_what_a_dead_worker_left_is_settled_after_its_call(
    recordings: Recordings, calls: Calls, seconds: int, state: str
) -> None:
    """As far as the file came; not before its writer is surely gone."""
    recordings.began(CALL, NOW - 70)
    if seconds:
        write(recordings, seconds=seconds)
    calls.finish(START, replace(FINISH, ended_at=NOW))
    recordings.sweep(NOW + SETTLE_AFTER_S - 1)
    before = recordings.get(CALL)
    recordings.sweep(NOW + SETTLE_AFTER_S + 1)
    after = recordings.get(CALL)

    assert before is not None and before.state == "recording"
    assert after is not None and (after.state, after.duration_s) == (state, float(seconds))


def test_a_running_calls_recording_is_left_alone_for_as_long_as_a_call_may_last(recordings: Recordings) -> None:
    """Then it cannot be running any more."""
    recordings.began(CALL, NOW)
    recordings.sweep(NOW + LONGEST_S - 1)
    before = recordings.get(CALL)
    recordings.sweep(NOW + LONGEST_S + 1)
    after = recordings.get(CALL)

    assert before is not None and before.state == "recording" and after is not None and after.state == "failed"


@pytest.mark.parametrize("keep_days", [7, 0])
def test_recordings_are_removed_when_they_were_kept_long_enough(
    recordings: Recordings, calls: Calls, database: Database, keep_days: int
) -> None:
    """0: never. Their calls stay."""
    kept = Recordings(database, recordings.files, keep_days)
    for number, age_days in enumerate((6.9, 7.1)):
        call = f"v3:{number}"
        calls.finish(replace(START, call_control_id=call), FINISH)
        kept.ended(call, replace(DONE, started_at=NOW - 86_400 * age_days))
        write(recordings, call, age_s=86_400 * age_days)
    kept.sweep(NOW)

    assert [kept.get(f"v3:{number}") is not None for number in (0, 1)] == [True, keep_days == 0]
    assert [kept.files.path(f"v3:{number}").exists() for number in (0, 1)] == [True, keep_days == 0]
    assert calls.get("v3:1").summary.ended_at is not None


def test_files_without_a_row_and_rows_without_a_call_go_after_a_day(recordings: Recordings, calls: Calls) -> None:
    """A row may come later than its file, and a call later than both."""
    young, old = write(recordings, "v3:young", age_s=ORPHAN_S - 10), write(recordings, "v3:old", age_s=ORPHAN_S + 10)
    recordings.ended("v3:no-call", replace(DONE, started_at=NOW - ORPHAN_S - 10))
    calls.finish(START, FINISH)
    recordings.ended(CALL, replace(DONE, started_at=NOW - ORPHAN_S - 10))
    mine = write(recordings, CALL, age_s=ORPHAN_S + 10)
    recordings.sweep(NOW)

    assert (young.exists(), old.exists(), mine.exists()) == (True, False, True)
    assert recordings.get("v3:no-call") is None and recordings.get(CALL) is not None

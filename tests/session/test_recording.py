"""backend/session/recording.py, in whole sessions: both deliveries, every way in which it can fail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import numpy as np
import pytest
from numpy.typing import NDArray

from backend.audio import g711
from backend.call.events import CallBridged, CallHungUp, Event
from backend.records.database import Database
from backend.records.errors import RecordsUnavailable
from backend.records.recording_files import HEADER_BYTES, RecordingFile, RecordingFiles
from backend.records.recordings import RecordingFacts, Recordings
from backend.session import recording as module
from backend.session.recording import EVERY_S, HELD_S, MOST_WAITING
from backend.session.session import Session
from tests.session.rig import CALL, Rig, make_agent, near, settle, wait_until

LOUD = np.full(160, 7932, np.int16)
FRAME = g711.encode_ulaw(LOUD)
HUNG_UP = CallHungUp("normal_clearing", "caller")


class AwayRecordings(Recordings):
    """Whose rows cannot be written for a while."""

    refusals = 0

    def ended(self, call_control_id: str, facts: RecordingFacts) -> None:
        if self.refusals:
            self.refusals -= 1
            raise RecordsUnavailable("away")
        super().ended(call_control_id, facts)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_AFTER_S", (0.001,) * 3)


@pytest.fixture
def recordings(rig: Rig, records: Database, tmp_path: Path) -> AwayRecordings:
    made = AwayRecordings(records, RecordingFiles(tmp_path / "recordings"))
    object.__setattr__(rig.services, "recordings", made)
    return made


def talk(rig: Rig, session: Session, seconds: float, frame: bytes = FRAME) -> None:
    """The caller makes the same sound all the time."""
    for number in range(round(seconds / 0.02)):
        rig.clock.advance(0.02)
        session.on_audio(frame)
        if number % 5 == 0:
            for stream in rig.streams.values():
                stream.play_on()
            settle(4)
    settle()


def end(rig: Rig, session: Session, recordings: Recordings, event: Event = HUNG_UP) -> RecordingFacts:
    session.post(event)
    wait_until(lambda: rig.over)
    wait_until(lambda: (facts := recordings.get(CALL)) is not None and facts.state != "recording")
    facts = recordings.get(CALL)
    assert facts is not None
    return facts


def sides(recordings: Recordings) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    both = g711.decode_ulaw(recordings.files.path(CALL).read_bytes()[HEADER_BYTES:]).reshape(-1, 2)
    return both[:, 0], both[:, 1]


@pytest.mark.parametrize("way", ["stream", "playback"])
def test_a_call_is_recorded_from_its_beginning_to_its_end(rig: Rig, recordings: AwayRecordings, way: str) -> None:
    """Caller left, agent right, complete."""
    session = rig.open(make_agent(recording=True, greeting="Hello.", audio_delivery=way))
    settle()
    talk(rig, session, 6.0)
    facts = end(rig, session, recordings)
    caller, agent = sides(recordings)

    assert (facts.state, facts.started_at) == ("complete", near(rig.clock.wall() - 6.0))
    assert facts.duration_s == near(6.0, abs=0.05) == len(caller) / 8000
    assert facts.bytes == recordings.files.path(CALL).stat().st_size
    assert np.count_nonzero(caller == 7932) >= 8000 * 5.9
    assert np.count_nonzero(agent) >= 800  # the greeting, a tenth of a second


def test_an_agent_that_does_not_record_leaves_nothing(rig: Rig, recordings: AwayRecordings) -> None:
    """No row, no file, no folder."""
    session = rig.open(make_agent(greeting="Hello."))
    settle()
    talk(rig, session, 3.0)
    session.post(HUNG_UP)
    wait_until(lambda: rig.over)

    assert recordings.get(CALL) is None and not recordings.files.folder.exists()


def test_the_recording_begins_when_the_notice_was_heard(rig: Rig, recordings: AwayRecordings) -> None:
    """A tenth of a second, and the carrier's mark; what was said before it is not recorded."""
    session = rig.open(make_agent(recording=True, notice="This call is recorded.", greeting=""))
    settle()
    began = rig.clock.wall()
    assert recordings.get(CALL) is None
    talk(rig, session, 1.0)
    facts = end(rig, session, recordings)

    assert 0.1 <= facts.started_at - began <= 0.3
    assert facts.duration_s == near(1.0 - (facts.started_at - began), abs=0.05)


def test_a_caller_who_leaves_during_the_notice_is_not_recorded(rig: Rig, recordings: AwayRecordings) -> None:
    """Not even in part."""
    session = rig.open(make_agent(recording=True, notice="This call is recorded."))
    settle()
    session.on_audio(FRAME)
    session.post(HUNG_UP)
    wait_until(lambda: rig.over)
    settle()

    assert recordings.get(CALL) is None and not recordings.files.folder.exists()


def test_it_ends_when_the_caller_is_handed_to_somebody_else(rig: Rig, recordings: AwayRecordings) -> None:
    """Who was told nothing."""
    session = rig.open(make_agent(recording=True))
    settle()
    talk(rig, session, 1.0)
    session.post(CallBridged())
    talk(rig, session, 2.0)
    facts = end(rig, session, recordings)

    assert facts.state == "complete" and facts.duration_s == near(1.0, abs=0.1)


def test_at_most_some_seconds_are_only_in_memory(rig: Rig, recordings: AwayRecordings) -> None:
    """What a worker loses that dies now; and what is on disk can be played."""
    session = rig.open(make_agent(recording=True))
    settle()
    for second in range(1, 11):
        talk(rig, session, 1.0)
        on_disk_s, _ = recordings.files.length(CALL)

        assert second - on_disk_s <= EVERY_S + HELD_S + 0.2
    row = recordings.get(CALL)
    assert row is not None and row.state == "recording"
    end(rig, session, recordings)


def test_a_disk_that_is_full_from_the_start_costs_the_recording_not_the_call(
    rig: Rig, recordings: AwayRecordings
) -> None:
    """The row, the timeline and a counter say so."""
    recordings.files.folder.mkdir()
    recordings.files.path(CALL).symlink_to("/dev/full")
    session = rig.open(make_agent(recording=True, greeting="Hello."))
    settle()
    talk(rig, session, 3.0)
    facts = end(rig, session, recordings)
    wait_until(lambda: rig.stores.legs.get(CALL) is None)
    call = rig.calls.get(CALL)

    assert (facts.state, facts.duration_s) == ("failed", 0.0)
    assert (call.summary.outcome, [turn.text for turn in call.turns][:1]) == ("caller_hung_up", ["Hello."])
    assert [event.detail for event in call.events if event.name == "RecordingFailed"] == [{"reason": "disk_error"}]


def test_a_disk_that_fills_up_keeps_what_came_before(
    rig: Rig, recordings: AwayRecordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Incomplete, and playable."""
    session = rig.open(make_agent(recording=True))
    settle()
    talk(rig, session, EVERY_S + HELD_S + 0.5)

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RecordingFile, "append", full)
    talk(rig, session, 6.0)
    facts = end(rig, session, recordings)

    assert facts.state == "incomplete" and facts.duration_s == near(EVERY_S, abs=0.3)
    assert recordings.files.length(CALL)[0] == facts.duration_s


def test_a_folder_that_cannot_be_made_costs_the_recording_not_the_call(rig: Rig, recordings: AwayRecordings) -> None:
    """A file stands in its place."""
    recordings.files.folder.write_text("in the way")
    session = rig.open(make_agent(recording=True))
    settle()
    talk(rig, session, 1.0)

    assert end(rig, session, recordings).state == "failed" and session._conversation.is_over


def test_a_disk_that_is_too_slow_is_given_up_before_the_memory_fills(
    rig: Rig, recordings: AwayRecordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written until then stays."""
    gate = gevent.event.Event()
    append = RecordingFile.append

    def slow(file: RecordingFile, stereo: bytes) -> None:
        gate.wait()
        append(file, stereo)

    monkeypatch.setattr(RecordingFile, "append", slow)
    session = rig.open(make_agent(recording=True))
    settle()
    talk(rig, session, EVERY_S * (MOST_WAITING + 4))
    waiting = recording._waiting.qsize() if (recording := session._listeners._recording) is not None else -1
    gate.set()
    facts = end(rig, session, recordings)

    assert facts.state == "incomplete" and waiting == 1


def test_a_database_that_is_away_costs_neither_file_nor_row(rig: Rig, recordings: AwayRecordings) -> None:
    """Its row is written when it is back."""
    recordings.refusals = 3
    session = rig.open(make_agent(recording=True))
    settle()
    talk(rig, session, 1.0)

    assert end(rig, session, recordings).state == "complete"


def test_an_interrupted_answer_is_recorded_as_far_as_it_was_played(rig: Rig, recordings: AwayRecordings) -> None:
    """The rest, which had been sent ahead, is silence."""
    from tests.fakes.fake_tts import Voice
    from tests.session.test_session import interrupt

    rig.tts.voices["first"] = Voice(seconds=0.9, frame_s=0.3)
    session = rig.open(make_agent(recording=True, greeting="Hello there."))
    settle()
    talk(rig, session, 0.1)
    interrupt(session, rig)
    talk(rig, session, 1.0)
    end(rig, session, recordings)
    _, agent = sides(recordings)
    audible = np.flatnonzero(agent)

    assert 0.35 * 8000 <= audible[-1] <= 0.65 * 8000


def test_the_timeline_says_when_it_began(rig: Rig, recordings: AwayRecordings) -> None:
    """For who reads the call later."""
    session = rig.open(make_agent(recording=True))
    settle()
    talk(rig, session, 0.5)
    end(rig, session, recordings)
    wait_until(lambda: rig.stores.legs.get(CALL) is None)
    names: Callable[[], list[str]] = lambda: [event.name for event in rig.calls.get(CALL).events]  # noqa: E731  # read twice

    assert names().count("RecordingStarted") == 1
